//! Statistics against SciPy (`scripts/golden_stats.py`).

use serde::Deserialize;
use snr_bench::stats;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    holm: Vec<Holm>,
    t975: Vec<(usize, f64)>,
    t80: Vec<(usize, f64)>,
    detectable: Vec<(usize, f64)>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    a: Vec<f64>,
    b: Vec<f64>,
    bca: Option<(f64, f64)>,
    resamples: Option<Vec<Vec<usize>>>,
    bca_large: Option<(f64, f64)>,
    sign_flip: f64,
    signed_rank: Option<f64>,
}

impl Case {
    fn differences(&self) -> Vec<f64> {
        self.a.iter().zip(&self.b).map(|(a, b)| a - b).collect()
    }
}

#[derive(Deserialize)]
struct Holm {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/stats.json")).unwrap()
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, SciPy has {expected}");
}

#[test]
fn bca_of_the_same_resamples_is_scipys() {
    let mut compared = 0;
    for case in golden().cases {
        let (Some(resamples), Some((lo, hi))) = (&case.resamples, case.bca) else { continue };
        let differences = case.differences();
        let mean = |indices: &Vec<usize>| indices.iter().map(|&i| differences[i]).sum::<f64>() / indices.len() as f64;
        let found = stats::bca(&differences, resamples.iter().map(mean).collect()).unwrap();
        // statrs knows the normal quantile to 11 digits, and where means jump an end moves faster than it
        assert_near(found.0, lo, 1e-10, &case.name);
        assert_near(found.1, hi, 1e-10, &case.name);
        compared += 1;
    }
    assert!(compared >= 6, "{compared} cases");
}

#[test]
fn our_resamples_give_the_interval_of_a_million() {
    let mut compared = 0;
    for case in golden().cases {
        let Some((lo, hi)) = case.bca_large else { continue };
        compared += 1;
        let found = stats::bca_interval(&case.differences()).unwrap();
        // 10,000 resamples leave a Monte-Carlo error of a few per cent of the width
        let tolerance = 0.05 * (hi - lo);
        assert_near(found.0, lo, tolerance, &case.name);
        assert_near(found.1, hi, tolerance, &case.name);
    }
    assert!(compared >= 5, "{compared} cases");
}

#[test]
fn sign_flips_and_signed_ranks_are_scipys() {
    let mut exact = 0;
    for case in golden().cases {
        let found = stats::sign_flip(&case.differences());
        assert_eq!(found.exact, case.a.len() <= stats::EXACT_UP_TO, "{}", case.name);
        // both estimates of the larger case have an error of their own
        let tolerance = if found.exact { 1e-12 } else { 0.003 };
        assert_near(found.p, case.sign_flip, tolerance, &case.name);
        if let Some(expected) = case.signed_rank {
            let ranks = stats::signed_ranks(&case.differences());
            assert_near(stats::sign_flip(&ranks).p, expected, 1e-12, &case.name);
            exact += 1;
        }
    }
    assert!(exact >= 8, "{exact} cases");
}

#[test]
fn quantiles_of_students_t() {
    let golden = golden();
    for (df, expected) in golden.t975 {
        assert_near(stats::t975(df), expected, 1e-7, &format!("97.5%, {df} degrees of freedom"));
    }
    for (df, expected) in golden.t80 {
        assert_near(stats::t_quantile(0.8, df), expected, 1e-7, &format!("80%, {df} degrees of freedom"));
    }
}

#[test]
fn holms_correction_is_statsmodels() {
    for case in golden().holm {
        let found = stats::holm(&case.p);
        for (found, expected) in found.iter().zip(&case.adjusted) {
            assert_near(*found, *expected, 1e-15, &format!("{:?}", case.p));
        }
    }
}

#[test]
fn the_detectable_difference_is_near_that_of_the_noncentral_t() {
    for (n, expected) in golden().detectable {
        assert_near(stats::detectable(1.0, n, 0.05), expected, 0.02 * expected, &format!("{n} pairs"));
    }
}
