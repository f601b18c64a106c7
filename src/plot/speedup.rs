//! How much sooner one optimizer reaches a loss than another, at every loss that both reach.

use super::axis::Axis;
use super::caption;
use super::difference::{against_first, names};
use super::figure::{Figure, Mark, Series, Sides};
use super::style;
use super::view::MIN_SEEDS;
use crate::analysis::{Arm, Comparison, Group, Speedup, batch, words};
use crate::number::number;

/// Draws the steps that every optimizer of a group needs to reach a validation loss, as a share of those of its first, at the
/// same learning rate and seed; `None` if no loss is reached by all runs of two such pairs.
pub fn speedup(group: &Group) -> Option<Figure> {
    let lines: Vec<StepsLine> =
        against_first(group).filter_map(|comparison| StepsLine::new(group, comparison)).collect();
    let losses = || lines.iter().flat_map(|line| &line.speedup.levels).map(|level| level.loss);
    let (from, to) = (losses().max_by(f64::total_cmp)?, losses().min_by(f64::total_cmp)?);
    let comparisons: Vec<&Comparison> = lines.iter().map(|line| line.comparison).collect();
    let (ratio, below, baseline) = names(&comparisons);
    let mut series = vec![Series::reference(1.0, (from, to))];
    series.extend(lines.iter().map(StepsLine::series));
    let spec = group.spec();
    Some(Figure {
        title: format!("Steps to each validation loss on {}, {}: {ratio}", spec.dataset.label(), batch(spec)),
        about: caption::runs(group),
        caption: text(&lines),
        x: Axis { reversed: true, ..Axis::log("validation loss to be reached (nats)") },
        y: Axis { includes: Some(1.0), ..Axis::log(&format!("ratio of steps needed: {ratio}")) },
        sides: Some(Sides {
            level: 1.0,
            above: format!("{baseline} sooner"),
            below: below.replace("better than", "sooner than").replace(" better", " sooner"),
        }),
        series,
        marks: lines.iter().filter_map(|line| line.mark(lines.len() == 1)).collect(),
    })
}

/// A comparison with its speed-up, of two pairs or more.
struct StepsLine<'a> {
    arm: &'a Arm,
    comparison: &'a Comparison,
    speedup: &'a Speedup,
}

impl<'a> StepsLine<'a> {
    fn new(group: &'a Group, comparison: &'a Comparison) -> Option<Self> {
        let speedup = comparison.speedup.as_ref().filter(|speedup| !speedup.levels.is_empty())?;
        (comparison.seeds.len() > 1).then_some(Self { arm: group.arm(&comparison.a)?, comparison, speedup })
    }

    fn pairs(&self) -> usize {
        self.comparison.seeds.len()
    }

    fn series(&self) -> Series {
        let levels = &self.speedup.levels;
        let banded = self.pairs() >= MIN_SEEDS;
        let interval = levels.iter().filter(|_| banded).filter_map(|level| Some((level.loss, level.interval?)));
        let pair = |i: usize| levels.iter().map(|level| (level.loss, level.pairs[i])).collect();
        Series {
            label: self.arm.label.clone(),
            style: style::of(self.arm),
            line: levels.iter().map(|level| (level.loss, level.ratio)).collect(),
            band: interval.map(|(loss, (lo, hi))| (loss, lo, hi)).collect(),
            faint: (0..self.pairs()).map(pair).collect(),
        }
    }

    /// The ratio at the target; of several lines the numbers would stand on each other.
    fn mark(&self, is_only: bool) -> Option<Mark> {
        let level = self.speedup.at_target.as_ref()?;
        let label = if is_only { words::level(level) } else { String::new() };
        Some(Mark { at: (level.loss, level.ratio), label, style: style::of(self.arm) })
    }
}

fn text(lines: &[StepsLine]) -> String {
    let pairs: Vec<String> = match lines {
        [only] => vec![only.pairs().to_string()],
        lines => lines.iter().map(|line| format!("{} ({})", line.pairs(), line.arm.label)).collect(),
    };
    let mut text = format!(
        "Optimizer steps until the validation loss first was this low, interpolated between epochs; the ratio of epochs is the \
         same. Only losses that all runs reached. n = {} pairs of runs with the same seed and learning rate. {}",
        pairs.join(", "),
        caption::ratios(lines.iter().any(|line| line.pairs() >= MIN_SEEDS), "loss"),
    );
    let marked = lines.iter().find_map(|line| line.speedup.at_target.as_ref());
    text += &marked.map_or(String::new(), |level| format!(" × marks the target, {}.", number(level.loss)));
    text
}
