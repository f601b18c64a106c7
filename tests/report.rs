//! `snr-bench report`: one page about a folder of runs. That of the gallery stays in `target/tmp/report` to be looked at, with
//! `scripts/check_report.py`.

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use common::{assert_fails, assert_ok, snr_bench, stderr, stdout};
use roxmltree::{Document, ParsingOptions};
use serde_json::{Value, json};
use snr_bench::analysis::{Analysis, plan, words};
use snr_bench::config::{Batch, RunSpec};
use snr_bench::report;
use snr_bench::run_dir::Row;
use tempfile::TempDir;

const EPOCHS: u64 = 6;

fn spec(optim: &str, batch: Batch, seed: u64) -> RunSpec {
    let optim = toml::Table::from_iter([("optim".into(), optim.into())]);
    RunSpec { batch, seed, epochs: EPOCHS, ..RunSpec::resolve([optim]).unwrap() }
}

/// A loss that falls to `last` from one that all runs of the seed begin with, with noise of the seed.
fn losses(seed: u64, last: f64) -> Vec<f64> {
    let noise = |epoch: u64| 1.0 + 0.004 * ((seed * 7919 + epoch * 104_729) % 11) as f64;
    let later = (1..=EPOCHS).map(|epoch| (last + 2.0 * (-0.9 * epoch as f64).exp()) * noise(epoch));
    std::iter::once(2.3 + 0.01 * seed as f64).chain(later).collect()
}

fn row(epoch: u64, loss: f64) -> Row {
    Row {
        epoch,
        step: epoch,
        samples_seen: 60_000 * epoch,
        lr: 1e-3,
        train_loss: (epoch > 0).then_some(loss + 0.01),
        train_accuracy: None,
        val_loss: loss,
        val_accuracy: 1.0 - loss / 10.0,
        grad_norm: None,
        update_norm: None,
        param_norm: 20.0,
        epoch_seconds: 10.0,
        wall_seconds: 10.0 * epoch as f64,
    }
}

/// Writes a run; `more` is added to its `meta.json`.
fn write_run(root: &Path, spec: &RunSpec, state: &str, losses: &[f64], more: Value) {
    let dir = root.join(format!("{}-{}-{}", spec.optim, spec.batch, spec.seed));
    fs::create_dir_all(&dir).unwrap();
    let mut meta = json!({
        "state": state, "data_hash": "3f2a9c0144aa", "version": "0.1.0", "candle": "0.11.1", "git": "b699d932078b",
        "cpu": "Test CPU", "simd": "AVX2", "platform": "linux x86_64", "device": "cpu", "threads": 2,
        "command": ["/opt/bin/snr-bench", "run", "configs/article.toml"],
    });
    meta.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let rows: Vec<Row> = losses.iter().enumerate().map(|(i, loss)| row(i as u64, *loss)).collect();
    fs::write(dir.join("config.toml"), spec.to_toml()).unwrap();
    fs::write(dir.join("meta.json"), meta.to_string()).unwrap();
    fs::write(dir.join("metrics.csv"), Row::to_csv(&rows).unwrap()).unwrap();
}

fn finished(root: &Path, optim: &str, batch: Batch, seed: u64, last: f64) {
    write_run(root, &spec(optim, batch, seed), "finished", &losses(seed, last), Value::Null);
}

/// `n` pairs in which SNRAdam's losses lie lower by `gain`, a little more or less by seed.
fn pairs(root: &Path, batch: Batch, n: u64, gain: f64) {
    for seed in 0..n {
        let common = 0.2 + 0.01 * ((seed * 7) % 5) as f64;
        finished(root, "adam", batch, seed, common);
        finished(root, "snradam", batch, seed, common - gain * (1.0 + 0.05 * ((seed * 3) % 4) as f64));
    }
}

fn analysis(root: &Path) -> Analysis {
    Analysis::of(&[root.to_path_buf()], None, None).unwrap()
}

/// Writes the report of the runs below `root` and returns it.
fn page(root: &Path) -> String {
    let file = root.join("report.html");
    report::write(&analysis(root), root, &file).unwrap();
    fs::read_to_string(file).unwrap()
}

/// The page as XML: but for its void elements it is that.
fn as_xml(page: &str) -> String {
    let parts = page.trim_start_matches("<!DOCTYPE html>").split_inclusive('>');
    let void = |part: &str| ["<meta ", "<link "].iter().any(|tag| part.contains(tag));
    let closed = |part: &str| if void(part) { part.replace('>', "/>") } else { part.to_string() };
    parts.map(closed).collect()
}

