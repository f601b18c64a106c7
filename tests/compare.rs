//! `snr-bench compare`: from run directories to verdicts.

mod common;

use std::fs;
use std::path::Path;

use common::{assert_fails, assert_ok, stderr, stdout};
use snr_bench::compare::{
    Basis, Comparison, Criteria, Findings, Judgement, Metric, TestKind, Verdict, compare, export,
};
use snr_bench::config::RunSpec;
use snr_bench::run_dir::{Row, record};
use tempfile::TempDir;

const HASH: &str = "3f2a9c0144aa";
const EPOCHS: u64 = 4;

fn spec(optim: &str, lr: f64, seed: u64) -> RunSpec {
    let table = toml::Table::from_iter([
        ("optim".into(), optim.into()),
        ("seed".into(), (seed as i64).into()),
        ("lr".into(), lr.into()),
        ("epochs".into(), (EPOCHS as i64).into()),
    ]);
    RunSpec::resolve([table]).unwrap()
}

/// Row `epoch` of a run with that validation loss; the training loss is 0.01 less, and an epoch takes 10 s.
fn row(epoch: u64, val_loss: f64) -> Row {
    Row {
        epoch,
        step: epoch,
        samples_seen: epoch,
        lr: 1e-3,
        train_loss: (epoch > 0).then_some(val_loss - 0.01),
        train_accuracy: None,
        val_loss,
        val_accuracy: 1.0 - val_loss / 10.0,
        grad_norm: None,
        update_norm: None,
        param_norm: 20.0,
        epoch_seconds: 10.0,
        wall_seconds: 10.0 * epoch as f64,
    }
}

