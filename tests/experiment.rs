//! Experiments: several runs at once, what a dry run says, and `reproduce`.
#![cfg(unix)] // signals

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use common::{Background, TINY, assert_fails, assert_ok, losses, runs, snr_bench, stderr, stdout};
use rustix::process::Signal;
use snr_bench::run_dir::{CHECKPOINT, Meta, State};
use snr_bench::train::checkpoint::Checkpoint;
use tempfile::tempdir;

/// Four runs into `out`.
fn four<'a>(out: &'a str, epochs: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let lists = ["full-batch", "--set", "batch=60", "--epochs", epochs, "--optim", "adam,snradam", "--seed", "0,1"];
    // Two runs at once have a thread each, on any machine.
    [&lists[..], &TINY[..12], &["--threads", "2", "--out", out], more].concat()
}

/// What [`four`] gives with one run at a time, made once.
fn whole() -> &'static Path {
    static WHOLE: OnceLock<PathBuf> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("experiment");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        assert_ok(&snr_bench(&folder, &four("whole", "40", &["--quiet"])));
        folder.join("whole")
    })
}

#[track_caller]
fn assert_same(folder: &Path, whole: &Path) {
    assert_eq!(runs(folder).len(), 4);
    for run in runs(folder) {
        assert_eq!(losses(&run), losses(&whole.join(run.file_name().unwrap())), "{}", run.display());
        assert_eq!(Meta::read(&run).unwrap().state, State::Finished);
    }
}

/// Every file below `folder` with its length and time.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let meta = entry.metadata().unwrap();
        if meta.is_dir() {
            files.extend(snapshot(&entry.path()));
        }
        files.insert(entry.path(), (meta.len(), meta.modified().unwrap()));
    }
    files
}

#[test]
fn two_at_once_give_the_bits_of_one_at_a_time() {
    let dir = tempdir().unwrap();
    let output = snr_bench(dir.path(), &four("two", "40", &["--jobs", "2"]));
    assert_ok(&output);
    assert_same(&dir.path().join("two"), whole());
    let text = stdout(&output);
    assert!(text.starts_with("2 runs at once, 1 thread each\n"), "{text}");
    for run in ["[1/4] Adam, seed 0", "[2/4] SNRAdam, seed 0", "[3/4] Adam, seed 1", "[4/4] SNRAdam, seed 1"] {
        for part in [" → two/digits-", "  epoch  40/40  train loss", ": finished in "] {
            assert!(text.contains(&format!("{run}{part}")), "no {run}{part} in {text}");
        }
    }
    assert!(runs(&dir.path().join("two")).iter().all(|run| Meta::read(run).unwrap().sessions[0].threads == Some(1)));
}

