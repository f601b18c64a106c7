//! From a group of runs to a figure of one metric over training.

use super::axis::{Axis, Scale};
use super::caption::{caption, runs, title};
use super::figure::{Figure, Mark, Series};
use super::style;
use super::view::{MIN_SEEDS, Metric, X};
use crate::analysis::{Arm, Group, Run};
use crate::stats::mean_interval;

type Points = Vec<(f64, f64)>;

/// Draws one metric of a group; `None` if no run has a value of it yet.
pub fn chart(group: &Group, metric: Metric, x: X, y: Scale) -> Option<Figure> {
    let view = View { metric, x, scale: metric.scale(y) };
    let ceiling = view.ceiling(group);
    let mut series = Vec::new();
    let mut marks = Vec::new();
    for arm in &group.arms {
        let (line, crosses) = view.arm(arm, ceiling);
        series.push(line);
        marks.extend(crosses);
    }
    if series.iter().all(|s| s.line.is_empty() && s.faint.is_empty()) {
        return None;
    }
    Some(Figure {
        title: title(group, metric),
        about: runs(group),
        caption: caption(group, metric, x),
        x: Axis::linear(x.title(), Some(0.0), x != X::Seconds),
        y: Axis { scale: view.scale, ..Axis::linear(metric.axis_title(), None, false) },
        sides: None,
        series,
        marks,
    })
}

/// What is looked at, and how.
struct View {
    metric: Metric,
    x: X,
    scale: Scale,
}

impl View {
    /// The finite part of a run's curve: point i is epoch `first + i` in all of them.
    fn curve(&self, run: &Run) -> Points {
        let rows = run.rows.iter().skip(self.metric.first());
        let points = rows.map_while(|row| Some((self.x.of(row), self.metric.of(row)?)));
        points.take_while(|(x, _)| Scale::Linear.shows(*x)).collect()
    }

    /// How far up runs that failed are drawn: a quarter higher than the others reach, so that their rise is seen and
    /// does not squeeze the others.
    fn ceiling(&self, group: &Group) -> f64 {
        let runs = group.runs().filter(|run| run.sound && !run.fate.is_failed());
        let values: Vec<f64> =
            runs.flat_map(|run| self.curve(run)).map(|(_, y)| y).filter(|y| self.scale.shows(*y)).collect();
        let (Some(lo), Some(hi)) =
            (values.iter().copied().min_by(f64::total_cmp), values.iter().copied().max_by(f64::total_cmp))
        else {
            return f64::INFINITY;
        };
        match self.scale {
            Scale::Linear => hi + (hi - lo) / 4.0,
            Scale::Log => hi * (hi / lo).powf(0.25),
        }
    }

    /// The line, band and single curves of an arm, and the crosses where runs of it failed.
    fn arm(&self, arm: &Arm, ceiling: f64) -> (Series, Vec<Mark>) {
        let averaged = arm.averaged();
        let curves: Vec<Points> = averaged.iter().map(|run| self.curve(run)).collect();
        let others = arm.runs.iter().filter(|run| run.sound && averaged.iter().all(|other| other.dir != run.dir));
        let mut faint = Vec::new();
        let mut ends = Vec::new();
        for run in others {
            let mut curve = self.curve(run);
            if run.fate.is_failed() {
                self.leave(&mut curve, ceiling);
                ends.extend(curve.last().copied());
            }
            faint.push(curve);
        }
        let (mut line, mut band) = mean(&curves);
        if self.metric == Metric::ValAccuracy {
            // Student's t does not know that a share ends at 0 and at 100%
            band.iter_mut().for_each(|(_, lo, hi)| (*lo, *hi) = (lo.max(0.0), hi.min(100.0)));
        }
        if curves.len() > 1 {
            faint.extend(curves);
        }
        // a single run is the line, even one that failed
        if arm.runs.len() == 1 && line.is_empty() {
            line = faint.pop().unwrap_or_default();
        }
        faint.retain(|curve| !curve.is_empty());
        let marks = marks(arm, &ends);
        let label = if averaged.is_empty() { String::new() } else { arm.label.clone() };
        (Series { label, style: style::of(arm), line, band, faint }, marks)
    }

    /// Ends a curve where it first rises above `ceiling`.
    fn leave(&self, curve: &mut Points, ceiling: f64) {
        let Some(first) = curve.iter().position(|(_, y)| *y > ceiling) else { return };
        curve.truncate(first + 1);
        let (x1, y1) = curve[first];
        let x = match first.checked_sub(1).map(|i| curve[i]) {
            Some((x0, y0)) if self.scale == Scale::Log => x0 + (x1 - x0) * (ceiling / y0).ln() / (y1 / y0).ln(),
            Some((x0, y0)) => x0 + (x1 - x0) * (ceiling - y0) / (y1 - y0),
            None => x1,
        };
        // not a number where the curve comes from 0 on a log axis
        curve[first] = (if x.is_nan() { x1 } else { x }, ceiling);
    }
}

/// A cross at every end; the last one says what it is.
fn marks(arm: &Arm, ends: &[(f64, f64)]) -> Vec<Mark> {
    let last = (0..ends.len()).max_by(|a, b| ends[*a].0.total_cmp(&ends[*b].0));
    let label = |i| match Some(i) == last {
        true => format!("{} failed", arm.label),
        false => String::new(),
    };
    ends.iter().enumerate().map(|(i, at)| Mark { at: *at, label: label(i), style: style::of(arm) }).collect()
}

/// The mean of curves as far as all of them go, and from [`MIN_SEEDS`] on the 95% confidence interval of it.
fn mean(curves: &[Points]) -> (Points, Vec<(f64, f64, f64)>) {
    let common = curves.iter().map(Vec::len).min().unwrap_or(0);
    let mut line = Vec::new();
    let mut band = Vec::new();
    for i in 0..common {
        let (x, _) = mean_interval(&curves.iter().map(|curve| curve[i].0).collect::<Vec<_>>());
        let (y, half) = mean_interval(&curves.iter().map(|curve| curve[i].1).collect::<Vec<_>>());
        line.push((x, y));
        band.extend(half.filter(|_| curves.len() >= MIN_SEEDS).map(|half| (x, y - half, y + half)));
    }
    (line, band)
}
