//! The backend for any device: Candle's operations and Candle's backward pass.

use anyhow::Context;
use candle_core::{D, DType, Device, Module, Tensor, Var};

use super::params::vars;
use super::{Backend, ModelConfig, Totals};
use crate::data::{ImageShape, Images};
use crate::error::Result;
use crate::ops::cross_entropy;

/// [`Backend`] over a Candle module: shards of images one after another, each with its own graph.
///
/// A shard's gradient leaves the graph before the next one begins, and is summed on the host in f64 in the order of the
/// samples: memory depends on the shard alone, and the result does not depend on threads.
pub struct Composed {
    config: ModelConfig,
    input: ImageShape,
    device: Device,
    shard: usize,
    loaded: Option<Loaded>,
}

/// The model and the variables it was built over.
struct Loaded {
    model: Box<dyn Module + Send>,
    vars: Vec<(String, Var)>,
}

impl Composed {
    /// Images of a shard unless there is a reason for another number. The graph of the article's model takes about 2.4 MB
    /// an image: 1.2 GB here, 0.3 GB for a shard of 128.
    pub const SHARD: usize = 512;

    /// A backend for models of `config` on `device`, which takes `shard` images at a time.
    pub fn new(config: impl Into<ModelConfig>, input: ImageShape, device: &Device, shard: usize) -> Result<Self> {
        let config = config.into();
        config.validate(input)?;
        anyhow::ensure!(shard > 0, "a shard of 0 images never ends; take {}", Self::SHARD);
        Ok(Self { config, input, device: device.clone(), shard, loaded: None })
    }

    fn loaded(&self) -> Result<&Loaded> {
        self.loaded.as_ref().context("the backend has no parameters yet; call load first")
    }

    /// The logits of the samples, `[indices.len(), classes]` row-major.
    pub fn logits(&self, images: &Images, indices: &[u32]) -> Result<Vec<f32>> {
        let (pixels, _) = self.batch(images, indices)?;
        Ok(self.loaded()?.model.forward(&pixels)?.flatten_all()?.to_vec1()?)
    }

    /// Forward pass of one shard: the samples' cross-entropies `[n]` with their graph, and the totals.
    fn forward(&self, images: &Images, shard: &[u32]) -> Result<(Tensor, Totals)> {
        let (pixels, labels) = self.batch(images, shard)?;
        let logits = self.loaded()?.model.forward(&pixels)?;
        let losses = cross_entropy::composed(&logits, &labels)?;
        let correct = logits.argmax(D::Minus1)?.eq(&labels)?.to_vec1::<u8>()?;
        let totals = Totals {
            loss: losses.to_vec1::<f32>()?.into_iter().map(f64::from).sum(),
            correct: correct.into_iter().map(u64::from).sum(),
            samples: shard.len() as u64,
        };
        Ok((losses, totals))
    }

    /// Pixels as `[n, 1, height, width]` f32 in 0 to 1, labels as `[n]`.
    fn batch(&self, images: &Images, indices: &[u32]) -> Result<(Tensor, Tensor)> {
        let pixels: Vec<u8> = indices.iter().flat_map(|&i| images.image(i as usize)).copied().collect();
        let labels: Vec<u32> = indices.iter().map(|&i| u32::from(images.labels[i as usize])).collect();
        let ImageShape { height, width, .. } = self.input;
        let n = labels.len();
        let pixels = Tensor::from_vec(pixels, (n, 1, height, width), &self.device)?;
        Ok(((pixels.to_dtype(DType::F32)? / 255.0)?, Tensor::from_vec(labels, n, &self.device)?))
    }
}

impl Backend for Composed {
    fn load(&mut self, params: &[f32]) -> Result<()> {
        let vars = vars(&self.config.layout(self.input), params, &self.device)?;
        let tensors = vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        let model = self.config.module(self.input, tensors)?;
        self.loaded = Some(Loaded { model, vars });
        Ok(())
    }

    fn gradient(
        &mut self,
        images: &Images,
        indices: &[u32],
        progress: &(dyn Fn(Totals) + Sync),
        grad: &mut [f32],
    ) -> Result<Totals> {
        anyhow::ensure!(!indices.is_empty(), "the mean over no samples has no gradient; give at least one");
        let vars = &self.loaded()?.vars;
        let mut sums = vec![0.0f64; vars.iter().map(|(_, var)| var.elem_count()).sum()];
        anyhow::ensure!(
            sums.len() == grad.len(),
            "the gradient has {} numbers where the model has {} parameters",
            grad.len(),
            sums.len()
        );
        let mut totals = Totals::default();
        for shard in indices.chunks(self.shard) {
            let (losses, shard_totals) = self.forward(images, shard)?;
            let grads = losses.sum_all()?.backward()?;
            let mut rest = sums.as_mut_slice();
            for (name, var) in vars {
                let g = grads.get(var).with_context(|| format!("no gradient arrives at '{name}'"))?;
                let (head, tail) = rest.split_at_mut(var.elem_count());
                for (sum, g) in head.iter_mut().zip(g.flatten_all()?.to_vec1::<f32>()?) {
                    *sum += f64::from(g);
                }
                rest = tail;
            }
            totals += shard_totals;
            progress(shard_totals);
        }
        let n = indices.len() as f64;
        grad.iter_mut().zip(sums).for_each(|(g, sum)| *g = (sum / n) as f32);
        Ok(totals)
    }

    fn evaluate(&mut self, images: &Images, indices: &[u32], progress: &(dyn Fn(Totals) + Sync)) -> Result<Totals> {
        let mut totals = Totals::default();
        for shard in indices.chunks(self.shard) {
            let (_, shard_totals) = self.forward(images, shard)?;
            totals += shard_totals;
            progress(shard_totals);
        }
        Ok(totals)
    }
}
