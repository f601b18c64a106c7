//! Run directories that are not what they say: told by every command, and never gone on with.

mod common;

use std::fs;
use std::path::Path;

use common::{TINY, assert_fails, assert_ok, runs, snr_bench, stderr, stdout};
use tempfile::{TempDir, tempdir};

/// Two finished runs of an experiment in `out`, Adam's and SNRAdam's.
fn two() -> TempDir {
    let dir = tempdir().unwrap();
    assert_ok(&snr_bench(dir.path(), &experiment(&["--quiet"])));
    dir
}

fn experiment<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["full-batch", "--out", "out", "--optim", "adam,snradam", "--epochs", "2"], &TINY[..12], more].concat()
}

/// What every command says of the first run of [`two`] after it was changed.
#[track_caller]
fn is_told(dir: &Path, why: &str) {
    let run = runs(&dir.join("out"))[0].clone();
    let run = run.to_str().unwrap();
    for args in [&["show", run][..], &["train", "--resume", run]] {
        assert_fails(&snr_bench(dir, args), 1, &[why]);
    }
    let before = fs::read(Path::new(run).join("checkpoint.safetensors")).ok();
    assert_fails(&snr_bench(dir, &experiment(&[])), 1, &[why, "1 of the runs failed"]);
    assert_eq!(fs::read(Path::new(run).join("checkpoint.safetensors")).ok(), before, "nothing was trained");
    for command in ["plot", "compare", "report", "ls"] {
        let told = stderr(&snr_bench(dir, &[command, "out"])).replace("\n  ", " ");
        assert!(told.contains(why), "{command}: no '{why}' in {told}");
    }
}

/// Changes a text file.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "no {from} in {text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn swapped_settings_are_told() {
    let dir = two();
    let [a, b] = [0, 1].map(|i| runs(&dir.path().join("out"))[i].clone());
    // Settings alone, and with what meta.json says of them; with a checkpoint, and as they lie in git, without.
    for (files, checkpoint, why) in [
        (&["config.toml"][..], true, "its config.toml is not what meta.json says"),
        (&["config.toml", "meta.json"], true, "its checkpoint.safetensors belongs to other settings"),
        (&["config.toml", "meta.json"], false, "its name belongs to other settings"),
    ] {
        for name in files {
            let [x, y] = [&a, &b].map(|run| fs::read(run.join(name)).unwrap());
            fs::write(a.join(name), y).unwrap();
            fs::write(b.join(name), x).unwrap();
        }
        if !checkpoint {
            [&a, &b].map(|run| fs::remove_file(run.join("checkpoint.safetensors")).unwrap());
        }
        let output = snr_bench(dir.path(), &["compare", "out"]);
        assert_eq!(stderr(&output).matches(" is left out: its ").count(), 2, "{}", stderr(&output));
        for run in [&a, &b] {
            assert_fails(&snr_bench(dir.path(), &["show", run.to_str().unwrap()]), 1, &[why]);
        }
        for name in files {
            let [x, y] = [&a, &b].map(|run| fs::read(run.join(name)).unwrap());
            fs::write(a.join(name), y).unwrap();
            fs::write(b.join(name), x).unwrap();
        }
    }
}

