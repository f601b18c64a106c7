//! What runs are compared by.

use serde::{Deserialize, Serialize};

use crate::number::number;
use crate::run_dir::{Record, State};

/// A loss or a time beyond this is none: squares of what is below it do not overflow.
const LIMIT: f64 = 1e100;

/// One number that sums up a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Validation loss after the last epoch, in nats.
    FinalValLoss,
    /// Least validation loss over all epochs, that before training included, in nats.
    BestValLoss,
    /// Training loss of the last epoch, as its batches were trained on, in nats.
    FinalTrainLoss,
    /// Share of the validation set classified correctly after the last epoch, 0 to 1; shown in per cent.
    FinalValAccuracy,
    /// The first epoch after which the validation loss was at most the target.
    EpochsToTarget,
    /// Seconds from the start to the end of that epoch.
    SecondsToTarget,
}

impl Metric {
    /// All, in the order in which they are judged and shown.
    pub const ALL: [Metric; 6] = [
        Metric::FinalValLoss,
        Metric::BestValLoss,
        Metric::FinalTrainLoss,
        Metric::FinalValAccuracy,
        Metric::EpochsToTarget,
        Metric::SecondsToTarget,
    ];

    /// For people.
    pub fn name(self, target: f64) -> String {
        match self {
            Metric::EpochsToTarget => format!("epochs to validation loss {}", number(target)),
            Metric::SecondsToTarget => format!("seconds to validation loss {}", number(target)),
            other => other.short_name().into(),
        }
    }

    /// For people who know the target.
    pub fn short_name(self) -> &'static str {
        match self {
            Metric::EpochsToTarget => "epochs to the target",
            Metric::SecondsToTarget => "seconds to the target",
            Metric::FinalValLoss => "final validation loss",
            Metric::BestValLoss => "best validation loss",
            Metric::FinalTrainLoss => "final training loss",
            Metric::FinalValAccuracy => "final validation accuracy",
        }
    }

    /// As it is serialised: "final-val-loss".
    pub fn key(self) -> &'static str {
        match self {
            Metric::FinalValLoss => "final-val-loss",
            Metric::BestValLoss => "best-val-loss",
            Metric::FinalTrainLoss => "final-train-loss",
            Metric::FinalValAccuracy => "final-val-accuracy",
            Metric::EpochsToTarget => "epochs-to-target",
            Metric::SecondsToTarget => "seconds-to-target",
        }
    }

    /// Whether less is better.
    pub fn lower_is_better(self) -> bool {
        self != Metric::FinalValAccuracy
    }

    /// What a margin is a share of, where the baseline's mean is `mean`: a share of 95% accuracy would be a difference that
    /// nobody calls equivalent.
    pub fn scale(self, mean: f64) -> f64 {
        if self == Metric::FinalValAccuracy { 1.0 - mean } else { mean.abs() }
    }

    /// What a run counts as that has no value: worse than any.
    pub fn worst(self) -> f64 {
        if self.lower_is_better() { f64::INFINITY } else { 0.0 }
    }

    /// Whether runs of so many epochs have it at all.
    pub fn applies(self, epochs: u64) -> bool {
        self != Metric::FinalTrainLoss || epochs > 0
    }

    /// The value of a run that has ended; `None` if it diverged or never reached the target.
    pub fn of(self, run: &Record, target: f64) -> Option<f64> {
        let last = run.rows.last().filter(|row| run.state != State::Diverged && row.val_loss.is_finite())?;
        let reached = || run.rows.iter().find(|row| row.val_loss <= target);
        let value = match self {
            Metric::FinalValLoss => last.val_loss,
            Metric::BestValLoss => run.rows.iter().map(|row| row.val_loss).fold(f64::INFINITY, f64::min),
            Metric::FinalTrainLoss => last.train_loss?,
            Metric::FinalValAccuracy => last.val_accuracy,
            Metric::EpochsToTarget => reached()?.epoch as f64,
            Metric::SecondsToTarget => reached()?.wall_seconds,
        };
        (value.abs() < LIMIT).then_some(value)
    }
}
