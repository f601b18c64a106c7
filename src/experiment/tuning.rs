//! What an experiment with `[tune]` does next: a pure function of what its folder holds, so that any process may ask, and a
//! stage that is not done waits for whoever does it.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::plan::titles;
use crate::analysis::plan::{PlanFile, PlannedArm, TunePlan};
use crate::analysis::tuning::{self, TrialResult, TunedArm, Tuning};
use crate::config::{RunSpec, Search, Side, Study, StudyArm, Values};
use crate::error::{Failure, Result};
use crate::run_dir::record::TUNE;
use crate::usage;

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Stage {
    /// The tuning runs so far, seeds slowest and arms fastest; not all of them have ended.
    Trials {
        runs: Vec<RunSpec>,
        /// How often the grid has grown.
        round: u32,
    },
    /// All trials have ended, and this follows from them.
    Chosen(Tuning),
}

/// What `study` does next in `folder`. A run counts as ended only if `counts` says so.
///
/// # Errors
/// An arm of which every trial failed; a directory that holds another run.
pub fn next_stage(study: &Study, folder: &Path, counts: &dyn Fn(&RunSpec) -> bool) -> Result<Stage> {
    let titles = arm_titles(study)?;
    let (mut study, most) = (as_planned(study, folder)?, rounds(study));
    let mut round = 0;
    loop {
        let results = study.arms.iter().map(|arm| results(&study, arm, folder, counts)).collect::<Result<Vec<_>>>()?;
        let Some(results) = results.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(Stage::Trials { runs: tuning_runs(&study)?, round });
        };
        let edges = edges(&study, &results);
        let mut grown = false;
        if round < most {
            for (key, side) in &edges {
                grown |= study.grow(key, *side);
            }
        }
        if !grown {
            return Ok(Stage::Chosen(chosen(&study, titles, results, round)?));
        }
        round += 1;
    }
}

/// The study with the judged seeds of the folder's plan, where it has one: later ones are added to these.
///
/// # Errors
/// A file that is not a plan.
pub fn as_planned(study: &Study, folder: &Path) -> Result<Study> {
    let planned = PlanFile::read(folder)?.and_then(|plan| Some(plan.tune?.judged_seeds));
    Ok(Study { seeds: planned.unwrap_or_else(|| study.seeds.clone()), ..study.clone() })
}

/// Most rounds in which the grid grows.
pub fn rounds(study: &Study) -> u32 {
    match study.search {
        Search::Grid { grow } => grow,
        Search::Random { .. } => 0,
    }
}

/// The results of an arm's trials; `None` where a run has not ended.
fn results(
    study: &Study,
    arm: &StudyArm,
    folder: &Path,
    counts: &dyn Fn(&RunSpec) -> bool,
) -> Result<Option<Vec<TrialResult>>> {
    let mut results = Vec::new();
    for settings in arm.trials(study)? {
        let mut losses = Vec::new();
        for seed in &study.tuning_seeds {
            let spec = arm.spec(&settings, *seed, Some(study.validation))?;
            let dir = folder.join(TUNE).join(spec.run_name());
            let loss = if counts(&spec) { tuning::final_loss(&dir, &spec)? } else { None };
            let Some(loss) = loss else { return Ok(None) };
            losses.push(loss);
        }
        results.push(TrialResult { settings, losses });
    }
    Ok(Some(results))
}

/// The ends of the growing axes at which the best of any arm lies, each once.
fn edges(study: &Study, results: &[Vec<TrialResult>]) -> Vec<(String, Side)> {
    let mut edges = Vec::new();
    for key in study.growing() {
        for (arm, trials) in study.arms.iter().zip(results) {
            let best = tuning::best(trials).and_then(|best| trials[best].settings.get(key));
            let axis = arm.axes.iter().find(|axis| axis.key == key);
            let sides = axis.zip(best).map(|(axis, best)| axis.edges(best)).unwrap_or_default();
            edges.extend(sides.into_iter().map(|side| (key.to_string(), side)));
        }
    }
    edges.sort();
    edges.dedup();
    edges
}

