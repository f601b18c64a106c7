//! `plan.toml`: what an experiment's folder was to show, written before its first run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::endpoint::Endpoint;
use super::group::Group;
use super::types::Criteria;
use crate::config::{MAX_SETTINGS, RunSpec, StudyArm};
use crate::error::Result;
use crate::run_dir::RunDir;
use crate::{file, usage};

/// File name of the plan in an experiment's folder.
pub const PLAN: &str = "plan.toml";

const HEADER: &str = "\
# Written by snr-bench before the first of these runs began. What is judged here follows it: runs beyond it are told of and
# shown beside it, and other criteria are refused. For another plan choose another folder.
";

/// What was planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The largest ratio of losses that does not matter, as a share.
    pub margin: f64,
    /// Validation loss to which steps are counted, if it was stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// What is judged.
    pub endpoints: Vec<Endpoint>,
    /// How the arms are tuned before they are judged, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tune: Option<TunePlan>,
    /// Later ones were added with other settings than those before; none before anything is chosen in tuning.
    #[serde(rename = "part", default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PlanPart>,
    /// The folder that it is in.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// Runs that were planned together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPart {
    /// UTC, as 2026-11-24.
    pub date: String,
    /// Git revision of the program.
    pub revision: String,
    /// The optimizer that the others are compared with.
    pub baseline: String,
    /// Of every run.
    pub epochs: u64,
    pub seeds: Vec<u64>,
    /// Names of the runs, which end in a hash of their settings.
    pub runs: Vec<String>,
}

/// How arms are tuned, on what, and on which seeds they are judged then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunePlan {
    /// How the choice is made, in words.
    pub rule: String,
    /// Tuning seeds, which no judged run has.
    pub seeds: Vec<u64>,
    /// The held-out images that the choice is made on, as a setting.
    pub validation: String,
    /// Seeds of the judged runs.
    pub judged_seeds: Vec<u64>,
    /// Most rounds in which the grid grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grow: Option<u32>,
    /// Number of random trials of each arm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<usize>,
    /// What they are drawn by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_seed: Option<u64>,
    #[serde(rename = "arm")]
    pub arms: Vec<PlannedArm>,
}

/// An arm that is tuned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedArm {
    /// For people: what tells it from the others.
    pub title: String,
    /// What is tuned, and the values or ranges that are tried.
    pub space: toml::Table,
    /// Its settings but for the tuned ones and the seed.
    pub settings: toml::Table,
}

impl TunePlan {
    /// The same, whatever the judged seeds.
    fn is_like(&self, other: &Self) -> bool {
        *self == Self { judged_seeds: self.judged_seeds.clone(), ..other.clone() }
    }
}

impl PlannedArm {
    /// The settings of a tuning run.
    ///
    /// # Errors
    /// What [`RunSpec::resolve`] says.
    pub fn spec(&self, trial: &toml::Table, seed: u64, validation: &str) -> Result<RunSpec> {
        let arm = StudyArm { settings: self.settings.clone(), axes: Vec::new() };
        arm.spec(trial, seed, Some(validation.parse()?))
    }

    /// Whether its judged runs train on the held-out images as well, as those of earlier versions did.
    pub fn trains_on_all(&self) -> bool {
        self.settings.get("train_subset").is_none_or(|n| n.as_integer() == Some(0))
    }
}

impl PlanFile {
    /// Reads the plan of a folder; `None` where it has none.
    ///
    /// # Errors
    /// A file that is not a plan.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(PLAN);
        if !path.exists() {
            return Ok(None);
        }
        let text = file::read_text(&path, MAX_SETTINGS)?;
        let plan: Self = toml::from_str(&text).with_context(|| {
            format!("{} is not a plan that snr-bench wrote; restore it, or choose another folder", path.display())
        })?;
        Ok(Some(Self { folder: folder.to_path_buf(), ..plan }))
    }

    /// Whether it says something of the runs of a group: a tuned experiment's plan of its own runs, any other of those that are
    /// in none.
    pub fn is_about(&self, group: &Group) -> bool {
        group.study.as_deref() == self.tune.as_ref().map(|_| self.folder.as_path())
    }

    /// Whether a run was planned.
    pub fn has(&self, spec: &RunSpec) -> bool {
        let name = spec.run_name();
        self.parts.iter().any(|part| part.epochs == spec.epochs && part.runs.contains(&name))
    }

    /// All planned seeds.
    pub fn seeds(&self) -> BTreeSet<u64> {
        self.parts.iter().flat_map(|part| part.seeds.iter().copied()).collect()
    }

    /// Whether runs that differ from this one by the seed alone were planned.
    fn has_siblings(&self, spec: &RunSpec) -> bool {
        self.seeds().into_iter().any(|seed| self.has(&RunSpec { seed, ..spec.clone() }))
    }

    /// What was stated when it was planned.
    pub fn criteria(&self) -> Criteria {
        Criteria { margin: self.margin, target: self.target }
    }
}

