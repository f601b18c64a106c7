//! From a group of runs to a figure of one metric over training.

use std::collections::HashMap;
use std::path::PathBuf;

use super::axis::{Axis, Scale};
use super::caption::{caption, runs, title};
use super::figure::{Figure, Mark, Series, Sign, Style};
use super::view::{MIN_SEEDS, Metric, X};
use super::{steps, style};
use crate::analysis::{Arm, Group, Run};
use crate::stats::mean_interval;

type Points = Vec<(f64, f64)>;

/// Draws one metric of some arms of a group; `None` if no run has a value of it yet.
pub fn chart(group: &Group, shown: &[&Arm], metric: Metric, x: X, y: Scale) -> Option<Figure> {
    let steps = if (metric, x) == (Metric::TrainLoss, X::Step) { by_step(shown) } else { None };
    let every = steps.as_ref().map(|(every, _)| *every);
    let view = View { metric, x, scale: y, steps: steps.map(|(_, curves)| curves) };
    let ceiling = view.ceiling(shown);
    let mut series = Vec::new();
    let mut marks = Vec::new();
    for (arm, style) in shown.iter().zip(style::of(shown)) {
        let (line, crosses) = view.arm(arm, style, ceiling);
        series.push(line);
        marks.extend(crosses);
    }
    if series.iter().all(|s| s.line.is_empty() && s.faint.is_empty()) {
        return None;
    }
    Some(Figure {
        title: title(group, shown, metric),
        about: runs(group),
        caption: caption(group, shown, metric, x, every),
        x: Axis::linear(x.title(), Some(0.0), x != X::Seconds),
        y: Axis { scale: view.scale, ..Axis::linear(metric.axis_title(), None, false) },
        sides: None,
        series,
        marks,
    })
}

type Curves = HashMap<PathBuf, Points>;

/// The training loss of every n-th step of every run, and n; `None` where a run that would be in a mean has no such record.
fn by_step(shown: &[&Arm]) -> Option<(usize, Curves)> {
    let runs = shown.iter().flat_map(|arm| &arm.runs).filter(|run| run.sound);
    let mut curves: Curves = runs.map(|run| (run.dir.clone(), steps::train_losses(run))).collect();
    let has_steps = |run: &&Run| curves.get(&run.dir).is_some_and(|curve| !curve.is_empty());
    if !shown.iter().flat_map(|arm| arm.averaged()).all(|run| has_steps(&run)) {
        return None;
    }
    let every = steps::every(curves.values().map(Vec::len).max().unwrap_or(0));
    curves.values_mut().for_each(|curve| *curve = curve.iter().copied().step_by(every).collect());
    Some((every, curves))
}

/// What is looked at, and how.
struct View {
    metric: Metric,
    x: X,
    scale: Scale,
    /// Instead of the epochs.
    steps: Option<Curves>,
}

impl View {
    /// The finite part of a run's curve: point i is epoch `first + i` in all of them.
    fn curve(&self, run: &Run) -> Points {
        if let Some(curves) = &self.steps {
            return curves.get(&run.dir).cloned().unwrap_or_default();
        }
        let rows = run.rows.iter().skip(self.metric.first());
        let points = rows.map_while(|row| Some((self.x.of(row), self.metric.of(row)?)));
        points.take_while(|(x, _)| Scale::Linear.shows(*x)).collect()
    }

    /// How far up runs that failed are drawn: a quarter higher than the others reach, so that their rise is seen and
    /// does not squeeze the others.
    fn ceiling(&self, shown: &[&Arm]) -> f64 {
        let runs = shown.iter().flat_map(|arm| &arm.runs).filter(|run| run.sound && !run.fate.is_failed());
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
    fn arm(&self, arm: &Arm, style: Style, ceiling: f64) -> (Series, Vec<Mark>) {
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
        // Student's t does not know that a share ends at 100%, and losses and shares at 0, which a log axis lacks
        let most = if self.metric == Metric::ErrorRate { 100.0 } else { f64::INFINITY };
        for ((_, lo, hi), (_, mean)) in band.iter_mut().zip(&line) {
            let least = if self.scale == Scale::Log { 0.1 * mean } else { 0.0 };
            (*lo, *hi) = (lo.max(least), hi.min(most));
        }
        if curves.len() > 1 {
            faint.extend(curves);
        }
        // a single run is the line, even one that failed
        if arm.runs.len() == 1 && line.is_empty() {
            line = faint.pop().unwrap_or_default();
        }
        faint.retain(|curve| !curve.is_empty());
        let marks = marks(arm, style, &ends);
        let label = if averaged.is_empty() { String::new() } else { arm.label.clone() };
        (Series { label, group: arm.optimizer(), style, line, band, faint, dots: Vec::new() }, marks)
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
fn marks(arm: &Arm, style: Style, ends: &[(f64, f64)]) -> Vec<Mark> {
    let last = (0..ends.len()).max_by(|a, b| ends[*a].0.total_cmp(&ends[*b].0));
    let label = |i| match Some(i) == last {
        true => format!("{} failed", arm.label),
        false => String::new(),
    };
    let mark = |(i, at): (usize, &(f64, f64))| Mark {
        at: *at,
        sign: Sign::Cross,
        label: label(i),
        group: arm.optimizer(),
        style,
    };
    ends.iter().enumerate().map(mark).collect()
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
