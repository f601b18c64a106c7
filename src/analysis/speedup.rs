//! How much sooner one optimizer reaches a loss than another, at every loss that both reach.

use serde::Serialize;

use super::run::{Fate, Run};
use crate::run_dir::Row;
use crate::stats::mean_interval;

/// A loss below this counts as this: its logarithm must be finite.
const LEAST_LOSS: f64 = 1e-12;

/// Levels of a curve.
const LEVELS: usize = 60;

/// The validation loss to which epochs, steps and seconds are counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Target {
    /// In nats.
    pub loss: f64,
    /// Whether it was stated (`--target`), or chosen from the runs.
    pub stated: bool,
}

impl Target {
    /// The stated one, or else one that every run which finished reaches in training: the largest of their least losses
    /// at three quarters of the way, to as few significant digits as that takes. `None` where there is no such loss.
    pub fn of<'a>(runs: impl Iterator<Item = &'a Run>, stated: Option<f64>) -> Option<Self> {
        if let Some(loss) = stated {
            return Some(Self { loss, stated: true });
        }
        let finished: Vec<&Run> = runs.filter(|run| run.fate == Fate::Finished && run.rows.len() > 1).collect();
        let finished = || finished.iter().copied();
        let least = |rows: &[Row]| rows.iter().map(|row| row.val_loss).fold(f64::INFINITY, f64::min);
        let early = |run: &Run| least(&run.rows[..=(3 * (run.rows.len() - 1)).div_ceil(4)]);
        let most = finished().map(early).fold(0.0, f64::max);
        let start = finished().map(|run| run.rows[0].val_loss).fold(f64::INFINITY, f64::min);
        let end = finished().map(|run| least(&run.rows)).fold(0.0, f64::max);
        let candidates =
            (0..4).flat_map(|decimals| [rounded(most, decimals, f64::round), rounded(most, decimals, f64::ceil)]);
        candidates.into_iter().find(|loss| end <= *loss && *loss < start).map(|loss| Self { loss, stated: false })
    }
}

/// To one significant digit and so many more.
fn rounded(x: f64, decimals: i32, round: fn(f64) -> f64) -> f64 {
    let exponent = x.log10().floor() as i32 - decimals;
    let digits = round(x / 10f64.powi(exponent) * (1.0 - 1e-12));
    // read back from its digits, so that 0.3 is the 0.3 that people write
    format!("{digits}e{exponent}").parse().unwrap_or(x)
}

/// The logarithm of a loss.
pub fn log(loss: f64) -> f64 {
    loss.max(LEAST_LOSS).ln()
}

/// How far a run was when it reached a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reached {
    pub epochs: f64,
    pub steps: f64,
    pub seconds: f64,
}

/// Where the least validation loss so far first was at most `level`, interpolated between epochs: linear in the epoch and
/// the logarithm of the loss. `None` if it never was.
pub fn reached(rows: &[Row], level: f64) -> Option<Reached> {
    let mut least = f64::INFINITY;
    for (i, row) in rows.iter().enumerate() {
        if row.val_loss <= level {
            let before = &rows[i.saturating_sub(1)];
            let share = if i == 0 { 1.0 } else { (log(least) - log(level)) / (log(least) - log(row.val_loss)) };
            let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
            let between = |of: fn(&Row) -> f64| of(before) + share * (of(row) - of(before));
            return Some(Reached {
                epochs: between(|row| row.epoch as f64),
                steps: between(|row| row.step as f64),
                seconds: between(|row| row.wall_seconds),
            });
        }
        least = least.min(row.val_loss);
    }
    None
}

/// The ratio of the steps (and as well of the epochs) that A and B need to reach each loss.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Speedup {
    /// From high losses to low ones; all runs of all pairs reach each of them after training began.
    pub levels: Vec<Level>,
    /// The same at the target, if all reach it.
    pub at_target: Option<Level>,
}

/// The ratio at one loss.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Level {
    /// Validation loss in nats.
    pub loss: f64,
    /// Geometric mean over the pairs of A's steps divided by B's.
    pub ratio: f64,
    /// Its 95% interval by Student's t of the logarithms; `None` below two pairs.
    pub interval: Option<(f64, f64)>,
    /// The ratio of every pair, in the order of their seeds.
    pub pairs: Vec<f64>,
}

impl Speedup {
    /// Over all losses that every run of the pairs reaches; `None` if there is no such loss, or a run failed.
    pub fn of(pairs: &[(&Run, &Run)], target: Option<f64>) -> Option<Self> {
        let both = || pairs.iter().flat_map(|(a, b)| [*a, *b]);
        if pairs.is_empty() || both().any(|run| run.fate != Fate::Finished) {
            return None;
        }
        let start = both().map(|run| run.rows[0].val_loss).fold(f64::INFINITY, f64::min);
        let least = |run: &Run| run.rows.iter().map(|row| row.val_loss).fold(f64::INFINITY, f64::min);
        let end = both().map(least).fold(0.0, f64::max);
        if !(0.0 < end && end < start) {
            return None;
        }
        let step = (end / start).ln() / LEVELS as f64;
        let levels = (1..=LEVELS).map(|i| if i == LEVELS { end } else { start * (step * i as f64).exp() });
        Some(Self {
            levels: levels.filter_map(|loss| Level::of(pairs, loss)).collect(),
            at_target: target.filter(|loss| *loss < start).and_then(|loss| Level::of(pairs, loss)),
        })
    }
}

impl Level {
    fn of(pairs: &[(&Run, &Run)], loss: f64) -> Option<Self> {
        let ratio = |(a, b): &(&Run, &Run)| Some(reached(&a.rows, loss)?.steps / reached(&b.rows, loss)?.steps);
        let ratios = pairs.iter().map(ratio).collect::<Option<Vec<f64>>>()?;
        let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
        let (mean, half) = mean_interval(&logs);
        let interval = half.map(|half| ((mean - half).exp(), (mean + half).exp()));
        mean.is_finite().then(|| Self { loss, ratio: mean.exp(), interval, pairs: ratios })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_round() {
        let rounds = [(0.2731, 0.3, 0.3), (0.3, 0.3, 0.3), (0.0301, 0.04, 0.03), (0.97, 1.0, 1.0), (13.0, 20.0, 10.0)];
        for (x, up, nearest) in rounds {
            assert_eq!((rounded(x, 0, f64::ceil), rounded(x, 0, f64::round)), (up, nearest), "{x}");
        }
        assert_eq!(rounded(2.3456, 1, f64::ceil), 2.4);
    }
}
