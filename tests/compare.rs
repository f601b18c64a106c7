//! `snr-bench compare`: from run directories to verdicts.

mod common;

use std::fs;
use std::path::Path;

use common::{assert_fails, assert_ok, stderr, stdout};
use snr_bench::analysis::export::Paper;
use snr_bench::analysis::{
    Analysis, Basis, Comparison, Criteria, Endpoint, Judgement, Measure, PlanState, Reason, TestKind, Verdict, export,
    plan, words,
};
use snr_bench::article::Article;
use snr_bench::config::RunSpec;
use snr_bench::run_dir::Row;
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

/// Row `epoch` of a run with that validation loss; the training loss is a tenth less, an epoch has 15 steps and takes 10 s.
fn row(epoch: u64, val_loss: f64) -> Row {
    Row {
        epoch,
        step: 15 * epoch,
        samples_seen: epoch,
        lr: 1e-3,
        train_loss: (epoch > 0).then_some(0.9 * val_loss),
        train_accuracy: None,
        val_loss,
        val_accuracy: (1.0 - val_loss / 10.0).clamp(0.0, 1.0),
        grad_norm: None,
        update_norm: None,
        param_norm: 20.0,
        epoch_seconds: 10.0,
        wall_seconds: 10.0 * epoch as f64,
    }
}

fn write_run(root: &Path, spec: &RunSpec, meta: &str, losses: &[f64]) {
    let dir = root.join(format!("{}-{}-{}", spec.optim, spec.lr, spec.seed));
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.toml"), spec.to_toml()).unwrap();
    fs::write(dir.join("meta.json"), format!("{{{meta}}}")).unwrap();
    let rows: Vec<Row> = losses.iter().enumerate().map(|(i, loss)| row(i as u64, *loss)).collect();
    fs::write(dir.join("metrics.csv"), Row::to_csv(&rows).unwrap()).unwrap();
}

fn meta(state: &str, hash: &str) -> String {
    format!(r#""state":"{state}","data_hash":"{hash}""#)
}

/// The losses of a seed: what both optimizers have in common, times `factor` from the first epoch on.
fn losses(seed: u64, factor: f64) -> Vec<f64> {
    let own = 1.0 + 0.01 * ((seed * 7) % 5) as f64 + 1e-4 * seed as f64;
    let trained = [1.0, 0.5, 0.3, 0.2].map(|loss| loss * own * factor);
    [&[2.3 + 1e-3 * seed as f64], &trained[..]].concat()
}

fn finished(root: &Path, optim: &str, seed: u64, factor: f64) {
    write_run(root, &spec(optim, 1e-3, seed), &meta("finished", HASH), &losses(seed, factor));
}

fn diverged(root: &Path, optim: &str, seed: u64) {
    let losses = [losses(seed, 1.0)[0], 0.1, f64::NAN];
    write_run(root, &spec(optim, 1e-3, seed), &meta("diverged", HASH), &losses);
}

/// Finished pairs with the given ratios SNRAdam / Adam of all losses.
fn pairs(root: &Path, ratios: &[f64]) {
    for (seed, ratio) in ratios.iter().enumerate() {
        finished(root, "adam", seed as u64, 1.0);
        finished(root, "snradam", seed as u64, *ratio);
    }
}

fn analysed(root: &Path) -> Analysis {
    Analysis::of(&[root.to_path_buf()], None, None).unwrap()
}

/// The only comparison there is.
fn only(analysis: &Analysis) -> &Comparison {
    assert_eq!(analysis.comparisons().count(), 1);
    analysis.comparisons().next().unwrap().1
}

fn judgement(comparison: &Comparison, endpoint: Endpoint) -> &Judgement {
    comparison.judgements.iter().find(|judgement| judgement.endpoint == endpoint).unwrap()
}

/// What the ratios come to in the final validation loss.
fn final_loss(ratios: &[f64]) -> Judgement {
    let root = TempDir::new().unwrap();
    pairs(root.path(), ratios);
    judgement(only(&analysed(root.path())), Endpoint::FinalValLoss).clone()
}

/// What `compare --all` prints.
fn everything(analysis: &Analysis) -> String {
    export::terminal(analysis, Paper { width: 120, color: false }, true)
}

fn warnings(analysis: &Analysis) -> String {
    analysis.all_warnings().map(|warning| format!("{warning}\n")).collect()
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no '{part}' in: {text}");
    }
}

const LOWER: [f64; 8] = [0.90, 0.92, 0.95, 0.91, 0.88, 0.93, 0.94, 0.89];