#[test]
fn one_that_fails_and_one_that_diverges_do_not_stop_the_others() {
    let dir = tempdir().unwrap();
    let lists = ["full-batch", "--out", "out", "--jobs", "2", "--epochs", "2", "--optim", "sgd", "--seed", "0,1"];
    let args = [&lists[..], &["--set", "lr=[1e30, 1e-3]"], &TINY[..12]].concat();
    let plan = stdout(&snr_bench(dir.path(), &[&args[..], &["--dry-run"]].concat()));
    let name = plan.lines().find(|line| line.contains("lr 0.001, seed 0")).unwrap().split(' ').next().unwrap();
    let locked = dir.path().join("out").join(name);
    fs::create_dir_all(&locked).unwrap();
    let lock = fs::File::create(locked.join(".lock")).unwrap();
    lock.lock().unwrap();

    let output = snr_bench(dir.path(), &args);
    assert_fails(&output, 4, &[]);
    assert!(stdout(&output).contains("lr 0.001, seed 0: in work elsewhere, in out/"), "{}", stdout(&output));
    assert!(stdout(&output).contains("1 run is in work elsewhere; the process that ends last"), "{}", stdout(&output));
    assert!(!dir.path().join("out/report.html").exists(), "whoever ends last draws the conclusion");
    assert_eq!(stdout(&output).matches(": FAILED: diverged in epoch").count(), 2, "{}", stdout(&output));
    assert_eq!(stdout(&output).matches(": finished in").count(), 1, "{}", stdout(&output));
    let blocked = stdout(&snr_bench(dir.path(), &[&args[..], &["--dry-run"]].concat()));
    assert!(blocked.contains("4 runs: 3 done, 1 in work elsewhere"), "{blocked}");
    assert!(blocked.contains("done: diverged"), "{blocked}");

    drop(lock);
    let output = snr_bench(dir.path(), &args);
    assert_fails(&output, 3, &[]);
    assert_eq!(stdout(&output).matches("done already").count(), 3, "{}", stdout(&output));
    assert_fails(&snr_bench(dir.path(), &args), 3, &[]);

    // Under more epochs a diverged run is as diverged: no failure, and still in the comparison.
    let longer: Vec<&str> = lists.map(|arg| if arg == "2" { "3" } else { arg }).into();
    let longer = [&longer[..], &args[lists.len()..]].concat();
    let output = snr_bench(dir.path(), &longer);
    assert_fails(&output, 3, &[]);
    assert_eq!(
        stdout(&output).matches("counts as ∞: 2 of 2 SGD, lr 10³⁰ (seeds 0, 1)").count(),
        1,
        "{}",
        stdout(&output)
    );
}

#[test]
fn killed_and_repeated_it_comes_to_the_same_bits() {
    let dir = tempdir().unwrap();
    let folder = dir.path().join("out");
    for kill in 0..3 {
        let mut process = Background::start(dir.path(), &four("out", "40", &["--jobs", "2"]));
        let trained = || runs(&folder).iter().filter(|run| run.join(CHECKPOINT).exists()).count();
        // Where it ends before the kill, nothing is left to repeat, and the bits are still to be the same.
        process.until(|| trained() > kill);
        process.signal(Signal::KILL);
        process.end();
    }
    assert_ok(&snr_bench(dir.path(), &four("out", "40", &["--jobs", "2"])));
    assert_same(&folder, whole());
}

#[test]
fn a_signal_ends_all_of_them_resumable() {
    let dir = tempdir().unwrap();
    let folder = dir.path().join("out");
    // More epochs than the signal leaves time for.
    let mut process = Background::start(dir.path(), &four("out", "1000000", &["--jobs", "2"]));
    process.until(|| runs(&folder).iter().filter(|run| run.join("metrics.csv").exists()).count() == 2);
    process.signal(Signal::INT);
    let output = process.end();
    assert_fails(&output, 130, &[]);
    let text = stdout(&output);
    assert_eq!(text.matches(": interrupted after").count(), 2, "{text}");
    assert!(text.ends_with("interrupted; repeat the command to go on\n"), "{text}");
    assert_eq!(runs(&folder).len(), 2, "no other run may begin");
    assert!(runs(&folder).iter().all(|run| Meta::read(run).unwrap().state == State::Interrupted));
    let progress = |run: &PathBuf| Checkpoint::read(&run.join(CHECKPOINT)).unwrap().progress.epochs();
    let epochs = (runs(&folder).iter().map(progress).max().unwrap() + 1).to_string();
    let plan = stdout(&snr_bench(dir.path(), &four("out", &epochs, &["--dry-run"])));
    assert!(plan.starts_with("4 runs: 2 begun, 2 new in out\n"), "{plan}");
    assert_eq!(plan.matches("resumes after").count(), 2, "{plan}");
    // On another number of jobs.
    assert_ok(&snr_bench(dir.path(), &four("out", &epochs, &[])));
    assert_ok(&snr_bench(dir.path(), &four("whole", &epochs, &[])));
    assert_same(&folder, &dir.path().join("whole"));
}

