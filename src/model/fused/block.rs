//! One transformer block over the images of a shard.
//!
//! ```text
//! y = LN₁(x)        r = x + proj(attention(y))        out = r + fc₂(gelu(fc₁(LN₂(r))))
//! ```
//!
//! In the last block only the class token's output is used: there queries, r and out are `[images, D]`, one row an image,
//! while x and y remain `[images · tokens, D]`, and keys and values are not formed. Nothing is approximated by that.

use super::layout::{Affine, BlockLayout};
use super::profile::{Clock, Part};
use crate::data::ImageShape;
use crate::model::VitConfig;
use crate::ops::attention::{self, Saved, Shape};
use crate::ops::buffer::Buffer;
use crate::ops::class_attention::{self, ClassAttention, Gradients};
use crate::ops::linear::{Linear, Rows};
use crate::ops::matmul::{Out, Write};
use crate::ops::{gelu, layer_norm};

/// The weights, laid out for matrix products.
pub struct Block {
    layout: BlockLayout,
    /// γ and β.
    norm1: Buffer,
    norm2: Buffer,
    query: Linear,
    attend: Attend,
    proj: Linear,
    fc1: Linear,
    fc2: Linear,
    shape: Shape,
    /// Queries of an image: all its tokens, or the class token.
    queries: usize,
    hidden: usize,
}

/// Which tokens are queries: all, or in the last block the class token alone.
enum Attend {
    Every { key_value: Linear },
    Class(ClassAttention),
}

/// What the forward pass of each keeps.
enum Attended {
    Every { kv: Buffer, p: Buffer },
    Class(Box<class_attention::ClassSaved>),
}

/// What the forward pass keeps of a shard for the backward pass.
pub struct Activations {
    /// Input, `[images · tokens, D]`.
    pub x: Buffer,
    stats1: Buffer,
    y1: Buffer,
    q: Buffer,
    attended: Attended,
    o: Buffer,
    r: Buffer,
    stats2: Buffer,
    y2: Buffer,
    /// gelu(fc₁(y₂)).
    h: Buffer,
    /// gelu′(fc₁(y₂)); its gradient after the backward pass.
    dh: Buffer,
}

/// Scratch buffers and the stopwatch, shared by all blocks of a worker.
pub struct Scratch {
    pub clock: Clock,
    attention: Buffer,
    dy: Buffer,
    d_o: Buffer,
    dq: Buffer,
    dkv: Buffer,
}

impl Block {
    /// A block of zeros for shards of at most `images`.
    pub fn new(config: &VitConfig, input: ImageShape, layout: BlockLayout, class_only: bool, images: usize) -> Self {
        let (d, hidden, tokens) = (config.embed_dim, config.hidden_dim(), config.num_tokens(input));
        let (heads, dim) = (config.num_heads, config.head_dim());
        let (queries, attend) = if class_only {
            (1, Attend::Class(ClassAttention::new(class_attention::ClassShape { tokens, heads, dim })))
        } else {
            (tokens, Attend::Every { key_value: Linear::new(d, 2 * d) })
        };
        Self {
            layout,
            norm1: Buffer::zeros(2 * d),
            norm2: Buffer::zeros(2 * d),
            query: Linear::new(d, d),
            attend,
            proj: Linear::new(d, d),
            fc1: Linear::new(d, hidden),
            fc2: Linear::new(hidden, d),
            shape: Shape { images, tokens, heads, dim },
            queries,
            hidden,
        }
    }

    /// Takes over its part of the flat `params`.
    pub fn load(&mut self, params: &[f32]) {
        let load = |layer: &mut Linear, at: &Affine| layer.load(&params[at.weight.clone()], &params[at.bias.clone()]);
        self.norm1.copy_from_slice(&params[self.layout.norm1.both()]);
        self.norm2.copy_from_slice(&params[self.layout.norm2.both()]);
        load(&mut self.query, &self.layout.query);
        match &mut self.attend {
            Attend::Every { key_value } => load(key_value, &self.layout.key_value),
            Attend::Class(class) => {
                let Affine { weight, bias } = &self.layout.key_value;
                class.load(&params[weight.clone()], &params[bias.clone()]);
            }
        }
        load(&mut self.proj, &self.layout.proj);
        load(&mut self.fc1, &self.layout.fc1);
        load(&mut self.fc2, &self.layout.fc2);
    }

