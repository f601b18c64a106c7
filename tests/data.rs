//! Data files that are missing, damaged or hostile, each refused with a sentence that helps; and the data sets themselves.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use snr_bench::data::files::FILES;
use snr_bench::data::idx::{self, Contents, Kind};
use snr_bench::data::published::{FASHION_MNIST, MNIST};
use snr_bench::data::{self, DatasetKind, MNIST_SHAPE};
use tempfile::TempDir;

/// What every sentence about a bad file under MNIST's names must say.
const ADVICE: [&str; 3] = ["--dataset idx:", "snr-bench data --dataset mnist", "--dataset digits"];

/// The shape of a file of `n` images as large as MNIST's, or labels.
fn shape(kind: Kind, n: usize) -> Vec<usize> {
    if kind == Kind::Images { vec![n, MNIST_SHAPE.height, MNIST_SHAPE.width] } else { vec![n] }
}

/// A valid IDX file of `n` images or labels.
fn valid(kind: Kind, n: usize) -> Vec<u8> {
    of_shape(kind, &shape(kind, n))
}

fn of_shape(kind: Kind, shape: &[usize]) -> Vec<u8> {
    let values = (0..shape.iter().product()).map(|i| (i % MNIST_SHAPE.classes) as u8);
    kind.header(shape).into_iter().chain(values).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Reads `bytes` from a real file, which may hold 3 items.
fn read(kind: Kind, bytes: &[u8]) -> anyhow::Result<Contents> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, bytes).unwrap();
    idx::read_file(&path, kind, 3)
}

/// The file is refused, with a sentence that has all of `parts` and the file's name.
#[track_caller]
fn refused(kind: Kind, bytes: &[u8], parts: &[&str]) {
    let error = read(kind, bytes).expect_err("the file must be refused").to_string();
    assert_parts(&error, parts.iter().chain(&["file"]));
}

#[track_caller]
fn assert_parts<'a>(error: &str, parts: impl IntoIterator<Item = &'a &'a str>) {
    for part in parts {
        assert!(error.contains(part), "{error:?} must say {part:?}");
    }
}

#[test]
fn valid_files_are_read() {
    for kind in [Kind::Images, Kind::Labels] {
        for n in [0, 1, 3] {
            let bytes = valid(kind, n);
            let contents = read(kind, &bytes).unwrap();
            assert_eq!(contents.shape, shape(kind, n));
            assert_eq!(contents.values, bytes[kind.header(&shape(kind, n)).len()..]);
            assert_eq!(contents.sha256, idx::sha256(kind, &contents.shape, &contents.values));
            assert_eq!(read(kind, &gzip(&bytes)).unwrap(), contents);
            let (a, b) = bytes.split_at(5);
            assert_eq!(read(kind, &[gzip(a), gzip(b)].concat()).unwrap(), contents, "a gzip file of two members");
        }
    }
}

#[test]
fn truncated_files_are_refused() {
    let images = valid(Kind::Images, 3);
    refused(Kind::Images, &images[..images.len() - 1], &["cut off", "2 of the 3 images"]);
    refused(Kind::Images, &images[..16], &["cut off", "0 of the 3 images"]);
    refused(Kind::Images, &images[..15], &["cut off", "15 of the 16 bytes"]);
    refused(Kind::Labels, b"", &["cut off", "0 of the 8 bytes"]);
    let packed = gzip(&images);
    for cut in [3, packed.len() / 2, packed.len() - 1] {
        refused(Kind::Images, &packed[..cut], &["cannot be unpacked"]);
    }
}

#[test]
fn foreign_files_are_refused() {
    refused(Kind::Labels, &valid(Kind::Images, 3), &["magic number", "0x00000803", "0x00000801"]);
    refused(Kind::Images, b"<html>not found</html>", &["magic number", "0x3c68746d"]);
    refused(Kind::Images, &of_shape(Kind::Images, &[2, 28, 0]), &["28×0 pixels", "1 to 1048576"]);
    let claim = Kind::Images.header(&[2, 1025, 1024]);
    refused(Kind::Images, &claim, &["1025×1024 pixels", "1 to 1048576"]);
    let mut packed = gzip(&valid(Kind::Images, 3));
    let crc = packed.len() - 8;
    packed[crc] ^= 1;
    refused(Kind::Images, &packed, &["cannot be unpacked"]);
}

