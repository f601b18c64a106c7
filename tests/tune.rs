//! Experiments with `[tune]`: fair trials, a choice that is kept, judged runs on other seeds.
#![cfg(unix)] // signals

mod common;

use std::fs;
use std::path::Path;

use common::{Background, assert_fails, assert_ok, losses, runs, snr_bench, stderr, stdout};
use rustix::process::Signal;
use snr_bench::analysis::{Analysis, Basis, PlanState, Tuning, Verdict};
use tempfile::{TempDir, tempdir};

const SHARED: &str = "optim = ['adam', 'snradam']\nseed = [5, 6]\ndataset = 'digits'\ntrain_subset = 300\nepochs = 2\n\
    batch = 100\nmodel = { patch_size = 14, embed_dim = 16, depth = 1 }\n";

const TUNE: &str = "[tune]\nseeds = [0, 1]\nvalidation = 'holdout:200'\ngrow = 1\nlr = [1e-4, 1e-3]\n";

/// An experiment's file in a folder of its own.
fn file(text: &str) -> TempDir {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("t.toml"), text).unwrap();
    dir
}

fn run(dir: &TempDir, args: &[&str]) -> std::process::Output {
    snr_bench(dir.path(), &[&["run", "t.toml", "--out", "out"], args].concat())
}

fn chosen(dir: &TempDir) -> String {
    fs::read_to_string(dir.path().join("out/chosen.toml")).unwrap()
}

