//! Patch embedding: an image's patches, a class token before them, and learned positions.
//!
//! ```text
//! forward     x[0] = cls + pos[0]        x[t] = W u[t] + b + pos[t]        u[t] = patch t, pixels in [0, 1]
//! backward    dpos = Σ_images dx         dW = Σ_(images, t) dx[t] u[t]ᵀ    dcls = dpos[0],  db = Σ_(t>0) dpos[t]
//! ```
//!
//! The class token has a patch of zeros, so that one matrix product serves all tokens.

use candle_core::{Result, Tensor};

use super::buffer::Buffer;
use super::linear::add_rows;
use super::matmul::{Dims, Left, Out, Packed, Right, matmul};

/// Weight, and what is added to every token, laid out for the forward pass.
pub struct PatchEmbed {
    patch: usize,
    /// Pixels of a row of the image.
    row: usize,
    tokens: usize,
    width: usize,
    /// Wᵀ, `[patch², width]`.
    weight: Packed,
    /// `[tokens, width]`: `cls + pos[0]`, then `b + pos[t]`.
    offset: Buffer,
}

impl PatchEmbed {
    /// A layer of zeros for patches of `patch`² pixels of images `[height, row]`.
    pub fn new((height, row): (usize, usize), patch: usize, width: usize) -> Self {
        let tokens = (height / patch) * (row / patch) + 1;
        Self {
            patch,
            row,
            tokens,
            width,
            weight: Packed::new(patch * patch, width),
            offset: Buffer::zeros(tokens * width),
        }
    }

    /// Elements of u for one image.
    pub fn patch_len(&self) -> usize {
        self.tokens * self.patch * self.patch
    }

    /// Takes over `cls` `[width]`, `pos` `[tokens, width]`, `weight` `[width, patch²]` and `bias` `[width]`.
    pub fn load(&mut self, cls: &[f32], pos: &[f32], weight: &[f32], bias: &[f32]) {
        self.weight.pack(Left::transposed(weight, self.patch * self.patch));
        for (t, (offset, pos)) in self.offset.chunks_exact_mut(self.width).zip(pos.chunks_exact(self.width)).enumerate()
        {
            for ((offset, pos), add) in offset.iter_mut().zip(pos).zip(if t == 0 { cls } else { bias }) {
                *offset = pos + add;
            }
        }
    }

    /// u `[tokens, patch²]` ← the patches of one image `[height, row]`; that of the class token is left alone (zero).
    pub fn patches(&self, image: &[u8], u: &mut [f32]) {
        let (p, across) = (self.patch, self.row / self.patch);
        for (t, u) in u.chunks_exact_mut(p * p).skip(1).enumerate() {
            let corner = t / across * p * self.row + t % across * p;
            for (row, u) in u.chunks_exact_mut(p).enumerate() {
                for (u, &pixel) in u.iter_mut().zip(&image[corner + row * self.row..][..p]) {
                    *u = f32::from(pixel) * (1.0 / 255.0);
                }
            }
        }
    }

    /// x `[images · tokens, width]` from u `[images · tokens, patch²]`.
    pub fn forward(&self, images: usize, u: &[f32], x: &mut [f32]) {
        let x = &mut x[..images * self.offset.len()];
        x.chunks_exact_mut(self.offset.len()).for_each(|x| x.copy_from_slice(&self.offset));
        let k = self.patch * self.patch;
        let dims = Dims { m: images * self.tokens, n: self.width, k };
        let out = Out::add(x, self.width);
        matmul(dims, Left::rows(u, k), self.weight.right(), out);
    }

    /// dW += … and dpos += …; those of class token and bias follow from dpos: see [`finish`](Self::finish).
    pub fn backward(&self, images: usize, dx: &[f32], u: &[f32], dweight: &mut [f32], dpos: &mut [f32]) {
        let k = self.patch * self.patch;
        let dims = Dims { m: self.width, n: k, k: images * self.tokens };
        let out = Out::add(dweight, k);
        matmul(dims, Left::transposed(dx, self.width), Right::rows(u, k), out);
        add_rows(&dx[..images * self.offset.len()], dpos);
    }

    /// dcls and db from dpos, once all images are in it.
    pub fn finish(&self, dpos: &[f64], dcls: &mut [f64], dbias: &mut [f64]) {
        dcls.copy_from_slice(&dpos[..self.width]);
        dbias.fill(0.0);
        for row in dpos.chunks_exact(self.width).skip(1) {
            dbias.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
    }
}

/// The same in Candle: image `[n, 1, height, row]`, weight `[width, 1, patch, patch]`, cls `[1, 1, width]`, pos
/// `[1, tokens, width]`. Patches are cut by reshaping: a convolution would compute the same, more slowly.
pub fn composed(image: &Tensor, weight: &Tensor, bias: &Tensor, cls: &Tensor, pos: &Tensor) -> Result<Tensor> {
    let ((n, _, height, row), (width, _, p, _)) = (image.dims4()?, weight.dims4()?);
    let (down, across) = (height / p, row / p);
    let patches = image.reshape((n, down, p, across, p))?.permute((0, 1, 3, 2, 4))?.contiguous()?;
    let u = patches.reshape((n * down * across, p * p))?;
    let x = super::linear::composed(&u, &weight.reshape((width, p * p))?, bias)?;
    let cls = cls.broadcast_as((n, 1, width))?;
    Tensor::cat(&[&cls, &x.reshape((n, down * across, width))?], 1)?.broadcast_add(pos)
}
