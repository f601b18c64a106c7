//! Statistics against SciPy (`scripts/golden_stats.py`).

use serde::Deserialize;
use snr_bench::stats;

#[derive(Deserialize)]
struct Golden {
    paired_t: Vec<PairedT>,
    signed_rank: Vec<SignedRank>,
    holm: Vec<Holm>,
    t975: Vec<(usize, f64)>,
    power: Vec<(f64, usize, f64, f64)>,
    detectable: Vec<(usize, f64, f64)>,
}

#[derive(Deserialize)]
struct PairedT {
    name: String,
    differences: Vec<f64>,
    mean: f64,
    sd: f64,
    p: f64,
    interval: (f64, f64),
}

#[derive(Deserialize)]
struct SignedRank {
    name: String,
    /// JSON has no infinity.
    differences: Vec<String>,
    sum: f64,
    p: f64,
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
fn the_paired_t_test_is_scipys() {
    for case in golden().paired_t {
        let found = stats::paired_t(&case.differences);
        let (lo, hi) = found.interval.unwrap();
        let tolerance = 1e-10 * (case.interval.1 - case.interval.0);
        assert_eq!(found.n, case.differences.len());
        assert_near(found.mean, case.mean, tolerance, &case.name);
        assert_near(found.sd.unwrap(), case.sd, tolerance, &case.name);
        assert_near(lo, case.interval.0, tolerance, &case.name);
        assert_near(hi, case.interval.1, tolerance, &case.name);
        assert_near(found.p.unwrap(), case.p, 1e-9 * case.p, &case.name);
    }
}

#[test]
fn the_signed_rank_test_is_scipys() {
    for case in golden().signed_rank {
        let differences: Vec<f64> = case.differences.iter().map(|d| d.parse().unwrap()).collect();
        let found = stats::signed_rank(&differences);
        assert_eq!(found.sum, case.sum, "{}", case.name);
        assert_near(found.p, case.p, 1e-12, &case.name);
    }
}

#[test]
fn quantiles_of_students_t() {
    for (df, expected) in golden().t975 {
        assert_near(stats::t975(df), expected, 1e-10 * expected, &format!("{df} degrees of freedom"));
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
fn power_and_the_detectable_difference_are_those_of_the_noncentral_t() {
    let golden = golden();
    for (effect, n, alpha, expected) in golden.power {
        assert_near(stats::power(effect, n, alpha), expected, 1e-9, &format!("{effect} over {n} pairs at {alpha}"));
    }
    for (n, alpha, expected) in golden.detectable {
        let what = format!("{n} pairs at {alpha}");
        assert_near(stats::detectable(1.0, n, alpha), expected, 1e-7 * expected, &what);
        assert_eq!(stats::pairs_to_detect(1.0, 1.001 * expected, alpha), Some(n), "{what}");
    }
}
