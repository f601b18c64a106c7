//! An endpoint against the learning rate: how good an optimizer is at its best, and how much depends on finding that.

use super::axis::Axis;
use super::caption;
use super::figure::{Figure, Mark, Series, Sign, Style};
use super::style;
use crate::analysis::tuning::TunedArm;
use crate::analysis::words::{self, finding};
use crate::analysis::{AS_GOOD, Arm, Basin, Endpoint, Group, Run, Tuning, Variant, basin, mean_loss, variants};
use crate::number::{loss, number, plain};

/// How far above all others failed runs are shown, as a share of the axis.
const ABOVE: f64 = 0.12;
/// The title names the best of more optimizers only.
const MANY: usize = 4;
/// Between the dots of two optimizers at one learning rate, as a share of the axis.
const BESIDE: f64 = 0.006;

/// Draws an endpoint of every run of a group over its learning rate, one line an optimizer, its best rate marked; `None` where
/// no optimizer was trained at two rates, or no run has ended.
pub fn rates(group: &Group, endpoint: Endpoint) -> Option<Figure> {
    let variants = variants(group);
    if variants.iter().all(|variant| variant.arms.len() < 2) {
        return None;
    }
    let firsts: Vec<&Arm> = variants.iter().map(|variant| variant.arms[0]).collect();
    let of_variant = |(variant, style)| RatesLine::of_variant(variant, endpoint, style);
    let lines: Vec<RatesLine> = variants.iter().zip(style::of(&firsts)).map(of_variant).collect();
    let what = endpoint.name();
    let found = finding::endpoint(group, &group.best_arms(), endpoint);
    let counts: Vec<usize> = group.arms.iter().map(|arm| arm.averaged().len()).filter(|n| *n > 0).collect();
    let n = match (counts.iter().min(), counts.iter().max()) {
        (Some(least), Some(most)) if least == most => format!("n = {most} at each rate."),
        (Some(least), Some(most)) => format!("n = {least} to {most} at each rate."),
        _ => String::new(),
    };
    drawn(&lines, what).map(|figure| Figure {
        title: match found {
            Some(found) => format!("{found}, each at its best learning rate"),
            None => format!("{what} by learning rate"),
        },
        about: caption::runs(group),
        caption: format!("{n} {}", figure.caption),
        ..figure
    })
}

/// The same of the trials that the arms of a group were tuned by, where the learning rate is what was tuned.
pub fn tuned_rates(group: &Group, tunings: &[Tuning]) -> Option<Figure> {
    let arms: Vec<(&Tuning, &TunedArm, &Arm)> = tunings
        .iter()
        .flat_map(|tuning| tuning.arms_in(group).into_iter().map(move |(t, arm)| (tuning, t, arm)))
        .collect();
    let of_rate_alone = |tuned: &TunedArm| tuned.trials.iter().all(|trial| trial.settings.keys().eq(["lr"]));
    if arms.iter().any(|(_, tuned, _)| !of_rate_alone(tuned)) || arms.iter().all(|(_, tuned, _)| tuned.trials.len() < 2)
    {
        return None;
    }
    let styles = style::of(&arms.iter().map(|(_, _, arm)| *arm).collect::<Vec<_>>());
    let lines: Vec<RatesLine> =
        arms.iter().zip(styles).map(|((_, tuned, arm), style)| RatesLine::of_trials(tuned, arm, style)).collect();
    let best = |line: &RatesLine| {
        let (lr, mean) = line.best()?;
        Some(format!("{} comes to {} (lr {})", line.name, loss(mean), number(lr)))
    };
    let (tuning, ..) = arms.first()?;
    let title = if lines.len() > MANY {
        let bests = lines.iter().filter_map(|line| Some((&line.name, line.best()?)));
        let (name, (lr, mean)) = bests.min_by(|a, b| a.1.1.total_cmp(&b.1.1))?;
        format!("Of {}, {name} comes to the least at its best: {} (lr {})", lines.len(), loss(mean), number(lr))
    } else {
        format!("At its best, {}", words::list(&lines.iter().filter_map(best).collect::<Vec<_>>()))
    };
    drawn(&lines, Endpoint::FinalValLoss.name()).map(|figure| Figure {
        title,
        about: format!("{}; tuned on {}.", group.title(), words::tuned_on(tuning)),
        caption: format!("n = {} at each rate. {}", tuning.seeds.len(), figure.caption),
        ..figure
    })
}

