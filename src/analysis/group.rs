//! Which runs belong in one chart or comparison, and which of them differ by nothing but the seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::leaderboard::Entrant;
use super::run::{Fate, Run};
use super::speedup::Target;
use super::types::{Basis, Comparison, Contender};
use crate::config::{self, Batch, Observe, RunSpec, Schedule, Validation};
use crate::model::ModelConfig;
use crate::number::{number, thousands};
use crate::optim::{self, DecayOn};
use crate::run_dir::Warning;

/// Runs that may be compared: the same data, model, batch, epochs and validation.
#[derive(Clone, Debug)]
pub struct Group {
    /// Names its files: unique among the groups that were made with it.
    pub name: String,
    /// The settings that all its runs share, as TOML; groups with the same settings are on different data, or of different
    /// tuned experiments.
    pub settings: String,
    /// The folder of the tuned experiment whose runs they are, see [`Record::study`](crate::run_dir::Record::study).
    pub study: Option<PathBuf>,
    /// The name of that folder, where another group shares its settings.
    told_apart: Option<String>,
    /// What is compared, in the order of the registry.
    pub arms: Vec<Arm>,
    /// The validation loss to which steps are counted.
    pub target: Option<Target>,
    /// Training images of the fixed sample on which the loss over the run is measured; `None`: on the batches of an epoch.
    pub probe: Option<usize>,
    /// The optimizers, each at its best learning rate: the lowest final validation loss first.
    pub leaderboard: Vec<Entrant>,
    /// In the order of the registry; of one pair of optimizers first those at equal learning rates, then that of the best.
    pub comparisons: Vec<Comparison>,
    /// Runs that are in no comparison, and reasons to doubt the choice of a learning rate.
    pub warnings: Vec<Warning>,
}

/// The runs of a group that differ by nothing but the seed.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The optimizer, and the settings that tell it from the others: "Adam", "Adam, lr 0.003".
    pub label: String,
    /// The same without the learning rate: arms that share it differ by nothing but that and the seed.
    pub name: String,
    /// Which variant of its optimizer it is, from 0 on: those of one differ by nothing but the learning rate.
    pub variant: usize,
    /// Ordered by seed.
    pub runs: Vec<Run>,
}

/// The comparisons of four optimizers: so many stand in one table.
const FEW: usize = 6;

