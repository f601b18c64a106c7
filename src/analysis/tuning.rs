//! `chosen.toml`: what tuning chose for each arm, with the trials that led to it; and what they say of the choice.
//!
//! A trial is a set of values of the tuned settings, trained on every tuning seed. Its value is the mean over these seeds of
//! [`Endpoint::FinalValLoss`], the logarithm of a loss on held-out images: a geometric mean of losses, ∞ where a run failed.
//! The trial with the least value is chosen, the first of several.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use super::group::{Arm, Group};
use super::judge::effect;
use super::plan::{PlanFile, PlannedArm, TunePlan};
use super::run::Run;
use super::types::Effect;
use super::{group, integrity, words};
use crate::config::{MAX_SETTINGS, RunSpec};
use crate::error::Result;
use crate::run_dir::record::{CHOSEN, TUNE};
use crate::run_dir::{Record, Warning, record};
use crate::stats::expected_best;
use crate::{config, file};

const HEADER: &str = "\
# Written by snr-bench when the last trial had ended and before the first judged run began: the settings with which each arm
# is judged, and the trials that they were chosen from. 'losses' are final validation losses on held-out images, one for each
# tuning seed; inf is a run that failed.
";

/// What tuning chose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// The tuning seeds.
    pub seeds: Vec<u64>,
    /// The held-out images, as a setting.
    pub validation: String,
    /// How often the grid grew.
    pub rounds: u32,
    /// Most rounds that were planned.
    pub most_rounds: u32,
    #[serde(rename = "arm")]
    pub arms: Vec<TunedArm>,
    /// The experiment's folder, where it was read from one.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// What tuning chose for an arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunedArm {
    /// For people: what tells it from the other arms.
    pub title: String,
    /// The chosen values.
    pub chosen: toml::Table,
    /// The settings whose chosen value is the least or the greatest that was tried, where more could be.
    pub at_edge: Vec<String>,
    /// Names of its judged runs.
    pub runs: Vec<String>,
    #[serde(rename = "trial")]
    pub trials: Vec<TrialResult>,
}

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialResult {
    /// The values that were tried.
    pub settings: toml::Table,
    /// Final validation loss by tuning seed, in nats; ∞ where the run failed.
    pub losses: Vec<f64>,
}

/// A trial beside the chosen one.
#[derive(Clone, Debug, PartialEq)]
pub struct Rival<'a> {
    pub trial: &'a TrialResult,
    /// ln(its loss) − ln(that of the chosen one), over the tuning seeds.
    pub effect: Effect,
}

/// Final validation loss of the run in a directory, in nats, ∞ where it failed; `None` where it has not ended, or is another.
///
/// # Errors
/// A run whose files disagree.
pub fn final_loss(dir: &Path, spec: &RunSpec) -> Result<Option<f64>> {
    let Some(record) = record::read(dir).ok().filter(|record| record.spec == *spec) else { return Ok(None) };
    let mut runs = vec![Run::new(record)];
    match integrity::check(&mut runs).into_iter().next() {
        Some(warning) if !runs[0].sound => bail!("nothing can be chosen by a run whose files disagree: {warning}"),
        _ => Ok(loss(&runs[0])),
    }
}

fn loss(run: &Run) -> Option<f64> {
    run.fate.has_ended().then(|| Endpoint::FinalValLoss.of(run)).flatten().map(f64::exp)
}

impl TrialResult {
    /// Mean of ln(loss) over the tuning seeds; ∞ where a run failed.
    pub fn value(&self) -> f64 {
        self.losses.iter().map(|loss| loss.ln()).sum::<f64>() / self.losses.len() as f64
    }
}

/// The place of the best of some trials; `None` where a run of each failed.
pub fn best(trials: &[TrialResult]) -> Option<usize> {
    let values = trials.iter().map(TrialResult::value).enumerate().filter(|(_, value)| value.is_finite());
    values.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(place, _)| place)
}

impl TunedArm {
    /// The chosen trial.
    pub fn best(&self) -> &TrialResult {
        self.trials.iter().find(|trial| trial.settings == self.chosen).expect("checked when it was read")
    }

