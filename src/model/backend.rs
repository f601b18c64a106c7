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

    /// The same to the same bits, and to `part` the gradient over the first samples of the batch alone. Returns their number
    /// too: about half of the batch, or `None` where it is too small to be parted (`part` is as it was then). What is not
    /// overridden takes another pass over the part.
    fn gradient_and_part(
        &mut self,
        images: &Images,
        indices: &[u32],
        progress: &(dyn Fn(Totals) + Sync),
        grad: &mut [f32],
        part: &mut [f32],
    ) -> Result<(Totals, Option<u64>)> {
        let totals = self.gradient(images, indices, progress, grad)?;
        let half = indices.len() / 2;
        if half == 0 {
            return Ok((totals, None));
        }
        self.gradient(images, &indices[..half], &|_| (), part)?;
        Ok((totals, Some(half as u64)))
    }

    /// Loss and accuracy over the samples `indices` of `images`, forward pass only.
    fn evaluate(&mut self, images: &Images, indices: &[u32], progress: &(dyn Fn(Totals) + Sync)) -> Result<Totals>;

    /// Switches the collection of a [`Profile`] on or off, and empties it.
    fn set_profiling(&mut self, _on: bool) {}

    /// Time by part since [`set_profiling`](Self::set_profiling), all threads together; zeros where it is not collected.
    fn profile(&mut self) -> Profile {
        Profile::default()
    }
}
