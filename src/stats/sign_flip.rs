//! The sign-flip (paired permutation) test.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Up to so many differences that are not zero, every combination of signs is counted.
pub const EXACT_UP_TO: usize = 20;

/// Combinations of signs that are drawn beyond [`EXACT_UP_TO`].
pub const FLIPS: u32 = 99_999;

const SEED: u64 = 0;

/// Sums that differ by less than this share of the largest possible sum are equal but for rounding.
const ROUNDING: f64 = 1e-13;

/// A p-value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PValue {
    /// Two-sided.
    pub p: f64,
    /// Whether all combinations were counted; if not, it was estimated from [`FLIPS`] random ones.
    pub exact: bool,
}

/// The two-sided sign-flip test of paired differences dᵢ (finite) about zero.
///
/// Were the two of a pair interchangeable, each dᵢ would have been −dᵢ as likely. So p is the share of the 2ⁿ
/// combinations of signs whose |Σ ±dᵢ| is at least |Σ dᵢ|. Beyond 20 differences, b of m = 99,999 random combinations are
/// that large, and p = (b + 1)/(m + 1), which never is too small (Phipson & Smyth, 2010). Equal to
/// `scipy.stats.permutation_test(permutation_type="samples")` of the mean.
pub fn sign_flip(differences: &[f64]) -> PValue {
    let largest = differences.iter().fold(0f64, |largest, d| largest.max(d.abs()));
    // zeros add nothing with either sign; scaled, no sum overflows
    let scaled: Vec<f64> = differences.iter().filter(|d| **d != 0.0).map(|d| d / largest).collect();
    let Some((first, rest)) = scaled.split_first() else {
        return PValue { p: 1.0, exact: true };
    };
    let slack = ROUNDING * scaled.iter().map(|d| d.abs()).sum::<f64>();
    let observed = scaled.iter().sum::<f64>().abs() - slack;
    if scaled.len() <= EXACT_UP_TO {
        // turning all signs around changes no |sum|: half of the combinations have the first sign as it is
        let as_large = count(rest, *first, observed);
        return PValue { p: as_large as f64 / 2f64.powi(rest.len() as i32), exact: true };
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut flipped = || scaled.iter().map(|d| if rng.random() { *d } else { -d }).sum::<f64>();
    let as_large = (0..FLIPS).filter(|_| flipped().abs() >= observed).count();
    PValue { p: (as_large as f64 + 1.0) / (f64::from(FLIPS) + 1.0), exact: false }
}

/// Of the sums `so_far` ± rest₁ ± rest₂ …, the number with a magnitude of at least `observed`.
fn count(rest: &[f64], so_far: f64, observed: f64) -> u32 {
    match rest.split_first() {
        None => u32::from(so_far.abs() >= observed),
        Some((d, rest)) => count(rest, so_far + d, observed) + count(rest, so_far - d, observed),
    }
}

/// Wilcoxon's signed ranks of paired differences, which may be infinite but not NaN: the rank of |dᵢ| (those that are equal
/// but for rounding share the mean of their ranks, infinite ones are equal) with the sign of dᵢ; zeros are left out.
pub fn signed_ranks(differences: &[f64]) -> Vec<f64> {
    let magnitudes: Vec<f64> = differences.iter().map(|d| d.abs()).filter(|d| *d != 0.0).collect();
    // the difference of two accuracies is uncertain by some 1e-16, however small it is
    let slack = 1e-12 * magnitudes.iter().filter(|d| d.is_finite()).fold(0f64, |largest, d| largest.max(*d));
    let equal = |a: f64, b: f64| a == b || (a - b).abs() <= slack;
    let rank = |d: f64| {
        let as_large = magnitudes.iter().filter(|other| equal(**other, d)).count();
        let below = magnitudes.iter().filter(|other| **other < d && !equal(**other, d)).count();
        below as f64 + (as_large as f64 + 1.0) / 2.0
    };
    differences.iter().filter(|d| **d != 0.0).map(|d| rank(d.abs()).copysign(*d)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // 8 combinations of 1, 2, 3: ±6 only is as large as 6; of 1, −2, 3: ±2, ±4, ±6 and 0, 0: six of eight
        assert_eq!(sign_flip(&[1.0, 2.0, 3.0]), PValue { p: 0.25, exact: true });
        assert_eq!(sign_flip(&[1.0, -2.0, 3.0]).p, 0.75);
        assert_eq!(sign_flip(&[0.0, 1.0, 2.0, 0.0, 3.0]).p, 0.25);
        assert_eq!(sign_flip(&[0.0; 30]), PValue { p: 1.0, exact: true });
        assert_eq!(sign_flip(&[0.1; 10]).p, 2.0 / 1024.0);
        assert_eq!(sign_flip(&[1e300; 10]).p, 2.0 / 1024.0);
    }

    #[test]
    fn rounding_does_not_break_ties() {
        // 0.3 = 0.1 + 0.2 but for rounding: |sums| 0 and 0.6 only tie with each other if that is seen
        assert_eq!(sign_flip(&[0.1, 0.2, -0.3]).p, 1.0);
        assert_eq!(sign_flip(&[-0.3, 0.2, 0.1]).p, 1.0);
    }

    #[test]
    fn beyond_twenty_it_is_estimated_and_repeatable() {
        let differences: Vec<f64> = (0..21).map(|i| f64::from((i * 7919) % 13) - 5.5).collect();
        let estimate = sign_flip(&differences);
        assert!(!estimate.exact);
        assert_eq!(estimate, sign_flip(&differences));
        // the exact value, from all 2²⁰ combinations
        let exact = f64::from(count(&differences[1..], differences[0], differences.iter().sum::<f64>().abs()));
        assert!((estimate.p - exact / 2f64.powi(20)).abs() < 0.005, "{estimate:?} {exact}");
        assert_eq!(sign_flip(&[1.0; 60]).p, 1e-5);
    }

    #[test]
    fn ranks() {
        assert_eq!(signed_ranks(&[-2.0, 0.0, 1.0, f64::INFINITY]), [-2.0, 1.0, 3.0]);
        assert_eq!(signed_ranks(&[f64::NEG_INFINITY, 5.0, -5.0, f64::INFINITY]), [-3.5, 1.5, -1.5, 3.5]);
        assert!(signed_ranks(&[0.0, -0.0]).is_empty());
        assert_eq!(signed_ranks(&[0.95 - 0.94, 0.97 - 0.96, 0.2]), [1.5, 1.5, 3.0], "equal but for rounding");
    }
}
