//! An endpoint against the learning rate: how good an optimizer is at its best, and how much depends on finding that.

use super::axis::Axis;
use super::caption;
use super::figure::{Figure, Mark, Series, Sign, Style};
use super::style;
use crate::analysis::words::finding;
use crate::analysis::{Arm, Basin, Endpoint, Group, Run, Variant, basin, mean_loss, variants};
use crate::number::{number, plain};

/// How far above all others failed runs are shown, as a share of the axis.
const ABOVE: f64 = 0.12;
/// Between the dots of two optimizers at one learning rate, as a share of the axis.
const BESIDE: f64 = 0.006;

/// Draws an endpoint of every run of a group over its learning rate, one line an optimizer, its best rate marked; `None` where
/// no optimizer was trained at two rates, or no run has ended.
pub fn rates(group: &Group, endpoint: Endpoint) -> Option<Figure> {
    let variants = variants(group);
    if variants.iter().all(|variant| variant.arms.len() < 2) {
        return None;
    }
    let values = || group.runs().filter_map(|run| value(endpoint, run)).filter(|loss| loss.is_finite());
    let (lo, hi) = (values().min_by(f64::total_cmp)?, values().max_by(f64::total_cmp)?);
    let top = hi * (hi / lo).max(1.1).powf(ABOVE);
    let lrs = || group.arms.iter().map(|arm| arm.spec().lr).filter(|lr| *lr > 0.0);
    let width = lrs().max_by(f64::total_cmp)? / lrs().min_by(f64::total_cmp)?;
    let firsts: Vec<&Arm> = variants.iter().map(|variant| variant.arms[0]).collect();
    let (mut series, mut marks) = (Vec::new(), Vec::new());
    for (i, (variant, style)) in variants.iter().zip(style::of(&firsts)).enumerate() {
        let beside = width.powf(BESIDE * (i as f64 - (variants.len() - 1) as f64 / 2.0));
        let line = RatesLine { variant, endpoint, style, beside, basin: basin(&variant.arms, endpoint) };
        series.push(line.series());
        marks.extend(line.failed(top));
        marks.extend(line.best());
    }
    let what = endpoint.name();
    Some(Figure {
        title: match finding::endpoint(group, &group.best_arms(), endpoint) {
            Some(found) => format!("{found}, each at its best learning rate"),
            None => format!("{what} by learning rate"),
        },
        about: caption::runs(group),
        caption: text(group, &marks),
        x: Axis::log("learning rate"),
        y: Axis::log(&format!("{what} (nats)")),
        sides: None,
        series,
        marks,
    })
}

/// The endpoint of a run that has ended as a loss; infinite where it failed.
fn value(endpoint: Endpoint, run: &Run) -> Option<f64> {
    endpoint.of(run).filter(|_| run.sound && run.fate.has_ended() && run.spec.lr > 0.0).map(f64::exp)
}

/// An optimizer at all its rates.
struct RatesLine<'a> {
    variant: &'a Variant<'a>,
    endpoint: Endpoint,
    style: Style,
    /// What the dots' rates are multiplied by, so that they do not hide those of others.
    beside: f64,
    basin: Option<Basin>,
}

impl RatesLine<'_> {
    /// (rate, loss) of every run.
    fn runs(&self) -> impl Iterator<Item = (f64, f64)> {
        let runs = self.variant.arms.iter().flat_map(|arm| &arm.runs);
        runs.filter_map(|run| Some((self.beside * run.spec.lr, value(self.endpoint, run)?)))
    }

    fn series(&self) -> Series {
        let mean = |arm: &&Arm| Some((arm.spec().lr, mean_loss(self.endpoint, arm)?.mean));
        let width = self.basin.map_or(String::new(), |basin| {
            let least = if basin.is_open { "≥ " } else { "" };
            format!(" · {least}{}×", plain(basin.factor, 1))
        });
        Series {
            label: format!("{}{width}", self.variant.name()),
            group: self.variant.arms[0].optimizer(),
            style: self.style,
            line: self.variant.arms.iter().filter_map(mean).collect(),
            dots: self.runs().filter(|(_, loss)| loss.is_finite()).collect(),
            ..Series::default()
        }
    }

    fn mark(&self, at: (f64, f64), sign: Sign) -> Mark {
        let group = self.variant.arms[0].optimizer();
        Mark { at, sign, label: String::new(), group, style: self.style }
    }

    fn failed(&self, top: f64) -> Vec<Mark> {
        let failed = self.runs().filter(|(_, loss)| !loss.is_finite());
        failed.map(|(lr, _)| self.mark((lr, top), Sign::Cross)).collect()
    }

    fn best(&self) -> Option<Mark> {
        let best = self.basin?.best;
        let arm = self
            .variant
            .arms
            .iter()
            .min_by(|a, b| (a.spec().lr / best).ln().abs().total_cmp(&(b.spec().lr / best).ln().abs()))?;
        Some(self.mark((arm.spec().lr, mean_loss(self.endpoint, arm)?.mean), Sign::Ring))
    }
}

fn text(group: &Group, marks: &[Mark]) -> String {
    let arms: Vec<&Arm> = group.arms.iter().collect();
    let counts: Vec<usize> = arms.iter().map(|arm| arm.averaged().len()).filter(|n| *n > 0).collect();
    let n = match (counts.iter().min(), counts.iter().max()) {
        (Some(least), Some(most)) if least == most => format!("n = {most} at each rate."),
        (Some(least), Some(most)) => format!("n = {least} to {most} at each rate."),
        _ => String::new(),
    };
    let failed = match marks.iter().filter(|mark| mark.sign == Sign::Cross).count() {
        0 => String::new(),
        n => format!(" × at the top: a run that failed ({n}); a rate at which one failed has no mean."),
    };
    format!(
        "{n} Dots: single seeds; lines: geometric mean; ring: the best rate. Number: the width of the basin, the factor between \
         the smallest and the largest rate at which the mean is within {} of the best, interpolated in logarithms; ≥ where no \
         end was found among the rates.{failed}",
        number(100.0 * crate::analysis::AS_GOOD) + "%"
    )
}
