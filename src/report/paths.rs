//! Run directories as a page shows them that is read on other machines.

use std::path::{self, Path, PathBuf};

/// Makes paths relative to one folder, and hides the rest of the machine's.
pub struct Paths {
    /// The folder, resolved.
    base: PathBuf,
    /// What `base` is, for people.
    pub base_name: &'static str,
    /// The folder of the runs as the user named it, and as it is shown.
    pub root: (String, String),
}

impl Paths {
    /// Paths relative to the folder of `file`, an absolute path, if `root` lies there, else to `root`.
    pub fn new(root: &Path, file: &Path) -> Self {
        let folder = resolved(file.parent().unwrap_or(file));
        let runs = resolved(root);
        let (base, base_name) = match runs.starts_with(&folder) {
            true => (folder, "the folder of this page"),
            false => (runs, "the folder of the runs"),
        };
        let mut paths = Self { base, base_name, root: (root.display().to_string(), String::new()) };
        paths.root.1 = paths.of(root);
        paths
    }

    /// The path of a folder relative to the base; of one that is not below it only the name.
    pub fn of(&self, dir: &Path) -> String {
        let dir = resolved(dir);
        match dir.strip_prefix(&self.base) {
            Ok(rest) if rest.as_os_str().is_empty() => ".".to_string(),
            Ok(rest) => rest.display().to_string(),
            Err(_) => hidden(&dir.to_string_lossy()),
        }
    }

    /// A text whose paths are shortened: those of runs as in [`of`](Self::of), other absolute ones to their names.
    pub fn in_text(&self, text: &str) -> String {
        let (named, shown) = (&self.root.0, &self.root.1);
        let shown = if shown == "." { String::new() } else { format!("{shown}/") };
        let text = match named.as_str() {
            "" | "." => text.to_string(),
            _ => text.replace(&format!("{}/", named.trim_end_matches('/')), &shown),
        };
        let mut out = String::new();
        let mut word = String::new();
        for c in text.chars() {
            if c.is_whitespace() || "'\"=()[],;:".contains(c) {
                out += &hidden(&std::mem::take(&mut word));
                out.push(c);
            } else {
                word.push(c);
            }
        }
        out + &hidden(&word)
    }
}

/// Of an absolute path only the name: "…/data".
fn hidden(word: &str) -> String {
    let path = Path::new(word);
    match path.file_name() {
        Some(name) if path.is_absolute() => format!("…/{}", name.to_string_lossy()),
        _ => word.to_string(),
    }
}

fn resolved(dir: &Path) -> PathBuf {
    dir.canonicalize().or_else(|_| path::absolute(dir)).unwrap_or_else(|_| dir.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_relative_and_the_machine_is_hidden() {
        let paths = Paths::new(Path::new("/x/results/article"), Path::new("/x/results/report.html"));
        assert_eq!(paths.of(Path::new("/x/results/article/adam")), "article/adam");
        assert_eq!(paths.of(Path::new("/home/me/adam")), "…/adam");
        let text = paths.in_text("/x/results/article/a is left out: --resume /x/results/article/a");
        assert_eq!(text, "article/a is left out: --resume article/a");
        assert_eq!(paths.in_text("--data-dir=/home/me/data 1/2 '/tmp/x'"), "--data-dir=…/data 1/2 '…/x'");

        let elsewhere = Paths::new(Path::new("/x/results"), Path::new("/tmp/report.html"));
        assert_eq!((elsewhere.of(Path::new("/x/results/a")), elsewhere.root.1.as_str()), ("a".into(), "."));
        assert_eq!(elsewhere.in_text("skipped /x/results/a/metrics.csv: no"), "skipped a/metrics.csv: no");
    }
}