fn write_run(root: &Path, spec: &RunSpec, state: &str, hash: &str, losses: &[f64]) {
    let dir = root.join(format!("{}-{}-{}", spec.optim, spec.lr, spec.seed));
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.toml"), spec.to_toml()).unwrap();
    fs::write(dir.join("meta.json"), format!(r#"{{"state":"{state}","data_hash":"{hash}"}}"#)).unwrap();
    let rows: Vec<Row> = losses.iter().enumerate().map(|(i, loss)| row(i as u64, *loss)).collect();
    fs::write(dir.join("metrics.csv"), Row::to_csv(&rows).unwrap()).unwrap();
}

/// A finished run that falls to `last` and reaches the target of 0.3 in epoch 3, if `last` and noise allow.
fn finished(root: &Path, optim: &str, seed: u64, last: f64) {
    write_run(root, &spec(optim, 1e-3, seed), "finished", HASH, &[2.3, 1.0, 0.5, last + 0.01, last]);
}

fn diverged(root: &Path, optim: &str, seed: u64) {
    write_run(root, &spec(optim, 1e-3, seed), "diverged", HASH, &[2.3, 0.1, f64::NAN]);
}

/// Adam's final loss of a seed: what both optimizers of a seed have in common.
fn common_loss(seed: u64) -> f64 {
    0.2 + 0.01 * ((seed * 7) % 5) as f64
}

/// Finished pairs with the given differences SNRAdam − Adam.
fn pairs(root: &Path, differences: &[f64]) {
    for (seed, difference) in differences.iter().enumerate() {
        let seed = seed as u64;
        finished(root, "adam", seed, common_loss(seed));
        finished(root, "snradam", seed, common_loss(seed) + difference);
    }
}

fn found(root: &Path) -> Findings {
    let (records, warnings) = record::find(root).unwrap();
    assert_eq!(warnings, [], "no warning expected");
    compare(&records, Criteria::default())
}

/// The only comparison there is.
fn only(findings: &Findings) -> &Comparison {
    assert_eq!((findings.groups.len(), findings.groups[0].comparisons.len()), (1, 1));
    &findings.groups[0].comparisons[0]
}

fn judgement(comparison: &Comparison, metric: Metric) -> &Judgement {
    comparison.judgements.iter().find(|judgement| judgement.metric == metric).unwrap()
}

fn final_loss(differences: &[f64]) -> Judgement {
    let root = TempDir::new().unwrap();
    pairs(root.path(), differences);
    judgement(only(&found(root.path())), Metric::FinalValLoss).clone()
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no '{part}' in: {text}");
    }
}

const BETTER: [f64; 8] = [-0.05, -0.06, -0.04, -0.05, -0.055, -0.045, -0.07, -0.03];

#[test]
fn better() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &BETTER);
    let findings = found(root.path());
    let comparison = only(&findings);
    assert_eq!((comparison.a.name.as_str(), comparison.b.name.as_str()), ("SNRAdam", "Adam"));
    assert_eq!(comparison.seeds, (0..8).collect::<Vec<u64>>());
    assert_eq!(comparison.judgements.len(), 6);

    let loss = judgement(comparison, Metric::FinalValLoss);
    let difference = loss.difference.unwrap();
    assert_near(difference.mean, -0.05);
    // the deviation by hand: squares (0, 1, 1, 0, .25, .25, 4, 4)·1e-4 over 7
    assert_near(difference.sd.unwrap(), (10.5e-4f64 / 7.0).sqrt());
    let (lo, hi) = difference.interval.unwrap();
    assert!(-0.062 < lo && lo < -0.055 && -0.045 < hi && hi < -0.038, "{lo} {hi}");
    let test = loss.test.unwrap();
    assert_eq!((test.kind, test.p.exact), (TestKind::SignFlip, true));
    // all 8 of one sign: 2 of 2⁸; five metrics share the least p, of six
    assert_near(test.p.p, 2.0 / 256.0);
    assert_near(test.holm, 6.0 * 2.0 / 256.0);
    assert_eq!((loss.wins, loss.ties, loss.p_better, loss.verdict), (8, 0, Some(1.0), Verdict::Better));
    assert_says(
        &loss.sentence,
        &["SNRAdam against Adam: final validation loss lower by 0.0500 [", "8 of 8", "p = 0.008"],
    );
    assert!(loss.sentence.ends_with("(Holm 0.047): better"), "{}", loss.sentence);
    let mean = (0..8).map(common_loss).sum::<f64>() / 8.0;
    assert_near(loss.b.mean.unwrap(), mean);
    assert_near(loss.a.mean.unwrap(), mean - 0.05);

    let accuracy = judgement(comparison, Metric::FinalValAccuracy);
    assert_eq!(accuracy.verdict, Verdict::Better);
    assert_near(accuracy.difference.unwrap().mean, 0.005);
    assert_says(&accuracy.sentence, &["higher by 0.50 points [", "): better"]);
    assert_near(accuracy.margin.unwrap(), 0.02 * (1.0 - accuracy.b.mean.unwrap()));

    // both reach 0.3 after 3 epochs, whatever comes then
    let epochs = judgement(comparison, Metric::EpochsToTarget);
    assert_eq!((epochs.ties, epochs.p_better, epochs.verdict), (8, Some(0.5), Verdict::Equivalent));
    assert_eq!((epochs.a.mean, epochs.test.unwrap().p.p), (Some(3.0), 1.0));
    assert_says(
        &epochs.sentence,
        &["epochs to validation loss 0.3 equal on average [0.0, 0.0]", "equivalent within ±0.1"],
    );
    assert_eq!(judgement(comparison, Metric::SecondsToTarget).a.mean, Some(30.0));
}

