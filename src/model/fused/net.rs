//! What the fused backend needs of an architecture.

use super::profile::{Clock, Part};
use crate::data::Images;
use crate::model::Totals;
use crate::ops::cross_entropy;

/// A model that takes a shard of images at a time, in a workspace of the worker.
pub trait Net: Send + Sync {
    /// All buffers of one worker, allocated once and overwritten by every shard.
    type Workspace: Send;

    /// Images of a shard: what one pass through the model takes at most. Changing it changes the last bits of every sum.
    const SHARD: usize;

    /// Number of parameters.
    fn num_params(&self) -> usize;

    /// Takes over all parameters, in the order of their layout.
    fn load(&mut self, params: &[f32]);

    /// The buffers of a worker.
    fn workspace(&self) -> Self::Workspace;

    /// The worker's stopwatch.
    fn clock(w: &mut Self::Workspace) -> &mut Clock;

    /// The logits `[n, classes]` of the samples; with `keep`, what a backward pass needs stays in the workspace.
    fn forward<'w>(&self, images: &Images, indices: &[u32], w: &'w mut Self::Workspace, keep: bool) -> &'w mut [f32];

    /// After a forward pass whose logits have become their gradient: `grad` += the gradient of the *sum* of the losses, but
    /// for what [`finish`](Self::finish) completes.
    fn backward(&self, indices: &[u32], w: &mut Self::Workspace, grad: &mut [f32]);

    /// Completes the gradient of all samples.
    fn finish(&self, _grad: &mut [f64]) {}

    /// The totals of the samples, forward pass only.
    fn evaluate(&self, images: &Images, indices: &[u32], w: &mut Self::Workspace) -> Totals {
        let logits = self.forward(images, indices, w, false);
        let totals = cross_entropy::forward_backward(logits, labels(images, indices), false);
        Self::clock(w).forward(Part::Head);
        totals
    }

    /// The totals of the samples; `grad` += the gradient as [`backward`](Self::backward) says.
    fn train(&self, images: &Images, indices: &[u32], w: &mut Self::Workspace, grad: &mut [f32]) -> Totals {
        let logits = self.forward(images, indices, w, true);
        let totals = cross_entropy::forward_backward(logits, labels(images, indices), true);
        Self::clock(w).forward(Part::Head);
        self.backward(indices, w, grad);
        totals
    }
}

fn labels<'a>(images: &'a Images, indices: &'a [u32]) -> impl ExactSizeIterator<Item = u8> + 'a {
    indices.iter().map(|&i| images.labels[i as usize])
}
