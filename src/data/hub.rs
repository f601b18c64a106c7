//! Fetches MNIST with candle-datasets, from the Hugging Face Hub.
//!
//! candle-datasets panics on bad rows, sets no time limit and returns `f32`; so it runs in a thread of its own, is waited for
//! only so long, and what it returns becomes bytes again and must have MNIST's hashes before anything is written.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Once, mpsc};
use std::time::Duration;
use std::{fs, panic, thread};

use anyhow::{Context, anyhow, bail};
use candle_core::{DType, Tensor};

use super::mnist::{FILES, File};
use super::{hex, idx};
use crate::atomic;
use crate::error::Result;

/// How long the download of 18 MB may take. A file that came within it is kept in the Hub's cache for the next attempt.
const LIMIT: Duration = Duration::from_secs(90);
const THREAD: &str = "mnist-download";

/// Downloads MNIST and writes the files of `wanted` into `dir`, verified and whole or not at all; says so on stderr.
///
/// # Errors
/// No network, an answer that is not MNIST, no answer within 90 s, or `dir` cannot be written.
pub fn fetch(dir: &Path, wanted: &[&File]) -> Result<()> {
    say(format_args!(
        "MNIST is not in {}: downloading it (18 MB) from huggingface.co/datasets/ylecun/mnist",
        dir.display()
    ));
    let arrays = download()?;
    for (file, values) in FILES.iter().zip(&arrays) {
        if wanted.iter().any(|w| w.name == file.name) {
            say(format_args!("wrote {}", write(dir, file, values)?.display()));
        }
    }
    Ok(())
}

/// Prints a line on standard error, if there is one (`eprintln!` panics where it is closed).
fn say(text: std::fmt::Arguments) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The values of MNIST's four files.
fn download() -> Result<[Vec<u8>; 4]> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some(THREAD) {
                others(info);
            }
        }));
    });
    let (sender, receiver) = mpsc::channel();
    let work = move || sender.send(download_unchecked());
    thread::Builder::new().name(THREAD.into()).spawn(work).context("cannot start a thread")?;
    match receiver.recv_timeout(LIMIT) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(anyhow!("not done after {} s", LIMIT.as_secs())),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(anyhow!("what came is no data set")),
    }
}

fn download_unchecked() -> Result<[Vec<u8>; 4]> {
    let data = candle_datasets::vision::mnist::load()?;
    // The exact inverse of candle-datasets' u8 → f32 / 255.
    let bytes = |images: &Tensor| -> Result<Vec<u8>> {
        Ok((images.flatten_all()? * 255.)?.round()?.to_dtype(DType::U8)?.to_vec1()?)
    };
    Ok([
        bytes(&data.train_images)?,
        data.train_labels.to_vec1()?,
        bytes(&data.test_images)?,
        data.test_labels.to_vec1()?,
    ])
}

/// Writes the IDX file of `values` into `dir`, whole or not at all, after checking that it is MNIST's.
fn write(dir: &Path, file: &File, values: &[u8]) -> Result<PathBuf> {
    let path = dir.join(file.name);
    if hex(&idx::sha256(file.kind, values)) != file.sha256 {
        bail!(
            "what was downloaded is not MNIST's {}; to download it again, delete datasets--ylecun--mnist in the cache of \
             the Hugging Face Hub",
            file.name
        );
    }
    let bytes = [&file.kind.header(file.count)[..], values].concat();
    fs::create_dir_all(dir)
        .and_then(|()| atomic::write(&path, &bytes))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
