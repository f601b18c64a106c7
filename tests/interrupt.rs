//! Ctrl-C and SIGTERM: the step in flight ends, nothing is lost, and the exit code says which it was.
#![cfg(unix)]

mod common;

use std::cell::Cell;
use std::path::Path;

use candle_core::Device;
use common::{Background, TINY, assert_fails, assert_ok, losses, runs, snr_bench, stdout, train};
use rustix::process::Signal;
use snr_bench::config::RunSpec;
use snr_bench::data::{self, Dataset, DatasetKind};
use snr_bench::machine::Machine;
use snr_bench::run_dir::{CHECKPOINT, MODEL, Meta, RunDir, STEPS, State, TENSORS};
use snr_bench::train::checkpoint::Checkpoint;
use snr_bench::train::{Every, Outcome, Start, TrainOptions, Trainer};
use tempfile::tempdir;

/// More epochs than any test waits for: the run goes on until a signal comes.
const ENDLESS: &str = "1000000";

/// Rows of `metrics.csv` so far.
fn rows(run: &Path) -> usize {
    if run.join("metrics.csv").exists() { losses(run).len() - 1 } else { 0 }
}

/// Trains in `path` until `stop` has been asked `calls` times.
fn session(spec: &RunSpec, data: &Dataset, path: &Path, start: Start, calls: usize) -> Outcome {
    let dir = RunDir::lock(path).unwrap();
    let left = Cell::new(calls);
    let stop = || {
        left.set(left.get() - 1);
        (left.get() == 0).then_some(2)
    };
    let machine = Machine { threads: 2, device: Device::Cpu };
    let backend = spec.model.backend(spec.dataset.shape(), &machine).unwrap();
    let options = TrainOptions { backend, checkpoint: Every::Epochs(1), stop: &stop, observer: &() };
    let meta = Meta::new(spec, data, &machine);
    Trainer::new(spec, data, &dir, meta, options, start).unwrap().run().unwrap().outcome
}

/// Three epochs of 15 steps, stopped and resumed after every one of them.
#[test]
fn a_run_stopped_after_every_step_comes_to_the_same_bits() {
    stop_after_every_step("epochs = 3", 45);
}

/// The shadows, one of them with a state of its own kind, the noise, and the probe.
#[test]
fn what_is_measured_survives_a_stop_after_every_step() {
    let observe = "{ shadow = 'adam, snradam, sgd', noise = true, probe = 30, every = 3 }";
    stop_after_every_step(&format!("steps = 25\nbatch = 70\nobserve = {observe}"), 25);
}

/// Two epochs and a part of the third.
#[test]
fn a_budget_in_steps_and_every_schedule_survive_a_stop_after_every_step() {
    for schedule in ["constant", "linear", "cosine", "inverse-sqrt"] {
        stop_after_every_step(&format!("steps = 37\nwarmup_steps = 4\nschedule = '{schedule}'"), 37);
    }
}

fn stop_after_every_step(settings: &str, steps: u64) {
    let data = data::load(&DatasetKind::Digits, None, &|_| ()).unwrap();
    let shared = "dataset = 'digits'\ntrain_subset = 300\nbatch = 20\nvalidation = 'holdout:200'\n\
        optim = 'snradam'\nmodel = { patch_size = 7, embed_dim = 16, depth = 1 }";
    let spec = RunSpec::resolve([shared.parse().unwrap(), settings.parse().unwrap()]).unwrap();
    let dir = tempdir().unwrap();
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    assert_eq!(session(&spec, &data, &whole, Start::Fresh, usize::MAX), Outcome::Finished);

    let (mut start, mut in_an_epoch) = (Start::Fresh, 0);
    // Asked before the first step and after it.
    while session(&spec, &data, &parts, start, 2) == Outcome::Interrupted(2) {
        start = Start::Resume;
        let meta = Meta::read(&parts).unwrap();
        assert_eq!((meta.state, meta.reason), (State::Interrupted, Some("signal 2".to_string())));
        let progress = Checkpoint::read(&parts.join(CHECKPOINT)).unwrap().progress;
        assert_eq!(progress.step, spec.extent(300).steps_per_epoch * progress.epochs() + progress.epoch.batches);
        in_an_epoch += u64::from(progress.epoch.batches > 0);
    }
    assert_eq!(in_an_epoch, steps);
    assert_eq!(losses(&parts), losses(&whole));
    for file in [MODEL, STEPS, TENSORS] {
        let bytes = |run: &Path| std::fs::read(run.join(file)).ok();
        assert!(bytes(&parts) == bytes(&whole), "{file} differs");
    }
}