/// What a command asks of the plan of a folder.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Runs that are judged; none before anything is chosen in tuning.
    pub specs: &'a [RunSpec],
    /// How they are tuned.
    pub tune: Option<&'a TunePlan>,
    /// `--target`.
    pub target: Option<f64>,
    /// `--margin`.
    pub margin: Option<f64>,
}

/// Takes up what is asked in the plan of `folder`, which is made where no run was before: seeds beyond a plan stay outside it,
/// runs with settings that it does not have make a further part of it. `None` where runs are there without a plan: it
/// would not be one.
///
/// # Errors
/// Criteria or tuning that differ from the plan's; a folder that cannot be written.
pub fn keep(folder: &Path, asked: Asked) -> Result<Option<PlanFile>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}; choose another with --out", folder.display()))?;
    // two commands at once: the second one finds the plan of the first
    let path = folder.join(".plan.lock");
    let lock = file::open_to_write(&path)
        .with_context(|| format!("cannot write {}; choose another with --out", path.display()))?;
    lock.lock().with_context(|| format!("cannot lock {}; is the file system able to lock files?", path.display()))?;
    let old = PlanFile::read(folder)?;
    let Some(new) = proposed(folder, asked)? else { return Ok(None) };
    if old.as_ref() != Some(&new) {
        let text = HEADER.to_string() + &toml::to_string_pretty(&new)?;
        let path = folder.join(PLAN);
        file::write(&path, text.as_bytes())
            .with_context(|| format!("cannot write {}; choose another folder with --out", path.display()))?;
    }
    Ok(Some(new))
}

/// What [`keep`] would write; writes nothing.
///
/// # Errors
/// Criteria or tuning that differ from the plan's.
pub fn proposed(folder: &Path, asked: Asked) -> Result<Option<PlanFile>> {
    let Asked { specs, tune, target, margin } = asked;
    let old = PlanFile::read(folder)?;
    let criteria = criteria(old.as_ref(), folder, target, margin)?;
    let is_kept = |old: &PlanFile| tune.is_none_or(|tune| old.tune.as_ref().is_some_and(|kept| kept.is_like(tune)));
    if old.as_ref().is_some_and(|old| !is_kept(old)) {
        usage!("{} plans other arms, or another [tune]; choose another folder with --out", folder.join(PLAN).display());
    }
    let new = || {
        let Criteria { margin, target } = criteria;
        let tune = tune.cloned();
        let folder = folder.to_path_buf();
        PlanFile { margin, target, endpoints: Endpoint::ALL.to_vec(), tune, parts: Vec::new(), folder }
    };
    Ok((old.is_some() || !holds_runs(folder)).then(|| extended(old.unwrap_or_else(new), specs)))
}

/// Whether a run has left anything in a folder of `folder`.
fn holds_runs(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| path.is_dir() && !RunDir::is_empty(&path))
}

/// The plan with what `specs` add to it.
fn extended(mut plan: PlanFile, specs: &[RunSpec]) -> PlanFile {
    let new: Vec<&RunSpec> = specs.iter().filter(|spec| !plan.has(spec) && !plan.has_siblings(spec)).collect();
    let epochs: BTreeSet<u64> = new.iter().map(|spec| spec.epochs).collect();
    for epochs in epochs {
        let runs: Vec<&RunSpec> = new.iter().copied().filter(|spec| spec.epochs == epochs).collect();
        let place = |name: &&str| crate::optim::place(name);
        let earlier = plan.parts.iter().map(|part| part.baseline.as_str());
        let baseline = runs.iter().map(|spec| spec.optim.as_str()).chain(earlier).min_by_key(place);
        let baseline = baseline.unwrap_or_default().to_string();
        plan.parts.push(PlanPart {
            date: OffsetDateTime::now_utc().date().to_string(),
            revision: env!("SNR_BENCH_GIT").to_string(),
            baseline,
            epochs,
            seeds: runs.iter().map(|spec| spec.seed).collect::<BTreeSet<_>>().into_iter().collect(),
            runs: runs.iter().map(|spec| spec.run_name()).collect(),
        });
    }
    plan
}

/// What holds where `target` and `margin` are stated beside a plan.
///
/// # Errors
/// A [`UsageError`](crate::error::UsageError): others than the plan's.
pub fn criteria(plan: Option<&PlanFile>, folder: &Path, target: Option<f64>, margin: Option<f64>) -> Result<Criteria> {
    let stated = Criteria::checked(target, margin)?;
    let Some(plan) = plan else { return Ok(stated) };
    let planned = plan.criteria();
    let path = folder.join(PLAN);
    if margin.is_some_and(|margin| margin != planned.margin) {
        usage!("--margin {} is not what {} holds, {}; leave it out", stated.margin, path.display(), planned.margin);
    }
    match (target, planned.target) {
        (Some(target), Some(kept)) if target != kept => {
            usage!("--target {target} is not what {} holds, {kept}; leave it out", path.display())
        }
        (Some(target), None) => usage!(
            "--target {target} was not stated when {} was written, before the runs; leave it out",
            path.display()
        ),
        _ => Ok(planned),
    }
}