#[test]
fn bad_counts_are_refused() {
    refused(Kind::Labels, &[valid(Kind::Labels, 3), vec![0]].concat(), &["goes on after the 3 labels"]);
    refused(Kind::Labels, &gzip(&[valid(Kind::Labels, 3), vec![0]].concat()), &["goes on after the 3 labels"]);
    refused(Kind::Labels, &[gzip(&valid(Kind::Labels, 3)), vec![0; 9]].concat(), &["cannot be unpacked"]);
    refused(Kind::Labels, &valid(Kind::Labels, 4), &["4 labels", "at most 3"]);
}

/// Neither the header's number nor what a bomb would unpack to is allocated: with 2^32 images, that would be 3 TB.
#[test]
fn claims_are_not_believed() {
    let claim = Kind::Images.header(&shape(Kind::Images, u32::MAX as usize));
    refused(Kind::Images, &claim, &["4294967295 images", "at most 3"]);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, &claim).unwrap();
    let error = idx::read_file(&path, Kind::Images, usize::MAX / MNIST_SHAPE.pixels()).unwrap_err().to_string();
    assert_parts(&error, &["cut off", "0 of the 4294967295 images"]);
}

#[test]
fn gzip_bombs_are_bounded() {
    // 1 GiB of zeros behind a valid file, packed to 1 MiB: what is left of it after reading was never unpacked.
    let bytes = [gzip(&valid(Kind::Images, 3)), gzip(&vec![0; 1 << 30])].concat();
    refused(Kind::Images, &bytes, &["goes on after the 3 images"]);
    let mut source = &bytes[..];
    idx::read(&mut source, bytes.len() as u64, Kind::Images, 3).unwrap_err();
    assert!(source.len() > bytes.len() / 2, "{} of {} bytes were unpacked", bytes.len() - source.len(), bytes.len());
}

#[test]
fn unreadable_files_are_refused() {
    let dir = TempDir::new().unwrap();
    let error = idx::read_file(dir.path(), Kind::Images, 3).unwrap_err().to_string();
    assert_parts(&error, &["cannot be read", dir.path().to_str().unwrap()]);
}

/// A folder with files of MNIST's names that are valid, but small.
fn small_mnist() -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, kind) in FILES {
        fs::write(dir.path().join(name), valid(kind, 3)).unwrap();
    }
    dir
}

#[track_caller]
fn load_refused(dir: &Path, parts: &[&str]) {
    let error = MNIST.load(dir).expect_err("the data must be refused").to_string();
    assert_parts(&error, parts);
}

#[test]
fn missing_files_are_named() {
    let dir = small_mnist();
    fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte")).unwrap();
    let place = dir.path().to_str().unwrap();
    load_refused(
        dir.path(),
        &["missing", place, ": t10k-labels-idx1-ubyte;", "put the files there", "--dataset digits"],
    );
}

/// What lies under MNIST's names is told how to be used, and never to be deleted.
#[test]
fn other_contents_are_refused() {
    let dir = small_mnist();
    let error = MNIST.load(dir.path()).unwrap_err().to_string();
    assert_parts(&error, ["train-labels-idx1-ubyte is not MNIST's", "SHA-256", "65a50cbbf4e9"].iter().chain(&ADVICE));
    assert!(error.contains(&format!("--dataset idx:{}", dir.path().display())) && !error.contains("delete"), "{error}");
    fs::write(dir.path().join("t10k-labels-idx1-ubyte"), b"<html>").unwrap();
    let error = MNIST.read(3, &dir.path().join("t10k-labels-idx1-ubyte")).unwrap_err().to_string();
    assert_parts(&error, ["magic number"].iter().chain(&ADVICE));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever the bytes are, the reader returns: either an error, or exactly what they say.
    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..64), packed: bool, labels: bool) {
        let kind = if labels { Kind::Labels } else { Kind::Images };
        check(kind, &bytes, packed)?;
    }

    /// Likewise for valid files, plain and packed, with some bytes changed and the end cut off.
    #[test]
    fn mutations_do_no_harm(
        n in 0..4usize,
        labels: bool,
        packed: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let kind = if labels { Kind::Labels } else { Kind::Images };
        let mut bytes = valid(kind, n);
        if packed {
            bytes = gzip(&bytes);
        }
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        check(kind, &bytes, false)?;
    }
}

