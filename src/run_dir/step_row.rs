//! The rows of `steps.csv`, which say how a run went step by step.

use std::path::Path;

use anyhow::bail;
use serde::{Deserialize, Serialize};

use super::STEPS;
use crate::error::Result;
use crate::file::read_text;

/// Largest `steps.csv` and `tensors.csv` that are read: 1 GiB, several million steps of the one.
pub const MAX_LOG: u64 = 1 << 30;

/// One row of `steps.csv`: an optimizer step. Row 0 is the state before training; it is there when a sample is probed. In a
/// run that diverged the last row is the step that was not made. What was not measured is empty.
///
/// The file has no times, and is the same to the byte for any number of threads and across a resume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepRow {
    /// Optimizer steps done, with this one.
    pub step: u64,
    /// The epoch that it is in: 1, 2, …
    pub epoch: u64,
    /// Training samples processed.
    pub samples_seen: u64,
    /// Learning rate of the step.
    pub lr: Option<f64>,
    /// Mean cross-entropy (nats) over its batch, before the step.
    pub train_loss: Option<f64>,
    /// Euclidean norm of the gradient.
    pub grad_norm: Option<f64>,
    /// Euclidean norm of the change of all parameters.
    pub update_norm: Option<f64>,
    /// Mean cross-entropy (nats) over the fixed sample of training images (`observe.probe`), after the step.
    pub probe_loss: Option<f64>,
    /// tr Σ: trace of the covariance of the gradients of single samples; see `observe.noise`.
    pub noise_trace: Option<f64>,
    /// tr Σ/|G|², the simple noise scale, in samples.
    pub noise_scale: Option<f64>,
    /// Share of SNRAdam's ŝ that is the sampling noise of the mini-batches.
    pub noise_share: Option<f64>,
}

/// The rows of a run's `steps.csv`; none where it has no such file. Half a row at its end, which is being written or was
/// when its writer was killed, is left out. A run that was resumed from a checkpoint of an earlier version has rows from
/// there on.
///
/// # Errors
/// A file that is too large, damaged or not ours.
pub fn read_steps(dir: &Path) -> Result<Vec<StepRow>> {
    read_log(dir, STEPS)
}

/// The rows of a file of a run that grows.
pub(super) fn read_log<R: for<'de> Deserialize<'de>>(dir: &Path, name: &str) -> Result<Vec<R>> {
    let path = dir.join(name);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = read_text(&path, MAX_LOG)?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let rows = csv::Reader::from_reader(&text.as_bytes()[..whole]).into_deserialize();
    let row = |(i, row): (usize, csv::Result<R>)| match row {
        Ok(row) => Ok(row),
        Err(_) => bail!("{}, line {} is damaged; repeat the run, or move the file away", path.display(), i + 2),
    };
    rows.enumerate().map(row).collect()
}