#[test]
fn worse_equivalent_and_inconclusive() {
    let worse = final_loss(&BETTER.map(|d| -d));
    assert_eq!((worse.verdict, worse.wins), (Verdict::Worse, 0));
    assert_says(&worse.sentence, &["higher by 0.0500 [", "in 8 of 8 pairs", ": worse"]);

    let equivalent = final_loss(&[1e-4, -1e-4, 2e-4, -2e-4, 1e-4, -1.5e-4, 1e-4, -0.5e-4]);
    assert_eq!((equivalent.verdict, equivalent.further_pairs), (Verdict::Equivalent, None));
    assert_says(&equivalent.sentence, &["equivalent within ±0.00", "(2% of Adam’s mean)"]);

    let noise = [0.05, -0.06, 0.02, -0.03, 0.055, -0.01, 0.07, -0.05];
    let inconclusive = final_loss(&noise);
    assert_eq!(inconclusive.verdict, Verdict::Inconclusive);
    let sd = inconclusive.difference.unwrap().sd.unwrap();
    // t(7) at 5% / 6 metrics and at 80%: 3.635807 + 0.896030
    assert!((inconclusive.detectable.unwrap() - 4.531837 * sd / 8f64.sqrt()).abs() < 1e-6);
    assert!(inconclusive.further_pairs.unwrap() > 100);
    assert_says(&inconclusive.sentence, &["inconclusive; 8 pairs could have shown 0.0", "more could decide it"]);
}

#[test]
fn fewer_than_six_pairs_are_not_judged() {
    for n in 1..6 {
        let loss = final_loss(&BETTER[..n]);
        assert_eq!((loss.verdict, loss.test, loss.further_pairs), (Verdict::NotJudged, None, Some(6 - n)));
        assert!(loss.a.mean.is_some() && loss.difference.unwrap().interval.is_none());
        let pairs = if n == 1 { "1 pair".to_string() } else { format!("{n} pairs") };
        assert_says(&loss.sentence, &[&format!("not judged: {pairs}; {} more needed", 6 - n)]);
    }
}

#[test]
fn six_pairs_are_too_few_for_six_metrics() {
    let loss = final_loss(&BETTER[..6]);
    assert_near(loss.test.unwrap().p.p, 2.0 / 64.0);
    // a difference as large as the one seen would have been found: only Holm's correction asks for more
    assert_eq!((loss.verdict, loss.further_pairs, loss.detectable), (Verdict::Inconclusive, Some(2), None));
    assert_says(&loss.sentence, &["below 8 pairs no result passes Holm’s correction: 2 more needed"]);
}

#[test]
fn diverged_runs_are_losses() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &[-0.05, -0.06, -0.04, -0.051, -0.055, -0.045, -0.07, -0.03]);
    diverged(root.path(), "snradam", 8);
    diverged(root.path(), "snradam", 9);
    finished(root.path(), "adam", 8, 0.2);
    finished(root.path(), "adam", 9, 0.2);
    diverged(root.path(), "snradam", 10);
    diverged(root.path(), "adam", 10);
    let findings = found(root.path());
    let comparison = only(&findings);
    assert_eq!((comparison.a.diverged, comparison.b.diverged, comparison.seeds.len()), (3, 1, 11));
    for judgement in &comparison.judgements {
        let test = judgement.test.unwrap();
        assert_eq!((judgement.a.mean, judgement.a.missing, judgement.b.missing), (None, 3, 1), "{judgement:?}");
        assert_eq!((judgement.difference, test.kind), (None, TestKind::SignedRanks));
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
    }
    let loss = judgement(comparison, Metric::FinalValLoss);
    // ranks 1 to 8 for, twice 9.5 against: scipy.stats.wilcoxon(d, method=PermutationMethod(np.inf)) with 1e9 for ∞
    assert_near(loss.test.unwrap().p.p, 426.0 / 1024.0);
    assert_eq!((loss.wins, loss.ties, loss.p_better), (8, 1, Some(8.5 / 11.0)));
    assert_says(
        &loss.sentence,
        &[
            "better in 8 of 11 pairs (1 tied)",
            "no mean since 3 SNRAdam runs diverged and 1 Adam run diverged",
            "signed ranks",
        ],
    );
    assert_eq!(loss.pairs[8].a, f64::INFINITY);
    let accuracy = judgement(comparison, Metric::FinalValAccuracy);
    assert_eq!((accuracy.pairs[8].a, accuracy.ties), (0.0, 1));
    // what a run reached before it diverged does not count
    assert_eq!(judgement(comparison, Metric::EpochsToTarget).pairs[8].a, f64::INFINITY);
    assert_eq!(judgement(comparison, Metric::BestValLoss).pairs[8].a, f64::INFINITY);
}

