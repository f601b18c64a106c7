//! Several processes that do one experiment: none repeats or loses a run.
#![cfg(unix)] // signals

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{Background, assert_fails, assert_ok, losses, runs, snr_bench, stdout};
use rustix::process::Signal;
use snr_bench::run_dir::{CHECKPOINT, Meta, State};
use tempfile::{TempDir, tempdir};

const FILE: &str = "optim = ['adam', 'snradam']\nseed = [5, 6, 7]\ndataset = 'digits'\ntrain_subset = 300\nepochs = 40\n\
    batch = 100\nmodel = { patch_size = 14, embed_dim = 16, depth = 1 }\n";

const TUNE: &str = "[tune]\nseeds = [0, 1]\nvalidation = 'holdout:200'\ngrow = 1\nlr = [1e-4, 1e-3]\n";

/// An experiment's file in a folder of its own.
fn file(text: &str) -> TempDir {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("e.toml"), text).unwrap();
    dir
}

fn part(part: &str) -> [&str; 7] {
    ["run", "e.toml", "--out", "out", "--threads=1", "--part", part]
}

/// How these parts ended, which ran at the same time.
fn at_once(dir: &TempDir, parts: &[&str]) -> Vec<Output> {
    let processes: Vec<_> = parts.iter().map(|name| Background::start(dir.path(), &part(name))).collect();
    processes.into_iter().map(Background::end).collect()
}

/// Both folders hold the same runs and say the same.
#[track_caller]
fn assert_same(a: &TempDir, b: &TempDir, folders: &[&str]) {
    for folder in folders {
        let (a, b) = (runs(&a.path().join(folder)), runs(&b.path().join(folder)));
        let measured = |runs: &[std::path::PathBuf]| {
            let runs = runs.iter().filter(|run| run.join("meta.json").exists());
            runs.map(|run| (run.file_name().unwrap().to_owned(), losses(run))).collect::<Vec<_>>()
        };
        assert!(!measured(&a).is_empty());
        assert_eq!(measured(&a), measured(&b));
        let ended = |run: &std::path::PathBuf| Meta::read(run).is_ok_and(|meta| meta.state == State::Finished);
        assert!(a.iter().filter(|run| run.join("meta.json").exists()).all(ended));
    }
    let told = |dir: &TempDir| stdout(&snr_bench(dir.path(), &["compare", "out"]));
    assert_eq!(told(a), told(b));
    let plan = |dir: &TempDir| fs::read_to_string(dir.path().join("out/plan.toml")).unwrap();
    assert_eq!(plan(a), plan(b));
}

/// How often the outputs say that a run was trained.
fn trained(outputs: &[Output]) -> usize {
    outputs.iter().map(|output| stdout(output).matches(": finished in").count()).sum()
}

#[test]
fn parts_at_once_of_which_one_is_killed_give_the_bytes_of_one_command() {
    let whole = file(FILE);
    assert_ok(&snr_bench(whole.path(), &["run", "e.toml", "--out", "out", "--quiet"]));

    let dir = file(FILE);
    let folder = dir.path().join("out");
    let mut killed = Background::start(dir.path(), &part("1/3"));
    killed.until(|| runs(&folder).iter().any(|run| run.join(CHECKPOINT).exists()));
    let others: Vec<_> = ["2/3", "3/3"].iter().map(|name| Background::start(dir.path(), &part(name))).collect();
    killed.signal(Signal::KILL);
    let mut outputs = vec![killed.end()];
    assert_eq!(outputs[0].status.code(), None, "it was killed");
    outputs.extend(others.into_iter().map(Background::end));
    // its runs were taken over; one that is still in work elsewhere at the end is left to whoever has it
    for output in &outputs[1..] {
        assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
    }
    assert!(outputs[1..].iter().any(|output| output.status.success()), "whoever ends last concludes");
    assert_eq!(trained(&outputs), 6, "every run once");
    assert!(folder.join("report.html").exists() && folder.join("figures").exists());
    assert_same(&dir, &whole, &["out"]);

    let again = snr_bench(dir.path(), &part("1/3"));
    assert_ok(&again);
    assert_eq!(stdout(&again).matches("done already").count(), 6, "{}", stdout(&again));
}

