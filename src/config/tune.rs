//! `[tune]`: each arm of an experiment is tuned before it is judged.
//!
//! ```toml
//! optim = ["adam", "snradam"]
//! seed = [200, 201, 202, 203, 204, 205] # of the judged runs
//! train_subset = 50_000                 # all runs train on the images that are not held out
//!
//! [tune]
//! seeds = [100, 101, 102]               # others than those of the judged runs
//! validation = "holdout:10000"          # the default: training images on which the choice is made
//! grow = 2                              # at most so many rounds that lengthen the grid where a best value is at its edge
//! lr = [5e-4, 1e-3, 2e-3, 4e-3]         # settings of an arm, none of the task; several lists multiply out
//! ```
//!
//! With `trials = 20` instead of `grow` the settings are drawn at random, from lists and from ranges
//! (`lr = { loguniform = [1e-4, 1e-1] }`, `beta2 = { uniform = [0.9, 0.999] }`), by `search_seed` (0). An `[[arm]]` may hold
//! values of its own in `[arm.tune]`; every arm has the same number of trials.

use std::collections::BTreeSet;

use super::experiment::{MAX_RUNS, Product, arms, insert};
use super::space::{Axis, Side, Values};
use super::{RunSpec, Validation, layers};
use crate::error::Result;
use crate::usage;

/// What layers of settings describe.
#[derive(Clone, Debug)]
pub enum Experiment {
    /// Runs, see [`expand`](super::expand).
    Runs(Vec<RunSpec>),
    /// Arms that are tuned first.
    Tuned(Study),
}

/// Arms that are tuned, and then judged on other seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    pub arms: Vec<StudyArm>,
    /// Of the judged runs.
    pub seeds: Vec<u64>,
    /// Of the tuning runs.
    pub tuning_seeds: Vec<u64>,
    /// What the choice is made on: training images that tuning runs do not train on.
    pub validation: Validation,
    pub search: Search,
}

/// How trials are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// All combinations of the lists, which grow at most so many times.
    Grid { grow: u32 },
    /// So many random ones.
    Random { trials: usize, seed: u64 },
}

/// One of the arms.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyArm {
    /// Its settings, without the tuned ones and the seed.
    pub settings: toml::Table,
    /// What is tuned, in the order of the keys.
    pub axes: Vec<Axis>,
}

/// Values of the tuned settings, under dotted keys.
pub type Trial = toml::Table;

/// Reads what layers of settings describe: runs, or with a `[tune]` table arms that are tuned first.
///
/// # Errors
/// What [`expand`](super::expand) says; tuning that is unfair, impossible, or not separate from what is judged.
pub fn experiment(given: impl IntoIterator<Item = toml::Table>) -> Result<Experiment> {
    let mut given: Vec<toml::Table> = given.into_iter().collect();
    let mut tune: Option<toml::Table> = None;
    let mut over = toml::Table::new();
    for layer in &mut given {
        if let Some(value) = layer.remove("tune") {
            let toml::Value::Table(value) = value else { usage!("tune = {value} is no table; write [tune]") };
            layers::merge(tune.get_or_insert_default(), value)?;
        } else if tune.is_some() {
            layers::merge(&mut over, layer.clone())?;
        }
    }
    match tune {
        None => super::expand(given).map(Experiment::Runs),
        Some(tune) => Study::read(given, tune, &over).map(Experiment::Tuned),
    }
}

