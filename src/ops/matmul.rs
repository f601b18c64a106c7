//! Matrix products C ← A·B of the sizes that a small transformer has, in which packing would cost as much as computing.
//!
//! A is read element by element (any strides, so also transposed), B and C row by row in vectors. The kernel computes
//! one tile of C, `MR` rows by `NV` vectors, in registers: for every k it loads `NV` vectors of B and multiplies them by
//! `MR` elements of A. The width of a panel, `NV` vectors, is what [`Packed`] lays out contiguously.

use pulp::{MemMask, Simd, WithSimd};

use super::buffer::Buffer;
use super::dispatch;

/// Matrix A: element (i, k) at `data[i * stride + k]`, or at `data[i + k * stride]` where it is transposed.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    data: &'a [f32],
    stride: usize,
    transposed: bool,
}

/// Matrix B: row k of panel p (columns from `p · width`) begins at `data[p * panel + k * row]`.
#[derive(Clone, Copy)]
pub struct Right<'a> {
    pub data: &'a [f32],
    row: usize,
    panel: Option<usize>,
}

impl<'a> Left<'a> {
    /// Row-major `[m, k]`, rows `stride` apart.
    pub fn rows(data: &'a [f32], stride: usize) -> Self {
        Self { data, stride, transposed: false }
    }

    /// The transpose of a row-major `[k, m]`, rows `stride` apart.
    pub fn transposed(data: &'a [f32], stride: usize) -> Self {
        Self { data, stride, transposed: true }
    }

    /// Where element (i, k) is.
    fn at(&self, i: usize, k: usize) -> usize {
        if self.transposed { i + k * self.stride } else { i * self.stride + k }
    }
}

impl<'a> Right<'a> {
    /// Row-major `[k, n]`, rows `stride` apart.
    pub fn rows(data: &'a [f32], stride: usize) -> Self {
        Self { data, row: stride, panel: None }
    }
}

/// What becomes of a tile A·B.
#[derive(Clone, Copy)]
pub enum Write<'a> {
    /// C ← A·B
    Set,
    /// C ← C + A·B
    Add,
    /// C ← A·B + b, the same for every row
    Bias(&'a [f32]),
    /// C ← R + A·B + b, with R like C but for the distance of its rows
    Residual { bias: &'a [f32], data: &'a [f32], stride: usize },
    /// C ← C ∘ A·B
    Times,
}

/// Matrix C: `[m, n]` row-major, rows `stride` apart.
pub struct Out<'a> {
    pub data: &'a mut [f32],
    pub stride: usize,
    pub write: Write<'a>,
}

impl<'a> Out<'a> {
    /// C ← A·B
    pub fn set(data: &'a mut [f32], stride: usize) -> Self {
        Self { data, stride, write: Write::Set }
    }

    /// C ← C + A·B
    pub fn add(data: &'a mut [f32], stride: usize) -> Self {
        Self { data, stride, write: Write::Add }
    }
}

/// Sizes: C is `[m, n]`, the sum runs over `k`.
#[derive(Clone, Copy)]
pub struct Dims {
    pub m: usize,
    pub n: usize,
    pub k: usize,
}

/// C ← A·B in the way that `out.write` says.
///
/// # Panics
/// If a slice is too short for the sizes and strides, or `k` is 0.
pub fn matmul(dims: Dims, a: Left, b: Right, out: Out) {
    dispatch(MatMul { dims, a, b, out });
}

/// [`matmul`] for code that already runs inside a dispatch.
#[inline(always)]
pub fn matmul_in<S: Simd>(simd: S, dims: Dims, a: Left, b: Right, out: Out) {
    simd.vectorize(MatMul { dims, a, b, out });
}

/// Columns of a panel on this CPU: two vectors.
fn panel_width() -> usize {
    struct Width;
    impl WithSimd for Width {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            2 * S::F32_LANES
        }
    }
    dispatch(Width)
}

/// A matrix B `[k, n]` laid out panel by panel, for one that is multiplied often: strided rows would fall into the same
/// few sets of the first-level cache.
pub struct Packed {
    data: Buffer,
    k: usize,
    n: usize,
    width: usize,
}

