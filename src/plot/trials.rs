//! The best of a few trials: what an optimizer is worth to somebody who cannot try everything.

use super::axis::Axis;
use super::caption;
use super::figure::{Figure, Series};
use super::style;
use crate::analysis::{Arm, Endpoint, Group, mean_loss};
use crate::number::loss;
use crate::stats::expected_best;

/// Draws the expected final validation loss of the best of k settings of each optimizer against k; `None` where none was tried
/// with three settings or more.
pub fn trials(group: &Group) -> Option<Figure> {
    let lines: Vec<TrialsLine> =
        group.arms.chunk_by(|a, b| a.spec().optim == b.spec().optim).map(TrialsLine::new).collect();
    let most = lines.iter().map(|line| line.expected.len()).max().filter(|n| *n > 2)?;
    let styles = style::of(&lines.iter().map(|line| line.arm).collect::<Vec<_>>());
    let series: Vec<Series> = lines
        .iter()
        .zip(styles)
        .map(|(line, style)| Series {
            label: line.arm.optimizer(),
            group: line.arm.optimizer(),
            style,
            line: line.points(),
            ..Series::default()
        })
        .collect();
    series.iter().any(|series| !series.line.is_empty()).then(|| Figure {
        title: title(&lines, most),
        about: caption::runs(group),
        caption: format!(
            "The expected loss of the best of k settings, drawn at random and without replacement from all that were tried \
             ({}); a setting is worth the geometric mean over its seeds. No point where all k may have failed.",
            lines.iter().map(|line| format!("{} {}", line.expected.len(), line.arm.optimizer())).collect::<Vec<_>>().join(", ")
        ),
        x: Axis::linear("number of trials", Some(1.0), true),
        y: Axis::log("expected final validation loss of the best (nats)"),
        sides: None,
        series,
        marks: Vec::new(),
    })
}

/// All settings of an optimizer.
struct TrialsLine<'a> {
    /// The first of them.
    arm: &'a Arm,
    /// By number of trials, a loss; infinite where all may have failed.
    expected: Vec<f64>,
}

impl<'a> TrialsLine<'a> {
    fn new(arms: &'a [Arm]) -> Self {
        let value = |arm: &Arm| mean_loss(Endpoint::FinalValLoss, arm).map_or(f64::INFINITY, |loss| loss.mean.ln());
        let values: Vec<f64> = arms.iter().map(value).collect();
        Self { arm: &arms[0], expected: expected_best(&values).into_iter().map(f64::exp).collect() }
    }

    fn points(&self) -> Vec<(f64, f64)> {
        let points = self.expected.iter().enumerate().map(|(i, loss)| ((i + 1) as f64, *loss));
        points.filter(|(_, loss)| loss.is_finite()).collect()
    }
}

/// Who is best with one trial, and who with all.
fn title(lines: &[TrialsLine], most: usize) -> String {
    let best = |k: usize| {
        let at = lines.iter().filter_map(|line| Some((line.arm.optimizer(), *line.expected.get(k - 1)?)));
        at.filter(|(_, loss)| loss.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1))
    };
    let say = |k: usize| {
        let trials = if k == 1 { "1 trial".to_string() } else { format!("{k} trials") };
        best(k).map(|(name, mean)| format!("with {trials} {name}, {}", loss(mean)))
    };
    let said: Vec<String> = [say(1), say(most)].into_iter().flatten().collect();
    format!("Lowest expected final validation loss: {}", said.join("; "))
}
