//! The built program at the command line: settings, runs, and what it says of bad input.

mod common;

use std::fs;
#[cfg(unix)]
use std::process::Stdio;

use common::{TINY, assert_fails, assert_ok, losses, program, snr_bench, stderr, stdout, train};
use snr_bench::run_dir::{CHECKPOINT, read_config};
use snr_bench::train::checkpoint::Checkpoint;
use tempfile::tempdir;

#[test]
fn dry_run_prints_settings_that_can_be_fed_back() {
    let dir = tempdir().unwrap();
    for optim in ["adam", "snradam", "adabelief", "sgd"] {
        let args =
            ["train", "--dry-run", "--optim", optim, "--batch", "full", "--validation", "holdout:5000", "--lr", "3e-4"];
        let first = snr_bench(dir.path(), &args);
        assert_ok(&first);
        fs::write(dir.path().join("again.toml"), &first.stdout).unwrap();
        let second = snr_bench(dir.path(), &["train", "--dry-run", "--config", "again.toml"]);
        assert_ok(&second);
        assert_eq!(stdout(&first), stdout(&second));
        assert!(
            stdout(&first).contains("batch = \"full\"") && stdout(&first).contains("lr = 0.0003"),
            "{}",
            stdout(&first)
        );
    }
}

#[test]
fn defaults_are_the_articles() {
    let dir = tempdir().unwrap();
    let text = stdout(&snr_bench(dir.path(), &["train", "--dry-run", "--optim", "snradam"]));
    for line in [
        "dataset = \"mnist\"",
        "validation = \"test\"",
        "epochs = 20",
        "batch = 4096",
        "lr = 0.001",
        "weight_decay = 0.0",
        "beta1 = 0.9",
        "beta2 = 0.999",
        "eps = 0.00000001",
        "centering = \"previous\"",
        "embed_dim = 64",
    ] {
        assert!(text.lines().any(|l| l == line), "no {line} in {text}");
    }
}

#[test]
fn flags_win_over_set_over_file_over_defaults() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("a.toml"), "lr = 0.1\nbeta1 = 0.1\nbeta2 = 0.1\n[model]\ndepth = 3\nnum_heads = 2")
        .unwrap();
    let args =
        ["train", "--dry-run", "--config", "a.toml", "--set", "beta1=0.2", "--set", "beta2=0.2", "--beta2", "0.3"];
    let text = stdout(&snr_bench(dir.path(), &[&args[..], &["--set", "model.depth=4"]].concat()));
    for line in ["lr = 0.1", "beta1 = 0.2", "beta2 = 0.3", "depth = 4", "num_heads = 2", "epochs = 20"] {
        assert!(text.lines().any(|l| l == line), "no {line} in {text}");
    }
}

#[test]
fn impossible_and_unknown_settings_are_refused_by_name() {
    let dir = tempdir().unwrap();
    for (args, parts) in [
        (vec!["--batch", "0"], vec!["batch", "0", "positive number"]),
        (vec!["--batch", "many"], vec!["batch", "many", "'full'"]),
        (vec!["--lr", "-1"], vec!["lr = -1", "0 or more"]),
        (vec!["--lr", "nan"], vec!["lr = NaN"]),
        (vec!["--beta1", "1"], vec!["beta1 = 1", "less than 1"]),
        (vec!["--beta2", "1.5"], vec!["beta2 = 1.5", "less than 1"]),
        (vec!["--eps=-1e-8"], vec!["eps = ", "0 or more"]),
        (vec!["--weight-decay", "-0.1"], vec!["weight_decay = -0.1"]),
        (vec!["--optim", "sgd", "--momentum", "2"], vec!["momentum = 2"]),
        (vec!["--momentum", "0.5"], vec!["unknown setting 'momentum' (optimizer adam)"]),
        (vec!["--optim", "snradm"], vec!["unknown optimizer 'snradm'", "did you mean 'snradam'?"]),
        (vec!["--optim", "snradam", "--centering", "middle"], vec!["middle", "previous"]),
        (vec!["--set", "model.num_heads=5"], vec!["model.num_heads = 5", "model.embed_dim = 64"]),
        (vec!["--set", "model.patch_size=5"], vec!["model.patch_size = 5", "does not divide"]),
        (vec!["--set", "model.depth=0"], vec!["model.depth = 0"]),
        (vec!["--set", "model.mlp_ratio=-1"], vec!["model.mlp_ratio = -1"]),
        (vec!["--set", "model.embed_dim=4000000000000000000"], vec!["million"]),
        (vec!["--set", "model.depht=2"], vec!["unknown setting 'depht'", "did you mean 'depth'?"]),
        (vec!["--set", "epoch=2"], vec!["unknown setting 'epoch'", "did you mean 'epochs'?"]),
        (vec!["--set", "epochs"], vec!["--set epochs", "key=value"]),
        (vec!["--set", "epochs=-1"], vec!["epochs"]),
        (vec!["--set", "model=3"], vec!["model = 3"]),
        (vec!["--validation", "holdout:0"], vec!["holdout:0"]),
        (vec!["--dataset", "digits", "--validation", "holdout:60000"], vec!["holdout:60000", "60000"]),
        (vec!["--dataset", "digits", "--train-subset", "60001"], vec!["train_subset = 60001", "60000"]),
        (vec!["--threads", "0"], vec!["--threads 0"]),
        (vec!["--device", "tpu"], vec!["--device tpu"]),
        (vec!["--seed", "18446744073709551615"], vec!["seed"]),
        (vec!["--config", "missing.toml", "--resume", "x"], vec!["cannot be used with"]),
    ] {
        let output = snr_bench(dir.path(), &[&["train"], &args[..]].concat());
        assert_fails(&output, 2, &parts);
    }
}

