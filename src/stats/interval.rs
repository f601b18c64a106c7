//! Mean, deviation, and the 95% confidence interval of a mean.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Mean and sample standard deviation (n − 1), which is `None` for one value. `values` must not be empty.
pub fn mean_sd(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    (mean, (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()))
}

/// Mean of `values` and half the width of its 95% confidence interval, t₀.₉₇₅(n−1)·s/√n, which is `None` for one value.
/// `values` must not be empty.
pub fn mean_interval(values: &[f64]) -> (f64, Option<f64>) {
    let (mean, sd) = mean_sd(values);
    (mean, sd.map(|sd| t975(values.len() - 1) * sd / (values.len() as f64).sqrt()))
}

/// The 97.5% quantile of Student's t with `df` > 0 degrees of freedom.
pub fn t975(df: usize) -> f64 {
    t_quantile(0.975, df)
}

/// The `p` quantile of Student's t with `df` > 0 degrees of freedom, to 1e-7 for 1 to 10,000 of them.
pub fn t_quantile(p: f64, df: usize) -> f64 {
    StudentsT::new(0.0, 1.0, df as f64).expect("degrees of freedom are positive").inverse_cdf(p)
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
}