/// All lines between their axes; `None` where no run has ended. Title and source are not said.
fn drawn(lines: &[RatesLine], what: &str) -> Option<Figure> {
    let values = || lines.iter().flat_map(|line| &line.runs).map(|(_, loss)| *loss).filter(|loss| loss.is_finite());
    let (lo, hi) = (values().min_by(f64::total_cmp)?, values().max_by(f64::total_cmp)?);
    let top = hi * (hi / lo).max(1.1).powf(ABOVE);
    let lrs = || lines.iter().flat_map(|line| &line.means).map(|(lr, _)| *lr);
    let width = lrs().max_by(f64::total_cmp)? / lrs().min_by(f64::total_cmp)?;
    let (mut series, mut marks) = (Vec::new(), Vec::new());
    for (i, line) in lines.iter().enumerate() {
        let beside = width.powf(BESIDE * (i as f64 - (lines.len() - 1) as f64 / 2.0));
        series.push(line.series(beside));
        marks.extend(line.failed(beside, top));
        marks.extend(line.best().map(|at| line.mark(at, Sign::Ring)));
    }
    let failed = match marks.iter().filter(|mark| mark.sign == Sign::Cross).count() {
        0 => String::new(),
        n => format!(" × at the top: a run that failed ({n}); a rate at which one failed has no mean."),
    };
    Some(Figure {
        title: String::new(),
        about: String::new(),
        caption: format!(
            "Dots: single seeds; lines: geometric mean; ring: the best rate. Number: the width of the basin, the factor between \
             the smallest and the largest rate at which the mean is within {}% of the best, interpolated in logarithms; ≥ where \
             no end was found among the rates.{failed}",
            number(100.0 * AS_GOOD)
        ),
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
struct RatesLine {
    name: String,
    /// The optimizer, see [`Series::group`].
    group: String,
    style: Style,
    /// (rate, loss) of every run.
    runs: Vec<(f64, f64)>,
    /// (rate, mean loss) of every rate, in ascending order; `None` where a run failed, or none has ended.
    means: Vec<(f64, Option<f64>)>,
    basin: Option<Basin>,
}

impl RatesLine {
    fn of_variant(variant: &Variant, endpoint: Endpoint, style: Style) -> Self {
        let runs = variant.arms.iter().flat_map(|arm| &arm.runs);
        let runs = runs.filter_map(|run| Some((run.spec.lr, value(endpoint, run)?))).collect();
        let mean = |arm: &&Arm| (arm.spec().lr, mean_loss(endpoint, arm).map(|loss| loss.mean));
        let means = variant.arms.iter().map(mean).collect();
        Self::new(variant.name().to_string(), variant.arms[0].optimizer(), style, runs, means)
    }

    fn of_trials(tuned: &TunedArm, arm: &Arm, style: Style) -> Self {
        let mut trials: Vec<(f64, &[f64], f64)> = Vec::new();
        for trial in &tuned.trials {
            // a rate may be written as a whole number
            let lr = trial.settings.get("lr").and_then(|lr| lr.as_float().or(lr.as_integer().map(|lr| lr as f64)));
            trials.extend(lr.map(|lr| (lr, trial.losses.as_slice(), trial.value().exp())));
        }
        trials.sort_by(|a, b| a.0.total_cmp(&b.0));
        let runs = trials.iter().flat_map(|(lr, losses, _)| losses.iter().map(|loss| (*lr, *loss))).collect();
        let means = trials.iter().map(|(lr, _, mean)| (*lr, Some(*mean).filter(|mean| mean.is_finite()))).collect();
        Self::new(tuned.title.clone(), arm.optimizer(), style, runs, means)
    }

    fn new(
        name: String,
        group: String,
        style: Style,
        runs: Vec<(f64, f64)>,
        mut means: Vec<(f64, Option<f64>)>,
    ) -> Self {
        means.retain(|(lr, _)| *lr > 0.0);
        let basin = basin(&means);
        Self { name, group, style, runs, means, basin }
    }

    fn series(&self, beside: f64) -> Series {
        let width = self.basin.map_or(String::new(), |basin| {
            let least = if basin.is_open { "≥ " } else { "" };
            format!(" · {least}{}×", plain(basin.factor, 1))
        });
        let finite = self.runs.iter().filter(|(_, loss)| loss.is_finite());
        Series {
            label: format!("{}{width}", self.name),
            group: self.group.clone(),
            style: self.style,
            line: self.means.iter().filter_map(|(lr, mean)| Some((*lr, (*mean)?))).collect(),
            dots: finite.map(|(lr, loss)| (beside * lr, *loss)).collect(),
            ..Series::default()
        }
    }

    fn mark(&self, at: (f64, f64), sign: Sign) -> Mark {
        Mark { at, sign, label: String::new(), group: self.group.clone(), style: self.style }
    }

    fn failed(&self, beside: f64, top: f64) -> Vec<Mark> {
        let failed = self.runs.iter().filter(|(_, loss)| !loss.is_finite());
        failed.map(|(lr, _)| self.mark((beside * lr, top), Sign::Cross)).collect()
    }

    /// The rate with the least mean, and that.
    fn best(&self) -> Option<(f64, f64)> {
        let means = self.means.iter().filter_map(|(lr, mean)| Some((*lr, (*mean)?)));
        means.min_by(|a, b| a.1.total_cmp(&b.1))
    }
}
