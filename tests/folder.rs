//! Data sets of the user's own: folders of four IDX files, in the library and through the built program.

mod common;

use std::fs;
use std::io::Write;

use common::{assert_fails, assert_ok, losses, snr_bench, stdout};
use flate2::Compression;
use flate2::write::GzEncoder;
use snr_bench::data::idx::Kind;
use snr_bench::data::{DatasetKind, IdxFolder};
use snr_bench::run_dir::read_config;
use tempfile::{TempDir, tempdir};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn images(shape: [usize; 3]) -> Vec<u8> {
    let values = (0..shape.iter().product::<usize>()).map(|i| (i * i % 251) as u8);
    Kind::Images.header(&shape).into_iter().chain(values).collect()
}

#[track_caller]
fn assert_parts(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{error:?} must say {part:?}");
    }
}

/// A folder of `train` and `test` images of 8×9 pixels, labels 0, 1, 2, the training set compressed.
fn letters(train: usize, test: usize) -> TempDir {
    let dir = TempDir::new().unwrap();
    let labels = |n: usize| [Kind::Labels.header(&[n]), (0..n).map(|i| (i % 3) as u8).collect()].concat();
    fs::write(dir.path().join("train-images-idx3-ubyte.gz"), gzip(&images([train, 8, 9]))).unwrap();
    fs::write(dir.path().join("train-labels-idx1-ubyte.gz"), gzip(&labels(train))).unwrap();
    fs::write(dir.path().join("t10k-images-idx3-ubyte"), images([test, 8, 9])).unwrap();
    fs::write(dir.path().join("t10k-labels-idx1-ubyte"), labels(test)).unwrap();
    dir
}

fn open(dir: &TempDir) -> anyhow::Result<IdxFolder> {
    IdxFolder::open(dir.path().to_str().unwrap())
}

#[test]
fn any_folder_of_idx_files_is_a_data_set() {
    let dir = letters(7, 3);
    let folder = open(&dir).unwrap();
    let kind = DatasetKind::by_name(&format!("idx:{}", dir.path().display())).unwrap();
    assert_eq!((kind.shape().height, kind.shape().width, kind.shape().classes, kind.sizes()), (8, 9, 3, (7, 3)));
    let data = folder.load().unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.train.image(6).len()), (7, 3, 72));
    assert_eq!(data.train.labels, [0, 1, 2, 0, 1, 2, 0]);
    assert_eq!(folder.contents.sha256, data.hash);
    // The same files elsewhere are the same data; others are not.
    assert_eq!(open(&letters(7, 3)).unwrap(), folder);
    assert_ne!(open(&letters(7, 4)).unwrap(), folder);
    // What has changed since it was named is not loaded.
    fs::write(dir.path().join("t10k-labels-idx1-ubyte"), [Kind::Labels.header(&[3]), vec![0; 3]].concat()).unwrap();
    assert_parts(&folder.load().unwrap_err().to_string(), &["holds other data", "leave [images] out"]);
}

#[test]
fn folders_that_do_not_fit_together_are_refused() {
    let change = |name: &str, bytes: Vec<u8>, parts: &[&str]| {
        let dir = letters(3, 3);
        fs::write(dir.path().join(name), bytes).unwrap();
        assert_parts(&open(&dir).unwrap_err().to_string(), parts);
    };
    let labels = |values: &[u8]| [Kind::Labels.header(&[values.len()]), values.to_vec()].concat();
    change("t10k-labels-idx1-ubyte", labels(&[0, 1]), &["t10k-images-idx3-ubyte holds 3 images", "holds 2 labels"]);
    change("t10k-labels-idx1-ubyte", labels(&[0, 3, 1]), &["t10k-labels", "label 3 at position 1", "0 to 2"]);
    change("t10k-images-idx3-ubyte", images([3, 9, 8]), &["9×8", "8×9", "one size"]);
    change("t10k-images-idx3-ubyte", images([3, 9, 8])[..20].to_vec(), &["t10k-images", "cut off"]);
    assert_parts(&open(&letters(0, 3)).unwrap_err().to_string(), &["train-images", "holds no image"]);
    assert_parts(&open(&letters(3, 0)).unwrap_err().to_string(), &["t10k-images", "holds no image"]);
    let empty = TempDir::new().unwrap();
    assert_parts(&open(&empty).unwrap_err().to_string(), &["has no train-images-idx3-ubyte", "idx:DIR", ".gz"]);
}