    fn width(&self) -> usize {
        self.shape.heads * self.shape.dim
    }

    /// Distance between the rows of x and y that become queries: all rows, or every image's first.
    fn query_stride(&self) -> usize {
        self.shape.tokens / self.queries * self.width()
    }

    /// Room for a full shard.
    pub fn activations(&self) -> Activations {
        let (d, rows, query_rows) = (self.width(), self.rows(), self.query_rows());
        let attended = match &self.attend {
            Attend::Every { .. } => {
                Attended::Every { kv: Buffer::zeros(rows * 2 * d), p: Buffer::zeros(self.shape.probabilities()) }
            }
            Attend::Class(class) => Attended::Class(Box::new(class.saved(self.shape.images))),
        };
        Activations {
            x: Buffer::zeros(rows * d),
            stats1: Buffer::zeros(rows * 2),
            y1: Buffer::zeros(rows * d),
            q: Buffer::zeros(query_rows * d),
            attended,
            o: Buffer::zeros(query_rows * d),
            r: Buffer::zeros(query_rows * d),
            stats2: Buffer::zeros(query_rows * 2),
            y2: Buffer::zeros(query_rows * d),
            h: Buffer::zeros(query_rows * self.hidden),
            dh: Buffer::zeros(query_rows * self.hidden),
        }
    }

    /// Room for a full shard.
    pub fn scratch(&self) -> Scratch {
        let (d, rows) = (self.width(), self.rows());
        Scratch {
            clock: Clock::default(),
            attention: Buffer::zeros(self.shape.scratch()),
            dy: Buffer::zeros(rows * d),
            d_o: Buffer::zeros(rows * d),
            dq: Buffer::zeros(rows * d),
            dkv: Buffer::zeros(rows * 2 * d),
        }
    }

    fn rows(&self) -> usize {
        self.shape.images * self.shape.tokens
    }

    fn query_rows(&self) -> usize {
        self.shape.images * self.queries
    }

    /// The same block for a shard of `images`.
    fn sized(&self, images: usize) -> (Shape, usize, usize) {
        (Shape { images, ..self.shape }, images * self.shape.tokens, images * self.queries)
    }

    /// out ← the block's output for `a.x`.
    pub fn forward(&self, images: usize, a: &mut Activations, s: &mut Scratch, out: &mut [f32], keep: bool) {
        let (shape, rows, query_rows) = self.sized(images);
        let d = self.width();
        let dense = |data| Rows { data, stride: d };

        layer_norm::forward(&a.x[..rows * d], &self.norm1, &mut a.y1, &mut a.stats1);
        s.clock.forward(Part::LayerNorm);
        self.query.forward(query_rows, Rows { data: &a.y1, stride: self.query_stride() }, &mut a.q);
        match (&self.attend, &mut a.attended) {
            (Attend::Every { key_value }, Attended::Every { kv, p }) => {
                key_value.forward(rows, dense(&a.y1), kv);
                s.clock.forward(Part::Projections);
                attention::forward(shape, &a.q, kv, p, &mut a.o, &mut s.attention);
            }
            (Attend::Class(class), Attended::Class(saved)) => {
                s.clock.forward(Part::Projections);
                class.forward(images, &a.q, &a.y1, saved, &mut a.o);
            }
            _ => unreachable!("activations of another block"),
        }
        s.clock.forward(Part::Attention);
        let x = Rows { data: &a.x, stride: self.query_stride() };
        self.proj.forward_residual(query_rows, dense(&a.o), x, &mut a.r);
        s.clock.forward(Part::Projections);

        layer_norm::forward(&a.r[..query_rows * d], &self.norm2, &mut a.y2, &mut a.stats2);
        s.clock.forward(Part::LayerNorm);
        self.fc1.forward(query_rows, dense(&a.y2), &mut a.h);
        gelu::forward(&mut a.h[..query_rows * self.hidden], keep.then_some(&mut a.dh));
        self.fc2.forward_residual(query_rows, Rows { data: &a.h, stride: self.hidden }, dense(&a.r), out);
        s.clock.forward(Part::Mlp);
    }

