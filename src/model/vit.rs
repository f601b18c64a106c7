//! The Vision Transformer composed of Candle operations, for any device: the readable specification of the model, and what
//! the fused one is checked against.
//!
//! It computes what `timm.models.vision_transformer.VisionTransformer` does, from the same parameters under the same
//! names: pre-norm blocks, LayerNorm with ε 1e-6, exact (erf) GELU, a final norm, and a head on the class token. Each
//! operation is the composed twin of a fused one, see `src/ops`.
//!
//! Shapes: n images, t tokens (patches + 1), d `embed_dim`, h heads of width k = d / h, p `patch_size`.

use std::collections::HashMap;

use candle_core::{IndexOp, Module, Result, Tensor, bail};

use super::VitConfig;
use crate::data::ImageShape;
use crate::ops::{attention, gelu, layer_norm, linear, patch_embed};

/// The whole model.
pub struct Vit {
    config: VitConfig,
    tensors: HashMap<String, Tensor>,
}

impl Vit {
    /// The model over parameters under timm's names (see [`VitConfig::layout`]).
    ///
    /// # Errors
    /// A parameter that is missing or has another shape.
    pub fn new(config: &VitConfig, input: ImageShape, tensors: HashMap<String, Tensor>) -> Result<Self> {
        for parameter in config.layout(input).iter() {
            match tensors.get(&parameter.name) {
                Some(tensor) if tensor.dims() == parameter.shape => {}
                Some(tensor) => {
                    bail!("'{}' has shape {:?} instead of {:?}", parameter.name, tensor.dims(), parameter.shape)
                }
                None => bail!("there is no parameter '{}'", parameter.name),
            }
        }
        Ok(Self { config: config.clone(), tensors })
    }

    /// x ← x + attention(norm(x)), then x ← x + mlp(norm(x)): `[n·t, d]` → `[n·t, d]`.
    fn block(&self, name: &str, x: &Tensor, sizes: (usize, usize)) -> Result<Tensor> {
        let name = |part| format!("{name}.{part}");
        let x = (x + self.attention(&name("attn"), &self.norm(&name("norm1"), x)?, sizes)?)?;
        let hidden = gelu::composed(&self.linear(&name("mlp.fc1"), &self.norm(&name("norm2"), &x)?)?)?;
        &x + self.linear(&name("mlp.fc2"), &hidden)?
    }

    /// Multi-head self-attention: `[n·t, d]` → `[n·t, d]`.
    fn attention(&self, name: &str, x: &Tensor, (n, t): (usize, usize)) -> Result<Tensor> {
        let (h, k) = (self.config.num_heads, self.config.head_dim());
        let qkv = self.linear(&format!("{name}.qkv"), x)?; // [n·t, 3d]: all queries, all keys, all values, head after head
        let qkv = qkv.reshape((n, t, 3, h, k))?.permute((2, 0, 3, 1, 4))?.contiguous()?; // [3, n, h, t, k]
        let mixed = attention::composed(&qkv.i(0)?, &qkv.i(1)?, &qkv.i(2)?)?; // [n, h, t, k]
        self.linear(&format!("{name}.proj"), &mixed.transpose(1, 2)?.reshape((n * t, h * k))?)
    }

    fn linear(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = self.affine(name);
        linear::composed(x, weight, bias)
    }

    fn norm(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = self.affine(name);
        layer_norm::composed(x, weight, bias)
    }

    fn affine(&self, name: &str) -> (&Tensor, &Tensor) {
        (&self.tensors[&format!("{name}.weight")], &self.tensors[&format!("{name}.bias")])
    }
}

impl Module for Vit {
    /// Logits `[n, classes]` of images `[n, 1, height, width]`, f32 in 0 to 1.
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let (weight, bias) = self.affine("patch_embed.proj");
        let (cls, pos) = (&self.tensors["cls_token"], &self.tensors["pos_embed"]);
        let x = patch_embed::composed(images, weight, bias, cls, pos)?; // [n, t, d]
        let (n, t, d) = x.dims3()?;
        let mut x = x.reshape((n * t, d))?;
        for i in 0..self.config.depth {
            x = self.block(&format!("blocks.{i}"), &x, (n, t))?;
        }
        let class = x.reshape((n, t, d))?.i((.., 0))?; // the class token's row, [n, d]
        self.linear("head", &self.norm("norm", &class)?)
    }
}
