//! What a chart of runs shows of every epoch, and what its horizontal axis counts.

use super::axis::Scale;
use crate::run_dir::Row;

/// The least number of seeds whose mean has a band: the interval of two is 13 standard errors wide and hides the curves.
pub const MIN_SEEDS: usize = 3;

/// What a chart shows of every epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    TrainLoss,
    ValLoss,
    ErrorRate,
}

impl Metric {
    /// All, in the order in which they are drawn.
    pub const ALL: [Metric; 3] = [Metric::TrainLoss, Metric::ValLoss, Metric::ErrorRate];

    /// Ends its files' names.
    pub fn stem(self) -> &'static str {
        match self {
            Metric::TrainLoss => "train-loss",
            Metric::ValLoss => "val-loss",
            Metric::ErrorRate => "error-rate",
        }
    }

    /// Begins its titles where nothing was found yet.
    pub fn name(self) -> &'static str {
        match self {
            Metric::TrainLoss => "Training loss",
            Metric::ValLoss => "Validation loss",
            Metric::ErrorRate => "Validation error rate",
        }
    }

    pub fn axis_title(self) -> &'static str {
        match self {
            Metric::TrainLoss => "training loss (cross-entropy, nats)",
            Metric::ValLoss => "validation loss (cross-entropy, nats)",
            Metric::ErrorRate => "validation error rate (%)",
        }
    }

    /// The first epoch that has a value.
    pub fn first(self) -> usize {
        usize::from(self == Metric::TrainLoss)
    }

    /// The value of an epoch, unless it is missing or infinite; with an infinite loss the error rate is no result either.
    pub fn of(self, row: &Row) -> Option<f64> {
        let value = match self {
            Metric::TrainLoss => row.train_loss,
            Metric::ValLoss => Some(row.val_loss),
            Metric::ErrorRate => row.val_loss.is_finite().then_some(100.0 * (1.0 - row.val_accuracy)),
        };
        value.filter(|value| Scale::Linear.shows(*value))
    }
}

/// What the horizontal axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum X {
    /// Passes over the training images.
    Epoch,
    /// Optimizer steps.
    Step,
    /// Seconds since the run began.
    Seconds,
}

impl X {
    pub fn title(self) -> &'static str {
        match self {
            X::Epoch => "epoch",
            X::Step => "optimizer step",
            X::Seconds => "seconds since the start",
        }
    }

    pub fn of(self, row: &Row) -> f64 {
        match self {
            X::Epoch => row.epoch as f64,
            X::Step => row.step as f64,
            X::Seconds => row.wall_seconds,
        }
    }
}
