//! Which optimizer is better, and how sure that is: every pair of optimizers of a group, over paired seeds.
//!
//! Two runs with one seed start from the same parameters and see the same batches in the same order, so their difference
//! is the optimizer's. For every metric: mean and deviation of both, the mean paired difference A − B with its 95% BCa
//! interval, a sign-flip test, P(A better than B), and a verdict; see [`Judgement`] and [`mod@crate::stats`].
//!
//! * Below [`MIN_PAIRS`] pairs there is no verdict: the least p that fewer pairs can reach is above 5%.
//! * A verdict of *better* or *worse* needs p ≤ 5% after Holm's correction for the metrics of the comparison. With six
//!   metrics that takes 8 pairs: 6 · 2/2⁷ is still above 5%.
//! * *Equivalent* means that the interval lies within a margin stated beforehand and no difference was shown.
//! * A run that diverged has lost: its losses and times count as ∞, its accuracy as 0; so does a target that was never
//!   reached. Two such values tie. As ∞ has no mean, the test is then that of Wilcoxon's signed ranks. A metric of which
//!   no run has a value is not judged, nor corrected for.
//! * Runs under way and seeds that only one optimizer has are left out, with a warning that names them.
//! * With several learning rates, optimizers meet at each one that they share, and each at its best.

pub mod export;
mod judge;
mod metric;
mod pairing;
mod sentence;
mod types;

pub use metric::Metric;
pub use pairing::{compare, has_ended, pairs};
pub use sentence::{Decimals, p_value, seeds};
pub use types::{
    Basis, Comparison, Contender, Criteria, Difference, Findings, GroupFindings, Judgement, Pair, Summary, Test,
    TestKind, Verdict,
};

/// The least number of pairs that are judged: with 5 the two-sided sign-flip test cannot reach 5%.
pub const MIN_PAIRS: usize = 6;

/// The probability of a false *better* or *worse* that is accepted in a comparison.
pub const ALPHA: f64 = 0.05;