/// Sorts runs into groups: those with mini-batches first, of them those of the article's model, then by how near they are to the
/// article, those with a budget in epochs first, then by batch size.
pub fn group(runs: Vec<Run>) -> Vec<Group> {
    let mut groups: BTreeMap<(String, String, Option<PathBuf>), Vec<Run>> = BTreeMap::new();
    for run in runs {
        let study = run.study().map(Path::to_path_buf);
        groups.entry((shared_settings(&run.spec), run.meta.data_hash.clone(), study)).or_default().push(run);
    }
    let keys: Vec<_> = groups.keys().cloned().collect();
    let stems: Vec<String> = groups.values().map(|runs| stem(&runs[0].spec)).collect();
    let mut names = BTreeSet::new();
    let mut made = Vec::new();
    for (((settings, hash, study), runs), stem) in groups.into_iter().zip(&stems) {
        let mut name = stem.clone();
        let of_same_stem = || keys.iter().zip(&stems).filter(|(_, other)| *other == stem).map(|(key, _)| key);
        if of_same_stem().any(|(_, other, _)| *other != hash) {
            name += &format!("-{}", short_hash(&hash));
        }
        let is_told_apart = of_same_stem().filter(|(other, ..)| *other == settings).any(|(.., other)| *other != study);
        let told_apart = study.as_deref().filter(|_| is_told_apart).map(folder_name);
        if let Some(folder) = &told_apart {
            name += &format!("-{}", folder.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        }
        while !names.insert(name.clone()) {
            name.push_str("-more");
        }
        let (leaderboard, comparisons, warnings) = (Vec::new(), Vec::new(), Vec::new());
        made.push(Group {
            name,
            settings,
            study,
            told_apart,
            arms: arms(runs),
            target: None,
            probe: None,
            leaderboard,
            comparisons,
            warnings,
        });
    }
    made.sort_by_key(|group| {
        let spec = group.spec();
        let of_the_article = spec.model == ModelConfig::default();
        (
            spec.batch == Batch::Full,
            !of_the_article,
            Reverse(spec.steps.unwrap_or(u64::MAX)),
            departures(spec),
            size(spec),
            group.arms.len(),
        )
    });
    made
}

/// The last part of a folder's path.
fn folder_name(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}

/// In how many settings beside model, batch and steps a group is not the default, which is the article's.
fn departures(spec: &RunSpec) -> usize {
    let RunSpec { dataset, validation, train_subset, epochs, .. } = spec;
    let default = RunSpec::default();
    let differs = [
        *dataset != default.dataset,
        *validation != default.validation,
        *train_subset != default.train_subset,
        *epochs != default.epochs,
    ];
    differs.into_iter().filter(|differs| *differs).count()
}

/// Images of a step, where it is not the whole training set.
fn size(spec: &RunSpec) -> Option<usize> {
    match spec.batch {
        Batch::Size(n) => Some(n),
        Batch::Full => None,
    }
}

/// The first 8 characters of a data hash, which a foreign file may give as any text.
pub fn short_hash(hash: &str) -> String {
    hash.chars().filter(char::is_ascii_alphanumeric).take(8).collect()
}

/// The settings that all runs of a group share, as text.
pub(super) fn shared_settings(spec: &RunSpec) -> String {
    let RunSpec { dataset, validation, train_subset, epochs, steps, batch, model, .. } = spec.clone();
    let dataset = dataset.anywhere();
    RunSpec { dataset, validation, train_subset, epochs, steps, batch, model, ..RunSpec::default() }.to_toml()
}

/// A file name for a group: `mnist-b4096-e20`, and what is not the default.
fn stem(spec: &RunSpec) -> String {
    let mut name = spec.dataset.short_name();
    if let Some(n) = spec.train_subset {
        name += &format!("-n{n}");
    }
    name += &match spec.batch {
        Batch::Size(n) => format!("-b{n}"),
        Batch::Full => "-full".to_string(),
    };
    name += &spec.steps.map_or(format!("-e{}", spec.epochs), |steps| format!("-{steps}steps"));
    if let Validation::Holdout(n) = spec.validation {
        name += &format!("-holdout{n}");
    }
    if spec.model.kind() != ModelConfig::default().kind() {
        name += &format!("-{}", spec.model.kind());
    }
    for unusual in spec.model.unusual() {
        name += &format!("-{}", unusual.short);
    }
    name
}

/// Sorts the runs of a group into arms.
fn arms(runs: Vec<Run>) -> Vec<Arm> {
    let place = |spec: &RunSpec| optim::place(&spec.optim);
    let mut arms: Vec<(RunSpec, Vec<Run>)> = Vec::new();
    for run in runs {
        let seedless = RunSpec { seed: 0, observe: Observe::default(), ..run.spec.clone() };
        match arms.iter_mut().find(|(spec, _)| *spec == seedless) {
            Some((_, runs)) => runs.push(run),
            None => arms.push((seedless, vec![run])),
        }
    }
    let is_changed = |spec: &RunSpec| !unusual(spec).is_empty();
    arms.sort_by(|(a, _), (b, _)| {
        (place(a), is_changed(a))
            .cmp(&(place(b), is_changed(b)))
            .then(a.lr.total_cmp(&b.lr))
            .then_with(|| a.to_toml().cmp(&b.to_toml()))
    });
    let specs: Vec<RunSpec> = arms.iter().map(|(spec, _)| spec.clone()).collect();
    arms.into_iter()
        .map(|(spec, mut runs)| {
            runs.sort_by_key(|run| run.spec.seed);
            let variant = variant(&spec, &specs);
            let [label, name] = [true, false].map(|lr| label(&spec, &specs, lr));
            Arm { label, name, variant, runs }
        })
        .collect()
}

/// The place of a specification among those of its optimizer that differ by more than the learning rate.
fn variant(spec: &RunSpec, all: &[RunSpec]) -> usize {
    let mut kinds: Vec<RunSpec> = Vec::new();
    for other in all.iter().filter(|other| other.optim == spec.optim).map(|other| RunSpec { lr: 1.0, ..other.clone() })
    {
        if !kinds.contains(&other) {
            kinds.push(other);
        }
    }
    let own = RunSpec { lr: 1.0, ..spec.clone() };
    kinds.iter().position(|kind| *kind == own).unwrap_or(0)
}

/// The optimizer's name with the settings that differ within the group (the learning rate only if `lr`), and those of its own
/// that are not the default.
pub(super) fn label(spec: &RunSpec, all: &[RunSpec], lr: bool) -> String {
    let mut label = optimizer(spec);
    if lr && all.iter().any(|other| other.lr != spec.lr) {
        label += &format!(", lr {}", number(spec.lr));
    }
    if spec.weight_decay != 0.0 && all.iter().any(|other| other.weight_decay != spec.weight_decay) {
        label += &format!(", decay {}", number(spec.weight_decay));
    }
    if spec.weight_decay_on != DecayOn::All {
        label += " on matrices";
    }
    if all.iter().any(|other| other.schedule != spec.schedule) {
        label += &format!(", {}", spec.schedule.name());
    }
    if all.iter().any(|other| other.warmup_steps != spec.warmup_steps) {
        label += &format!(", warm-up {}", spec.warmup_steps);
    }
    for (key, value) in unusual(spec) {
        label += &format!(", {} {}", key.replace("_settings.", " "), plain(&value));
    }
    label
}

/// The optimizer's own settings that are not its defaults, but for those that its name tells.
fn unusual(spec: &RunSpec) -> Vec<(String, toml::Value)> {
    let entry = optim::find(&spec.optim).ok();
    let defaults = entry.and_then(|entry| entry.defaults_for(&spec.hyper).ok()).unwrap_or_default();
    let [hyper, defaults] = [&spec.hyper, &defaults].map(config::flatten);
    let is_told = |key: &str| entry.is_some_and(|entry| entry.label_tells(key));
    hyper.into_iter().filter(|(key, value)| !is_told(key) && defaults.get(key) != Some(value)).collect()
}

fn optimizer(spec: &RunSpec) -> String {
    optim::find(&spec.optim).map_or_else(|_| spec.optim.clone(), |entry| entry.label_for(&spec.hyper))
}

fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::Float(v) => number(*v),
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Group {
    /// The settings of a run of the group: what is asked of them is shared by all.
    pub fn spec(&self) -> &RunSpec {
        self.arms[0].spec()
    }

    /// SHA-256 of the data that all its runs saw.
    pub fn data_hash(&self) -> &str {
        &self.arms[0].runs[0].meta.data_hash
    }

    /// All its runs, arm by arm.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.arms.iter().flat_map(|arm| &arm.runs)
    }

    /// The runs of one side of a comparison.
    pub fn arm(&self, side: &Contender) -> Option<&Arm> {
        self.arms.iter().find(|arm| arm.name == side.name && arm.spec().lr == side.lr)
    }

    /// The arms of the leaderboard: each optimizer at its best learning rate, in the order of the registry.
    pub fn best_arms(&self) -> Vec<&Arm> {
        let is_best = |arm: &&Arm| self.leaderboard.iter().any(|e| e.name == arm.name && e.lr == arm.spec().lr);
        self.arms.iter().filter(is_best).collect()
    }

    /// The comparisons that come first: of every two optimizers the one at the best of each, or at the only learning rate.
    pub fn headline(&self) -> Vec<&Comparison> {
        self.comparisons.iter().filter(|c| c.basis != Basis::EqualLr || !c.several_rates).collect()
    }

    /// Of these, the ones with the group's first optimizer.
    pub fn against_first(&self) -> Vec<&Comparison> {
        self.headline().into_iter().filter(|comparison| comparison.b.name == self.arms[0].name).collect()
    }

    /// The comparisons that come first, but of many only those [`against_first`](Self::against_first); and the others.
    pub fn headline_parts(&self) -> [Vec<&Comparison>; 2] {
        match self.headline() {
            few if few.len() <= FEW => [few, Vec::new()],
            many => many.into_iter().partition(|comparison| comparison.b.name == self.arms[0].name).into(),
        }
    }

    /// Where there are several learning rates, the comparisons at equal ones.
    pub fn at_equal_rates(&self) -> Vec<&Comparison> {
        self.comparisons.iter().filter(|c| c.basis == Basis::EqualLr && c.several_rates).collect()
    }

    /// For people: "MNIST, batch 4096, 20 epochs", and what is not the default.
    pub fn title(&self) -> String {
        let folder = self.told_apart.iter().map(|folder| format!(" ({folder})"));
        [title(self.spec()), self.schedule()].into_iter().chain(folder).collect()
    }

    /// ", cosine, warm-up 30": what all arms have in common of these.
    fn schedule(&self) -> String {
        let RunSpec { schedule, warmup_steps, .. } = self.spec();
        let have_it = |same: &dyn Fn(&RunSpec) -> bool| self.arms.iter().all(|arm| same(arm.spec()));
        let mut text = String::new();
        if *schedule != Schedule::Constant && have_it(&|spec| spec.schedule == *schedule) {
            text += &format!(", {}", schedule.name());
        }
        if *warmup_steps > 0 && have_it(&|spec| spec.warmup_steps == *warmup_steps) {
            text += &format!(", warm-up {warmup_steps}");
        }
        text
    }
}