#[test]
fn supported() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &LOWER);
    let analysis = analysed(root.path());
    let comparison = only(&analysis);
    assert_eq!((comparison.a.name.as_str(), comparison.b.name.as_str()), ("SNRAdam", "Adam"));
    assert_eq!(comparison.seeds, (0..8).collect::<Vec<u64>>());
    // every loss of a pair has the same ratio, so all endpoints say the same: scipy.stats.ttest_1samp(np.log(LOWER), 0)
    for judgement in &comparison.judgements {
        let effect = judgement.effect.unwrap();
        assert_near(effect.mean, -0.089_144_922_846_803_56);
        assert_near(effect.sd.unwrap(), 0.026_781_847_189_219_74);
        let (ratio, interval) = effect.plain();
        assert_near(ratio, 0.914_713_001_156_162_2);
        assert_near(interval.unwrap().0, 0.894_459_988_672_330_9);
        assert_near(interval.unwrap().1, 0.935_424_597_053_298_5);
        let test = judgement.test.unwrap();
        assert_eq!(test.kind, TestKind::PairedT);
        assert_near(test.p, 3.179_689_391_408_248_4e-5);
        assert_near(test.holm, 3.0 * test.p);
        assert_eq!((judgement.wins, judgement.ties, judgement.verdict), (8, 0, Verdict::Supported));
    }
    let of_adam = |seed: u64| losses(seed, 1.0);
    let geometric = |of: &dyn Fn(u64) -> f64| (0..8).map(|seed| of(seed).ln()).sum::<f64>() / 8.0;
    // ⌈4/4⌉ = 1 epoch is the last quarter
    let last = geometric(&|seed| of_adam(seed)[4]).exp();
    assert_near(judgement(comparison, Endpoint::FinalValLoss).b.unwrap(), last);
    assert_near(judgement(comparison, Endpoint::FinalTrainLoss).b.unwrap(), 0.9 * last);
    let speed = geometric(&|seed| 0.9 * of_adam(seed)[1..].iter().product::<f64>().powf(0.25)).exp();
    assert_near(judgement(comparison, Endpoint::Speed).b.unwrap(), speed);
    assert_eq!(
        comparison.answer,
        "Exploratory, as nothing was planned: SNRAdam trains faster than Adam: training loss 9% [6%, 11%] lower on average \
         over the run. Final training loss is 9% [6%, 11%] lower and final validation loss is 9% [6%, 11%] lower."
    );
    assert_says(
        &judgement(comparison, Endpoint::FinalValLoss).sentence,
        &["final validation loss 9% [6%, 11%] lower, in 8 of 8 pairs, p < 0.001", "): supported (exploratory)"],
    );
}

#[test]
fn what_is_described_has_no_verdict() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &LOWER);
    let analysis = analysed(root.path());
    let comparison = only(&analysis);
    let described = |measure| comparison.described.iter().find(|d| d.measure == measure).unwrap();
    let best = described(Measure::BestValLoss);
    assert_near(best.effect.unwrap().plain().0, 0.914_713_001_156_162_2);
    // the error rate is a tenth of the loss; its difference is in shares
    let error = described(Measure::FinalErrorRate);
    assert_near(error.effect.unwrap().mean, error.a.mean.unwrap() - error.b.mean.unwrap());
    assert!(!error.effect.unwrap().is_ratio);
    assert_near(described(Measure::Seconds).a.mean.unwrap(), 40.0);

    // by hand, seed 0 of Adam: from 0.5 after epoch 2 to 0.3 after epoch 3
    let target = analysis.groups[0].target.unwrap();
    assert_eq!((target.loss, target.stated), (0.3, false));
    let rows: Vec<Row> = losses(0, 1.0).iter().enumerate().map(|(i, loss)| row(i as u64, *loss)).collect();
    let at = snr_bench::analysis::reached(&rows, 0.4).unwrap();
    let share = (0.5f64 / 0.4).ln() / (0.5f64 / 0.3).ln();
    assert_near(at.epochs, 2.0 + share);
    assert_near(at.steps, 15.0 * (2.0 + share));
    assert_near(at.seconds, 10.0 * (2.0 + share));
    assert_eq!(snr_bench::analysis::reached(&rows, 0.1), None);
    // what was reached once counts, whatever comes then
    let mut bumpy = rows.clone();
    bumpy[3].val_loss = 0.9;
    assert_near(snr_bench::analysis::reached(&bumpy, 0.3).unwrap().epochs, 3.0 + (0.5f64 / 0.3).ln() / 2.5f64.ln());

    let speedup = comparison.speedup.as_ref().unwrap();
    assert_eq!(speedup.levels.len(), 60);
    assert!(speedup.levels.windows(2).all(|pair| pair[1].loss < pair[0].loss));
    let level = speedup.at_target.as_ref().unwrap();
    assert!(level.pairs.iter().all(|ratio| *ratio < 1.0) && level.pairs.len() == 8, "{level:?}");
    let (lo, hi) = level.interval.unwrap();
    assert!(lo < level.ratio && level.ratio < hi && hi < 1.0, "{level:?}");
    assert_says(&words::speedup(comparison).unwrap(), &["SNRAdam needs 0.", "of Adam’s steps to validation loss 0.3."]);
    let curve = &comparison.curves[1];
    assert_eq!(curve.points.len(), 5);
    assert_near(curve.points[0].mean, 0.0);
    assert_near(curve.points[4].mean, -0.089_144_922_846_803_56);
}

