//! The four files of a data set in a folder, under MNIST's names.

use std::path::{Path, PathBuf};
use std::thread;

use super::idx::{Contents, Kind};
use crate::error::Result;

/// Name and kind of each: images and labels of the training set, images and labels of the test set. A compressed file has
/// `.gz` after its name.
pub const FILES: [(&str, Kind); 4] = [
    ("train-images-idx3-ubyte", Kind::Images),
    ("train-labels-idx1-ubyte", Kind::Labels),
    ("t10k-images-idx3-ubyte", Kind::Images),
    ("t10k-labels-idx1-ubyte", Kind::Labels),
];

/// Where the file is in `dir`, plain or compressed, if it is there.
pub fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    [dir.join(name), dir.join(format!("{name}.gz"))].into_iter().find(|path| path.exists())
}

/// The files that are not in `dir`.
pub fn missing(dir: &Path) -> Vec<&'static str> {
    FILES.iter().map(|(name, _)| *name).filter(|name| find(dir, name).is_none()).collect()
}

/// A file that was read.
pub(super) struct Found {
    pub path: PathBuf,
    pub contents: Contents,
}

/// Reads the four files of `dir` with `read`, which gets the place in [`FILES`]; the two splits in parallel.
pub(super) fn read_all(dir: &Path, read: impl Fn(usize, &Path) -> Result<Contents> + Sync) -> Result<[[Found; 2]; 2]> {
    let found = |i: usize| -> Result<Found> {
        let path = find(dir, FILES[i].0).unwrap_or_else(|| dir.join(FILES[i].0));
        let contents = read(i, &path)?;
        Ok(Found { path, contents })
    };
    // Labels first: they are small, and what is wrong with them is told at once.
    let split = |images: usize| found(images + 1).and_then(|labels| Ok([found(images)?, labels]));
    let (train, test) = thread::scope(|scope| {
        let train = scope.spawn(|| split(0));
        let test = split(2);
        (train.join().expect("reading a file does not panic"), test)
    });
    Ok([train?, test?])
}
