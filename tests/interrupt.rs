//! Ctrl-C and SIGTERM: the step in flight ends, nothing is lost, and the exit code says which it was.
#![cfg(unix)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Background, TINY, assert_fails, assert_ok, losses, runs, snr_bench, stdout, train};
use rustix::process::Signal;
use snr_bench::run_dir::{CHECKPOINT, Meta, State};
use snr_bench::train::checkpoint::Checkpoint;
use tempfile::tempdir;

/// Steps of an epoch of [`LONG_EPOCHS`].
const STEPS: u64 = 1000;

/// Epochs of a thousand steps of 20 images, so that a signal comes in the middle of one.
const LONG_EPOCHS: [&str; 6] = ["--train-subset", "20000", "--set", "batch=20", "--epochs", "4"];

/// Whether the run has written the row of that epoch.
fn has_row(run: &Path, epoch: usize) -> bool {
    std::fs::read_to_string(run.join("metrics.csv")).is_ok_and(|text| text.lines().count() > epoch + 1)
}

fn start(dir: &Path, out: &str, args: &[&str]) -> Background {
    Background::start(dir, &[&["train", "--out", out], &TINY[..2], &TINY[4..], args].concat())
}

#[test]
fn a_run_stopped_in_the_middle_of_an_epoch_goes_on_to_the_same_bits() {
    let dir = tempdir().unwrap();
    assert_ok(&start(dir.path(), "whole", &LONG_EPOCHS).end());
    let mut in_an_epoch = 0;
    for (signal, code, epoch) in [(Signal::INT, 130, 0), (Signal::TERM, 143, 1), (Signal::INT, 130, 2)] {
        let name = format!("stopped after {epoch}");
        let run = dir.path().join(&name);
        let mut process = start(dir.path(), &name, &LONG_EPOCHS);
        process.until(|| has_row(&run, epoch));
        std::thread::sleep(Duration::from_millis(10));
        process.signal(signal);
        let output = process.end();
        assert_fails(&output, code, &[]);
        let text = stdout(&output);
        assert!(text.contains(&format!("go on with: snr-bench train --resume '{name}'")), "{text}");
        let meta = Meta::read(&run).unwrap();
        assert_eq!((meta.state, meta.reason), (State::Interrupted, Some(format!("signal {}", code - 128))));
        let progress = Checkpoint::read(&run.join(CHECKPOINT)).unwrap().progress;
        assert_eq!(progress.step, STEPS * progress.epochs() + progress.epoch.batches);
        in_an_epoch += usize::from(!progress.epoch.batches.is_multiple_of(STEPS));
        assert_ok(&snr_bench(dir.path(), &["train", "--resume", &name]));
        assert_eq!(losses(&run), losses(&dir.path().join("whole")));
    }
    assert!(in_an_epoch > 0, "no signal came in the middle of an epoch");
}

/// With 60,000 images a step takes seconds, which is what the second signal cuts off.
#[test]
fn a_second_signal_ends_at_once() {
    let dir = tempdir().unwrap();
    let args = ["train", "--out", "run", "--dataset", "digits", "--batch", "full", "--set", "model.depth=12"];
    let mut process = Background::start(dir.path(), &args);
    process.until(|| dir.path().join("run/meta.json").exists());
    process.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    assert!(process.is_running(), "the first signal must let the step in flight end");
    let start = Instant::now();
    process.signal(Signal::TERM);
    assert_fails(&process.end(), 143, &[]);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    let state = stdout(&snr_bench(dir.path(), &["show", "run"]));
    assert!(state.contains("no process holds its lock: interrupted"), "{state}");
}

#[test]
fn a_signal_while_data_are_loaded_ends_at_once() {
    let dir = tempdir().unwrap();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let run = dir.path().join(code.to_string());
        let mut process = start(dir.path(), run.to_str().unwrap(), &[]);
        // The lock is taken before the data are loaded.
        process.until(|| run.join(".lock").exists());
        let start = Instant::now();
        process.signal(signal);
        assert_fails(&process.end(), code, &[]);
        assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
        assert!(!run.join("config.toml").exists());
        assert_ok(&train(dir.path(), run.to_str().unwrap(), &["--epochs", "1"]));
    }
}

#[test]
fn an_experiment_is_stopped_and_goes_on_when_repeated() {
    let dir = tempdir().unwrap();
    std::fs::write(dir.path().join("two.toml"), "batch = 60").unwrap();
    for (name, epochs) in [("full-batch", "200"), ("run", "40")] {
        let args = |out| {
            let mut args = [&[name], &TINY[..12], &["--optim", "adam,sgd", "--epochs", epochs, "--out", out]].concat();
            if name == "run" {
                args.insert(1, "two.toml");
            }
            args
        };
        assert_ok(&snr_bench(dir.path(), &args("whole")));
        let parts = dir.path().join("parts");
        for stopped in 0..2 {
            let mut process = Background::start(dir.path(), &args("parts"));
            process.until(|| runs(&parts).get(stopped).is_some_and(|run| has_row(run, 0)));
            process.signal(Signal::INT);
            assert_fails(&process.end(), 130, &[]);
        }
        assert_ok(&snr_bench(dir.path(), &args("parts")));
        let mut compared = 0;
        for run in runs(&dir.path().join("whole")) {
            assert_eq!(losses(&run), losses(&parts.join(run.file_name().unwrap())));
            compared += 1;
        }
        assert_eq!(compared, 2);
        for folder in ["whole", "parts"] {
            std::fs::remove_dir_all(dir.path().join(folder)).unwrap();
        }
    }
}