#[test]
fn a_target_that_is_never_reached_is_infinite() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &[0.3, 0.31, 0.32, 0.33, 0.34, 0.35, 0.36, 0.37]);
    let findings = found(root.path());
    let epochs = judgement(only(&findings), Metric::EpochsToTarget);
    assert_eq!((epochs.a.missing, epochs.b.missing, epochs.verdict), (8, 0, Verdict::Worse));
    assert_eq!(epochs.b.mean, Some(3.0));
    assert_says(&epochs.sentence, &["8 SNRAdam runs never got there"]);

    let (records, _) = record::find(root.path()).unwrap();
    let findings = compare(&records, Criteria { target: 0.01, ..Criteria::default() });
    let epochs = judgement(only(&findings), Metric::EpochsToTarget);
    // nothing to test: no number of seeds would help, and the other metrics are not corrected for it
    assert_eq!((epochs.test, epochs.verdict, epochs.further_pairs), (None, Verdict::NotJudged, None));
    assert!(epochs.sentence.ends_with("8 Adam runs never got there: not judged"), "{}", epochs.sentence);
    let loss = judgement(only(&findings), Metric::FinalValLoss).test.unwrap();
    assert_near(loss.holm, 4.0 * loss.p.p);
}

#[test]
fn seeds_and_runs_without_a_partner_are_named() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &BETTER);
    finished(root.path(), "adam", 20, 0.2);
    finished(root.path(), "snradam", 30, 0.2);
    finished(root.path(), "adam", 40, 0.2);
    write_run(root.path(), &spec("snradam", 1e-3, 40), "running", HASH, &[2.3, 1.0]);
    finished(root.path(), "adam", 50, 0.2);
    // claims to be finished, and lacks its last row
    write_run(root.path(), &spec("snradam", 1e-3, 50), "finished", HASH, &[2.3, 1.0, 0.5, 0.2]);
    let findings = found(root.path());
    assert_eq!(only(&findings).seeds.len(), 8);
    let warnings: Vec<&str> = findings.groups[0].warnings.iter().map(|warning| warning.0.as_str()).collect();
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    let all = warnings.join("\n");
    assert_says(
        &all,
        &[
            "snradam-0.001-40 is left out: running after 1 of 4 epochs; go on with: snr-bench train --resume",
            "snradam-0.001-50 is left out: cut off after 3 of 4 epochs",
            "seed 30 of SNRAdam left out: Adam has none to pair with",
            "seed 20 of Adam left out: SNRAdam has none to pair with",
        ],
    );
}

#[test]
fn only_the_same_data_are_compared() {
    let root = TempDir::new().unwrap();
    finished(root.path(), "adam", 0, 0.2);
    write_run(root.path(), &spec("snradam", 1e-3, 0), "finished", "77aa88bb99", &[2.3, 1.0, 0.5, 0.3, 0.1]);
    let findings = found(root.path());
    assert!(findings.groups.is_empty());
    let warnings: String = findings.warnings.iter().map(|w| format!("{w}\n")).collect();
    assert_says(
        &warnings,
        &["different data (hashes 3f2a9c01, 77aa88bb)", "has runs of Adam only", "runs of SNRAdam only"],
    );

    let output = common::snr_bench(root.path(), &["compare", "."]);
    assert_fails(&output, 1, &["different data", "error: nothing can be compared: it takes two optimizers"]);
}

