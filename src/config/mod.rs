//! [`RunSpec`]: everything that determines one run, fully resolved; and how it is made from layers of settings.
//!
//! Settings come in layers, each a TOML table, the later ones winning: built-in defaults (the article's values), a
//! `--config` file, `--set key=value`, flags. [`RunSpec::resolve`] merges and checks them; [`RunSpec::to_toml`] writes them
//! all back, so that its output is a `--config` file again.

mod budget;
mod experiment;
mod layers;
mod observe;
mod schedule;
mod space;
#[cfg(test)]
mod tests;
mod tune;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use budget::Extent;
pub use experiment::expand;
pub(crate) use layers::flatten;
pub use layers::{MAX_SETTINGS, parse_assignment, parse_value, read_table};
pub use observe::Observe;
pub use schedule::Schedule;
pub use space::{Axis, Side, Values};
pub use tune::{Experiment, Search, Study, StudyArm, Trial, experiment};

use crate::data::DatasetKind;
use crate::error::Result;
use crate::model::ModelConfig;
use crate::optim::{self, BoxedRule, DecayOn, WeightDecay};
use crate::usage;

/// Everything that determines one run. How fast it runs (threads) and where it writes are not part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// The data set: `dataset`, and for a folder of IDX files `[images]`.
    #[serde(flatten)]
    pub dataset: DatasetKind,
    /// What `val_loss` and `val_accuracy` are measured on.
    pub validation: Validation,
    /// Train on this many images only: the first ones of the training set. Files and flags write `None` as 0.
    #[serde(with = "none_as_0")]
    pub train_subset: Option<usize>,
    /// Passes over the training images; 0 where `steps` stands in its place.
    pub epochs: u64,
    /// Optimizer steps, a budget in place of `epochs`. Files and flags write `None` as 0.
    #[serde(with = "none_as_0", default)]
    pub steps: Option<u64>,
    /// Images of a step.
    pub batch: Batch,
    /// Seed of the initial parameters and of the order of batches.
    pub seed: u64,
    /// Name of the optimizer in [`optim::entries`].
    pub optim: String,
    /// Learning rate, before the schedule.
    pub lr: f64,
    /// How it changes over the run.
    #[serde(default)]
    pub schedule: Schedule,
    /// Steps over which it first rises, linearly, to `lr`.
    #[serde(default)]
    pub warmup_steps: u64,
    /// Rate of the decoupled weight decay.
    pub weight_decay: f64,
    /// The parameters that decay.
    #[serde(default)]
    pub weight_decay_on: DecayOn,
    /// The optimizer's own hyperparameters, all of them.
    #[serde(flatten)]
    pub hyper: toml::Table,
    /// The model and its sizes.
    pub model: ModelConfig,
    /// What is measured beside training.
    #[serde(default)]
    pub observe: Observe,
}

/// Lines of settings that later versions added: left out of the hash at these, their defaults, so that the runs of before
/// keep their hashes and names.
const ADDED_LATER: [&str; 4] =
    ["steps = 0", "schedule = \"constant\"", "warmup_steps = 0", "weight_decay_on = \"all\""];

/// Images of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Batch {
    /// That many; the last batch of an epoch may be smaller.
    Size(usize),
    /// The whole training set: batch = ∞, one step an epoch, no noise of mini-batches.
    Full,
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Batch::Size(n) => n.fmt(f),
            Batch::Full => f.write_str("full"),
        }
    }
}

impl FromStr for Batch {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.parse() {
            // What TOML can hold, so that it can be written back.
            Ok(n) if n > 0 && i64::try_from(n).is_ok() => Ok(Batch::Size(n)),
            _ if text == "full" => Ok(Batch::Full),
            _ => usage!("batch = {text} is impossible; it must be a positive number of images, or 'full'"),
        }
    }
}

/// What validation loss and accuracy are measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Validation {
    /// The test set, as in the article.
    Test,
    /// The last `n` images of the training set, which are not trained on: for choosing hyperparameters.
    Holdout(usize),
}

impl fmt::Display for Validation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Validation::Test => f.write_str("test"),
            Validation::Holdout(n) => write!(f, "holdout:{n}"),
        }
    }
}

impl FromStr for Validation {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.strip_prefix("holdout:").map(str::parse) {
            Some(Ok(n)) if n > 0 => Ok(Validation::Holdout(n)),
            _ if text == "test" => Ok(Validation::Test),
            _ => usage!("validation = {text} is unknown; it must be 'test' or 'holdout:N', such as holdout:5000"),
        }
    }
}

