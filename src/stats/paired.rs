//! Student's paired t and Wilcoxon's signed ranks; a stand-in with the interface of the module that replaces it.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::{mean_sd, t975};
use super::{sign_flip, signed_ranks};

/// What Student's t says of the mean of paired differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedT {
    pub n: usize,
    pub mean: f64,
    pub sd: Option<f64>,
    pub interval: Option<(f64, f64)>,
    pub p: Option<f64>,
}

/// The paired t-test of finite differences, at least one.
pub fn paired_t(differences: &[f64]) -> PairedT {
    let n = differences.len();
    let (mean, sd) = mean_sd(differences);
    let Some(sd) = sd.filter(|sd| *sd > 1e-12 * mean.abs()) else {
        return PairedT { n, mean, sd: sd.map(|_| 0.0), interval: None, p: None };
    };
    let error = sd / (n as f64).sqrt();
    let half = t975(n - 1) * error;
    let student = StudentsT::new(0.0, 1.0, (n - 1) as f64).expect("degrees of freedom are positive");
    let p = 2.0 * student.sf((mean / error).abs());
    PairedT { n, mean, sd: Some(sd), interval: Some((mean - half, mean + half)), p: Some(p) }
}

/// Wilcoxon's signed-rank test of differences, which may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignedRank {
    pub n: usize,
    pub sum: f64,
    pub p: f64,
}

/// Exact for up to 20 differences.
pub fn signed_rank(differences: &[f64]) -> SignedRank {
    let ranks = signed_ranks(differences);
    SignedRank { n: ranks.len(), sum: ranks.iter().sum(), p: sign_flip(&ranks).p }
}
