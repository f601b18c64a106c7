//! What the program says of itself and of its runs: `show`, meta.json, and the revision that it was built from.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{TINY, assert_fails, assert_ok, program, snr_bench, stdout, train};
use snr_bench::run_dir::{Meta, State};
use tempfile::tempdir;

/// The lines of `show`.
#[track_caller]
fn show(dir: &Path, run: &str) -> String {
    let output = snr_bench(dir, &["show", run]);
    assert_ok(&output);
    stdout(&output)
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(text.contains(part), "no {part:?} in: {text}"));
}

#[test]
fn meta_says_what_ran_where() {
    let dir = tempdir().unwrap();
    assert_ok(&train(dir.path(), "run", &["--epochs", "1", "--optim", "snradam", "--threads", "1"]));
    let json: serde_json::Value = serde_json::from_slice(&fs::read(dir.path().join("run/meta.json")).unwrap()).unwrap();
    assert_eq!(json["data_files"]["train-images-idx3-ubyte"].as_str().unwrap().len(), 64);
    let is_text = |of: &serde_json::Value, key: &str| assert!(of[key].is_string() && of[key] != "", "{key}: {of}");
    ["data_hash", "config_hash"].iter().for_each(|key| is_text(&json, key));
    assert_eq!((&json["state"], &json["dataset"]), (&"finished".into(), &"digits".into()));
    let session = &json["sessions"][0];
    ["version", "candle", "host", "cpu", "simd", "platform", "device"].iter().for_each(|key| is_text(session, key));
    assert!(session["git"].is_string(), "{session}"); // empty outside git
    assert_eq!((&session["threads"], &session["from_step"], &session["to_step"]), (&1.into(), &0.into(), &3.into()));
    for time in ["start", "end"] {
        let shape = session[time].as_str().unwrap().replace(|c: char| c.is_ascii_digit(), "9");
        assert_eq!(shape, "9999-99-99T99:99:99Z");
    }
    assert_eq!((&json["config"]["centering"], &json["config"]["model"]["embed_dim"]), (&"previous".into(), &16.into()));
    let command: Vec<&str> = session["command"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    assert_eq!(command[1..6], ["train", "--out", "run", "--dataset", "digits"]);
    // All settings, as config.toml has them.
    let stored: toml::Table = fs::read_to_string(dir.path().join("run/config.toml")).unwrap().parse().unwrap();
    let meta = Meta::read(&dir.path().join("run")).unwrap();
    assert_eq!(toml::Table::try_from(meta.config).unwrap(), stored);
}

/// Steps and threads of the sessions in `meta.json`.
fn sessions(run: &Path) -> Vec<(Option<u64>, Option<u64>, Option<usize>)> {
    let sessions = Meta::read(run).unwrap().sessions;
    sessions.iter().map(|session| (session.from_step, session.to_step, session.threads)).collect()
}

#[test]
fn every_session_that_trained_is_listed() {
    let dir = tempdir().unwrap();
    let run = dir.path().join("run");
    assert_ok(&train(dir.path(), "run", &["--epochs", "1", "--threads", "1"]));
    assert_ok(&snr_bench(dir.path(), &["train", "--resume", "run", "--epochs", "3", "--threads", "2"]));
    assert_eq!(sessions(&run), [(Some(0), Some(3), Some(1)), (Some(3), Some(9), Some(2))]);
    let text = show(dir.path(), "run");
    assert_says(
        &text,
        &[", from step 0 to 3\n", ", from step 3 to 9\n", "1 thread, ", "2 threads, ", "--resume run --epochs 3"],
    );

    // A session that was killed says no end; the next one knows what it left.
    let mut meta = Meta::read(&run).unwrap();
    let killed = meta.sessions.last_mut().unwrap();
    (meta.state, killed.end, killed.to_step) = (State::Running, String::new(), None);
    fs::write(run.join("meta.json"), serde_json::to_vec(&meta).unwrap()).unwrap();
    assert_says(&show(dir.path(), "run"), &["to an end that was not written, from step 3 to one that was not written"]);
    // This one only says that the run has finished: it trained nothing.
    assert_ok(&snr_bench(dir.path(), &["train", "--resume", "run", "--threads", "1"]));
    assert_eq!(sessions(&run), [(Some(0), Some(3), Some(1)), (Some(3), Some(9), Some(2))]);
    assert_eq!(Meta::read(&run).unwrap().state, State::Finished);
}

#[test]
fn where_nothing_is_left_to_train_nothing_changes() {
    let dir = tempdir().unwrap();
    assert_ok(&train(dir.path(), "run", &["--epochs", "1", "--threads", "1"]));
    let files = || {
        let entries = fs::read_dir(dir.path().join("run")).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries
            .map(|path| (path.clone(), fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = files();
    assert_ok(&snr_bench(dir.path(), &["train", "--resume", "run", "--threads", "2"]));
    assert!(files() == before);
}

/// `meta.json` of before sessions: what it says of the machine is its only session.
#[test]
fn a_run_of_before_sessions_goes_on() {
    let dir = tempdir().unwrap();
    let run = dir.path().join("run");
    assert_ok(&train(dir.path(), "run", &["--epochs", "1"]));
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(run.join("meta.json")).unwrap()).unwrap();
    let fields = json.as_object_mut().unwrap();
    fields.remove("sessions").expect("it is new");
    fields.extend([("cpu".into(), "Old CPU".into()), ("threads".into(), 7.into()), ("git".into(), "abc".into())]);
    fs::write(run.join("meta.json"), json.to_string()).unwrap();
    assert_says(&show(dir.path(), "run"), &["session     not recorded\n", "Old CPU, 7 threads", "(abc)"]);
    assert_ok(&snr_bench(dir.path(), &["train", "--resume", "run", "--epochs", "2", "--threads", "1"]));
    assert_eq!(sessions(&run), [(None, Some(3), Some(7)), (Some(3), Some(6), Some(1))]);
    assert_says(&show(dir.path(), "run"), &["Old CPU, 7 threads", ", from step 3 to 6\n"]);
}

#[test]
fn show_tells_state_progress_settings_and_what_to_do() {
    let dir = tempdir().unwrap();
    assert_ok(&train(dir.path(), "a run", &["--epochs", "2"]));
    let text = show(dir.path(), "a run");
    assert_says(&text, &["state       finished\n", "2 of 2 epochs, 6 steps, 600 images", "validation loss"]);
    assert_says(&text, &["intact, after 2 epochs, 6 steps", "digits, hash c042b392c9701a5b", "  embed_dim = 16"]);
    assert_says(&text, &["train --out 'a run' --dataset digits", "snr-bench 0.1.0 (", "Candle 0.11"]);
    assert_says(&text, &["train it longer with: snr-bench train --resume 'a run' --epochs 4"]);

    fs::write(dir.path().join("a run/checkpoint.safetensors"), "nonsense").unwrap();
    assert_says(&show(dir.path(), "a run"), &["checkpoint  damaged: ", "cut off or not a checkpoint"]);
    fs::remove_file(dir.path().join("a run/checkpoint.safetensors")).unwrap();
    assert_says(&show(dir.path(), "a run"), &["none yet: resuming begins anew"]);

    assert_fails(&train(dir.path(), "diverged", &["--optim", "sgd", "--lr", "1e30"]), 3, &[]);
    assert_says(&show(dir.path(), "diverged"), &["state       diverged: a loss", "nothing to resume"]);
}

#[test]
fn every_state_is_shown_with_its_reason() {
    let dir = tempdir().unwrap();
    assert_ok(&train(dir.path(), "run", &["--epochs", "1"]));
    let mut meta = Meta::read(&dir.path().join("run")).unwrap();
    for (state, expected) in [
        (State::Running, "was running, but no process holds its lock: interrupted"),
        (State::Interrupted, "interrupted: because"),
        (State::Failed, "failed: because"),
    ] {
        (meta.state, meta.reason) = (state, Some("because".into()));
        fs::write(dir.path().join("run/meta.json"), serde_json::to_vec(&meta).unwrap()).unwrap();
        let text = show(dir.path(), "run");
        assert_says(&text, &[&format!("state       {expected}\n"), "go on with: snr-bench train --resume run"]);
    }
    let lock = fs::File::create(dir.path().join("run/.lock")).unwrap();
    lock.lock().unwrap();
    assert_says(&show(dir.path(), "run"), &["failed: because; a process is about to go on with it", "it is under way"]);
}

#[test]
fn what_is_no_run_is_refused() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for name in ["nowhere", "file", "."] {
        assert_fails(&snr_bench(dir.path(), &["show", name]), 1, &[name, "is not a run directory"]);
    }
    assert_ok(&train(dir.path(), "results/x/run", &["--epochs", "1"]));
    assert_fails(&snr_bench(dir.path(), &["show", "results"]), 1, &["the first of 1 runs below it is results/x/run"]);
    fs::write(dir.path().join("results/x/run/meta.json"), "{}").unwrap();
    assert_fails(&snr_bench(dir.path(), &["show", "results/x/run"]), 1, &["meta.json is not what a run writes"]);
    fs::write(dir.path().join("results/x/run/config.toml"), "lr = -1").unwrap();
    assert_fails(&snr_bench(dir.path(), &["show", "results/x/run"]), 2, &["config.toml", "lr = -1"]);
}

/// Half-removed and half-written directories: what is missing is begun anew, what is there is not overwritten.
#[test]
fn partial_directories() {
    let dir = tempdir().unwrap();
    let run = dir.path().join("run");
    let all = ["meta.json", "metrics.csv", "checkpoint.safetensors", "model.safetensors", "config.toml"];
    for kept in all {
        assert_ok(&train(dir.path(), "run", &["--epochs", "1", "--force"]));
        all.iter().filter(|name| **name != kept).for_each(|name| fs::remove_file(run.join(name)).unwrap());
        assert_fails(&train(dir.path(), "run", &["--epochs", "1"]), 1, &["holds a run already", "--force"]);
    }
    // The last one kept was config.toml alone, as it is when a run is killed before its first checkpoint.
    assert_ok(&snr_bench(dir.path(), &["train", "--resume", "run"]));
}

/// Settings raised beside a "finished" that belongs to the fewer epochs do not count as done.
#[test]
fn an_extended_run_is_never_called_finished_before_it_is() {
    let dir = tempdir().unwrap();
    let full_batch = |epochs| {
        let args = [&["full-batch", "--optim", "adam", "--out", "out", "--epochs", epochs], &TINY[..12]].concat();
        snr_bench(dir.path(), &args)
    };
    assert_ok(&full_batch("1"));
    // As a kill between the two files would leave them.
    let run = fs::read_dir(dir.path().join("out")).unwrap().flatten().map(|entry| entry.path());
    let config = run.into_iter().map(|path| path.join("config.toml")).find(|path| path.exists()).unwrap();
    let raised = fs::read_to_string(&config).unwrap().replace("epochs = 1", "epochs = 2");
    fs::write(&config, raised).unwrap();
    let again = full_batch("2");
    assert_ok(&again);
    assert!(!stdout(&again).contains("done already"), "{}", stdout(&again));
    assert!(stdout(&full_batch("2")).contains("done already"));
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_utf8_are_no_panic() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"run \xff");
    let run = |args: &[&str]| program(dir.path()).args(args).arg(name).output().unwrap();
    assert_ok(&run(&[&["train", "--json", "--epochs", "1"], &TINY[..], &["--out"]].concat()));
    assert_ok(&run(&["show"]));
    assert_ok(&run(&["plot"]));
    assert_ok(&run(&["train", "--resume"]));
    assert_eq!(Meta::read(&dir.path().join(name)).unwrap().state, State::Finished);
}

/// Compiles build.rs alone and asks it in a clone, a worktree, and outside git.
#[test]
fn the_revision_is_that_of_the_sources() {
    let dir = tempdir().unwrap();
    let program = dir.path().join("build");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled = Command::new(rustc).args(["--edition", "2024", "-o"]).arg(&program).arg(source).status().unwrap();
    assert!(compiled.success());
    let run = |at: &Path, command: &Path, args: &[&str]| {
        let output = Command::new(command).args(args).current_dir(at).env_remove("GIT_DIR").output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let git = |at: &Path, args: &[&str]| {
        let own = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"];
        run(at, Path::new("git"), &[&own, args].concat()).trim().to_string()
    };
    let revision = |at: &Path| {
        let text = run(at, &program, &[]);
        text.lines().find_map(|line| line.strip_prefix("cargo::rustc-env=SNR_BENCH_GIT=")).unwrap().to_string()
    };

    let clone = dir.path().join("clone");
    fs::create_dir_all(clone.join("src")).unwrap();
    assert_eq!(revision(&clone), "", "outside git");
    git(&clone, &["init", "-q"]);
    fs::write(clone.join("src/lib.rs"), "").unwrap();
    git(&clone, &["add", "."]);
    git(&clone, &["commit", "-qm", "one"]);
    let commit = git(&clone, &["rev-parse", "--short=12", "HEAD"]);
    assert_eq!(revision(&clone), commit);
    fs::write(clone.join("notes.txt"), "not a source").unwrap();
    assert_eq!(revision(&clone), commit);
    fs::write(clone.join("src/new.rs"), "").unwrap();
    assert_eq!(revision(&clone), format!("{commit}-dirty"), "an untracked source");
    fs::remove_file(clone.join("src/new.rs")).unwrap();
    fs::write(clone.join("src/lib.rs"), "// changed").unwrap();
    assert_eq!(revision(&clone), format!("{commit}-dirty"), "a changed source");

    let worktree = dir.path().join("worktree");
    git(&clone, &["worktree", "add", "-q", worktree.to_str().unwrap()]);
    assert_eq!(revision(&worktree), commit);
    assert!(run(&worktree, &program, &[]).contains("worktrees/worktree/logs/HEAD"), "a commit there must be noticed");

    let inside = clone.join("unpacked");
    fs::create_dir_all(inside.join("src")).unwrap();
    assert_eq!(revision(&inside), "", "the revision of a foreign repository around it says nothing");
}