fn chosen(study: &Study, titles: Vec<String>, results: Vec<Vec<TrialResult>>, rounds: u32) -> Result<Tuning> {
    let arm = |((arm, title), trials): ((&StudyArm, String), Vec<TrialResult>)| {
        let Some(best) = tuning::best(&trials) else {
            bail!(Failure::NoTrial(format!(
                "nothing can be chosen for {title}: a run of each of its {} trials failed; give it other values in [tune], in another folder",
                trials.len()
            )));
        };
        let chosen = trials[best].settings.clone();
        let at_edge = arm.axes.iter().filter(|axis| {
            axis.list().len() > 1 && axis.edges(&chosen[&axis.key]).into_iter().any(|side| axis.beyond(side).is_some())
        });
        let at_edge = at_edge.map(|axis| axis.key.clone()).collect();
        let runs = study.seeds.iter().map(|seed| Ok(arm.spec(&chosen, *seed, None)?.run_name()));
        Ok(TunedArm { title, at_edge, runs: runs.collect::<Result<_>>()?, chosen, trials })
    };
    let arms = study.arms.iter().zip(titles).zip(results).map(arm).collect::<Result<_>>()?;
    let (seeds, validation) = (study.tuning_seeds.clone(), study.validation.to_string());
    Ok(Tuning { seeds, validation, rounds, most_rounds: self::rounds(study), arms, folder: PathBuf::new() })
}

/// The tuning runs of a study as it stands: seeds slowest, arms fastest.
///
/// # Errors
/// A trial that is impossible.
pub fn tuning_runs(study: &Study) -> Result<Vec<RunSpec>> {
    let trials = study.arms.iter().map(|arm| arm.trials(study)).collect::<Result<Vec<_>>>()?;
    let mut runs = Vec::new();
    for seed in &study.tuning_seeds {
        for trial in 0..trials[0].len() {
            for (arm, trials) in study.arms.iter().zip(&trials) {
                runs.push(arm.spec(&trials[trial], *seed, Some(study.validation))?);
            }
        }
    }
    Ok(runs)
}

/// The judged runs with what was chosen for each arm, or before that with any of its trials: seeds slowest.
///
/// # Errors
/// A run that is impossible.
pub fn judged_runs(study: &Study, seeds: &[u64], tuning: Option<&Tuning>) -> Result<Vec<RunSpec>> {
    let mut runs = Vec::new();
    for seed in seeds {
        for (i, arm) in study.arms.iter().enumerate() {
            let trial = tuning.map_or_else(|| arm.first(), |tuning| tuning.arms[i].chosen.clone());
            runs.push(arm.spec(&trial, *seed, None)?);
        }
    }
    Ok(runs)
}

/// What tells each arm from the others, for people.
fn arm_titles(study: &Study) -> Result<Vec<String>> {
    let specs = judged_runs(study, &study.seeds[..1], None)?;
    let end = format!(", seed {}", study.seeds[0]);
    let titles: Vec<String> = titles(&specs).iter().map(|title| title.trim_end_matches(&end).to_string()).collect();
    if let Some((i, twice)) = titles.iter().enumerate().find(|(i, title)| titles[..*i].contains(title)) {
        usage!("the arms {} and {} are both {twice}: they differ in nothing but what is tuned", i, i + 1);
    }
    Ok(titles)
}

/// What the plan holds of a study.
///
/// # Errors
/// Two arms that are equal.
pub fn plan(study: &Study) -> Result<TunePlan> {
    let rule = "each arm: the trial with the least mean over the tuning seeds of ln(final validation loss), the mean over the \
        last quarter of the epochs on the held-out images; a failed run is infinite";
    let arm =
        |(arm, title): (&StudyArm, String)| PlannedArm { title, space: space(arm), settings: arm.settings.clone() };
    let (grow, trials, search_seed) = match study.search {
        Search::Grid { grow } => (Some(grow), None, None),
        Search::Random { trials, seed } => (None, Some(trials), Some(seed)),
    };
    Ok(TunePlan {
        rule: rule.to_string(),
        seeds: study.tuning_seeds.clone(),
        validation: study.validation.to_string(),
        judged_seeds: study.seeds.clone(),
        grow,
        trials,
        search_seed,
        arms: study.arms.iter().zip(arm_titles(study)?).map(arm).collect(),
    })
}

fn space(arm: &StudyArm) -> toml::Table {
    let range = |kind: &str, low: &toml::Value, high: &toml::Value| {
        let bounds = toml::Value::Array(vec![low.clone(), high.clone()]);
        toml::Value::Table(toml::Table::from_iter([(kind.to_string(), bounds)]))
    };
    let values = |values: &Values| match values {
        Values::List(values) => values.clone().into(),
        Values::Uniform(low, high) => range("uniform", low, high),
        Values::LogUniform(low, high) => range("loguniform", low, high),
    };
    arm.axes.iter().map(|axis| (axis.key.clone(), values(&axis.values))).collect()
}