/// The words of the page, those of the style sheet left out.
fn text(page: &str) -> String {
    let xml = as_xml(page);
    let document = parsed(&xml);
    let words = document.descendants().filter(|n| n.is_text() && !n.ancestors().any(|a| a.has_tag_name("style")));
    words.filter_map(|n| n.text()).collect::<Vec<_>>().join("").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn parsed(xml: &str) -> Document<'_> {
    Document::parse_with_options(xml, ParsingOptions::default()).unwrap_or_else(|e| panic!("not well-formed: {e}"))
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no '{part}' in: {text}");
    }
}

/// Mini-batches and batch = ∞, a third optimizer, failed and unfinished runs.
fn gallery(root: &Path) {
    let _ = fs::remove_dir_all(root);
    pairs(root, Batch::Size(4096), 10, 0.03);
    pairs(root, Batch::Full, 8, -0.02);
    (0..10).for_each(|seed| finished(root, "adabelief", Batch::Size(4096), seed, 0.21 + 0.003 * (seed % 3) as f64));
    let reason = json!({"reason": "the training loss became NaN in epoch 3"});
    write_run(root, &spec("snradam", Batch::Full, 8), "diverged", &[2.38, 1.0, 4.0, f64::NAN], reason);
    finished(root, "adam", Batch::Full, 8, 0.21);
    write_run(root, &spec("adam", Batch::Size(4096), 10), "interrupted", &[2.3, 1.5, 1.0], Value::Null);
}

#[test]
fn one_file_well_formed_and_self_contained() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    gallery(&root);
    let page = page(&root);
    let xml = as_xml(&page);
    let document = parsed(&xml);
    let mut ids = HashSet::new();
    for node in document.descendants().filter(|node| node.is_element()) {
        assert!(!["script", "iframe", "object", "embed", "img", "use"].contains(&node.tag_name().name()), "{node:?}");
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && !["src", "srcset", "style"].contains(&name), "{name} = {value}");
            assert!(name != "href" || value.starts_with('#') || value == "data:,", "{value}");
            assert!(name != "id" || ids.insert(value.to_string()), "id {value} is there twice");
        }
    }
    let hrefs = document.descendants().filter_map(|n| n.attribute("href")).filter_map(|href| href.strip_prefix('#'));
    hrefs.for_each(|id| assert!(ids.contains(id), "nothing has the id {id}"));
    assert!(!page.contains("url(") && !page.contains("@import") && !page.contains("<?xml"));
    assert_eq!(page.matches("<!DOCTYPE").count(), 1);
    assert_says(
        &page,
        &["Content-Security-Policy", "default-src 'none'", "prefers-color-scheme: dark", "@media print"],
    );
    // training and validation loss, their paired ratios, and steps to each loss or runs at the target, of two groups
    assert_eq!(page.matches("<figure>").count(), 10);
    let order = [
        "id=\"leaderboards\"",
        "id=\"claims\"",
        "id=\"mnist-b4096-e6\"",
        "id=\"mnist-full-e6\"",
        "id=\"method\"",
        "id=\"origin\"",
    ];
    let places: Vec<usize> = order.iter().map(|id| page.find(id).unwrap_or_else(|| panic!("no {id}"))).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(page, self::page(&root), "the same runs, the same bytes");
}

#[test]
fn what_it_says_is_what_was_found() {
    let root = TempDir::new().unwrap();
    gallery(root.path());
    let page = text(&page(root.path()));
    let analysis = analysis(root.path());
    let claims = page.find("The article replaces").unwrap();
    for (group, comparison) in analysis.comparisons() {
        let at = page.find(&comparison.answer).unwrap_or_else(|| panic!("no '{}' in: {page}", comparison.answer));
        assert!(group.headline().len() > 1 || at < claims, "the page opens with the only answer of a group");
        assert_eq!(page.matches(&comparison.answer).count(), 1, "each thing once");
        assert_says(&page, &[&words::standing(comparison), &comparison.size()]);
        for judgement in &comparison.judgements {
            assert_says(&page, &[&words::verdict(comparison, judgement)]);
        }
    }
    words::notes(analysis.criteria).iter().for_each(|note| assert_says(&page, &[note]));
    assert!(!page.contains("BCa") && !page.contains("bootstrap"));
    assert_says(
        &page,
        &[
            "Which is better: Adam, SNRAdam or AdaBelief?",
            "49 runs: 47 finished, 1 failed, 1 not finished",
            "SNRAdam trains faster than Adam",
            "failed: diverged the training loss became NaN in epoch 3",
            "failed: 1 of 9 SNRAdam",
            "adam-4096-10 is left out: interrupted after 2 of 6 epochs",
            "2 of 6",
            "epochs = 6",
            "eps = 1e-8",
        ],
    );
}

