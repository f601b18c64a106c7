//! Efron's bias-corrected and accelerated (BCa) bootstrap interval of a mean.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};

use super::mean_sd;

/// Resamples behind every interval.
pub const RESAMPLES: usize = 10_000;

const SEED: u64 = 0;

/// The share that lies below and above a 95% interval.
const TAIL: f64 = 0.025;

/// The 95% BCa interval of the mean of `values` (finite, not empty) over [`RESAMPLES`] resamples; see [`bca`].
pub fn bca_interval(values: &[f64]) -> Option<(f64, f64)> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let n = values.len() as f64;
    let mut mean = || values.iter().map(|_| values[rng.random_range(0..values.len())]).sum::<f64>() / n;
    let means = (0..RESAMPLES).map(|_| mean()).collect();
    bca(values, means)
}

/// The 95% BCa interval of the mean of `values`, given the `means` of resamples of them.
///
/// Its ends are the quantiles Φ(z₀ + (z₀ ± z) / (1 − a(z₀ ± z))) of `means`, with z = Φ⁻¹(0.975),
///
/// ```text
/// z₀ = Φ⁻¹(share of means below the mean of values; equal ones count half)        bias
/// a  = Σ (θ̄ − θᵢ)³ / (6 (Σ (θ̄ − θᵢ)²)^1.5),  θᵢ: mean of all values but the i-th  acceleration
/// ```
///
/// as `scipy.stats.bootstrap(method="BCa")` has it, quantiles interpolated linearly. Where all values are equal it is that
/// value twice: no spread was seen. `None` where all `means` lie on one side, so that there is no z₀.
pub fn bca(values: &[f64], mut means: Vec<f64>) -> Option<(f64, f64)> {
    let (mean, _) = mean_sd(values);
    if values.iter().all(|v| *v == values[0]) {
        return Some((values[0], values[0]));
    }
    means.sort_by(f64::total_cmp);
    let normal = Normal::standard();
    let z0 = normal.inverse_cdf(share_below(&means, mean));
    if !z0.is_finite() {
        return None;
    }
    let a = acceleration(values, mean);
    let end = |z: f64| {
        let z = z0 + z;
        quantile(&means, normal.cdf(z0 + z / (1.0 - a * z)))
    };
    let z = normal.inverse_cdf(TAIL);
    Some((end(z), end(-z)))
}

/// The share of `sorted` below `value`; what equals it but for rounding counts half.
fn share_below(sorted: &[f64], value: f64) -> f64 {
    let slack = 1e-13 * sorted[0].abs().max(sorted[sorted.len() - 1].abs());
    let below = sorted.partition_point(|v| *v < value - slack);
    let not_above = sorted.partition_point(|v| *v <= value + slack);
    (below + not_above) as f64 / (2 * sorted.len()) as f64
}

/// From the jackknife. Leaving vᵢ out moves the mean by (mean − vᵢ)/(n − 1), whose factor cancels.
fn acceleration(values: &[f64], mean: f64) -> f64 {
    let moment = |power| values.iter().map(|v| (v - mean).powi(power)).sum::<f64>();
    moment(3) / (6.0 * moment(2).powf(1.5))
}

/// Linearly interpolated between the two nearest of `sorted`, as `numpy.percentile` does.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let lower = sorted[place.floor() as usize];
    lower + (sorted[place.ceil() as usize] - lower) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_no_spread_and_one_side_no_interval() {
        assert_eq!(bca_interval(&[2.0; 8]), Some((2.0, 2.0)));
        assert_eq!(bca(&[1.0, 2.0], vec![3.0; 10]), None);
    }

    #[test]
    fn it_is_repeatable_and_moves_and_scales_with_the_values() {
        let values = [0.3, -0.1, 0.9, 1.4, 0.2, 0.7, 0.05, 2.9];
        let (lo, hi) = bca_interval(&values).unwrap();
        assert_eq!(bca_interval(&values), Some((lo, hi)));
        assert!(lo < 0.79 && 0.79 < hi && hi - 0.79 > 0.79 - lo, "skewed to the right: {lo} {hi}");
        let (negative_lo, negative_hi) = bca_interval(&values.map(|v| 5.0 - 2.0 * v)).unwrap();
        assert!((negative_lo - (5.0 - 2.0 * hi)).abs() < 0.05 && (negative_hi - (5.0 - 2.0 * lo)).abs() < 0.05);
    }
}
