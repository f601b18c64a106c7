//! What the tests of the built program share.
#![allow(dead_code)] // each test file uses its part

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

/// Settings of a run of a fraction of a second, on data that need no files.
pub const TINY: [&str; 14] = [
    "--dataset",
    "digits",
    "--train-subset",
    "300",
    "--validation",
    "holdout:200",
    "--set",
    "model.patch_size=7",
    "--set",
    "model.embed_dim=16",
    "--set",
    "model.depth=1",
    "--set",
    "batch=128",
];

/// The built program, to be started in `dir`.
pub fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snr-bench"));
    command.current_dir(dir).env_remove("SNR_BENCH_DATA");
    command
}

/// Runs the program in `dir`.
pub fn snr_bench(dir: &Path, args: &[&str]) -> Output {
    program(dir).args(args).output().expect("the program starts")
}

/// `train` with [`TINY`] and `args`, into `out`.
pub fn train(dir: &Path, out: &str, args: &[&str]) -> Output {
    let mut all = vec!["train", "--out", out];
    all.extend(TINY);
    all.extend(args);
    snr_bench(dir, &all)
}

/// What came on standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What came on standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Asserts that the program ended with `code`, without a panic, saying each of `parts` on standard error.
#[track_caller]
pub fn assert_fails(output: &Output, code: i32, parts: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}{}", stdout(output));
    assert!(!text.contains("panicked"), "{text}");
    for part in parts {
        assert!(text.contains(part), "no '{part}' in: {text}");
    }
}

/// Asserts success.
#[track_caller]
pub fn assert_ok(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}{}", stderr(output), stdout(output));
}

/// The run directories in an experiment's folder, sorted; none where there is no folder yet.
pub fn runs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut runs: Vec<PathBuf> =
        entries.filter(|path| path.is_dir() && path.file_name().unwrap() != "figures").collect();
    runs.sort();
    runs
}

/// The columns of `metrics.csv` that must not depend on time: everything but the two in seconds.
pub fn losses(dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(dir.join("metrics.csv")).expect("metrics.csv");
    text.lines().map(|line| line.rsplitn(3, ',').last().unwrap_or_default().to_string()).collect()
}

/// A program in the background, which ends with the test at the latest.
pub struct Background(Option<Child>);

impl Background {
    /// Starts the program in `dir`.
    pub fn start(dir: &Path, args: &[&str]) -> Self {
        let child = program(dir).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self(Some(child.expect("the program starts")))
    }

    /// Waits until the condition holds, or the program has ended.
    pub fn until(&mut self, condition: impl Fn() -> bool) {
        while !condition() && self.is_running() {
            thread::sleep(Duration::from_millis(1)); // leaves the processor to the program
        }
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        self.0.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    /// Sends a signal, unless the program has ended.
    #[cfg(unix)]
    pub fn signal(&mut self, signal: rustix::process::Signal) {
        if self.is_running() {
            let pid = rustix::process::Pid::from_child(self.0.as_ref().unwrap());
            rustix::process::kill_process(pid, signal).unwrap();
        }
    }

    /// Waits for the end.
    pub fn end(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
