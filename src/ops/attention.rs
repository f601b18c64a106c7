//! Scaled dot-product attention with several heads. For each image and head, with Q `[queries, d]`, K and V `[tokens, d]`:
//!
//! ```text
//! forward     S = K Qᵀ/√d            Pᵀ = softmax of every column of S          O = P V
//! backward    dPᵀ = V dOᵀ            dS = Pᵀ (dPᵀ − δ)/√d,  δ_query = Σ_tokens Pᵀ dPᵀ
//!             dQ = dSᵀ K             dK = dS Q                                   dV = Pᵀ dO
//! ```
//!
//! Scores are held as `[tokens, queries]`: a vector is then one token's scores for neighbouring queries, and softmax and
//! δ run down the columns, lane by lane. Every token is a query: `queries` is `tokens`. For the class token alone there is
//! [`class_attention`](super::class_attention).

use candle_core::{D, Result, Tensor};
use pulp::{Simd, WithSimd};

use super::dispatch;
use super::math;
use super::matmul::{Dims, Left, Out, Right, matmul_in};

/// Queries are padded to this many: whole vectors of every instruction set.
pub(super) const BLOCK: usize = 16;

/// Sizes. Q, O are `[images · tokens, heads · dim]`, K and V halves of the rows of KV `[images · tokens, 2 · heads · dim]`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub images: usize,
    pub tokens: usize,
    pub heads: usize,
    pub dim: usize,
}

impl Shape {
    fn padded(&self) -> usize {
        self.tokens.next_multiple_of(BLOCK)
    }

    fn width(&self) -> usize {
        self.heads * self.dim
    }

    /// Elements of Pᵀ of one image and head.
    fn scores(&self) -> usize {
        self.tokens * self.padded()
    }

    /// Elements that Pᵀ of all images and heads takes.
    pub fn probabilities(&self) -> usize {
        self.images * self.heads * self.scores()
    }

    /// Elements of the scratch that both directions need.
    pub fn scratch(&self) -> usize {
        self.scores() + self.dim * self.padded()
    }

    fn scale(&self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }
}

/// O ← attention; keeps Pᵀ in `p`.
pub fn forward(shape: Shape, q: &[f32], kv: &[f32], p: &mut [f32], o: &mut [f32], scratch: &mut [f32]) {
    dispatch(Forward { shape, q, kv, p, o, scratch });
}

/// What the backward pass reads: the forward pass's inputs and probabilities, and dO.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    pub q: &'a [f32],
    pub kv: &'a [f32],
    pub p: &'a [f32],
    pub d_o: &'a [f32],
}

/// dQ and dKV ← the gradients.
pub fn backward(shape: Shape, saved: Saved, dq: &mut [f32], dkv: &mut [f32], scratch: &mut [f32]) {
    dispatch(Backward { shape, saved, dq, dkv, scratch });
}

/// The same in Candle: q `[images, heads, queries, d]`, k and v `[images, heads, tokens, d]`.
pub fn composed(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let scale = 1.0 / (q.dim(D::Minus1)? as f64).sqrt();
    let scores = (q.matmul(&k.t()?)? * scale)?;
    // Not softmax_last_dim: it has no backward pass.
    candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(v)
}

/// out `[dim, padded]` ← scale · xᵀ, with x `[queries, dim]` of rows `stride` apart, and 0 in the padding to whole blocks.
#[inline(always)]
pub(super) fn transpose(queries: usize, dim: usize, x: &[f32], stride: usize, scale: f32, out: &mut [f32]) {
    let padded = queries.next_multiple_of(BLOCK);
    for first in (0..queries).step_by(BLOCK) {
        for left in (0..dim).step_by(BLOCK) {
            let width = BLOCK.min(dim - left);
            // Read along the rows, written along the columns; only this small square is walked across.
            let mut square = [[0.0; BLOCK]; BLOCK];
            for (row, i) in square.iter_mut().zip(first..queries) {
                let x = &x[i * stride + left..];
                match x.first_chunk::<BLOCK>() {
                    Some(whole) => *row = *whole,
                    None => row[..width].copy_from_slice(&x[..width]),
                }
            }
            for d in 0..width {
                let out = &mut out[(left + d) * padded + first..][..BLOCK];
                for (out, row) in out.iter_mut().zip(&square) {
                    *out = row[d] * scale;
                }
            }
        }
    }
}

struct Forward<'a> {
    shape: Shape,
    q: &'a [f32],
    kv: &'a [f32],
    p: &'a mut [f32],
    o: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let shape = self.shape;
        let Shape { tokens, heads, dim, .. } = shape;
        let queries = tokens;
        let (width, padded) = (shape.width(), shape.padded());
        let qt = &mut self.scratch[..dim * padded];
        for (index, p) in self.p[..shape.probabilities()].chunks_exact_mut(shape.scores()).enumerate() {
            let (image, head) = (index / heads, index % heads);
            let q = image * queries * width + head * dim;
            let k = image * tokens * 2 * width + head * dim;
            transpose(queries, dim, &self.q[q..], width, shape.scale(), qt);
            let k_rows = Left::rows(&self.kv[k..], 2 * width);
            let scores = Out::set(p, padded);
            matmul_in(simd, Dims { m: tokens, n: padded, k: dim }, k_rows, Right::rows(qt, padded), scores);
            softmax(simd, p, padded);
            let v_rows = Right::rows(&self.kv[k + width..], 2 * width);
            let out = Out::set(&mut self.o[q..], width);
            matmul_in(simd, Dims { m: queries, n: dim, k: tokens }, Left::transposed(p, padded), v_rows, out);
        }
    }
}