#[test]
fn settings_that_are_missing_are_no_defaults() {
    let dir = two();
    let config = runs(&dir.path().join("out"))[0].join("config.toml");
    let whole = fs::read_to_string(&config).unwrap();
    fs::write(&config, "").unwrap();
    for args in [&["show", "RUN"][..], &["train", "--resume", "RUN"]] {
        let args = args.iter().map(|arg| if *arg == "RUN" { config.parent().unwrap().to_str().unwrap() } else { arg });
        let output = snr_bench(dir.path(), &args.collect::<Vec<_>>());
        assert_fails(&output, 2, &["config.toml is not the settings of a run", "it lacks batch, beta1", "optim"]);
    }
    fs::write(&config, whole.replace("lr = 0.001\n", "")).unwrap();
    is_left_out(dir.path(), "it lacks lr, and a run writes all");
    // What the program got later may be missing, at its defaults.
    let added = ["steps = 0", "schedule = \"constant\"", "warmup_steps = 0"];
    let old: String = whole.lines().filter(|line| !added.contains(line)).map(|line| format!("{line}\n")).collect();
    assert!(old.len() < whole.len());
    fs::write(&config, old.split("\n[observe]").next().unwrap()).unwrap();
    let output = snr_bench(dir.path(), &experiment(&[]));
    assert_ok(&output);
    assert_eq!(stdout(&output).matches("done already").count(), 2, "{}", stdout(&output));
}

#[track_caller]
fn is_left_out(dir: &Path, why: &str) {
    for command in ["plot", "compare", "report", "ls"] {
        let told = stderr(&snr_bench(dir, &[command, "out"]));
        assert!(told.contains(why), "{command}: no '{why}' in {told}");
    }
}

/// A cell of `metrics.csv` of the first run: `row` counts from 0, before training.
fn set_cell(dir: &Path, row: usize, column: &str, value: &str) {
    let path = runs(&dir.join("out"))[0].join("metrics.csv");
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let place = lines[0].iter().position(|name| *name == column).unwrap();
    lines[row + 1][place] = value;
    let lines: Vec<String> = lines.iter().map(|cells| cells.join(",") + "\n").collect();
    fs::write(path, lines.concat()).unwrap();
}

#[test]
fn impossible_measurements_are_told() {
    for (column, value, why) in [
        ("val_accuracy", "7.5", "line 3 has val_accuracy = 7.5, which no run writes"),
        ("val_loss", "-1.5", "line 3 has val_loss = -1.5"),
        ("val_loss", "NaN", "line 3 has val_loss = NaN"),
        ("step", "9", "line 4 has steps or samples_seen that go back"),
    ] {
        let dir = two();
        set_cell(dir.path(), 1, column, value);
        is_told(dir.path(), why);
    }
}

#[test]
fn an_altered_digit_is_told_with_and_without_a_checkpoint() {
    let dir = two();
    set_cell(dir.path(), 1, "val_accuracy", "0.995");
    is_told(dir.path(), "its metrics.csv differs from its checkpoint in epoch 1");
    let run = runs(&dir.path().join("out"))[0].clone();
    fs::remove_file(run.join("checkpoint.safetensors")).unwrap();
    is_told(dir.path(), "its metrics.csv was changed after the run had ended");
    // Of a run of before, which sealed nothing, the digit cannot be told; it stays readable.
    let meta = fs::read_to_string(run.join("meta.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&meta).unwrap();
    json.as_object_mut().unwrap().remove("sealed").expect("it is sealed");
    fs::write(run.join("meta.json"), json.to_string()).unwrap();
    assert_ok(&snr_bench(dir.path(), &["show", run.to_str().unwrap()]));
}

#[test]
fn a_run_under_another_name_is_what_it_says() {
    let dir = two();
    let run = runs(&dir.path().join("out"))[0].clone();
    fs::rename(&run, dir.path().join("mine")).unwrap();
    assert_ok(&snr_bench(dir.path(), &["show", "mine"]));
    let other = run.file_name().unwrap().to_str().unwrap().replace("-s0-", "-s1-").replace("adam", "sgd");
    let wrong = format!("{}000000", &other[..other.len() - 6]);
    fs::rename(dir.path().join("mine"), dir.path().join(&wrong)).unwrap();
    assert_fails(&snr_bench(dir.path(), &["show", &wrong]), 1, &["its name belongs to other settings"]);
    edit(&dir.path().join(&wrong).join("config.toml"), "seed = 0", "seed = 1");
    assert_fails(&snr_bench(dir.path(), &["show", &wrong]), 1, &["not what meta.json says that ran"]);
}