#[test]
fn the_program_says_that_it_was_interrupted_and_how_to_go_on() {
    let dir = tempdir().unwrap();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let name = format!("stopped by {code}");
        let run = dir.path().join(&name);
        let args = [&["train", "--out", &name, "--epochs", ENDLESS], &TINY[..]].concat();
        let mut process = Background::start(dir.path(), &args);
        process.until(|| rows(&run) > 1);
        process.signal(signal);
        let output = process.end();
        assert_fails(&output, code, &[]);
        let text = stdout(&output);
        assert!(text.contains(&format!("go on with: snr-bench train --resume '{name}'")), "{text}");
        let meta = Meta::read(&run).unwrap();
        assert_eq!((meta.state, meta.reason), (State::Interrupted, Some(format!("signal {}", code - 128))));
        let epochs = (rows(&run) + 1).to_string();
        let resumed = snr_bench(dir.path(), &["train", "--resume", &name, "--epochs", &epochs]);
        assert_ok(&resumed);
        assert!(!stdout(&resumed).contains("lacks rows"), "{}", stdout(&resumed));
        assert_eq!(Meta::read(&run).unwrap().state, State::Finished);
    }
}

/// The first one would end it after the evaluation before training, which takes this model a minute.
#[test]
fn a_second_signal_ends_at_once() {
    let dir = tempdir().unwrap();
    let args = ["train", "--out", "run", "--dataset", "digits", "--batch", "full", "--set", "model.depth=100"];
    let mut process = Background::start(dir.path(), &args);
    process.until(|| dir.path().join("run/meta.json").exists());
    // Two that wait at once may be taken as one: so again, until it ends.
    while process.is_running() {
        process.signal(Signal::TERM);
    }
    assert_fails(&process.end(), 143, &[]);
    let state = stdout(&snr_bench(dir.path(), &["show", "run"]));
    assert!(state.contains("no process holds its lock: interrupted"), "{state}");
}

/// The data come through pipes that nobody writes to.
#[test]
fn a_signal_while_data_are_loaded_ends_at_once() {
    let dir = tempdir().unwrap();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        // The signal may come too late on a busy machine: another try then.
        let caught = (0..50).any(|i| {
            let name = format!("{code}-{i}");
            let run = dir.path().join(&name);
            // All 60,000 images are drawn, which takes a while. The lock is taken before.
            let mut process = Background::start(dir.path(), &["train", "--out", &name, "--dataset", "digits"]);
            process.until(|| run.join(".lock").exists());
            process.signal(signal);
            assert_fails(&process.end(), code, &[]);
            let was_loading = !run.join("config.toml").exists();
            if was_loading {
                assert_ok(&train(dir.path(), &name, &["--epochs", "1"]));
            }
            was_loading
        });
        assert!(caught, "no signal came before the data were there");
    }
}

#[test]
fn an_experiment_is_stopped_and_goes_on_when_repeated() {
    let dir = tempdir().unwrap();
    std::fs::write(dir.path().join("two.toml"), "batch = 60").unwrap();
    for command in [&["full-batch"][..], &["run", "two.toml"]] {
        let args =
            |out, epochs| [command, &TINY[..12], &["--optim", "adam,sgd", "--epochs", epochs, "--out", out]].concat();
        let parts = dir.path().join("parts");
        for _ in 0..2 {
            let trained = || runs(&parts).first().map_or(0, |run| rows(run));
            let before = trained();
            let mut process = Background::start(dir.path(), &args("parts", ENDLESS));
            process.until(|| trained() > before);
            process.signal(Signal::INT);
            assert_fails(&process.end(), 130, &[]);
            assert_eq!(runs(&parts).len(), 1, "the other run may not begin");
        }
        let epochs = rows(&runs(&parts)[0]).to_string();
        assert_ok(&snr_bench(dir.path(), &args("parts", &epochs)));
        assert_ok(&snr_bench(dir.path(), &args("whole", &epochs)));
        assert_eq!(runs(&parts).len(), 2);
        for run in runs(&dir.path().join("whole")) {
            assert_eq!(losses(&run), losses(&parts.join(run.file_name().unwrap())));
        }
        for folder in ["whole", "parts"] {
            std::fs::remove_dir_all(dir.path().join(folder)).unwrap();
        }
    }
}
