//! Size against direction of a step, and what shadows say: synthetic runs whose effects are known.

mod common;

use std::fs;
use std::path::Path;

use common::{assert_ok, snr_bench, stdout};
use snr_bench::analysis::observed::{amplifications, noise_shares};
use snr_bench::analysis::{Analysis, Contrast, Factorial, Reason, Verdict, export, plan};
use snr_bench::config::RunSpec;
use snr_bench::plot;
use snr_bench::run_dir::{Row, StepRow, TensorRow};
use tempfile::TempDir;

const EPOCHS: u64 = 4;

/// Magnitude and direction of the four; equal ones are the optimizer itself.
const CELLS: [(&str, &str); 4] = [("adam", "adam"), ("snradam", "adam"), ("adam", "snradam"), ("snradam", "snradam")];

fn spec((magnitude, direction): (&str, &str), lr: f64, seed: u64) -> RunSpec {
    let mut table = toml::Table::from_iter([
        ("seed".to_string(), (seed as i64).into()),
        ("lr".to_string(), lr.into()),
        ("epochs".to_string(), (EPOCHS as i64).into()),
    ]);
    if magnitude == direction {
        table.insert("optim".into(), magnitude.into());
    } else {
        let graft = [("optim", "graft"), ("magnitude", magnitude), ("direction", direction)];
        table.extend(graft.map(|(key, value)| (key.to_string(), value.into())));
    }
    RunSpec::resolve([table]).unwrap()
}

