//! The run directory: the names of its files, its lock, how it is written and read.
//!
//! `results/<experiment>/<run>/` holds
//!
//! | file | |
//! | --- | --- |
//! | `config.toml` | everything that determines the run ([`RunSpec`]); a `--config` file again |
//! | `meta.json` | [`Meta`]: state, data hash, and of each session time, steps, machine, versions, command line |
//! | `metrics.csv` | [`Row`]: one an epoch, row 0 before training |
//! | `steps.csv` | [`StepRow`]: one an optimizer step |
//! | `tensors.csv` | [`TensorRow`]: one a step, tensor and shadow, where `[observe]` asks for it |
//! | `checkpoint.safetensors` | parameters, optimizer and progress, to resume from: see [`checkpoint`](crate::train::checkpoint) |
//! | `model.safetensors` | the parameters under timm's names, when the run has ended |
//!
//! All of them are written whole or not at all, but `steps.csv` and `tensors.csv`, which grow: a reader leaves out half a row at its end. A hidden `.lock` keeps a second process out.

mod log;
mod meta;
mod provenance;
pub mod record;
mod row;
mod step_row;
mod tensor_row;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use sha2::{Digest, Sha256};

pub use log::Log;
pub use meta::{Meta, State, recorded};
pub use provenance::Provenance;
pub use record::{Record, Warning};
pub use row::Row;
pub use step_row::{StepRow, read_steps};
pub use tensor_row::{ALL, CONSISTENCY_BINS, TensorRow, read_tensors};

use crate::config::{self, RunSpec};
use crate::data::hex;
use crate::error::{Failure, Result};
use crate::file;

/// The settings.
pub const CONFIG: &str = "config.toml";
/// The state, and what produced it.
pub const META: &str = "meta.json";
/// A row an epoch.
pub const METRICS: &str = "metrics.csv";
/// One row an optimizer step; runs of earlier versions have none.
pub const STEPS: &str = "steps.csv";
/// One row a step, tensor and shadow, in runs with shadows or noise.
pub const TENSORS: &str = "tensors.csv";
/// What the run is resumed from.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The parameters under timm's names.
pub const MODEL: &str = "model.safetensors";
const LOCK: &str = ".lock";

/// The files whose SHA-256 `meta.json` keeps when a run has ended: what is read of a run, and no checkpoint seals.
pub const SEALED: [&str; 2] = [METRICS, STEPS];

/// The files of a run directory, in the order in which they are removed: the state first, so that no half-removed run
/// claims to be finished, and last what says that there was a run.
pub const FILES: [&str; 7] = [META, METRICS, STEPS, TENSORS, CHECKPOINT, MODEL, CONFIG];

/// The settings that a run directory holds.
///
/// # Errors
/// A `config.toml` that is missing, too large, damaged, without some of the settings, or not ours.
pub fn read_config(dir: &Path) -> Result<RunSpec> {
    let path = dir.join(CONFIG);
    let text = file::read_text(&path, config::MAX_SETTINGS)?;
    let table = text.parse::<toml::Table>().with_context(|| format!("{} is not TOML", path.display()))?;
    RunSpec::stored(table).with_context(|| format!("{} is not the settings of a run", path.display()))
}

/// SHA-256 (hex) of a file as [`Meta::sealed`] has it.
///
/// # Errors
/// A file that cannot be read.
pub fn seal_of(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut file = BufReader::new(file::open(path).with_context(|| format!("cannot read {}", path.display()))?);
    loop {
        let part = file.fill_buf().with_context(|| format!("cannot read {}", path.display()))?;
        if part.is_empty() {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(part);
        let length = part.len();
        file.consume(length);
    }
}

/// A run directory of which this process is the only writer. The lock dies with its process, however that ends.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    lock: File,
    /// Whether this process made the folder.
    made: bool,
}

/// A start that failed leaves nothing behind.
impl Drop for RunDir {
    fn drop(&mut self) {
        if Self::is_empty(&self.path) && self.is_still_ours() {
            let _ = fs::remove_file(self.file(LOCK));
            if self.made {
                let _ = fs::remove_dir(&self.path); // unless something is in it
            }
        }
    }
}

