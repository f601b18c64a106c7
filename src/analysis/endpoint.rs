//! What runs are judged by, fixed for every experiment, and what is only described.

use serde::{Deserialize, Serialize};

use super::run::Run;
use super::speedup::{log, reached};
use crate::run_dir::Row;

/// The primary endpoints: one a claim, and the only ones that are judged. Each sums a run up as the logarithm of a loss, so
/// that a difference between two runs is a ratio of losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// Mean over epochs 1 … E of ln(training loss): how low the loss is on average over the run. Where every run of a group
    /// probes the same fixed sample of training images (`observe.probe`): mean over the steps of ln(loss on the sample), which
    /// does not depend on the batch.
    Speed,
    /// ln of the mean training loss over the last quarter of the epochs.
    FinalTrainLoss,
    /// ln of the mean validation loss over the last quarter of the epochs.
    FinalValLoss,
}

impl Endpoint {
    /// All, in the order in which they are shown.
    pub const ALL: [Endpoint; 3] = [Endpoint::Speed, Endpoint::FinalTrainLoss, Endpoint::FinalValLoss];

    /// The value of a run, a logarithm; ∞ if it failed, `None` if it was not trained at all.
    pub fn of(self, run: &Run) -> Option<f64> {
        if run.spec.is_complete(0, 0) {
            return None;
        }
        if run.fate.is_failed() {
            return Some(f64::INFINITY);
        }
        let epochs = run.rows.get(1..)?;
        let mean = |rows: &[Row], of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>() / rows.len() as f64;
        let train = |row: &Row| row.train_loss.unwrap_or(f64::INFINITY);
        Some(match (self, run.probe) {
            (Endpoint::Speed, Some(probe)) => probe,
            (Endpoint::Speed, None) => epochs.iter().map(|row| log(train(row))).sum::<f64>() / epochs.len() as f64,
            (Endpoint::FinalTrainLoss, _) => log(mean(last_quarter(epochs), train)),
            (Endpoint::FinalValLoss, _) => log(mean(last_quarter(epochs), |row| row.val_loss)),
        })
    }
}

/// The rows of the last quarter of the epochs: ⌈E/4⌉ of them, at least one.
pub fn last_quarter(epochs: &[Row]) -> &[Row] {
    &epochs[epochs.len() - epochs.len().div_ceil(4)..]
}

/// What is described with differences and intervals, and not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Least validation loss over all epochs.
    BestValLoss,
    /// Mean over the last quarter of the epochs of the share of the validation set that is classified wrongly, 0 to 1.
    FinalErrorRate,
    /// Epochs to the target, interpolated, see [`reached`].
    EpochsToTarget,
    /// Optimizer steps to it.
    StepsToTarget,
    /// Seconds to it.
    SecondsToTarget,
    /// Seconds of the whole run.
    Seconds,
}

impl Measure {
    /// All, in the order in which they are shown.
    pub const ALL: [Measure; 6] = [
        Measure::BestValLoss,
        Measure::FinalErrorRate,
        Measure::EpochsToTarget,
        Measure::StepsToTarget,
        Measure::SecondsToTarget,
        Measure::Seconds,
    ];

    /// Whether it is wall time, which compares within one machine only.
    pub fn is_time(self) -> bool {
        matches!(self, Measure::SecondsToTarget | Measure::Seconds)
    }

    /// Whether two runs are compared by their difference (in points) instead of their ratio.
    pub fn is_share(self) -> bool {
        self == Measure::FinalErrorRate
    }

    /// The value of a run; `None` if it failed or never reached the target.
    pub fn of(self, run: &Run, target: Option<f64>) -> Option<f64> {
        let epochs = run.rows.get(1..).filter(|epochs| !epochs.is_empty() && !run.fate.is_failed())?;
        let at = || reached(&run.rows, target?);
        match self {
            Measure::BestValLoss => Some(epochs.iter().map(|row| row.val_loss).fold(f64::INFINITY, f64::min)),
            Measure::FinalErrorRate => {
                let last = last_quarter(epochs);
                Some(last.iter().map(|row| 1.0 - row.val_accuracy).sum::<f64>() / last.len() as f64)
            }
            Measure::EpochsToTarget => Some(at()?.epochs),
            Measure::StepsToTarget => Some(at()?.steps),
            Measure::SecondsToTarget => Some(at()?.seconds),
            Measure::Seconds => Some(run.last().wall_seconds),
        }
    }
}
