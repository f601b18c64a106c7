//! Student's t for a mean, and for the mean of paired differences.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Continuous, ContinuousCDF, StudentsT};

/// Values whose spread is a smaller share of them than this are equal but for rounding.
const ROUNDING: f64 = 1e-12;

/// What Student's t says of the mean of paired differences dᵢ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedT {
    /// Number of pairs.
    pub n: usize,
    /// Mean difference.
    pub mean: f64,
    /// Sample standard deviation (n − 1) of the differences; `None` for one pair.
    pub sd: Option<f64>,
    /// 95% confidence interval of the mean; `None` for one pair, and where no spread was seen.
    pub interval: Option<(f64, f64)>,
    /// Two-sided p-value of the mean being 0; `None` where there is no interval.
    pub p: Option<f64>,
}

/// The paired t-test of differences dᵢ (finite, at least one) and the interval that belongs to it:
///
/// ```text
/// mean ± t₀.₉₇₅(n−1) · sd/√n          t = mean / (sd/√n)          p = 2 · P(T ≥ |t|),  T ~ Student's t with n−1 degrees
/// ```
///
/// Both come from one distribution function, so that p ≤ 5% exactly when the interval excludes 0. Equal to
/// `scipy.stats.ttest_rel`. Differences that are all equal (but for rounding) have sd = 0: they show no spread to measure
/// the mean against, and so have neither interval nor p.
pub fn paired_t(differences: &[f64]) -> PairedT {
    let n = differences.len();
    let (mean, sd) = mean_sd(differences);
    let Some(sd) = sd.filter(|sd| *sd > 0.0) else { return PairedT { n, mean, sd, interval: None, p: None } };
    let error = sd / (n as f64).sqrt();
    let half = t975(n - 1) * error;
    let p = 2.0 * students_t(n - 1).sf((mean / error).abs());
    PairedT { n, mean, sd: Some(sd), interval: Some((mean - half, mean + half)), p: Some(p) }
}

/// Mean and sample standard deviation (n − 1), which is `None` for one value and 0 where all are equal but for rounding.
/// `values` must not be empty.
pub fn mean_sd(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    let spread = values.iter().any(|v| (v - values[0]).abs() > ROUNDING * v.abs().max(values[0].abs()));
    let sd = if spread { (squares / (n - 1.0)).sqrt() } else { 0.0 };
    (mean, (values.len() > 1).then_some(sd))
}

/// Mean of `values` and half the width of its 95% confidence interval, t₀.₉₇₅(n−1)·sd/√n, which is `None` for one value.
/// `values` must not be empty.
pub fn mean_interval(values: &[f64]) -> (f64, Option<f64>) {
    let (mean, sd) = mean_sd(values);
    (mean, sd.map(|sd| t975(values.len() - 1) * sd / (values.len() as f64).sqrt()))
}

/// The 97.5% quantile of Student's t with `df` > 0 degrees of freedom.
pub fn t975(df: usize) -> f64 {
    t_quantile(0.975, df)
}

/// The `p` quantile of Student's t with `df` > 0 degrees of freedom.
pub fn t_quantile(p: f64, df: usize) -> f64 {
    let t = students_t(df);
    // statrs' inverse knows 7 digits; a step of Newton's method makes it the inverse of the function that gives p
    let q = t.inverse_cdf(p);
    q + (p - t.cdf(q)) / t.pdf(q)
}

fn students_t(df: usize) -> StudentsT {
    StudentsT::new(0.0, 1.0, df as f64).expect("degrees of freedom are positive")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_of_a_mean() {
        // scipy.stats.t.interval(.95, 3, mean, sem) of these four: 2.5 ± 2.054260
        let (mean, half) = mean_interval(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(mean, 2.5);
        assert!((half.unwrap() - 2.054260).abs() < 1e-6);
        assert_eq!(mean_interval(&[7.0]), (7.0, None));
    }

    #[test]
    fn test_and_interval_agree_at_the_edge() {
        let values = [-0.3, 0.1, 0.9, 1.4, 0.2, -0.7, 0.05, 2.9];
        let (lo, hi) = paired_t(&values).interval.unwrap();
        for (end, width) in [(lo, hi - lo), (hi, hi - lo)] {
            for (shift, excluded) in [(-1e-9, end == hi), (1e-9, end == lo)] {
                let moved = paired_t(&values.map(|v| v - end - shift * -width));
                let (lo, hi) = moved.interval.unwrap();
                assert_eq!(lo > 0.0 || hi < 0.0, moved.p.unwrap() <= 0.05, "{end} {shift}");
                assert_eq!(moved.p.unwrap() <= 0.05, excluded, "{end} {shift}");
            }
        }
    }

    #[test]
    fn without_spread_there_is_no_test() {
        let tenths = [0.1 + 0.2, 0.3, 0.3, 0.3];
        assert_eq!(paired_t(&tenths).sd, Some(0.0), "equal but for rounding");
        assert_eq!((paired_t(&tenths).p, paired_t(&tenths).interval), (None, None));
        assert_eq!(paired_t(&[0.0; 8]).p, None);
        assert_eq!(paired_t(&[0.4]), PairedT { n: 1, mean: 0.4, sd: None, interval: None, p: None });
    }
}
