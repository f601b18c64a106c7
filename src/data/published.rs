//! MNIST and Fashion-MNIST: published data sets of four IDX files, each file verified by its SHA-256.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::files::{self, FILES};
use super::idx::{self, Contents};
use super::{Dataset, DatasetKind, Images, hashes_of, hex};
use crate::error::{Failure, Result};

/// A published data set in MNIST's shape: 60,000 training and 10,000 test images of 28×28 pixels, ten classes.
#[derive(Debug)]
pub struct Published {
    /// As `--dataset` names it, and the folder that holds it within the folder of the data sets.
    pub name: &'static str,
    /// As one writes it.
    pub label: &'static str,
    kind: DatasetKind,
    /// Where the Hugging Face Hub has it.
    #[cfg_attr(not(feature = "hub"), expect(dead_code))]
    hub: &'static str,
    /// Size of the download.
    #[cfg_attr(not(feature = "hub"), expect(dead_code))]
    megabytes: u32,
    /// SHA-256 (hex) of each uncompressed file, in the order of [`FILES`].
    pub sha256: [&'static str; 4],
}

/// MNIST.
pub const MNIST: Published = Published {
    name: "mnist",
    label: "MNIST",
    kind: DatasetKind::Mnist,
    hub: "ylecun/mnist",
    megabytes: 18,
    sha256: [
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ],
};

/// Fashion-MNIST (Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747).
pub const FASHION_MNIST: Published = Published {
    name: "fashion-mnist",
    label: "Fashion-MNIST",
    kind: DatasetKind::FashionMnist,
    hub: "zalando-datasets/fashion_mnist",
    megabytes: 36,
    sha256: [
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ],
};

/// Images of the training and of the test set, by place in [`FILES`].
const COUNTS: [usize; 4] = [60_000, 60_000, 10_000, 10_000];

impl Published {
    /// The folder where its files are looked for: of its name in `data_dir`, else in `$SNR_BENCH_DATA`, else in `data`.
    pub fn dir(&self, data_dir: Option<&Path>) -> PathBuf {
        let from_environment = || env::var_os("SNR_BENCH_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
        data_dir.map(PathBuf::from).or_else(from_environment).unwrap_or_else(|| "data".into()).join(self.name)
    }

    /// Reads and verifies the file at `path`, which is that place in [`FILES`].
    ///
    /// # Errors
    /// Those of [`idx::read_file`], and other contents; with what to do about it.
    pub fn read(&self, i: usize, path: &Path) -> Result<Contents> {
        let (name, kind) = FILES[i];
        let read = idx::read_file(path, kind, COUNTS[i]).and_then(|contents| match hex(&contents.sha256) {
            found if found == self.sha256[i] => Ok(contents),
            found => bail!(
                "{} is not {}'s {name}: its SHA-256 begins with {}, not {}",
                path.display(),
                self.label,
                &found[..12],
                &self.sha256[i][..12]
            ),
        });
        read.map_err(|e| {
            let folder = path.parent().unwrap_or(path).display();
            Failure::Damaged(format!(
                "{e:#}; if these are other data, use --dataset idx:{folder}; else move the file away and run 'snr-bench \
                 data --dataset {}' to fetch it again, or use --dataset digits",
                self.name
            ))
            .into()
        })
    }

    /// Downloads the files that are not in `dir` and writes them there, verified and whole or not at all; `progress` gets a
    /// line about each step. Without the feature `hub` that is an error.
    ///
    /// # Errors
    /// No network, or other data came, or `dir` cannot be written: one sentence with the two ways out.
    pub fn fetch(&self, dir: &Path, progress: &dyn Fn(&str)) -> Result<()> {
        let missing = files::missing(dir);
        if missing.is_empty() {
            return Ok(());
        }
        #[cfg(feature = "hub")]
        let fetched = self.download(dir, &missing, progress);
        #[cfg(not(feature = "hub"))]
        let fetched: Result<()> = {
            let _ = progress;
            Err(anyhow::anyhow!("this build cannot download: it lacks the feature 'hub'"))
        };
        fetched.map_err(|e| self.missing_error(dir, &missing, &format!(", and fetching failed ({e:#})")))
    }

    #[cfg(feature = "hub")]
    fn download(&self, dir: &Path, wanted: &[&str], progress: &dyn Fn(&str)) -> Result<()> {
        let Self { label, megabytes, hub, .. } = self;
        progress(&format!(
            "{label} is not in {}: downloading it ({megabytes} MB) from huggingface.co/datasets/{hub}",
            dir.display()
        ));
        let load = match self.kind {
            DatasetKind::FashionMnist => candle_datasets::vision::fashion_mnist::load,
            _ => candle_datasets::vision::mnist::load,
        };
        let arrays = super::hub::download(load)?;
        for (i, values) in arrays.iter().enumerate().filter(|(i, _)| wanted.contains(&FILES[*i].0)) {
            progress(&format!("wrote {}", self.write(i, dir, values)?.display()));
        }
        Ok(())
    }

    /// Writes the IDX file of `values` into `dir`, whole or not at all, after checking that it is the published one.
    #[cfg(feature = "hub")]
    fn write(&self, i: usize, dir: &Path, values: &[u8]) -> Result<PathBuf> {
        use anyhow::Context;

        let (name, kind) = FILES[i];
        let shape = [COUNTS[i], super::MNIST_SHAPE.height, super::MNIST_SHAPE.width];
        let shape = if kind == idx::Kind::Images { &shape[..] } else { &shape[..1] };
        let path = dir.join(name);
        if hex(&idx::sha256(kind, shape, values)) != self.sha256[i] {
            bail!(
                "what was downloaded is not {}'s {name}; to download it again, remove datasets--{} from the cache of the \
                 Hugging Face Hub",
                self.label,
                self.hub.replace('/', "--")
            );
        }
        let bytes = [&kind.header(shape)[..], values].concat();
        std::fs::create_dir_all(dir)
            .and_then(|()| crate::file::write(&path, &bytes))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// What is missing, and the two ways out.
    fn missing_error(&self, dir: &Path, missing: &[&str], why: &str) -> anyhow::Error {
        Failure::NoData(format!(
            "{} is missing in {}: {}{why}; put the files there, plain or with .gz, or use --dataset digits",
            self.label,
            dir.display(),
            missing.join(", ")
        ))
        .into()
    }

    /// Reads and verifies the data set from `dir`; never downloads.
    ///
    /// # Errors
    /// A file that is missing, or what [`read`](Self::read) refuses.
    pub fn load(&self, dir: &Path) -> Result<Dataset> {
        let missing = files::missing(dir);
        if !missing.is_empty() {
            return Err(self.missing_error(dir, &missing, ""));
        }
        let splits = files::read_all(dir, |i, path| self.read(i, path))?;
        let (hash, files) = hashes_of(splits.each_ref().map(|split| split.each_ref().map(|f| f.contents.sha256)));
        // What has the right hash has the right counts, sizes and labels.
        let [train, test] =
            splits.map(|[images, labels]| Images { pixels: images.contents.values, labels: labels.contents.values });
        Ok(Dataset { kind: self.kind.clone(), train, test, hash, files })
    }
}
