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
            [&a, &b].iter().for_each(|run| fs::remove_file(run.join("checkpoint.safetensors")).unwrap());
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
    let steps = fs::read_to_string(run.join("steps.csv")).unwrap();
    fs::write(run.join("steps.csv"), steps.replacen(",0.001,", ",0.002,", 1)).unwrap();
    is_told(dir.path(), "was changed after the run had ended");
    fs::write(run.join("steps.csv"), steps).unwrap();
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

/// Every file of a folder with its contents.
fn contents(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files: Vec<_> =
        fs::read_dir(dir).unwrap().flatten().map(|entry| (entry.path(), fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn a_finished_run_without_its_rows_is_repaired_from_its_checkpoint() {
    let dir = two();
    let run = runs(&dir.path().join("out"))[0].clone();
    let before = contents(&run);
    let metrics = run.join("metrics.csv");
    let whole = fs::read(&metrics).unwrap();
    let said = "its metrics.csv was missing or cut off, and is written anew from its checkpoint";
    for damage in [None, Some(0), Some(40), Some(whole.len() - 7), Some(whole.len() - 100)] {
        match damage {
            None => fs::remove_file(&metrics).unwrap(),
            Some(length) => fs::write(&metrics, &whole[..length]).unwrap(),
        }
        if damage.is_none() {
            let told = stderr(&snr_bench(dir.path(), &["compare", "out"]));
            assert!(told.contains("it has no metrics.csv; snr-bench train --resume"), "{told}");
        }
        let output = snr_bench(dir.path(), &experiment(&[]));
        assert_ok(&output);
        assert!(stdout(&output).contains(said), "{damage:?}: {}", stdout(&output));
        assert_eq!(contents(&run), before, "{damage:?}");
    }
    fs::remove_file(&metrics).unwrap();
    let output = snr_bench(dir.path(), &["train", "--resume", run.to_str().unwrap()]);
    assert_ok(&output);
    assert!(stderr(&output).contains(said) && stdout(&output).contains("nothing is left to train"), "{output:?}");
    assert_eq!(contents(&run), before);
    // Without a checkpoint nothing has the rows.
    fs::remove_file(&metrics).unwrap();
    fs::remove_file(run.join("checkpoint.safetensors")).unwrap();
    let output = snr_bench(dir.path(), &experiment(&[]));
    assert_fails(&output, 1, &["its metrics.csv is missing or cut off, and there is no intact checkpoint"]);
}

#[test]
fn resuming_a_run_that_has_ended_changes_nothing_on_disk() {
    let dir = two();
    let run = runs(&dir.path().join("out"))[0].clone();
    fs::remove_file(run.join(".lock")).unwrap(); // as in git
    let before = contents(&run);
    let output = snr_bench(dir.path(), &["train", "--resume", run.to_str().unwrap(), "--threads", "1"]);
    assert_ok(&output);
    assert!(stdout(&output).starts_with("nothing is left to train: adam after 2 epochs"), "{}", stdout(&output));
    assert_eq!(contents(&run), before);
}

#[test]
fn force_discards_only_the_runs_that_are_named() {
    let dir = two();
    let [a, b] = [0, 1].map(|i| runs(&dir.path().join("out"))[i].clone());
    let before = contents(&b);
    let meta = fs::read(a.join("meta.json")).unwrap();
    let name = a.file_name().unwrap().to_str().unwrap();
    let output = snr_bench(dir.path(), &experiment(&["--force", name, "--threads", "1"]));
    assert_ok(&output);
    assert_eq!(stdout(&output).matches("done already").count(), 1, "{}", stdout(&output));
    assert_eq!(contents(&b), before);
    assert_ne!(fs::read(a.join("meta.json")).unwrap(), meta);
    // No sentence advises it for more than one directory that it names.
    fs::write(a.join("checkpoint.safetensors"), "damaged").unwrap();
    edit(&a.join("meta.json"), "finished", "running");
    let told = stderr(&snr_bench(dir.path(), &experiment(&[])));
    assert!(told.contains("delete the folder of this one run to repeat it") && !told.contains("--force"), "{told}");
    assert_eq!(contents(&b), before);
}

#[test]
fn a_stray_file_hides_no_runs_and_a_failed_start_leaves_nothing() {
    let dir = two();
    fs::write(dir.path().join("out/metrics.csv"), "a,b\n1,2\n").unwrap();
    let output = snr_bench(dir.path(), &["ls", "out"]);
    assert_ok(&output);
    assert!(stdout(&output).contains("2 runs") && stderr(&output).contains("skipped out/metrics.csv"), "{output:?}");
    let none = ["train", "--out", "new", "--dataset", "idx:nowhere"];
    assert_ne!(snr_bench(dir.path(), &none).status.code(), Some(0));
    assert_fails(
        &snr_bench(dir.path(), &["train", "--out", "new", "--dataset", "digits", "--train-subset", "60001"]),
        2,
        &["60001"],
    );
    assert!(!dir.path().join("new").exists());
}