impl RunDir {
    /// Creates the folder where it is missing, and locks it.
    ///
    /// # Errors
    /// A folder that cannot be made or written to, or that another process trains in.
    pub fn lock(path: &Path) -> Result<Self> {
        let made = !path.exists();
        fs::create_dir_all(path).with_context(|| {
            format!("cannot create the run directory {}; choose another with --out", path.display())
        })?;
        let lock_path = path.join(LOCK);
        let lock = file::open_to_write(&lock_path).with_context(|| {
            format!("cannot write to the run directory {}; choose another with --out", path.display())
        })?;
        let mut locked = lock.try_lock();
        for _ in 0..5 {
            if matches!(locked, Err(TryLockError::WouldBlock)) {
                // `is_locked` of another process holds it for an instant.
                thread::sleep(Duration::from_millis(20));
                locked = lock.try_lock();
            }
        }
        match locked {
            Ok(()) => {
                let dir = Self { path: path.to_path_buf(), lock, made };
                // Another process may have given the folder up meanwhile, and its lock with it.
                if !dir.is_still_ours() {
                    return Self::lock(path);
                }
                remove_temporary(path);
                Ok(dir)
            }
            Err(TryLockError::WouldBlock) => bail!(Failure::InUse(format!(
                "another process is working in {}; wait for it to end, or choose another folder with --out",
                path.display()
            ))),
            Err(TryLockError::Error(e)) => Err(e).with_context(|| {
                format!("cannot lock {}; is the file system able to lock files?", lock_path.display())
            }),
        }
    }

    /// Whether a process trains in `path` just now.
    pub fn is_locked(path: &Path) -> bool {
        let lock = file::open(&path.join(LOCK));
        lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file in it, whole or not at all.
    ///
    /// # Errors
    /// Also a folder that was removed or replaced since it was locked: another process may be at work in its place.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.while_ours(name, |path| file::write(path, bytes))
    }

    /// Writes `bytes` into a file in it after its first `len` bytes, and ends it there.
    ///
    /// # Errors
    /// As [`write`](Self::write); the first `len` bytes are intact.
    pub(super) fn write_at(&self, name: &str, len: u64, bytes: &[u8]) -> Result<()> {
        self.while_ours(name, |path| {
            let mut file = file::open_to_write(path)?;
            file.set_len(len)?;
            file.seek(io::SeekFrom::Start(len))?;
            file.write_all(bytes)?;
            file.sync_data()
        })
    }

    /// Writes a file in the folder, if that is still the one which was locked.
    fn while_ours(&self, name: &str, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
        let path = self.file(name);
        let moved = || {
            anyhow!(
                "cannot write {}: the run directory was moved or removed while the run was under way; put it back to resume from its last checkpoint, or start anew",
                path.display()
            )
        };
        if !self.is_still_ours() {
            return Err(moved());
        }
        let written = write(&path).with_context(|| {
            format!(
                "cannot write {}; what was saved before is intact: make room or restore the folder, then resume the run",
                path.display()
            )
        });
        // Asked again, because it may have happened meanwhile.
        written.map_err(|e| if self.is_still_ours() { e } else { moved() })
    }

    /// Writes the settings.
    pub fn write_config(&self, spec: &RunSpec) -> Result<()> {
        self.write(CONFIG, spec.to_toml().as_bytes())
    }

    /// Writes the state, and what produced it.
    pub fn write_meta(&self, meta: &Meta) -> Result<()> {
        self.write(META, &serde_json::to_vec_pretty(meta)?)
    }

    /// SHA-256 (hex) of the rows as they are on disk, by file.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn seal(&self) -> Result<BTreeMap<String, String>> {
        let seal = |name: &&str| Ok((name.to_string(), seal_of(&self.file(name))?));
        SEALED.iter().filter(|name| self.file(name).exists()).map(seal).collect()
    }

    /// Writes the rows so far.
    pub fn write_metrics(&self, rows: &[Row]) -> Result<()> {
        self.write(METRICS, Row::to_csv(rows)?.as_bytes())
    }

    /// Whether the folder under this name is the one that was locked.
    fn is_still_ours(&self) -> bool {
        let there = fs::metadata(self.file(LOCK));
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let identity = |file: fs::Metadata| (file.dev(), file.ino());
            there.map(identity).ok() == self.lock.metadata().map(identity).ok()
        }
        #[cfg(not(unix))]
        there.is_ok()
    }

    /// Whether no run has left anything in `path`.
    pub fn is_empty(path: &Path) -> bool {
        !FILES.iter().any(|name| path.join(name).exists())
    }

    /// Removes what an earlier run left here (its own files only).
    pub fn clear(&self) -> Result<()> {
        FILES.iter().try_for_each(|name| self.remove(name))
    }

    /// Removes a file in it, if it is there.
    pub fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.file(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(e).with_context(|| format!("cannot remove {}", self.file(name).display()))
            }
            _ => Ok(()),
        }
    }
}

/// Removes what a process left half written that was killed. No other process writes in a locked folder.
fn remove_temporary(folder: &Path) {
    let ours = |name: &str| FILES.iter().any(|file| file::is_temporary(name, file));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(ours) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