/// Softmax of every column of `[tokens, padded]`.
#[inline(always)]
pub(super) fn softmax<S: Simd>(simd: S, scores: &mut [f32], padded: usize) {
    let columns = padded / S::F32_LANES;
    let scores = S::as_mut_simd_f32s(scores).0;
    let mut first = 0;
    while first + 4 <= columns {
        softmax_strip::<S, 4>(simd, scores, columns, first);
        first += 4;
    }
    while first < columns {
        softmax_strip::<S, 1>(simd, scores, columns, first);
        first += 1;
    }
}

/// Softmax of `C` vectors of columns from the `first` one.
#[inline(always)]
fn softmax_strip<S: Simd, const C: usize>(simd: S, scores: &mut [S::f32s], columns: usize, first: usize) {
    let mut most = [simd.splat_f32s(f32::NEG_INFINITY); C];
    for row in scores.chunks_exact(columns) {
        for (most, score) in most.iter_mut().zip(&row[first..first + C]) {
            *most = simd.max_f32s(*most, *score);
        }
    }
    let mut sum = [simd.splat_f32s(0.0); C];
    for row in scores.chunks_exact_mut(columns) {
        for ((score, most), sum) in row[first..first + C].iter_mut().zip(most).zip(&mut sum) {
            *score = math::exp(simd, simd.sub_f32s(*score, most));
            *sum = simd.add_f32s(*sum, *score);
        }
    }
    for sum in &mut sum {
        *sum = simd.div_f32s(simd.splat_f32s(1.0), *sum);
    }
    for row in scores.chunks_exact_mut(columns) {
        for (score, scale) in row[first..first + C].iter_mut().zip(sum) {
            *score = simd.mul_f32s(*score, scale);
        }
    }
}

struct Backward<'a> {
    shape: Shape,
    saved: Saved<'a>,
    dq: &'a mut [f32],
    dkv: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (shape, saved) = (self.shape, self.saved);
        let Shape { tokens, heads, dim, .. } = shape;
        let queries = tokens;
        let (width, padded) = (shape.width(), shape.padded());
        let (ds, rest) = self.scratch.split_at_mut(shape.scores());
        let dot = &mut rest[..dim * padded];
        for (index, p) in saved.p[..shape.probabilities()].chunks_exact(shape.scores()).enumerate() {
            let (image, head) = (index / heads, index % heads);
            let q = image * queries * width + head * dim;
            let k = image * tokens * 2 * width + head * dim;
            let v = k + width;

            transpose(queries, dim, &saved.d_o[q..], width, 1.0, dot);
            let v_rows = Left::rows(&saved.kv[v..], 2 * width);
            let out = Out::set(ds, padded);
            matmul_in(simd, Dims { m: tokens, n: padded, k: dim }, v_rows, Right::rows(dot, padded), out);
            softmax_backward(simd, p, ds, padded, shape.scale());

            let per_query = Dims { m: queries, n: dim, k: tokens };
            let out = Out::set(&mut self.dq[q..], width);
            let k_rows = Right::rows(&saved.kv[k..], 2 * width);
            matmul_in(simd, per_query, Left::transposed(ds, padded), k_rows, out);

            let per_token = Dims { m: tokens, n: dim, k: queries };
            let out = Out::set(&mut self.dkv[k..], 2 * width);
            matmul_in(simd, per_token, Left::rows(ds, padded), Right::rows(&saved.q[q..], width), out);
            let out = Out::set(&mut self.dkv[v..], 2 * width);
            matmul_in(simd, per_token, Left::rows(p, padded), Right::rows(&saved.d_o[q..], width), out);
        }
    }
}

/// dp ← p (dp − δ) scale, column by column of `[tokens, padded]`.
#[inline(always)]
pub(super) fn softmax_backward<S: Simd>(simd: S, p: &[f32], dp: &mut [f32], padded: usize, scale: f32) {
    let columns = padded / S::F32_LANES;
    let (p, dp) = (S::as_simd_f32s(p).0, S::as_mut_simd_f32s(dp).0);
    let mut first = 0;
    while first + 4 <= columns {
        softmax_backward_strip::<S, 4>(simd, p, dp, columns, first, scale);
        first += 4;
    }
    while first < columns {
        softmax_backward_strip::<S, 1>(simd, p, dp, columns, first, scale);
        first += 1;
    }
}

/// The same for `C` vectors of columns from the `first` one.
#[inline(always)]
fn softmax_backward_strip<S: Simd, const C: usize>(
    simd: S,
    p: &[S::f32s],
    dp: &mut [S::f32s],
    columns: usize,
    first: usize,
    scale: f32,
) {
    let strip = first..first + C;
    let mut delta = [simd.splat_f32s(0.0); C];
    for (p, dp) in p.chunks_exact(columns).zip(dp.chunks_exact(columns)) {
        for ((p, dp), delta) in p[strip.clone()].iter().zip(&dp[strip.clone()]).zip(&mut delta) {
            *delta = simd.mul_add_e_f32s(*p, *dp, *delta);
        }
    }
    let scale = simd.splat_f32s(scale);
    for (p, dp) in p.chunks_exact(columns).zip(dp.chunks_exact_mut(columns)) {
        for ((p, dp), delta) in p[strip.clone()].iter().zip(&mut dp[strip.clone()]).zip(delta) {
            *dp = simd.mul_f32s(simd.mul_f32s(*p, scale), simd.sub_f32s(*dp, delta));
        }
    }
}
