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

    /// What no run writes, as the rest of a sentence: a share above 1, a loss below 0, steps that go back. Only the last row of
    /// a run can have values that are not finite, because these end it.
    pub fn impossible(&self, before: Option<&Row>, is_last: bool) -> Option<String> {
        let shares = [("train_accuracy", self.train_accuracy), ("val_accuracy", Some(self.val_accuracy))];
        let sizes = [
            ("lr", Some(self.lr)),
            ("train_loss", self.train_loss),
            ("val_loss", Some(self.val_loss)),
            ("grad_norm", self.grad_norm),
            ("update_norm", self.update_norm),
            ("param_norm", Some(self.param_norm)),
            ("epoch_seconds", Some(self.epoch_seconds)),
            ("wall_seconds", Some(self.wall_seconds)),
        ];
        let wrong = |value: f64, most: f64| value < 0.0 || value > most || !value.is_finite() && !is_last;
        let of = |list: &[(&str, Option<f64>)], most: f64| {
            list.iter()
                .find_map(|(name, value)| value.filter(|value| wrong(*value, most)).map(|v| format!("{name} = {v}")))
        };
        let back = before.is_some_and(|row| row.step > self.step || row.samples_seen > self.samples_seen);
        let trained = self.train_loss.is_some() == before.is_none();
        of(&shares, 1.0).or_else(|| of(&sizes, f64::INFINITY)).or_else(|| {
            back.then(|| "steps or samples_seen that go back".to_string())
                .or_else(|| trained.then(|| "training measured before training, or not after it".to_string()))
        })
    }

    /// The rows of a whole, undamaged `metrics.csv`.
    pub fn from_csv(text: &str) -> Result<Vec<Row>> {
        Ok(csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<csv::Result<_>>()?)
    }
}
