//! Files of a run that only grow, such as `steps.csv`.

use std::fs;

use serde::Serialize;

use super::RunDir;
use crate::error::Result;
use crate::file;

/// The rows of a CSV file that only grows: a run of many steps is not written anew with every checkpoint.
///
/// A checkpoint knows the length of the file that belongs to it. Rows beyond it are those of a session that was killed
/// before its next checkpoint: the run makes them again, the same, and they are written over.
pub struct Log {
    name: &'static str,
    /// Length of what is saved.
    len: u64,
    pending: csv::Writer<Vec<u8>>,
}

impl Log {
    /// An empty one; the first row brings the header with it.
    pub fn new(name: &'static str) -> Self {
        Self { name, len: 0, pending: writer(true) }
    }

    /// Goes on with the file in `dir` after its first `len` bytes; and whether they are there. Where the file is missing or
    /// was cut off, it goes on after the rows that are left.
    pub fn resume(dir: &RunDir, name: &'static str, len: u64) -> (Self, bool) {
        let path = dir.file(name);
        if len == 0 || fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() >= len) {
            return (Self { name, len, pending: writer(len == 0) }, true);
        }
        let whole = file::read(&path)
            .unwrap_or_default()
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end as u64 + 1);
        (Self { name, len: whole, pending: writer(whole == 0) }, false)
    }

    /// Adds a row.
    pub fn push(&mut self, row: &impl Serialize) -> Result<()> {
        Ok(self.pending.serialize(row)?)
    }

    /// Writes the rows that were added since the last time; returns the length of the file then.
    ///
    /// # Errors
    /// A full disk, a folder that is gone or read-only: what was saved before is intact then.
    pub fn save(&mut self, dir: &RunDir) -> Result<u64> {
        let rows = std::mem::replace(&mut self.pending, writer(false)).into_inner()?;
        if rows.is_empty() {
            self.pending = writer(self.len == 0);
        } else {
            dir.write_at(self.name, self.len, &rows)?;
            self.len += rows.len() as u64;
        }
        Ok(self.len)
    }
}

fn writer(header: bool) -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new().has_headers(header).from_writer(Vec::new())
}
