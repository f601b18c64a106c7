//! Data sets: [published] ones and any [folder](IdxFolder) of four [IDX](idx) files, and [`digits`], which the program draws
//! itself; and the seeded [`order`] of batches.
//!
//! Pixels stay `u8` as they are on disk and become `f32` in [0, 1] only inside a shard, so a data set costs a byte
//! a pixel and nothing else.

mod batches;
pub mod digits;
pub mod files;
mod folder;
mod glyphs;
#[cfg(feature = "hub")]
pub(crate) mod hub;
pub mod idx;
mod kind;
pub mod published;

use std::collections::BTreeMap;
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

pub use batches::{order, sample};
pub use folder::{IdxContents, IdxFolder};
pub use kind::DatasetKind;

use crate::error::Result;

/// What a model must know of the images: one channel, and as many classes as labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageShape {
    pub height: usize,
    pub width: usize,
    pub classes: usize,
}

impl ImageShape {
    /// Pixels of an image.
    pub const fn pixels(&self) -> usize {
        self.height * self.width
    }
}

/// MNIST's shape, which the drawn digits have too.
pub const MNIST_SHAPE: ImageShape = ImageShape { height: 28, width: 28, classes: 10 };

/// Images with their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// `[n, height, width]`, row-major, 0 = black background, 255 = white ink.
    pub pixels: Vec<u8>,
    /// `[n]`, each less than the number of classes.
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

    /// The pixels of image `i`, `[height, width]` row-major.
    pub fn image(&self, i: usize) -> &[u8] {
        let size = self.pixels.len() / self.labels.len();
        &self.pixels[i * size..][..size]
    }
}

/// A data set in memory.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub kind: DatasetKind,
    pub train: Images,
    /// The article's validation set.
    pub test: Images,
    /// What two runs must share to be compared: SHA-256 (hex) over the SHA-256 of training images, training labels, test
    /// images and test labels, each as an uncompressed IDX file.
    pub hash: String,
    /// Those four hashes (hex) by the names of MNIST's files.
    pub files: BTreeMap<String, String>,
}

/// Loads a data set. A published one is looked for in [`Published::dir`](published::Published::dir); what is missing there
/// is downloaded and written, and `progress` gets a line about each step of that.
///
/// # Errors
/// Missing, unreadable, truncated or corrupt files, each with what to do about it.
pub fn load(kind: &DatasetKind, data_dir: Option<&Path>, progress: &dyn Fn(&str)) -> Result<Dataset> {
    if let DatasetKind::Idx(folder) = kind {
        return folder.load();
    }
    let Some(published) = kind.published() else { return Ok(digits::load()) };
    let dir = published.dir(data_dir);
    published.fetch(&dir, progress)?;
    published.load(&dir)
}

/// [`Dataset::hash`] and [`Dataset::files`] from the hashes of images and labels of train, then of test.
fn hashes_of(splits: [[[u8; 32]; 2]; 2]) -> (String, BTreeMap<String, String>) {
    let files = files::FILES.iter().zip(splits.as_flattened());
    (
        hex(&Sha256::digest(splits.as_flattened().as_flattened())),
        files.map(|((name, _), hash)| (name.to_string(), hex(hash))).collect(),
    )
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The random numbers of one purpose: an own stream for each `tag` and key, the same on every machine.
fn rng(tag: [u8; 8], key: [u64; 3]) -> ChaCha8Rng {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&tag);
    seed[8..].copy_from_slice(key.map(u64::to_le_bytes).as_flattened());
    ChaCha8Rng::from_seed(seed)
}