#[test]
fn claims_follow_the_verdicts() {
    let said = |mini: f64, full: Option<f64>| {
        let root = TempDir::new().unwrap();
        pairs(root.path(), Batch::Size(4096), 8, mini);
        full.into_iter().for_each(|gain| pairs(root.path(), Batch::Full, 8, gain));
        let page = text(&page(root.path()));
        let at = page.find("The article replaces").unwrap();
        page[at..page.find("MNIST (60,000 training").unwrap()].to_string()
    };
    let both = said(0.03, Some(0.03));
    // three claims of two groups, and what the conclusion rests on
    assert_eq!(both.matches("supported").count(), 3 * 2 + 2, "{both}");
    assert_says(
        &both,
        &["not tested", "supported with batch 4096 and supported with full batch", "configs/batch-size.toml"],
    );
    let mixed = said(0.03, Some(-0.03));
    assert_says(&mixed, &["supported with batch 4096 and contradicted with full batch", "configs/batch-size.toml"]);
    assert_says(&said(-0.03, None), &["contradicted", "not tested", "there are no runs with batch = ∞"]);
}

#[test]
fn what_is_undecided_does_not_read_as_refuted() {
    let root = TempDir::new().unwrap();
    for seed in 0..8 {
        finished(root.path(), "adam", Batch::Size(4096), seed, 0.2);
        let sign = if seed % 2 == 0 { 1.0 } else { -1.0 };
        finished(root.path(), "snradam", Batch::Size(4096), seed, 0.2 - 0.003 + sign * (0.02 + 0.002 * seed as f64));
    }
    let page = text(&page(root.path()));
    assert_says(
        &page,
        &[
            "undecided (about ",
            " more pairs) (exploratory)",
            "could decide it",
            "‘no relevant difference’ within 2% is out of reach",
        ],
    );
    for word in ["not supported", "refuted", "contradicted (", "inconclusive"] {
        assert!(!page.contains(word), "'{word}' in: {page}");
    }
}

#[test]
fn the_state_of_the_plan_is_shown() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    let specs: Vec<RunSpec> =
        (0..8).flat_map(|seed| ["adam", "snradam"].map(|optim| spec(optim, Batch::Size(4096), seed))).collect();
    plan::keep(root, plan::Asked { specs: &specs, tune: None, target: None, margin: Some(0.05) }).unwrap();
    pairs(root, Batch::Size(4096), 7, 0.03);
    let interim = text(&page(root));
    assert_says(
        &interim,
        &["Interim, no verdict: 1 of 8 planned pairs", "seed 7", "margin of equivalence: 5%", "not tested"],
    );
    assert!(!interim.contains("supported"), "{interim}");
    pairs(root, Batch::Size(4096), 8, 0.03);
    let complete = text(&page(root));
    assert_says(&complete, &["Complete: all 8 planned pairs have ended.", "supported", "snr-bench report . "]);
    assert!(!complete.contains("exploratory") && !complete.contains("--margin 0.05"), "{complete}");
    pairs(root, Batch::Size(4096), 9, 0.03);
    assert_says(
        &text(&page(root)),
        &["Extended: 1 pair (seed 8) added to the plan of 8.", "supported", "Over all 9 pairs: training loss"],
    );
}

#[test]
fn an_ablation_does_not_hide_the_claims() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), Batch::Size(4096), 8, 0.03);
    let settings = "optim = 'snradam'\nbeta2 = 0.99".parse::<toml::Table>().unwrap();
    let other = RunSpec { epochs: EPOCHS, ..RunSpec::resolve([settings]).unwrap() };
    write_run(&root.path().join("other"), &other, "finished", &losses(0, 0.3), json!({}));
    let page = text(&page(root.path()));
    assert_says(&page, &["SNRAdam, beta2 0.99", "The article’s claims", "supported"]);
}

#[cfg(unix)]
#[test]
fn a_link_is_not_replaced() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), Batch::Size(4096), 1, 0.03);
    fs::write(root.path().join("file"), "kept").unwrap();
    std::os::unix::fs::symlink("file", root.path().join("link")).unwrap();
    for args in [["report", ".", "--out", "link"], ["compare", ".", "--csv", "link"]] {
        assert_fails(&snr_bench(root.path(), &args), 2, &["link is no file that could be replaced"]);
    }
    assert_eq!(fs::read_to_string(root.path().join("file")).unwrap(), "kept");
}

#[test]
fn too_few_pairs_are_not_testable() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), Batch::Size(4096), 3, 0.03);
    let page = text(&page(root.path()));
    assert_says(
        &page,
        &["Not testable with 3 pairs: a verdict takes 6 pairs. So far: training loss", "3 pairs (seeds 0–2)"],
    );
    assert_says(&page, &["not testable with 3 pairs", "not tested"]);
    assert!(!page.contains("supported"), "nothing is supported or not: {page}");
}

#[test]
fn one_optimizer_is_shown_without_a_verdict() {
    let root = TempDir::new().unwrap();
    finished(root.path(), "sgd", Batch::Size(128), 0, 0.5);
    let html = page(root.path());
    let page = text(&html);
    assert_says(&page, &["Runs of SGD, not compared", "only SGD was trained with these settings"]);
    assert!(!page.contains("The article"), "the article says nothing of SGD");
    assert_eq!(html.matches("<figure>").count(), 2);
}