#[test]
fn contradicted_without_relevant_difference_and_undecided() {
    let higher = final_loss(&LOWER.map(|ratio| 1.0 / ratio));
    assert_eq!((higher.verdict, higher.wins), (Verdict::Contradicted, 0));
    assert_says(&higher.sentence, &["9% [7%, 12%] higher, in 8 of 8 pairs", ": contradicted"]);

    let same = final_loss(&[1.001, 0.999, 1.002, 0.998, 1.003, 0.997, 1.0015, 1.0]);
    assert_eq!((same.verdict, same.pairs_needed, same.ties), (Verdict::NoRelevantDifference, None, 1));
    assert_near(same.test.unwrap().p, 0.807_008_208_080_501_4);
    assert_says(&same.sentence, &["no relevant difference (exploratory) (within 2%)"]);

    // significant, and all of it within the margin: it exists, and does not matter
    let small = final_loss(&[0.995, 0.9951, 0.9949, 0.9952, 0.995, 0.9948, 0.9951, 0.9949]);
    assert!(small.test.unwrap().holm < 0.001);
    assert_eq!(small.verdict, Verdict::NoRelevantDifference);

    let noise = final_loss(&[1.1, 0.85, 1.05, 0.9, 1.2, 0.88, 1.02, 0.8]);
    assert_eq!(noise.verdict, Verdict::Undecided);
    assert_near(noise.test.unwrap().p, 0.516_619_561_970_589_9);
    let needed = noise.pairs_needed.unwrap();
    let more = format!("undecided (about {} more pairs) (exploratory); 8 pairs find 23% with 80% power", needed - 8);
    assert_says(&noise.sentence, &[&more, &format!("; a new plan of about {needed} could decide it")]);
    // an interval of ±ln 1.02 with this spread: t₀.₉₇₅(n−1)·0.1411/√n falls to it between 190 and 220 pairs
    assert!((190..220).contains(&noise.equivalence_needs.unwrap()), "{noise:?}");
    assert!(noise.pairs_needed.unwrap() > 150, "{noise:?}");
    let root = TempDir::new().unwrap();
    pairs(root.path(), &[1.1, 0.85, 1.05, 0.9, 1.2, 0.88, 1.02, 0.8]);
    let analysis = analysed(root.path());
    assert_says(
        &words::more(only(&analysis)).unwrap(),
        &[
            &format!("A new plan of about {needed} pairs could decide"),
            "added to these after a look",
            "more likely than 5%",
        ],
    );
    let told = words::equivalence(only(&analysis), Criteria::default()).unwrap();
    let least = noise.equivalence_needs.unwrap();
    assert_says(&told, &["With 8 pairs", "within 2% is out of reach", &format!("{least} in final validation loss")]);
}

#[test]
fn too_few_pairs_are_not_testable() {
    for n in 1..6 {
        let loss = final_loss(&LOWER[..n]);
        assert_eq!((loss.verdict, loss.reason), (Verdict::NotTestable, Some(Reason::TooFewPairs)));
        assert_eq!((loss.test, loss.pairs_needed), (None, Some(6)));
        assert!(loss.a.is_some() && loss.effect.unwrap().interval.is_some() == (n > 1));
        let pairs = if n == 1 { "1 pair".to_string() } else { format!("{n} pairs") };
        assert_says(&loss.sentence, &[&format!("not testable with {pairs}; a verdict takes 6")]);
    }
    assert_eq!(final_loss(&LOWER[..6]).verdict, Verdict::Supported);
}

#[test]
fn equal_differences_show_no_spread() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &[0.9; 8]);
    let analysis = analysed(root.path());
    let loss = judgement(only(&analysis), Endpoint::FinalValLoss);
    assert_eq!((loss.verdict, loss.reason), (Verdict::NotTested, Some(Reason::IdenticalDifferences)));
    assert_eq!(loss.effect.unwrap().interval, None, "an interval of no width is not trusted");
    assert_says(&loss.sentence, &["final validation loss 10% lower", "all pairs differ by exactly the same"]);
}

