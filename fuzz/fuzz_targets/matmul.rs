//! The matrix product, the only `unsafe` code: any sizes, strides and ways to write, over buffers that end where the last
//! row does, so that the address sanitizer sees an access beyond. The values are small whole numbers: sums are exact.
//! Then the same buffers with strides that need not fit: it must refuse exactly those that do not.
#![no_main]

use std::panic::{self, catch_unwind};

use libfuzzer_sys::fuzz_target;
use snr_bench::internal::matmul::{Dims, Left, Out, Packed, Right, Write, matmul};

/// `rows` rows of `columns` numbers, `stride` apart, and not one more.
fn matrix(rows: usize, columns: usize, stride: usize, seed: usize) -> Box<[f32]> {
    (0..(rows - 1) * stride + columns).map(|i| ((i * 31 + seed * 17) % 7) as f32 - 3.0).collect()
}

fuzz_target!(|input: ([u8; 8], [usize; 3])| {
    let (bytes, strides) = input;
    let [m, n, k, extra_a, extra_b, extra_c, way, seed] = bytes.map(usize::from);
    let (m, n, k) = (1 + m % 80, 1 + n % 100, 1 + k % 50);
    let transposed = way & 1 == 1;
    let (a_rows, a_columns) = if transposed { (k, m) } else { (m, k) };
    let (a_stride, b_stride, c_stride) = (a_columns + extra_a % 5, n + extra_b % 5, n + extra_c % 5);
    let (a, b) = (matrix(a_rows, a_columns, a_stride, seed), matrix(k, n, b_stride, seed + 1));
    let (c, bias, residual) = (matrix(m, n, c_stride, seed + 2), matrix(1, n, n, seed + 3), matrix(m, n, n + 1, seed));
    let mut packed = Packed::new(k, n);
    packed.pack(Left::rows(&b, b_stride));
    let left = if transposed { Left::transposed(&a, a_stride) } else { Left::rows(&a, a_stride) };
    let right = if way & 2 == 2 { Right::rows(&b, b_stride) } else { packed.right() };
    let write = [
        Write::Set,
        Write::Add,
        Write::Times,
        Write::Bias(&bias),
        Write::Residual { bias: &bias, data: &residual, stride: n + 1 },
    ][(way >> 2) % 5];
    let mut out = c.clone();
    matmul(Dims { m, n, k }, left, right, Out { data: &mut out, stride: c_stride, write });
    for i in 0..m {
        for j in 0..n {
            let a = |x: usize| if transposed { a[x * a_stride + i] } else { a[i * a_stride + x] };
            let ab: f32 = (0..k).map(|x| a(x) * b[x * b_stride + j]).sum();
            let before = c[i * c_stride + j];
            let expected = match write {
                Write::Set => ab,
                Write::Add => before + ab,
                Write::Times => before * ab,
                Write::Bias(_) => ab + bias[j],
                Write::Residual { .. } => residual[i * (n + 1) + j] + ab + bias[j],
            };
            assert_eq!(out[i * c_stride + j], expected, "[{m}, {n}, {k}] at {i}, {j}");
        }
        // What lies between the rows is not ours.
        let gap = i * c_stride + n..((i + 1) * c_stride).min(out.len());
        assert_eq!(out[gap.clone()], c[gap]);
    }
    let [a_any, b_any, c_any] = strides;
    let fits = |rows: usize, stride: usize, columns: usize, len: usize| {
        (rows - 1) as u128 * stride as u128 + columns as u128 <= len as u128
    };
    let possible = fits(a_rows, a_any, a_columns, a.len())
        && (fits(k, b_any, n, b.len()) && (b_any >= n || k == 1))
        && (fits(m, c_any, n, c.len()) && (c_any >= n || m == 1));
    let abort = panic::take_hook(); // the fuzzer's: here a panic is the right answer
    panic::set_hook(Box::new(|_| ()));
    let result = catch_unwind(|| {
        let left = if transposed { Left::transposed(&a, a_any) } else { Left::rows(&a, a_any) };
        matmul(Dims { m, n, k }, left, Right::rows(&b, b_any), Out::set(&mut c.clone(), c_any));
    });
    panic::set_hook(abort);
    assert_eq!(result.is_ok(), possible, "[{m}, {n}, {k}] with strides {strides:?}");
});
