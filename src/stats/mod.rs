//! Statistics of paired differences: what a comparison of two optimizers over the same seeds rests on.
//!
//! | question | function | source |
//! | --- | --- | --- |
//! | how large is the mean difference? | [`bca_interval`] | Efron, *Better bootstrap confidence intervals*, JASA 82 (1987) |
//! | could it be chance? | [`sign_flip()`] | Fisher, *The Design of Experiments* (1935), §21 |
//! | and where values are infinite? | [`signed_ranks`], then [`sign_flip()`] | Wilcoxon, Biometrics Bulletin 1 (1945) |
//! | … when several metrics are tested? | [`holm()`] | Holm, Scandinavian Journal of Statistics 6 (1979) |
//! | what could so few pairs have shown? | [`detectable`], [`pairs_to_detect`], [`pairs_to_reach`] | Student's t |
//! | how large is a mean? | [`mean_interval`] | Student's t |
//!
//! Everything is deterministic: what is drawn at random comes from ChaCha with a fixed seed, so the same differences give
//! the same numbers on every machine. `tests/stats.rs` checks all of it against SciPy (`scripts/golden_stats.py`).

mod bootstrap;
mod holm;
mod power;
mod sign_flip;
mod signed_rank;
mod student;

pub use bootstrap::{RESAMPLES, bca, bca_interval};
pub use holm::holm;
pub use power::{POWER, detectable, pairs_to_detect, pairs_to_reach, power};
pub use sign_flip::{EXACT_UP_TO, FLIPS, PValue, sign_flip, signed_ranks};
pub use signed_rank::{SignedRank, signed_rank};
pub use student::{PairedT, mean_interval, mean_sd, paired_t, t_quantile, t975};
