//! The data sets that a run can name.

use serde::{Deserialize, Serialize};

use super::published::{FASHION_MNIST, MNIST, Published};
use super::{IdxContents, IdxFolder, ImageShape, MNIST_SHAPE};
use crate::error::{Result, nearest};
use crate::usage;

/// How `--dataset` begins where a folder follows.
const IDX: &str = "idx:";
/// What `--dataset` takes.
const NAMES: [&str; 4] = ["mnist", "fashion-mnist", "digits", "idx:DIR"];

/// A data set that a run can name. In a configuration it is the text `dataset`, and for an `idx:` folder the table
/// `[images]` beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
#[non_exhaustive]
pub enum DatasetKind {
    /// The real MNIST: 60,000 training and 10,000 test images.
    Mnist,
    /// Fashion-MNIST (Xiao, Rasul & Vollgraf 2017): articles of clothing, in MNIST's shape and number.
    FashionMnist,
    /// Digits drawn by the program itself, in MNIST's shape: needs neither files nor network.
    Digits,
    /// A folder of four IDX files.
    Idx(IdxFolder),
}

/// A [`DatasetKind`] as a configuration holds it.
#[derive(Serialize, Deserialize)]
struct Written {
    dataset: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    images: Option<IdxContents>,
}

impl From<DatasetKind> for Written {
    fn from(kind: DatasetKind) -> Self {
        let dataset = kind.name();
        let images = if let DatasetKind::Idx(IdxFolder { contents, .. }) = kind { Some(contents) } else { None };
        Written { dataset, images }
    }
}

impl TryFrom<Written> for DatasetKind {
    type Error = anyhow::Error;

    fn try_from(Written { dataset, images }: Written) -> Result<Self> {
        let Some(dir) = dataset.strip_prefix(IDX) else { return Self::by_name(&dataset) };
        let Some(contents) = images else { return Self::by_name(&dataset) };
        contents.validate()?;
        Ok(Self::Idx(IdxFolder { dir: dir.to_string(), contents }))
    }
}

impl DatasetKind {
    /// The data set that `--dataset` names so. What an `idx:` folder holds is read.
    ///
    /// # Errors
    /// An unknown name; see [`IdxFolder::open`].
    pub fn by_name(name: &str) -> Result<Self> {
        match name {
            "mnist" => Ok(Self::Mnist),
            "fashion-mnist" => Ok(Self::FashionMnist),
            "digits" => Ok(Self::Digits),
            _ => match name.strip_prefix(IDX) {
                Some("") => usage!("dataset = {IDX} names no folder; write {IDX}DIR, such as {IDX}data/letters"),
                Some(dir) => IdxFolder::open(dir).map(Self::Idx),
                None => usage!("dataset = {name} is unknown{}", nearest(name, NAMES)),
            },
        }
    }

    /// As `--dataset` names it.
    pub fn name(&self) -> String {
        match self {
            Self::Mnist => "mnist".into(),
            Self::FashionMnist => "fashion-mnist".into(),
            Self::Digits => "digits".into(),
            Self::Idx(folder) => format!("{IDX}{}", folder.dir),
        }
    }

    /// As charts and reports write it; of a folder its last part: "idx letters".
    pub fn label(&self) -> String {
        match self {
            Self::Mnist => "MNIST".into(),
            Self::FashionMnist => "Fashion-MNIST".into(),
            Self::Digits => "digits".into(),
            Self::Idx(folder) => {
                let last = folder.dir.split(['/', '\\']).rfind(|part| !part.trim_matches('.').is_empty());
                format!("idx {}", last.unwrap_or_default()).trim_end().to_string()
            }
        }
    }

    /// As names of files and exported tables have it: "idx-letters".
    pub fn short_name(&self) -> String {
        let Self::Idx(_) = self else { return self.name() };
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { '-' };
        self.label().chars().map(plain).take(40).collect()
    }

    /// The same data without the folder in which they lie: what the identity of a run depends on.
    pub fn anywhere(&self) -> Self {
        match self {
            Self::Idx(folder) => Self::Idx(IdxFolder { dir: String::new(), contents: folder.contents.clone() }),
            kind => kind.clone(),
        }
    }

    /// Size of the images and number of classes, known before they are loaded.
    pub fn shape(&self) -> ImageShape {
        match self {
            Self::Idx(folder) => folder.contents.shape(),
            _ => MNIST_SHAPE,
        }
    }

    /// Number of training and of test images, known before they are loaded.
    pub fn sizes(&self) -> (usize, usize) {
        match self {
            Self::Idx(IdxFolder { contents, .. }) => (contents.train, contents.test),
            _ => (60_000, 10_000),
        }
    }

    /// The published files that it consists of, if that is what it is.
    pub fn published(&self) -> Option<&'static Published> {
        match self {
            Self::Mnist => Some(&MNIST),
            Self::FashionMnist => Some(&FASHION_MNIST),
            Self::Digits | Self::Idx(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(dir: &str) -> DatasetKind {
        let contents = IdxContents { height: 8, width: 9, classes: 3, train: 5, test: 2, sha256: "ab12".into() };
        DatasetKind::Idx(IdxFolder { dir: dir.into(), contents })
    }

    #[test]
    fn folders_are_named_by_their_last_part() {
        for (dir, label, short) in [
            ("data/letters", "idx letters", "idx-letters"),
            ("/a b/große letters/", "idx große letters", "idx-gro-e-letters"),
            ("..", "idx", "idx"),
            ("../letters.d/.", "idx letters.d", "idx-letters.d"),
        ] {
            assert_eq!((folder(dir).label().as_str(), folder(dir).short_name().as_str()), (label, short));
        }
    }

    #[test]
    fn equal_data_are_equal_wherever_they_lie() {
        assert_eq!(folder("a"), folder("b"));
        assert_eq!(folder("a").anywhere().name(), "idx:");
    }

    #[test]
    fn written_and_read() {
        for kind in [DatasetKind::Mnist, DatasetKind::FashionMnist, DatasetKind::Digits, folder("not there")] {
            let text = toml::to_string(&kind).unwrap();
            let read: DatasetKind = toml::from_str(&text).unwrap();
            assert_eq!((&read, read.name()), (&kind, kind.name()), "{text}");
        }
        let error = toml::from_str::<DatasetKind>("dataset = 'minst'").unwrap_err().to_string();
        assert!(error.contains("did you mean 'mnist'"), "{error}");
        let text = toml::to_string(&folder("x")).unwrap().replace("classes = 3", "classes = 257");
        let error = toml::from_str::<DatasetKind>(&text).unwrap_err().to_string();
        assert!(error.contains("images.classes = 257 is impossible"), "{error}");
    }
}
