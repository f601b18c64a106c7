//! The model: a Vision Transformer under timm's names, so that a checkpoint opens in timm as it is.

mod backend;
mod composed;
mod flops;
pub mod fused;
mod params;
pub mod vit;

pub use backend::{Backend, Totals, backend};
pub use composed::Composed;
pub use flops::Flops;
pub use fused::Fused;
pub use params::Params;
pub use vit::Vit;

use serde::{Deserialize, Serialize};

use crate::data::{CLASSES, SIDE};
use crate::error::Result;
use crate::usage;

/// Parameters of the largest model.
const MAX_PARAMS: usize = 100_000_000;

/// Sizes of the Vision Transformer, named as timm's `VisionTransformer` names them. `img_size` 28, `in_chans` 1 and
/// `num_classes` 10 follow from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VitConfig {
    /// Height and width of a patch in pixels; must divide 28.
    pub patch_size: usize,
    /// Width of a token; `num_heads` must divide it.
    pub embed_dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads of a block.
    pub num_heads: usize,
    /// Width of the MLP's hidden layer as a multiple of `embed_dim`.
    pub mlp_ratio: f64,
}

impl Default for VitConfig {
    /// The article's model of about 100,000 parameters (105,098).
    fn default() -> Self {
        Self { patch_size: 4, embed_dim: 64, depth: 2, num_heads: 4, mlp_ratio: 4.0 }
    }
}

impl VitConfig {
    /// Checks that such a model can be built.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError) that names the setting, its value and what it must be.
    pub fn validate(&self) -> Result<()> {
        if self.patch_size == 0 || !SIDE.is_multiple_of(self.patch_size) {
            usage!(
                "model.patch_size = {} does not divide the image side {SIDE}; take 1, 2, 4, 7, 14 or 28",
                self.patch_size
            );
        }
        if self.embed_dim == 0 || self.num_heads == 0 || !self.embed_dim.is_multiple_of(self.num_heads) {
            usage!(
                "model.num_heads = {} does not divide model.embed_dim = {}; choose a width that is a multiple of the number of heads",
                self.num_heads,
                self.embed_dim
            );
        }
        if self.depth == 0 {
            usage!("model.depth = 0 leaves no block; give it at least 1");
        }
        if self.embed_dim > MAX_PARAMS || self.mlp_ratio > MAX_PARAMS as f64 || self.hidden_dim() > MAX_PARAMS {
            usage!(
                "model.embed_dim = {} with model.mlp_ratio = {} is more than a model of at most 100 million parameters can be wide; make it smaller",
                self.embed_dim,
                self.mlp_ratio
            );
        }
        if !self.mlp_ratio.is_finite() || self.mlp_ratio * (self.embed_dim as f64) < 1.0 {
            usage!("model.mlp_ratio = {} leaves no hidden unit; give it a positive number such as 4", self.mlp_ratio);
        }
        if self.num_params() > MAX_PARAMS {
            usage!(
                "the model would have {} parameters; snr-bench takes at most 100 million, make it smaller",
                self.num_params()
            );
        }
        Ok(())
    }

    /// Patches of an image, (28 / patch_size)².
    pub fn num_patches(&self) -> usize {
        (SIDE / self.patch_size).pow(2)
    }

    /// Tokens of an image: its patches and the class token.
    pub fn num_tokens(&self) -> usize {
        self.num_patches() + 1
    }

    /// Width of a head.
    pub fn head_dim(&self) -> usize {
        self.embed_dim / self.num_heads
    }

    /// Width of the MLP's hidden layer (timm: `int(embed_dim * mlp_ratio)`).
    pub fn hidden_dim(&self) -> usize {
        (self.embed_dim as f64 * self.mlp_ratio) as usize
    }

    /// Name and shape of every parameter, in timm's order.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let (d, h, p) = (self.embed_dim, self.hidden_dim(), self.patch_size);
        let mut list = vec![
            ("cls_token".to_string(), vec![1, 1, d]),
            ("pos_embed".to_string(), vec![1, self.num_tokens(), d]),
            ("patch_embed.proj.weight".to_string(), vec![d, 1, p, p]),
            ("patch_embed.proj.bias".to_string(), vec![d]),
        ];
        for i in 0..self.depth {
            let block: [(&str, Vec<usize>); 12] = [
                ("norm1.weight", vec![d]),
                ("norm1.bias", vec![d]),
                ("attn.qkv.weight", vec![3 * d, d]),
                ("attn.qkv.bias", vec![3 * d]),
                ("attn.proj.weight", vec![d, d]),
                ("attn.proj.bias", vec![d]),
                ("norm2.weight", vec![d]),
                ("norm2.bias", vec![d]),
                ("mlp.fc1.weight", vec![h, d]),
                ("mlp.fc1.bias", vec![h]),
                ("mlp.fc2.weight", vec![d, h]),
                ("mlp.fc2.bias", vec![d]),
            ];
            list.extend(block.into_iter().map(|(name, shape)| (format!("blocks.{i}.{name}"), shape)));
        }
        list.extend([
            ("norm.weight".to_string(), vec![d]),
            ("norm.bias".to_string(), vec![d]),
            ("head.weight".to_string(), vec![CLASSES, d]),
            ("head.bias".to_string(), vec![CLASSES]),
        ]);
        list
    }

    /// Number of parameters; 105,098 for the default. Takes no memory for however many blocks.
    pub fn num_params(&self) -> usize {
        let of_depth = |depth| {
            let sizes = Self { depth, ..self.clone() }.parameters();
            sizes.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>()
        };
        let (none, one) = (of_depth(0), of_depth(1));
        (one - none).saturating_mul(self.depth).saturating_add(none)
    }
}
