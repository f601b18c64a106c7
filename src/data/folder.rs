//! Any data set in a folder of four IDX files: `--dataset idx:DIR`.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Mutex;

use anyhow::{bail, ensure};
use serde::{Deserialize, Serialize};

use super::files::{self, FILES, Found};
use super::idx::{self, MAX_PIXELS};
use super::{Dataset, DatasetKind, ImageShape, Images, hashes_of};
use crate::error::{Failure, Result};
use crate::usage;

/// Images of the largest training or test set that is read.
const MAX_IMAGES: usize = 10_000_000;

/// A folder of IDX files, and what it held when it was named. Two are equal if they hold the same, wherever they are.
#[derive(Clone, Debug)]
pub struct IdxFolder {
    /// As it was named.
    pub dir: String,
    /// What is in it.
    pub contents: IdxContents,
}

impl PartialEq for IdxFolder {
    fn eq(&self, other: &Self) -> bool {
        self.contents == other.contents
    }
}

impl Eq for IdxFolder {}

impl Hash for IdxFolder {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.contents.hash(state);
    }
}

/// The `[images]` table of a configuration: what a folder of IDX files holds, so that a run can be read, planned and named
/// where its data are not at hand. It is read from the folder where it is not given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdxContents {
    pub height: usize,
    pub width: usize,
    /// One more than the largest label of the training set.
    pub classes: usize,
    /// Training images.
    pub train: usize,
    /// Test images.
    pub test: usize,
    /// [`Dataset::hash`].
    pub sha256: String,
}

impl IdxContents {
    /// Size of the images and number of classes.
    pub fn shape(&self) -> ImageShape {
        ImageShape { height: self.height, width: self.width, classes: self.classes }
    }

    /// Checks numbers that a file gave.
    ///
    /// # Errors
    /// What no folder can hold.
    pub(super) fn validate(&self) -> Result<()> {
        let Self { height, width, classes, train, test, .. } = *self;
        let most = [
            ("height", height, MAX_PIXELS),
            ("width", width, MAX_PIXELS / height.max(1)),
            ("classes", classes, 256),
            ("train", train, MAX_IMAGES),
            ("test", test, MAX_IMAGES),
        ];
        match most.into_iter().find(|(_, n, most)| *n == 0 || n > most) {
            Some((name, n, most)) => usage!("images.{name} = {n} is impossible; it must be 1 to {most}"),
            None => Ok(()),
        }
    }
}

impl IdxFolder {
    /// Reads what `dir` holds; in one process only once.
    ///
    /// # Errors
    /// A file that is missing, damaged or no IDX file; counts or sizes that disagree; no images; labels that the training
    /// set lacks.
    pub fn open(dir: &str) -> Result<Self> {
        static OPENED: Mutex<Option<HashMap<String, IdxContents>>> = Mutex::new(None);
        let mut opened = OPENED.lock().unwrap_or_else(|e| e.into_inner());
        let opened = opened.get_or_insert_default();
        let contents = match opened.get(dir) {
            Some(contents) => contents.clone(),
            None => opened.entry(dir.to_string()).or_insert(read(dir)?.0).clone(),
        };
        Ok(Self { dir: dir.to_string(), contents })
    }

    /// Loads the data set.
    ///
    /// # Errors
    /// See [`open`](Self::open); and other data than [`contents`](Self::contents) says.
    pub fn load(&self) -> Result<Dataset> {
        let (contents, data) = read(&self.dir)?;
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        ensure!(
            contents == self.contents,
            "{} holds other data than the settings say (hash {}, not {}); to take it as it is now, name it with --dataset \
             idx:{} or leave [images] out",
            self.dir,
            short(&contents.sha256),
            short(&self.contents.sha256),
            self.dir,
        );
        Ok(data)
    }
}

/// Reads and checks the four files of a folder.
fn read(dir: &str) -> Result<(IdxContents, Dataset)> {
    let path = Path::new(dir);
    let missing = files::missing(path);
    if !missing.is_empty() {
        let missing = missing.join(", ");
        bail!(Failure::NoData(format!(
            "{dir} has no {missing}; --dataset idx:DIR takes a folder of four IDX files under MNIST's names, plain or with .gz"
        )));
    }
    let [train, test] = files::read_all(path, |i, path| idx::read_file(path, FILES[i].1, MAX_IMAGES))?;
    let (size, classes) = check(&train, &test)?;
    let hashes = [&train, &test].map(|split| split.each_ref().map(|found| found.contents.sha256));
    let (hash, hashed) = hashes_of(hashes);
    let [train, test] =
        [train, test].map(|[images, labels]| Images { pixels: images.contents.values, labels: labels.contents.values });
    let contents = IdxContents {
        height: size[0],
        width: size[1],
        classes,
        train: train.len(),
        test: test.len(),
        sha256: hash.clone(),
    };
    let kind = DatasetKind::Idx(IdxFolder { dir: dir.to_string(), contents: contents.clone() });
    Ok((contents, Dataset { kind, train, test, hash, files: hashed }))
}

/// Checks that the files fit together; returns height and width of the images, and the number of classes.
fn check(train: &[Found; 2], test: &[Found; 2]) -> Result<([usize; 2], usize)> {
    for [images, labels] in [train, test] {
        let (n, m) = (images.contents.shape[0], labels.contents.shape[0]);
        let (image_path, label_path) = (images.path.display(), labels.path.display());
        ensure!(n == m, "{image_path} holds {n} images but {label_path} holds {m} labels; they must belong together");
        ensure!(n > 0, "{image_path} holds no image; training and test set need at least one each");
    }
    let size = |split: &[Found; 2]| [split[0].contents.shape[1], split[0].contents.shape[2]];
    let ([height, width], [h, w]) = (size(train), size(test));
    ensure!(
        [height, width] == [h, w],
        "{} holds images of {h}×{w} pixels but {} of {height}×{width}; training and test images must have one size",
        test[0].path.display(),
        train[0].path.display()
    );
    let classes = 1 + usize::from(train[1].contents.values.iter().copied().max().unwrap_or_default());
    let labels = &test[1].contents.values;
    if let Some(i) = labels.iter().position(|&label| usize::from(label) >= classes) {
        bail!(
            "{} has the label {} at position {i}, and those of the training set are 0 to {}",
            test[1].path.display(),
            labels[i],
            classes - 1
        );
    }
    Ok(([height, width], classes))
}
