//! What belongs to the leaderboard and the tables of verdicts below it.

use super::{list, per_cent, seeds, standing};
use crate::analysis::endpoint::Endpoint;
use crate::analysis::group::{Arm, Group};
use crate::analysis::judge::least_pairs;
use crate::analysis::types::{Basis, Comparison, Criteria, Judgement, Reason, Verdict};
use crate::number::thousands;

impl Endpoint {
    /// For people: the name of a column, in two lines.
    pub fn heading(self) -> &'static str {
        match self {
            Endpoint::Speed => "training loss\nover the run",
            Endpoint::FinalTrainLoss => "final\ntraining loss",
            Endpoint::FinalValLoss => "final\nvalidation loss",
        }
    }

    /// For people: the name of a column of ratios of losses.
    pub fn short_name(self) -> &'static str {
        match self {
            Endpoint::Speed => "over the run",
            Endpoint::FinalTrainLoss => "final training",
            Endpoint::FinalValLoss => "final validation",
        }
    }
}

/// The verdict in a word, for a narrow column; nothing where there is none, which [`remarks`] explain.
pub fn short(judgement: &Judgement) -> String {
    match judgement.verdict {
        Verdict::NoRelevantDifference => "equivalent".to_string(),
        Verdict::NotTestable | Verdict::NotTested => String::new(),
        verdict => verdict.to_string(),
    }
}

/// The verdict as a sign: nothing where there is none.
pub fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Supported => "▲",
        Verdict::Contradicted => "▼",
        Verdict::NoRelevantDifference => "≈",
        Verdict::Undecided => "○",
        Verdict::NotTestable | Verdict::NotTested => "",
    }
}

/// What stands above verdicts at equal learning rates, where there are several.
pub const EQUAL_RATES: &str = "At equal learning rates";

/// What stands above the verdicts that come first.
pub fn headline(comparisons: &[&Comparison]) -> &'static str {
    let all = |bases: &[Basis]| comparisons.iter().all(|comparison| bases.contains(&comparison.basis));
    match () {
        () if all(&[Basis::EqualLr]) => "Verdicts",
        () if all(&[Basis::EqualLr, Basis::Tuned]) => "Each at its best, tuned on other seeds",
        () => "Each at its best learning rate",
    }
}

/// What failed, why there are no verdicts, how the pairs stand to the plan, and what to be careful about: each once.
pub fn remarks(group: &Group) -> Vec<String> {
    let headline = group.headline();
    let mut said: Vec<String> = failed(group).into_iter().chain(probed(group)).chain(grafted(group)).collect();
    let mut say = |sentence: String| {
        if !said.contains(&sentence) {
            said.push(sentence);
        }
    };
    let others = group.at_equal_rates();
    // a single answer says so itself
    let told = if headline.len() > 1 { &headline[..] } else { &[] };
    told.iter().chain(&others).flat_map(|c| &c.judgements).filter_map(obstacle).for_each(&mut say);
    headline.iter().chain(&others).for_each(|comparison| {
        say(standing(comparison));
        comparison.cautions.iter().for_each(|caution| say(format!("Caution: {caution}.")));
    });
    said
}

/// "Failed, which counts as ∞: 2 of 3 SGD, lr 0.1 (seeds 0, 2)."
fn failed(group: &Group) -> Option<String> {
    let of_arm = |arm: &Arm| {
        let failed = arm.runs.iter().filter(|run| run.fate.is_failed()).map(|run| run.spec.seed);
        format!("{} of {} {} ({})", arm.failed(), arm.runs.len(), arm.label, seeds(&failed.collect::<Vec<_>>()))
    };
    let each: Vec<String> = group.arms.iter().filter(|arm| arm.failed() > 0).map(of_arm).collect();
    (!each.is_empty()).then(|| format!("Failed, which counts as ∞: {}.", list(&each)))
}

/// What the names of grafts mean, where there are some.
fn grafted(group: &Group) -> Option<String> {
    let is_graft = group.arms.iter().any(|arm| arm.spec().optim == "graft");
    is_graft.then(|| "A name such as M#D: steps of the size of M’s, in the direction of D’s.".to_string())
}

fn probed(group: &Group) -> Option<String> {
    let images = thousands(&group.probe?.to_string());
    Some(format!("Training loss over the run: on one fixed sample of {images} training images, after every step."))
}

fn obstacle(judgement: &Judgement) -> Option<String> {
    Some(match judgement.reason? {
        Reason::TooFewPairs => {
            let [least, with_failed] = [true, false].map(least_pairs);
            format!("No verdict with so few pairs: it takes {least}, or {with_failed} where a run failed.")
        }
        Reason::ChosenOnTheseSeeds => {
            "No verdict at the best rates: they were chosen and measured on the same seeds.".to_string()
        }
        Reason::IdenticalDifferences => {
            "No verdict where all pairs differ by exactly the same: there is no spread to judge by.".to_string()
        }
        _ => return None,
    })
}

/// How places are given, and what the intervals beside them are.
pub const PLACES: &str = "Places by final validation loss; shared unless the paired difference to the first at a place is shown \
    (95%). [ ]: 95% interval of the mean over seeds.";

/// What the signs of verdicts mean.
pub fn signs(criteria: Criteria) -> String {
    format!(
        "Claimed is that the first of two is lower: ▲ supported ▼ contradicted ≈ equivalent (within {}) ○ undecided.",
        per_cent(criteria.margin)
    )
}