#[test]
fn a_bad_configuration_file_is_named() {
    let dir = tempdir().unwrap();
    assert_fails(&snr_bench(dir.path(), &["train", "--config", "gone.toml"]), 1, &["gone.toml", "cannot read"]);
    fs::write(dir.path().join("bad.toml"), "lr = = 3").unwrap();
    assert_fails(&snr_bench(dir.path(), &["train", "--config", "bad.toml"]), 2, &["bad.toml", "not TOML", "line 1"]);
    fs::write(dir.path().join("lists.toml"), "lr = [0.1, 0.2]").unwrap();
    assert_fails(&snr_bench(dir.path(), &["train", "--config", "lists.toml"]), 2, &["lr", "list", "snr-bench run"]);
    fs::write(dir.path().join("binary.toml"), [0xff, 0xfe, 0x00]).unwrap();
    assert_fails(&snr_bench(dir.path(), &["train", "--config", "binary.toml"]), 1, &["binary.toml"]);
}

#[test]
fn a_run_leaves_its_directory_and_one_json_object() {
    let dir = tempdir().unwrap();
    let output = train(dir.path(), "run", &["--epochs", "2", "--optim", "snradam", "--json"]);
    assert_ok(&output);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else");
    assert_eq!(json["state"], "finished");
    assert_eq!(json["directory"], "run");
    assert_eq!(json["config"]["optim"], "snradam");
    let run = dir.path().join("run");
    let text = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "epoch,step,samples_seen,lr,train_loss,train_accuracy,val_loss,val_accuracy,grad_norm,update_norm,param_norm,epoch_seconds,wall_seconds"
    );
    // Row 0 is the evaluation before training; 300 images in batches of 128 are 3 steps, the last one of 44.
    assert!(lines[1].starts_with("0,0,0,0.001,,,2."), "{}", lines[1]);
    assert!(lines[2].starts_with("1,3,300,0.001,2."), "{}", lines[2]);
    assert!(lines[3].starts_with("2,6,600,0.001,"), "{}", lines[3]);
    assert_eq!(lines.len(), 4);
    let meta: serde_json::Value = serde_json::from_slice(&fs::read(run.join("meta.json")).unwrap()).unwrap();
    assert_eq!(meta["state"], "finished");
    assert_eq!(meta["dataset"], "digits");
    assert_eq!(meta["data_hash"].as_str().unwrap().len(), 64);
    for file in ["config.toml", "checkpoint.safetensors", "model.safetensors"] {
        assert!(run.join(file).is_file(), "{file}");
    }
}

#[test]
fn plain_output_has_a_line_an_epoch_and_quiet_none() {
    let dir = tempdir().unwrap();
    let output = train(dir.path(), "a", &["--epochs", "1"]);
    assert_ok(&output);
    let text = stdout(&output);
    assert_eq!(text.lines().filter(|l| l.starts_with("epoch ")).count(), 2, "{text}");
    assert!(text.trim_end().ends_with('a') && text.contains("adam after 1 epochs"), "{text}");
    let output = train(dir.path(), "b", &["--epochs", "1", "--quiet"]);
    assert_ok(&output);
    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), ("", ""));
}

#[test]
fn the_same_seed_gives_the_same_bits_for_any_number_of_threads() {
    let dir = tempdir().unwrap();
    for threads in ["1", "2", "3"] {
        assert_ok(&train(dir.path(), threads, &["--epochs", "2", "--threads", threads]));
    }
    let one = losses(&dir.path().join("1"));
    assert_eq!(one, losses(&dir.path().join("2")));
    assert_eq!(one, losses(&dir.path().join("3")));
    assert_ok(&train(dir.path(), "other", &["--epochs", "2", "--seed", "1"]));
    assert_ne!(one, losses(&dir.path().join("other")));
}

