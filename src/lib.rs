//! **snr-bench** asks of a neural-network optimizer: *is it really better than Adam here, and why?*
//!
//! It reproduces the article "SNRAdam: Improving the Adam Optimizer", which replaces Adam's running mean of the
//! squared gradient by a running variance of the gradient, on a small Vision Transformer and MNIST.
//!
//! Two optimizers, trained and compared:
//!
//! ```
//! use snr_bench::{analysis::Analysis, config, experiment};
//!
//! # let tempdir = tempfile::tempdir()?;
//! # let folder = tempdir.path();
//! let settings = "
//!     optim = ['adam', 'snradam']
//!     dataset = 'digits'
//!     epochs = 2";
//! # let small = "\ntrain_subset = 64\nvalidation = 'holdout:64'\nbatch = 32\nmodel.patch_size = 14";
//! # let settings = &format!("{settings}{small}");
//! let plan = experiment::Plan::new(config::expand([settings.parse()?])?, folder, &[])?;
//! let data = plan.load_data(None, &|line| eprintln!("{line}"))?;
//! experiment::run(&plan, &data, &experiment::ExperimentOptions::default(), &());
//! let analysis = Analysis::of(&[folder.into()], None, None)?;
//! for judgement in analysis.comparisons().flat_map(|(_, comparison)| &comparison.judgements) {
//!     println!("{}: {}", judgement.verdict, judgement.sentence);
//! }
//! # assert!(analysis.comparisons().next().is_some());
//! # anyhow::Ok(())
//! ```
//!
//! Every fallible function returns [`error::Result`]; [`mod@error`] says which errors can be told apart.
//!
//! # Architecture
//!
//! Data flows one way:
//!
//! ```text
//! configs/*.toml, flags ─► RunSpecs ─► plan ─► trainer ─► run directory ─► analysis ─► claims ─► figures, page
//!        [config]             [experiment]     [train]      [run_dir]     [analysis]  [article]  [plot] [report]
//!                                               │ │ │                         │
//!                                [data] ◄───────┘ │ └───────► [optim]      [stats]
//!                                              [model]
//!                                               │   │
//!                                           [ops]   [machine]
//! ```
//!
//! A module uses only those before it here: `error`, `file`, `number`, `shell`, `ops`, `stats`, `machine`, `data`,
//! `model`, `optim`, `config`, `run_dir`, `train`, `analysis`, `experiment`, `bench`, `article`, `plot`, `report`, `cli`.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`config`] | [`config::RunSpec`]: everything that determines one run, and how defaults, a file, `--set` and flags make it |
//! | [`data`] | MNIST, Fashion-MNIST, any folder of IDX files, the built-in `digits`; the seeded order of batches |
//! | [`model`] | [`model::ModelConfig`] names the model; its layout of parameters, and the Vision Transformer and the multilayer perceptron: composed of Candle's operations for any device, fused for the CPU |
//! | `ops` | forward and backward pass of each fused operation, beside its composed twin |
//! | [`optim`] | one file an optimizer, its equations on top, and the registry that everything else reads |
//! | [`train`] | one run: the exact gradient over shards, the loop, the checkpoint |
//! | [`mod@run_dir`] | a run on disk: names of files, lock, writing, reading and checking |
//! | [`experiment`] | several runs in one folder: what there is to do, how long it takes, several at once |
//! | [`mod@analysis`] | what a folder of runs shows, made once: groups, pairs, judgements, the plan, sentences, and the exports |
//! | [`mod@article`] | what the article claims, and what an analysis says about it |
//! | [`stats`] | paired differences: Student's t, signed ranks, Holm's correction, power |
//! | [`plot`] | figures of an analysis |
//! | [`mod@report`] | one page about it: answer, figures, numbers, every run, what produced it |
//! | [`machine`] | the processor's name and instructions, threads and device, time, memory |
//! | [`mod@error`] | one sentence an error, and the exit code that belongs to it |
//! | `bench` | how fast training is here, and where the time goes |
//! | `shell`, `number` | how commands, foreign text and numbers are written for people |
//! | `file` | files that are read only where they have an end, and written whole or not at all |
//! | [`mod@cli`] | the commands of the binary: arguments, progress bars, signals, output; all of it with your own optimizers |

#![deny(clippy::print_stdout, clippy::print_stderr)] // they panic on a closed pipe

pub mod analysis;
pub mod article;
mod bench;
pub mod cli;
pub mod config;
pub mod data;
pub mod error;
pub mod experiment;
mod file;
pub mod machine;
pub mod model;
mod number;
mod ops;
pub mod optim;
pub mod plot;
pub mod report;
pub mod run_dir;
mod shell;
pub mod stats;
pub mod train;

/// For the binary, tests, benchmarks and fuzz targets of this repository only: may change at any time.
#[doc(hidden)]
pub mod internal {
    pub use crate::file::is_temporary;
    pub use crate::ops::{attention, class_attention, cross_entropy, gelu, layer_norm, linear, matmul, patch_embed};
    pub use crate::train::watch::{Moment, Watch};
}
