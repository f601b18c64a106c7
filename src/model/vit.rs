//! The Vision Transformer composed of Candle operations, for any device: the readable specification of the model.
//!
//! It computes what `timm.models.vision_transformer.VisionTransformer` does, from the same parameters under the same
//! names: pre-norm blocks, LayerNorm with ε 1e-6, exact (erf) GELU, a final norm, and a head on the class token.
//!
//! `candle_nn::LayerNorm` and `ops::softmax_last_dim` have no backward pass and cut the gradient silently; both are
//! written out here.
//!
//! Shapes: n images, t tokens (patches + 1), d `embed_dim`, h heads of width k = d / h, p `patch_size`.

use candle_core::{D, IndexOp, Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear};

use super::VitConfig;
use crate::data::{CLASSES, SIDE};

/// LayerNorm's ε, timm's for this model (PyTorch's own default is 1e-5).
pub const NORM_EPS: f64 = 1e-6;

/// y = (x − mean) / √(var + ε) · weight + bias over the last dimension, var being the mean of (x − mean)².
struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    fn new(config: &VitConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self { weight: vb.get(config.embed_dim, "weight")?, bias: vb.get(config.embed_dim, "bias")? })
    }
}

impl Module for LayerNorm {
    /// `[.., d]` → `[.., d]`
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let normed = centred.broadcast_div(&(variance + NORM_EPS)?.sqrt()?)?;
        normed.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)
    }
}

/// exp(x) / Σ exp(x) over the last dimension. The maximum is subtracted first, which changes nothing but the range; so
/// no gradient goes through it.
fn softmax(x: &Tensor) -> Result<Tensor> {
    let max = x.max_keepdim(D::Minus1)?.detach();
    let exp = x.broadcast_sub(&max)?.exp()?;
    exp.broadcast_div(&exp.sum_keepdim(D::Minus1)?)
}

/// A convolution whose stride is its kernel: one linear layer over the pixels of each patch.
struct PatchEmbed {
    config: VitConfig,
    proj: Linear,
}

impl PatchEmbed {
    fn new(config: &VitConfig, vb: VarBuilder) -> Result<Self> {
        let (d, p) = (config.embed_dim, config.patch_size);
        let weight = vb.get((d, 1, p, p), "proj.weight")?.reshape((d, p * p))?;
        let bias = vb.get(d, "proj.bias")?;
        Ok(Self { config: config.clone(), proj: Linear::new(weight, Some(bias)) })
    }
}

impl Module for PatchEmbed {
    /// `[n, 28, 28]` → `[n, t − 1, d]`, patches row by row
    fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let (n, p) = (pixels.dim(0)?, self.config.patch_size);
        let patches = pixels
            .reshape((n, SIDE / p, p, SIDE / p, p))? // image, row of patches, row within, column of patches, column within
            .permute((0, 1, 3, 2, 4))?
            .reshape((n, self.config.num_patches(), p * p))?;
        self.proj.forward(&patches)
    }
}

/// Multi-head self-attention: softmax(q kᵀ / √k) v for each head.
struct Attention {
    config: VitConfig,
    qkv: Linear,
    proj: Linear,
}

impl Attention {
    fn new(config: &VitConfig, vb: VarBuilder) -> Result<Self> {
        let d = config.embed_dim;
        Ok(Self { config: config.clone(), qkv: linear(d, 3 * d, vb.pp("qkv"))?, proj: linear(d, d, vb.pp("proj"))? })
    }
}

impl Module for Attention {
    /// `[n, t, d]` → `[n, t, d]`
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n, t, d) = x.dims3()?;
        let (heads, k) = (self.config.num_heads, self.config.head_dim());
        let qkv = self.qkv.forward(x)?; // [n, t, 3d]: all queries, all keys, all values, each head after head
        let qkv = qkv.reshape((n, t, 3, heads, k))?.permute((2, 0, 3, 1, 4))?.contiguous()?; // [3, n, h, t, k]
        let (query, key, value) = (qkv.i(0)?, qkv.i(1)?, qkv.i(2)?);
        let scores = (query * (k as f64).powf(-0.5))?.matmul(&key.t()?)?; // [n, h, t, t]
        let mixed = softmax(&scores)?.matmul(&value)?; // [n, h, t, k]
        self.proj.forward(&mixed.transpose(1, 2)?.reshape((n, t, d))?)
    }
}

/// Two linear layers with an exact GELU between them.
struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    fn new(config: &VitConfig, vb: VarBuilder) -> Result<Self> {
        let (d, hidden) = (config.embed_dim, config.hidden_dim());
        Ok(Self { fc1: linear(d, hidden, vb.pp("fc1"))?, fc2: linear(hidden, d, vb.pp("fc2"))? })
    }
}

impl Module for Mlp {
    /// `[n, t, d]` → `[n, t, d]`
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.fc2.forward(&self.fc1.forward(x)?.gelu_erf()?)
    }
}

/// x ← x + attention(norm(x)), then x ← x + mlp(norm(x)).
struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: Mlp,
}

impl Block {
    fn new(config: &VitConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            norm1: LayerNorm::new(config, vb.pp("norm1"))?,
            attn: Attention::new(config, vb.pp("attn"))?,
            norm2: LayerNorm::new(config, vb.pp("norm2"))?,
            mlp: Mlp::new(config, vb.pp("mlp"))?,
        })
    }
}

impl Module for Block {
    /// `[n, t, d]` → `[n, t, d]`
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = (x + self.attn.forward(&self.norm1.forward(x)?)?)?;
        &x + self.mlp.forward(&self.norm2.forward(&x)?)?
    }
}

/// The whole model.
pub struct Vit {
    cls_token: Tensor,
    pos_embed: Tensor,
    patch_embed: PatchEmbed,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
}

impl Vit {
    /// The model over the parameters that `vb` holds, under timm's names (see [`VitConfig::parameters`]).
    ///
    /// # Errors
    /// A parameter that is missing or has another shape.
    pub fn new(config: &VitConfig, vb: VarBuilder) -> Result<Self> {
        let d = config.embed_dim;
        let block = |i: usize| Block::new(config, vb.pp(format!("blocks.{i}")));
        Ok(Self {
            cls_token: vb.get((1, 1, d), "cls_token")?,
            pos_embed: vb.get((1, config.num_tokens(), d), "pos_embed")?,
            patch_embed: PatchEmbed::new(config, vb.pp("patch_embed"))?,
            blocks: (0..config.depth).map(block).collect::<Result<_>>()?,
            norm: LayerNorm::new(config, vb.pp("norm"))?,
            head: linear(d, CLASSES, vb.pp("head"))?,
        })
    }

    /// Logits `[n, 10]` of images `[n, 28, 28]`, f32 in 0 to 1.
    pub fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let patches = self.patch_embed.forward(pixels)?; // [n, t − 1, d]
        let (n, _, d) = patches.dims3()?;
        let cls = self.cls_token.broadcast_as((n, 1, d))?;
        let mut x = Tensor::cat(&[&cls, &patches], 1)?.broadcast_add(&self.pos_embed)?; // [n, t, d]
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        self.head.forward(&self.norm.forward(&x)?.i((.., 0))?) // the class token's row, [n, d] → [n, 10]
    }
}
