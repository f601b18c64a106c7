//! MNIST from its four IDX files, each verified by its SHA-256.

use std::path::{Path, PathBuf};
use std::{env, thread};

use anyhow::bail;

use super::idx::{self, Contents, Kind};
use super::{Dataset, DatasetKind, Images, hashes_of, hex};
use crate::error::Result;

/// One of MNIST's files.
#[derive(Debug)]
pub struct File {
    /// Name of the uncompressed file; the compressed one has `.gz` after it.
    pub name: &'static str,
    pub kind: Kind,
    /// Number of images or labels.
    pub count: usize,
    /// SHA-256 (hex) of the uncompressed file.
    pub sha256: &'static str,
}

/// MNIST's files: images and labels of the training set, images and labels of the test set.
pub const FILES: [File; 4] = [
    File {
        name: "train-images-idx3-ubyte",
        kind: Kind::Images,
        count: 60_000,
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    },
    File {
        name: "train-labels-idx1-ubyte",
        kind: Kind::Labels,
        count: 60_000,
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
    File {
        name: "t10k-images-idx3-ubyte",
        kind: Kind::Images,
        count: 10_000,
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    File {
        name: "t10k-labels-idx1-ubyte",
        kind: Kind::Labels,
        count: 10_000,
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
];

impl File {
    /// Where the file is in `dir`, plain or compressed, if it is there.
    pub fn find(&self, dir: &Path) -> Option<PathBuf> {
        [dir.join(self.name), dir.join(format!("{}.gz", self.name))].into_iter().find(|path| path.exists())
    }

    /// Reads the file at `path` and verifies it.
    ///
    /// # Errors
    /// Those of [`idx::read_file`], and contents that are not MNIST's.
    pub fn read(&self, path: &Path) -> Result<Contents> {
        let contents = idx::read_file(path, self.kind, self.count)?;
        self.verify(path, &contents.sha256)?;
        Ok(contents)
    }

    /// Writes the IDX file of `values` into `dir`, whole or not at all, after checking that it is MNIST's.
    #[cfg(feature = "hub")]
    fn write(&self, dir: &Path, values: &[u8]) -> Result<PathBuf> {
        use anyhow::Context;

        let path = dir.join(self.name);
        if hex(&idx::sha256(self.kind, values)) != self.sha256 {
            bail!(
                "what was downloaded is not MNIST's {}; to download it again, delete datasets--ylecun--mnist in the cache \
                 of the Hugging Face Hub",
                self.name
            );
        }
        let bytes = [&self.kind.header(self.count)[..], values].concat();
        std::fs::create_dir_all(dir)
            .and_then(|()| crate::atomic::write(&path, &bytes))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Checks the hash of contents that came from `path`.
    fn verify(&self, path: &Path, sha256: &[u8; 32]) -> Result<()> {
        let found = hex(sha256);
        if found != self.sha256 {
            bail!(
                "{} is not MNIST's {}: its SHA-256 begins with {}, not {}; delete it and run 'snr-bench data' to fetch it \
                 again, or use --dataset digits",
                path.display(),
                self.name,
                &found[..12],
                &self.sha256[..12],
            );
        }
        Ok(())
    }
}

/// The folder where MNIST's files are looked for: `mnist` in `data_dir`, else in `$SNR_BENCH_DATA`, else in `data`.
pub fn dir(data_dir: Option<&Path>) -> PathBuf {
    let from_environment = || env::var_os("SNR_BENCH_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
    data_dir.map(PathBuf::from).or_else(from_environment).unwrap_or_else(|| "data".into()).join("mnist")
}

/// The files that are not in `dir`.
pub fn missing(dir: &Path) -> Vec<&'static File> {
    FILES.iter().filter(|file| file.find(dir).is_none()).collect()
}

/// Downloads the files that are not in `dir` and writes them there, verified and whole or not at all; `progress` gets a
/// line about each step. Without the feature `hub` that is an error.
///
/// # Errors
/// No network, or what came is not MNIST, or `dir` cannot be written: one sentence with the two ways out.
pub fn fetch(dir: &Path, progress: &dyn Fn(&str)) -> Result<()> {
    let missing = missing(dir);
    if missing.is_empty() {
        return Ok(());
    }
    #[cfg(feature = "hub")]
    let fetched = download(dir, &missing, progress);
    #[cfg(not(feature = "hub"))]
    let fetched: Result<()> = {
        let _ = progress;
        Err(anyhow::anyhow!("this build cannot download: it lacks the feature 'hub'"))
    };
    fetched.map_err(|e| missing_error(dir, &missing, &format!(", and fetching failed ({e:#})")))
}

#[cfg(feature = "hub")]
fn download(dir: &Path, wanted: &[&File], progress: &dyn Fn(&str)) -> Result<()> {
    progress(&format!(
        "MNIST is not in {}: downloading it (18 MB) from huggingface.co/datasets/ylecun/mnist",
        dir.display()
    ));
    let arrays = super::hub::download()?;
    for (file, values) in FILES.iter().zip(&arrays) {
        if wanted.iter().any(|w| w.name == file.name) {
            progress(&format!("wrote {}", file.write(dir, values)?.display()));
        }
    }
    Ok(())
}

/// What is missing, and the two ways out.
fn missing_error(dir: &Path, missing: &[&File], why: &str) -> anyhow::Error {
    let names: Vec<&str> = missing.iter().map(|file| file.name).collect();
    let dir = dir.display();
    anyhow::anyhow!(
        "MNIST is missing in {dir}: {}{why}; put the files there, plain or with .gz, or use --dataset digits",
        names.join(", ")
    )
}

/// Reads and verifies MNIST from `dir`, the two splits in parallel; never downloads.
///
/// # Errors
/// A file is missing, unreadable, truncated or corrupt, or images and labels disagree in number.
pub fn load(dir: &Path) -> Result<Dataset> {
    let missing = missing(dir);
    if !missing.is_empty() {
        return Err(missing_error(dir, &missing, ""));
    }
    let [images, labels, test_images, test_labels] = &FILES;
    let (train, test) = thread::scope(|scope| {
        let train = scope.spawn(|| load_split(dir, images, labels));
        let test = load_split(dir, test_images, test_labels);
        (train.join().expect("reading a file does not panic"), test)
    });
    let ((train, train_hashes), (test, test_hashes)) = (train?, test?);
    let (hash, files) = hashes_of([train_hashes, test_hashes]);
    Ok(Dataset { kind: DatasetKind::Mnist, train, test, hash, files })
}

/// Reads one split; returns it with the hashes of its images and labels.
fn load_split(dir: &Path, images: &File, labels: &File) -> Result<(Images, [[u8; 32]; 2])> {
    let read = |file: &File| {
        let path = file.find(dir).unwrap_or_else(|| dir.join(file.name));
        idx::read_file(&path, file.kind, file.count).map(|contents| (path, contents))
    };
    let (label_path, label_contents) = read(labels)?;
    let (image_path, image_contents) = read(images)?;
    let split = Images { pixels: image_contents.values, labels: label_contents.values };
    if split.pixels.len() / super::MNIST_SHAPE.pixels() != split.labels.len() {
        bail!(
            "{} holds {} images but {} holds {} labels; delete both and run 'snr-bench data' to fetch them again, or use \
             --dataset digits",
            image_path.display(),
            split.pixels.len() / super::MNIST_SHAPE.pixels(),
            label_path.display(),
            split.labels.len(),
        );
    }
    images.verify(&image_path, &image_contents.sha256)?;
    labels.verify(&label_path, &label_contents.sha256)?;
    Ok((split, [image_contents.sha256, label_contents.sha256]))
}