/// For people: what the runs of a group with these settings share.
pub(super) fn title(spec: &RunSpec) -> String {
    let mut title = format!("{}, {}, {}", spec.dataset.label(), batch(spec), spec.length());
    if let Some(n) = spec.train_subset {
        title += &format!(", {} training images", thousands(&n.to_string()));
    }
    if let Validation::Holdout(n) = spec.validation {
        title += &format!(", validated on {} held-out images", thousands(&n.to_string()));
    }
    if spec.model.kind() != ModelConfig::default().kind() {
        title += &format!(", {}", spec.model.label());
    }
    for unusual in spec.model.unusual() {
        title += &format!(", {}", unusual.text);
    }
    title
}

/// "batch 4096", "full batch".
pub fn batch(spec: &RunSpec) -> String {
    match spec.batch {
        Batch::Size(n) => format!("batch {n}"),
        Batch::Full => "full batch".to_string(),
    }
}

impl Arm {
    /// The settings that its runs share; the seed is that of the first.
    pub fn spec(&self) -> &RunSpec {
        &self.runs[0].spec
    }

    /// The name of its optimizer alone.
    pub fn optimizer(&self) -> String {
        optimizer(self.spec())
    }

    /// Whether this arm and another differ by the learning rate and the seed at most.
    pub fn differs_by_rate(&self, other: &Arm) -> bool {
        let identity = |arm: &Arm| RunSpec { seed: 0, lr: 1.0, observe: Observe::default(), ..arm.spec().clone() };
        identity(self) == identity(other)
    }

    /// The runs whose mean is drawn: those that finished, and before any has, those that are on their way. Runs whose files
    /// disagree are in no mean.
    pub fn averaged(&self) -> Vec<&Run> {
        let with = |f: fn(Fate) -> bool| self.runs.iter().filter(|run| run.sound && f(run.fate)).collect::<Vec<_>>();
        match with(|fate| fate == Fate::Finished) {
            finished if !finished.is_empty() => finished,
            _ => with(|fate| fate == Fate::Unfinished),
        }
    }

    /// Number of runs that failed: diverged, or ended no better than before training.
    pub fn failed(&self) -> usize {
        self.runs.iter().filter(|run| run.fate.is_failed()).count()
    }

    /// Number of runs that were interrupted, failed by an error, or still run.
    pub fn unfinished(&self) -> usize {
        self.runs.iter().filter(|run| run.fate == Fate::Unfinished).count()
    }
}
