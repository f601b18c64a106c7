//! A run as the analysis sees it: its record, what produced it, and whether it counts as failed.

use std::ops::Deref;

use serde::Serialize;

use crate::config::RunSpec;
use crate::run_dir::Record;
use crate::run_dir::{Row, State};

/// A run directory, read, with what follows from it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Settings, state and rows; a run derefs to it.
    pub record: Record,
    /// How it counts.
    pub fate: Fate,
    /// Whether its files agree with each other; only such runs are compared.
    pub sound: bool,
    /// Mean over its steps of ln(loss on the fixed sample of training images) where all runs of its group have it, see
    /// `probe`.
    pub probe: Option<f64>,
}

/// How a run counts in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Trained for all its epochs, and better at the end than before training.
    Finished,
    /// A loss became NaN or infinite: it counts as ∞.
    Diverged,
    /// Trained for all its epochs, and at the end no better than before training (validation loss): it counts as ∞.
    NoBetter,
    /// Interrupted, failed by an error, cut off or still running: it is left out.
    Unfinished,
}

impl Fate {
    /// Whether it counts as ∞.
    pub fn is_failed(self) -> bool {
        matches!(self, Fate::Diverged | Fate::NoBetter)
    }

    /// Whether it counts at all.
    pub fn has_ended(self) -> bool {
        self != Fate::Unfinished
    }

    /// Of a run with these settings that came to these rows.
    pub fn of(state: State, rows: &[Row], spec: &RunSpec) -> Self {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Fate::Unfinished };
        let finite = rows.iter().all(|row| row.val_loss.is_finite() && row.train_loss.is_none_or(f64::is_finite));
        match state {
            State::Diverged => Fate::Diverged,
            State::Finished if !spec.is_complete(last.epoch, last.step) => Fate::Unfinished,
            State::Finished if !finite => Fate::Diverged,
            State::Finished if rows.len() > 1 && last.val_loss >= first.val_loss => Fate::NoBetter,
            State::Finished => Fate::Finished,
            State::Running | State::Interrupted | State::Failed => Fate::Unfinished,
        }
    }
}

impl Run {
    /// A record with what follows from it.
    pub fn new(record: Record) -> Self {
        let fate = Fate::of(record.meta.state, &record.rows, &record.spec);
        Self { fate, sound: true, probe: None, record }
    }

    /// The row after the last epoch that was measured; there is at least one.
    pub fn last(&self) -> &Row {
        &self.record.rows[self.record.rows.len() - 1]
    }
}

impl Deref for Run {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}