#[test]
fn values_that_are_no_numbers_count_as_losses() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &BETTER);
    for (seed, loss) in [(8, f64::NAN), (9, f64::INFINITY), (10, 1e200)] {
        finished(root.path(), "adam", seed, 0.2);
        finished(root.path(), "snradam", seed, loss);
    }
    let findings = found(root.path());
    let loss = judgement(only(&findings), Metric::FinalValLoss);
    assert_eq!((loss.a.missing, loss.wins), (3, 8));
    for text in [export::terminal(&findings), export::markdown(&findings), export::csv(&findings).unwrap()] {
        assert!(!text.contains("NaN") && !text.contains("nan") && !text.contains("e199"), "{text}");
    }
}

/// Runs over a grid of learning rates: (optimizer, rate, mean final loss).
fn grid(root: &Path, runs: &[(&str, f64, f64)]) {
    for (optim, lr, loss) in runs {
        for seed in 0..6 {
            let last = loss + 0.001 * seed as f64;
            write_run(root, &spec(optim, *lr, seed), "finished", HASH, &[2.3, 1.0, 0.5, last, last]);
        }
    }
}

#[test]
fn learning_rates_meet_equal_and_at_their_best() {
    let root = TempDir::new().unwrap();
    grid(
        root.path(),
        &[
            ("adam", 1e-3, 0.30),
            ("adam", 3e-3, 0.20),
            ("adam", 1e-2, 0.25),
            ("snradam", 1e-3, 0.18),
            ("snradam", 3e-3, 0.22),
            ("snradam", 1e-2, 0.40),
        ],
    );
    let findings = found(root.path());
    let group = &findings.groups[0];
    let titles: Vec<String> = group.comparisons.iter().map(Comparison::title).collect();
    assert_eq!(
        titles,
        [
            "SNRAdam against Adam at lr 0.001",
            "SNRAdam against Adam at lr 0.003",
            "SNRAdam against Adam at lr 0.01",
            "SNRAdam (lr 0.001) against Adam (lr 0.003), each at its best",
        ]
    );
    let text = export::terminal(&findings);
    assert_says(&text, &["SNRAdam against Adam, side by side", "lr 0.001", "lr 0.01", "each at its best"]);
    assert!(
        export::markdown(&findings).contains("| final validation loss | −0.1200 inconclusive | 0.0200 inconclusive |")
    );
    let best = &group.comparisons[3];
    assert_eq!((best.basis, best.a.lr, best.b.lr), (Basis::BestLr, 1e-3, 3e-3));
    assert_near(judgement(best, Metric::FinalValLoss).difference.unwrap().mean, -0.02);
    let warnings: String = group.warnings.iter().map(|w| format!("{w}\n")).collect();
    assert_says(
        &warnings,
        &["SNRAdam: its best learning rate 0.001 lies at the edge", "try smaller", "chosen by the test set"],
    );
    assert!(!warnings.contains("Adam: its best learning rate 0.003"), "{warnings}");
    assert!(!warnings.contains("differ"), "{warnings}");
}

#[test]
fn unequal_grids_are_told_of() {
    let root = TempDir::new().unwrap();
    grid(root.path(), &[("adam", 1e-3, 0.3), ("sgd", 0.1, 0.2), ("sgd", 0.3, 0.1)]);
    let findings = found(root.path());
    let group = &findings.groups[0];
    assert_eq!(only(&findings).title(), "SGD (lr 0.3) against Adam (lr 0.001), each at its best");
    let warnings: String = group.warnings.iter().map(|w| format!("{w}\n")).collect();
    assert_says(&warnings, &["Adam was trained with one learning rate only", "tried differ", "try larger ones"]);
}

#[test]
fn every_pair_of_optimizers_in_the_order_of_the_registry() {
    let root = TempDir::new().unwrap();
    grid(root.path(), &[("sgd", 1e-3, 0.3), ("snradam", 1e-3, 0.2), ("adam", 1e-3, 0.1)]);
    let findings = found(root.path());
    let titles: Vec<String> = findings.groups[0].comparisons.iter().map(Comparison::title).collect();
    assert_eq!(titles, ["SNRAdam against Adam", "SGD against Adam", "SGD against SNRAdam"]);
}

