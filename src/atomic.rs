//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process;

/// Writes `bytes` to `path` whole or not at all, also under `kill -9` and power loss: into a temporary file beside it,
/// which is synced and renamed. An older file stays as it is until then.
///
/// # Errors
/// A full disk, a folder that is gone or read-only; the temporary file is removed then.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidFilename)?;
    // With the process in its name, because two may draw the same figure at once.
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", process::id()));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_folder(path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// Whether `name` is that of a temporary file of `file` that [`write()`] left because its process was killed, or is writing.
pub fn is_temporary(name: &str, file: &str) -> bool {
    let process =
        name.strip_prefix('.').and_then(|name| name.strip_prefix(file)?.strip_prefix('.')?.strip_suffix(".tmp"));
    process.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Makes a rename last: on Unix that is the folder's business.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_files_are_not_temporary_ones() {
        assert!(is_temporary(".meta.json.4711.tmp", "meta.json"));
        for name in
            [".env.tmp", ".meta.json.tmp", ".meta.json..tmp", ".meta.json.old.tmp", "meta.json.1.tmp", ".meta.json.1"]
        {
            assert!(!is_temporary(name, "meta.json"), "{name}");
        }
    }
}
