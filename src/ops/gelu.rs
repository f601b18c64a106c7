//! The exact GELU, with Φ the standard normal distribution function and φ its density.
//!
//! ```text
//! forward     y  = x Φ(x) = x/2 (1 + erf(x/√2))
//! backward    dx = dy (Φ(x) + x φ(x))
//! ```
//!
//! The derivative costs little beside Φ, so the forward pass stores it; the backward pass is then the
//! [`Write::Times`](super::matmul::Write::Times) of the matrix product that computes dy.

use candle_core::{Result, Tensor};
use pulp::{Simd, WithSimd};

use super::dispatch;
use super::math;

/// x ← gelu(x), elementwise; where given, `derivative` ← gelu′(x).
pub fn forward(x: &mut [f32], derivative: Option<&mut [f32]>) {
    dispatch(GeluForward { x, derivative });
}

/// The same in Candle.
pub fn composed(x: &Tensor) -> Result<Tensor> {
    x.gelu_erf()
}

struct GeluForward<'a> {
    x: &'a mut [f32],
    derivative: Option<&'a mut [f32]>,
}

impl WithSimd for GeluForward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Some(derivative) = self.derivative else {
            return math::map(
                simd,
                self.x,
                [],
                #[inline(always)]
                |x, []| simd.mul_f32s(x, math::normal(simd, x).0),
            );
        };
        let derivative = &mut derivative[..self.x.len()];
        let (x_head, x_tail) = S::as_mut_simd_f32s(self.x);
        let (d_head, d_tail) = S::as_mut_simd_f32s(derivative);
        for (x, d) in x_head.iter_mut().zip(d_head) {
            (*x, *d) = both(simd, *x);
        }
        if !x_tail.is_empty() {
            let (y, d) = both(simd, simd.partial_load_f32s(x_tail));
            simd.partial_store_f32s(x_tail, y);
            simd.partial_store_f32s(d_tail, d);
        }
    }
}

/// gelu(x) and gelu′(x).
#[inline(always)]
fn both<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let (cdf, density) = math::normal(simd, x);
    (simd.mul_f32s(x, cdf), simd.mul_add_e_f32s(x, density, cdf))
}
