//! What a trainer needs of the two ways to compute a gradient.

use super::fused::Profile;
use crate::data::Images;
use crate::error::Result;
pub use crate::ops::cross_entropy::Totals;

/// Computes losses and exact gradients of a model over any number of samples, in shards, so that memory
/// does not grow with the batch.
///
/// Sums run in an order that the samples alone fix: the same bits come out for any number of threads.
pub trait Backend: Send {
    /// Takes over the parameters as they are now, flat in the order of their layout; to be called after every optimizer step.
    fn load(&mut self, params: &[f32]) -> Result<()>;

    /// Writes the gradient of the mean cross-entropy over the samples `indices` of `images` to `grad`, flat in the
    /// order of their [`Layout`](super::Layout) (`grad.len()` = number of parameters). `progress` is called from any thread
    /// with the totals of each shard when it is done.
    fn gradient(
        &mut self,
        images: &Images,
        indices: &[u32],
        progress: &(dyn Fn(Totals) + Sync),
        grad: &mut [f32],
    ) -> Result<Totals>;

    /// Loss and accuracy over the samples `indices` of `images`, forward pass only.
    fn evaluate(&mut self, images: &Images, indices: &[u32], progress: &(dyn Fn(Totals) + Sync)) -> Result<Totals>;

    /// Switches the collection of a [`Profile`] on or off, and empties it.
    fn set_profiling(&mut self, _on: bool) {}

    /// Time by part since [`set_profiling`](Self::set_profiling), all threads together; zeros where it is not collected.
    fn profile(&mut self) -> Profile {
        Profile::default()
    }
}
