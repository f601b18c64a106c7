//! Epochs to a target loss: the share of runs that got there, by epoch.

use super::axis::Axis;
use super::caption;
use super::figure::{Figure, Series, Style};
use super::panel::straight;
use super::style;
use crate::analysis::{Arm, Group, Measure, batch};
use crate::number::number;

/// Draws for every optimizer of a group the empirical distribution over seeds of the epoch in which the validation loss
/// first was at most the target; `None` if no run got there, or no optimizer has two runs that ended.
pub fn reach(group: &Group) -> Option<Figure> {
    let target = group.target?.loss;
    let arms: Vec<Reach> =
        group.best_arms().into_iter().map(|arm| Reach::new(arm, target)).filter(|arm| arm.runs > 0).collect();
    if arms.iter().all(|arm| arm.epochs.is_empty()) || arms.iter().all(|arm| arm.runs < 2) {
        return None;
    }
    let spec = group.spec();
    let end = group.runs().map(|run| run.last().epoch).max().unwrap_or(0) as f64;
    let mut series = vec![Series::reference(100.0, (0.0, end))];
    let styles = style::of(&arms.iter().map(|reach| reach.arm).collect::<Vec<_>>());
    series.extend(arms.iter().zip(styles).map(|(arm, style)| arm.series(style, end)));
    let target = number(target);
    Some(Figure {
        title: format!("Runs that reached validation loss {target} on {}, {}", spec.dataset.label(), batch(spec)),
        about: caption::runs(group),
        caption: text(&target, &arms),
        x: Axis::linear("epoch", Some(0.0), true),
        y: Axis::linear(&format!("share of runs that reached {target} (%)"), Some(0.0), false),
        sides: None,
        series,
        marks: Vec::new(),
    })
}

/// The runs of an arm that have ended.
struct Reach<'a> {
    arm: &'a Arm,
    runs: usize,
    /// Of those that reached the target, ascending.
    epochs: Vec<f64>,
}

impl<'a> Reach<'a> {
    fn new(arm: &'a Arm, target: f64) -> Self {
        let ended = || arm.runs.iter().filter(|run| run.sound && run.fate.has_ended());
        let mut epochs: Vec<f64> = ended().filter_map(|run| Measure::EpochsToTarget.of(run, Some(target))).collect();
        epochs.sort_by(f64::total_cmp);
        Self { arm, runs: ended().count(), epochs }
    }

    /// A step up for every run, and on to the last epoch.
    fn series(&self, style: Style, end: f64) -> Series {
        let share = |runs: usize| 100.0 * runs as f64 / self.runs as f64;
        let steps = self.epochs.iter().enumerate().flat_map(|(i, x)| [(*x, share(i)), (*x, share(i + 1))]);
        let start = straight((0.0, 0.0), (self.epochs.first().copied().unwrap_or(end), 0.0));
        let line = start.into_iter().chain(steps).chain([(end, share(self.epochs.len()))]).collect();
        let label = self.arm.label.clone();
        Series { label, group: self.arm.optimizer(), style, line, ..Series::default() }
    }
}

fn text(target: &str, arms: &[Reach]) -> String {
    let reached: Vec<String> =
        arms.iter().map(|arm| format!("{} of {} {}", arm.epochs.len(), arm.runs, arm.arm.label)).collect();
    format!(
        "Reached a validation loss of at most {target}: {}. Each run is one seed; one that did not reach it, or failed, keeps \
         its line below 100%. Interpolated between epochs.",
        reached.join(", "),
    )
}
