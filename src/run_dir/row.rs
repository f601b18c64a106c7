//! The rows of `metrics.csv`, which say how a run went epoch by epoch.

use serde::{Deserialize, Serialize};

use crate::error::Result;

/// One row of `metrics.csv`: an epoch. Row 0 is the evaluation before training; what training alone defines is empty there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Epochs done.
    pub epoch: u64,
    /// Optimizer steps done.
    pub step: u64,
    /// Training samples processed.
    pub samples_seen: u64,
    /// Learning rate of the epoch's last step.
    pub lr: f64,
    /// Sample-weighted mean cross-entropy (nats) over the epoch's batches as they were trained on, each before its step.
    pub train_loss: Option<f64>,
    /// Share of those samples that were classified correctly, 0 to 1.
    pub train_accuracy: Option<f64>,
    /// Mean cross-entropy (nats) over the validation set after the epoch.
    pub val_loss: f64,
    /// Share of the validation set classified correctly, 0 to 1.
    pub val_accuracy: f64,
    /// Mean over the epoch's steps of the gradient's Euclidean norm.
    pub grad_norm: Option<f64>,
    /// Mean over the epoch's steps of the Euclidean norm of the change of all parameters.
    pub update_norm: Option<f64>,
    /// Euclidean norm of all parameters after the epoch.
    pub param_norm: f64,
    /// Seconds that the epoch took, its evaluation included.
    pub epoch_seconds: f64,
    /// Seconds since the run began, earlier parts of a resumed run included.
    pub wall_seconds: f64,
}

impl Row {
    /// `metrics.csv` with these rows: a header line, and NaN or inf where a run diverged.
    pub fn to_csv(rows: &[Row]) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in rows {
            writer.serialize(row)?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    /// The rows of a whole, undamaged `metrics.csv`.
    pub fn from_csv(text: &str) -> Result<Vec<Row>> {
        Ok(csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<csv::Result<_>>()?)
    }
}