#[test]
fn failed_runs_count_as_infinite() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &LOWER);
    diverged(root.path(), "snradam", 8);
    finished(root.path(), "adam", 8, 1.0);
    // a finite blow-up is no better than before training
    finished(root.path(), "snradam", 9, 1e6);
    finished(root.path(), "adam", 9, 1.0);
    diverged(root.path(), "snradam", 10);
    diverged(root.path(), "adam", 10);
    let analysis = analysed(root.path());
    let comparison = only(&analysis);
    assert_eq!((comparison.a.failed, comparison.b.failed, comparison.seeds.len()), (3, 1, 11));
    for judgement in &comparison.judgements {
        let test = judgement.test.unwrap();
        assert_eq!((judgement.a, judgement.effect, test.kind), (None, None, TestKind::SignedRanks));
        // ranks 1 to 8 for, twice 9.5 against: scipy.stats.wilcoxon(d, method=PermutationMethod(np.inf)) with 1e9 for ∞
        assert_near(test.p, 0.416_015_625);
        assert_eq!((judgement.wins, judgement.ties, judgement.verdict), (8, 1, Verdict::Undecided));
        assert_eq!((judgement.pairs[8].a, judgement.pairs[9].a), (f64::INFINITY, f64::INFINITY));
        assert_says(
            &judgement.sentence,
            &["lower in 8 of 11 pairs (1 tied), no mean since 3 SNRAdam runs and 1 Adam run failed", "signed ranks"],
        );
    }
    // what a run reached before it failed does not count
    let best = &comparison.described[0];
    assert_eq!((best.a.mean, best.a.missing, best.b.missing), (None, 3, 1));
    assert_eq!(comparison.speedup, None);
    for text in [everything(&analysis), export::markdown(&analysis), export::csv(&analysis).unwrap()] {
        assert!(!text.contains("NaN") && !text.contains("nan") && !text.contains("inf"), "{text}");
    }
}

#[test]
fn six_pairs_with_a_failed_run_cannot_be_tested() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &LOWER[..5]);
    finished(root.path(), "snradam", 5, 0.9);
    diverged(root.path(), "adam", 5);
    let analysis = analysed(root.path());
    let loss = judgement(only(&analysis), Endpoint::FinalValLoss);
    // 2/2⁶ is more than a third of 5%
    assert_eq!((loss.verdict, loss.pairs_needed), (Verdict::NotTestable, Some(7)));
}

#[test]
fn seeds_and_runs_without_a_partner_are_named() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &LOWER);
    finished(root.path(), "adam", 20, 1.0);
    finished(root.path(), "snradam", 30, 1.0);
    finished(root.path(), "adam", 40, 1.0);
    write_run(root.path(), &spec("snradam", 1e-3, 40), &meta("running", HASH), &[2.34, 1.0]);
    finished(root.path(), "adam", 50, 1.0);
    // claims to be finished, and lacks its last row
    write_run(root.path(), &spec("snradam", 1e-3, 50), &meta("finished", HASH), &[2.35, 1.0, 0.5, 0.2]);
    let analysis = analysed(root.path());
    assert_eq!(only(&analysis).seeds.len(), 8);
    assert_eq!(analysis.groups[0].warnings.len(), 4, "{}", warnings(&analysis));
    assert_says(
        &warnings(&analysis),
        &[
            "snradam-0.001-40 is left out: running after 1 of 4 epochs; go on with: snr-bench train --resume",
            "snradam-0.001-50 is left out: cut off after 3 of 4 epochs",
            "seed 30 of SNRAdam left out: Adam has none to pair with",
            "seeds 20, 40, 50 of Adam left out: SNRAdam has none to pair with",
        ],
    );
}

#[test]
fn only_the_same_data_are_compared() {
    let root = TempDir::new().unwrap();
    finished(root.path(), "adam", 0, 1.0);
    write_run(root.path(), &spec("snradam", 1e-3, 0), &meta("finished", "77aa88bb99"), &losses(0, 0.9));
    let analysis = analysed(root.path());
    assert_eq!(analysis.comparisons().count(), 0);
    assert_says(
        &warnings(&analysis),
        &["different data (hashes 3f2a9c01, 77aa88bb)", "has runs of Adam only", "runs of SNRAdam only"],
    );
    let output = common::snr_bench(root.path(), &["compare", "."]);
    assert_fails(&output, 1, &["different data", "error: nothing can be compared: it takes two optimizers"]);
}

#[test]
fn runs_are_what_they_say() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &LOWER);
    let path = |name: &str| root.path().join(name);
    // settings that are not those that ran
    let ran = serde_json::to_string(&spec("snradam", 0.01, 1)).unwrap();
    let text = format!("{{{}, \"config\": {ran}}}", meta("finished", HASH));
    fs::write(path("snradam-0.001-1/meta.json"), text).unwrap();
    // a copy under another seed
    fs::copy(path("snradam-0.001-2/metrics.csv"), path("snradam-0.001-3/metrics.csv")).unwrap();
    // another start
    let mut other = losses(4, 0.9);
    other[0] += 1e-15;
    write_run(root.path(), &spec("snradam", 1e-3, 4), &meta("finished", HASH), &other);
    let analysis = analysed(root.path());
    assert_eq!(only(&analysis).seeds, [0, 2, 5, 6, 7]);
    assert_says(
        &warnings(&analysis),
        &[
            "snradam-0.001-1 is left out: its config.toml is not what meta.json says that ran",
            "snradam-0.001-3 is left out: its rows equal those of",
            "snradam-0.001-4 and",
            "are no pair, though both have seed 4: their evaluations before training differ",
        ],
    );
}