#[test]
fn optimizers_start_from_the_same_parameters_and_see_the_same_batches() {
    let dir = tempdir().unwrap();
    for optim in ["adam", "snradam"] {
        // With learning rate 0 nothing moves, which is a failed run: equal losses mean equal parameters and equal batches.
        assert_fails(&train(dir.path(), optim, &["--epochs", "1", "--optim", optim, "--lr", "0"]), 3, &[]);
    }
    assert_eq!(losses(&dir.path().join("adam")), losses(&dir.path().join("snradam")));
}

#[test]
fn a_run_directory_is_not_overwritten_by_accident() {
    let dir = tempdir().unwrap();
    assert_ok(&train(dir.path(), "run", &["--epochs", "1"]));
    assert_fails(&train(dir.path(), "run", &["--epochs", "1"]), 1, &["run holds a run already", "--resume", "--force"]);
    assert_ok(&train(dir.path(), "run", &["--epochs", "1", "--force", "--seed", "5"]));
    assert!(fs::read_to_string(dir.path().join("run/config.toml")).unwrap().contains("seed = 5"));
}

#[test]
fn a_resumed_and_extended_run_has_the_bits_of_an_undisturbed_one() {
    let dir = tempdir().unwrap();
    assert_ok(&train(dir.path(), "whole", &["--epochs", "4", "--optim", "snradam"]));
    assert_ok(&train(dir.path(), "parts", &["--epochs", "1", "--optim", "snradam"]));
    let resumed = snr_bench(dir.path(), &["train", "--resume", "parts", "--epochs", "4", "--threads", "1"]);
    assert_ok(&resumed);
    assert_eq!(losses(&dir.path().join("whole")), losses(&dir.path().join("parts")));
    let refused = snr_bench(dir.path(), &["train", "--resume", "parts", "--epochs", "4", "--lr", "0.5"]);
    assert_fails(&refused, 1, &["lr: 0.001 there, 0.5 now asked for", "only the number of epochs may change"]);
    assert_fails(
        &snr_bench(dir.path(), &["train", "--resume", "parts", "--epochs", "2"]),
        1,
        &["has 4 epochs already"],
    );
    assert_fails(&snr_bench(dir.path(), &["train", "--resume", "nowhere"]), 1, &["nowhere", "no run"]);
}

#[test]
fn divergence_is_recorded_and_has_its_exit_code() {
    let dir = tempdir().unwrap();
    let output = train(dir.path(), "run", &["--epochs", "3", "--optim", "sgd", "--lr", "1e30"]);
    assert_fails(&output, 3, &[]);
    assert!(stdout(&output).contains("FAILED (diverged)"), "{}", stdout(&output));
    let meta: serde_json::Value = serde_json::from_slice(&fs::read(dir.path().join("run/meta.json")).unwrap()).unwrap();
    assert_eq!(meta["state"], "diverged");
    let rows = losses(&dir.path().join("run"));
    assert!(rows.len() >= 3 && rows[1].starts_with("0,0,0,"), "{rows:?}");
    let resumed = snr_bench(dir.path(), &["train", "--resume", "run"]);
    assert_fails(&resumed, 1, &["diverged", "nothing to resume"]);

    // Under more epochs it is the same: recorded, and no failure.
    assert_fails(&snr_bench(dir.path(), &["train", "--resume", "run", "--epochs", "5"]), 3, &[]);
    assert_eq!(losses(&dir.path().join("run")), rows);
    let meta: serde_json::Value = serde_json::from_slice(&fs::read(dir.path().join("run/meta.json")).unwrap()).unwrap();
    assert_eq!((meta["state"].as_str(), meta["config"]["epochs"].as_u64()), (Some("diverged"), Some(5)));

    // Killed between its checkpoint and its state, it says so when it goes on.
    let running = meta.to_string().replace("\"diverged\"", "\"running\"");
    fs::write(dir.path().join("run/meta.json"), running).unwrap();
    assert_fails(&snr_bench(dir.path(), &["train", "--resume", "run"]), 3, &[]);
    assert_fails(&snr_bench(dir.path(), &["train", "--resume", "run"]), 1, &["nothing to resume"]);
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_changes_no_exit_code() {
    let dir = tempdir().unwrap();
    let diverging = ["--epochs", "2", "--optim", "sgd", "--lr", "1e30"];
    for command in [&["train", "--out", "run"][..], &["full-batch", "--out", "runs"]] {
        let mut child = program(dir.path())
            .args([command, &TINY[..12], &diverging].concat())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(3), "{command:?}");
    }
}

