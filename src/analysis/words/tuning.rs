//! What tuning chose, in words.

use std::path::Path;

use super::{list, ratio, seeds};
use crate::analysis::tuning::{Rival, TunedArm, Tuning, written};
use crate::number::{plain, thousands};
use crate::run_dir::Warning;

/// Rivals that are named; of more the number is told.
const NAMED: usize = 4;

/// "seeds 100–102 and 10,000 held-out images".
pub fn tuned_on(tuning: &Tuning) -> String {
    let images = thousands(tuning.validation.trim_start_matches("holdout:"));
    format!("{} and {images} held-out images", seeds(&tuning.seeds))
}

/// What was chosen from what, and how much that says: a paragraph for each arm, and one about all.
pub fn tuning(tuning: &Tuning) -> Vec<String> {
    let n = tuning.seeds.len();
    let grown = match (tuning.rounds, tuning.most_rounds) {
        (_, 0) => String::new(),
        (rounds, most) => format!(", after {rounds} of at most {most} rounds in which the grid grew"),
    };
    let head = format!(
        "Tuned on {}, none of which a judged run uses{grown}: chosen is the least mean over the seeds of ln(final validation \
         loss).",
        tuned_on(tuning),
    );
    let within = match n {
        1 => "With one tuning seed the noise of a trial is not known.".to_string(),
        _ => format!(
            "Within noise: the 95% interval of the paired difference over {n} seeds, which is wide for so few, holds no \
             difference; it does not correct for the choice of the least."
        ),
    };
    std::iter::once(head)
        .chain(tuning.arms.iter().map(|arm| of_arm(arm, n)))
        .chain([format!(
            "{within} Expected best: the mean over all subsets of so many of its trials of the best loss in them."
        )])
        .collect()
}

fn of_arm(arm: &TunedArm, seeds: usize) -> String {
    let mut said = format!("{}: {}.", arm.title, written(&arm.chosen));
    let close = arm.within_noise();
    if !close.is_empty() {
        let mut names: Vec<String> = close.iter().take(NAMED).map(rival_text).collect();
        if close.len() > NAMED {
            names.push(format!("{} more", close.len() - NAMED));
        }
        said += &format!(" Within noise of it: {}.", list(&names));
    } else if let Some(next) = arm.rivals().first().filter(|_| seeds > 1) {
        said += &format!(" Nothing else is within noise of it; next is {}.", rival_text(next));
    }
    if !arm.at_edge.is_empty() {
        said += &format!(
            " Caution: its {} lies at the edge of what was tried, so a better value may lie beyond.",
            list(&arm.at_edge)
        );
    }
    said
}

/// "lr 0.002 (2.1% higher)".
fn rival_text(rival: &Rival) -> String {
    let mut effect = rival.effect;
    effect.interval = None;
    match effect.mean {
        mean if mean.abs() < 5e-5 => format!("{} (equal)", written(&rival.trial.settings)),
        mean if mean > 3.0 => format!("{} ({} times)", written(&rival.trial.settings), plain(mean.exp(), 0)),
        _ => format!("{} ({})", written(&rival.trial.settings), ratio(&effect)),
    }
}

/// A choice that is not used.
pub fn left_out_choice(path: &Path, why: &str) -> Warning {
    Warning(format!("{} is left out, and nothing counts as tuned by it: {why}", path.display()))
}
