//! What tuning chose, in words.

use std::path::Path;

use super::{list, ratio, seeds};
use crate::analysis::tuning::{Rival, TunedArm, Tuning, written};
use crate::number::{plain, short_loss};
use crate::run_dir::Warning;

/// Rivals that are named; of more the number is told.
const NAMED: usize = 4;

/// What was chosen from what, and how much that says: a paragraph for each arm, and one about all.
pub fn tuning(tuning: &Tuning) -> Vec<String> {
    let n = tuning.seeds.len();
    let grown = match (tuning.rounds, tuning.most_rounds) {
        (_, 0) => String::new(),
        (rounds, most) => format!(", after {rounds} of at most {most} rounds in which the grid grew"),
    };
    let head = format!(
        "Tuned on {} and {}, none of which a judged run uses{grown}: chosen is the least mean over the seeds of ln(final \
         validation loss).",
        seeds(&tuning.seeds),
        tuning.validation.replace("holdout:", "held-out images: "),
    );
    let within = match n {
        1 => "With one tuning seed the noise of a trial is not known.".to_string(),
        _ => format!(
            "Within noise: the 95% interval of the paired difference over {n} seeds, which is wide for so few, holds no \
             difference; it does not correct for the choice of the least."
        ),
    };
    let expected =
        "Expected best: the mean over all subsets of so many of its trials of the best loss in them.".to_string();
    std::iter::once(head)
        .chain(tuning.arms.iter().map(|arm| of_arm(arm, n)))
        .chain([within + " " + &expected])
        .collect()
}

fn of_arm(arm: &TunedArm, seeds: usize) -> String {
    let trials = arm.trials.len();
    let failed = arm.trials.iter().filter(|trial| !trial.value().is_finite()).count();
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let loss = arm.best().value().exp();
    let mut said =
        format!("{}: {} of {trials} trials{failed}, loss {}.", arm.title, written(&arm.chosen), short_loss(loss));
    let rivals = arm.rivals();
    let close: Vec<&Rival> = rivals.iter().filter(|rival| seeds > 1 && rival.is_within_noise()).collect();
    if !close.is_empty() {
        let mut names: Vec<String> = close.iter().take(NAMED).map(|rival| rival_text(rival)).collect();
        if close.len() > NAMED {
            names.push(format!("{} more", close.len() - NAMED));
        }
        said += &format!(" Within noise of it: {}.", list(&names));
    } else if seeds > 1 && !rivals.is_empty() {
        said += &format!(" Nothing else is within noise of it; next is {}.", rival_text(&rivals[0]));
    }
    let curve = arm.expected_best();
    let steps = [1, 2, 4, 8, 16, 32, 64].into_iter().filter(|k| *k < trials).chain([trials]);
    let at = |k: usize| format!("{} of {k}", curve[k - 1].map_or("∞".to_string(), short_loss));
    said += &format!(" Expected best: {}.", list(&steps.map(at).collect::<Vec<_>>()));
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
