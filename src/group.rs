//! Which runs belong in one chart or comparison, and which of them differ by nothing but the seed.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Batch, RunSpec, Validation};
use crate::number::{number, thousands};
use crate::optim::REGISTRY;
use crate::run_dir::{Record, State};

/// The runs of one comparison: the same data, model, batch, epochs and validation.
pub struct Group<'a> {
    /// Names its files: unique among the groups that were made with it.
    pub name: String,
    /// The settings that all its runs share, as TOML; groups with the same settings are on different data.
    pub settings: String,
    /// What is compared, in the order of the registry.
    pub arms: Vec<Arm<'a>>,
}

/// The runs of a group that differ by nothing but the seed.
pub struct Arm<'a> {
    /// The optimizer, and the settings that tell it from the others: "Adam", "Adam, lr 0.003".
    pub label: String,
    /// The same without the learning rate: arms that share it differ by nothing but that and the seed.
    pub name: String,
    /// How many arms of the same optimizer stand before it.
    pub variant: usize,
    /// Ordered by seed.
    pub runs: Vec<&'a Record>,
}

/// Sorts runs into groups, those with mini-batches first.
pub fn group(records: &[Record]) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<(String, String), Vec<&Record>> = BTreeMap::new();
    for record in records {
        groups.entry((shared_settings(&record.spec), record.data_hash.clone())).or_default().push(record);
    }
    let stems: Vec<String> = groups.values().map(|runs| stem(&runs[0].spec)).collect();
    let mut names = BTreeSet::new();
    let mut made = Vec::new();
    for (((settings, hash), runs), stem) in groups.iter().zip(&stems) {
        let mut name = stem.clone();
        if stems.iter().filter(|other| *other == stem).count() > 1 {
            name = format!("{stem}-{}", short_hash(hash));
        }
        while !names.insert(name.clone()) {
            name.push_str("-more");
        }
        made.push(Group { name, settings: settings.clone(), arms: arms(runs) });
    }
    made.sort_by_key(|group| group.first().spec.batch == Batch::Full);
    made
}

/// The first 8 characters of a data hash, whatever a foreign file claims it to be.
pub fn short_hash(hash: &str) -> String {
    hash.chars().filter(char::is_ascii_alphanumeric).take(8).collect()
}

/// The settings that all runs of a group share, as text.
fn shared_settings(spec: &RunSpec) -> String {
    let RunSpec { dataset, validation, train_subset, epochs, batch, model, .. } = spec.clone();
    RunSpec { dataset, validation, train_subset, epochs, batch, model, ..RunSpec::default() }.to_toml()
}

/// A file name for a group: `mnist-b4096-e20`, and what is not the default.
fn stem(spec: &RunSpec) -> String {
    let mut name = spec.dataset.name().to_string();
    if let Some(n) = spec.train_subset {
        name += &format!("-n{n}");
    }
    name += &match spec.batch {
        Batch::Size(n) => format!("-b{n}"),
        Batch::Full => "-full".to_string(),
    };
    name += &format!("-e{}", spec.epochs);
    if let Validation::Holdout(n) = spec.validation {
        name += &format!("-holdout{n}");
    }
    for (_, short, size) in spec.model.unusual() {
        name += &format!("-{short}{size}");
    }
    name
}

/// Sorts the runs of a group into arms.
fn arms<'a>(runs: &[&'a Record]) -> Vec<Arm<'a>> {
    let place = |spec: &RunSpec| REGISTRY.iter().position(|entry| entry.name == spec.optim);
    let mut arms: Vec<(RunSpec, Vec<&Record>)> = Vec::new();
    for &run in runs {
        let seedless = RunSpec { seed: 0, ..run.spec.clone() };
        match arms.iter_mut().find(|(spec, _)| *spec == seedless) {
            Some((_, runs)) => runs.push(run),
            None => arms.push((seedless, vec![run])),
        }
    }
    arms.sort_by(|(a, _), (b, _)| {
        place(a).cmp(&place(b)).then(a.lr.total_cmp(&b.lr)).then_with(|| a.to_toml().cmp(&b.to_toml()))
    });
    let specs: Vec<RunSpec> = arms.iter().map(|(spec, _)| spec.clone()).collect();
    arms.into_iter()
        .enumerate()
        .map(|(i, (spec, mut runs))| {
            runs.sort_by_key(|run| run.spec.seed);
            let variant = specs[..i].iter().filter(|other| other.optim == spec.optim).count();
            let [label, name] = [true, false].map(|lr| label(&spec, &specs, lr));
            Arm { label, name, variant, runs }
        })
        .collect()
}

