//! How much sooner one optimizer reaches a loss than another, at every loss that both reach.

use super::axis::Axis;
use super::caption;
use super::difference::names;
use super::figure::{Figure, Mark, Series, Sides, Sign, Style};
use super::style;
use super::view::MIN_SEEDS;
use crate::analysis::{Arm, Comparison, Group, Speedup, batch, words};
use crate::number::number;

/// Draws the steps that every optimizer of a group needs to reach a validation loss, as a share of those of its first, at the
/// best learning rate of each and the same seed; `None` if no loss is reached by all runs of two such pairs.
pub fn speedup(group: &Group) -> Option<Figure> {
    let lines: Vec<StepsLine> =
        group.against_first().iter().filter_map(|comparison| StepsLine::new(group, comparison)).collect();
    let losses = || lines.iter().flat_map(|line| &line.speedup.levels).map(|level| level.loss);
    let (from, to) = (losses().max_by(f64::total_cmp)?, losses().min_by(f64::total_cmp)?);
    let comparisons: Vec<&Comparison> = lines.iter().map(|line| line.comparison).collect();
    let (ratio, below, baseline) = names(&comparisons);
    let mut series = vec![Series::reference(1.0, (from, to))];
    let styles = style::of(&lines.iter().map(|line| line.arm).collect::<Vec<_>>());
    series.extend(lines.iter().zip(&styles).map(|(line, style)| line.series(*style)));
    let spec = group.spec();
    Some(Figure {
        title: title(&comparisons).unwrap_or_else(|| {
            format!("Steps to each validation loss on {}, {}: {ratio}", spec.dataset.label(), batch(spec))
        }),
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
        marks: lines.iter().zip(&styles).filter_map(|(line, style)| line.mark(*style, lines.len() == 1)).collect(),
    })
}

/// "SNRAdam needs 0.91 [0.88, 0.94] of Adam’s steps to validation loss 0.3", of a single comparison.
fn title(comparisons: &[&Comparison]) -> Option<String> {
    let [only] = comparisons else { return None };
    words::speedup(only).map(|sentence| sentence.trim_end_matches('.').to_string())
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

    fn series(&self, style: Style) -> Series {
        let levels = &self.speedup.levels;
        let banded = self.pairs() >= MIN_SEEDS;
        let interval = levels.iter().filter(|_| banded).filter_map(|level| Some((level.loss, level.interval?)));
        let pair = |i: usize| levels.iter().map(|level| (level.loss, level.pairs[i])).collect();
        Series {
            label: self.arm.label.clone(),
            group: self.arm.optimizer(),
            style,
            line: levels.iter().map(|level| (level.loss, level.ratio)).collect(),
            band: interval.map(|(loss, (lo, hi))| (loss, lo, hi)).collect(),
            faint: (0..self.pairs()).map(pair).collect(),
            dots: Vec::new(),
        }
    }

    /// The ratio at the target; of several lines the numbers would stand on each other.
    fn mark(&self, style: Style, is_only: bool) -> Option<Mark> {
        let level = self.speedup.at_target.as_ref()?;
        let label = if is_only { words::level(level) } else { String::new() };
        Some(Mark { at: (level.loss, level.ratio), sign: Sign::Cross, label, group: self.arm.optimizer(), style })
    }
}

fn text(lines: &[StepsLine]) -> String {
    let mut text = format!(
        "Optimizer steps until the validation loss first was this low, interpolated between epochs; the ratio of epochs is the \
         same. Only losses that all runs reached. n = {} pairs of runs with the same seed{}. {}",
        caption::counts(lines.iter().map(|line| (line.pairs(), line.arm.label.as_str()))),
        caption::rates(&lines.iter().map(|line| line.comparison).collect::<Vec<_>>()),
        caption::ratios(lines.iter().any(|line| line.pairs() >= MIN_SEEDS), "loss"),
    );
    let marked = lines.iter().find_map(|line| line.speedup.at_target.as_ref());
    text += &marked.map_or(String::new(), |level| format!(" × marks the target, {}.", number(level.loss)));
    text
}