#[test]
fn mixed_machines_are_told_and_their_seconds_not_compared() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &LOWER);
    let made = |git: &str, threads: u64| {
        format!(r#"{}, "git": "{git}", "cpu": "A", "threads": {threads}"#, meta("finished", HASH))
    };
    for seed in 0..8 {
        let threads = if seed == 5 { 1 } else { 2 };
        // continued on another machine
        let moved =
            r#", "sessions": [{"host": "a", "cpu": "A", "git": "abc"}, {"host": "b", "cpu": "A", "git": "abc"}]"#;
        let adam = if seed == 7 { meta("finished", HASH) + moved } else { made("abc", 2) };
        write_run(root.path(), &spec("adam", 1e-3, seed), &adam, &losses(seed, 1.0));
        let git = if seed < 2 { "def" } else { "abc" };
        write_run(root.path(), &spec("snradam", 1e-3, seed), &made(git, threads), &losses(seed, LOWER[seed as usize]));
    }
    let analysis = analysed(root.path());
    let comparison = only(&analysis);
    assert!(comparison.described.iter().all(|description| !description.measure.is_time()));
    assert_says(
        &everything(&analysis).replace('\n', " "),
        &[
            "Caution: seeds 0, 1 pair runs of different revisions of the program",
            "Caution: seeds 5, 7 pair runs of different numbers of threads",
            "Caution: seed 7 has a run that was continued on another machine",
            "seconds are not compared",
        ],
    );
    assert_eq!(judgement(comparison, Endpoint::Speed).verdict, Verdict::Supported, "losses do not depend on threads");
}

/// Plans `seeds` of Adam and SNRAdam in `folder`.
fn planned(folder: &Path, seeds: std::ops::Range<u64>, target: Option<f64>, margin: Option<f64>) {
    let specs: Vec<RunSpec> = seeds.flat_map(|seed| ["adam", "snradam"].map(|optim| spec(optim, 1e-3, seed))).collect();
    plan::keep(folder, plan::Asked { specs: &specs, tune: None, target, margin })
        .unwrap()
        .expect("there was no run before");
}

#[test]
fn a_plan_is_interim_complete_and_extended() {
    let root = TempDir::new().unwrap();
    planned(root.path(), 0..8, None, None);
    pairs(root.path(), &LOWER[..7]);
    let interim = analysed(root.path());
    let comparison = only(&interim);
    assert_eq!((comparison.standing.state, &comparison.standing.missing[..]), (PlanState::Interim, &[7][..]));
    let loss = judgement(comparison, Endpoint::FinalValLoss);
    assert_eq!((loss.verdict, loss.reason, loss.test), (Verdict::NotTested, Some(Reason::Interim), None));
    assert!(loss.effect.unwrap().interval.is_some(), "estimates, no verdict");
    assert_says(&comparison.answer, &["Interim, no verdict: 1 of 8 planned pairs are missing. So far: training loss"]);
    assert_says(&warnings(&interim), &["interim: 2 of the 16 planned runs are missing or have not ended"]);

    pairs(root.path(), &LOWER);
    let complete = analysed(root.path());
    assert_eq!(only(&complete).standing.state, PlanState::Complete);
    assert_says(&judgement(only(&complete), Endpoint::Speed).sentence, &["): supported"]);
    assert!(!only(&complete).answer.contains("xploratory"));

    // two more pairs, so high that they would make all ten undecided
    let added = [&LOWER[..], &[2.5, 2.5 + 1e-9]].concat();
    pairs(root.path(), &added);
    let extended = analysed(root.path());
    let comparison = only(&extended);
    assert_eq!((comparison.standing.state, &comparison.standing.added[..]), (PlanState::Extended, &[8, 9][..]));
    assert_eq!(comparison.judgements, only(&complete).judgements, "the verdict is that of the planned pairs");
    assert_eq!(comparison.with_added[0].pairs.len(), 10);
    assert!(comparison.with_added.iter().all(|j| j.test.is_none() && j.verdict == Verdict::NotTested));
    assert_says(
        &words::standing(comparison),
        &["2 pairs (seeds 8, 9) added to the plan of 8", "more likely than 5%", "Over all 10 pairs: training loss"],
    );
}

#[test]
fn a_plan_keeps_its_criteria() {
    let root = TempDir::new().unwrap();
    planned(root.path(), 0..6, Some(0.25), Some(0.05));
    pairs(root.path(), &LOWER[..6]);
    let analysis = analysed(root.path());
    assert_eq!(analysis.criteria, Criteria { target: Some(0.25), margin: 0.05 });
    assert_eq!(analysis.groups[0].target.unwrap().loss, 0.25);
    let run = |args: &[&str]| common::snr_bench(root.path(), &[&["compare", "."], args].concat());
    assert_ok(&run(&["--target", "0.25", "--margin", "0.05"]));
    assert_fails(&run(&["--target", "0.3"]), 2, &["--target 0.3 is not what", "plan.toml holds, 0.25; leave it out"]);
    assert_fails(&run(&["--margin", "0.02"]), 2, &["--margin 0.02 is not what", "holds, 0.05"]);
    fs::write(root.path().join("plan.toml"), "margin = 'much'").unwrap();
    assert_fails(&run(&[]), 1, &["plan.toml is not a plan that snr-bench wrote"]);
}

