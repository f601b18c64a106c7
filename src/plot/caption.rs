//! What a chart of runs says about itself: data, settings, number of seeds, what the band is, and what went wrong.

use super::view::{MIN_SEEDS, Metric, X};
use crate::analysis::words::finding;
use crate::analysis::{Arm, Basis, Comparison, Endpoint, Group, batch, has_several_rates, short_hash};
use crate::config::{Batch, RunSpec, Validation};
use crate::number::{number, thousands};

/// What arms of a group come to in a metric; before that is known "Training loss on MNIST, batch 4096".
pub fn title(group: &Group, shown: &[&Arm], metric: Metric) -> String {
    let found = match metric {
        Metric::TrainLoss => finding::endpoint(group, shown, Endpoint::Speed),
        Metric::ValLoss => finding::endpoint(group, shown, Endpoint::FinalValLoss),
        Metric::ErrorRate => finding::error_rate(group, shown),
    };
    let spec = group.spec();
    found.unwrap_or_else(|| format!("{} on {}, {}", metric.name(), spec.dataset.label(), batch(spec)))
}

/// How to read a chart of some arms, and what went wrong. `every` is the distance of the steps that are drawn, where it is one
/// by step.
pub fn caption(group: &Group, shown: &[&Arm], metric: Metric, x: X, every: Option<usize>) -> String {
    let mut sentences = vec![seeds(shown)];
    if has_several_rates(group) && shown.len() < group.arms.len() {
        sentences.push("Each optimizer at its best learning rate, chosen by the final validation loss.".to_string());
    }
    sentences.push(match (metric, every) {
        (Metric::TrainLoss, Some(1)) => "Training loss: that of each batch, before its step.".to_string(),
        (Metric::TrainLoss, Some(n)) => {
            format!("Training loss: that of a batch before its step, shown for one step in {n}.")
        }
        (Metric::TrainLoss, None) => {
            "Training loss: the mean over an epoch’s batches as they were trained on, shown at the epoch’s end."
                .to_string()
        }
        _ => "Measured after every epoch; the first point is before training.".to_string(),
    });
    if x == X::Seconds && averaged(shown).any(|n| n > 1) {
        sentences.push("Seconds: the mean over seeds at the end of each epoch.".to_string());
    }
    sentences.extend(count(shown, Arm::failed).map(|runs| {
        format!(
            "Failed: {runs}; × marks where the loss left the chart, became infinite, or ended no better than before training; \
             not in any mean."
        )
    }));
    sentences
        .extend(count(shown, Arm::unfinished).map(|runs| format!("Unfinished: {runs}; drawn as far as they are.")));
    sentences.join(" ")
}

/// Data, model and settings of a group.
pub fn runs(group: &Group) -> String {
    format!("{}; {}.", data(group), settings(group))
}

/// "MNIST (60,000 training and 10,000 test images; data 1a2b3c4d)".
fn data(group: &Group) -> String {
    let RunSpec { dataset, validation, train_subset, .. } = group.spec();
    let (all, test) = dataset.sizes();
    let (held_out, other) = match validation {
        Validation::Test => (0, format!("{} test", thousands(&test.to_string()))),
        Validation::Holdout(n) => (*n, format!("{} held-out training", thousands(&n.to_string()))),
    };
    let rest = all.saturating_sub(held_out);
    let train = train_subset.map_or(rest, |n| n.min(rest));
    let hash = short_hash(group.data_hash());
    let train = thousands(&train.to_string());
    format!("{} ({train} training and {other} images, data {hash})", dataset.label())
}

