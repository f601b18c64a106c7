//! `kill -9` after a random number of changes to a run's files: nothing is lost, and the end is that of a run that was never disturbed.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use common::{TINY, assert_ok, losses, program, runs, snr_bench};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snr_bench::run_dir::{State, read_steps, record};
use tempfile::tempdir;

/// Kills of each of the two tests.
const KILLS: usize = 30;

/// The files of a run directory: name, length and when it was written.
fn files(run: &Path) -> BTreeSet<(String, u64, SystemTime)> {
    let entries = fs::read_dir(run).into_iter().flatten().flatten();
    let file = |entry: fs::DirEntry| {
        let meta = entry.metadata().ok()?; // it may be gone
        Some((entry.file_name().into_string().unwrap(), meta.len(), meta.modified().ok()?))
    };
    entries.filter_map(file).collect()
}

/// Whether a checkpoint is being written, or its writer was killed.
fn is_half_written(run: &Path) -> bool {
    files(run).iter().any(|(name, ..)| name.starts_with(".checkpoint."))
}

/// When to kill: the files of a run appear, grow and are renamed, while data are loaded, the directory is taken over, and
/// checkpoints are written.
struct Moment {
    /// After so many changes of them.
    changes: usize,
    /// Then, when a checkpoint is half written.
    writing: bool,
}

impl Moment {
    fn random(random: &mut ChaCha8Rng) -> Self {
        match random.random() {
            false => Self { changes: random.random_range(0..12), writing: false },
            // The first change removes what an earlier kill left half written.
            true => Self { changes: random.random_range(1..12), writing: true },
        }
    }

    /// Waits until then; whether the process is still there.
    fn wait(self, child: &mut Child, run: &dyn Fn() -> Option<PathBuf>) -> bool {
        let now = || run().map(|run| files(&run));
        let (mut seen, mut before) = (0, now());
        while seen < self.changes || self.writing && !run().is_some_and(|run| is_half_written(&run)) {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            thread::sleep(Duration::from_micros(100)); // leaves the processor to the program
            let now = now();
            seen += usize::from(now != before);
            before = now;
        }
        child.try_wait().unwrap().is_none()
    }
}

/// What a killed process may have left: every row whole, none missing or twice, and each that of the undisturbed run.
fn check_directory(run: &Path, undisturbed: &[String], steps_undisturbed: &str) {
    let record = record::read(run).unwrap_or_else(|e| panic!("{e:#}"));
    assert!(!record.cut_off);
    let lines = losses(run);
    assert_eq!(lines.len(), record.rows.len() + 1);
    assert_eq!(lines, undisturbed[..lines.len()]);
    // the last row may be cut off; the rows before it are those of the undisturbed run
    let steps = fs::read_to_string(run.join("steps.csv")).unwrap();
    assert!(steps_undisturbed.starts_with(&steps), "{steps}");
    assert!(read_steps(run).unwrap().last().map_or(0, |row| row.step) >= record.rows[record.rows.len() - 1].step);
    let (found, warnings) = record::find(run).unwrap();
    assert_eq!((found.len(), warnings.len()), (1, 0), "{warnings:?}");
}

/// Runs what `args` say of a folder, undisturbed in `whole`; in `parts` it is killed at random and repeated until it is
/// done; and anew, until it was killed often enough. `run` finds the run directory in the folder.
fn kill_at_random(seed: u64, args: impl Fn(&Path) -> Vec<String>, run: impl Fn(&Path) -> Option<PathBuf>) {
    let dir = tempdir().unwrap();
    let start = |folder: &Path| {
        program(dir.path()).args(args(folder)).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    assert_ok(&start(&whole).wait_with_output().unwrap());
    let whole = run(&whole).unwrap();
    let undisturbed = losses(&whole);
    let steps = fs::read_to_string(whole.join("steps.csv")).unwrap();

    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut kills, mut in_writing, mut before_any_row, mut ends) = (0, 0, 0, 0);
    while kills < KILLS {
        loop {
            let mut child = start(&parts);
            let find = || run(&parts);
            if kills >= KILLS || !Moment::random(&mut random).wait(&mut child, &find) {
                assert_ok(&child.wait_with_output().unwrap());
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            let Some(run) = run(&parts).filter(|run| run.join("metrics.csv").exists()) else {
                before_any_row += 1;
                continue;
            };
            in_writing += usize::from(is_half_written(&run));
            check_directory(&run, &undisturbed, &steps);
            if kills % 8 == 0 {
                let plot = ["plot", "parts", "--format", "svg", "--out", "figures"];
                assert_ok(&snr_bench(dir.path(), &plot));
            }
        }
        ends += 1;
        let done = run(&parts).unwrap();
        assert_eq!(losses(&done), undisturbed);
        for file in ["model.safetensors", "steps.csv", "tensors.csv"] {
            let bytes = |dir: &Path| fs::read(dir.join(file)).ok();
            assert!(bytes(&done) == bytes(&whole), "{file} differs");
        }
        assert_eq!(record::read(&done).unwrap().meta.state, State::Finished);
        fs::remove_dir_all(&parts).unwrap();
    }
    eprintln!(
        "{kills} kills in {ends} runs: {in_writing} left half a checkpoint, {before_any_row} came before any row"
    );
}

fn strings(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| arg.to_string()).collect()
}

/// `train`, then `train --resume`; a checkpoint an epoch.
#[test]
fn a_run_in_batches_survives_kills() {
    let args = |folder: &Path| {
        let folder = folder.to_str().unwrap();
        match Path::new(folder).join("config.toml").exists() {
            true => strings(&["train", "--resume", folder]),
            false => {
                let own = [
                    "train", "--out", folder, "--optim", "snradam", "--epochs", "60", "--probe", "20", "--noise",
                    "--shadow", "adam",
                ];
                strings(&[&own, &TINY[..]].concat())
            }
        }
    };
    kill_at_random(1, args, |folder| Some(folder.to_path_buf()));
}

/// The same `full-batch` again and again; checkpoints by time.
#[test]
fn full_batch_survives_kills() {
    let args = |folder: &Path| {
        let own = ["full-batch", "--out", folder.to_str().unwrap(), "--optim", "adam", "--epochs", "400"];
        strings(&[&own, &TINY[..12]].concat())
    };
    kill_at_random(2, args, |folder| runs(folder).pop());
}