#[test]
fn a_dry_run_lists_the_runs_and_writes_nothing() {
    let dir = tempdir().unwrap();
    let output = snr_bench(dir.path(), &four("out", "40", &["--dry-run"]));
    assert_ok(&output);
    assert!(snapshot(dir.path()).is_empty());
    let text = stdout(&output).replace('\n', " ");
    for part in [
        "4 runs: 4 new in out",
        "SNRAdam, seed 1",
        "one run at a time on 2 threads",
        "images/s",
        "2 pairs cannot reach a verdict",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let six = four("out", "40", &["--dry-run"]).into_iter().map(|arg| if arg == "0,1" { "0,1,2,3,4,5" } else { arg });
    let six = stdout(&snr_bench(dir.path(), &six.collect::<Vec<_>>())).replace('\n', " ");
    // the noncentral t at 5% / 3: 1.875 standard deviations of 5% are exp(0.0937)
    assert!(
        six.contains("6 pairs can reach a verdict; with 80% power they find a difference of 1.9 standard"),
        "{six}"
    );
    assert!(six.contains(": 9.8% if these deviate by 5%"), "{six}");
    let folder = whole().parent().unwrap();
    let before = snapshot(folder);
    let longer = stdout(&snr_bench(folder, &four("whole", "50", &["--dry-run"])));
    assert_eq!(longer.matches("resumes after 40 of 50 epochs").count(), 4, "{longer}");
    let done = snr_bench(folder, &four("whole", "40", &["--dry-run"]));
    assert!(
        stdout(&done).contains("4 runs: 4 done") && stdout(&done).contains("nothing is left to train"),
        "{}",
        stdout(&done)
    );
    let name = runs(&folder.join("whole"))[1].file_name().unwrap().to_str().unwrap().to_string();
    let anew = snr_bench(folder, &four("whole", "40", &["--dry-run", "--force", &name]));
    assert!(stdout(&anew).contains("4 runs: 3 done, 1 new"), "{}", stdout(&anew));
    let none = snr_bench(folder, &four("whole", "40", &["--force"]));
    assert_fails(&none, 2, &["a value is required for '--force <RUN>'"]);
    let unknown = snr_bench(folder, &four("whole", "40", &["--force", "all"]));
    assert_fails(&unknown, 2, &["--force all: whole has no run of that name"]);
    assert_eq!(snapshot(folder), before);
}

/// The command that the README begins with, on less.
#[test]
fn reproduce_runs_both_experiments_and_draws_them() {
    let dir = tempdir().unwrap();
    let sizes = ["--train-subset", "128", "--validation", "holdout:64", "--epochs", "2", "--set", "model.embed_dim=16"];
    let args = [&["reproduce", "--quick", "--seeds", "2"], &sizes[..]].concat();
    let plan = stdout(&snr_bench(dir.path(), &[&args[..], &["--dry-run"]].concat()));
    assert!(plan.contains("8 runs: 8 new in results/quick"), "{plan}");
    let output = snr_bench(dir.path(), &args);
    assert_ok(&output);
    let text = stdout(&output);
    assert!(text.starts_with("8 runs: 8 new in results/quick\nabout "), "{text}");
    for title in ["[1/8] Adam, batch 128, seed 0", "[8/8] SNRAdam, batch full, seed 1"] {
        assert!(text.contains(title), "no {title} in {text}");
    }
    for figure in ["digits-n128-b128-e2-holdout64", "digits-n128-full-e2-holdout64"] {
        for metric in ["train-loss.svg", "val-loss.png"] {
            assert!(text.contains(&format!("results/quick/figures/{figure}-patch7-")), "no {figure} in {text}");
            assert!(text.contains(metric), "no {metric} in {text}");
        }
    }
    assert!(text.contains("optimizer     lr  n  failed"), "it ends with the leaderboard: {text}");
    for part in ["2 pairs cannot reach a verdict, 6 can", "Not testable with 2 pairs: a verdict takes 6 pairs. So far:"]
    {
        let flat = text.replace('\n', " ");
        assert!(flat.contains(part), "no {part} in {text}");
    }
    assert!(fs::read_to_string(dir.path().join("results/quick/report.html")).unwrap().contains("Not testable"));
    let again = snr_bench(dir.path(), &args);
    assert_ok(&again);
    assert!(stdout(&again).contains("8 runs: 8 done") && stdout(&again).contains("nothing is left to train"));
    // Both experiments with one batch would be the same runs.
    let same = snr_bench(dir.path(), &[&args[..], &["--set", "batch=64"]].concat());
    assert_fails(&same, 2, &["two runs would share the directory results/quick/digits-adam-b64"]);
    assert_eq!(stderr(&again), "");
}

/// Everything that a folder's conclusion writes, by name.
fn conclusion(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::from([("report.html".into(), fs::read(folder.join("report.html")).unwrap())]);
    for entry in fs::read_dir(folder.join("figures")).unwrap().flatten() {
        files.insert(entry.file_name().into(), fs::read(entry.path()).unwrap());
    }
    files
}

/// Copies the run directories of an experiment over those of another.
fn copy_runs(from: &Path, to: &Path) {
    for run in runs(from) {
        let copy = to.join(run.file_name().unwrap());
        fs::create_dir_all(&copy).unwrap();
        for file in fs::read_dir(run).unwrap().flatten() {
            fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn the_whole_folder_is_concluded_whichever_commands_filled_it() {
    let dir = tempdir().unwrap();
    let folder = dir.path().join("out");
    // one command does all; the runs are those of `whole`, as seconds differ from run to run
    assert_ok(&snr_bench(dir.path(), &four("out", "40", &["--quiet"])));
    copy_runs(whole(), &folder);
    assert_ok(&snr_bench(dir.path(), &four("out", "40", &["--quiet"])));
    let by_one = (conclusion(&folder), stdout(&snr_bench(dir.path(), &["compare", "out"])));
    assert!(by_one.0.len() > 6 && by_one.1.contains("Not testable with 2 pairs"), "{}", by_one.1);

    // one optimizer a command, at once
    fs::remove_dir_all(&folder).unwrap();
    let half = |optim| {
        four("out", "40", &["--quiet"]).into_iter().map(move |arg| if arg == "adam,snradam" { optim } else { arg })
    };
    let (adam, snradam) = (half("adam").collect::<Vec<_>>(), half("snradam").collect::<Vec<_>>());
    let other = Background::start(dir.path(), &adam);
    assert_ok(&snr_bench(dir.path(), &snradam));
    assert_ok(&other.end());
    assert_eq!(runs(&folder).len(), 4);
    let plan = fs::read_to_string(folder.join("plan.toml")).unwrap();
    assert_eq!(plan.matches("[[part]]").count(), 2, "{plan}");
    copy_runs(whole(), &folder);
    for command in [&adam, &snradam] {
        fs::remove_file(folder.join("report.html")).unwrap();
        assert_ok(&snr_bench(dir.path(), command));
        assert!(conclusion(&folder) == by_one.0, "the same runs, the same bytes");
    }
    assert_eq!(stdout(&snr_bench(dir.path(), &["compare", "out"])), by_one.1);

    // a part of the runs elsewhere
    fs::create_dir(dir.path().join("elsewhere")).unwrap();
    for run in runs(&folder).into_iter().skip(2) {
        fs::rename(&run, dir.path().join("elsewhere").join(run.file_name().unwrap())).unwrap();
    }
    assert_eq!(stdout(&snr_bench(dir.path(), &["compare", "out", "elsewhere"])), by_one.1);
}

#[test]
fn changed_metrics_are_told_after_an_experiment_and_by_compare() {
    let dir = tempdir().unwrap();
    let folder = dir.path().join("out");
    assert_ok(&snr_bench(dir.path(), &four("out", "40", &["--quiet"])));
    let metrics = runs(&folder)[0].join("metrics.csv");
    let text = fs::read_to_string(&metrics).unwrap();
    let row = text.lines().nth(6).unwrap();
    let mut cells: Vec<&str> = row.split(',').collect();
    cells[6] = "0.001";
    fs::write(&metrics, text.replace(row, &cells.join(","))).unwrap();
    for command in [four("out", "40", &[]), vec!["compare", "out"], vec!["report", "out"]] {
        let told = stderr(&snr_bench(dir.path(), &command));
        assert!(told.contains("is left out: its metrics.csv differs from its checkpoint in epoch 5"), "{told}");
        assert!(told.contains("interim: 1 of the 4 planned runs are missing"), "{told}");
    }
}

#[test]
fn the_plan_stands_before_the_first_run_and_stays() {
    let dir = tempdir().unwrap();
    let folder = dir.path().join("out");
    let mut process = Background::start(dir.path(), &four("out", "40", &["--margin", "0.03"]));
    process.until(|| !runs(&folder).is_empty());
    let plan = fs::read_to_string(folder.join("plan.toml")).expect("it is there before the first run's folder");
    process.signal(Signal::INT);
    process.end(); // stopped, or at its end by then
    assert!(plan.contains("margin = 0.03") && plan.contains("seeds = ") && plan.contains("date = \"20"), "{plan}");
    assert_fails(
        &snr_bench(dir.path(), &four("out", "40", &["--margin", "0.02"])),
        2,
        &["plan.toml holds, 0.03; leave it out"],
    );
    let more =
        four("out", "40", &[]).into_iter().map(|arg| if arg == "0,1" { "0,1,2" } else { arg }).collect::<Vec<_>>();
    let output = snr_bench(dir.path(), &more);
    assert_ok(&output);
    assert_eq!(fs::read_to_string(folder.join("plan.toml")).unwrap(), plan, "a third seed is no part of the plan");
    let text = stdout(&output).replace("\n  ", " ");
    for part in ["2 runs are beyond the plan of this folder", "Extended: 1 pair (seed 2) added to the plan of 2."] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn arms_have_their_own_settings_and_flags_take_lists() {
    let dir = tempdir().unwrap();
    let file = "dataset = 'digits'\ntrain_subset = 100\nseed = [0, 1]\n[[arm]]\noptim = 'adam'\nbeta2 = [0.9, 0.99]\n\
        [[arm]]\noptim = 'sgd'\nmomentum = 0.9\nlr = 0.1\n";
    fs::write(dir.path().join("arms.toml"), file).unwrap();
    let plan = |args: &[&str]| snr_bench(dir.path(), &[&["run", "arms.toml", "--dry-run"], args].concat());
    let output = plan(&[]);
    assert_ok(&output);
    let text = stdout(&output);
    let arms = ["Adam, beta2 0.9, seed 0", "SGD, seed 0", "Adam, beta2 0.99, seed 0", "Adam, beta2 0.9, seed 1"];
    let places = arms.map(|arm| text.find(arm).unwrap_or_else(|| panic!("no {arm} in {text}")));
    assert!(places.is_sorted() && text.starts_with("6 runs: 6 new"), "{text}");
    let text = stdout(&plan(&["--lr", "1e-3,3e-3", "--batch", "50,full", "--optim", "sgd", "--seed", "7"]));
    assert!(text.starts_with("4 runs: 4 new") && text.contains("SGD, batch full, lr 0.003, seed 7"), "{text}");
    for (args, parts) in [
        (["--lr", "1e-3,fast"], ["--lr", "value 2 of 2: fast is no number"]),
        (["--batch", "64,0"], ["--batch", "value 2 of 2: batch = 0 is impossible"]),
        (["--seed", "1,,2"], ["--seed", "a value is missing in the list 1,,2"]),
        (["--momentum", "0.5"], ["unknown setting 'momentum'", "optimizer adam"]),
        (["--optim", "snradam"], ["no [[arm]] in this experiment", "snradam"]),
    ] {
        assert_fails(&plan(&args), 2, &parts);
    }
    let train = ["train", "--lr", "1e-3,3e-3", "--dry-run"];
    assert_fails(&snr_bench(dir.path(), &train), 2, &["lr = [0.001, 0.003] is a list, which makes several runs"]);
}