#[test]
fn every_text_is_escaped() {
    let root = TempDir::new().unwrap();
    let evil = "<script>alert('1')</script>\" onload=\"x&amp;";
    let more = json!({
        "reason": evil, "cpu": evil, "simd": evil, "git": evil, "version": evil, "candle": evil, "platform": evil,
        "device": evil, "command": ["x", evil], "data_hash": evil, "data_files": {evil: evil},
    });
    for optim in ["adam", "snradam"] {
        write_run(
            &root.path().join(evil.replace('/', "|")),
            &spec(optim, Batch::Full, 0),
            "failed",
            &[2.0, 1.0],
            more.clone(),
        );
    }
    let page = page(root.path());
    assert!(!page.contains("<script") && !page.contains(" onload=\"x"), "{page}");
    assert!(page.matches("&lt;script&gt;").count() >= 12, "{}", page.matches("&lt;script&gt;").count());
    parsed(&as_xml(&page));
}

#[test]
fn nothing_of_the_machine_but_what_ran() {
    let root = TempDir::new().unwrap();
    let runs = root.path().join("some where");
    pairs(&runs, Batch::Size(4096), 2, 0.03);
    let home = root.path().display().to_string();
    let more = json!({"reason": format!("cannot write {home}/x/metrics.csv; make room"), "command": ["/bin/snr-bench", "train", "--out", format!("{home}/a b")]});
    write_run(&runs, &spec("adam", Batch::Size(4096), 5), "failed", &[2.0, 1.0], more);
    fs::create_dir(runs.join("foreign")).unwrap();
    fs::write(runs.join("foreign/metrics.csv"), "x").unwrap();
    for file in [runs.join("report.html"), root.path().join("report.html"), root.path().join("elsewhere.html")] {
        report::write(&analysis(&runs), &runs, &file).unwrap();
        let page = fs::read_to_string(&file).unwrap();
        assert!(!page.contains(&home), "{page}");
        assert_says(
            &text(&page),
            &["adam-4096-5 is left out: failed", "skipped", "foreign/metrics.csv", "cannot write …/metrics.csv"],
        );
    }
}

#[test]
fn runs_that_differ_in_origin_or_that_nothing_can_repeat_are_told_of() {
    let root = TempDir::new().unwrap();
    pairs(root.path(), Batch::Size(4096), 3, 0.03);
    assert!(!text(&page(root.path())).contains("revisions"));
    let sessions = [json!({"git": "abcdef-dirty", "cpu": "Test CPU"}), json!({"git": "b699d932078b", "cpu": "Other"})];
    let more = json!({"sessions": sessions, "data_files": {"train-images": "ba89"}});
    write_run(root.path(), &spec("adam", Batch::Size(4096), 2), "finished", &losses(2, 0.2), more);
    assert_says(
        &text(&page(root.path())),
        &[
            "seed 2 pairs runs of different revisions",
            "1 run was made by a build",
            "train-imagesba89",
            "seed 2 has a run that was continued on another machine",
            "finished continued on another machine",
            "Test CPU; then Other",
        ],
    );
    fs::write(root.path().join("adam-4096-2/meta.json"), r#"{"state":"finished","data_hash":"3f2a9c0144aa"}"#).unwrap();
    assert_says(&text(&page(root.path())), &["not recorded (1 run)"]);
}

#[test]
fn the_command_line() {
    let root = TempDir::new().unwrap();
    pairs(&root.path().join("runs"), Batch::Size(4096), 2, 0.03);
    let run = |args: &[&str]| snr_bench(root.path(), args);
    let output = run(&["report", "runs", "--target", "0.25", "--margin", "0.01"]);
    assert_ok(&output);
    assert_eq!((stdout(&output), stderr(&output)), ("runs/report.html\n".to_string(), String::new()));
    let page = fs::read_to_string(root.path().join("runs/report.html")).unwrap();
    assert_says(
        &page,
        &["snr-bench report . --margin 0.01 --target 0.25", "validation loss 0.25", "margin of equivalence: 1%;"],
    );
    assert_ok(&run(&["report", "runs", "--out", "page.html"]));
    assert!(root.path().join("page.html").is_file());
    assert_fails(&run(&["report", "absent"]), 2, &["absent is not a folder"]);
    assert_fails(&run(&["report", "runs", "--out", "runs"]), 2, &["runs is a folder", "runs/report.html"]);
    assert_fails(&run(&["report", "runs", "--out", "none/page.html"]), 1, &["cannot write", "none/page.html"]);
    assert_fails(&run(&["report", "runs", "--margin", "2"]), 2, &["share between 0 and 1"]);
}
