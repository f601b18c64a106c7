//! Whether a gain depends on the batch: contrasts over groups of synthetic runs whose effects are known.

use std::fs;
use std::path::Path;

use snr_bench::analysis::{Analysis, BatchSeries, Origin, Reason, Verdict, export, plan};
use snr_bench::article::Article;
use snr_bench::config::{Batch, Observe, RunSpec};
use snr_bench::run_dir::{Row, StepRow};
use tempfile::TempDir;

const STEPS: u64 = 5;
const IMAGES: u64 = 60_000;
const SIZES: [Batch; 3] = [Batch::Size(60), Batch::Size(600), Batch::Full];

fn spec(optim: &str, batch: Batch, seed: u64) -> RunSpec {
    let table = toml::Table::from_iter([
        ("optim".into(), optim.into()),
        ("seed".into(), (seed as i64).into()),
        ("steps".into(), (STEPS as i64).into()),
    ]);
    RunSpec { batch, observe: Observe { probe: 100, ..Observe::default() }, ..RunSpec::resolve([table]).unwrap() }
}

/// A run whose mean ln(loss on the sample) is `log_loss`; what is in metrics.csv is the same for all.
fn write_run(root: &Path, spec: &RunSpec, state: &str, log_loss: f64) {
    let dir = root.join(spec.run_name());
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.toml"), spec.to_toml()).unwrap();
    fs::write(dir.join("meta.json"), format!(r#"{{"state":"{state}","data_hash":"3f2a9c01"}}"#)).unwrap();
    let images = match spec.batch {
        Batch::Size(n) => n as u64,
        Batch::Full => IMAGES,
    };
    let epochs = if spec.batch == Batch::Full { STEPS } else { 1 };
    let row = |epoch: u64| {
        let step = STEPS * epoch / epochs;
        Row {
            epoch,
            step,
            samples_seen: images * step,
            lr: 1e-3,
            train_loss: (epoch > 0).then_some(1.0),
            train_accuracy: None,
            // no two runs are copies of each other
            val_loss: 2.3 - 0.1 * epoch as f64
                + 1e-3 * spec.seed as f64
                + if epoch > 0 { 1e-4 * log_loss } else { 0.0 },
            val_accuracy: 0.5,
            grad_norm: None,
            update_norm: None,
            param_norm: 20.0,
            epoch_seconds: 1.0,
            wall_seconds: epoch as f64,
        }
    };
    fs::write(dir.join("metrics.csv"), Row::to_csv(&(0..=epochs).map(row).collect::<Vec<_>>()).unwrap()).unwrap();
    let mut steps = csv::Writer::from_path(dir.join("steps.csv")).unwrap();
    for step in 0..=STEPS {
        // 3 at the start, which does not count; then around the mean
        let loss = if step == 0 { 3.0 } else { (log_loss + 0.1 * (step as f64 - 3.0)).exp() };
        steps.serialize(StepRow { step, probe_loss: Some(loss), ..StepRow::default() }).unwrap();
    }
    steps.flush().unwrap();
}

/// The paired differences of a seed around 0, whose mean over 8 seeds is 0.
const NOISE: [f64; 8] = [0.004, -0.003, 0.001, -0.002, 0.003, -0.004, 0.002, -0.001];

/// ln SNRAdam − ln Adam of 8 seeds at every size: the mean, and the noise of a seed times a factor of the size.
fn runs(root: &Path, gains: &[(Batch, f64, f64)], seeds: u64) {
    for (batch, gain, noise) in gains {
        for seed in 0..seeds {
            let own = 0.1 * ((seed * 3) % 8) as f64;
            write_run(root, &spec("adam", *batch, seed), "finished", own);
            write_run(root, &spec("snradam", *batch, seed), "finished", own + gain + noise * NOISE[seed as usize % 8]);
        }
    }
}

fn at(gains: [f64; 3]) -> Vec<(Batch, f64, f64)> {
    SIZES.into_iter().zip(gains).zip([1.0, -0.5, 0.4]).map(|((batch, gain), noise)| (batch, gain, noise)).collect()
}

fn analysed(root: &Path) -> Analysis {
    Analysis::of(&[root.to_path_buf()], None, None).unwrap()
}

fn series(gains: &[(Batch, f64, f64)], seeds: u64) -> (BatchSeries, Article) {
    let root = TempDir::new().unwrap();
    runs(root.path(), gains, seeds);
    let analysis = analysed(root.path());
    assert_eq!(analysis.batch_series.len(), 1);
    (analysis.batch_series[0].clone(), Article::of(&analysis).unwrap())
}

#[track_caller]
fn near(x: f64, y: f64) {
    assert!((x - y).abs() < 1e-9, "{x} is not {y}");
}

#[test]
fn contrasts_are_those_of_the_paired_differences() {
    let (series, _) = series(&at([-0.1, -0.08, -0.04]), 8);
    assert_eq!((series.seeds.len(), series.probe), (8, 100));
    assert_eq!(series.gains.iter().map(|gain| gain.images).collect::<Vec<_>>(), [60, 600, IMAGES]);
    for (gain, mean) in series.gains.iter().zip([-0.1, -0.08, -0.04]) {
        near(gain.effect.unwrap().mean, mean);
    }
    near(series.full.as_ref().unwrap().effect.unwrap().mean, -0.04);
    // full − smallest = 0.06 + (0.4 − 1)·noise: scipy.stats.t.interval(.95, 7, mean, sem) of these eight
    let change = series.change.as_ref().unwrap().effect.unwrap();
    near(change.mean, 0.06);
    let (low, high) = change.interval.unwrap();
    let half = 2.364624251592784 * 0.6 * (6e-5f64 / 7.0).sqrt() / 8f64.sqrt();
    near(low, 0.06 - half);
    near(high, 0.06 + half);
    // least squares by hand: x = log₁₀ of 60, 600, 60,000, around their mean −4/3, −1/3, 5/3
    let slope = (-4.0 / 3.0 * -0.1 + -1.0 / 3.0 * -0.08 + 5.0 / 3.0 * -0.04) / (16.0 / 9.0 + 1.0 / 9.0 + 25.0 / 9.0);
    near(series.slope.as_ref().unwrap().effect.unwrap().mean, slope);
    assert!(series.slope.unwrap().test.unwrap().holm < 0.001);
}

#[test]
fn the_conclusion_is_that_of_the_change() {
    let cases = [
        ([-0.1, -0.1, -0.1], Origin::Elsewhere, Verdict::Supported, "supported: not from that of mini-batches"),
        ([-0.1, -0.1, -0.2], Origin::Elsewhere, Verdict::Supported, "supported: not from that of mini-batches"),
        ([-0.1, -0.08, -0.04], Origin::Both, Verdict::Undecided, "true of a part of the gain"),
        ([-0.1, -0.05, 0.0], Origin::Batches, Verdict::Contradicted, "contradicted"),
        ([-0.1, -0.05, 0.1], Origin::Batches, Verdict::Contradicted, "contradicted"),
        ([0.0, 0.0, 0.0], Origin::NoGain, Verdict::NoRelevantDifference, "no gain to explain"),
    ];
    for (gains, origin, verdict, word) in cases {
        let (series, article) = series(&at(gains), 8);
        assert_eq!(series.origin, origin, "{gains:?}");
        assert_eq!((article.conclusion.verdict, article.conclusion.word.as_str()), (verdict, word), "{gains:?}");
        assert_eq!(article.conclusion.fact, series.answer);
        assert!(series.answer.contains("(exploratory)"), "{}", series.answer);
    }
}

#[test]
fn too_few_seeds_and_no_full_batch_are_not_tested() {
    let (few, article) = series(&at([-0.1, -0.1, -0.1]), 5);
    assert_eq!((few.origin, few.full.unwrap().reason), (Origin::NotTested, Some(Reason::TooFewPairs)));
    assert_eq!(article.conclusion.verdict, Verdict::NotTested);
    let (mini, _) = series(&at([-0.1, -0.1, -0.1])[..2], 8);
    assert_eq!((mini.origin, mini.full, mini.change), (Origin::NotTested, None, None));
    assert!(mini.answer.contains("no runs with the full batch"), "{}", mini.answer);
}

#[test]
fn a_failed_run_counts_as_infinite_and_has_no_slope() {
    let root = TempDir::new().unwrap();
    runs(root.path(), &at([-0.1, -0.1, -0.1]), 8);
    write_run(root.path(), &spec("snradam", Batch::Full, 3), "diverged", 0.0);
    let analysis = analysed(root.path());
    let series = &analysis.batch_series[0];
    assert_eq!((series.gains[2].effect, series.slope.as_ref()), (None, None));
    assert_eq!(series.full.as_ref().unwrap().effect, None);
    assert_ne!(series.origin, Origin::Elsewhere);
}

#[test]
fn missing_planned_pairs_keep_it_open() {
    let root = TempDir::new().unwrap();
    let specs: Vec<RunSpec> = SIZES
        .into_iter()
        .flat_map(|batch| (0..8).flat_map(move |seed| ["adam", "snradam"].map(|optim| spec(optim, batch, seed))))
        .collect();
    plan::keep(root.path(), plan::Asked { specs: &specs, tune: None, target: None, margin: None }).unwrap();
    runs(root.path(), &at([-0.1, -0.1, -0.1]), 7);
    assert_eq!(analysed(root.path()).batch_series[0].origin, Origin::NotTested);
    runs(root.path(), &at([-0.1, -0.1, -0.1]), 8);
    let series = &analysed(root.path()).batch_series[0];
    assert_eq!(series.origin, Origin::Elsewhere);
    assert!(!series.answer.contains("exploratory"), "{}", series.answer);
}

#[test]
fn only_groups_with_one_probe_are_put_together() {
    let root = TempDir::new().unwrap();
    runs(root.path(), &at([-0.1, -0.1, -0.1]), 8);
    let unlike = root.path().join(spec("adam", Batch::Full, 0).run_name());
    fs::remove_file(unlike.join("steps.csv")).unwrap();
    let analysis = analysed(root.path());
    assert_eq!(analysis.groups.iter().filter(|group| group.probe.is_some()).count(), 2);
    assert_eq!(analysis.batch_series[0].full, None);
    assert!(analysis.all_warnings().any(|warning| warning.0.contains("observe.probe")));
}

#[test]
fn every_output_has_it() {
    let root = TempDir::new().unwrap();
    runs(root.path(), &at([-0.1, -0.1, -0.1]), 8);
    let analysis = analysed(root.path());
    let json: serde_json::Value = serde_json::from_str(&export::json(&analysis).unwrap()).unwrap();
    assert_eq!(json["batch_series"][0]["origin"], "elsewhere");
    assert_eq!(json["batch_series"][0]["gains"][2]["batch"], "full");
    let terminal = export::terminal(&analysis, export::Paper::default(), false);
    for text in [export::markdown(&analysis), terminal.clone()] {
        assert!(text.contains("SNRAdam against Adam by batch size, MNIST, 5 steps"), "{text}");
        assert!(text.replace('\n', " ").contains("does not come from the noise of mini-batches"), "{text}");
    }
    assert!(terminal.lines().all(|line| line.chars().count() <= 80), "{terminal}");
}
