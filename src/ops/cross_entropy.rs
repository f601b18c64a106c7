//! Softmax cross-entropy, in nats, of `[n, classes]` logits z against labels y.
//!
//! ```text
//! forward     loss = Σ_samples log Σ_c exp(z_c) − z_y
//! backward    dz_c = softmax(z)_c − [c = y]                 of the sum, not of the mean
//! ```

use candle_core::{D, Result, Tensor};
use serde::{Deserialize, Serialize};

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

/// The totals over the samples; where `gradient` says so, logits ← dz.
pub fn forward_backward(logits: &mut [f32], labels: impl ExactSizeIterator<Item = u8>, gradient: bool) -> Totals {
    let mut totals = Totals::default();
    let classes = logits.len() / labels.len().max(1);
    for (z, label) in logits.chunks_exact_mut(classes.max(1)).zip(labels) {
        let label = usize::from(label);
        let most = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = z.iter().map(|&z| f64::from(z - most).exp()).sum();
        totals.loss += sum.ln() + f64::from(most) - f64::from(z[label]);
        // The first of equal logits counts, as argmax has it; a NaN is never the largest.
        totals.correct += u64::from(z.iter().position(|&z| z == most) == Some(label));
        totals.samples += 1;
        if gradient {
            for (c, z) in z.iter_mut().enumerate() {
                let p = f64::from(*z - most).exp() / sum;
                *z = (p - f64::from(u8::from(c == label))) as f32;
            }
        }
    }
    totals
}

/// Each sample's loss in Candle: logits `[n, classes]`, labels `[n]` of u32 → `[n]`.
pub fn composed(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let log_p = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    log_p.gather(&labels.unsqueeze(1)?, 1)?.squeeze(1)?.neg()
}
