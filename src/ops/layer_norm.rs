//! Layer normalisation over the last dimension, of width D, with ε = [`EPS`].
//!
//! ```text
//! forward     x̂ = (x − mean x) r,  r = 1/√(var x + ε)          y  = γ x̂ + β
//! backward    g = γ dy                                         dx = r (g − mean g − x̂ mean(g x̂))
//!             dγ = Σ_rows dy x̂                                 dβ = Σ_rows dy
//! ```
//!
//! The forward pass keeps mean and r of every row; x̂ is computed again.

use candle_core::{D, Result, Tensor};
use pulp::{Simd, WithSimd};

use super::dispatch;
use super::math;

/// What timm's `VisionTransformer` adds to the variance.
pub const EPS: f32 = 1e-6;

/// x, y `[rows, D]`; `affine` `[2, D]`: γ and β; `stats` `[rows, 2]` ← mean and r of every row.
pub fn forward(x: &[f32], affine: &[f32], y: &mut [f32], stats: &mut [f32]) {
    dispatch(NormForward { x, affine, y, stats });
}

/// dx `[rows, D]` += the input's gradient; `daffine` `[2, D]` += those of γ and β.
pub fn backward(dy: &[f32], x: &[f32], stats: &[f32], affine: &[f32], dx: &mut [f32], daffine: &mut [f32]) {
    dispatch(NormBackward { dy, x, stats, affine, dx, daffine });
}

/// The same in Candle's basic operations (`candle_nn::LayerNorm` cuts the gradient): x `[.., D]`.
pub fn composed(x: &Tensor, gamma: &Tensor, beta: &Tensor) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normal = centred.broadcast_div(&(variance + f64::from(EPS))?.sqrt()?)?;
    normal.broadcast_mul(gamma)?.broadcast_add(beta)
}

struct NormForward<'a> {
    x: &'a [f32],
    affine: &'a [f32],
    y: &'a mut [f32],
    stats: &'a mut [f32],
}

impl WithSimd for NormForward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.affine.len() / 2;
        let (gamma, beta) = self.affine.split_at(width);
        let rows = self.x.chunks_exact(width).zip(self.y.chunks_exact_mut(width));
        for ((x, y), stats) in rows.zip(self.stats.chunks_exact_mut(2)) {
            let mean = math::sum(
                simd,
                [x],
                #[inline(always)]
                |[x]| [x],
            )[0] / width as f32;
            let shift = simd.splat_f32s(mean);
            math::map(
                simd,
                y,
                [x],
                #[inline(always)]
                |_, [x]| simd.sub_f32s(x, shift),
            );
            let variance = math::sum(
                simd,
                [y],
                #[inline(always)]
                |[y]| [simd.mul_f32s(y, y)],
            )[0] / width as f32;
            let r = 1.0 / (variance + EPS).sqrt();
            let scale = simd.splat_f32s(r);
            math::map(
                simd,
                y,
                [gamma, beta],
                #[inline(always)]
                |y, [gamma, beta]| simd.mul_add_e_f32s(simd.mul_f32s(y, scale), gamma, beta),
            );
            stats.copy_from_slice(&[mean, r]);
        }
    }
}

struct NormBackward<'a> {
    dy: &'a [f32],
    x: &'a [f32],
    stats: &'a [f32],
    affine: &'a [f32],
    dx: &'a mut [f32],
    daffine: &'a mut [f32],
}

impl WithSimd for NormBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.affine.len() / 2;
        let gamma = &self.affine[..width];
        let (dgamma, dbeta) = self.daffine.split_at_mut(width);
        let inputs = self.dy.chunks_exact(width).zip(self.x.chunks_exact(width));
        let rows = inputs.zip(self.dx.chunks_exact_mut(width));
        for (((dy, x), dx), stats) in rows.zip(self.stats.chunks_exact(2)) {
            let (mean, r) = (simd.splat_f32s(stats[0]), simd.splat_f32s(stats[1]));
            // Beyond the last element dy is 0, so it does not matter that x̂ is not.
            let [g, g_normal] = math::sum(
                simd,
                [dy, gamma, x],
                #[inline(always)]
                |[dy, gamma, x]| {
                    let g = simd.mul_f32s(dy, gamma);
                    [g, simd.mul_f32s(g, normal(simd, x, mean, r))]
                },
            );
            let g = simd.splat_f32s(g / width as f32);
            let g_normal = simd.splat_f32s(g_normal / width as f32);
            math::map(
                simd,
                dx,
                [dy, gamma, x],
                #[inline(always)]
                |dx, [dy, gamma, x]| {
                    let centred = simd.sub_f32s(simd.mul_f32s(dy, gamma), g);
                    let inner = simd.sub_f32s(centred, simd.mul_f32s(normal(simd, x, mean, r), g_normal));
                    simd.mul_add_e_f32s(inner, r, dx)
                },
            );
            math::map(
                simd,
                dgamma,
                [dy, x],
                #[inline(always)]
                |sum, [dy, x]| simd.mul_add_e_f32s(dy, normal(simd, x, mean, r), sum),
            );
            math::map(
                simd,
                dbeta,
                [dy],
                #[inline(always)]
                |sum, [dy]| simd.add_f32s(sum, dy),
            );
        }
    }
}

/// x̂
#[inline(always)]
fn normal<S: Simd>(simd: S, x: S::f32s, mean: S::f32s, r: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.sub_f32s(x, mean), r)
}
