//! Reading run directories, for the analysis.
//!
//! Whatever lies below a results folder may be foreign, half written or absurdly large. One unusable run becomes a
//! [`Warning`] and the others are read; no file is read beyond a fixed size.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::bail;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use super::{CHECKPOINT, CONFIG, META, METRICS, Meta, Row, RunDir, read_config};
use crate::config::RunSpec;
use crate::error::Result;
use crate::file::read_text;
use crate::shell;
use crate::usage;

/// Name of the file in a tuned experiment's folder that says what was chosen.
pub const CHOSEN: &str = "chosen.toml";

/// Name of the folder in a tuned experiment's folder that holds the tuning runs.
pub const TUNE: &str = "tune";

/// Largest `metrics.csv` that is read: 64 MiB, about 300,000 epochs.
const MAX_METRICS: u64 = 64 << 20;

/// One run as its directory tells it.
#[derive(Clone, Debug)]
pub struct Record {
    /// The run directory.
    pub dir: PathBuf,
    /// Everything that determined the run.
    pub spec: RunSpec,
    /// How far it came, the hash of its data, and what produced it.
    pub meta: Meta,
    /// Row `i` is the state after epoch `i`; at least one.
    pub rows: Vec<Row>,
    /// Whether `metrics.csv` ends in half a row, which is left out of `rows`.
    pub cut_off: bool,
}

impl Record {
    /// The folder of the tuned experiment that the run belongs to: what is chosen there holds of its own runs alone, so these
    /// are looked at by themselves.
    pub fn study(&self) -> Option<&Path> {
        let parent = self.dir.parent()?;
        if parent.ends_with(TUNE) {
            parent.parent()
        } else {
            Some(parent).filter(|folder| folder.join(CHOSEN).is_file())
        }
    }
}

/// What the reader of the results should know, one sentence with what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning(pub String);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads one run directory.
///
/// # Errors
/// A file that is missing, too large, damaged or not ours. Half a row at the end of `metrics.csv` is no error: see
/// [`Record::cut_off`].
pub fn read(dir: &Path) -> Result<Record> {
    let (spec, meta) = (read_config(dir)?, Meta::read(dir)?);
    let (rows, cut_off) = read_metrics(dir)?;
    Ok(Record { dir: dir.to_path_buf(), spec, meta, rows, cut_off })
}

/// Reads the runs below several folders, see [`find`]; a folder within another is read once.
///
/// # Errors
/// One of them cannot be read, or holds no usable run.
pub fn find_all(roots: &[PathBuf]) -> Result<(Vec<Record>, Vec<Warning>)> {
    let mut seen = HashSet::new();
    let (mut records, mut warnings) = (Vec::new(), Vec::new());
    for root in roots {
        let (found, told) = find(root)?;
        records.extend(found.into_iter().filter(|record| {
            // a folder that was just read has a canonical path, and if it is gone by now its own will do
            seen.insert(record.dir.canonicalize().unwrap_or_else(|_| record.dir.clone()))
        }));
        warnings.extend(told.into_iter().filter(|warning| !warnings.contains(warning)).collect::<Vec<_>>());
    }
    let records = without_repetitions(records, &mut warnings);
    Ok((records, warnings))
}

/// Reads every run below `root` in the order of their paths; a run with the same settings, seed and data as another
/// counts once. Symbolic links below `root` are not followed.
///
/// # Errors
/// `root` cannot be read, or holds no usable run.
pub fn find(root: &Path) -> Result<(Vec<Record>, Vec<Warning>)> {
    if !root.is_dir() {
        usage!("{} is not a folder; name the one that holds the runs, such as results/", root.display());
    }
    let mut warnings = Vec::new();
    let mut records = Vec::new();
    for dir in run_directories(root, &mut warnings) {
        match read(&dir) {
            Ok(record) => {
                if record.cut_off {
                    warnings.push(Warning(format!(
                        "{} is cut off in its last row; it is read up to there, resume or repeat the run to complete it",
                        dir.join(METRICS).display()
                    )));
                }
                records.push(record);
            }
            Err(e) => warnings.push(Warning(format!("skipped a run: {e:#}"))),
        }
    }
    let records = without_repetitions(records, &mut warnings);
    if records.is_empty() {
        let why: String = warnings.iter().map(|w| format!("\n  {w}")).collect();
        bail!(
            "no usable run below {}; 'snr-bench train' and 'snr-bench full-batch' write some (a folder with {CONFIG}, {META} and {METRICS}){why}",
            root.display()
        );
    }
    Ok((records, warnings))
}