/// "ViT of 105,098 parameters; batch 4096, lr 0.001".
fn settings(group: &Group) -> String {
    let first = group.spec();
    let mut text = format!("{} of {} parameters", first.model.label(), thousands(&first.num_params().to_string()));
    for unusual in first.model.unusual() {
        text += &format!(", {}", unusual.text);
    }
    text += &format!("; {}", batch(first));
    if first.batch == Batch::Full {
        text += " (one step an epoch)";
    }
    let same = |setting: fn(&RunSpec) -> f64| {
        group.arms.iter().all(|arm| setting(arm.spec()) == setting(first)).then(|| setting(first))
    };
    if let Some(lr) = same(|spec| spec.lr) {
        text += &format!(", lr {}", number(lr));
    }
    if let Some(decay) = same(|spec| spec.weight_decay).filter(|decay| *decay != 0.0) {
        text += &format!(", weight decay {}", number(decay));
    }
    text
}

/// Number of runs behind each line.
fn averaged(shown: &[&Arm]) -> impl Iterator<Item = usize> {
    shown.iter().map(|arm| arm.averaged().len()).filter(|n| *n > 0)
}

/// "n = 10 seeds each. Lines: mean; bands: 95% confidence interval of the mean (Student’s t); faint: single seeds."
pub fn seeds(shown: &[&Arm]) -> String {
    let counts: Vec<usize> = averaged(shown).collect();
    let seeds = |n: usize| if n == 1 { "1 seed".to_string() } else { format!("{n} seeds") };
    let n = match counts.as_slice() {
        [] => return "No run that did not fail.".to_string(),
        [n] => format!("n = {}.", seeds(*n)),
        [n, rest @ ..] if rest.iter().all(|other| other == n) => format!("n = {} each.", seeds(*n)),
        counts if counts.len() > 3 => {
            let (least, most) = (counts.iter().min().unwrap_or(&0), counts.iter().max().unwrap_or(&0));
            format!("n = {least} to {most} seeds.")
        }
        _ => {
            let arms = shown.iter().map(|arm| (arm, arm.averaged().len())).filter(|(_, n)| *n > 0);
            let each: Vec<String> = arms.map(|(arm, n)| format!("{} ({})", seeds(n), arm.label)).collect();
            format!("n = {}.", each.join(", "))
        }
    };
    match counts.iter().max() {
        Some(1) => n,
        Some(most) if *most < MIN_SEEDS => {
            format!("{n} Lines: mean; faint lines: single seeds; no interval below {MIN_SEEDS} seeds.")
        }
        _ => format!(
            "{n} Lines: mean; bands: 95% confidence interval of the mean (Student’s t); faint lines: single seeds."
        ),
    }
}

/// At which learning rates paired runs met: " and learning rate".
pub fn rates(comparisons: &[&Comparison]) -> &'static str {
    match comparisons.iter().all(|comparison| comparison.basis == Basis::EqualLr) {
        true => " and learning rate",
        false => ", each optimizer at its best learning rate",
    }
}

/// "8", and where they are not all the same "8 (Adam), 7 (SNRAdam)".
pub fn counts<'a>(all: impl Iterator<Item = (usize, &'a str)>) -> String {
    let all: Vec<(usize, &str)> = all.collect();
    match all.as_slice() {
        [(n, _), others @ ..] if others.iter().all(|(other, _)| other == n) => n.to_string(),
        several => several.iter().map(|(n, name)| format!("{n} ({name})")).collect::<Vec<_>>().join(", "),
    }
}

/// What the line, the band and the faint lines of paired ratios are, at each `place`.
pub fn ratios(has_band: bool, place: &str) -> String {
    let band = match has_band {
        true => format!("band: its 95% confidence interval (Student’s t), for each {place} by itself."),
        false => format!("no interval below {MIN_SEEDS} pairs."),
    };
    format!("Line: geometric mean of the ratio within a pair; faint lines: single pairs; {band}")
}

/// "1 of 10 Adam, 2 of 10 SNRAdam" of what is counted, if any.
fn count(shown: &[&Arm], what: impl Fn(&Arm) -> usize) -> Option<String> {
    let arms = shown.iter().filter(|arm| what(arm) > 0);
    let each: Vec<String> = arms.map(|arm| format!("{} of {} {}", what(arm), arm.runs.len(), arm.label)).collect();
    (!each.is_empty()).then(|| each.join(", "))
}
