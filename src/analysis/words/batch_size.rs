//! Whether a gain depends on the batch, in words.

use super::{pairs, ratio, seeds};
use crate::analysis::batch_size::{BatchSeries, Origin};
use crate::analysis::group::Group;
use crate::analysis::types::{Contrast, PlanState, Reason};
use crate::config::Batch;

/// How such runs are made.
pub const NO_BATCH_SERIES: &str =
    "It takes the gain at several batch sizes and equal steps: snr-bench run configs/batch-size.toml";

/// "MNIST, 100 steps, batch 64 to full" without the batch: what groups share that differ in it alone.
pub fn series_title(group: &Group, steps: u64) -> String {
    format!("{}, {steps} steps", group.spec().dataset.label())
}

/// The title of a figure.
pub fn series_finding(series: &BatchSeries) -> String {
    super::capital(said(series.origin))
}

/// The same with the gain at the smallest batch and with the full one.
pub fn series_short(series: &BatchSeries) -> String {
    let ends = [series.gains.first(), series.gains.last()].into_iter().flatten();
    let each: Vec<String> = ends
        .filter_map(|gain| {
            let batch = match gain.batch {
                Batch::Size(n) => format!("with batch {n}"),
                Batch::Full => "with the full batch".to_string(),
            };
            Some(format!("{} {batch}", ratio(gain.effect.as_ref()?)))
        })
        .collect();
    format!("{}; training loss over the run {}", series_finding(series), super::list(&each))
}

fn said(origin: Origin) -> &'static str {
    match origin {
        Origin::Elsewhere => "the gain does not come from the noise of mini-batches",
        Origin::Batches => "the gain comes from the noise of mini-batches",
        Origin::Both => "a part of the gain comes from the noise of mini-batches, a part does not",
        Origin::NoGain => "there is no relevant gain at any batch size",
        Origin::Undecided => "undecided whether the gain depends on the batch",
        Origin::NotTested => "not tested whether the gain depends on the batch",
    }
}

/// What the contrasts come to.
pub fn series_answer(series: &BatchSeries) -> String {
    let BatchSeries { a, b, .. } = series;
    let said = said(series.origin);
    let exploratory = series.plan == PlanState::NoPlan && series.origin != Origin::NotTested;
    let word = if exploratory { " (exploratory)" } else { "" };
    let n = format!("{} at every size", pairs(series.seeds.len()));
    let n = if series.seeds.is_empty() { n } else { format!("{n}, {}", seeds(&series.seeds)) };
    format!("{a} against {b}, {}: {said}{word} ({n}). {}", series.title, facts(series))
}

fn facts(series: &BatchSeries) -> String {
    let Some((full, change)) = series.full.as_ref().zip(series.change.as_ref()) else {
        return "There are no runs with the full batch.".to_string();
    };
    match full.reason.or(change.reason) {
        Some(Reason::TooFewPairs | Reason::NoPairs) => return "Too few pairs for a verdict.".to_string(),
        Some(Reason::Interim) => return "Planned pairs are missing.".to_string(),
        _ => {}
    }
    let smallest = series.gains[0].batch;
    let smallest = match smallest {
        Batch::Size(n) => format!("batch {n}"),
        Batch::Full => "the full batch".to_string(),
    };
    let loss = |contrast: &Contrast| contrast.effect.as_ref().map_or("a run failed".to_string(), ratio);
    let slope = series
        .slope
        .as_ref()
        .map_or(String::new(), |slope| format!("; with a tenfold batch the ratio becomes {}", loss(slope)));
    format!(
        "Loss with the full batch: {}. Ratio of losses, full batch against {smallest}: {}{slope}.",
        loss(full),
        loss(change)
    )
}
