//! The rows of `tensors.csv`: what the shadows and the noise of the batch say of each tensor, step by step.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::TENSORS;
use super::step_row::read_log;
use crate::error::Result;

/// The whole model in the column `tensor`.
pub const ALL: &str = "all";

/// Bins of the gradient's consistency, each 0.1 wide; the last one has no upper end.
pub const CONSISTENCY_BINS: usize = 10;

/// One row of `tensors.csv`: a step, a tensor, a shadow. The run's own step is o, the shadow's is s, both as the rules make
/// them from the same parameters and gradient, weight decay left out. What was not measured or is 0/0 is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TensorRow {
    /// The optimizer step: 1, 2, …
    pub step: u64,
    /// The parameter's name, or `all`.
    pub tensor: String,
    /// The shadow's name; empty in a run without.
    pub shadow: String,
    /// Euclidean norms of the gradient, of the parameters before the step, and of o.
    pub grad_norm: f32,
    pub weight_norm: f32,
    pub update_norm: f32,
    /// |o|/|θ|.
    pub update_to_weight: Option<f32>,
    /// |s|/|o|.
    pub step_ratio: Option<f32>,
    /// Cosine between s and o.
    pub cosine: Option<f32>,
    /// Quantiles over the elements of the amplification |sᵢ|/|oᵢ|, each the smallest value that so large a share does not
    /// exceed. Elements with 0/0 are left out; where o alone is 0 it is infinite.
    pub amplification_q05: Option<f32>,
    pub amplification_q25: Option<f32>,
    pub amplification_q50: Option<f32>,
    pub amplification_q75: Option<f32>,
    pub amplification_q95: Option<f32>,
    /// Likewise of the ratio of signal to noise |m̂|/√ŝ. That of the shadow if it divides by a running variance, else of the
    /// run's own rule if that does; else empty.
    pub snr_q05: Option<f32>,
    pub snr_q25: Option<f32>,
    pub snr_q50: Option<f32>,
    pub snr_q75: Option<f32>,
    pub snr_q95: Option<f32>,
    /// Share of the elements in which that rule's ε is more than 1% of its denominator √ŝ + ε.
    pub eps_share: Option<f32>,
    /// Share of SNRAdam's ŝ that is the sampling noise of the mini-batches, see [`noise`](crate::train::noise).
    pub noise_share: Option<f32>,
    /// Of `all`: in each of ten bins of the consistency |m̂|/√v̂ (0 to 0.1, … 0.9 and more; 1 where all gradients agree), the
    /// number of elements whose amplification is finite and not 0, and its geometric mean; with `;` between the bins. The
    /// moments are those of the run's own rule if it has Adam's, else of the shadow if that has; else empty.
    pub consistency_counts: String,
    pub consistency_amplification: String,
}

impl TensorRow {
    /// The number of elements in each bin of consistency, and the geometric mean of their amplification.
    pub fn by_consistency(&self) -> Vec<(u64, Option<f64>)> {
        let counts = self.consistency_counts.split(';').map(|count| count.parse().unwrap_or(0));
        let means = self.consistency_amplification.split(';').map(|mean| mean.parse().ok());
        if self.consistency_counts.is_empty() { Vec::new() } else { counts.zip(means).collect() }
    }
}

/// The rows of a run's `tensors.csv`; none where it has no such file. Half a row at its end is left out.
///
/// # Errors
/// A file that is too large, damaged or not ours.
pub fn read_tensors(dir: &Path) -> Result<Vec<TensorRow>> {
    read_log(dir, TENSORS)
}