    /// The other trials of which no run failed, against the chosen one, best first.
    pub fn rivals<'a>(&'a self) -> Vec<Rival<'a>> {
        let chosen = self.best();
        let others = self.trials.iter().filter(|trial| *trial != chosen && trial.value().is_finite());
        let against = |trial: &'a TrialResult| {
            let differences: Vec<f64> = trial.losses.iter().zip(&chosen.losses).map(|(a, b)| a.ln() - b.ln()).collect();
            Some(Rival { trial, effect: effect(&differences, true)? })
        };
        let mut rivals: Vec<Rival> = others.filter_map(against).collect();
        rivals.sort_by(|a, b| a.effect.mean.total_cmp(&b.effect.mean));
        rivals
    }

    /// The other trials that the tuning seeds cannot tell from the chosen one, best first; none of them with a single seed.
    pub fn within_noise(&self) -> Vec<Rival<'_>> {
        let rivals = self.rivals().into_iter();
        rivals.filter(|rival| rival.effect.sd.is_some() && rival.is_within_noise()).collect()
    }

    /// Number of trials of which a run failed.
    pub fn failed(&self) -> usize {
        self.trials.iter().filter(|trial| !trial.value().is_finite()).count()
    }

    /// Geometric mean of the loss of the best among k trials, for k = 1 … n, see [`expected_best`]; `None` where all k may have
    /// failed.
    pub fn expected_best(&self) -> Vec<Option<f64>> {
        let values: Vec<f64> = self.trials.iter().map(TrialResult::value).collect();
        expected_best(&values).into_iter().map(|value| value.is_finite().then(|| value.exp())).collect()
    }

    /// Whether a run is one of its judged ones.
    pub fn judges(&self, spec: &RunSpec) -> bool {
        self.runs.contains(&spec.run_name())
    }
}

impl Rival<'_> {
    /// Whether the 95% interval of the paired difference holds 0; with one seed nothing can be told apart.
    pub fn is_within_noise(&self) -> bool {
        self.effect.interval.is_none_or(|(low, _)| low <= 0.0)
    }
}

impl Tuning {
    /// The arms of a group that are judged at what it chose, each with how it was tuned.
    pub fn arms_in<'a>(&'a self, group: &'a Group) -> Vec<(&'a TunedArm, &'a Arm)> {
        if group.study.as_deref() != Some(&self.folder) {
            return Vec::new();
        }
        let tuned = |arm: &Arm| self.arms.iter().find(|tuned| arm.runs.iter().any(|run| tuned.judges(&run.spec)));
        group.arms.iter().filter_map(|arm| Some((tuned(arm)?, arm))).collect()
    }

    /// Reads the file of a folder; `None` where it has none.
    ///
    /// # Errors
    /// A file that snr-bench did not write, or whose choice is not that of its trials.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(CHOSEN);
        if !path.exists() {
            return Ok(None);
        }
        let text = file::read_text(&path, MAX_SETTINGS)?;
        let tuning: Self = toml::from_str(&text).with_context(|| {
            format!("{} is not what snr-bench wrote; restore it, or choose another folder", path.display())
        })?;
        let follows = |arm: &TunedArm| best(&arm.trials).is_some_and(|best| arm.trials[best].settings == arm.chosen);
        if !tuning.arms.iter().all(follows) {
            bail!("{} was changed: what it names as chosen is not the best of its trials; restore it", path.display());
        }
        Ok(Some(tuning))
    }

    /// Writes it into a folder, once: what is there already must be the same.
    ///
    /// # Errors
    /// A file that says something else; a folder that cannot be written.
    pub fn keep(&self, folder: &Path, replace: bool) -> Result<()> {
        let path = folder.join(CHOSEN);
        match Self::read(folder) {
            _ if replace => {}
            Ok(Some(kept)) if kept == *self => return Ok(()),
            Ok(Some(_)) => bail!(
                "{} does not follow from the trials in {}: one of them was changed; restore it, or choose another folder",
                path.display(),
                folder.join(TUNE).display()
            ),
            Ok(None) => {}
            Err(e) => return Err(e),
        }
        let text = HEADER.to_string() + &toml::to_string(self)?;
        file::write(&path, text.as_bytes())
            .with_context(|| format!("cannot write {}; choose another folder with --out", path.display()))
    }

    /// Takes the tuning runs of a folder out of `records`, and reads what was chosen by them, if anything was; a choice that
    /// is not theirs is left out, and told of.
    pub fn take(
        folder: &Path,
        plan: &PlanFile,
        records: &mut Vec<Record>,
        warnings: &mut Vec<Warning>,
    ) -> Option<Self> {
        let own = folder.join(TUNE);
        let (tried, others) = std::mem::take(records).into_iter().partition(|r| r.dir.parent() == Some(&own));
        *records = others;
        let mut runs: Vec<Run> = Vec::<Record>::into_iter(tried).map(Run::new).collect();
        warnings.extend(integrity::check(&mut runs));
        let tuning = Self::read(folder).and_then(|tuning| match &tuning {
            Some(read) if !read.agrees_with(&runs, plan) => {
                bail!("it does not follow from the tuning runs; restore it")
            }
            Some(_) if plan.tune.iter().flat_map(|tune| &tune.arms).any(PlannedArm::trains_on_all) => {
                bail!("the judged runs train on the held-out images, too; repeat the experiment with train_subset")
            }
            _ => tuning.map(|tuning| tuning.named(folder, plan)).transpose(),
        });
        tuning.unwrap_or_else(|e| {
            warnings.push(words::left_out_choice(&folder.join(CHOSEN), &format!("{e:#}")));
            None
        })
    }

    /// The same with the names that the judged arms have in every table.
    fn named(mut self, folder: &Path, plan: &PlanFile) -> Result<Self> {
        self.folder = folder.to_path_buf();
        let arms = plan.tune.iter().flat_map(|tune| &tune.arms);
        let spec = |(arm, planned): (&TunedArm, &PlannedArm)| planned.spec(&arm.chosen, 0, &self.validation);
        let specs = self.arms.iter().zip(arms).map(spec).collect::<Result<Vec<_>>>()?;
        for (arm, spec) in self.arms.iter_mut().zip(&specs) {
            arm.title = group::label(spec, &specs, false);
        }
        Ok(self)
    }

    /// Whether it is that of a plan.
    fn belongs_to(&self, plan: &TunePlan) -> bool {
        let titles = |arms: Vec<&String>| arms.into_iter().cloned().collect::<Vec<_>>();
        self.seeds == plan.seeds
            && self.validation == plan.validation
            && titles(self.arms.iter().map(|arm| &arm.title).collect())
                == titles(plan.arms.iter().map(|arm| &arm.title).collect())
    }

    /// Whether its trials are those of tuning runs, as far as these are there.
    fn agrees_with(&self, runs: &[Run], plan: &PlanFile) -> bool {
        let Some(plan) = &plan.tune else { return false };
        let found = |arm: usize, trial: &TrialResult, seed: u64| {
            let spec = plan.arms[arm].spec(&trial.settings, seed, &plan.validation).ok()?;
            runs.iter().find(|run| run.spec == spec).and_then(loss)
        };
        let agrees = |arm: usize, trial: &TrialResult| {
            let seeds = self.seeds.iter().zip(&trial.losses);
            seeds.into_iter().all(|(seed, told)| found(arm, trial, *seed).is_none_or(|loss| loss == *told))
        };
        self.belongs_to(plan)
            && self.arms.iter().enumerate().all(|(i, arm)| arm.trials.iter().all(|trial| agrees(i, trial)))
    }
}