#[track_caller]
fn assert_same(a: &Path, b: &Path) {
    for part in ["", "tune"] {
        let names = |folder: &Path| {
            let names = runs(&folder.join(part)).into_iter().filter(|run| run.join("metrics.csv").exists());
            names.map(|run| run.file_name().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(a), names(b));
        for name in names(a) {
            assert_eq!(losses(&a.join(part).join(&name)), losses(&b.join(part).join(&name)), "{name:?}");
        }
    }
    assert_eq!(fs::read(a.join("chosen.toml")).unwrap(), fs::read(b.join("chosen.toml")).unwrap());
}

#[test]
fn the_grid_grows_at_an_edge_for_both_and_the_judged_runs_follow_the_choice() {
    let dir = file(&[SHARED, TUNE].concat());
    let plan = stdout(&run(&dir, &["--dry-run"]));
    for part in [
        "stage 1 of 2, tuning: 8 runs: 8 new in out/tune",
        "The grid grows at most once, where a best value of lr lies at an edge, by 4 runs",
        "stage 2 of 2, judged runs: 4 runs: 4 new in out",
    ] {
        assert!(plan.replace('\n', " ").contains(part), "no {part} in {plan}");
    }
    assert!(!dir.path().join("out").exists(), "a dry run writes nothing");

    let output = run(&dir, &[]);
    assert_ok(&output);
    let folder = dir.path().join("out");
    let tuning = Tuning::read(&folder).unwrap().unwrap();
    // in so few steps the larger rate is better: the grid goes on by its factor of 10
    assert_eq!((tuning.rounds, tuning.arms.len()), (1, 2));
    for arm in &tuning.arms {
        let tried: Vec<f64> = arm.trials.iter().map(|trial| trial.settings["lr"].as_float().unwrap()).collect();
        assert_eq!(tried, [1e-4, 1e-3, 1e-2]);
        assert!(arm.trials.iter().all(|trial| trial.losses.len() == 2));
        let best = arm.trials.iter().min_by(|a, b| a.value().total_cmp(&b.value())).unwrap();
        assert_eq!(best.settings, arm.chosen);
    }
    assert_eq!(runs(&folder.join("tune")).len(), 12);
    let plan = fs::read_to_string(folder.join("plan.toml")).unwrap();
    for part in ["[tune]", "judged_seeds = [", "validation = \"holdout:200\"", "[[part]]"] {
        assert!(plan.contains(part), "no {part} in {plan}");
    }
    let text = stdout(&output).replace('\n', " ");
    for part in ["each at its best, tuned on other seeds", "Expected best:", "chosen for SNRAdam: lr 0.01"] {
        assert!(text.to_lowercase().contains(&part.to_lowercase()), "no {part} in {text}");
    }

    // repeated it trains nothing and says the same
    let again = run(&dir, &[]);
    assert_ok(&again);
    assert_eq!(stdout(&again).matches("done already").count(), 4, "{}", stdout(&again));
    // compare knows it too
    let compared = stdout(&snr_bench(dir.path(), &["compare", "out"]));
    assert!(compared.contains("tuned on other seeds") && compared.contains("Expected best"), "{compared}");
}

#[test]
fn six_judged_pairs_at_each_ones_best_carry_a_verdict() {
    let dir = file(&[&SHARED.replace("[5, 6]", "[5, 6, 7, 8, 9, 10]"), TUNE].concat());
    assert_ok(&run(&dir, &["--quiet", "--set", "tune.grow=0"]));
    let analysis = Analysis::of(&[dir.path().join("out")], None, None).unwrap();
    let comparisons: Vec<_> = analysis.comparisons().collect();
    assert_eq!(comparisons.len(), 1, "tuning runs are in no comparison");
    let comparison = comparisons[0].1;
    assert_eq!(comparison.basis, Basis::Tuned);
    assert_eq!(comparison.seeds, [5, 6, 7, 8, 9, 10]);
    assert!(comparison.judgements.iter().all(|j| j.reason.is_none() && j.verdict != Verdict::NotTested));
    // without the choice the same runs are only at their best on these seeds
    fs::remove_file(dir.path().join("out/chosen.toml")).unwrap();
    let analysis = Analysis::of(&[dir.path().join("out")], None, None).unwrap();
    assert!(analysis.comparisons().all(|(_, c)| c.basis != Basis::Tuned));
}

#[test]
fn two_tuned_experiments_in_one_folder_are_each_judged_by_their_own_plan() {
    let dir = file(&[SHARED, TUNE].concat());
    let grow = ["--quiet", "--set", "tune.grow=0"];
    let study = |name: &str, more: &[&str]| {
        let out = format!("all/{name}");
        assert_ok(&snr_bench(dir.path(), &[&["run", "t.toml", "--out", &out][..], &grow, more].concat()));
    };
    // the first has a seed and the second an optimizer that the other has not
    study("pair", &["--seed", "5,6,7"]);
    study("more", &["--optim", "adam,snradam,nadam"]);
    let analysis = Analysis::of(&[dir.path().join("all")], None, None).unwrap();
    let titles: Vec<String> = analysis.groups.iter().map(|group| group.title()).collect();
    assert!(titles[0].ends_with("(pair)") && titles[1].ends_with("(more)"), "{titles:?}");
    for (group, (seeds, comparisons)) in analysis.groups.iter().zip([(3, 1), (2, 3)]) {
        assert_eq!(group.comparisons.len(), comparisons);
        for comparison in &group.comparisons {
            assert_eq!((comparison.basis, comparison.standing.state), (Basis::Tuned, PlanState::Complete));
            assert_eq!(comparison.seeds.len(), seeds);
        }
    }
    assert_eq!(analysis.all_warnings().count(), 0, "{:?}", analysis.all_warnings().collect::<Vec<_>>());
    // by itself a study says the same
    let alone = Analysis::of(&[dir.path().join("all/more")], None, None).unwrap();
    assert_eq!(alone.groups[0].comparisons, analysis.groups[1].comparisons);
}

#[test]
fn what_would_be_unfair_or_peeks_is_refused() {
    let own = "[[arm]]\noptim = 'adam'\n[[arm]]\noptim = 'sgd'\n[arm.tune]\nmomentum = [0.5, 0.9]\n";
    let shared = SHARED.replace("optim = ['adam', 'snradam']\n", "");
    let refused: [(String, &[&str], &str); 15] = [
        ([SHARED, TUNE].concat(), &["--seed", "1,2"], "seed 1 is a tuning seed and a judged one"),
        ([SHARED, TUNE].concat(), &["--validation", "holdout:200"], "is judged on the test set"),
        ([SHARED, TUNE].concat(), &["--train-subset", "0"], "add train_subset = 59800 above [tune]"),
        ([SHARED, TUNE].concat(), &["--train-subset", "59801"], "would train on the 200 held-out images"),
        ([SHARED, TUNE].concat(), &["--lr", "1e-3"], "lr is tuned, so it cannot be set to 0.001"),
        ([SHARED, TUNE].concat(), &["--set", "tune.validation=test"], "write holdout:N"),
        ([SHARED, TUNE].concat(), &["--set", "tune.trials=3"], "leave one out"),
        ([SHARED, TUNE].concat(), &["--set", "tune.beta9=1,2"], "unknown setting 'beta9'"),
        ([SHARED, TUNE].concat(), &["--set", "tune.lr=0.1"], "is one value; write a list"),
        ([SHARED, TUNE].concat(), &["--set", "tune.epochs=1,2"], "cannot be tuned"),
        ([SHARED, TUNE].concat(), &["--set", "tune.batch=64,128"], "runs that differ in batch cannot be compared"),
        ([SHARED, TUNE].concat(), &["--set", "tune.model.depth=1,2"], "runs that differ in model cannot be compared"),
        ([SHARED, "[tune]\nlr = [1e-3, 1e-2]\n"].concat(), &[], "[tune] needs seeds of its own"),
        ([SHARED, "[tune]\nseeds = [0]\n"].concat(), &[], "names no setting to tune"),
        ([&shared, own, TUNE].concat(), &[], "the arms have 2, 4 trials"),
    ];
    for (text, args, part) in refused {
        assert_fails(&run(&file(&text), args), 2, &[part]);
    }
    let train = ["train", "--config", "t.toml"];
    assert_fails(&snr_bench(file(&[SHARED, TUNE].concat()).path(), &train), 2, &["use snr-bench run"]);
}

#[test]
fn arms_with_their_own_grid_and_a_failed_trial() {
    let shared = SHARED.replace("optim = ['adam', 'snradam']\n", "");
    let arms = "[[arm]]\noptim = 'adam'\n[[arm]]\noptim = 'sgd'\nmomentum = 0.9\n[arm.tune]\nlr = [0.1, 1e30]\n";
    let dir = file(&[&shared, arms, &TUNE.replace("grow = 1", "grow = 0")].concat());
    assert_ok(&run(&dir, &["--jobs", "2"]));
    let tuning = Tuning::read(&dir.path().join("out")).unwrap().unwrap();
    let sgd = &tuning.arms[1];
    assert_eq!(sgd.chosen["lr"].as_float(), Some(0.1));
    assert_eq!(sgd.trials[1].losses, [f64::INFINITY; 2], "a failed trial counts as infinite");
    // where every trial of an arm fails nothing is judged
    let dir =
        file(&[shared.as_str(), &arms.replace("0.1, ", "1e29, "), &TUNE.replace("grow = 1", "grow = 0")].concat());
    assert_fails(&run(&dir, &["--quiet"]), 3, &["nothing can be chosen for SGD: a run of each of its 2 trials failed"]);
    assert!(!dir.path().join("out/chosen.toml").exists());
}

#[test]
fn random_search_is_seeded() {
    let random = "[tune]\nseeds = [0]\nvalidation = 'holdout:200'\ntrials = 3\nlr = { loguniform = [1e-4, 1e-2] }\nbeta2 = [0.9, 0.99]\n";
    let names = |more: &[&str]| {
        let text = stdout(&run(&file(&[SHARED, random].concat()), &[&["--dry-run"], more].concat()));
        let names = text.lines().filter(|line| line.starts_with("digits-"));
        names.map(|line| line.split(' ').next().unwrap().to_string()).collect::<Vec<_>>()
    };
    let first = names(&[]);
    assert_eq!(first.len(), 6 + 4, "three trials of both, and the judged runs");
    assert_eq!(first, names(&[]));
    assert_ne!(first[..6], names(&["--set", "tune.search_seed=1"])[..6]);
    let few = [SHARED, "[tune]\nseeds = [0]\ntrials = 5\nbeta2 = [0.9, 0.99]\n"].concat();
    assert_fails(&run(&file(&few), &["--dry-run"]), 2, &["give only 2 different trials"]);
}

#[test]
fn interrupted_in_each_stage_and_repeated_it_comes_to_the_same_bytes() {
    let whole = file(&[SHARED, TUNE].concat());
    assert_ok(&run(&whole, &["--quiet"]));
    let dir = file(&[SHARED, TUNE].concat());
    let folder = dir.path().join("out");
    let args = ["run", "t.toml", "--out", "out", "--jobs", "2", "--quiet"];
    for (stage, least) in [("tune", 3), ("tune", 9), ("", 2)] {
        let mut process = Background::start(dir.path(), &args);
        let begun = || runs(&folder.join(stage)).iter().filter(|run| run.join("metrics.csv").exists()).count();
        process.until(|| begun() >= least);
        process.signal(Signal::KILL);
        process.end();
    }
    assert_ok(&snr_bench(dir.path(), &args));
    assert_same(&folder, &whole.path().join("out"));
    // anew, with the same outcome
    let names = [runs(&folder), runs(&folder.join("tune"))].concat();
    let names: Vec<_> = names.iter().map(|run| run.file_name().unwrap().to_str().unwrap()).collect();
    assert_ok(&run(&dir, &["--quiet", "--force", &names.join(",")]));
    assert_same(&folder, &whole.path().join("out"));
}

#[test]
fn a_choice_of_an_earlier_version_whose_judged_runs_train_on_the_held_out_images_is_not_used() {
    let dir = file(&[SHARED, TUNE].concat());
    assert_ok(&run(&dir, &["--quiet", "--set", "tune.grow=0"]));
    let plan = dir.path().join("out/plan.toml");
    let of_before = fs::read_to_string(&plan).unwrap().replace("train_subset = 300", "train_subset = 0");
    fs::write(&plan, of_before).unwrap();
    let compared = stderr(&snr_bench(dir.path(), &["compare", "out"]));
    assert!(compared.contains("the judged runs train on the held-out images"), "{compared}");
}

#[test]
fn a_changed_choice_or_plan_is_refused() {
    let dir = file(&[SHARED, TUNE].concat());
    assert_ok(&run(&dir, &["--quiet"]));
    let (path, kept) = (dir.path().join("out/chosen.toml"), chosen(&dir));
    // another trial named as chosen
    fs::write(&path, kept.replacen("lr = 0.01", "lr = 0.001", 1)).unwrap();
    assert_fails(&run(&dir, &[]), 1, &["chosen.toml was changed", "restore it"]);
    let compared = snr_bench(dir.path(), &["compare", "out"]);
    assert!(stderr(&compared).contains("chosen.toml is left out"), "{}", stderr(&compared));
    // a trial's loss changed
    let loss = kept.lines().find(|line| line.starts_with("losses")).unwrap();
    fs::write(&path, kept.replacen(loss, "losses = [9.5, 9.5]", 1)).unwrap();
    assert_fails(&run(&dir, &[]), 1, &["chosen.toml"]);
    let compared = snr_bench(dir.path(), &["compare", "out"]);
    assert!(stderr(&compared).contains("does not follow from the tuning runs"), "{}", stderr(&compared));
    fs::write(&path, &kept).unwrap();
    assert_ok(&run(&dir, &[]));
    // another grid in the same folder
    assert_fails(&run(&dir, &["--set", "tune.lr=1e-3,2e-3"]), 2, &["plan.toml plans other arms, or another [tune]"]);
    // more seeds are beyond the plan
    let more = run(&dir, &["--seed", "5,6,7"]);
    assert_ok(&more);
    assert!(stdout(&more).replace("\n", " ").contains("2 runs are beyond the plan"), "{}", stdout(&more));
    assert_eq!(chosen(&dir).matches("s7-").count(), 0);
}