#[test]
fn other_settings_are_a_further_part_of_a_plan() {
    let root = TempDir::new().unwrap();
    planned(root.path(), 0..6, None, None);
    pairs(root.path(), &LOWER[..6]);
    let specs: Vec<RunSpec> =
        ["adam", "sgd"].into_iter().flat_map(|optim| (0..7).map(move |seed| spec(optim, 1e-3, seed))).collect();
    let plan = plan::keep(root.path(), plan::Asked { specs: &specs, tune: None, target: None, margin: None })
        .unwrap()
        .unwrap();
    assert_eq!(plan.parts.len(), 2);
    assert_eq!((plan.parts[1].runs.len(), plan.parts[1].baseline.as_str()), (7, "adam"));
    assert!(plan.has(&spec("sgd", 1e-3, 6)) && !plan.has(&spec("adam", 1e-3, 6)), "Adam’s seventh seed is an addition");
    assert_eq!(
        plan::keep(root.path(), plan::Asked { specs: &specs, tune: None, target: None, margin: None })
            .unwrap()
            .unwrap(),
        plan,
        "repeated, nothing is added"
    );
    // runs without a plan do not get one
    fs::remove_file(root.path().join("plan.toml")).unwrap();
    assert_eq!(
        plan::keep(root.path(), plan::Asked { specs: &specs, tune: None, target: None, margin: None }).unwrap(),
        None
    );
    assert!(!root.path().join("plan.toml").exists());
}

/// Runs over a grid of learning rates: (optimizer, rate, factor).
fn grid(root: &Path, runs: &[(&str, f64, f64)]) {
    for (optim, lr, factor) in runs {
        for seed in 0..6 {
            let noise = (seed as f64 * lr * 1e3 + optim.len() as f64).sin();
            let factor = factor * (1.0 + 0.01 * noise);
            write_run(root, &spec(optim, *lr, seed), &meta("finished", HASH), &losses(seed, factor));
        }
    }
}

#[test]
fn learning_rates_meet_equal_and_at_their_best() {
    let root = TempDir::new().unwrap();
    let runs = [
        ("adam", 1e-3, 1.5),
        ("adam", 3e-3, 1.0),
        ("adam", 1e-2, 1.2),
        ("snradam", 1e-3, 0.9),
        ("snradam", 3e-3, 1.1),
        ("snradam", 1e-2, 2.0),
    ];
    grid(root.path(), &runs);
    let analysis = analysed(root.path());
    let group = &analysis.groups[0];
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
    let verdicts: Vec<Verdict> = group.comparisons.iter().map(|c| c.judgements[2].verdict).collect();
    assert_eq!(verdicts, [Verdict::Supported, Verdict::Contradicted, Verdict::Contradicted, Verdict::NotTested]);
    let best = &group.comparisons[3];
    assert_eq!((best.basis, best.a.lr, best.b.lr), (Basis::BestLr, 1e-3, 3e-3));
    assert_eq!(best.judgements[2].reason, Some(Reason::ChosenOnTheseSeeds));
    assert_says(
        &best.answer,
        &["chosen and measured on the same seeds, so this is exploratory. So far: training loss"],
    );
    let text = everything(&analysis);
    assert_says(&text, &["Each at its best learning rate", "At equal learning rates", "Every learning rate"]);
    let said = warnings(&analysis);
    assert_says(&said, &["SNRAdam: its best learning rate 0.001 lies at the edge", "try smaller", "by the test set"]);
    assert!(!said.contains("Adam: its best learning rate 0.003") && !said.contains("differ"), "{said}");
}

#[test]
fn unequal_grids_are_told_of() {
    let root = TempDir::new().unwrap();
    grid(root.path(), &[("adam", 1e-3, 1.2), ("sgd", 0.1, 1.0), ("sgd", 0.3, 0.9)]);
    let analysis = analysed(root.path());
    assert_eq!(only(&analysis).title(), "SGD (lr 0.3) against Adam (lr 0.001), each at its best");
    assert_says(
        &warnings(&analysis),
        &["Adam was trained with one learning rate only", "tried differ", "try larger ones"],
    );
}

#[test]
fn every_pair_of_optimizers_in_the_order_of_the_registry() {
    let root = TempDir::new().unwrap();
    grid(root.path(), &[("sgd", 1e-3, 1.3), ("snradam", 1e-3, 1.2), ("adam", 1e-3, 1.1)]);
    let analysis = analysed(root.path());
    let titles: Vec<String> = analysis.comparisons().map(|(_, comparison)| comparison.title()).collect();
    assert_eq!(titles, ["SNRAdam against Adam", "SGD against Adam", "SGD against SNRAdam"]);
}