impl Study {
    /// `over`: settings of the layers after the one that holds `[tune]`, such as flags.
    fn read(given: Vec<toml::Table>, mut tune: toml::Table, over: &toml::Table) -> Result<Self> {
        let Some(tuning_seeds) = seeds(&tune.remove("seeds").unwrap_or(toml::Value::Array(Vec::new()))) else {
            usage!("[tune] needs seeds of its own: seeds = [100, 101, 102], none of which a judged run has");
        };
        let validation = match tune.remove("validation") {
            None => Validation::Holdout(10_000),
            Some(value) => match super::written(&value).parse()? {
                Validation::Test => {
                    usage!("tune.validation = test is what the judged runs are validated on; write holdout:N")
                }
                validation => validation,
            },
        };
        let search = search(&mut tune)?;
        let mut tables = arms(given)?;
        let seeds = shared_seeds(&mut tables)?;
        let mut arms = Vec::new();
        for table in tables {
            arms.extend(StudyArm::read(table, &tune, over)?);
        }
        let study = Self { arms, seeds, tuning_seeds, validation, search };
        study.check()?;
        Ok(study)
    }

    fn check(&self) -> Result<()> {
        if let Some(seed) = self.tuning_seeds.iter().find(|seed| self.seeds.contains(seed)) {
            usage!("seed {seed} is a tuning seed and a judged one; what is chosen on a seed cannot be judged on it");
        }
        for (i, arm) in self.arms.iter().enumerate() {
            if self.arms[..i].contains(arm) {
                usage!("two arms have the same settings; each arm is tuned, so name it once");
            }
            let judged = arm.spec(&arm.first(), self.seeds[0], None)?;
            if judged.validation != Validation::Test {
                usage!(
                    "validation = {}: what is tuned on held-out images is judged on the test set; leave it out",
                    judged.validation
                );
            }
            self.check_apart(&judged)?;
        }
        let counts: Vec<usize> = self.arms.iter().map(|arm| arm.grid_size()).collect();
        let is_grid = matches!(self.search, Search::Grid { .. });
        if is_grid && counts.iter().any(|count| *count != counts[0]) {
            let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
            usage!(
                "the arms have {} trials, in their order; the one that tries more is tuned better: give each as many",
                counts.join(", ")
            );
        }
        let arms = self.arms.iter().map(|arm| arm.trials(self)).collect::<Result<Vec<_>>>()?;
        let trials: usize = arms.iter().map(Vec::len).sum();
        if trials.saturating_mul(self.tuning_seeds.len()) > MAX_RUNS {
            usage!("tuning takes more than {MAX_RUNS} runs; shorten the lists");
        }
        for (arm, trials) in self.arms.iter().zip(arms) {
            for trial in trials {
                arm.spec(&trial, self.tuning_seeds[0], Some(self.validation))?;
            }
        }
        Ok(())
    }

    /// Checks that a judged run trains on none of the held-out images, which are the last of the training set.
    fn check_apart(&self, judged: &RunSpec) -> Result<()> {
        let Validation::Holdout(held_out) = self.validation else { return Ok(()) };
        let left = judged.dataset.sizes().0.saturating_sub(held_out);
        if left > 0 && judged.train_subset.is_none_or(|n| n > left) {
            usage!(
                "the judged runs would train on the {held_out} held-out images that tuning chooses by; add train_subset = {left} \
                 above [tune], so that all runs train on the same images"
            );
        }
        Ok(())
    }

    /// The axes that can grow: those that every arm has with as many numbers, so that arms keep as many trials as each
    /// other.
    pub fn growing(&self) -> Vec<&str> {
        let like = |axis: &Axis, arm: &StudyArm| {
            arm.axes.iter().any(|other| other.key == axis.key && other.list().len() == axis.list().len())
        };
        let axes = self.arms[0].axes.iter().filter(|axis| axis.list().len() > 1);
        axes.filter(|axis| self.arms.iter().all(|arm| like(axis, arm))).map(|axis| axis.key.as_str()).collect()
    }

