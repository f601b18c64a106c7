//! Sizes of the Vision Transformer.

use serde::{Deserialize, Serialize};

use super::{Init, Layout, MAX_DEPTH, MAX_PARAMS, Role, Unusual};
use crate::data::ImageShape;
use crate::error::Result;
use crate::usage;

/// Sizes of the Vision Transformer, named as timm's `VisionTransformer` names them. `img_size`, `in_chans` (1) and
/// `num_classes` are the data's: an [`ImageShape`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VitConfig {
    /// Height and width of a patch in pixels; must divide those of the image.
    pub patch_size: usize,
    /// Width of a token; `num_heads` must divide it.
    pub embed_dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads of a block.
    pub num_heads: usize,
    /// Width of the MLP's hidden layer as a multiple of `embed_dim`.
    pub mlp_ratio: f64,
    /// How its parameters start. The default is not written, as when there was no other.
    #[serde(skip_serializing_if = "VitInit::is_default")]
    pub init: VitInit,
}

/// How the parameters of a Vision Transformer start. Norms start from 1 and 0 in either case, and the convolution of the
/// patches from U(±1/√fan_in).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VitInit {
    /// PyTorch's defaults for linear layers, U(±1/√fan_in) for weight and bias; class token and positions from N(0, 0.02²).
    #[default]
    Pytorch,
    /// What timm's `VisionTransformer` does unless told otherwise: weights of linear layers and positions from N(0, 0.02²), their
    /// biases 0, the class token from N(0, 10⁻¹²). timm truncates its normal distribution at ±2, which is 100 standard
    /// deviations and never happens.
    Timm,
}

impl VitInit {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for VitConfig {
    /// The article's model of about 100,000 parameters (105,098).
    fn default() -> Self {
        Self { patch_size: 4, embed_dim: 64, depth: 2, num_heads: 4, mlp_ratio: 4.0, init: VitInit::Pytorch }
    }
}

impl VitConfig {
    /// Checks that such a model can be built.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError) that names the setting, its value and what it must be.
    pub fn validate(&self, input: ImageShape) -> Result<()> {
        let divides = |p: usize| p > 0 && input.height.is_multiple_of(p) && input.width.is_multiple_of(p);
        if !divides(self.patch_size) {
            let possible: Vec<String> = (1..=input.height).filter(|p| divides(*p)).map(|p| p.to_string()).collect();
            usage!(
                "model.patch_size = {} does not divide images of {}×{} pixels; take one of {}",
                self.patch_size,
                input.height,
                input.width,
                possible.join(", ")
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
        if self.depth > MAX_DEPTH {
            usage!("model.depth = {} is more blocks than the {MAX_DEPTH} that a model may have", self.depth);
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
        if self.num_params(input) > MAX_PARAMS {
            usage!(
                "the model would have {} parameters; snr-bench takes at most 100 million, make it smaller",
                self.num_params(input)
            );
        }
        Ok(())
    }

    /// Patches of an image.
    pub fn num_patches(&self, input: ImageShape) -> usize {
        (input.height / self.patch_size) * (input.width / self.patch_size)
    }

    /// Tokens of an image: its patches and the class token.
    pub fn num_tokens(&self, input: ImageShape) -> usize {
        self.num_patches(input) + 1
    }

    /// Width of a head.
    pub fn head_dim(&self) -> usize {
        self.embed_dim / self.num_heads
    }

    /// Width of the MLP's hidden layer (timm: `int(embed_dim * mlp_ratio)`).
    pub fn hidden_dim(&self) -> usize {
        (self.embed_dim as f64 * self.mlp_ratio) as usize
    }

    /// Every parameter, in timm's order.
    pub fn layout(&self, input: ImageShape) -> Layout {
        let (d, h, p) = (self.embed_dim, self.hidden_dim(), self.patch_size);
        let mut layout = Layout::default();
        let normal = Init::Normal { sd: 0.02 };
        let cls = if self.init == VitInit::Timm { Init::Normal { sd: 1e-6 } } else { normal };
        layout.push("cls_token", &[1, 1, d], Role::Embedding, cls);
        layout.push("pos_embed", &[1, self.num_tokens(input), d], Role::Embedding, normal);
        layout.push_linear("patch_embed.proj", &[d, 1, p, p]);
        let linear = |layout: &mut Layout, name: &str, weight: [usize; 2]| match self.init {
            VitInit::Pytorch => layout.push_linear(name, &weight),
            VitInit::Timm => {
                layout.push(format!("{name}.weight"), &weight, Role::Matrix, normal);
                layout.push(format!("{name}.bias"), &weight[..1], Role::Bias, Init::Constant(0.0));
            }
        };
        for i in 0..self.depth {
            let name = |part| format!("blocks.{i}.{part}");
            layout.push_norm(&name("norm1"), d);
            linear(&mut layout, &name("attn.qkv"), [3 * d, d]);
            linear(&mut layout, &name("attn.proj"), [d, d]);
            layout.push_norm(&name("norm2"), d);
            linear(&mut layout, &name("mlp.fc1"), [h, d]);
            linear(&mut layout, &name("mlp.fc2"), [d, h]);
        }
        layout.push_norm("norm", d);
        linear(&mut layout, "head", [input.classes, d]);
        layout
    }

    /// Number of parameters; 105,098 for the default on MNIST. Takes no memory for however many blocks.
    pub fn num_params(&self, input: ImageShape) -> usize {
        let of_depth = |depth| Self { depth, ..self.clone() }.layout(input).len();
        let (none, one) = (of_depth(0), of_depth(1));
        (one - none).saturating_mul(self.depth).saturating_add(none)
    }

    /// What it has other than the default.
    pub fn unusual(&self) -> Vec<Unusual> {
        let sizes = |&Self { patch_size, embed_dim, depth, num_heads, mlp_ratio, .. }: &Self| {
            [
                ("patch size", "patch", patch_size as f64),
                ("embedding width", "dim", embed_dim as f64),
                ("depth", "depth", depth as f64),
                ("heads", "heads", num_heads as f64),
                ("MLP ratio", "mlp", mlp_ratio),
            ]
        };
        let pairs = sizes(self).into_iter().zip(sizes(&Self::default()));
        let sizes = pairs.filter(|(a, b)| a != b).map(|((text, short, size), _)| Unusual::size(text, short, size));
        let init = (self.init == VitInit::Timm)
            .then(|| Unusual { text: "timm’s initialisation".into(), short: "timm".into() });
        sizes.chain(init).collect()
    }
}