/// The values of a trial as one reads them: "lr 0.004, beta2 0.99".
pub fn written(settings: &toml::Table) -> String {
    let each = settings.iter().map(|(key, value)| format!("{key} {}", config::written(value)));
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(lr: f64, losses: &[f64]) -> TrialResult {
        TrialResult { settings: toml::Table::from_iter([("lr".to_string(), lr.into())]), losses: losses.to_vec() }
    }

    #[test]
    fn nothing_is_expected_of_draws_that_may_all_have_failed() {
        let trials = vec![trial(0.1, &[1.0]), trial(0.2, &[f64::INFINITY]), trial(0.3, &[f64::INFINITY])];
        let arm = TunedArm {
            title: "Adam".into(),
            chosen: trials[0].settings.clone(),
            at_edge: vec![],
            runs: vec![],
            trials,
        };
        assert_eq!(arm.expected_best(), [None, None, Some(1.0)]);
    }

    #[test]
    fn a_failed_trial_counts_as_infinite() {
        let trials = [trial(0.1, &[0.2, f64::INFINITY]), trial(0.2, &[0.3, 0.3]), trial(0.3, &[0.3, 0.3])];
        assert_eq!(best(&trials), Some(1), "the first of two that are equal");
        assert_eq!(best(&trials[..1]), None);
    }

    #[test]
    fn rivals_within_noise_are_told_from_worse_ones() {
        let trials =
            vec![trial(0.1, &[0.2, 0.21, 0.22]), trial(0.2, &[0.21, 0.2, 0.23]), trial(0.3, &[0.4, 0.42, 0.45])];
        let arm = TunedArm {
            title: "Adam".into(),
            chosen: trials[0].settings.clone(),
            at_edge: Vec::new(),
            runs: Vec::new(),
            trials,
        };
        let within: Vec<bool> = arm.rivals().iter().map(Rival::is_within_noise).collect();
        assert_eq!(within, [true, false]);
    }
}
