//! Data sets: [MNIST](mnist) from its four IDX files, and [`digits`], which the program draws itself.
//!
//! Pixels stay `u8` as they are on disk and become `f32` in [0, 1] only inside a shard, so a data set costs 784 bytes
//! an image and nothing else.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Height and width of every image.
pub const SIDE: usize = 28;
/// Pixels of an image.
pub const PIXELS: usize = SIDE * SIDE;
/// Number of classes.
pub const CLASSES: usize = 10;

/// A data set that a run can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DatasetKind {
    /// The real MNIST: 60,000 training and 10,000 test images.
    Mnist,
    /// Digits drawn by the program itself, in MNIST's shape: needs neither files nor network.
    Digits,
}

/// Images with their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// `[n, 28, 28]`, row-major, 0 = black background, 255 = white ink.
    pub pixels: Vec<u8>,
    /// `[n]`, each 0 to 9.
    pub labels: Vec<u8>,
}

impl Images {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of image `i`, `[28, 28]` row-major.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.pixels[i * PIXELS..][..PIXELS]
    }
}

/// A data set in memory.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub kind: DatasetKind,
    /// 60,000 images.
    pub train: Images,
    /// 10,000 images: the article's validation set.
    pub test: Images,
    /// SHA-256 (hex) over pixels and labels of train, then of test: what two runs must share to be compared.
    pub hash: String,
}

/// Loads a data set. MNIST is looked for in `data_dir`, else `$SNR_BENCH_DATA`, else `data/`, there in `mnist/`.
///
/// # Errors
/// Missing, unreadable, truncated or corrupt files, each with what to do about it.
pub fn load(kind: DatasetKind, data_dir: Option<&Path>) -> Result<Dataset> {
    let _ = (kind, data_dir);
    anyhow::bail!("not yet")
}