#[test]
fn flags_win_over_a_file_in_bench_too() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("mine.toml"), "optim = 'sgd'\nbatch = 99999\n[model]\ndepth = 1").unwrap();
    let args = ["bench", "--config", "mine.toml", "--batch", "32", "--seconds", "0", "--json"];
    let output = snr_bench(dir.path(), &args);
    assert_ok(&output);
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["batch"], 32);
}

#[test]
fn a_run_in_the_middle_of_an_epoch_does_not_end_before_it() {
    let dir = tempdir().unwrap();
    assert_ok(&train(dir.path(), "run", &["--epochs", "2"]));
    let path = dir.path().join("run").join(CHECKPOINT);
    let mut progress = Checkpoint::read(&path).unwrap().progress;
    let spec = read_config(&dir.path().join("run")).unwrap();
    progress.check_settings(&spec, &path).unwrap();
    progress.epoch.batches = 1;
    let error = progress.check_settings(&spec, &path).unwrap_err().to_string();
    assert!(error.contains("has 2 epochs already and part of the next, more than the 2 asked for"), "{error}");
}

#[test]
fn folders_that_cannot_be_written_are_named() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    assert_fails(&train(dir.path(), "file/run", &[]), 1, &["file/run", "--out"]);
    assert_fails(&train(dir.path(), "file", &[]), 1, &["file", "--out"]);
    let gone = [&["full-batch", "--out", "file", "--epochs", "1", "--optim", "adam"], &TINY[..12]].concat();
    assert_fails(&snr_bench(dir.path(), &gone), 1, &["cannot make the folder file", "--out"]);
}

#[test]
fn a_run_directory_in_use_is_refused() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("run")).unwrap();
    let lock = fs::File::create(dir.path().join("run/.lock")).unwrap();
    lock.lock().unwrap();
    assert_fails(&train(dir.path(), "run", &[]), 1, &["another process is working in run"]);
    drop(lock);
    assert_ok(&train(dir.path(), "run", &["--epochs", "1"]));
}

#[test]
fn a_run_that_ends_no_better_than_it_began_has_failed() {
    let dir = tempdir().unwrap();
    let output = train(dir.path(), "run", &["--epochs", "2", "--optim", "adam", "--lr", "10"]);
    assert_fails(&output, 3, &[]);
    assert!(stdout(&output).contains("FAILED: no better than before training"), "{}", stdout(&output));
    let meta = fs::read_to_string(dir.path().join("run/meta.json")).unwrap();
    assert!(meta.contains("\"state\": \"finished\""), "the judgement is the analysis's: {meta}");
}

#[test]
fn full_batch_compares_the_optimizers_and_draws_them() {
    let dir = tempdir().unwrap();
    let args = [&["full-batch", "--epochs", "2", "--optim", "adam,snradam", "--seed", "0,1"], &TINY[..12]].concat();
    let first = snr_bench(dir.path(), &args);
    assert_ok(&first);
    let figures: Vec<_> = fs::read_dir(dir.path().join("results/full-batch/figures")).unwrap().collect();
    assert!(figures.len() >= 4, "{figures:?}");
    let again = snr_bench(dir.path(), &args);
    assert_ok(&again);
    assert_eq!(stdout(&again).matches("done already").count(), 4, "{}", stdout(&again));
    assert_ok(&snr_bench(dir.path(), &["plot", "results"]));
}

#[test]
fn a_diverged_run_does_not_stop_an_experiment() {
    let dir = tempdir().unwrap();
    let args =
        [&["full-batch", "--epochs", "3", "--optim", "sgd,adam", "--set", "lr=[1e30, 1e-3]"], &TINY[..12]].concat();
    let output = snr_bench(dir.path(), &args);
    assert_fails(&output, 3, &[]);
    assert!(
        stdout(&output).contains("Adam, lr 1e30, seed 0") && stdout(&output).contains("FAILED: diverged"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn completions_and_help() {
    let dir = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = snr_bench(dir.path(), &["completions", shell]);
        assert_ok(&output);
        assert!(stdout(&output).contains("full-batch"), "{shell}");
    }
    let help = stdout(&snr_bench(dir.path(), &["--help"]));
    assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
}

#[test]
fn without_data_the_error_names_the_two_ways_out() {
    let dir = tempdir().unwrap();
    let output = snr_bench(dir.path(), &["data", "--offline", "--data-dir", "nowhere"]);
    assert_fails(&output, 1, &["nowhere/mnist", "train-images-idx3-ubyte", "--dataset digits"]);
}
