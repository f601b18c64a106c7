//! The paired difference by epoch, as a ratio of losses: is it better, and when. Each optimizer at its best learning rate.

use super::axis::Axis;
use super::caption;
use super::figure::{Figure, Series, Sides, Style};
use super::style;
use super::view::MIN_SEEDS;
use crate::analysis::words::finding;
use crate::analysis::{Arm, Comparison, Curve, Endpoint, Group, Loss, batch};

/// Draws by how much the losses of every optimizer of a group differ from those of its first, at the best learning rate of each
/// and the same seed; `None` if there are not two such pairs.
pub fn difference(group: &Group, loss: Loss) -> Option<Figure> {
    let lines: Vec<RatioLine> =
        group.against_first().iter().filter_map(|comparison| RatioLine::new(group, comparison, loss)).collect();
    let first = lines.first()?;
    let name = match loss {
        Loss::Training => "Training loss",
        Loss::Validation => "Validation loss",
    };
    let comparisons: Vec<&Comparison> = lines.iter().map(|line| line.comparison).collect();
    let (minus, below, baseline) = names(&comparisons);
    let endpoint = match loss {
        Loss::Training => Endpoint::Speed,
        Loss::Validation => Endpoint::FinalValLoss,
    };
    let end = lines.iter().filter_map(|line| line.curve.points.last()).map(|point| point.epoch).max()?;
    let mut series = vec![Series::reference(1.0, (first.curve.points[0].epoch as f64, end as f64))];
    let styles = style::of(&lines.iter().map(|line| line.arm).collect::<Vec<_>>());
    series.extend(lines.iter().zip(styles).map(|(line, style)| line.series(style)));
    let spec = group.spec();
    Some(Figure {
        title: finding::against(&comparisons, endpoint)
            .unwrap_or_else(|| format!("{name} on {}, {}: {minus}", spec.dataset.label(), batch(spec))),
        about: caption::runs(group),
        caption: text(loss, &lines),
        x: Axis::linear("epoch", Some(0.0), true),
        y: Axis { includes: Some(1.0), ..Axis::log(&format!("ratio of {}: {minus}", name.to_lowercase())) },
        sides: Some(Sides { level: 1.0, above: format!("{baseline} better"), below }),
        series,
        marks: Vec::new(),
    })
}

/// What comparisons with one baseline show, what it is to lie below 1, and the baseline: "SNRAdam / Adam", "SNRAdam better".
pub fn names(comparisons: &[&Comparison]) -> (String, String, String) {
    let (a, b) = (&comparisons[0].a.name, comparisons[0].b.name.clone());
    match comparisons.iter().all(|comparison| comparison.a.name == *a) {
        true => (format!("{a} / {b}"), format!("{a} better"), b),
        false => (format!("ratio to {b}"), format!("better than {b}"), b),
    }
}

/// A comparison with its difference by epoch, of two pairs or more.
struct RatioLine<'a> {
    arm: &'a Arm,
    comparison: &'a Comparison,
    curve: &'a Curve,
}

impl<'a> RatioLine<'a> {
    fn new(group: &'a Group, comparison: &'a Comparison, loss: Loss) -> Option<Self> {
        let curve = comparison.curves.iter().find(|curve| curve.loss == loss && curve.seeds.len() > 1)?;
        Some(Self { arm: group.arm(&comparison.a)?, comparison, curve })
    }

    fn series(&self, style: Style) -> Series {
        let points = &self.curve.points;
        let banded = self.curve.seeds.len() >= MIN_SEEDS;
        let interval = points.iter().filter(|_| banded).filter_map(|point| Some((point, point.interval?)));
        let pair = |i: usize| points.iter().map(|point| (point.epoch as f64, point.pairs[i].exp())).collect();
        Series {
            label: self.arm.label.clone(),
            group: self.arm.optimizer(),
            style,
            line: points.iter().map(|point| (point.epoch as f64, point.mean.exp())).collect(),
            band: interval.map(|(point, (lo, hi))| (point.epoch as f64, lo.exp(), hi.exp())).collect(),
            faint: (0..self.curve.seeds.len()).map(pair).collect(),
            dots: Vec::new(),
        }
    }

    /// Pairs of which a run failed.
    fn failed(&self) -> usize {
        self.comparison.seeds.len() - self.curve.seeds.len()
    }
}

fn text(loss: Loss, lines: &[RatioLine]) -> String {
    let counted = |n: fn(&RatioLine) -> usize| lines.iter().map(move |line| (n(line), line.arm.label.as_str()));
    let failed = counted(|line| line.failed()).filter(|(n, _)| *n > 0);
    let failed = failed.map(|(n, label)| if lines.len() == 1 { n.to_string() } else { format!("{n} ({label})") });
    let failed = failed.collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "n = {} pairs of runs with the same seed{}. {}",
        caption::counts(counted(|line| line.curve.seeds.len())),
        caption::rates(&lines.iter().map(|line| line.comparison).collect::<Vec<_>>()),
        caption::ratios(lines.iter().any(|line| line.curve.seeds.len() >= MIN_SEEDS), "epoch"),
    );
    if loss == Loss::Training {
        text += " Training loss: the mean over an epoch’s batches as they were trained on.";
    }
    match failed.as_str() {
        "" => text,
        failed => format!("{text} Pairs of which a run failed are not drawn, but count in the verdicts: {failed}."),
    }
}
