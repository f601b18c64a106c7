//! What the best of a few trials is worth.

/// The expectation of the least of k values that are drawn without replacement from n, for k = 1 … n:
///
/// ```text
/// E_k = Σᵢ v₍ᵢ₎ · C(n−i, k−1) / C(n, k)          v₍₁₎ ≤ … ≤ v₍ₙ₎
/// ```
///
/// Infinite where a draw may hold infinite values only. Dodge et al. 2019 (arXiv:1909.03004) draw with replacement; without it
/// the estimate is unbiased (Tang et al. 2020, arXiv:2004.13705). Sivaprasad et al. 2020 (arXiv:1910.11758) compare optimizers by it.
pub fn expected_best(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let at = |k: usize| {
        // the chance that the i-th least is drawn and none below it
        let mut chance = k as f64 / n as f64;
        let mut sum = 0.0;
        for (i, value) in sorted.iter().take(n - k + 1).enumerate() {
            sum += chance * value;
            let left = n - i - 1;
            chance *= left.saturating_sub(k - 1) as f64 / left.max(1) as f64;
        }
        sum
    };
    (1..=n).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_over_all_draws() {
        // the minima of all subsets of 1, 2, 4, 8, counted by hand
        let expected = [15.0 / 4.0, (3.0 * 1.0 + 2.0 * 2.0 + 4.0) / 6.0, (3.0 * 1.0 + 2.0) / 4.0, 1.0];
        for (found, expected) in expected_best(&[4.0, 1.0, 8.0, 2.0]).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
        assert_eq!(expected_best(&[1.0, f64::INFINITY]), [f64::INFINITY, 1.0]);
        let failed = f64::INFINITY;
        assert_eq!(expected_best(&[1.0, failed, failed]), [failed, failed, 1.0]);
        assert!(expected_best(&[]).is_empty());
    }
}