    /// `dx` ← the gradient of x, and `grad` += those of the parameters, from `dout`, which is overwritten.
    pub fn backward(
        &self,
        images: usize,
        a: &mut Activations,
        s: &mut Scratch,
        dout: &mut Buffer,
        dx: &mut Buffer,
        grad: &mut [f32],
    ) {
        let (_, rows, query_rows) = self.sized(images);
        let d = self.width();
        let dense = |data| Rows { data, stride: d };

        let times = Out { data: &mut a.dh, stride: self.hidden, write: Write::Times };
        self.fc2.backward_input(query_rows, dout, times);
        let h = Rows { data: &a.h, stride: self.hidden };
        weight_backward(&self.fc2, &self.layout.fc2, query_rows, dout, h, grad);
        self.fc1.backward_input(query_rows, &a.dh, Out::set(&mut s.dy, d));
        weight_backward(&self.fc1, &self.layout.fc1, query_rows, &a.dh, dense(&a.y2), grad);
        s.clock.backward(Part::Mlp);
        // dout becomes dr: the residual connection passes it on as it is.
        let (dr, r) = (&mut dout[..query_rows * d], &a.r[..query_rows * d]);
        layer_norm::backward(&s.dy, r, &a.stats2, &self.norm2, dr, &mut grad[self.layout.norm2.both()]);
        s.clock.backward(Part::LayerNorm);

        self.proj.backward_input(query_rows, dr, Out::set(&mut s.d_o, d));
        weight_backward(&self.proj, &self.layout.proj, query_rows, dr, dense(&a.o), grad);
        s.clock.backward(Part::Projections);
        self.attention_backward(images, a, s, grad);
        let queries = Out::add(&mut s.dy, self.query_stride());
        self.query.backward_input(query_rows, &s.dq, queries);
        let queries = Rows { data: &a.y1, stride: self.query_stride() };
        weight_backward(&self.query, &self.layout.query, query_rows, &s.dq, queries, grad);
        s.clock.backward(Part::Projections);

        if matches!(self.attend, Attend::Class(_)) {
            dx[..rows * d].fill(0.0);
            for (dx, dr) in dx.chunks_mut(self.query_stride()).zip(dr.chunks_exact(d)) {
                dx[..d].copy_from_slice(dr);
            }
        } else {
            std::mem::swap(dout, dx);
        }
        let dx = &mut dx[..rows * d];
        layer_norm::backward(&s.dy, &a.x, &a.stats1, &self.norm1, dx, &mut grad[self.layout.norm1.both()]);
        s.clock.backward(Part::LayerNorm);
    }

    /// `dq` and `dy` in the scratch ← the gradients of the queries and, through keys and values, of y₁; `grad` += those
    /// of the keys' and values' parameters.
    fn attention_backward(&self, images: usize, a: &mut Activations, s: &mut Scratch, grad: &mut [f32]) {
        let (shape, rows, _) = self.sized(images);
        let d = self.width();
        match (&self.attend, &mut a.attended) {
            (Attend::Every { key_value }, Attended::Every { kv, p }) => {
                let saved = Saved { q: &a.q, kv, p, d_o: &s.d_o };
                attention::backward(shape, saved, &mut s.dq, &mut s.dkv, &mut s.attention);
                s.clock.backward(Part::Attention);
                key_value.backward_input(rows, &s.dkv, Out::set(&mut s.dy, d));
                weight_backward(key_value, &self.layout.key_value, rows, &s.dkv, Rows { data: &a.y1, stride: d }, grad);
            }
            (Attend::Class(class), Attended::Class(saved)) => {
                let (before, after) = grad.split_at_mut(self.layout.key_value.bias.start);
                let weight = &mut before[self.layout.key_value.weight.clone()];
                let grad = Gradients { weight, value_bias: &mut after[d..2 * d] };
                class.backward(images, &s.d_o, &a.y1, saved, &mut s.dq, &mut s.dy, grad);
                s.clock.backward(Part::Attention);
            }
            _ => unreachable!("activations of another block"),
        }
    }
}

/// [`Linear::backward_weight`] into `grad`.
pub(super) fn weight_backward(layer: &Linear, at: &Affine, rows: usize, dy: &[f32], x: Rows, grad: &mut [f32]) {
    let (before, after) = grad.split_at_mut(at.bias.start);
    layer.backward_weight(rows, dy, x, &mut before[at.weight.clone()], &mut after[..at.bias.len()]);
}
