//! Statistics of paired differences: what a comparison of two optimizers over the same seeds rests on.
//!
//! | question | function | source |
//! | --- | --- | --- |
//! | how large is the mean difference, and could it be chance? | [`paired_t`] | Student, Biometrika 6 (1908) |
//! | and where a run failed, so that there is no mean? | [`signed_rank()`] | Wilcoxon, Biometrics Bulletin 1 (1945) |
//! | … when several endpoints are tested? | [`holm()`] | Holm, Scandinavian Journal of Statistics 6 (1979) |
//! | what can this number of pairs show? | [`power()`], [`detectable`], [`pairs_to_detect`] | noncentral t |
//! | how large is a mean? | [`mean_interval`] | Student's t |
//! | what is the best of a few trials worth? | [`expected_best()`] | Dodge et al. 2019, Tang et al. 2020 |
//!
//! Nothing is random: the same differences give the same numbers on every machine. `tests/stats.rs` checks all of it against
//! SciPy (`scripts/golden_stats.py`).
//!
//! # Coverage, error rate and power, measured
//!
//! Simulated through these functions by `cargo run --release --example coverage`: 50,000 experiments a cell, so that the standard
//! error of 95% is 0.1 points.
//!
//! | coverage of the 95% interval | n = 6 | n = 8 | n = 10 | n = 20 |
//! | --- | ---: | ---: | ---: | ---: |
//! | normal differences | 94.9% | 95.1% | 94.9% | 95.0% |
//! | Student's t, 3 degrees (heavy tails) | 96.2% | 95.9% | 96.1% | 95.8% |
//! | exponential (skewed) | 89.0% | 89.3% | 90.1% | 91.9% |
//!
//! The family-wise error is the chance of at least one false *better* or *worse* among three endpoints without a difference,
//! which correlate by 0.7, after Holm's correction; 5% is allowed. Power is that of an endpoint at the level at which Holm's
//! correction begins, α/3: stated for an effect that should be found with 80%, and reached after the whole correction.
//!
//! | family-wise error | n = 6 | n = 8 | n = 10 | n = 20 |
//! | --- | ---: | ---: | ---: | ---: |
//! | normal, no difference in any endpoint | 4.2% | 4.2% | 4.0% | 4.2% |
//! | t with 3 degrees, no difference | 2.9% | 2.9% | 2.9% | 3.1% |
//!
//! | power | n = 6 | n = 8 | n = 10 | n = 20 |
//! | --- | ---: | ---: | ---: | ---: |
//! | effect, in standard deviations | 1.88 | 1.45 | 1.22 | 0.78 |
//! | stated | 80.0% | 80.0% | 80.0% | 80.0% |
//! | reached, if only this endpoint differs | 80.1% | 80.2% | 80.4% | 80.3% |
//! | reached, if all three differ so much | 89.5% | 88.4% | 88.0% | 86.8% |
//!
//! Its weakness is a skewed difference: the interval covers too little, most of all with few pairs. If two optimizers do not
//! differ at all, their paired differences are symmetric, since either run might have been the other's: a false verdict is not
//! made likelier by this, but an interval around a real and skewed difference is too narrow. Logarithms of losses are far less
//! skewed than losses.
//!
//! The alternative was to invert the exact sign-flip test. Simulated in the same way, it covered 97.0, 95.3 and 95.3% of normal
//! differences at n = 6, 8, 10, and of exponential ones 93.1, 90.6 and 90.5%. But at α/3 it can find nothing at all with 6 pairs,
//! and where Student's t has a power of 80% it has 75% with 8 pairs and 77% with 10. So test and interval are Student's t.

mod expected_best;
mod holm;
mod power;
mod signed_rank;
mod student;

pub use expected_best::expected_best;
pub use holm::holm;
pub use power::{detectable, pairs_to_detect, pairs_to_reach, power};
pub use signed_rank::{SignedRank, signed_rank};
pub use student::{PairedT, mean_interval, mean_sd, paired_t, t975};