/// Reads `bytes`, after packing if `packed`; what is accepted as plain must be the bytes themselves.
fn check(kind: Kind, bytes: &[u8], packed: bool) -> std::result::Result<(), TestCaseError> {
    let stored = if packed { gzip(bytes) } else { bytes.to_vec() };
    if let Ok(contents) = idx::read(&stored[..], stored.len() as u64, kind, 3) {
        prop_assert!(contents.shape[0] <= 3);
        prop_assert_eq!(contents.values.len(), contents.shape.iter().product::<usize>());
        if packed || !bytes.starts_with(&[0x1f, 0x8b]) {
            prop_assert_eq!(&contents.values[..], &bytes[kind.header(&shape(kind, 0)).len()..]);
        }
    }
    Ok(())
}

/// `digits` is the same on every machine, for ever: results that name it can be repeated.
#[test]
fn digits_are_pinned() {
    let digits = data::load(&DatasetKind::Digits, None, &|_| ()).unwrap();
    assert_eq!((digits.train.len(), digits.test.len()), (60_000, 10_000));
    assert_eq!(digits.hash, "c042b392c9701a5b366ba58b147856568f349054da8c77e217e2739f1a84afd3");
}

#[test]
fn digits_do_not_depend_on_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(data::digits::load).hash
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn real_mnist() {
    if std::env::var_os("SNR_BENCH_DATA").is_none() {
        eprintln!("skipped: SNR_BENCH_DATA does not say where the real MNIST is");
        return;
    }
    let mnist = MNIST.load(&MNIST.dir(None)).unwrap();
    assert_eq!((mnist.train.len(), mnist.test.len()), (60_000, 10_000));
    assert_eq!(mnist.train.labels[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(mnist.test.labels[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    assert_eq!(mnist.hash, "e9914cff2ade526da2ab1ac60c072f9173cc53e35b9411692de8207cb1b9009d");
    assert!(FILES.iter().zip(MNIST.sha256).all(|((name, _), sha256)| mnist.files[*name] == sha256));
}

/// The images of Fashion-MNIST can be had with a network only; what is checked without one is that nothing else passes.
#[test]
fn fashion_mnist_is_verified() {
    assert_eq!(DatasetKind::FashionMnist.published().unwrap().dir(Some(Path::new("d"))), Path::new("d/fashion-mnist"));
    let error = FASHION_MNIST.load(small_mnist().path()).unwrap_err().to_string();
    assert_parts(&error, &["not Fashion-MNIST's train-labels-idx1-ubyte", "bad3541b69d9", "--dataset fashion-mnist"]);
    let Some(data) = std::env::var_os("SNR_BENCH_DATA").filter(|_| FASHION_MNIST.dir(None).exists()) else {
        eprintln!("skipped: fashion-mnist is not in SNR_BENCH_DATA");
        return;
    };
    let fashion = FASHION_MNIST.load(&FASHION_MNIST.dir(Some(Path::new(&data)))).unwrap();
    assert_eq!(fashion.train.labels[..10], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
}

/// Without a network, fetching ends soon, without a panic, and says the two ways out. The environment decides where
/// candle-datasets looks, so the attempt is made in a process of its own.
#[test]
fn fetching_without_network_says_the_ways_out() {
    let dir = TempDir::new().unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "fetch_child", "--nocapture"])
        .env("HF_ENDPOINT", "http://127.0.0.1:9")
        .env("HF_HOME", dir.path())
        .env("FETCH_INTO", dir.path().join("mnist"))
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = FILES.map(|(name, _)| name);
    assert_parts(&output, ["fetching failed", "put the files there", "--dataset digits"].iter().chain(&names));
    assert!(!dir.path().join("mnist").exists(), "nothing may be written");
}

#[test]
#[ignore = "run by fetching_without_network_says_the_ways_out"]
fn fetch_child() {
    let dir = PathBuf::from(std::env::var_os("FETCH_INTO").unwrap());
    println!("{}", MNIST.fetch(&dir, &|_| ()).unwrap_err());
}
