//! What a number of pairs can show: the exact power of the paired t-test.

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::ln_gamma;

use super::student::t_quantile;

/// The search for a number of pairs ends here.
const MOST: usize = 10_000;

/// The power that [`detectable`] and [`pairs_to_detect`] ask for.
const POWER: f64 = 0.8;

/// Steps of the integral, even; `tests/stats.rs` holds the result against SciPy's `nct`.
const STEPS: usize = 1000;

/// The probability that a two-sided paired t-test at the level `alpha` rejects, where the differences of `n` ≥ 2 pairs are
/// normal with a mean of `effect` standard deviations.
///
/// t then has a noncentral distribution, t = (z + δ)/s, with z standard normal, δ = effect·√n and ν s² chi-squared with
/// ν = n − 1 degrees of freedom. Given s, t passes ±c by the normal distribution Φ, so that
///
/// ```text
/// power = ∫ (Φ(δ − c s) + Φ(−δ − c s)) f(s) ds,    c = t₁₋α⸝₂(ν),    f(s) = 2 (ν/2)^(ν/2) / Γ(ν/2) · s^(ν−1) e^(−ν s²/2)
/// ```
///
/// by Simpson's rule over the 10 standard deviations of s around 1.
pub fn power(effect: f64, n: usize, alpha: f64) -> f64 {
    let df = (n - 1) as f64;
    let shift = effect * (n as f64).sqrt();
    let critical = t_quantile(1.0 - alpha / 2.0, n - 1);
    let normal = Normal::standard();
    let ln_scale = 2f64.ln() + df / 2.0 * (df / 2.0).ln() - ln_gamma(df / 2.0);
    let density = |s: f64| (ln_scale + (df - 1.0) * s.max(f64::MIN_POSITIVE).ln() - df * s * s / 2.0).exp();
    let passes = |s: f64| normal.cdf(shift - critical * s) + normal.cdf(-shift - critical * s);
    let reach = 10.0 / (2.0 * df).sqrt();
    let (from, to) = ((1.0 - reach).max(0.0), 1.0 + reach);
    let step = (to - from) / STEPS as f64;
    let weight = |i: usize| match i {
        0 | STEPS => 1.0,
        i if i % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let at = |i: usize| from + step * i as f64;
    (0..=STEPS).map(|i| weight(i) * passes(at(i)) * density(at(i))).sum::<f64>() * step / 3.0
}

/// The smallest mean difference that the paired t-test (two-sided, at the level `alpha`) finds with 80% power over `n` ≥ 2
/// pairs whose differences have the standard deviation `sd`; see [`power`].
pub fn detectable(sd: f64, n: usize, alpha: f64) -> f64 {
    let mut enough = 1.0;
    while power(enough, n, alpha) < POWER {
        enough *= 2.0;
    }
    let mut too_small = 0.0;
    for _ in 0..30 {
        let effect = (too_small + enough) / 2.0;
        match power(effect, n, alpha) < POWER {
            true => too_small = effect,
            false => enough = effect,
        }
    }
    enough * sd
}

/// The least number of pairs that find a mean difference of `effect` > 0 with 80% power, where differences have the standard
/// deviation `sd`; `None` if 10,000 are too few. See [`power`].
pub fn pairs_to_detect(sd: f64, effect: f64, alpha: f64) -> Option<usize> {
    // without spread two pairs are enough
    let enough = |n: usize| sd == 0.0 || power(effect / sd, n, alpha) >= POWER;
    let (mut too_few, mut most) = (1, 2);
    while !enough(most) {
        (too_few, most) = (most, 2 * most);
        if too_few > MOST {
            return None;
        }
    }
    while most - too_few > 1 {
        let n = (too_few + most) / 2;
        match enough(n) {
            true => most = n,
            false => too_few = n,
        }
    }
    (most <= MOST).then_some(most)
}

/// The least number of pairs with which an exact test by ranks can reach `p` in (0, 1) at all: with n pairs that all point the
/// same way its p is 2/2ⁿ.
pub fn pairs_to_reach(p: f64) -> usize {
    (1.0 - p.log2()).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_pairs_is_the_least() {
        for effect in [0.1, 0.5, 1.0, 3.0] {
            for alpha in [0.05, 0.05 / 3.0] {
                let n = pairs_to_detect(1.0, effect, alpha).unwrap();
                assert!(power(effect, n, alpha) >= POWER, "{effect}: {n}");
                assert!(power(effect, n - 1, alpha) < POWER, "{effect}: {n}");
                assert!((detectable(2.0, n, alpha) / 2.0) <= effect * (1.0 + 1e-6));
            }
        }
        assert_eq!(pairs_to_detect(1.0, 1e-9, 0.05), None);
        assert_eq!(pairs_to_detect(0.0, 1e-9, 0.05), Some(2));
    }

    #[test]
    fn pairs_that_a_p_value_needs() {
        assert_eq!(pairs_to_reach(0.05), 6);
        assert_eq!(pairs_to_reach(0.05 / 3.0), 7);
        assert_eq!(pairs_to_reach(0.03125), 6);
    }
}
