//! The rectified linear unit.
//!
//! ```text
//! forward     y  = max(x, 0)
//! backward    dx = dy where x > 0, else 0
//! ```
//!
//! The forward pass stores the derivative, 1 or 0; the backward pass is then the
//! [`Write::Times`](super::matmul::Write::Times) of the matrix product that computes dy.

use candle_core::{Result, Tensor};
use pulp::{Simd, WithSimd};

use super::dispatch;
use super::math;

/// x ← relu(x), elementwise, NaN where x is; where given, `derivative` ← relu′(x).
pub fn forward(x: &mut [f32], derivative: Option<&mut [f32]>) {
    dispatch(ReluForward { x, derivative });
}

/// The same in Candle.
pub fn composed(x: &Tensor) -> Result<Tensor> {
    x.relu()
}

struct ReluForward<'a> {
    x: &'a mut [f32],
    derivative: Option<&'a mut [f32]>,
}

impl WithSimd for ReluForward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (zero, one) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0));
        if let Some(derivative) = self.derivative {
            math::map(
                simd,
                derivative,
                [self.x],
                #[inline(always)]
                |_, [x]| simd.select_f32s(simd.less_than_or_equal_f32s(x, zero), zero, one),
            );
        }
        math::map(
            simd,
            self.x,
            [],
            #[inline(always)]
            |x, []| simd.select_f32s(simd.less_than_or_equal_f32s(x, zero), zero, x),
        );
    }
}
