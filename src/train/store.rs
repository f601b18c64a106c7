//! Files that are written whole or not at all, and the lock on a run directory.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::error::Result;

/// Writes `bytes` to `path` whole or not at all, also under `kill -9` and power loss: into a temporary file beside it,
/// which is synced and renamed. An older file stays as it is until then.
///
/// # Errors
/// A full disk, a folder that is gone or read-only; the temporary file is removed then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().and_then(|n| n.to_str()).context("a file needs a name")?;
    let temporary = path.with_file_name(format!(".{name}.tmp"));
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_folder(path)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&temporary);
        anyhow::Error::new(e).context(format!(
            "cannot write {}; what was saved before is intact: make room or restore the folder, then resume the run",
            path.display()
        ))
    })
}

/// Makes a rename last: on Unix that is the folder's business.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// A run directory of which this process is the only writer. The lock dies with its process, however that ends.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _lock: File,
}

impl RunDir {
    /// Creates the folder where it is missing, and locks it.
    ///
    /// # Errors
    /// A folder that cannot be made or written to, or that another process trains in.
    pub fn lock(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).with_context(|| {
            format!("cannot create the run directory {}; choose another with --out", path.display())
        })?;
        let lock_path = path.join(".lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path).with_context(|| {
            format!("cannot write to the run directory {}; choose another with --out", path.display())
        })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_path_buf(), _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!(
                "another process is working in {}; wait for it to end, or choose another folder with --out",
                path.display()
            ),
            Err(TryLockError::Error(e)) => Err(e).with_context(|| {
                format!("cannot lock {}; is the file system able to lock files?", lock_path.display())
            }),
        }
    }

    /// Whether another process trains in `path` just now.
    pub fn is_locked(path: &Path) -> bool {
        let lock = File::options().write(true).open(path.join(".lock"));
        lock.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file in it, see [`write_atomic`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_atomic(&self.file(name), bytes)
    }

    /// Removes what an earlier run left here (its own files only).
    pub fn clear(&self) -> Result<()> {
        for name in super::FILES {
            match fs::remove_file(self.file(name)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(e).with_context(|| format!("cannot remove {}", self.file(name).display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
