//! Wilcoxon's signed-rank test: for paired differences that may be infinite, because a run failed.

use serde::{Deserialize, Serialize};

/// What Wilcoxon's signed ranks say of paired differences.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignedRank {
    /// Differences that are not zero.
    pub n: usize,
    /// Sum of the signed ranks: positive where the differences tend to be.
    pub sum: f64,
    /// Two-sided p-value of the differences being symmetric about 0; exact.
    pub p: f64,
}

/// The exact two-sided signed-rank test of differences that may be infinite but not NaN.
///
/// |dᵢ| are ranked (those that are equal but for rounding share the mean of their ranks, and ∞ = ∞), zeros are left out, and
/// each rank has the sign of dᵢ. Were the two of a pair interchangeable, each sign would be either with probability ½: p is the
/// share of the 2ⁿ combinations whose |sum| is at least the one seen, counted over all of them. Equal to
/// `scipy.stats.wilcoxon(method="exact")`, with ties to `scipy.stats.permutation_test` of the ranks. Its least p is 2/2ⁿ, see
/// [`pairs_to_reach`](super::pairs_to_reach).
pub fn signed_rank(differences: &[f64]) -> SignedRank {
    let ranks = signed_ranks(differences);
    let sum = ranks.iter().sum::<f64>();
    // twice a rank is a whole number: chance[i] is the probability that the positive ranks sum to i/2
    let total = (2.0 * ranks.iter().map(|r| r.abs()).sum::<f64>()) as usize;
    let mut chance = vec![0.0; total + 1];
    chance[0] = 1.0;
    for rank in &ranks {
        let step = (2.0 * rank.abs()) as usize;
        for i in (0..=total).rev() {
            chance[i] = 0.5 * (chance[i] + if i >= step { chance[i - step] } else { 0.0 });
        }
    }
    // all ranks sum to total/2 and the signed ones to `sum`: the rarer side has the rest
    let rarer = (total as f64 / 2.0 - sum.abs()) as usize;
    let p = (2.0 * chance[..=rarer].iter().sum::<f64>()).min(1.0);
    SignedRank { n: ranks.len(), sum, p }
}

fn signed_ranks(differences: &[f64]) -> Vec<f64> {
    let magnitudes: Vec<f64> = differences.iter().map(|d| d.abs()).filter(|d| *d != 0.0).collect();
    // a difference of two numbers is uncertain by their rounding, however small it is
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
        // of 8 combinations of ±1 ±2 ±3 only ±6 are as large as 6; 2 is reached by ±2, ±4, ±6: six of eight
        assert_eq!(signed_rank(&[0.1, 0.2, 0.7]), SignedRank { n: 3, sum: 6.0, p: 0.25 });
        assert_eq!(signed_rank(&[1.0, -2.0, 9.0]), SignedRank { n: 3, sum: 2.0, p: 0.75 });
        assert_eq!(signed_rank(&[0.0, 0.0]), SignedRank { n: 0, sum: 0.0, p: 1.0 });
        assert_eq!(signed_rank(&[f64::INFINITY; 8]).p, 2.0 / 256.0);
        assert_eq!(signed_rank(&[-0.5; 8]), SignedRank { n: 8, sum: -36.0, p: 2.0 / 256.0 });
        assert_eq!(signed_rank(&[1.0, -1.0, 1.0, -1.0]).p, 1.0);
    }

    #[test]
    fn ranks() {
        assert_eq!(signed_ranks(&[-2.0, 0.0, 1.0, f64::INFINITY]), [-2.0, 1.0, 3.0]);
        assert_eq!(signed_ranks(&[f64::NEG_INFINITY, 5.0, -5.0, f64::INFINITY]), [-3.5, 1.5, -1.5, 3.5]);
        assert!(signed_ranks(&[0.0, -0.0]).is_empty());
        assert_eq!(signed_ranks(&[0.95 - 0.94, 0.97 - 0.96, 0.2]), [1.5, 1.5, 3.0], "equal but for rounding");
    }
}