/// Serialises as a number or "full"; as the text that `FromStr` reads.
impl Serialize for Batch {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Batch::Size(n) => s.serialize_u64(*n as u64),
            Batch::Full => s.serialize_str("full"),
        }
    }
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        toml::Value::deserialize(d)?.to_string().trim_matches('"').parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Validation {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Validation {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

mod none_as_0 {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<T: Serialize + Default + Copy, S: Serializer>(n: &Option<T>, s: S) -> Result<S::Ok, S::Error> {
        n.unwrap_or_default().serialize(s)
    }

    pub fn deserialize<'de, T, D>(d: D) -> Result<Option<T>, D::Error>
    where
        T: Deserialize<'de> + Default + PartialEq,
        D: Deserializer<'de>,
    {
        T::deserialize(d).map(|n| (n != T::default()).then_some(n))
    }
}

impl Default for RunSpec {
    /// The article's run with Adam.
    fn default() -> Self {
        let adam = optim::find("adam").expect("Adam is registered");
        Self {
            dataset: DatasetKind::Mnist,
            validation: Validation::Test,
            train_subset: None,
            epochs: 20,
            steps: None,
            batch: Batch::Size(4096),
            seed: 0,
            optim: adam.name.to_string(),
            lr: 1e-3,
            schedule: Schedule::Constant,
            warmup_steps: 0,
            weight_decay: adam.weight_decay,
            weight_decay_on: DecayOn::All,
            hyper: (adam.defaults)(),
            model: ModelConfig::default(),
            observe: Observe::default(),
        }
    }
}

impl RunSpec {
    /// Merges layers of settings over the defaults, the later ones winning, and checks the result.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError): an unknown key (with the nearest known one), a value of the wrong kind,
    /// or an impossible setting.
    pub fn resolve(layers: impl IntoIterator<Item = toml::Table>) -> Result<Self> {
        let mut given = toml::Table::new();
        for layer in layers {
            layers::merge(&mut given, layer)?;
        }
        if let Some((key, list)) = layers::flatten(&given).into_iter().find(|(_, value)| value.is_array()) {
            usage!("{key} = {list} is a list, which makes several runs: use snr-bench run, or choose one value");
        }
        if given.contains_key("tune") {
            usage!("[tune] makes several runs: use snr-bench run");
        }
        if given.contains_key("arm") {
            usage!("[[arm]] makes several runs: use snr-bench run, or choose one by its settings");
        }
        let name = match given.get("optim") {
            None => RunSpec::default().optim,
            Some(toml::Value::String(name)) => name.clone(),
            Some(other) => usage!("optim = {other} is not a name; known: {}", optim::names()),
        };
        let entry = optim::find(&name)?;
        let dataset = take_dataset(&mut given)?;
        let defaults = RunSpec {
            dataset,
            optim: name,
            weight_decay: entry.weight_decay,
            hyper: entry.defaults_for(&given)?,
            ..RunSpec::default()
        };
        let mut table = toml::Table::try_from(defaults)?;
        table.insert("model".into(), ModelConfig::defaults_for(given.get("model"))?.into());
        layers::check_known(&given, &table, &format!(" (optimizer {})", entry.name))?;
        layers::over_defaults(&mut table, given)?;
        let spec: RunSpec = match table.try_into() {
            Ok(spec) => spec,
            Err(e) => usage!("configuration: {}", e.to_string().trim().replace('\n', " ")),
        };
        spec.validate()?;
        Ok(spec)
    }

    /// Checks what can be checked without the data.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError) that names the setting, its value and what it must be.
    pub fn validate(&self) -> Result<()> {
        self.model.validate(self.dataset.shape())?;
        optim::check_not_negative("lr", self.lr)?;
        optim::check_not_negative("weight_decay", self.weight_decay)?;
        self.rule()?;
        self.validate_observe()
    }

    /// The optimizer's rule with its hyperparameters.
    pub fn rule(&self) -> Result<BoxedRule> {
        (optim::find(&self.optim)?.build)(&self.hyper)
    }

    /// Its decoupled weight decay.
    pub fn decay(&self) -> WeightDecay {
        WeightDecay { rate: self.weight_decay, on: self.weight_decay_on }
    }

    /// Number of parameters of its model.
    pub fn num_params(&self) -> usize {
        self.model.num_params(self.dataset.shape())
    }

    /// All settings as TOML: a configuration file that gives this run again.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a run's settings are TOML")
    }

    /// A folder name that tells the run from others: what is varied most, and the start of [`hash`](Self::hash).
    pub fn run_name(&self) -> String {
        // not 10³⁰ in 31 digits
        let lr = Some(self.lr.to_string()).filter(|lr| lr.len() <= 16).unwrap_or_else(|| format!("{:e}", self.lr));
        format!("{}-{}-b{}-lr{lr}-s{}-{:.6}", self.dataset.short_name(), self.optim, self.batch, self.seed, self.hash())
    }

    /// All settings under dotted keys, their values as one reads them; of the two budgets the one that it has.
    pub fn settings(&self) -> BTreeMap<String, String> {
        self.flat().into_iter().map(|(key, value)| (key, written(&value))).collect()
    }

    /// What determines the run, under dotted keys.
    fn flat(&self) -> BTreeMap<String, toml::Value> {
        let mut table = toml::Table::try_from(self).expect("a run's settings are TOML");
        table.remove("observe");
        table.insert("model".into(), self.model.settings().into());
        if self.steps.is_some() {
            table.remove("epochs");
        }
        layers::flatten(&table)
    }

    /// The settings in which `other` differs, one a line: `lr: 0.001 here, 0.01 there`.
    pub fn difference(&self, other: &Self, here: &str, there: &str) -> String {
        let (mine, theirs) = (self.flat(), other.flat());
        let keys: std::collections::BTreeSet<_> = mine.keys().chain(theirs.keys()).collect();
        let show = |value: Option<&toml::Value>| value.map_or("not set".to_string(), toml::Value::to_string);
        let lines = keys.into_iter().filter(|key| mine.get(*key) != theirs.get(*key));
        lines
            .map(|key| format!("  {key}: {} {here}, {} {there}", show(mine.get(key)), show(theirs.get(key))))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// SHA-256 (hex) over all settings but `[observe]`, the folder of the data, and `epochs`: a resumed run may have more of
    /// them, unless its schedule needs to know the end.
    pub fn hash(&self) -> String {
        crate::data::hex(&Sha256::digest(self.determining()))
    }

    /// The settings that the hash covers, as TOML.
    fn determining(&self) -> String {
        let epochs = if self.schedule.needs_end() { self.epochs } else { 0 };
        let text = RunSpec { epochs, dataset: self.dataset.anywhere(), ..self.clone() }.to_toml();
        let determining = text.split("\n[observe]").next().unwrap_or_default(); // it stands last
        let lines = determining.lines().filter(|line| !ADDED_LATER.contains(line));
        lines.flat_map(|line| [line, "\n"]).collect()
    }

    /// The settings that a run's own file holds: all of them, because a default in the place of one that was lost would be
    /// another run. Those that the program got later may be missing.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve), and settings that are missing.
    pub fn stored(table: toml::Table) -> Result<Self> {
        let given = layers::flatten(&table);
        let spec = Self::resolve([table])?;
        let needed = layers::flatten(&spec.determining().parse().expect("a run's settings are TOML"));
        let missing: Vec<_> = needed.into_keys().filter(|key| !given.contains_key(key)).collect();
        if !missing.is_empty() {
            usage!("it lacks {}, and a run writes all of its settings; restore the file", missing.join(", "));
        }
        Ok(spec)
    }
}

/// Moves the data set out of the settings that were given.
fn take_dataset(given: &mut toml::Table) -> Result<DatasetKind> {
    let images = given.remove("images");
    let name = match given.remove("dataset") {
        None => return Ok(RunSpec::default().dataset),
        Some(toml::Value::String(name)) => name,
        Some(other) => usage!("dataset = {other} is not a name; write one such as \"mnist\""),
    };
    let Some(images) = images else { return DatasetKind::by_name(&name) };
    let table = toml::Table::from_iter([("dataset".to_string(), name.into()), ("images".to_string(), images)]);
    match table.try_into() {
        Ok(kind) => Ok(kind),
        Err(e) => usage!("configuration: {}", e.to_string().trim().replace('\n', " ")),
    }
}

/// A value as one reads it: `1e-8`, `previous`.
pub fn written(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Float(x) if *x != 0.0 && !(1e-4..1e6).contains(&x.abs()) => format!("{x:e}"),
        toml::Value::Float(x) => x.to_string(),
        value => value.to_string(),
    }
}
