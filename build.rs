//! Tells the binary which revision and which Candle it was built from, so that meta.json can.

use std::path::Path;
use std::process::Command;

/// What goes into the binary: a change elsewhere does not make a build dirty.
const SOURCES: [&str; 5] = ["src", "configs", "build.rs", "Cargo.toml", "Cargo.lock"];

fn main() {
    for path in SOURCES {
        watch(path);
    }
    println!("cargo::rustc-env=SNR_BENCH_GIT={}", revision().unwrap_or_default());
    println!("cargo::rustc-env=SNR_BENCH_CANDLE={}", candle_version().unwrap_or_else(|| "unknown".into()));
}

/// The commit, with `-dirty` where the sources are not as it has them; nothing outside git.
fn revision() -> Option<String> {
    // Unpacked without .git inside somebody else's repository, that one's revision would say nothing.
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != std::env::current_dir().ok()?.canonicalize().ok()? {
        return None;
    }
    // Asked of git: in a worktree they are not below .git. Every commit and checkout adds to the log.
    for name in ["HEAD", "logs/HEAD"] {
        watch(&git(&["rev-parse", "--git-path", name])?);
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = !git(&[&["status", "--porcelain", "--"][..], &SOURCES].concat())?.is_empty();
    Some(commit + if changed { "-dirty" } else { "" })
}

/// Runs this again when the file changes.
fn watch(path: &str) {
    // One that is missing would run it every time.
    if Path::new(path).exists() {
        println!("cargo::rerun-if-changed={path}");
    }
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}

fn candle_version() -> Option<String> {
    let lock = std::fs::read_to_string("Cargo.lock").ok()?;
    let rest = lock.split_once("name = \"candle-core\"\nversion = \"")?.1;
    Some(rest.split_once('"')?.0.to_string())
}