/// The optimizer's name with the settings that differ within the group (the learning rate only if `lr`), and those of
/// its own that are not the default.
fn label(spec: &RunSpec, all: &[RunSpec], lr: bool) -> String {
    let entry = REGISTRY.iter().find(|entry| entry.name == spec.optim);
    let mut label = entry.map_or(spec.optim.as_str(), |entry| entry.label).to_string();
    if lr && all.iter().any(|other| other.lr != spec.lr) {
        label += &format!(", lr {}", number(spec.lr));
    }
    if all.iter().any(|other| other.weight_decay != spec.weight_decay) {
        label += &format!(", decay {}", number(spec.weight_decay));
    }
    let defaults = entry.map(|entry| (entry.defaults)()).unwrap_or_default();
    for (key, value) in &spec.hyper {
        let siblings = all.iter().filter(|other| other.optim == spec.optim);
        if defaults.get(key) != Some(value) || siblings.into_iter().any(|other| other.hyper.get(key) != Some(value)) {
            label += &format!(", {key} {}", plain(value));
        }
    }
    label
}

fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::Float(v) => number(*v),
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl<'a> Group<'a> {
    /// A run of the group: what is asked of it is shared by all.
    pub fn first(&self) -> &'a Record {
        self.arms[0].runs[0]
    }

    /// For people: "MNIST, batch 4096, 20 epochs", and what is not the default.
    pub fn title(&self) -> String {
        let spec = &self.first().spec;
        let mut title = format!("{}, {}, {} epochs", spec.dataset.label(), batch(spec), spec.epochs);
        if let Some(n) = spec.train_subset {
            title += &format!(", {} training images", thousands(&n.to_string()));
        }
        if let Validation::Holdout(n) = spec.validation {
            title += &format!(", validated on {} held-out images", thousands(&n.to_string()));
        }
        for (what, _, size) in spec.model.unusual() {
            title += &format!(", {what} {size}");
        }
        title
    }
}

/// "batch 4096", "full batch".
pub fn batch(spec: &RunSpec) -> String {
    match spec.batch {
        Batch::Size(n) => format!("batch {n}"),
        Batch::Full => "full batch".to_string(),
    }
}

impl<'a> Arm<'a> {
    /// The settings that its runs share; the seed is that of the first.
    pub fn spec(&self) -> &'a RunSpec {
        &self.runs[0].spec
    }

    /// Whether this arm and another differ by the learning rate and the seed at most.
    pub fn differs_by_rate(&self, other: &Arm) -> bool {
        let identity = |arm: &Arm| RunSpec { seed: 0, lr: 1.0, ..arm.spec().clone() };
        identity(self) == identity(other)
    }

    /// The runs whose mean is drawn: those that finished, and before any has, those that are on their way.
    pub fn averaged(&self) -> Vec<&'a Record> {
        let with = |f: fn(&Record) -> bool| self.runs.iter().copied().filter(|run| f(run)).collect::<Vec<_>>();
        match with(|run| run.state == State::Finished) {
            finished if !finished.is_empty() => finished,
            _ => with(|run| run.state != State::Diverged),
        }
    }

    /// Number of runs whose loss became infinite.
    pub fn diverged(&self) -> usize {
        self.runs.iter().filter(|run| run.state == State::Diverged).count()
    }

    /// Number of runs that were interrupted, failed, or are still running.
    pub fn unfinished(&self) -> usize {
        self.runs.iter().filter(|run| !matches!(run.state, State::Diverged | State::Finished)).count()
    }
}