impl Packed {
    /// Room for `[k, n]`.
    pub fn new(k: usize, n: usize) -> Self {
        let width = panel_width();
        Self { data: Buffer::zeros(n.div_ceil(width) * k * width), k, n, width }
    }

    /// Takes over `b` `[k, n]`.
    pub fn pack(&mut self, b: Left) {
        let (k, n, width) = (self.k, self.n, self.width);
        for (first, panel) in (0..n).step_by(width).zip(self.data.chunks_exact_mut(k * width)) {
            for (i, row) in panel.chunks_exact_mut(width).enumerate() {
                for (j, x) in (first..n).zip(row) {
                    *x = b.data[b.at(i, j)];
                }
            }
        }
    }

    /// The matrix as the right side of a product.
    pub fn right(&self) -> Right<'_> {
        Right { data: &self.data, row: self.width, panel: Some(self.k * self.width) }
    }
}

/// Where the last of `rows` rows ends, each `width` long and `stride` after the one before; `usize::MAX`, more than any slice
/// has, where that overflows.
fn end(rows: usize, stride: usize, width: usize) -> usize {
    (rows - 1).saturating_mul(stride).saturating_add(width)
}

struct MatMul<'a> {
    dims: Dims,
    a: Left<'a>,
    b: Right<'a>,
    out: Out<'a>,
}

impl WithSimd for MatMul<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { dims: Dims { m, n, k }, a, b, out } = self;
        if m == 0 || n == 0 {
            return;
        }
        let (lanes, width) = (S::F32_LANES, 2 * S::F32_LANES);
        let panel = b.panel.unwrap_or(width);
        // What makes the pointers below valid: every index that a tile reads or writes lies before one of these ends.
        assert!(k > 0, "a product needs something to sum over");
        let (a_rows, a_columns) = if a.transposed { (k, m) } else { (m, k) };
        assert!(end(a_rows, a.stride, a_columns) <= a.data.len(), "matrix A is too short");
        let (panels, last_width) = (n.div_ceil(width), (n - 1) % width + 1);
        assert!(end(panels, panel, end(k, b.row, last_width)) <= b.data.len(), "matrix B is too short");
        // Full panels before the last one end where it begins, or later where rows are longer than a panel.
        assert!(b.panel.is_none() || panel >= end(k, b.row, width), "panels overlap");
        assert!(b.panel.is_some() || b.row >= n || k == 1, "rows of B overlap");
        assert!(end(m, out.stride, n) <= out.data.len() && (out.stride >= n || m == 1), "matrix C is too short");
        if let Write::Bias(bias) | Write::Residual { bias, .. } = out.write {
            assert!(bias.len() >= n, "the bias is too short");
        }
        if let Write::Residual { data, stride, .. } = out.write {
            assert!(end(m, stride, n) <= data.len(), "the residual is too short");
        }
        let mut j = 0;
        while j < n {
            let (vectors, columns) = if n - j >= width { (2, width) } else { (1, lanes.min(n - j)) };
            // As many rows as accumulators fit beside the vectors of B and one element of A, all tiles about equally high.
            let most = match (vectors, columns == vectors * lanes) {
                (2, _) => S::REGISTER_COUNT / 2 - 2,
                (_, true) => S::REGISTER_COUNT - 7,
                (_, false) => 8,
            };
            let tiles = m.div_ceil(most);
            for t in 0..tiles {
                let (i, end) = (t * m / tiles, (t + 1) * m / tiles);
                let tile = Tile {
                    k,
                    a: a.data[a.at(i, 0)..].as_ptr(),
                    a_stride: a.stride,
                    b: b.data[j / width * panel + j % width..].as_ptr(),
                    b_row: b.row,
                    c: out.data[i * out.stride + j..].as_mut_ptr(),
                    c_row: out.stride,
                    columns,
                    write: out.write,
                    i,
                    j,
                };
                tile.run(simd, end - i, vectors, a.transposed);
            }
            j += columns;
        }
    }
}