#[test]
fn what_another_process_holds_is_left_to_it() {
    let dir = file(&FILE.replace("epochs = 40", "epochs = 1"));
    let held = dir.path().join("out").join(names(&dir, &[])[0].clone());
    fs::create_dir_all(&held).unwrap();
    let lock = fs::File::create(held.join(".lock")).unwrap();
    lock.lock().unwrap();
    let output = snr_bench(dir.path(), &part("1/2"));
    assert_fails(&output, 4, &[]);
    assert_eq!(trained(std::slice::from_ref(&output)), 5, "its own and the other part's");
    let text = stdout(&output);
    assert!(text.contains("in work elsewhere, in out/") && text.contains("1 run is in work elsewhere"), "{text}");
    assert!(!dir.path().join("out/report.html").exists());
    drop(lock);
    let output = snr_bench(dir.path(), &part("2/2"));
    assert_ok(&output);
    assert_eq!(trained(&[output]), 1);
    assert!(dir.path().join("out/report.html").exists());
}

/// Names of the runs that a dry run lists.
fn names(dir: &TempDir, more: &[&str]) -> Vec<String> {
    let output = snr_bench(dir.path(), &[&["run", "e.toml", "--out", "out", "--dry-run"], more].concat());
    assert_ok(&output);
    let text = stdout(&output);
    let lines = text.lines().filter(|line| line.starts_with("digits-"));
    lines.map(|line| line.split(' ').next().unwrap().to_string()).collect()
}

#[test]
fn a_dry_run_lists_what_is_a_parts_own() {
    let dir = file(FILE);
    let parts = ["1/4", "2/4", "3/4", "4/4"].map(|part| names(&dir, &["--part", part]));
    assert_eq!(parts.concat(), names(&dir, &[]), "each run in one part");
    assert!(parts.iter().all(|part| (1..=2).contains(&part.len())), "{parts:?}");
    let output = snr_bench(dir.path(), &["run", "e.toml", "--dry-run", "--part", "1/13"]);
    assert!(stdout(&output).starts_with("no run of its own in results/e\n"), "{}", stdout(&output));
    for (args, said) in [
        (["--part", "0/4"], "2/8 is the second of eight parts"),
        (["--part", "5/4"], "write I/N, with I from 1 to N"),
        (["--part=1/4", "--force=a-run"], "cannot be used with"),
    ] {
        assert_fails(&snr_bench(dir.path(), &[&["run", "e.toml"], &args[..]].concat()), 2, &[said]);
    }
}

#[test]
fn stages_of_tuning_wait_for_each_other() {
    let text = [&FILE.replace("epochs = 40", "epochs = 2"), TUNE].concat();
    let whole = file(&text);
    assert_ok(&snr_bench(whole.path(), &["run", "e.toml", "--out", "out", "--quiet"]));

    let dir = file(&text);
    let first = at_once(&dir, &["1/2", "2/2"]);
    assert!(first.iter().all(|output| output.status.code() == Some(4)), "a stage a call: {first:?}");
    assert!(first.iter().any(|output| stdout(output).contains("this stage of tuning is done; repeat the command")));
    assert!(!dir.path().join("out/report.html").exists());
    let mut outputs = first;
    // trials, trials of the grid that has grown, judged runs; and a call that finds all of it done
    for call in 0.. {
        let ended = at_once(&dir, &["1/2", "2/2"]);
        assert!(ended.iter().all(|output| matches!(output.status.code(), Some(0 | 4))), "{ended:?}");
        let is_done = ended.iter().all(|output| output.status.success());
        outputs.extend(ended);
        if is_done {
            break;
        }
        assert!(call < 3);
    }
    assert_eq!(trained(&outputs), 12 + 6, "every run once");
    assert_same(&dir, &whole, &["out", "out/tune"]);
    let chosen = |dir: &Path| fs::read(dir.join("out/chosen.toml")).unwrap();
    assert_eq!(chosen(dir.path()), chosen(whole.path()));
}
