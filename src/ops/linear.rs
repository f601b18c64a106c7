//! Linear layer: y = x Wᵀ + b, with W `[outputs, inputs]` as PyTorch stores it.
//!
//! ```text
//! forward     y  = x Wᵀ + b          x [rows, inputs], y [rows, outputs]
//! backward    dx = dy W              dW = dyᵀ x              db = Σ_rows dy
//! ```

use candle_core::{Result, Tensor};
use pulp::{Simd, WithSimd};

use super::buffer::Buffer;
use super::dispatch;
use super::math;
use super::matmul::{Dims, Left, Out, Packed, Right, Write, matmul};

/// Weight and bias, laid out for both directions.
pub struct Linear {
    inputs: usize,
    outputs: usize,
    /// Wᵀ, `[inputs, outputs]`.
    forward: Packed,
    /// W, `[outputs, inputs]`.
    backward: Packed,
    bias: Buffer,
}

/// Rows of a matrix that begin `stride` elements apart.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub data: &'a [f32],
    pub stride: usize,
}

impl Linear {
    /// A layer of zeros.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        let (forward, backward) = (Packed::new(inputs, outputs), Packed::new(outputs, inputs));
        Self { inputs, outputs, forward, backward, bias: Buffer::zeros(outputs) }
    }

    /// Takes over `weight` `[outputs, inputs]` and `bias` `[outputs]`.
    pub fn load(&mut self, weight: &[f32], bias: &[f32]) {
        self.forward.pack(Left::transposed(weight, self.inputs));
        self.backward.pack(Left::rows(weight, self.inputs));
        self.bias.copy_from_slice(bias);
    }

    /// y ← x Wᵀ + b, both dense.
    pub fn forward(&self, rows: usize, x: Rows, y: &mut [f32]) {
        self.apply(rows, x, y, Write::Bias(&self.bias));
    }

    /// y ← r + x Wᵀ + b: with a residual connection.
    pub fn forward_residual(&self, rows: usize, x: Rows, r: Rows, y: &mut [f32]) {
        self.apply(rows, x, y, Write::Residual { bias: &self.bias, data: r.data, stride: r.stride });
    }

    fn apply(&self, rows: usize, x: Rows, y: &mut [f32], write: Write) {
        let dims = Dims { m: rows, n: self.outputs, k: self.inputs };
        let out = Out { data: y, stride: self.outputs, write };
        matmul(dims, Left::rows(x.data, x.stride), self.forward.right(), out);
    }

    /// dx ← dy W, written as `dx.write` says.
    pub fn backward_input(&self, rows: usize, dy: &[f32], dx: Out) {
        let dims = Dims { m: rows, n: self.inputs, k: self.outputs };
        matmul(dims, Left::rows(dy, self.outputs), self.backward.right(), dx);
    }

    /// dW += dyᵀ x and db += Σ_rows dy.
    pub fn backward_weight(&self, rows: usize, dy: &[f32], x: Rows, dweight: &mut [f32], dbias: &mut [f32]) {
        let dims = Dims { m: self.outputs, n: self.inputs, k: rows };
        let out = Out::add(dweight, self.inputs);
        matmul(dims, Left::transposed(dy, self.outputs), Right::rows(x.data, x.stride), out);
        add_rows(&dy[..rows * self.outputs], dbias);
    }
}

/// sum `[n]` += Σ_rows x, with x `[rows, n]`.
pub fn add_rows(x: &[f32], sum: &mut [f32]) {
    dispatch(AddRows { x, sum });
}

/// The same in Candle: x `[rows, inputs]`.
pub fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)?.broadcast_add(bias)
}

struct AddRows<'a> {
    x: &'a [f32],
    sum: &'a mut [f32],
}

impl WithSimd for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for row in self.x.chunks_exact(self.sum.len()) {
            math::map(
                simd,
                self.sum,
                [row],
                #[inline(always)]
                |sum, [x]| simd.add_f32s(sum, x),
            );
        }
    }
}
