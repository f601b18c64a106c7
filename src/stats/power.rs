//! What a number of pairs can show.

use super::interval::t_quantile;

/// More pairs than anybody will train.
const MOST: usize = 10_000;

/// The smallest mean difference that a paired t-test (two-sided, at the level `alpha`) finds with 80% power over `n` ≥ 2
/// pairs whose differences have the standard deviation `sd`:
///
/// ```text
/// (t₁₋α⸝₂(n−1) + t₀.₈₀(n−1)) · sd / √n
/// ```
///
/// The exact value needs the noncentral t; at 5% this one is within 2% of it from 6 pairs on (`tests/stats.rs`).
pub fn detectable(sd: f64, n: usize, alpha: f64) -> f64 {
    (t_quantile(1.0 - alpha / 2.0, n - 1) + t_quantile(0.8, n - 1)) * sd / (n as f64).sqrt()
}

/// The least number of pairs with which [`detectable`] is at most `effect` > 0; `None` if 10,000 are too few.
pub fn pairs_to_detect(sd: f64, effect: f64, alpha: f64) -> Option<usize> {
    if detectable(sd, MOST, alpha) > effect {
        return None;
    }
    // more pairs detect less: halve the range that holds the answer
    let (mut too_few, mut enough) = (1, MOST);
    while enough - too_few > 1 {
        let n = (too_few + enough) / 2;
        match detectable(sd, n, alpha) <= effect {
            true => enough = n,
            false => too_few = n,
        }
    }
    Some(enough)
}

/// The least number of pairs with which an exact sign-flip test can reach `p` in (0, 1) at all: with n pairs that all
/// point the same way it is 2/2ⁿ.
pub fn pairs_to_reach(p: f64) -> usize {
    (1.0 - p.log2()).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_pairs_is_the_least() {
        for effect in [0.05, 0.1, 0.5, 1.0, 3.0, 50.0] {
            for alpha in [0.05, 0.05 / 6.0] {
                let n = pairs_to_detect(1.0, effect, alpha).unwrap();
                assert!(detectable(1.0, n, alpha) <= effect, "{effect}: {n}");
                assert!(n == 2 || detectable(1.0, n - 1, alpha) > effect, "{effect}: {n}");
            }
        }
        assert_eq!(pairs_to_detect(1.0, 1e-9, 0.05), None);
        assert_eq!(pairs_to_detect(0.0, 1e-9, 0.05), Some(2));
    }

    #[test]
    fn pairs_that_a_p_value_needs() {
        assert_eq!(pairs_to_reach(0.05), 6);
        assert_eq!(pairs_to_reach(0.05 / 6.0), 8);
        assert_eq!(pairs_to_reach(0.03125), 6);
    }
}
