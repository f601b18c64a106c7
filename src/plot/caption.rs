//! What a chart of runs says about itself: data, settings, number of seeds, what the band is, and what went wrong.

use super::X;
use super::chart::{MIN_SEEDS, Metric};
use crate::config::{Batch, RunSpec, Validation};
use crate::group::{Arm, Group, batch, short_hash};
use crate::number::{number, thousands};

/// "Training loss on MNIST, batch 4096".
pub fn title(group: &Group, metric: Metric) -> String {
    let spec = spec(group);
    format!("{} on {}, {}", metric.name(), spec.dataset.label(), batch(spec))
}

/// Everything that the reader needs to judge the chart.
pub fn caption(group: &Group, metric: Metric, x: X) -> String {
    let mut sentences = vec![runs(group), seeds(group)];
    sentences.push(
        match metric {
            Metric::TrainLoss => {
                "Training loss: the mean over an epoch’s batches as they were trained on, shown at the epoch’s end."
            }
            Metric::ValLoss | Metric::ValAccuracy => "Measured after every epoch; the first point is before training.",
        }
        .to_string(),
    );
    if x == X::Seconds && averaged(group).any(|n| n > 1) {
        sentences.push("Seconds: the mean over seeds at the end of each epoch.".to_string());
    }
    sentences.extend(count(group, Arm::diverged).map(|runs| {
        format!("Diverged: {runs}; × marks where the loss left the chart or became infinite; not in any mean.")
    }));
    sentences
        .extend(count(group, Arm::unfinished).map(|runs| format!("Unfinished: {runs}; drawn as far as they are.")));
    sentences.join(" ")
}

/// Data, model and settings of a group.
pub fn runs(group: &Group) -> String {
    format!("{}; {}.", data(group), settings(group))
}

fn spec<'a>(group: &Group<'a>) -> &'a RunSpec {
    &group.first().spec
}

/// "MNIST (60,000 training and 10,000 test images; data 1a2b3c4d)".
fn data(group: &Group) -> String {
    let RunSpec { dataset, validation, train_subset, .. } = *spec(group);
    let (all, test) = dataset.sizes();
    let (held_out, other) = match validation {
        Validation::Test => (0, format!("{} test", thousands(&test.to_string()))),
        Validation::Holdout(n) => (n, format!("{} held-out training", thousands(&n.to_string()))),
    };
    let rest = all.saturating_sub(held_out);
    let train = train_subset.map_or(rest, |n| n.min(rest));
    let hash = short_hash(&group.first().data_hash);
    let train = thousands(&train.to_string());
    format!("{} ({train} training and {other} images, data {hash})", dataset.label())
}

/// "ViT of 105,098 parameters; batch 4096, lr 0.001".
fn settings(group: &Group) -> String {
    let first = spec(group);
    let mut text = format!("{} of {} parameters", first.model.label(), thousands(&first.num_params().to_string()));
    for (what, _, size) in first.model.unusual() {
        text += &format!(", {what} {size}");
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
fn averaged(group: &Group) -> impl Iterator<Item = usize> {
    group.arms.iter().map(|arm| arm.averaged().len()).filter(|n| *n > 0)
}

/// "n = 10 seeds each. Lines: mean; bands: 95% confidence interval of the mean (Student’s t); faint: single seeds."
fn seeds(group: &Group) -> String {
    let counts: Vec<usize> = averaged(group).collect();
    let seeds = |n: usize| if n == 1 { "1 seed".to_string() } else { format!("{n} seeds") };
    let n = match counts.as_slice() {
        [] => return "No run without divergence.".to_string(),
        [n] => format!("n = {}.", seeds(*n)),
        [n, rest @ ..] if rest.iter().all(|other| other == n) => format!("n = {} each.", seeds(*n)),
        _ => {
            let arms = group.arms.iter().map(|arm| (arm, arm.averaged().len())).filter(|(_, n)| *n > 0);
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

/// "1 of 10 Adam, 2 of 10 SNRAdam" of what is counted, if any.
fn count<'a>(group: &Group<'a>, what: impl Fn(&Arm<'a>) -> usize) -> Option<String> {
    let arms = group.arms.iter().filter(|arm| what(arm) > 0);
    let each: Vec<String> = arms.map(|arm| format!("{} of {} {}", what(arm), arm.runs.len(), arm.label)).collect();
    (!each.is_empty()).then(|| each.join(", "))
}
