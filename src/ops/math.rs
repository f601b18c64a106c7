//! Vector arithmetic that the operations share: exp, Φ, and loops over slices of any length.
//!
//! Polynomials: `scripts/fit_gelu.py` fits and checks them.

use pulp::Simd;

/// Powers of f in 2^f for f in [-1/2, 1/2]; relative error 7.5e-8.
const EXP2: [f32; 6] = [1.0000001, 0.69314694, 0.2402212, 0.055507135, 0.009675542, 0.0013276465];

/// Powers of t = 2y/5 - 1 in exp(y²/2)·Φ(-y) for y in [0, 5]; Φ is off by less than 3e-8 (1.3e-7 with f32 rounding).
const TAIL: [f32; 12] = [
    0.14133109,
    -0.11403818,
    0.08531482,
    -0.059688363,
    0.039908595,
    -0.02656646,
    0.012294588,
    -0.0068452116,
    0.013843693,
    0.0009124432,
    -0.0050321356,
    -0.0061135497,
];

/// c₀ + c₁x + c₂x² + …
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::f32s, coefficients: &[f32; N]) -> S::f32s {
    let mut sum = simd.splat_f32s(coefficients[N - 1]);
    for &c in coefficients[..N - 1].iter().rev() {
        sum = simd.mul_add_e_f32s(sum, x, simd.splat_f32s(c));
    }
    sum
}

/// 2^(x·factor) for a product from -126 to 127, relative error 1e-7 and one more for every power of e.
#[inline(always)]
fn exp2<S: Simd>(simd: S, x: S::f32s, factor: f32) -> S::f32s {
    let factor = simd.splat_f32s(factor);
    // Adding 1.5·2²³ rounds to an integer n, which is then the low bits of the sum.
    let round = simd.splat_f32s(12_582_912.0);
    let shifted = simd.mul_add_e_f32s(x, factor, round);
    let n = simd.sub_f32s(shifted, round);
    let f = simd.mul_add_e_f32s(x, factor, simd.neg_f32s(n));
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let two_to_f = simd.transmute_u32s_f32s(polynomial(simd, f, &EXP2));
    simd.transmute_f32s_u32s(simd.add_u32s(two_to_f, exponent))
}

/// exp(x) for x ≤ 0; 0 below -87, NaN for NaN.
#[inline(always)]
pub fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let tiny = simd.less_than_f32s(x, simd.splat_f32s(-87.0));
    simd.select_f32s(tiny, simd.splat_f32s(0.0), exp2(simd, x, std::f32::consts::LOG2_E))
}

/// Φ(x), the standard normal distribution function, and its derivative φ(x).
#[inline(always)]
pub fn normal<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    // Beyond 13 the density is 0 to all purposes, and its exponent would leave f32.
    let y = simd.min_f32s(simd.abs_f32s(x), simd.splat_f32s(13.0));
    let density = exp2(simd, simd.mul_f32s(y, y), -0.5 * std::f32::consts::LOG2_E);
    let t = simd.mul_add_e_f32s(y, simd.splat_f32s(0.4), simd.splat_f32s(-1.0));
    let t = simd.min_f32s(t, simd.splat_f32s(1.0));
    let tail = simd.mul_f32s(density, polynomial(simd, t, &TAIL));
    let negative = simd.less_than_f32s(x, simd.splat_f32s(0.0));
    let cdf = simd.select_f32s(negative, tail, simd.sub_f32s(simd.splat_f32s(1.0), tail));
    const ONE_OVER_SQRT_2PI: f32 = 0.398_942_3;
    (cdf, simd.mul_f32s(density, simd.splat_f32s(ONE_OVER_SQRT_2PI)))
}

/// The whole vectors of each slice's first `len` elements, and the elements after them.
#[inline(always)]
fn split<S: Simd, const N: usize>(slices: [&[f32]; N], len: usize) -> ([&[S::f32s]; N], [&[f32]; N]) {
    let (mut heads, mut tails) = ([&[][..]; N], [&[][..]; N]);
    for i in 0..N {
        (heads[i], tails[i]) = S::as_simd_f32s(&slices[i][..len]);
    }
    (heads, tails)
}

/// out ← f(out, inputs…), element by element. The closure must be `#[inline(always)]`: called, it would be compiled
/// without the dispatched instruction set.
#[inline(always)]
pub fn map<S: Simd, const N: usize>(
    simd: S,
    out: &mut [f32],
    inputs: [&[f32]; N],
    f: impl Fn(S::f32s, [S::f32s; N]) -> S::f32s,
) {
    let (heads, tails) = split::<S, N>(inputs, out.len());
    let (head, tail) = S::as_mut_simd_f32s(out);
    let mut x = [simd.splat_f32s(0.0); N];
    for (i, out) in head.iter_mut().enumerate() {
        for (x, head) in x.iter_mut().zip(heads) {
            *x = head[i];
        }
        *out = f(*out, x);
    }
    if !tail.is_empty() {
        for (x, tail) in x.iter_mut().zip(tails) {
            *x = simd.partial_load_f32s(tail);
        }
        let value = f(simd.partial_load_f32s(tail), x);
        simd.partial_store_f32s(tail, value);
    }
}

/// Σ f(inputs…) over the elements, for an `#[inline(always)]` f that is 0 where every input is.
#[inline(always)]
pub fn sum<S: Simd, const N: usize, const SUMS: usize>(
    simd: S,
    inputs: [&[f32]; N],
    f: impl Fn([S::f32s; N]) -> [S::f32s; SUMS],
) -> [f32; SUMS] {
    let len = inputs[0].len();
    let (heads, tails) = split::<S, N>(inputs, len);
    let mut sums = [simd.splat_f32s(0.0); SUMS];
    let mut x = [simd.splat_f32s(0.0); N];
    for i in 0..len.div_ceil(S::F32_LANES) {
        for (x, (head, tail)) in x.iter_mut().zip(heads.iter().zip(tails)) {
            *x = head.get(i).copied().unwrap_or_else(
                #[inline(always)]
                || simd.partial_load_f32s(tail),
            );
        }
        for (sum, value) in sums.iter_mut().zip(f(x)) {
            *sum = simd.add_f32s(*sum, value);
        }
    }
    let mut totals = [0.0; SUMS];
    for (total, sum) in totals.iter_mut().zip(sums) {
        *total = simd.reduce_sum_f32s(sum);
    }
    totals
}
