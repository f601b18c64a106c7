//! Files: read only where they have an end, and written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use tempfile::Builder;

use crate::error::Result;

/// Opens a file to read it.
///
/// # Errors
/// Also what is no file: opening a named pipe would wait for its other end, and a device may never end.
pub fn open(path: &Path) -> io::Result<File> {
    regular(path)?;
    File::open(path)
}

/// Opens a file to lock it or to write into it; makes it where it is missing, and leaves what it holds.
///
/// # Errors
/// As for [`open`].
pub fn open_to_write(path: &Path) -> io::Result<File> {
    match regular(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => File::options().create(true).truncate(false).write(true).open(path),
    }
}

fn regular(path: &Path) -> io::Result<()> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() {
        Ok(())
    } else if kind.is_dir() {
        Err(io::Error::other("it is a folder"))
    } else {
        Err(io::Error::other("it is no file but a pipe, a socket or a device"))
    }
}

/// All bytes of a file.
///
/// # Errors
/// As for [`open`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a text of at most `limit` bytes from a file.
///
/// # Errors
/// What [`open`] refuses, is longer, or is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    read_text_from(open(path), path, limit)
}

/// The same from what was opened under that name, which may be a pipe.
pub fn read_text_from(source: io::Result<File>, path: &Path, limit: u64) -> Result<String> {
    let mut text = String::new();
    source
        .and_then(|file| file.take(limit + 1).read_to_string(&mut text))
        .with_context(|| format!("cannot read {}", path.display()))?;
    if text.len() as u64 > limit {
        bail!("{} is longer than {} MiB, and nothing that is read here is", path.display(), limit >> 20);
    }
    Ok(text)
}

/// Writes `bytes` to `path` whole or not at all, also under `kill -9` and power loss: into a temporary file beside it,
/// which is synced and renamed. An older file stays as it is until then.
///
/// # Errors
/// A full disk, a folder that is gone or read-only; the temporary file is removed then.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidFilename)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Opened here, because tempfile would make a file that only its owner may read.
    let file =
        Builder::new().prefix(&format!(".{name}.")).suffix(".tmp").make_in(folder, |path| File::create_new(path))?;
    file.as_file().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // Makes the rename durable, which on Unix takes a sync of the folder.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Whether `name` is that of a temporary file of `file` that `write` left because its process was killed, or is writing.
pub fn is_temporary(name: &str, file: &str) -> bool {
    let random =
        name.strip_prefix('.').and_then(|name| name.strip_prefix(file)?.strip_prefix('.')?.strip_suffix(".tmp"));
    // Six characters are what tempfile puts there.
    random.is_some_and(|id| id.len() == 6 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_files_are_not_temporary_ones() {
        let dir = tempfile::tempdir().unwrap();
        // A name that is taken by a folder: the temporary file cannot take its place, and is removed.
        std::fs::create_dir_all(dir.path().join("meta.json/full")).unwrap();
        assert!(write(&dir.path().join("meta.json"), b"{}").is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(is_temporary(".meta.json.Ab3dE9.tmp", "meta.json"));
        for name in [
            ".env.tmp",
            ".meta.json.tmp",
            ".meta.json..tmp",
            ".meta.json.old.tmp",
            "meta.json.Ab3dE9.tmp",
            ".meta.json.1",
        ] {
            assert!(!is_temporary(name, "meta.json"), "{name}");
        }
    }
}
