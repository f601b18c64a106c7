//! A run as the analysis sees it: its record, what produced it, and whether it counts as failed.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::config::{MAX_SETTINGS, RunSpec, read_text};
use crate::error::Result;
use crate::train::record::Record;
use crate::train::{Row, State};

/// A run directory, read, with what follows from it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Settings, state and rows; a run derefs to it.
    pub record: Record,
    /// What produced it.
    pub origin: Origin,
    /// How it counts.
    pub fate: Fate,
    /// Whether its files agree with each other; only such runs are compared.
    pub sound: bool,
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

    /// Of a run that was to have so many epochs and came to these rows.
    pub fn of(state: State, rows: &[Row], epochs: u64) -> Self {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Fate::Unfinished };
        let finite = rows.iter().all(|row| row.val_loss.is_finite() && row.train_loss.is_none_or(f64::is_finite));
        match state {
            State::Diverged => Fate::Diverged,
            State::Finished if last.epoch != epochs => Fate::Unfinished,
            State::Finished if !finite => Fate::Diverged,
            State::Finished if epochs > 0 && last.val_loss >= first.val_loss => Fate::NoBetter,
            State::Finished => Fate::Finished,
            State::Running | State::Interrupted | State::Failed => Fate::Unfinished,
        }
    }
}

/// What `meta.json` says of the program and the machine. What an older or foreign one lacks is empty.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Origin {
    pub reason: Option<String>,
    pub version: String,
    pub candle: String,
    pub git: Option<String>,
    pub cpu: String,
    pub simd: String,
    pub platform: String,
    pub device: String,
    pub threads: Option<usize>,
    pub command: Vec<String>,
    pub data_files: BTreeMap<String, String>,
    /// The settings that ran, to hold `config.toml` against.
    pub config: Option<RunSpec>,
    /// Their hash.
    pub config_hash: Option<String>,
}

impl Origin {
    /// Reads the `meta.json` of a run directory.
    ///
    /// # Errors
    /// A file that is missing or not ours.
    pub fn read(dir: &Path) -> Result<Self> {
        let text = read_text(&dir.join("meta.json"), MAX_SETTINGS)?;
        serde_json::from_str(&text)
            .with_context(|| format!("{}: its meta.json was not written by snr-bench", dir.display()))
    }
}

impl Run {
    /// A record with what follows from it.
    ///
    /// # Errors
    /// A `meta.json` that has become unreadable since the record was read.
    pub fn new(record: Record) -> Result<Self> {
        let fate = Fate::of(record.state, &record.rows, record.spec.epochs);
        Ok(Self { origin: Origin::read(&record.dir)?, fate, sound: true, record })
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
