//! Attention of the class token alone, from the tokens' normalised rows y: keys and values are never formed. For each image
//! and head, with W_K, W_V `[d, D]` the head's rows of the weights, q `[d]` the class token's query, y `[tokens, D]`:
//!
//! ```text
//! forward     u = W_Kᵀ q/√d         s = y u          p = softmax(s)          z = yᵀ p          o = W_V z + b_V
//! backward    g = W_Vᵀ do           ds = p (y g − p·(y g))                   du = yᵀ ds
//!             dq = W_K du/√d        dW_K = q/√d duᵀ        dW_V = do zᵀ      db_V = do
//!             dy = ds uᵀ + p gᵀ
//! ```
//!
//! The same as attention over K = y W_Kᵀ + b_K and V = y W_Vᵀ + b_V, only that sums are taken in another order: s is then
//! K q/√d − b_K·q/√d, and softmax does not see what is added to all scores; Σ p = 1 takes b_V out of the sum. So b_K has
//! no influence at all, and its gradient is 0.

use pulp::{Simd, WithSimd};

use super::attention::{BLOCK, softmax, softmax_backward, transpose};
use super::buffer::Buffer;
use super::dispatch;
use super::linear::add_rows;
use super::matmul::{Dims, Left, Out, Right, Write, matmul, matmul_in};

/// Sizes: D = heads · dim.
#[derive(Clone, Copy, Debug)]
pub struct ClassShape {
    pub tokens: usize,
    pub heads: usize,
    pub dim: usize,
}

impl ClassShape {
    fn width(&self) -> usize {
        self.heads * self.dim
    }

    /// Heads are the columns of the scores, and padded to whole vectors of every instruction set.
    fn padded(&self) -> usize {
        self.heads.next_multiple_of(BLOCK)
    }

    /// Elements of p of one image, `[tokens, padded heads]`.
    pub fn scores(&self) -> usize {
        self.tokens * self.padded()
    }

    /// Elements of u or z of one image, `[heads, D]`.
    pub fn mixed(&self) -> usize {
        self.heads * self.width()
    }
}

/// Weights, as they are and transposed.
pub struct ClassAttention {
    shape: ClassShape,
    /// W_K, W_V `[D, D]`, and their transposes.
    key: Buffer,
    value: Buffer,
    key_t: Buffer,
    value_t: Buffer,
    value_bias: Buffer,
}

/// What the forward pass keeps, and the backward pass's scratch, for a number of images.
pub struct ClassSaved {
    /// q/√d `[images, D]`.
    q: Buffer,
    /// p `[images, tokens, padded heads]`.
    p: Buffer,
    /// u and z, `[images, heads, D]`.
    u: Buffer,
    z: Buffer,
    /// g and du, likewise.
    g: Buffer,
    du: Buffer,
    /// Scores of one image, and u or g of one image transposed, `[D, padded heads]`.
    ds: Buffer,
    columns: Buffer,
}

/// Gradients that are added to: W_K over W_V `[2 D, D]`, and b_V `[D]`.
pub struct Gradients<'a> {
    pub weight: &'a mut [f32],
    pub value_bias: &'a mut [f32],
}

impl ClassAttention {
    /// Weights of zero.
    pub fn new(shape: ClassShape) -> Self {
        let square = || Buffer::zeros(shape.width() * shape.width());
        let value_bias = Buffer::zeros(shape.width());
        Self { shape, key: square(), value: square(), key_t: square(), value_t: square(), value_bias }
    }

    /// Takes over W_K over W_V `[2 D, D]` and b_K beside b_V `[2 D]`.
    pub fn load(&mut self, weight: &[f32], bias: &[f32]) {
        let d = self.shape.width();
        let (key, value) = weight.split_at(d * d);
        for (w, rows, columns) in [(key, &mut self.key, &mut self.key_t), (value, &mut self.value, &mut self.value_t)] {
            rows.copy_from_slice(w);
            for (i, row) in w.chunks_exact(d).enumerate() {
                row.iter().zip(columns[i..].iter_mut().step_by(d)).for_each(|(x, out)| *out = *x);
            }
        }
        self.value_bias.copy_from_slice(&bias[d..]);
    }

    /// Room for `images`.
    pub fn saved(&self, images: usize) -> ClassSaved {
        let shape = self.shape;
        let mixed = || Buffer::zeros(images * shape.mixed());
        ClassSaved {
            q: Buffer::zeros(images * shape.width()),
            p: Buffer::zeros(images * shape.scores()),
            u: mixed(),
            z: mixed(),
            g: mixed(),
            du: mixed(),
            ds: Buffer::zeros(shape.scores()),
            columns: Buffer::zeros(shape.width() * shape.padded()),
        }
    }

    /// o `[images, D]` ← attention of the queries q `[images, D]` over y `[images · tokens, D]`.
    pub fn forward(&self, images: usize, q: &[f32], y: &[f32], saved: &mut ClassSaved, o: &mut [f32]) {
        let ClassShape { heads, dim, .. } = self.shape;
        let (d, mixed) = (self.shape.width(), self.shape.mixed());
        let scale = 1.0 / (dim as f32).sqrt();
        saved.q.iter_mut().zip(&q[..images * d]).for_each(|(scaled, q)| *scaled = q * scale);
        for h in 0..heads {
            let (q, w) = (Left::rows(&saved.q[h * dim..], d), Right::rows(&self.key[h * dim * d..], d));
            matmul(Dims { m: images, n: d, k: dim }, q, w, Out::set(&mut saved.u[h * d..], mixed));
        }
        dispatch(Mix { shape: self.shape, images, y, saved });
        for h in 0..heads {
            let (z, w) = (Left::rows(&saved.z[h * d..], mixed), Right::rows(&self.value_t[h * dim..], d));
            let write = Write::Bias(&self.value_bias[h * dim..]);
            matmul(Dims { m: images, n: dim, k: d }, z, w, Out { data: &mut o[h * dim..], stride: d, write });
        }
    }

