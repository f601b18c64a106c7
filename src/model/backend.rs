//! The seam between a trainer and the two ways to compute a gradient.

use candle_core::Device;
use serde::{Deserialize, Serialize};

use crate::data::Images;
use crate::error::Result;
use crate::machine::Machine;
use crate::model::{Composed, Fused, Params, VitConfig};

/// Sums over the samples of a batch or of a data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Sum of the samples' cross-entropies, in nats.
    pub loss: f64,
    /// Samples whose largest logit is their label's.
    pub correct: u64,
    /// Number of samples.
    pub samples: u64,
}

impl Totals {
    /// Mean cross-entropy in nats.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.samples as f64
    }

    /// Share of correct samples, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.samples as f64
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.samples += other.samples;
    }
}

/// Computes losses and exact gradients of the Vision Transformer over any number of samples, in shards, so that memory
/// does not grow with the batch.
///
/// Sums run in an order that the samples alone fix: the same bits come out for any number of threads.
pub trait Backend: Send {
    /// Takes over the parameters as they are now; to be called after every optimizer step.
    fn load(&mut self, params: &Params) -> Result<()>;

    /// Writes the gradient of the mean cross-entropy over the samples `indices` of `images` to `grad`, all parameters
    /// one after another in the order of [`Params`] (`grad.len()` = number of parameters). `progress` is called from
    /// any thread with the totals of each shard when it is done.
    fn gradient(
        &mut self,
        images: &Images,
        indices: &[u32],
        progress: &(dyn Fn(Totals) + Sync),
        grad: &mut [f32],
    ) -> Result<Totals>;

    /// Loss and accuracy over the samples `indices` of `images`, forward pass only.
    fn evaluate(&mut self, images: &Images, indices: &[u32], progress: &(dyn Fn(Totals) + Sync)) -> Result<Totals>;
}

/// What computes gradients on a machine: fused operations on the CPU, operations composed of Candle's elsewhere.
///
/// # Errors
/// A model that cannot be built, or threads that cannot be started.
pub fn backend(model: &VitConfig, machine: &Machine) -> Result<Box<dyn Backend>> {
    match &machine.device {
        Device::Cpu => Ok(Box::new(Fused::new(model, machine.threads)?)),
        device => Ok(Box::new(Composed::new(model, device, Composed::SHARD)?)),
    }
}
