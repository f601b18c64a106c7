//! Softmax cross-entropy, in nats, of `[n, classes]` logits z against labels y.
//!
//! ```text
//! forward     loss = Σ_samples log Σ_c exp(z_c) − z_y
//! backward    dz_c = softmax(z)_c − [c = y]                 of the sum, not of the mean
//! ```

use candle_core::{D, Result, Tensor};

use crate::model::Totals;

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

/// The sum's forward pass in Candle: logits `[n, classes]`, labels `[n]` of u32.
pub fn composed(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    // Not log_softmax alone: gather picks the label's entry, and its gradient flows back.
    let log_p = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    log_p.gather(&labels.unsqueeze(1)?, 1)?.sum_all()?.neg()
}
