//! Schedules, budgets in steps, and `steps.csv`.

mod common;

use std::fs;
use std::path::Path;

use common::{assert_fails, assert_ok, snr_bench, stdout, train};
use serde_json::Value;
use snr_bench::config::{RunSpec, Schedule};
use snr_bench::run_dir::{StepRow, read_steps, record};
use tempfile::tempdir;

/// Against PyTorch's schedulers: `scripts/golden_schedule.py`.
#[test]
fn schedules_are_those_of_pytorch() {
    let golden: Value = serde_json::from_str(include_str!("golden/schedule.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let schedule: Schedule = serde_json::from_value(case["schedule"].clone()).unwrap();
        let [warmup_steps, steps] = ["warmup", "steps"].map(|key| case[key].as_u64().unwrap());
        let lr = golden["lr"].as_f64().unwrap();
        let spec = RunSpec { lr, schedule, warmup_steps, ..RunSpec::default() };
        for (t, expected) in (1..).zip(case["rates"].as_array().unwrap()) {
            let (rate, expected) = (spec.rate(t, steps), expected.as_f64().unwrap());
            assert!((rate - expected).abs() <= 1e-12 * lr, "{case}, step {t}: {rate} for {expected}");
        }
    }
}

fn rows(dir: &Path, run: &str) -> Vec<StepRow> {
    read_steps(&dir.join(run)).unwrap()
}

/// 300 images in batches of 128 are 3 steps an epoch.
#[test]
fn a_row_a_step_agrees_with_the_rows_of_epochs() {
    let dir = tempdir().unwrap();
    let args = ["--steps", "8", "--schedule", "linear", "--warmup-steps", "2", "--probe", "50"];
    assert_ok(&train(dir.path(), "run", &args));
    let steps = rows(dir.path(), "run");
    let epochs = record::read(&dir.path().join("run")).unwrap().rows;
    assert_eq!(steps.iter().map(|row| row.step).collect::<Vec<_>>(), (0..=8).collect::<Vec<_>>());
    assert_eq!(steps.iter().map(|row| row.epoch).collect::<Vec<_>>(), [0, 1, 1, 1, 2, 2, 2, 3, 3]);
    assert_eq!(epochs.iter().map(|row| row.step).collect::<Vec<_>>(), [0, 3, 6, 8], "the last epoch is cut short");
    let rates: Vec<f64> = steps[1..].iter().map(|row| row.lr.unwrap()).collect();
    let expected = [0.5, 1.0, 1.0, 5.0 / 6.0, 4.0 / 6.0, 3.0 / 6.0, 2.0 / 6.0, 1.0 / 6.0].map(|x| x * 1e-3);
    assert!(rates.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{rates:?}");
    assert_eq!(epochs[3].lr, rates[7], "that of the last step");
    assert!(steps[0].train_loss.is_none() && steps.iter().all(|row| row.probe_loss.is_some()));
    for (i, epoch) in epochs.iter().enumerate().skip(1) {
        let own: Vec<&StepRow> = steps.iter().filter(|row| row.epoch == i as u64).collect();
        assert_eq!(own.last().unwrap().samples_seen, epoch.samples_seen);
        let mean = |of: fn(&StepRow) -> Option<f64>| own.iter().map(|r| of(r).unwrap()).sum::<f64>() / own.len() as f64;
        assert!((mean(|row| row.grad_norm) / epoch.grad_norm.unwrap() - 1.0).abs() < 1e-12);
        assert!((mean(|row| row.update_norm) / epoch.update_norm.unwrap() - 1.0).abs() < 1e-12);
    }
}

/// The probe is one sample of the training images for all: before training, runs that share a seed agree on it.
#[test]
fn the_probe_is_the_same_for_every_optimizer_and_batch_and_changes_no_bit() {
    let dir = tempdir().unwrap();
    let probed = |run: &str, args: &[&str]| {
        assert_ok(&train(dir.path(), run, &[args, &["--epochs", "2", "--probe", "300"]].concat()));
        rows(dir.path(), run)
    };
    let (adam, sgd) = (probed("adam", &[]), probed("sgd", &["--optim", "sgd", "--set", "batch=50"]));
    assert_eq!(adam[0].probe_loss, sgd[0].probe_loss);
    assert_ne!(adam[1].probe_loss, sgd[1].probe_loss);
    // all 300 training images: what full-batch trains on is what the probe measures
    let full = probed("full", &["--batch", "full"]);
    let before = |row: &StepRow| row.probe_loss.unwrap();
    assert!((before(&full[0]) / full[1].train_loss.unwrap() - 1.0).abs() < 1e-6);
    assert!((before(&full[1]) / full[2].train_loss.unwrap() - 1.0).abs() < 1e-6);

    assert_ok(&train(dir.path(), "plain", &["--epochs", "2"]));
    assert_eq!(common::losses(&dir.path().join("plain")), common::losses(&dir.path().join("adam")));
    assert_eq!(rows(dir.path(), "plain").len(), 6, "no row before training");
    let too_many = train(dir.path(), "many", &["--probe", "301"]);
    assert_fails(&too_many, 2, &["observe.probe = 301 is more than the 300 training images"]);
}

#[test]
fn a_budget_is_in_epochs_or_in_steps() {
    let dir = tempdir().unwrap();
    let both = train(dir.path(), "run", &["--steps", "5", "--epochs", "2"]);
    assert_fails(&both, 2, &["steps = 5 and epochs = 2 are two budgets"]);
    assert_ok(&train(dir.path(), "run", &["--steps", "5"]));
    let shown = stdout(&snr_bench(dir.path(), &["show", "run"]));
    assert!(shown.contains("5 of 5 steps") && shown.contains("it has ended"), "{shown}");
    // it is part of what the run is, as its name says
    let longer = snr_bench(dir.path(), &["train", "--resume", "run", "--steps", "9"]);
    assert_fails(&longer, 1, &["steps: 5 there, 9 now asked for"]);
}

#[test]
fn only_a_schedule_that_does_not_know_the_end_lets_a_run_grow() {
    let dir = tempdir().unwrap();
    for (schedule, grows) in [("constant", true), ("inverse-sqrt", true), ("linear", false), ("cosine", false)] {
        assert_ok(&train(dir.path(), schedule, &["--epochs", "1", "--schedule", schedule]));
        let longer = snr_bench(dir.path(), &["train", "--resume", schedule, "--epochs", "2"]);
        if grows {
            assert_ok(&longer);
            assert_ok(&train(dir.path(), "once", &["--epochs", "2", "--schedule", schedule, "--force"]));
            let [grown, once] = [schedule, "once"].map(|run| fs::read(dir.path().join(run).join("steps.csv")).unwrap());
            assert!(grown == once, "{schedule}");
        } else {
            assert_fails(&longer, 1, &["was begun for 1 epoch, and with schedule", "choose another folder"]);
        }
    }
}

/// A run of version 0.1.0 before it wrote `steps.csv`.
#[test]
fn an_old_run_is_read_and_resumed() {
    let dir = tempdir().unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/old_run");
    fs::create_dir(dir.path().join("run")).unwrap();
    for file in fs::read_dir(&old).unwrap().map(|entry| entry.unwrap()) {
        fs::copy(file.path(), dir.path().join("run").join(file.file_name())).unwrap();
    }
    let record = record::read(&dir.path().join("run")).unwrap();
    assert_eq!((record.spec.hash(), record.rows.len()), (record.meta.config_hash, 3));
    assert!(rows(dir.path(), "run").is_empty());
    let output = snr_bench(dir.path(), &["train", "--resume", "run"]);
    assert_ok(&output);
    assert!(!stdout(&output).contains("note") && rows(dir.path(), "run").is_empty(), "nothing was left to train");
    let output = snr_bench(dir.path(), &["train", "--resume", "run", "--epochs", "3"]);
    assert_ok(&output);
    assert!(stdout(&output).contains("note: steps.csv lacks rows before step 9"), "{}", stdout(&output));
    assert_eq!(rows(dir.path(), "run").iter().map(|row| row.step).collect::<Vec<_>>(), [9, 10, 11, 12]);
}

#[test]
fn a_lost_or_cut_steps_file_goes_on_with_what_is_left() {
    let dir = tempdir().unwrap();
    for left in [None, Some(1), Some(300)] {
        assert_ok(&train(dir.path(), "run", &["--epochs", "2", "--force"]));
        let path = dir.path().join("run/steps.csv");
        let text = fs::read_to_string(&path).unwrap();
        match left {
            None => fs::remove_file(&path).unwrap(),
            Some(bytes) => fs::write(&path, &text[..bytes]).unwrap(),
        }
        let output = snr_bench(dir.path(), &["train", "--resume", "run", "--epochs", "3"]);
        assert_ok(&output);
        assert!(stdout(&output).contains("note: steps.csv lacks rows"), "{}", stdout(&output));
        let steps: Vec<u64> = rows(dir.path(), "run").iter().map(|row| row.step).collect();
        let kept = left.map_or(0, |bytes: usize| text[..bytes].matches('\n').count().saturating_sub(1)) as u64;
        assert_eq!(steps, (1..=kept).chain(7..=9).collect::<Vec<_>>());
    }
}
