//! One run: from a resolved [`RunSpec`](crate::config::RunSpec) to a run
//! [directory](crate::run_dir). Same settings and data: same bits in the loss columns for any
//! number of threads, and across a resume, on processors with the same vector instructions (`simd` in `meta.json`); on
//! others the last digits differ.

pub mod checkpoint;
mod every;
pub mod integrity;
pub mod noise;
mod observer;
mod split;
mod tensors;
mod trainer;
pub(crate) mod watch;

pub use every::Every;
pub use observer::Observer;
pub use split::training_images;
pub use trainer::{Outcome, Start, TrainOptions, TrainSummary, Trainer};