#[test]
fn exports_read_back() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &BETTER);
    diverged(root.path(), "snradam", 8);
    finished(root.path(), "adam", 8, 0.2);
    let findings = found(root.path());

    let json = export::json(&findings).unwrap();
    assert_eq!(serde_json::from_str::<Findings>(&json).unwrap(), findings);
    assert_says(&json, &["\"inf\"", "\"target\": 0.3", "Wilcoxon"]);

    let csv = export::csv(&findings).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), 6);
    let cell = |row: usize, name: &str| rows[row].get(header.iter().position(|h| h == name).unwrap()).unwrap();
    assert_eq!(
        (cell(0, "metric"), cell(0, "a"), cell(0, "b"), cell(0, "pairs")),
        ("final-val-loss", "SNRAdam", "Adam", "9")
    );
    assert_eq!((cell(0, "a_mean"), cell(0, "a_missing"), cell(0, "test")), ("", "1", "signed-ranks"));
    let p = judgement(only(&findings), Metric::FinalValLoss).test.unwrap().p.p;
    assert_eq!(cell(0, "p").parse::<f64>().unwrap(), p);

    let markdown = export::markdown(&findings);
    let table: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(table.len(), 2 + 6);
    assert!(table.iter().all(|line| line.matches('|').count() == 9), "{markdown}");
    let text = export::terminal(&findings);
    for output in [&markdown, &text] {
        assert_says(
            output,
            &["— (1 missing)", "1 of 9 SNRAdam", "Target: validation loss 0.3", "Seconds are wall time"],
        );
    }
}

#[test]
fn the_command_line() {
    let root = TempDir::new().unwrap();
    let run = |args: &[&str]| common::snr_bench(root.path(), args);
    for (seed, difference) in BETTER.iter().enumerate() {
        let seed = seed as u64;
        finished(&root.path().join("one"), "adam", seed, common_loss(seed));
        finished(&root.path().join("two"), "snradam", seed, common_loss(seed) + difference);
    }
    let output = run(&["compare", "one", "two", "--csv", "out.csv", "--json", "out.json", "--figures", "figures"]);
    assert_ok(&output);
    let text = stdout(&output);
    assert_says(&text, &["MNIST, batch 4096, 4 epochs", "final validation loss lower by 0.0500", ": better"]);
    assert!(text.lines().all(|line| line.chars().count() < 200), "{text}");
    assert_eq!(stdout(&run(&["compare", "one", "two"])), text, "the same runs, the same verdict");
    // a folder within another is read once
    let output = run(&["compare", ".", "one"]);
    assert_eq!((stdout(&output), stderr(&output)), (text, String::new()));
    let findings: Findings = serde_json::from_slice(&fs::read(root.path().join("out.json")).unwrap()).unwrap();
    assert_eq!(only(&findings).seeds.len(), 8);
    assert!(root.path().join("figures/mnist-b4096-e4-val-loss-difference.svg").is_file());

    let json = stdout(&run(&["compare", "one", "two", "--json", "-", "--target", "0.25"]));
    assert_eq!(serde_json::from_str::<Findings>(&json).unwrap().criteria.target, 0.25);

    assert_fails(&run(&["compare", "one"]), 1, &["has runs of Adam only", "nothing can be compared"]);
    assert_fails(&run(&["compare", "one", "absent"]), 2, &["absent is not a folder"]);
    assert_fails(&run(&["compare", "one", "two", "--target", "NaN"]), 2, &["--target NaN is impossible"]);
    assert_fails(&run(&["compare", "one", "two", "--margin", "2"]), 2, &["share between 0 and 1"]);
    assert_fails(&run(&["compare", "one", "two", "--csv", "-", "--json", "-"]), 2, &["only one format"]);
    assert_fails(&run(&["compare", "one", "two", "--csv", "one"]), 2, &["one is no file that could be replaced"]);
    assert_fails(&run(&["compare", "one", "two", "--csv", "none/out.csv"]), 1, &["cannot write", "none/out.csv"]);
}