    /// Lengthens an axis of every arm by one value. Returns whether it could: a value that any arm cannot take leaves all
    /// as they are.
    pub fn grow(&mut self, key: &str, side: Side) -> bool {
        let grown = |arm: &StudyArm| {
            let mut arm = arm.clone();
            let axis = arm.axes.iter_mut().find(|axis| axis.key == key)?;
            let value = axis.beyond(side)?;
            let Values::List(values) = &mut axis.values else { return None };
            match side {
                Side::Low => values.insert(0, value.clone()),
                Side::High => values.push(value.clone()),
            }
            let mut trial = arm.first();
            trial.insert(key.to_string(), value);
            arm.spec(&trial, self.tuning_seeds[0], Some(self.validation)).is_ok().then_some(arm)
        };
        let Some(arms) = self.arms.iter().map(grown).collect::<Option<Vec<_>>>() else { return false };
        self.arms = arms;
        true
    }
}

impl StudyArm {
    /// The arms that the settings of one multiply out into.
    fn read(mut settings: toml::Table, shared: &toml::Table, over: &toml::Table) -> Result<Vec<Self>> {
        let mut space = shared.clone();
        match settings.remove("tune") {
            Some(toml::Value::Table(own)) => {
                if let Some(key) =
                    ["seeds", "validation", "grow", "trials", "search_seed"].iter().find(|key| own.contains_key(**key))
                {
                    usage!("{key} stands in an arm's [arm.tune]; it is the same for all arms and belongs into [tune]");
                }
                own.into_iter().for_each(|(key, value)| drop(space.insert(key, value)));
            }
            Some(other) => usage!("arm.tune = {other} is no table; write [arm.tune] below its [[arm]]"),
            None => {}
        }
        for key in ["seed", "epochs", "steps", "batch", "dataset", "validation", "train_subset", "model", "observe"] {
            if space.contains_key(key) {
                usage!("tune.{key}: runs that differ in {key} cannot be compared, so it cannot be tuned");
            }
        }
        let mut axes = Vec::new();
        read_axes(&space, "", &mut axes)?;
        axes.sort_by(|a, b| a.key.cmp(&b.key));
        if axes.is_empty() {
            usage!("[tune] names no setting to tune; write lists of values to try, such as lr = [1e-3, 2e-3, 4e-3]");
        }
        let over = layers::flatten(over);
        if let Some(axis) = axes.iter().find(|axis| over.contains_key(&axis.key)) {
            let key = &axis.key;
            usage!(
                "{key} is tuned, so it cannot be set to {}; leave it out, or change what is tried: --set tune.{key}=[…]",
                over[key]
            );
        }
        for axis in &axes {
            layers::remove(&mut settings, &axis.key);
        }
        let product = Product::new(settings)?;
        let arms = product.runs().filter(|arms| *arms <= MAX_RUNS);
        let Some(arms) = arms else { usage!("the lists multiply out into more than {MAX_RUNS} arms; shorten them") };
        Ok((0..arms).map(|arm| Self { settings: product.table(arm), axes: axes.clone() }).collect())
    }

    /// A run of it; without a validation the one of the judged runs.
    pub fn spec(&self, trial: &Trial, seed: u64, validation: Option<Validation>) -> Result<RunSpec> {
        let mut table = self.settings.clone();
        for (key, value) in trial {
            let path: Vec<String> = key.split('.').map(String::from).collect();
            insert(&mut table, &path, value.clone());
        }
        let seed = i64::try_from(seed).expect("seeds come from TOML");
        table.insert("seed".into(), seed.into());
        if let Some(validation) = validation {
            table.insert("validation".into(), validation.to_string().into());
        }
        RunSpec::resolve([table])
    }

    /// Its trials, each once.
    ///
    /// # Errors
    /// Fewer different random ones than asked for.
    pub fn trials(&self, study: &Study) -> Result<Vec<Trial>> {
        match study.search {
            Search::Grid { .. } => Ok((0..self.grid_size()).map(|n| self.grid(n)).collect()),
            Search::Random { trials, seed } => self.random(trials, seed),
        }
    }

    fn grid_size(&self) -> usize {
        self.axes.iter().map(|axis| axis.list().len()).product()
    }

