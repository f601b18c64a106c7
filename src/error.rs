//! Errors: one clear sentence each (what, where, and what to do about it), and the exit code that goes with it.

use std::fmt;

pub use anyhow::Result;

/// What the caller asked for is impossible or unknown: exit code 2. Every other error ends with exit code 1.
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

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
    // The number of changes is at least the difference in length: what is too long for any is not compared.
    let near = known.iter().filter(|k| k.len().abs_diff(word.len()) <= 1 + word.len() / 3);
    let best = near.map(|k| (strsim::damerau_levenshtein(word, k), *k)).min();
    match best {
        Some((distance, k)) if distance <= 1 + word.len() / 3 => format!("; did you mean '{k}'?"),
        _ => format!("; known: {}", known.join(", ")),
    }
}
