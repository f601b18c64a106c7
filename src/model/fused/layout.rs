//! Where each layer's parameters lie in the flat vector of all parameters and of their gradient.

use std::ops::Range;

use crate::data::CLASSES;
use crate::model::VitConfig;

/// A layer's weight and the bias behind it.
#[derive(Clone, Debug)]
pub struct Affine {
    pub weight: Range<usize>,
    pub bias: Range<usize>,
}

impl Affine {
    /// Weight and bias together.
    pub fn both(&self) -> Range<usize> {
        self.weight.start..self.bias.end
    }
}

/// The layers of a block. Queries are separate from keys and values, because the last block needs fewer of them.
#[derive(Clone, Debug)]
pub struct BlockLayout {
    pub norm1: Affine,
    pub query: Affine,
    pub key_value: Affine,
    pub proj: Affine,
    pub norm2: Affine,
    pub fc1: Affine,
    pub fc2: Affine,
}

/// All layers.
#[derive(Clone, Debug)]
pub struct Layout {
    pub cls: Range<usize>,
    pub pos: Range<usize>,
    pub patch: Affine,
    pub blocks: Vec<BlockLayout>,
    pub norm: Affine,
    pub head: Affine,
    /// Number of parameters.
    pub len: usize,
}

impl Layout {
    /// The order of [`VitConfig::parameters`].
    pub fn new(config: &VitConfig) -> Self {
        let (d, hidden) = (config.embed_dim, config.hidden_dim());
        let mut len = 0;
        let mut take = |count: usize| {
            len += count;
            len - count..len
        };
        let (cls, pos) = (take(d), take(config.num_tokens() * d));
        let mut affine = |weight, bias| Affine { weight: take(weight), bias: take(bias) };
        let patch = affine(d * config.patch_size.pow(2), d);
        let blocks = (0..config.depth).map(|_| {
            let norm1 = affine(d, d);
            let qkv = affine(3 * d * d, 3 * d);
            let ((w, cut), (b, bias_cut)) = ((&qkv.weight, qkv.weight.start + d * d), (&qkv.bias, qkv.bias.start + d));
            BlockLayout {
                norm1,
                query: Affine { weight: w.start..cut, bias: b.start..bias_cut },
                key_value: Affine { weight: cut..w.end, bias: bias_cut..b.end },
                proj: affine(d * d, d),
                norm2: affine(d, d),
                fc1: affine(hidden * d, hidden),
                fc2: affine(d * hidden, d),
            }
        });
        let blocks = blocks.collect();
        let (norm, head) = (affine(d, d), affine(CLASSES * d, CLASSES));
        Self { cls, pos, patch, blocks, norm, head, len }
    }
}