#[test]
fn the_article_is_a_layer_on_top() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &LOWER);
    let article = Article::of(&analysed(root.path())).unwrap();
    assert_eq!((article.parts.len(), article.parts[0].departures.as_str()), (1, "epochs = 4"));
    let claims = &article.parts[0].claims;
    assert_eq!(claims[0].claim, "SNRAdam trains faster than Adam");
    assert!(claims.iter().all(|claim| claim.verdict == Verdict::Supported));
    assert_eq!(article.conclusion.verdict, Verdict::NotTested);
    assert_says(&article.conclusion.fact, &["supported with batch 4096; there are no runs with batch = ∞"]);

    // with batch = ∞ SNRAdam is slower: that says nothing of whether the gain depends on the batch, at equal steps
    for seed in 0..6u64 {
        for (optim, factor) in [("adam", 1.0), ("snradam", 1.0 / LOWER[seed as usize])] {
            let full = RunSpec { batch: snr_bench::config::Batch::Full, ..spec(optim, 1e-3, seed) };
            write_run(&root.path().join("full"), &full, &meta("finished", HASH), &losses(seed, factor));
        }
    }
    let conclusion = Article::of(&analysed(root.path())).unwrap().conclusion;
    assert_eq!(conclusion.verdict, Verdict::NotTested);
    assert_says(&conclusion.fact, &["contradicted with full batch", "snr-bench run configs/batch-size.toml"]);

    let other = TempDir::new().unwrap();
    grid(other.path(), &[("sgd", 1e-3, 1.3), ("adam", 1e-3, 1.1)]);
    assert_eq!(Article::of(&analysed(other.path())), None);
}

#[test]
fn exports() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), &LOWER);
    diverged(root.path(), "snradam", 8);
    finished(root.path(), "adam", 8, 1.0);
    let analysis = analysed(root.path());

    let json: serde_json::Value = serde_json::from_str(&export::json(&analysis).unwrap()).unwrap();
    let first = &json["groups"][0]["comparisons"][0];
    assert_eq!(first["judgements"][0]["pairs"][8]["a"], "inf");
    assert_eq!((&first["standing"]["state"], &json["criteria"]["margin"]), (&"no-plan".into(), &0.02.into()));
    assert_eq!(first["answer"], only(&analysis).answer);

    let csv = export::csv(&analysis).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), 3 + 6);
    let cell = |row: usize, name: &str| rows[row].get(header.iter().position(|h| h == name).unwrap()).unwrap();
    assert_eq!(
        [cell(0, "endpoint"), cell(0, "a"), cell(0, "b"), cell(0, "pairs"), cell(0, "a_mean"), cell(0, "test")],
        ["speed", "SNRAdam", "Adam", "9", "", "signed-ranks"]
    );
    assert_eq!((cell(3, "measure"), cell(3, "a_missing"), cell(3, "verdict")), ("best-val-loss", "1", ""));
    let p = judgement(only(&analysis), Endpoint::Speed).test.unwrap().p;
    assert_eq!(cell(0, "p").parse::<f64>().unwrap(), p);

    let markdown = export::markdown(&analysis);
    let table: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(table.len(), (2 + 2) + (2 + 1) + (2 + 3) + (2 + 6));
    assert!(table[7..12].iter().all(|line| line.matches('|').count() == 9), "{markdown}");
    let text = everything(&analysis);
    for output in [&markdown, &text] {
        assert_says(output, &["— (1 missing)", "failed: 1 of 9 SNRAdam", "Seconds are wall", &only(&analysis).title()]);
    }
    assert!(text.starts_with("MNIST, batch 4096, 4 epochs (data 3f2a9c01)\n"), "the leaderboard comes first: {text}");
    assert_eq!(json["groups"][0]["leaderboard"][0]["name"], "Adam", "failed runs come later");
}

