//! One run: from a resolved [`RunSpec`](crate::config::RunSpec) to a run directory.
//!
//! # Run directory
//! `results/<experiment>/<run>/` holds
//!
//! | file | |
//! | --- | --- |
//! | `config.toml` | everything that determines the run; a `--config` file again |
//! | `meta.json` | [`Meta`]: state, versions, processor, data hash, command line |
//! | `metrics.csv` | [`Row`]: one an epoch, row 0 before training |
//! | `checkpoint.safetensors` | [`checkpoint`]: parameters, optimizer and [`Progress`](checkpoint::Progress), to resume from |
//! | `model.safetensors` | the parameters under timm's names, when the run has ended |
//!
//! All of them are written whole or not at all. Same settings and data: same bits in the loss columns, whatever the
//! number of threads, and across a resume, on processors with the same vector instructions (`simd` in `meta.json`); on
//! others the last digits differ.

pub mod checkpoint;
mod every;
mod meta;
mod metrics;
pub mod record;
mod store;
mod trainer;

pub use every::Every;
pub use meta::{Meta, State, cpu_name, simd_level};
pub use metrics::Row;
pub use store::RunDir;
pub use trainer::{Observer, Options, Outcome, Start, Summary, Trainer, training_images};

/// The files of a run directory, in the order in which they are removed: the state first, so that no half-removed run
/// claims to be finished, and last what says that there was a run.
pub const FILES: [&str; 5] = ["meta.json", "metrics.csv", checkpoint::CHECKPOINT, checkpoint::MODEL, "config.toml"];