/// 256 classes are the most that a byte can tell.
#[test]
fn all_256_classes_can_be_told() {
    let dir = letters(256, 1);
    let labels = [Kind::Labels.header(&[256]), (0..=255).collect()].concat();
    fs::write(dir.path().join("train-labels-idx1-ubyte.gz"), gzip(&labels)).unwrap();
    assert_eq!(open(&dir).unwrap().contents.classes, 256);
}

/// A run on a folder is named by its last part, can be read where the folder is gone, and goes on where it has moved.
#[test]
fn a_run_outlives_its_folder() {
    let dir = tempdir().unwrap();
    fs::rename(letters(60, 20).keep(), dir.path().join("letters")).unwrap();
    let settings = ["--batch", "16", "--set", "model.patch_size=1", "--set", "model.embed_dim=8", "--quiet"];
    let train = |args: &[&str]| snr_bench(dir.path(), &[&["train"], args, &settings].concat());
    assert_ok(&train(&["--dataset", "idx:letters", "--epochs", "2", "--out", "whole"]));
    assert_ok(&train(&["--dataset", "idx:./letters/", "--epochs", "1", "--out", "run"]));
    fs::rename(dir.path().join("letters"), dir.path().join("glyphs")).unwrap();

    let spec = read_config(&dir.path().join("run")).unwrap();
    assert_eq!((spec.dataset.label().as_str(), spec.dataset.sizes()), ("idx letters", (60, 20)));
    assert!(spec.run_name().starts_with("idx-letters-adam-b16-"), "{}", spec.run_name());
    assert!(stdout(&snr_bench(dir.path(), &["show", "run"])).contains("data        idx:./letters/, hash"));
    assert_fails(&snr_bench(dir.path(), &["compare", "run"]), 1, &["idx letters, batch 16, 1 epoch"]);

    let more = ["train", "--resume", "run", "--epochs", "2"];
    assert_fails(&snr_bench(dir.path(), &more), 1, &["./letters/ has no train-images-idx3-ubyte", "idx:DIR"]);
    assert_ok(&snr_bench(dir.path(), &[&more[..], &["--dataset", "idx:glyphs"]].concat()));
    assert_eq!(losses(&dir.path().join("run")), losses(&dir.path().join("whole")));
}

/// The settings of a run are a configuration again, and another data set takes the place of its folder.
#[test]
fn another_data_set_replaces_the_folder() {
    let dir = tempdir().unwrap();
    fs::rename(letters(60, 20).keep(), dir.path().join("letters")).unwrap();
    let args = ["train", "--dry-run", "--set", "model.patch_size=1", "--dataset", "idx:letters"];
    let printed = stdout(&snr_bench(dir.path(), &args));
    fs::write(dir.path().join("run.toml"), &printed).unwrap();
    let again =
        |args: &[&str]| snr_bench(dir.path(), &[&["train", "--dry-run", "--config", "run.toml"], args].concat());
    assert_eq!(stdout(&again(&[])), printed);
    let digits = stdout(&again(&["--dataset", "digits"]));
    assert!(digits.starts_with("dataset = \"digits\"") && !digits.contains("[images]"), "{digits}");
    assert_fails(&again(&["--dataset", "idx:elsewhere"]), 1, &["elsewhere has no train-images-idx3-ubyte"]);
    assert_fails(&again(&["--dataset", "letters"]), 2, &["dataset = letters is unknown", "idx:DIR"]);
    assert_fails(&again(&["--set", "images.classes=300"]), 2, &["images.classes = 300 is impossible", "1 to 256"]);
    assert_fails(&again(&["--dataset", "idx:"]), 2, &["names no folder"]);
}