/// A run with that logarithm of all losses after training began.
fn write_run(root: &Path, spec: &RunSpec, log_loss: f64, update_norm: f64) {
    let dir = root.join(spec.run_name());
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.toml"), spec.to_toml()).unwrap();
    let state = if log_loss.is_finite() { "finished" } else { "diverged" };
    fs::write(dir.join("meta.json"), format!(r#"{{"state":"{state}","data_hash":"3f2a9c01"}}"#)).unwrap();
    let row = |epoch: u64| {
        let loss = if epoch == 0 { 2.3 + 1e-3 * spec.seed as f64 } else { (log_loss - 0.1 * epoch as f64).exp() };
        Row {
            epoch,
            step: 15 * epoch,
            samples_seen: 60_000 * epoch,
            lr: spec.lr,
            train_loss: (epoch > 0).then_some(loss),
            train_accuracy: None,
            val_loss: loss,
            val_accuracy: 0.5,
            grad_norm: None,
            update_norm: (epoch > 0).then_some(update_norm),
            param_norm: 20.0,
            epoch_seconds: 1.0,
            wall_seconds: epoch as f64,
        }
    };
    // a run that diverged ends there
    let last = if log_loss.is_finite() { EPOCHS } else { 1 };
    let rows: Vec<Row> = (0..=last).map(row).collect();
    fs::write(dir.join("metrics.csv"), Row::to_csv(&rows).unwrap()).unwrap();
}

/// What a seed adds to each of the four, in their order; over eight seeds the mean of each is 0.
fn noise(cell: usize, seed: u64) -> f64 {
    let signs = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0];
    let size = [0.003, 0.001, 0.002, 0.004][cell] * if cell.is_multiple_of(2) { 1.0 } else { -1.0 };
    signs[seed as usize % 8] * size + 0.001 * [3.0, -1.0, -3.0, 1.0, 0.0, 2.0, 0.0, -2.0][(seed as usize + cell) % 8]
}

/// Runs of all four with these logarithms, and Adam at another rate.
fn runs(root: &Path, logs: [f64; 4], seeds: u64) {
    for seed in 0..seeds {
        for (i, (cell, log)) in CELLS.into_iter().zip(logs).enumerate() {
            let norm = if cell.0 == "snradam" { 1.1 } else { 1.0 };
            write_run(root, &spec(cell, 1e-3, seed), log + noise(i, seed) + 0.01 * seed as f64, norm);
        }
        write_run(root, &spec(CELLS[0], 1.1e-3, seed), logs[0] - 0.02 + 0.01 * seed as f64, 1.098);
    }
}

fn factorial(logs: [f64; 4], seeds: u64) -> Factorial {
    let root = TempDir::new().unwrap();
    runs(root.path(), logs, seeds);
    let analysis = Analysis::of(&[root.path().to_path_buf()], None, None).unwrap();
    assert_eq!(analysis.factorials.len(), 1);
    analysis.factorials[0].clone()
}

#[track_caller]
fn near(x: f64, y: f64) {
    assert!((x - y).abs() < 1e-9, "{x} is not {y}");
}

fn mean(contrast: &Contrast) -> f64 {
    contrast.effect.unwrap().mean
}

/// A#A −0.10, A#B −0.02, B#A −0.06 against B#B: size ½(−0.02 − 0.04), direction ½(−0.06 − 0.08), interaction −0.04 + 0.02.
#[test]
fn effects_are_those_of_a_factorial_experiment() {
    let found = factorial([0.0, -0.02, -0.06, -0.10], 8);
    assert_eq!((found.a.as_str(), found.b.as_str(), found.seeds.len()), ("SNRAdam", "Adam", 8));
    for split in &found.splits {
        near(mean(&split.size), -0.03);
        near(mean(&split.direction), -0.07);
        near(mean(&split.interaction), -0.02);
        near(split.together.unwrap().mean, -0.1);
        // Student's t over the seeds' own contrasts: scipy.stats.t.ppf(0.975, 7) = 2.364624251592784
        let of_seed = |seed| 0.5 * (noise(3, seed) + noise(1, seed) - noise(2, seed) - noise(0, seed));
        let square = (0..8).map(|seed| of_seed(seed) * of_seed(seed)).sum::<f64>() / 7.0;
        let half = 2.364624251592784 * (square / 8.0).sqrt();
        let (low, high) = split.size.effect.unwrap().interval.unwrap();
        near(low, -0.03 - half);
        near(high, -0.03 + half);
        assert_eq!(split.size.verdict, Verdict::Supported);
    }
    assert_eq!(
        found.cells.iter().map(|cell| cell.name.as_str()).collect::<Vec<_>>(),
        ["SNRAdam#Adam", "Adam#SNRAdam", "SNRAdam"]
    );
    near(found.cells[0].effect.unwrap().mean, -0.02);
    let said = &found.answer;
    assert!(
        said.contains("30% of that goes with the size of the step, 70% with its direction (exploratory)"),
        "{said}"
    );
    let matched = found.matched.unwrap();
    assert_eq!((matched.lr, matched.pairs), (1.1e-3, 8));
    near(matched.norm_ratio, 1.1);
    near(matched.norm_ratio_matched, 1.1 / 1.098);
    near(matched.effect.unwrap().mean, -0.08);
}

#[test]
fn nothing_is_divided_that_is_not_shown() {
    let found = factorial([0.0, 0.02, -0.02, 0.0], 8);
    assert!(found.answer.contains("nothing to divide"), "{}", found.answer);
    assert!(!found.answer.contains("% of that"), "{}", found.answer);
}

#[test]
fn few_seeds_failed_and_missing_runs_give_no_verdict() {
    let found = factorial([0.0, -0.02, -0.06, -0.10], 5);
    assert_eq!(found.splits[0].size.verdict, Verdict::NotTestable);
    assert!(found.answer.contains("too few seeds"), "{}", found.answer);

    let root = TempDir::new().unwrap();
    runs(root.path(), [0.0, -0.02, -0.06, -0.10], 8);
    let failed = spec(CELLS[1], 1e-3, 3);
    fs::remove_dir_all(root.path().join(failed.run_name())).unwrap();
    write_run(root.path(), &failed, f64::NAN, 1.0);
    let analysis = Analysis::of(&[root.path().to_path_buf()], None, None).unwrap();
    let found = &analysis.factorials[0];
    assert_eq!((found.splits[0].size.effect, found.splits[0].size.reason), (None, Some(Reason::RunFailed)));
    assert!(found.answer.contains("a run of the four failed"), "{}", found.answer);

    for seed in 0..8 {
        fs::remove_dir_all(root.path().join(spec(CELLS[1], 1e-3, seed).run_name())).unwrap();
    }
    assert!(Analysis::of(&[root.path().to_path_buf()], None, None).unwrap().factorials.is_empty(), "a cell is missing");
}

#[test]
fn planned_runs_that_are_missing_are_waited_for() {
    let root = TempDir::new().unwrap();
    let specs: Vec<RunSpec> = (0..9).flat_map(|seed| CELLS.map(|cell| spec(cell, 1e-3, seed))).collect();
    let asked = plan::Asked { specs: &specs, tune: None, target: None, margin: None };
    plan::keep(root.path(), asked).unwrap();
    runs(root.path(), [0.0, -0.02, -0.06, -0.10], 8);
    let analysis = Analysis::of(&[root.path().to_path_buf()], None, None).unwrap();
    let found = &analysis.factorials[0];
    assert_eq!(found.splits[0].size.reason, Some(Reason::Interim));
    assert!(found.answer.contains("planned runs are missing"), "{}", found.answer);
}

#[test]
fn every_output_has_it() {
    let root = TempDir::new().unwrap();
    runs(root.path(), [0.0, -0.02, -0.06, -0.10], 8);
    let analysis = Analysis::of(&[root.path().to_path_buf()], None, None).unwrap();
    let json: serde_json::Value = serde_json::from_str(&export::json(&analysis).unwrap()).unwrap();
    assert_eq!(json["factorials"][0]["splits"][0]["size"]["verdict"], "supported");
    let terminal = export::terminal(&analysis, export::Paper::default(), false);
    for text in [export::markdown(&analysis), terminal.clone()] {
        assert!(text.contains("Size and direction of SNRAdam’s step against Adam’s"), "{text}");
        assert!(text.replace('\n', " ").contains("30% of that goes with the size"), "{text}");
    }
    assert!(terminal.lines().all(|line| line.chars().count() <= 80), "{terminal}");
    let figures = plot::why(&analysis, &analysis.groups[0]).unwrap();
    assert_eq!(figures[0].0, "size-and-direction");
    assert_eq!(figures[0].1.title, "30% of SNRAdam’s gain goes with the size of its step, 70% with its direction");
}

/// A run's `tensors.csv` and `steps.csv`, of two steps beyond those that are not counted by consistency.
fn observe(root: &Path, spec: &RunSpec, shadow: &str, amplification: [f32; 2], noise: f64) {
    let dir = root.join(spec.run_name());
    let mut tensors = csv::Writer::from_path(dir.join("tensors.csv")).unwrap();
    for (step, factor) in [(1, 1.0), (11, amplification[0]), (21, amplification[1])] {
        for tensor in ["all", "head.weight"] {
            let bins = |at: [String; 2]| format!("{};;;;;;;;;{}", at[0], at[1]);
            tensors
                .serialize(TensorRow {
                    step,
                    tensor: tensor.into(),
                    shadow: shadow.into(),
                    amplification_q05: Some(0.5 * factor),
                    amplification_q25: Some(factor),
                    amplification_q50: Some(factor),
                    amplification_q75: Some(factor),
                    amplification_q95: Some(2.0 * factor),
                    consistency_counts: if tensor == "all" { bins(["30".into(), "10".into()]) } else { String::new() },
                    consistency_amplification: if tensor == "all" {
                        bins(["1".into(), factor.to_string()])
                    } else {
                        String::new()
                    },
                    ..TensorRow::default()
                })
                .unwrap();
        }
    }
    tensors.flush().unwrap();
    let mut steps = csv::Writer::from_path(dir.join("steps.csv")).unwrap();
    for step in 1..=4 {
        steps.serialize(StepRow { step, noise_share: Some(noise * step as f64), ..StepRow::default() }).unwrap();
    }
    steps.flush().unwrap();
}

/// Adam's runs carry SNRAdam and SNRAdam's carry Adam: both are told as SNRAdam by Adam.
#[test]
fn amplification_is_that_of_the_later_over_the_earlier_on_both_ways() {
    let root = TempDir::new().unwrap();
    runs(root.path(), [0.0, -0.02, -0.06, -0.10], 2);
    for seed in 0..2 {
        let longer = [2.0, 8.0].map(|x: f32| if seed == 0 { x } else { 2.0 * x });
        observe(root.path(), &spec(CELLS[0], 1e-3, seed), "snradam", longer, 0.1);
        observe(root.path(), &spec(CELLS[3], 1e-3, seed), "adam", longer.map(|x| 1.0 / x), 0.2);
    }
    let analysis = Analysis::of(&[root.path().to_path_buf()], None, None).unwrap();
    let found = amplifications(&analysis.groups[0]).unwrap();
    assert_eq!(found.len(), 2);
    for amplification in &found {
        assert_eq!((amplification.a.as_str(), amplification.b.as_str(), amplification.runs), ("SNRAdam", "Adam", 2));
        let (name, curve) = &amplification.tensors[0];
        assert_eq!((name.as_str(), curve.len()), ("all", 3));
        // geometric means of 2 and 4, of 8 and 16
        let medians: Vec<f64> = curve.iter().map(|(_, quantiles)| quantiles[2]).collect();
        near(medians[0], 1.0);
        assert!((medians[1] - 8f64.sqrt()).abs() < 1e-6 && (medians[2] - 128f64.sqrt()).abs() < 1e-5, "{medians:?}");
        let (low, high) = (curve[1].1[0] / medians[1], curve[1].1[4] / medians[1]);
        assert!((low - 0.5).abs() < 1e-6 && (high - 2.0).abs() < 1e-6, "{low} {high}");
        // step 1 is not counted: steps 11 and 21 of both runs
        let (first, last) = (amplification.consistency[0], amplification.consistency[9]);
        assert!((first.0 - 0.75).abs() < 1e-9 && (last.0 - 0.25).abs() < 1e-9, "{first:?} {last:?}");
        near(first.1.unwrap(), 1.0);
        assert!((last.1.unwrap() - 1024f64.powf(0.25)).abs() < 1e-5, "{last:?}");
        assert_eq!(amplification.consistency[4], (0.0, None));
    }
    let noise = noise_shares(&analysis.groups[0]).unwrap();
    near(noise[0].late().unwrap(), 0.35);
    let stems: Vec<&str> = plot::why(&analysis, &analysis.groups[0]).unwrap().iter().map(|(stem, _)| *stem).collect();
    assert_eq!(stems, ["amplification", "consistency", "noise-share"], "two seeds are no 2 × 2 experiment");
}

/// The experiment itself, in small: grafts of both with themselves are their own bits, and the page says why.
#[test]
fn a_two_by_two_experiment_from_file_to_page() {
    let dir = TempDir::new().unwrap();
    let file = r#"
        dataset = "digits"
        train_subset = 300
        validation = "holdout:200"
        batch = 100
        steps = 12
        seed = [0, 1, 2, 3, 4, 5]
        model = { patch_size = 7, embed_dim = 16, depth = 1 }
        optim = "graft"
        magnitude = ["adam", "snradam"]
        direction = ["adam", "snradam"]
        observe = { shadow = "snradam,adam", noise = true, every = 4 }
    "#;
    fs::write(dir.path().join("two.toml"), file).unwrap();
    assert_ok(&snr_bench(dir.path(), &["run", "two.toml", "--out", "two"]));
    let page = fs::read_to_string(dir.path().join("two/report.html")).unwrap();
    assert!(page.contains("<h2>Why</h2>") && page.contains("size of SNRAdam, direction of Adam"), "no section");
    let compared = snr_bench(dir.path(), &["compare", "two"]);
    assert_ok(&compared);
    assert!(stdout(&compared).contains("Size and direction of SNRAdam’s step"), "{}", stdout(&compared));

    let plain = ["--magnitude", "snradam", "--optim", "snradam", "--seed", "3", "--out", "plain"];
    assert_ok(&snr_bench(
        dir.path(),
        &[&["run", "two.toml", "--seed", "3", "--out", "one", "--magnitude", "snradam", "--direction", "snradam"][..]]
            .concat(),
    ));
    let file = file.replace("optim = \"graft\"", "optim = \"snradam\"");
    let file: String = file
        .lines()
        .filter(|line| !line.contains("magnitude =") && !line.contains("direction ="))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(dir.path().join("plain.toml"), file).unwrap();
    assert_ok(&snr_bench(dir.path(), &[&["run", "plain.toml"][..], &plain[4..]].concat()));
    let [graft, own] = ["one", "plain"].map(|folder| common::losses(&common::runs(&dir.path().join(folder))[0]));
    assert_eq!(graft, own);
}
