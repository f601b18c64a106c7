//! Where each layer's parameters lie in the flat vector: the ranges of the model's [`Layout`].

use std::ops::Range;

use crate::model::Layout;

/// A layer's weight and the bias behind it.
#[derive(Clone, Debug)]
pub struct Affine {
    pub weight: Range<usize>,
    pub bias: Range<usize>,
}

impl Affine {
    /// Those of the layer of that name.
    pub fn new(layout: &Layout, name: &str) -> Self {
        let range = |part| layout.range(&format!("{name}.{part}"));
        Self { weight: range("weight"), bias: range("bias") }
    }

    /// Weight and bias together.
    pub fn both(&self) -> Range<usize> {
        self.weight.start..self.bias.end
    }

    /// The first of three equal parts, and the other two.
    fn split_off_third(self) -> (Self, Self) {
        let cut = |range: &Range<usize>| range.start + range.len() / 3;
        let (w, b) = (cut(&self.weight), cut(&self.bias));
        let first = Self { weight: self.weight.start..w, bias: self.bias.start..b };
        (first, Self { weight: w..self.weight.end, bias: b..self.bias.end })
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

impl BlockLayout {
    fn new(layout: &Layout, block: usize) -> Self {
        let layer = |name| Affine::new(layout, &format!("blocks.{block}.{name}"));
        let (query, key_value) = layer("attn.qkv").split_off_third();
        Self {
            norm1: layer("norm1"),
            query,
            key_value,
            proj: layer("attn.proj"),
            norm2: layer("norm2"),
            fc1: layer("mlp.fc1"),
            fc2: layer("mlp.fc2"),
        }
    }
}

/// All layers.
#[derive(Clone, Debug)]
pub struct VitLayout {
    pub cls: Range<usize>,
    pub pos: Range<usize>,
    pub patch: Affine,
    pub blocks: Vec<BlockLayout>,
    pub norm: Affine,
    pub head: Affine,
    /// Number of parameters.
    pub len: usize,
}

impl VitLayout {
    /// Of a Vision Transformer with `depth` blocks.
    pub fn new(layout: &Layout, depth: usize) -> Self {
        Self {
            cls: layout.range("cls_token"),
            pos: layout.range("pos_embed"),
            patch: Affine::new(layout, "patch_embed.proj"),
            blocks: (0..depth).map(|block| BlockLayout::new(layout, block)).collect(),
            norm: Affine::new(layout, "norm"),
            head: Affine::new(layout, "head"),
            len: layout.len(),
        }
    }
}
