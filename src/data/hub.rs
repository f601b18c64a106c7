//! Fetches a published data set with candle-datasets, from the Hugging Face Hub.
//!
//! candle-datasets panics on bad rows, sets no time limit and returns `f32`; so it runs in a thread of its own with
//! a time limit, and what it returns is converted back to bytes.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use candle_core::{DType, Tensor};

use crate::error::Result;

/// How long the download of at most 36 MB may take. A file that came within it is kept in the Hub's cache for the next attempt.
const LIMIT: Duration = Duration::from_secs(90);
/// Name of the thread that downloads. When it panics, [`download`] returns an error; the binary does not print the
/// panic itself.
pub const THREAD: &str = "data-download";

/// A function of candle-datasets.
type Load = fn() -> candle_core::Result<candle_datasets::vision::Dataset>;

/// The values of the four files of the data set that `load` fetches, not yet verified.
///
/// # Errors
/// No network, an answer that is no data set, or no answer within 90 s.
pub fn download(load: Load) -> Result<[Vec<u8>; 4]> {
    let (sender, receiver) = mpsc::channel();
    let work = move || sender.send(download_unchecked(load));
    thread::Builder::new().name(THREAD.into()).spawn(work).context("cannot start a thread")?;
    match receiver.recv_timeout(LIMIT) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(anyhow!("not done after {} s", LIMIT.as_secs())),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(anyhow!("what came is no data set")),
    }
}

fn download_unchecked(load: Load) -> Result<[Vec<u8>; 4]> {
    let data = load()?;
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
