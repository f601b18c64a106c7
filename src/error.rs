//! Errors: one clear sentence each (what, where, and what to do about it), and the exit code that goes with it.

use std::fmt;

pub use anyhow::Result;

/// What the caller asked for is impossible or unknown: exit code 2. Every other error ends with exit code 1, but for
/// [`Failure::NoTrial`].
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Errors that a caller may want to do something about, beside [`UsageError`]. All others are for people to read. What came
/// of training is no error: a run that diverges says so in its [`Outcome`](crate::train::Outcome).
///
/// ```
/// # use snr_bench::data::{self, DatasetKind};
/// # use snr_bench::error::Failure;
/// # let nowhere = std::path::Path::new("nowhere");
/// let error = data::published::MNIST.load(nowhere).unwrap_err();
/// assert!(matches!(error.downcast_ref(), Some(Failure::NoData(_))));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// Files of a data set are not where they are looked for, and were not fetched.
    NoData(String),
    /// Another process works in the run directory.
    InUse(String),
    /// A file does not hold what was once written there, or should be: it is cut off, changed, or another's.
    Damaged(String),
    /// A run of every trial of an arm failed to train, so that nothing can be chosen: exit code 3.
    NoTrial(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (Self::NoData(text) | Self::InUse(text) | Self::Damaged(text) | Self::NoTrial(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Failure {}

/// Returns early with a [`UsageError`], with the arguments of `format!`.
#[macro_export]
macro_rules! usage {
    ($($arg:tt)*) => {
        return Err($crate::error::UsageError(format!($($arg)*)).into())
    };
}

/// Ends the sentence "… is unknown" with the nearest known word: `; did you mean 'adam'?`, and with all of them where
/// none is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let most = if word.len() < 4 { 1 } else { 1 + word.len() / 3 };
    // The number of changes is at least the difference in length: what is too long for any is not compared.
    let near = known.iter().filter(|k| k.len().abs_diff(word.len()) <= most);
    let best = near.map(|k| (strsim::damerau_levenshtein(word, k), *k)).min();
    match best {
        Some((distance, k)) if distance <= most => format!("; did you mean '{k}'?"),
        _ => format!("; known: {}", known.join(", ")),
    }
}
