//! Tells the binary which revision and which Candle it was built from, so that meta.json can.

use std::process::Command;

/// What goes into the binary: a change elsewhere does not make a build dirty.
const SOURCES: [&str; 4] = ["src", "build.rs", "Cargo.toml", "Cargo.lock"];

fn main() {
    for path in SOURCES.iter().copied().chain([".git/HEAD", ".git/logs/HEAD"]) {
        if std::path::Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let revision = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_default();
    let changed = git(&[&["status", "--porcelain", "--"][..], &SOURCES].concat()).is_some_and(|out| !out.is_empty());
    println!("cargo::rustc-env=SNR_BENCH_GIT={revision}{}", if changed { "-dirty" } else { "" });
    println!("cargo::rustc-env=SNR_BENCH_CANDLE={}", candle_version().unwrap_or_else(|| "unknown".into()));
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