/// One tile of C. The pointers are good for the tile's rows, columns and `k`: [`MatMul`] has checked them.
#[derive(Clone, Copy)]
struct Tile<'a> {
    k: usize,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    b_row: usize,
    c: *mut f32,
    c_row: usize,
    /// Columns of the tile: all of its vectors', or fewer than one vector's.
    columns: usize,
    write: Write<'a>,
    /// Row and column of C where the tile begins.
    i: usize,
    j: usize,
}

impl Tile<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S, rows: usize, vectors: usize, transposed: bool) {
        macro_rules! kernels {
            ($nv:literal, $full:literal, $($mr:literal)*) => {
                match rows {
                    $($mr if transposed => simd.vectorize(Kernel::<$mr, $nv, $full, true>(self)),
                    $mr => simd.vectorize(Kernel::<$mr, $nv, $full, false>(self)),)*
                    _ => unreachable!("no tile is that high"),
                }
            };
        }
        if vectors == 2 {
            kernels!(2, true, 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
        } else if self.columns == S::F32_LANES {
            kernels!(1, true, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25)
        } else {
            kernels!(1, false, 1 2 3 4 5 6 7 8)
        }
    }
}

/// The kernel for `MR` rows and `NV` vectors; where not `FULL`, the only vector has fewer columns than lanes.
struct Kernel<'a, const MR: usize, const NV: usize, const FULL: bool, const TRANSPOSED: bool>(Tile<'a>);

impl<const MR: usize, const NV: usize, const FULL: bool, const TRANSPOSED: bool> WithSimd
    for Kernel<'_, MR, NV, FULL, TRANSPOSED>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let t = self.0;
        let mask = simd.mask_between_m32s(0, t.columns as u32);
        let mut acc = [[simd.splat_f32s(0.0); NV]; MR];
        // SAFETY (all of it): the rows, columns and k of one tile, whose pointers are good for them; not FULL, a vector
        // is read and written through a mask of the tile's columns.
        unsafe {
            for k in 0..t.k {
                let mut b = [simd.splat_f32s(0.0); NV];
                for (v, b) in b.iter_mut().enumerate() {
                    *b = load::<S, FULL>(simd, mask, t.b.add(k * t.b_row + v * S::F32_LANES));
                }
                for (r, acc) in acc.iter_mut().enumerate() {
                    let at = if TRANSPOSED { r + k * t.a_stride } else { r * t.a_stride + k };
                    let a = simd.splat_f32s(*t.a.add(at));
                    for (acc, b) in acc.iter_mut().zip(b) {
                        *acc = simd.mul_add_e_f32s(a, b, *acc);
                    }
                }
            }
            for (r, acc) in acc.into_iter().enumerate() {
                for (v, ab) in acc.into_iter().enumerate() {
                    let j = v * S::F32_LANES;
                    let c = t.c.add(r * t.c_row + j);
                    let value = match t.write {
                        Write::Set => ab,
                        Write::Add => simd.add_f32s(load::<S, FULL>(simd, mask, c), ab),
                        Write::Times => simd.mul_f32s(load::<S, FULL>(simd, mask, c), ab),
                        Write::Bias(bias) => simd.add_f32s(ab, load::<S, FULL>(simd, mask, bias.as_ptr().add(t.j + j))),
                        Write::Residual { bias, data, stride } => {
                            let ab = simd.add_f32s(ab, load::<S, FULL>(simd, mask, bias.as_ptr().add(t.j + j)));
                            let at = data.as_ptr().add((t.i + r) * stride + t.j + j);
                            simd.add_f32s(load::<S, FULL>(simd, mask, at), ab)
                        }
                    };
                    match FULL {
                        true => c.cast::<S::f32s>().write_unaligned(value),
                        false => simd.mask_store_ptr_f32s(mask, c, value),
                    }
                }
            }
        }
    }
}

/// A vector, or of its lanes those in the mask.
///
/// # Safety
/// `p` is good for reading them.
#[inline(always)]
unsafe fn load<S: Simd, const FULL: bool>(simd: S, mask: MemMask<S::m32s>, p: *const f32) -> S::f32s {
    match FULL {
        true => unsafe { p.cast::<S::f32s>().read_unaligned() },
        false => unsafe { simd.mask_load_ptr_f32s(mask, p) },
    }
}
