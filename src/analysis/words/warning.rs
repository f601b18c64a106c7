//! What the reader of results should know of runs, in words.

use std::collections::BTreeSet;
use std::path::Path;

use super::{list, seeds};
use crate::analysis::group::{Group, short_hash};
use crate::analysis::pairing::Variant;
use crate::analysis::plan::PlanFile;
use crate::analysis::run::{Fate, Run};
use crate::config::Validation;
use crate::number::number;
use crate::run_dir::State;
use crate::run_dir::Warning;
use crate::shell;

/// What was done with a run that had ended and lacked rows.
pub const REPAIRED: &str = "its metrics.csv was missing or cut off, and is written anew from its checkpoint";

/// Where seconds do not compare.
pub const NO_SECONDS: &str = "made on different machines or numbers of threads: seconds are not compared";

pub fn left_out(dir: &Path, why: &str) -> Warning {
    Warning(format!("{} is left out: {why}", dir.display()))
}

pub fn copy(first: &Path, second: &Path) -> Warning {
    Warning(format!(
        "{} is left out: its rows equal those of {}, a run with another seed; one is a copy of the other",
        second.display(),
        first.display()
    ))
}

/// Runs of a group of which only some probe a fixed sample, or another one.
pub fn uneven_probes(group: &Group) -> Warning {
    Warning(format!(
        "{}: not all runs have steps.csv with the loss on one and the same sample (observe.probe); the training loss over the \
         run is that of the epochs' batches",
        group.title()
    ))
}

/// A pair that did not begin alike.
pub fn other_start((a, b): &(&Run, &Run)) -> Warning {
    Warning(format!(
        "{} and {} are no pair, though both have seed {}: their evaluations before training differ",
        a.dir.display(),
        b.dir.display(),
        a.spec.seed
    ))
}

/// "seeds 3, 4 pair runs of different revisions of the program".
pub fn mixed(what: &str, differing: &[u64]) -> String {
    let (seeds, pair) = (seeds(differing), if differing.len() == 1 { "pairs" } else { "pair" });
    format!("{seeds} {pair} runs of different {what}: a difference may come from that")
}

/// "seeds 3, 4 have a run that was continued on another machine".
pub fn moved(moved: &[u64]) -> String {
    let have = if moved.len() == 1 { "has" } else { "have" };
    format!("{} {have} a run that was continued on another machine: a difference may come from that", seeds(moved))
}

/// Runs that have not ended.
pub fn unfinished(group: &Group) -> Vec<Warning> {
    let runs = group.runs().filter(|run| run.sound && run.fate == Fate::Unfinished);
    runs.map(|run| {
        let state = if run.meta.state == State::Finished { "cut off".to_string() } else { run.meta.state.to_string() };
        Warning(format!(
            "{} is left out: {state} after {}; go on with: snr-bench train --resume {}",
            run.dir.display(),
            run.spec.so_far(run.last().epoch, run.last().step),
            shell::path(&run.dir)
        ))
    })
    .collect()
}

/// Seeds that only one of two arms has.
pub fn unpaired(a: &[u64], b: &[u64], (a_label, b_label): (&str, &str)) -> Vec<Warning> {
    let lone = |one: &[u64], other: &[u64], label: &str, other_label: &str| {
        let lone: Vec<u64> = one.iter().copied().filter(|seed| !other.contains(seed)).collect();
        (!lone.is_empty())
            .then(|| Warning(format!("{} of {label} left out: {other_label} has none to pair with", seeds(&lone))))
    };
    [lone(a, b, a_label, b_label), lone(b, a, b_label, a_label)].into_iter().flatten().collect()
}

/// A group that allows no comparison.
pub fn only_one(group: &Group) -> Warning {
    Warning(format!(
        "{} has runs of {} only; train another optimizer with the same settings to compare it with",
        group.title(),
        group.arms[0].name
    ))
}

/// The same settings on other data.
pub fn different_data(groups: &[Group]) -> Vec<Warning> {
    let hash = |group: &Group| group.data_hash().to_string();
    let same = |i: usize, j: usize| groups[i].settings == groups[j].settings && hash(&groups[i]) != hash(&groups[j]);
    let first = |i: &usize| (0..*i).all(|j| !same(j, *i)) && (i + 1..groups.len()).any(|j| same(*i, j));
    (0..groups.len())
        .filter(first)
        .map(|i| {
            let alike = groups.iter().filter(|group| group.settings == groups[i].settings);
            let hashes: BTreeSet<String> = alike.map(|group| short_hash(group.data_hash())).collect();
            Warning(format!(
                "{}: the runs are on different data (hashes {}), and only those on the same data are compared",
                groups[i].title(),
                hashes.into_iter().collect::<Vec<_>>().join(", ")
            ))
        })
        .collect()
}

/// Planned runs that have not ended, or are not there.
pub fn missing_from_plan(plans: &[PlanFile], runs: &[Run]) -> Option<Warning> {
    let names: BTreeSet<(u64, &String)> = plans
        .iter()
        .flat_map(|plan| &plan.parts)
        .flat_map(|part| part.runs.iter().map(|run| (part.epochs, run)))
        .collect();
    let ended: Vec<(u64, String)> = runs
        .iter()
        .filter(|run| run.sound && run.fate.has_ended())
        .map(|run| (run.spec.epochs, run.spec.run_name()))
        .collect();
    let missing = names.iter().filter(|(epochs, name)| !ended.iter().any(|(e, n)| e >= epochs && n == *name)).count();
    (missing > 0).then(|| {
        Warning(format!(
            "interim: {missing} of the {} planned runs are missing or have not ended; repeat the experiment's command to go on",
            names.len()
        ))
    })
}

/// Reasons to doubt that a best learning rate is the best.
pub fn doubts_about_rates(variants: &[Variant]) -> Vec<Warning> {
    let written = |rates: &[f64]| rates.iter().map(|lr| number(*lr)).collect::<Vec<_>>().join(", ");
    let mut doubts: Vec<String> = variants.iter().filter_map(|variant| doubt_about(variant, &written)).collect();
    if variants.iter().any(|variant| variant.rates() != variants[0].rates()) {
        let each: Vec<String> = variants.iter().map(|v| format!("{} {}", v.name(), written(&v.rates()))).collect();
        doubts.push(format!("the learning rates tried differ ({}): who tried more may have found more", list(&each)));
    }
    if variants[0].arms[0].spec().validation == Validation::Test {
        doubts.push(
            "the best learning rates were chosen by the test set, which flatters both; choose them by held-out images: \
             --validation holdout:5000"
                .to_string(),
        );
    }
    doubts.into_iter().map(Warning).collect()
}

fn doubt_about(variant: &Variant, written: &dyn Fn(&[f64]) -> String) -> Option<String> {
    let (name, rates) = (variant.name(), variant.rates());
    let (least, most) = (rates[0], rates[rates.len() - 1]);
    match variant.best().map(|arm| arm.spec().lr) {
        None => Some(format!(
            "{name} has no best learning rate: at each of {} runs failed or have not ended",
            written(&rates)
        )),
        Some(lr) if rates.len() == 1 => {
            Some(format!("{name} was trained with one learning rate only ({}), which need not be its best", number(lr)))
        }
        Some(lr) if lr == least || lr == most => Some(format!(
            "{name}: its best learning rate {} lies at the edge of those tried ({}); try {} ones",
            number(lr),
            written(&rates),
            if lr == least { "smaller" } else { "larger" }
        )),
        Some(_) => None,
    }
}
