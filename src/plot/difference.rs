//! The paired difference by epoch: is it better, and when.

use super::axis::{Axis, Scale};
use super::caption;
use super::chart::Metric;
use super::figure::{Figure, Series, Sides};
use super::style;
use crate::compare::{MIN_PAIRS, pairs};
use crate::group::{Arm, Group, batch};
use crate::run_dir::{Record, State};
use crate::stats::{bca_interval, mean_sd};

/// Intervals of a line, at most: between them the band is drawn straight.
const MOST_INTERVALS: usize = 400;

type Curve = Vec<(f64, f64)>;

/// Draws how far every optimizer of a group lies from the group's first, at the same learning rate and seed; `None` if
/// there are not two such pairs.
pub fn difference(group: &Group, metric: Metric) -> Option<Figure> {
    let baseline = &group.arms[0];
    let arms: Vec<Difference> = group
        .arms
        .iter()
        .filter_map(|arm| Difference::new(group, arm, metric))
        .filter(|d| d.curves.len() > 1)
        .collect();
    let last = arms.iter().flat_map(|arm| &arm.curves).filter_map(|curve| curve.last()).map(|(x, _)| *x);
    let end = last.fold(f64::NEG_INFINITY, f64::max);
    let name = metric.name();
    let (minus, below) = match arms.as_slice() {
        [] => return None,
        [only] => (format!("{} − {}", only.arm.name, baseline.name), format!("{} better", only.arm.name)),
        _ => (format!("difference from {}", baseline.name), format!("better than {}", baseline.name)),
    };
    let spec = &group.first().spec;
    let mut series = vec![Series::reference(0.0, end)];
    series.extend(arms.iter().map(Difference::series));
    Some(Figure {
        title: format!("{name} on {}, {}: {minus}", spec.dataset.label(), batch(spec)),
        caption: text(group, metric, &arms),
        x: Axis { title: "epoch".into(), scale: Scale::Linear, includes: Some(0.0), whole: true },
        y: Axis {
            title: format!("difference in {} (nats)", name.to_lowercase()),
            scale: Scale::Linear,
            includes: Some(0.0),
            whole: false,
        },
        sides: Some(Sides { level: 0.0, above: format!("{} better", baseline.name), below }),
        series,
        marks: Vec::new(),
    })
}

/// An arm beside its baseline.
struct Difference<'g, 'a> {
    arm: &'g Arm<'a>,
    /// Of every pair of runs that finished: (epoch, arm − baseline).
    curves: Vec<Curve>,
    /// Pairs of which a run diverged.
    diverged: usize,
}

impl<'g, 'a> Difference<'g, 'a> {
    /// `None` for an arm of the baseline itself, and where that has not the same learning rate.
    fn new(group: &'g Group<'a>, arm: &'g Arm<'a>, metric: Metric) -> Option<Self> {
        let first = &group.arms[0];
        if arm.differs_by_rate(first) {
            return None;
        }
        let partner = |other: &&Arm| other.differs_by_rate(first) && other.spec().lr == arm.spec().lr;
        let pairs = pairs(arm, group.arms.iter().find(partner)?);
        let finished = |pair: &&(&Record, &Record)| [pair.0, pair.1].iter().all(|run| run.state == State::Finished);
        let curves: Vec<Curve> =
            pairs.iter().filter(finished).map(|pair| curve(metric, pair)).filter(|curve| !curve.is_empty()).collect();
        Some(Self { arm, diverged: pairs.len() - pairs.iter().filter(finished).count(), curves })
    }

    fn series(&self) -> Series {
        let common = self.curves.iter().map(Vec::len).min().unwrap_or(0);
        let at = |i: usize| self.curves.iter().map(|curve| curve[i].1).collect::<Vec<_>>();
        let x = |i: usize| self.curves[0][i].0;
        let every = common.div_ceil(MOST_INTERVALS).max(1);
        let with_interval = (0..common).filter(|i| i.is_multiple_of(every) || i + 1 == common);
        let interval = |i: usize| bca_interval(&at(i)).map(|(lo, hi)| (x(i), lo, hi));
        Series {
            label: self.arm.label.clone(),
            style: style::of(self.arm),
            line: (0..common).map(|i| (x(i), mean_sd(&at(i)).0)).collect(),
            band: if self.curves.len() < MIN_PAIRS { Vec::new() } else { with_interval.filter_map(interval).collect() },
            faint: self.curves.clone(),
        }
    }
}

/// The difference of a pair by epoch, as far as both have finite values.
fn curve(metric: Metric, (a, b): &(&Record, &Record)) -> Curve {
    let rows = a.rows.iter().zip(&b.rows).skip(metric.first());
    rows.map_while(|(a, b)| Some((a.epoch as f64, metric.of(a)? - metric.of(b)?))).collect()
}

fn text(group: &Group, metric: Metric, arms: &[Difference]) -> String {
    let several = arms.len() > 1;
    let count = |arm: &Difference, n: usize| if several { format!("{n} ({})", arm.arm.label) } else { n.to_string() };
    let list = |n: &dyn Fn(&Difference) -> usize| {
        arms.iter().filter(|arm| n(arm) > 0).map(|arm| count(arm, n(arm))).collect::<Vec<_>>().join(", ")
    };
    let pairs = list(&|arm| arm.curves.len());
    let mut text = format!("{} n = {pairs} pairs of runs with the same seed and learning rate.", caption::runs(group));
    text += " Line: mean paired difference; faint lines: single pairs;";
    text += match arms.iter().any(|arm| arm.curves.len() >= MIN_PAIRS) {
        true => " band: 95% BCa bootstrap interval of the mean, each epoch for itself.",
        false => " no interval below 6 pairs.",
    };
    if metric == Metric::TrainLoss {
        text += " Training loss: the mean over an epoch’s batches as they were trained on.";
    }
    match list(&|arm| arm.diverged).as_str() {
        "" => text,
        diverged => {
            format!("{text} Not shown: pairs of which a run diverged, {diverged}; snr-bench compare counts them.")
        }
    }
}