    fn grid(&self, n: usize) -> Trial {
        let mut rest = n;
        let value = |axis: &Axis| {
            let values = axis.list();
            let value = values[rest % values.len()].clone();
            rest /= values.len();
            (axis.key.clone(), value)
        };
        self.axes.iter().rev().map(value).collect()
    }

    fn random(&self, trials: usize, seed: u64) -> Result<Vec<Trial>> {
        let mut drawn: Vec<Trial> = Vec::new();
        // what is drawn twice is drawn again: a repetition is no trial
        for n in 0..100 * trials as u64 {
            let trial: Trial = self.axes.iter().map(|axis| (axis.key.clone(), axis.draw(seed, n))).collect();
            if !drawn.contains(&trial) {
                drawn.push(trial);
            }
            if drawn.len() == trials {
                return Ok(drawn);
            }
        }
        usage!(
            "tune.trials = {trials}, and the lists and ranges give only {} different trials; ask for fewer",
            drawn.len()
        );
    }

    /// One of its trials.
    pub fn first(&self) -> Trial {
        let value = |axis: &Axis| match &axis.values {
            Values::List(values) => values[0].clone(),
            Values::Uniform(low, _) | Values::LogUniform(low, _) => low.clone(),
        };
        self.axes.iter().map(|axis| (axis.key.clone(), value(axis))).collect()
    }
}

/// Seeds, each once.
fn seeds(value: &toml::Value) -> Option<Vec<u64>> {
    let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let seeds = list.iter().map(|seed| u64::try_from(seed.as_integer()?).ok()).collect::<Option<Vec<_>>>()?;
    let distinct: BTreeSet<_> = seeds.iter().collect();
    (distinct.len() == seeds.len() && !seeds.is_empty()).then_some(seeds)
}

/// The seeds of the judged runs, which all arms share.
fn shared_seeds(arms: &mut [toml::Table]) -> Result<Vec<u64>> {
    let mut shared: Option<Vec<u64>> = None;
    for arm in arms {
        let given = arm.remove("seed").unwrap_or(toml::Value::Integer(RunSpec::default().seed as i64));
        let Some(own) = seeds(&given) else {
            usage!("seed = {given} is no list of different whole numbers from 0 on; such as seed = [200, 201, 202]");
        };
        if shared.as_ref().is_some_and(|shared| *shared != own) {
            usage!("the arms have different seeds; write 'seed' above the first [[arm]]: pairs share their seed");
        }
        shared = Some(own);
    }
    Ok(shared.expect("there is an arm"))
}

fn search(tune: &mut toml::Table) -> Result<Search> {
    let mut count = |key: &str, least: i64| -> Result<Option<i64>> {
        match tune.remove(key) {
            None => Ok(None),
            Some(toml::Value::Integer(n)) if (least..=MAX_RUNS as i64).contains(&n) => Ok(Some(n)),
            Some(other) => {
                usage!("tune.{key} = {other} is impossible; it must be a whole number from {least} to {MAX_RUNS}")
            }
        }
    };
    let (grow, trials, seed) = (count("grow", 0)?, count("trials", 1)?, count("search_seed", 0)?);
    Ok(match (grow, trials, seed) {
        (grow, None, None) => Search::Grid { grow: grow.unwrap_or(0) as u32 },
        (None, Some(trials), seed) => Search::Random { trials: trials as usize, seed: seed.unwrap_or(0) as u64 },
        (_, None, Some(_)) => usage!("tune.search_seed is for random search; add trials = N, or leave it out"),
        (Some(_), Some(_), _) => usage!("tune.grow lengthens a grid, and tune.trials draws at random; leave one out"),
    })
}

fn read_axes(space: &toml::Table, prefix: &str, axes: &mut Vec<Axis>) -> Result<()> {
    for (key, value) in space {
        let key = format!("{prefix}{key}");
        match value {
            toml::Value::Table(inner) if !Axis::is_range(inner) => read_axes(inner, &format!("{key}."), axes)?,
            value => axes.push(Axis::read(&key, value)?),
        }
    }
    Ok(())
}