    /// dq `[images, D]` and dy `[images · tokens, D]` ← the gradients from d_o `[images, D]`; `grad` += those of the weights.
    #[allow(clippy::too_many_arguments)]
    pub fn backward(
        &self,
        images: usize,
        d_o: &[f32],
        y: &[f32],
        saved: &mut ClassSaved,
        dq: &mut [f32],
        dy: &mut [f32],
        grad: Gradients,
    ) {
        let ClassShape { heads, dim, .. } = self.shape;
        let (d, mixed) = (self.shape.width(), self.shape.mixed());
        for h in 0..heads {
            let (d_o, w) = (Left::rows(&d_o[h * dim..], d), Right::rows(&self.value[h * dim * d..], d));
            matmul(Dims { m: images, n: d, k: dim }, d_o, w, Out::set(&mut saved.g[h * d..], mixed));
        }
        dispatch(Unmix { shape: self.shape, images, y, saved, dy });
        let (dkey, dvalue) = grad.weight.split_at_mut(d * d);
        let per_weight = Dims { m: dim, n: d, k: images };
        for h in 0..heads {
            let (du, w) = (Left::rows(&saved.du[h * d..], mixed), Right::rows(&self.key_t[h * dim..], d));
            matmul(Dims { m: images, n: dim, k: d }, du, w, Out::set(&mut dq[h * dim..], d));
            let (q, du) = (Left::transposed(&saved.q[h * dim..], d), Right::rows(&saved.du[h * d..], mixed));
            matmul(per_weight, q, du, Out::add(&mut dkey[h * dim * d..], d));
            let (d_o, z) = (Left::transposed(&d_o[h * dim..], d), Right::rows(&saved.z[h * d..], mixed));
            matmul(per_weight, d_o, z, Out::add(&mut dvalue[h * dim * d..], d));
        }
        let scale = 1.0 / (dim as f32).sqrt();
        dq[..images * d].iter_mut().for_each(|dq| *dq *= scale);
        add_rows(&d_o[..images * d], grad.value_bias);
    }
}

/// p and z from u.
struct Mix<'a> {
    shape: ClassShape,
    images: usize,
    y: &'a [f32],
    saved: &'a mut ClassSaved,
}

impl WithSimd for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shape, images, y, saved } = self;
        let ClassShape { tokens, heads, .. } = shape;
        let (d, padded) = (shape.width(), shape.padded());
        for i in 0..images {
            let (y, p) = (&y[i * tokens * d..], &mut saved.p[i * shape.scores()..][..shape.scores()]);
            transpose(heads, d, &saved.u[i * shape.mixed()..], d, 1.0, &mut saved.columns);
            let scores = Dims { m: tokens, n: padded, k: d };
            matmul_in(simd, scores, Left::rows(y, d), Right::rows(&saved.columns, padded), Out::set(p, padded));
            softmax(simd, p, padded);
            let z = Out::set(&mut saved.z[i * shape.mixed()..], d);
            matmul_in(simd, Dims { m: heads, n: d, k: tokens }, Left::transposed(p, padded), Right::rows(y, d), z);
        }
    }
}

/// du and dy from g.
struct Unmix<'a> {
    shape: ClassShape,
    images: usize,
    y: &'a [f32],
    saved: &'a mut ClassSaved,
    dy: &'a mut [f32],
}

impl WithSimd for Unmix<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shape, images, y, saved, dy } = self;
        let ClassShape { tokens, heads, .. } = shape;
        let (d, padded) = (shape.width(), shape.padded());
        for i in 0..images {
            let (y, dy) = (&y[i * tokens * d..], &mut dy[i * tokens * d..]);
            let p = &saved.p[i * shape.scores()..][..shape.scores()];
            let (u, g) = (&saved.u[i * shape.mixed()..], &saved.g[i * shape.mixed()..]);
            let ds = &mut saved.ds;
            transpose(heads, d, g, d, 1.0, &mut saved.columns);
            let scores = Dims { m: tokens, n: padded, k: d };
            matmul_in(simd, scores, Left::rows(y, d), Right::rows(&saved.columns, padded), Out::set(ds, padded));
            softmax_backward(simd, p, ds, padded, 1.0);
            let du = Out::set(&mut saved.du[i * shape.mixed()..], d);
            matmul_in(simd, Dims { m: heads, n: d, k: tokens }, Left::transposed(ds, padded), Right::rows(y, d), du);
            let per_token = Dims { m: tokens, n: d, k: heads };
            matmul_in(simd, per_token, Left::rows(ds, padded), Right::rows(u, d), Out::set(dy, d));
            matmul_in(simd, per_token, Left::rows(p, padded), Right::rows(g, d), Out::add(dy, d));
        }
    }
}
