//! The Vision Transformer over the images of a shard.

use super::block::{Activations, Block, Scratch, weight_backward};
use super::layout::VitLayout;
use super::net::Net;
use super::profile::{Clock, Part};
use crate::data::{ImageShape, Images};
use crate::model::VitConfig;
use crate::ops::buffer::Buffer;
use crate::ops::layer_norm;
use crate::ops::linear::{Linear, Rows};
use crate::ops::matmul::Out;
use crate::ops::patch_embed::PatchEmbed;

/// The parameters, laid out for matrix products.
pub struct VitNet {
    layout: VitLayout,
    norm: Buffer,
    patch: PatchEmbed,
    blocks: Vec<Block>,
    head: Linear,
    width: usize,
    classes: usize,
}

/// All buffers of one worker, allocated once.
pub struct Workspace {
    /// Patches, `[images · tokens, patch²]`.
    u: Buffer,
    blocks: Vec<Activations>,
    scratch: Scratch,
    /// Output of the last block, its norm and the logits: one row an image.
    x: Buffer,
    stats: Buffer,
    y: Buffer,
    logits: Buffer,
    /// Gradients at a block's output and input, in turn.
    dout: Buffer,
    dx: Buffer,
}

impl VitNet {
    /// A model of zeros.
    pub fn new(config: &VitConfig, input: ImageShape) -> Self {
        let images = Self::SHARD;
        let layout = VitLayout::new(&config.layout(input), config.depth);
        let last = config.depth - 1;
        let blocks = layout.blocks.iter().enumerate();
        Self {
            norm: Buffer::zeros(2 * config.embed_dim),
            patch: PatchEmbed::new((input.height, input.width), config.patch_size, config.embed_dim),
            blocks: blocks.map(|(i, at)| Block::new(config, input, at.clone(), i == last, images)).collect(),
            head: Linear::new(config.embed_dim, input.classes),
            width: config.embed_dim,
            classes: input.classes,
            layout,
        }
    }
}

impl Net for VitNet {
    type Workspace = Workspace;

    // Few, so that a worker's buffers take few megabytes.
    const SHARD: usize = 4;

    fn num_params(&self) -> usize {
        self.layout.len
    }

    fn load(&mut self, params: &[f32]) {
        let VitLayout { cls, pos, patch, norm, head, .. } = &self.layout;
        let at = |range: &std::ops::Range<usize>| &params[range.clone()];
        self.patch.load(at(cls), at(pos), at(&patch.weight), at(&patch.bias));
        self.norm.copy_from_slice(&params[norm.both()]);
        self.head.load(at(&head.weight), at(&head.bias));
        self.blocks.iter_mut().for_each(|block| block.load(params));
    }

    fn workspace(&self) -> Workspace {
        let (n, d) = (Self::SHARD, self.width);
        let blocks: Vec<_> = self.blocks.iter().map(Block::activations).collect();
        let rows = blocks[0].x.len();
        Workspace {
            u: Buffer::zeros(n * self.patch.patch_len()),
            blocks,
            scratch: self.blocks[0].scratch(),
            x: Buffer::zeros(n * d),
            stats: Buffer::zeros(n * 2),
            y: Buffer::zeros(n * d),
            logits: Buffer::zeros(n * self.classes),
            dout: Buffer::zeros(rows),
            dx: Buffer::zeros(rows),
        }
    }

    fn clock(w: &mut Workspace) -> &mut Clock {
        &mut w.scratch.clock
    }

    fn forward<'w>(&self, images: &Images, indices: &[u32], w: &'w mut Workspace, keep: bool) -> &'w mut [f32] {
        let n = indices.len();
        let d = self.width;
        for (u, &i) in w.u.chunks_exact_mut(self.patch.patch_len()).zip(indices) {
            self.patch.patches(images.image(i as usize), u);
        }
        w.scratch.clock.forward(Part::Data);
        self.patch.forward(n, &w.u, &mut w.blocks[0].x);
        w.scratch.clock.forward(Part::PatchEmbed);
        for (i, block) in self.blocks.iter().enumerate() {
            let (done, next) = w.blocks.split_at_mut(i + 1);
            let out = next.first_mut().map_or(&mut w.x, |next| &mut next.x);
            block.forward(n, &mut done[i], &mut w.scratch, out, keep);
        }
        layer_norm::forward(&w.x[..n * d], &self.norm, &mut w.y, &mut w.stats);
        self.head.forward(n, Rows { data: &w.y, stride: d }, &mut w.logits);
        &mut w.logits[..n * self.classes]
    }

    fn backward(&self, indices: &[u32], w: &mut Workspace, grad: &mut [f32]) {
        let n = indices.len();
        let d = self.width;
        self.head.backward_input(n, &w.logits, Out::set(&mut w.dx, d));
        weight_backward(&self.head, &self.layout.head, n, &w.logits, Rows { data: &w.y, stride: d }, grad);
        w.dout[..n * d].fill(0.0);
        let dnorm = &mut grad[self.layout.norm.both()];
        layer_norm::backward(&w.dx, &w.x, &w.stats, &self.norm, &mut w.dout[..n * d], dnorm);
        w.scratch.clock.backward(Part::Head);
        for (block, a) in self.blocks.iter().zip(&mut w.blocks).rev() {
            block.backward(n, a, &mut w.scratch, &mut w.dout, &mut w.dx, grad);
            std::mem::swap(&mut w.dout, &mut w.dx);
        }
        let (before, weight) = grad.split_at_mut(self.layout.patch.weight.start);
        let (dweight, dpos) = (&mut weight[..self.layout.patch.weight.len()], &mut before[self.layout.pos.clone()]);
        self.patch.backward(n, &w.dout, &w.u, dweight, dpos);
        w.scratch.clock.backward(Part::PatchEmbed);
    }

    fn finish(&self, grad: &mut [f64]) {
        let VitLayout { cls, pos, patch, .. } = &self.layout;
        let (front, back) = grad.split_at_mut(patch.weight.start);
        let (dcls, dpos) = front.split_at_mut(pos.start);
        self.patch.finish(dpos, &mut dcls[cls.clone()], &mut back[patch.weight.len()..][..patch.bias.len()]);
    }
}