/// Every folder at or below `root` that holds a run's settings and metrics, sorted.
fn run_directories(root: &Path, warnings: &mut Vec<Warning>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = WalkDir::new(root).into_iter();
    while let Some(entry) = folders.next() {
        let dir = match entry {
            // Of an entry below the root, not of what it points to: links are not followed, so none makes a loop.
            Ok(entry) if entry.file_type().is_dir() || entry.depth() == 0 => entry.into_path(),
            Ok(_) => continue,
            Err(e) => {
                warnings.push(Warning(format!("skipped a folder, which cannot be read: {e}")));
                continue;
            }
        };
        // Also what is no file, which its reader refuses with a reason.
        let has = |name| dir.join(name).exists() && !dir.join(name).is_dir();
        match (has(CONFIG), has(METRICS)) {
            (true, true) => {
                found.push(dir);
                folders.skip_current_dir();
            }
            // There may be runs below it all the same.
            (false, true) => warnings.push(Warning(format!(
                "skipped {}: there is no {CONFIG} beside it that says which run it is",
                dir.join(METRICS).display()
            ))),
            (true, false) if has(CHECKPOINT) && !RunDir::is_locked(&dir) => warnings.push(Warning(format!(
                "skipped {}: it has no {METRICS}; snr-bench train --resume {} writes it anew from the checkpoint",
                dir.display(),
                shell::path(&dir)
            ))),
            _ => {}
        }
    }
    found.sort();
    found
}

/// Of runs with the same settings, seed and data keeps the one that came furthest: a copy is no second sample. Each tuned
/// experiment keeps its own.
fn without_repetitions(records: Vec<Record>, warnings: &mut Vec<Warning>) -> Vec<Record> {
    let mut place = HashMap::new();
    let mut kept: Vec<Record> = Vec::new();
    for record in records {
        let study = record.study().map(Path::to_path_buf);
        match place.entry((record.spec.hash(), record.spec.epochs, record.meta.data_hash.clone(), study)) {
            Entry::Vacant(entry) => {
                entry.insert(kept.len());
                kept.push(record);
            }
            Entry::Occupied(entry) => {
                let first = &mut kept[*entry.get()];
                warnings.push(Warning(format!(
                    "{} and {} are the same run (settings, seed and data); it counts once",
                    first.dir.display(),
                    record.dir.display()
                )));
                if record.rows.len() > first.rows.len() {
                    *first = record;
                }
            }
        }
    }
    kept
}

/// The rows that a run directory holds, and whether half a row at their end was left out.
///
/// # Errors
/// A `metrics.csv` that is missing, too large, damaged or not ours, or without a whole row.
pub fn read_metrics(dir: &Path) -> Result<(Vec<Row>, bool)> {
    let path = dir.join(METRICS);
    match read_rows(&path)? {
        (rows, _) if rows.is_empty() => {
            bail!("{} has no complete row yet; wait for the run's first evaluation, or repeat it", path.display())
        }
        read => Ok(read),
    }
}

/// The same where the file may be missing, or end before its first row: both are no rows.
///
/// # Errors
/// A `metrics.csv` that is too large, damaged or not ours.
pub fn read_saved_rows(dir: &Path) -> Result<Vec<Row>> {
    let path = dir.join(METRICS);
    if path.symlink_metadata().is_err() { Ok(Vec::new()) } else { Ok(read_rows(&path)?.0) }
}

fn read_rows(path: &Path) -> Result<(Vec<Row>, bool)> {
    let text = read_text(path, MAX_METRICS)?;
    // every row is written with its line's end: without one, even a row that looks whole may lack digits
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut rows = Vec::new();
    for (i, row) in csv::Reader::from_reader(&text.as_bytes()[..whole]).into_deserialize::<Row>().enumerate() {
        match row {
            Ok(row) if row.epoch == i as u64 => rows.push(row),
            Ok(row) => bail!(
                "{}, line {}: epoch {} stands where epoch {i} belongs; repeat the run",
                path.display(),
                i + 2,
                row.epoch
            ),
            Err(e) if i == 0 => {
                let why = e.to_string();
                let why = why.rsplit(": ").next().unwrap_or_default();
                bail!("{} is no {METRICS} of snr-bench ({why}); move it out of the results", path.display())
            }
            Err(_) => bail!("{}, line {} is damaged; repeat the run", path.display(), i + 2),
        }
    }
    for (i, row) in rows.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| &rows[i]);
        if let Some(what) = row.impossible(before, i + 1 == rows.len()) {
            bail!("{}, line {} has {what}, which no run writes; restore the file", path.display(), i + 2);
        }
    }
    Ok((rows, whole < text.len()))
}
