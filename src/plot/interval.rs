//! The 95% confidence interval of a mean.

/// Mean of `values` and half the width of its 95% confidence interval, t₀.₉₇₅(n−1)·s/√n, which is `None` for one value.
/// `values` must not be empty.
pub fn mean_interval(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, None);
    }
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, Some(t975(values.len() - 1) * (variance / n).sqrt()))
}

/// The 97.5% quantile of Student's t: a table up to 30 degrees of freedom, beyond it the Cornish–Fisher expansion around
/// the normal quantile (Abramowitz & Stegun 26.7.5), there exact to 7 digits. `df` must be positive.
pub fn t975(df: usize) -> f64 {
    if let Some(&t) = T975.get(df - 1) {
        return t;
    }
    let z: f64 = 1.959963984540054;
    let v = df as f64;
    let g1 = (z.powi(3) + z) / 4.0;
    let g2 = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let g3 = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    let g4 = (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1482.0 * z.powi(5) - 1920.0 * z.powi(3) - 945.0 * z) / 92_160.0;
    z + g1 / v + g2 / v.powi(2) + g3 / v.powi(3) + g4 / v.powi(4)
}

/// For 1, 2, … 30 degrees of freedom; made by scripts/t_quantiles.py.
#[rustfmt::skip]
const T975: [f64; 30] = [
    12.706204736, 4.302652730, 3.182446305, 2.776445105, 2.570581836, 2.446911851, 2.364624252, 2.306004135, 2.262157163,
    2.228138852, 2.200985160, 2.178812830, 2.160368656, 2.144786688, 2.131449546, 2.119905299, 2.109815578, 2.100922040,
    2.093024054, 2.085963447, 2.079613845, 2.073873068, 2.068657610, 2.063898562, 2.059538553, 2.055529439, 2.051830516,
    2.048407142, 2.045229642, 2.042272456,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_agree_with_scipy() {
        // scripts/t_quantiles.py
        let golden = [
            (1, 12.706204736),
            (9, 2.262157163),
            (30, 2.042272456),
            (31, 2.039513446),
            (40, 2.021075390),
            (99, 1.984216952),
            (1000, 1.962339081),
            (100_000, 1.959987708),
        ];
        for (df, expected) in golden {
            assert!((t975(df) - expected).abs() < 2e-7, "{df} degrees of freedom: {}", t975(df));
        }
    }

    #[test]
    fn interval_of_a_mean() {
        // scipy.stats.t.interval(.95, 3, mean, sem) of these four: 2.5 ± 2.054260
        let (mean, half) = mean_interval(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(mean, 2.5);
        assert!((half.unwrap() - 2.054260).abs() < 1e-6);
        assert_eq!(mean_interval(&[7.0]), (7.0, None));
    }
}