#[test]
fn the_command_line() {
    let root = TempDir::new().unwrap();
    let run = |args: &[&str]| common::snr_bench(root.path(), args);
    for (seed, ratio) in LOWER.iter().enumerate() {
        finished(&root.path().join("one"), "adam", seed as u64, 1.0);
        finished(&root.path().join("two"), "snradam", seed as u64, *ratio);
    }
    let output = run(&["compare", "one", "two", "--csv", "out.csv", "--json", "out.json"]);
    assert_ok(&output);
    let text = stdout(&output);
    assert_says(&text, &["MNIST, batch 4096, 4 epochs", "SNRAdam trains faster than Adam", "0.915 supported"]);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains("described"), "details are for --all");
    assert_says(&stdout(&run(&["compare", "one", "two", "--all"])), &["described", "p < 0.001 (Holm"]);
    assert_eq!(stdout(&run(&["compare", "one", "two"])), text, "the same runs, the same verdict");
    // a folder within another is read once
    let output = run(&["compare", ".", "one"]);
    assert_eq!((stdout(&output), stderr(&output)), (text, String::new()));
    let json: serde_json::Value = serde_json::from_slice(&fs::read(root.path().join("out.json")).unwrap()).unwrap();
    assert_eq!(json["groups"][0]["comparisons"][0]["seeds"].as_array().unwrap().len(), 8);

    let json = stdout(&run(&["compare", "one", "two", "--json", "-", "--target", "0.25"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["groups"][0]["target"], serde_json::json!({ "loss": 0.25, "stated": true }));

    assert_fails(&run(&["compare", "one"]), 1, &["has runs of Adam only", "nothing can be compared"]);
    assert_fails(&run(&["compare", "one", "absent"]), 2, &["absent is not a folder"]);
    assert_fails(&run(&["compare", "one", "two", "--target", "NaN"]), 2, &["--target NaN is impossible"]);
    assert_fails(&run(&["compare", "one", "two", "--margin", "2"]), 2, &["share between 0 and 1"]);
    assert_fails(&run(&["compare", "one", "two", "--csv", "-", "--json", "-"]), 2, &["only one format"]);
    assert_fails(
        &run(&["compare", "one", "two", "--csv", "x", "--json", "x"]),
        2,
        &["two formats cannot go to one file, x"],
    );
    assert_fails(&run(&["compare", "one", "two", "--csv", "one"]), 2, &["one is no file that could be replaced"]);
    assert_fails(&run(&["compare", "one", "two", "--csv", "none/out.csv"]), 1, &["cannot write", "none/out.csv"]);
}

#[test]
fn the_leaderboard_ranks_each_at_its_best_and_shares_places_within_the_noise() {
    let root = TempDir::new().unwrap();
    let runs = [("adam", 1e-3, 1.5), ("adam", 3e-3, 1.0), ("snradam", 1e-3, 0.9), ("snradam", 3e-3, 1.1)];
    grid(root.path(), &runs);
    // as good as SNRAdam but for noise
    grid(root.path(), &[("sgd", 0.1, 0.9)]);
    for seed in 0..6 {
        diverged(root.path(), "adabelief", seed);
    }
    let analysis = analysed(root.path());
    let group = &analysis.groups[0];
    let places: Vec<(Option<usize>, &str, f64, usize)> =
        group.leaderboard.iter().map(|e| (e.place, e.name.as_str(), e.lr, e.failed)).collect();
    let (first, second) = if places[0].1 == "SNRAdam" { (0, 1) } else { (1, 0) };
    assert_eq!(places[first], (Some(1), "SNRAdam", 1e-3, 0));
    assert_eq!(places[second], (Some(1), "SGD", 0.1, 0));
    assert_eq!(places[2], (Some(3), "Adam", 3e-3, 0));
    assert_eq!(places[3], (Some(4), "AdaBelief", 1e-3, 6));
    // its mean and interval by hand: geometric, by Student's t of the logarithms, t₀.₉₇₅(5) = 2.570581836
    let adam = &group.leaderboard[2];
    let logs: Vec<f64> =
        (0..6u64).map(|seed| (losses(seed, 1.0 + 0.01 * (seed as f64 * 3.0 + 4.0).sin())[4]).ln()).collect();
    let mean = logs.iter().sum::<f64>() / 6.0;
    let sd = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
    let loss = adam.losses[2].unwrap();
    assert_near(loss.mean, mean.exp());
    assert_near(loss.interval.unwrap().1, (mean + 2.570_581_835_6 * sd / 6f64.sqrt()).exp());
    assert_eq!(group.leaderboard[3].losses, [None; 3], "a failed run has no mean");
}

#[test]
fn a_grid_is_one_screen_of_80_columns() {
    let root = TempDir::new().unwrap();
    let rates = [1e-3, 3e-3, 1e-2];
    let runs = ["adam", "snradam", "adabelief"].into_iter().flat_map(|optim| rates.map(|lr| (optim, lr)));
    for (i, (optim, lr)) in runs.enumerate() {
        for seed in 0..3 {
            let factor = 1.0 + 0.1 * i as f64 + 0.001 * (seed as f64 + lr).sin();
            write_run(root.path(), &spec(optim, lr, seed), &meta("finished", HASH), &losses(seed, factor));
        }
    }
    // a loss of 34 digits
    write_run(root.path(), &spec("sgd", 1e-3, 0), &meta("finished", HASH), &[4.2e34, 3.1e33, 2.0e33, 1.9e33, 1.3e33]);
    let text = export::terminal(&analysed(root.path()), Paper::default(), false);
    assert!(text.lines().count() <= 44, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_says(&text, &["×10³³"]);
    for width in [40, 60, 100, 200] {
        let text = export::terminal(&analysed(root.path()), Paper { width, color: false }, true);
        assert!(text.lines().all(|line| line.chars().count() <= width), "{width}: {text}");
    }
    let colored = export::terminal(&analysed(root.path()), Paper { width: 80, color: true }, false);
    assert!(text.chars().all(|c| c != '\u{1b}'), "no colours unless asked for");
    assert_eq!(console::strip_ansi_codes(&colored), text, "colours say nothing more");
}
