//! `snr-bench plot`: from run directories to figures. The figures of the gallery stay in `target/tmp/gallery` to be
//! looked at.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use snr_bench::analysis::tuning::{TrialResult, TunedArm};
use snr_bench::analysis::{Analysis, Arm, Criteria, Endpoint, Group, Loss, Tuning, basin, mean_loss, variants};
use snr_bench::config::{Batch, RunSpec};
use snr_bench::model::VitConfig;
use snr_bench::optim;
use snr_bench::plot::{self, Format, Metric, Options, Scale, Sign, Size, X};
use snr_bench::run_dir::{Row, State, record};
use tempfile::TempDir;

const HASH: &str = "3f2a9c0144aa";

/// A run of an optimizer with its default hyperparameters.
fn spec(optim: &str, seed: u64) -> RunSpec {
    let table = toml::Table::from_iter([("optim".into(), optim.into()), ("seed".into(), (seed as i64).into())]);
    RunSpec::resolve([table]).unwrap()
}

/// Row `epoch` of an imagined run: falling losses with the seed's own noise.
fn row(spec: &RunSpec, epoch: u64) -> Row {
    let rate = match spec.optim.as_str() {
        "adam" => 0.14,
        "snradam" => 0.17,
        "adabelief" => 0.1415,
        _ => 0.05,
    } * spec.lr
        / 1e-3;
    // before training both of a pair are the same
    let salted = |salt: u64| if epoch == 0 { salt } else { salt + 17 * spec.optim.len() as u64 };
    let noise = |salt: u64| ((spec.seed * 7919 + epoch * 104_729 + salted(salt) * 31) % 1000) as f64 / 1000.0 - 0.5;
    let own = 0.1 * (((spec.seed * 37) % 11) as f64 / 11.0 - 0.5);
    let loss = |salt| (2.2 * (-rate * epoch as f64).exp() + 0.1) * (1.0 + own + 0.05 * noise(salt));
    let steps = match spec.batch {
        Batch::Size(n) => 60_000u64.div_ceil(n as u64),
        Batch::Full => 1,
    };
    let trained = (epoch > 0).then_some(());
    Row {
        epoch,
        step: epoch * steps,
        samples_seen: epoch * 60_000,
        lr: spec.lr,
        train_loss: trained.map(|()| loss(1) + 0.05),
        train_accuracy: trained.map(|()| 1.0 - loss(1) / 2.6),
        val_loss: loss(2),
        val_accuracy: 1.0 - loss(2) / 2.6,
        grad_norm: trained.map(|()| 0.5),
        update_norm: trained.map(|()| 0.1),
        param_norm: 20.0,
        epoch_seconds: 9.0,
        wall_seconds: (9.0 + noise(3)) * epoch as f64,
    }
}

fn rows(spec: &RunSpec, epochs: u64) -> Vec<Row> {
    (0..=epochs).map(|epoch| row(spec, epoch)).collect()
}

fn write_run(dir: &Path, spec: &RunSpec, state: &str, hash: &str, rows: &[Row]) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("config.toml"), spec.to_toml()).unwrap();
    fs::write(dir.join("meta.json"), format!(r#"{{"state":"{state}","data_hash":"{hash}","threads":2}}"#)).unwrap();
    let mut csv = csv::Writer::from_path(dir.join("metrics.csv")).unwrap();
    rows.iter().for_each(|row| csv.serialize(row).unwrap());
}

/// Writes a finished run in a folder of its own.
fn finished(root: &Path, spec: &RunSpec) -> PathBuf {
    let dir = root.join(format!("{}-{}-{}", spec.optim, spec.lr, spec.seed));
    write_run(&dir, spec, "finished", HASH, &rows(spec, spec.epochs));
    dir
}

/// Writes a run whose loss grows tenfold an epoch and becomes NaN in `epoch`.
fn diverged(root: &Path, spec: &RunSpec, epoch: u64) {
    let mut rows = rows(spec, epoch);
    for row in &mut rows[1..] {
        let growth = 2f64.powi(row.epoch as i32);
        row.val_loss *= growth;
        row.train_loss = row.train_loss.map(|loss| loss * growth);
    }
    rows[epoch as usize].train_loss = Some(f64::NAN);
    rows[epoch as usize].val_loss = f64::NAN;
    write_run(&root.join(format!("{}-{}-d", spec.optim, spec.seed)), spec, "diverged", HASH, &rows);
}

fn analysis(root: &Path) -> Analysis {
    Analysis::of(&[root.to_path_buf()], None, None).unwrap()
}

fn all(group: &Group) -> Vec<&Arm> {
    group.arms.iter().collect()
}

fn draw(root: &Path) -> Vec<PathBuf> {
    plot::draw(&analysis(root), &Options::new(root.join("figures"))).unwrap()
}

/// The whole text of a figure, which its `<desc>` repeats.
fn description(svg: &Path) -> String {
    let text = fs::read_to_string(svg).unwrap();
    text.split("<desc>").nth(1).unwrap().split("</desc>").next().unwrap().to_string()
}

fn names(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn gallery() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    let _ = fs::remove_dir_all(&root);
    let at = |name: &str| root.join(name);

    for optim in ["adam", "snradam"] {
        finished(&at("one-seed"), &spec(optim, 0));
        (0..10).for_each(|seed| drop(finished(&at("ten-seeds"), &spec(optim, seed))));
        (0..6).for_each(|seed| {
            finished(&at("full"), &RunSpec { batch: Batch::Full, epochs: 100, ..spec(optim, seed) });
        });
        finished(&at("one-epoch"), &RunSpec { epochs: 1, ..spec(optim, 0) });
        for lr in [3e-4, 1e-3, 3e-3] {
            (0..3).for_each(|seed| drop(finished(&at("rates"), &RunSpec { lr, ..spec(optim, seed) })));
        }
    }
    for optim in ["adam", "snradam", "adabelief"] {
        finished(&at("four"), &spec(optim, 0));
        (0..5).for_each(|seed| drop(finished(&at("mixed"), &spec(optim, seed))));
    }
    diverged(&at("four"), &spec("sgd", 0), 4);
    diverged(&at("mixed"), &spec("snradam", 5), 3);
    diverged(&at("mixed"), &spec("snradam", 6), 6);
    (0..2).for_each(|seed| diverged(&at("mixed"), &spec("sgd", seed), 2 + seed));
    write_run(&at("mixed/running"), &spec("adam", 5), "running", HASH, &rows(&spec("adam", 5), 8));
    for optim in ["adam", "adabelief"] {
        (0..10).for_each(|seed| drop(finished(&at("overlap"), &spec(optim, seed))));
    }

    // figures: three metrics, and with paired seeds the ratios of the losses and of the steps to each loss; from three
    // comparisons on also those below each other
    let folders = [
        ("one-seed", 3),
        ("ten-seeds", 6),
        ("full", 6),
        ("one-epoch", 3),
        ("rates", 10),
        ("four", 3),
        ("mixed", 8),
        ("overlap", 6),
    ];
    for (name, figures) in folders {
        let written = draw(&at(name));
        assert_eq!(written.len(), 2 * figures, "{name}: {written:?}");
        let png = resvg::tiny_skia::Pixmap::decode_png(&fs::read(&written[1]).unwrap()).unwrap();
        assert_eq!(png.width(), 2 * 760, "{name}");
        let dark = png.pixels().iter().filter(|p| p.red() < 100 && p.green() < 100).count();
        assert!(dark > 2000, "{name}: text and axes should be seen, not {dark} dark pixels");
    }
    let analysis = analysis(&at("ten-seeds"));
    for (name, x, y) in [("linear", X::Step, Scale::Linear), ("seconds", X::Seconds, Scale::Log)] {
        plot::draw(&analysis, &Options { x, y, ..Options::new(at(name)) }).unwrap();
    }
}

#[test]
fn every_comparison_has_its_own_chart() {
    let root = TempDir::new().unwrap();
    let base = spec("adam", 0);
    let model = VitConfig { depth: 1, ..VitConfig::default() }.into();
    let other = |name: &str, spec: RunSpec| {
        write_run(&root.path().join(name), &spec, "finished", HASH, &rows(&spec, spec.epochs));
    };
    other("a", base.clone());
    other("b", spec("snradam", 0));
    other("c", RunSpec { batch: Batch::Full, ..base.clone() });
    other("d", RunSpec { epochs: 3, ..base.clone() });
    other("e", RunSpec { model, ..base.clone() });
    other("f", RunSpec { train_subset: Some(100), ..base.clone() });
    other("g", RunSpec { validation: "holdout:5000".parse().unwrap(), ..base.clone() });
    other("h", RunSpec { dataset: snr_bench::data::DatasetKind::Digits, ..base.clone() });
    other("i", RunSpec { lr: 3e-3, ..base.clone() });

    let groups = analysis(root.path()).groups;
    assert_eq!(groups.last().unwrap().name, "mnist-full-e20", "mini-batches come first");
    let mut found: Vec<(&str, Vec<&str>)> =
        groups.iter().map(|g| (g.name.as_str(), g.arms.iter().map(|arm| arm.label.as_str()).collect())).collect();
    found.sort();
    assert_eq!(
        found,
        [
            ("digits-b4096-e20", vec!["Adam"]),
            ("mnist-b4096-e20", vec!["Adam, lr 0.001", "Adam, lr 0.003", "SNRAdam, lr 0.001"]),
            ("mnist-b4096-e20-depth1", vec!["Adam"]),
            ("mnist-b4096-e20-holdout5000", vec!["Adam"]),
            ("mnist-b4096-e3", vec!["Adam"]),
            ("mnist-full-e20", vec!["Adam"]),
            ("mnist-n100-b4096-e20", vec!["Adam"]),
        ]
    );
}

#[test]
fn runs_on_different_data_never_share_a_chart() {
    let root = TempDir::new().unwrap();
    for (name, optim, hash) in [("a", "adam", "aaaaaaaa11"), ("b", "snradam", "bbbbbbbb22"), ("c", "sgd", "aaaaaaaa33")]
    {
        let spec = spec(optim, 0);
        write_run(&root.path().join(name), &spec, "finished", hash, &rows(&spec, 20));
    }
    let mut names = names(&draw(root.path()));
    names.retain(|name| name.ends_with("val-loss.svg"));
    let expected = [
        "mnist-b4096-e20-aaaaaaaa-val-loss.svg",
        "mnist-b4096-e20-bbbbbbbb-val-loss.svg",
        "mnist-b4096-e20-aaaaaaaa-more-val-loss.svg",
    ];
    names.sort();
    let mut expected = expected.map(String::from);
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn labels_name_the_settings_that_are_not_the_defaults() {
    let root = TempDir::new().unwrap();
    let centred = |value: &str| {
        let mut spec = spec("snradam", 0);
        spec.hyper.insert("beta2".into(), value.parse::<f64>().unwrap().into());
        spec
    };
    for (name, spec) in [("a", spec("adam", 0)), ("b", centred("0.999")), ("c", centred("0.9"))] {
        write_run(&root.path().join(name), &spec, "finished", HASH, &rows(&spec, 20));
    }
    let groups = analysis(root.path()).groups;
    let labels: Vec<&str> = groups[0].arms.iter().map(|arm| arm.label.as_str()).collect();
    assert_eq!(labels, ["Adam", "SNRAdam", "SNRAdam, beta2 0.9"], "the defaults first, and without words");
    let styles: Vec<_> = groups[0].arms.iter().map(|arm| plot::style(&arm.spec().optim, arm.variant)).collect();
    assert_eq!(styles[1].color, styles[2].color, "one colour an optimizer");
    assert_ne!(styles[1].dash, styles[2].dash, "told apart in grey");
    assert_eq!(styles[0], plot::style("adam", 0), "the same in every figure");
}

#[test]
fn the_caption_states_what_was_drawn() {
    let root = TempDir::new().unwrap();
    for seed in 0..10 {
        finished(root.path(), &spec("adam", seed));
        finished(root.path(), &spec("snradam", seed));
    }
    diverged(root.path(), &spec("snradam", 10), 3);
    let running = spec("adam", 10);
    write_run(&root.path().join("r"), &running, "running", HASH, &rows(&running, 4));
    let written = draw(root.path());
    let text = description(&written[0]);
    for fact in [
        "MNIST (60,000 training and 10,000 test images, data 3f2a9c01)",
        "105,098 parameters",
        "batch 4096, lr 0.001",
        "n = 10 seeds each",
        "95% confidence interval of the mean",
        "mean over an epoch’s batches as they were trained on",
        "Failed: 1 of 11 SNRAdam",
        "Unfinished: 1 of 11 Adam",
    ] {
        assert!(text.contains(fact), "'{fact}' is not in: {text}");
    }
    let first = fs::read(&written[0]).unwrap();
    assert!(String::from_utf8_lossy(&first).contains("SNRAdam failed"), "the cross has its words");
    let png = fs::read(&written[1]).unwrap();
    draw(root.path());
    assert!(fs::read(&written[0]).unwrap() == first, "the same runs give the same SVG");
    assert!(fs::read(&written[1]).unwrap() == png, "the same runs give the same PNG");

    let lone = TempDir::new().unwrap();
    finished(lone.path(), &spec("adam", 0));
    let text = description(&draw(lone.path())[0]);
    assert!(text.contains("n = 1 seed.") && !text.contains("mean;"), "{text}");
    finished(lone.path(), &spec("adam", 1));
    let text = description(&draw(lone.path())[0]);
    assert!(text.contains("n = 2 seeds. Lines: mean; faint lines: single seeds; no interval below 3"), "{text}");
}

#[test]
fn the_mean_leaves_failed_and_unfinished_runs_out() {
    let root = TempDir::new().unwrap();
    let specs: Vec<RunSpec> = (0..3).map(|seed| spec("adam", seed)).collect();
    specs.iter().for_each(|spec| drop(finished(root.path(), spec)));
    diverged(root.path(), &spec("adam", 3), 5);
    write_run(&root.path().join("r"), &spec("adam", 4), "interrupted", HASH, &rows(&spec("adam", 4), 7));
    let groups = analysis(root.path()).groups;
    let figure = plot::chart(&groups[0], &all(&groups[0]), Metric::ValLoss, X::Epoch, Scale::Log).unwrap();
    let series = &figure.series[0];
    let expected = specs.iter().map(|spec| row(spec, 20).val_loss).sum::<f64>() / 3.0;
    assert_eq!(series.line.len(), 21);
    assert!((series.line[20].1 - expected).abs() < 1e-12);
    assert_eq!((series.faint.len(), series.band.len(), figure.marks.len()), (5, 21, 1));
    // t(2) s/√3 by hand
    let deviation = specs.iter().map(|spec| (row(spec, 20).val_loss - expected).powi(2)).sum::<f64>() / 2.0;
    let half = 4.302652730 * (deviation / 3.0).sqrt();
    assert!((series.band[20].2 - expected - half).abs() < 1e-9);
}

#[test]
fn a_run_that_ends_no_better_than_it_began_is_drawn_and_named_as_failed() {
    let root = TempDir::new().unwrap();
    (0..3).for_each(|seed| drop(finished(root.path(), &spec("adam", seed))));
    let blown = spec("adam", 3);
    let mut rows = rows(&blown, 20);
    rows[10..].iter_mut().for_each(|row| (row.val_loss, row.train_loss) = (1e6, Some(1e6)));
    write_run(&root.path().join("blown"), &blown, "finished", HASH, &rows);
    let groups = analysis(root.path()).groups;
    let figure = plot::chart(&groups[0], &all(&groups[0]), Metric::ValLoss, X::Epoch, Scale::Log).unwrap();
    assert_eq!((figure.marks.len(), figure.series[0].faint.len()), (1, 4));
    let mark = &figure.marks[0];
    assert_eq!(mark.label, "Adam failed");
    assert!(mark.at.0 > 9.0 && mark.at.0 <= 10.0 && mark.at.1 < 10.0, "where it leaves the chart: {:?}", mark.at);
    assert!(figure.caption.contains("Failed: 1 of 4 Adam"), "{}", figure.caption);
}

#[test]
fn the_paired_difference_is_of_runs_with_one_seed() {
    let root = TempDir::new().unwrap();
    for seed in 0..8 {
        finished(root.path(), &spec("adam", seed));
        finished(root.path(), &spec("snradam", seed));
    }
    finished(root.path(), &spec("adam", 8));
    diverged(root.path(), &spec("snradam", 8), 3);
    finished(root.path(), &spec("adam", 9));
    let groups = analysis(root.path()).groups;
    let figure = plot::difference(&groups[0], Loss::Validation).unwrap();
    let [one, series] = figure.series.as_slice() else { panic!("{:?}", figure.series) };
    assert!(one.line.iter().all(|(_, y)| *y == 1.0) && one.label.is_empty());
    let ratio = |seed| (row(&spec("snradam", seed), 12).val_loss / row(&spec("adam", seed), 12).val_loss).ln();
    let expected = snr_bench::stats::paired_t(&(0..8).map(ratio).collect::<Vec<_>>());
    assert!((series.line[12].1 - expected.mean.exp()).abs() < 1e-12 && series.line[12].0 == 12.0);
    assert_eq!((series.line.len(), series.faint.len(), series.band.len()), (21, 8, 20), "no spread before training");
    let (lo, hi) = expected.interval.unwrap();
    assert!((series.band[11].1 - lo.exp()).abs() < 1e-12 && (series.band[11].2 - hi.exp()).abs() < 1e-12);
    assert_eq!(series.style, plot::style("snradam", 0), "the colour of the optimizer");
    assert!(figure.title.ends_with("SNRAdam / Adam"), "with a failed run there is no mean: {}", figure.title);
    let sides = figure.sides.as_ref().unwrap();
    assert_eq!((sides.above.as_str(), sides.below.as_str()), ("Adam better", "SNRAdam better"));
    for fact in ["n = 8 pairs", "95% confidence interval (Student’s t)", "not drawn, but count in the verdicts: 1."] {
        assert!(figure.caption.contains(fact), "'{fact}' is not in: {}", figure.caption);
    }
    // the training loss begins with epoch 1
    assert_eq!(plot::difference(&groups[0], Loss::Training).unwrap().series[1].line[0].0, 1.0);

    let of = |seeds: u64| {
        let (mut records, _) = record::find(root.path()).unwrap();
        records.retain(|run| run.spec.seed < seeds);
        Analysis::new(records, Vec::new(), Vec::new(), Criteria::default()).groups
    };
    let figure = plot::difference(&of(8)[0], Loss::Validation).unwrap();
    assert!(figure.title.starts_with("SNRAdam’s final validation loss is "), "{}", figure.title);
    assert!(figure.title.ends_with(" lower than Adam’s"), "{}", figure.title);
    let figure = plot::difference(&of(2)[0], Loss::Validation).unwrap();
    assert!(figure.series[1].band.is_empty() && figure.caption.contains("no interval below 3 pairs"));
    assert!(plot::difference(&of(1)[0], Loss::Validation).is_none());
}

/// Rows whose validation loss falls by half in so many epochs.
fn halving(spec: &RunSpec, epochs: f64) -> Vec<Row> {
    let mut rows = rows(spec, spec.epochs);
    rows.iter_mut().for_each(|row| row.val_loss = 2.0 * 0.5f64.powf(row.epoch as f64 / epochs));
    rows
}

#[test]
fn the_speed_up_is_the_ratio_of_steps_at_every_loss_that_all_reach() {
    let root = TempDir::new().unwrap();
    for seed in 0..6 {
        let (adam, snradam) = (spec("adam", seed), spec("snradam", seed));
        let own = 1.0 + 0.02 * seed as f64;
        write_run(&root.path().join(format!("a{seed}")), &adam, "finished", HASH, &halving(&adam, 4.0));
        write_run(&root.path().join(format!("s{seed}")), &snradam, "finished", HASH, &halving(&snradam, 3.0 * own));
    }
    let groups = Analysis::of(&[root.path().to_path_buf()], Some(0.3), None).unwrap().groups;
    let figure = plot::speedup(&groups[0]).unwrap();
    let series = &figure.series[1];
    let expected = 0.75 * (0..6).map(|seed| 1.0 + 0.02 * f64::from(seed)).product::<f64>().powf(1.0 / 6.0);
    assert!(series.line.iter().all(|(_, ratio)| (ratio - expected).abs() < 1e-9), "{:?}", series.line);
    assert_eq!((series.faint.len(), series.band.len()), (6, series.line.len()));
    let least = 2.0 * 0.5f64.powf(5.0);
    assert!(series.line.is_sorted_by(|a, b| a.0 > b.0) && (series.line.last().unwrap().0 - least).abs() < 1e-9);
    assert!(figure.x.reversed, "training goes from left to right");
    assert_eq!((figure.marks.len(), figure.marks[0].at.0), (1, 0.3));
    assert!(figure.marks[0].label.starts_with("0.79 ["), "{}", figure.marks[0].label);
    assert!(
        figure.caption.contains("× marks the target, 0.3") && figure.caption.contains("n = 6 pairs"),
        "{}",
        figure.caption
    );
    let names = |groups: &[snr_bench::analysis::Group]| {
        plot::comparisons(&groups[0]).iter().map(|(stem, _)| *stem).collect::<Vec<_>>()
    };
    assert_eq!(names(&groups), ["train-loss-difference", "val-loss-difference", "speed-up"]);
    // with a failed pair no loss is reached by all: the share of runs at the target stands in
    finished(root.path(), &spec("adam", 6));
    diverged(root.path(), &spec("snradam", 6), 3);
    assert_eq!(names(&analysis(root.path()).groups)[2], "epochs-to-target");
}

#[test]
fn the_share_of_runs_at_the_target_rises_by_a_step_a_seed() {
    let root = TempDir::new().unwrap();
    for (seed, reached) in [Some(3), Some(5), Some(5), None].into_iter().enumerate() {
        let spec = spec("adam", seed as u64);
        let mut rows = rows(&spec, 20);
        // half of the way from 1 to 0.1 in logarithms is √0.1
        rows.iter_mut().for_each(|row| row.val_loss = if reached.is_some_and(|e| row.epoch >= e) { 0.1 } else { 1.0 });
        rows[0].val_loss = 2.3 + seed as f64 / 100.0;
        write_run(&root.path().join(seed.to_string()), &spec, "finished", HASH, &rows);
    }
    diverged(root.path(), &spec("adam", 4), 6);
    write_run(&root.path().join("r"), &spec("adam", 5), "running", HASH, &rows(&spec("adam", 5), 2));
    let at = |target: f64| Analysis::of(&[root.path().to_path_buf()], Some(target), None).unwrap().groups;
    let figure = plot::reach(&at(0.1f64.sqrt())[0]).unwrap();
    let line: Vec<(f64, f64)> = figure.series[1].line.iter().map(|(x, y)| ((x * 1e6).round() / 1e6, *y)).collect();
    assert_eq!(
        line[line.len() - 7..],
        [(2.5, 0.0), (2.5, 20.0), (4.5, 20.0), (4.5, 40.0), (4.5, 40.0), (4.5, 60.0), (20.0, 60.0)]
    );
    assert!(figure.title.contains("reached validation loss 0.316"), "{}", figure.title);
    assert!(figure.caption.contains("3 of 5 Adam"), "{}", figure.caption);
    assert!(plot::reach(&at(0.01)[0]).is_none(), "nobody got there");
}

#[test]
fn a_run_that_diverged_at_once_is_still_shown() {
    let root = TempDir::new().unwrap();
    finished(root.path(), &spec("adam", 0));
    diverged(root.path(), &spec("sgd", 0), 1);
    let text = description(&draw(root.path())[0]);
    assert!(text.contains("Failed: 1 of 1 SGD"), "{text}");

    let alone = TempDir::new().unwrap();
    diverged(alone.path(), &spec("sgd", 0), 1);
    // no finite training loss at all, but the validation loss before training
    assert_eq!(names(&draw(alone.path()))[0], "mnist-b4096-e20-val-loss.svg");
}

#[test]
fn losses_of_zero_and_of_any_size_are_drawn() {
    let root = TempDir::new().unwrap();
    for (seed, factor) in [0.0, 1e-320, 1e-30, 1e30, 1e308, f64::INFINITY].into_iter().enumerate() {
        let spec = spec("adam", seed as u64);
        let mut rows = rows(&spec, 20);
        rows[5..].iter_mut().for_each(|row| {
            row.val_loss *= factor;
            row.train_loss = Some(-factor);
            row.wall_seconds = factor;
        });
        write_run(&root.path().join(seed.to_string()), &spec, "finished", HASH, &rows);
    }
    let analysis = analysis(root.path());
    for x in [X::Epoch, X::Step, X::Seconds] {
        for y in [Scale::Linear, Scale::Log] {
            let formats = vec![Format::Svg];
            let options = Options { x, y, formats, ..Options::new(root.path().join("f")) };
            for path in plot::draw(&analysis, &options).unwrap() {
                let svg = fs::read_to_string(path).unwrap();
                assert!(!svg.contains("NaN") && !svg.contains("-214748") && !svg.contains("214748"), "{x:?} {y:?}");
            }
        }
    }
}

#[test]
fn a_metrics_file_that_is_cut_off_is_read_up_to_there() {
    let root = TempDir::new().unwrap();
    let dir = finished(root.path(), &spec("adam", 0));
    let path = dir.join("metrics.csv");
    let whole = fs::read_to_string(&path).unwrap();
    let header = whole.find('\n').unwrap() + 1;
    for cut in (0..whole.len()).rev().step_by(7) {
        fs::write(&path, &whole[..cut]).unwrap();
        let lines = whole[..cut].matches('\n').count();
        match record::find(root.path()) {
            Ok((records, warnings)) => {
                assert!(cut > header && records[0].rows.len() == lines - 1, "cut at {cut}");
                assert_eq!(warnings.len(), usize::from(!whole[..cut].ends_with('\n')), "cut at {cut}");
                assert!(
                    warnings.iter().all(|w| w.0.contains("cut off") && w.0.contains("metrics.csv")),
                    "{warnings:?}"
                );
            }
            Err(e) => assert!(lines < 2 && e.to_string().contains("no complete row"), "cut at {cut}: {e}"),
        }
    }
}

#[test]
fn unusable_runs_are_told_of_and_passed_over() {
    let root = TempDir::new().unwrap();
    let good = finished(root.path(), &spec("adam", 0));
    type Damage = fn(&Path);
    let damages: [(&str, Damage, &str); 10] = [
        (
            "foreign",
            |dir| fs::write(dir.join("metrics.csv"), "time,speed\n1,2\n").unwrap(),
            "move it out of the results",
        ),
        ("binary", |dir| fs::write(dir.join("metrics.csv"), [0xff; 100]).unwrap(), "cannot read"),
        ("middle", |dir| edit(&dir.join("metrics.csv"), "\n3,", "\nx,"), "line 5 is damaged"),
        ("twice", |dir| edit(&dir.join("metrics.csv"), "\n3,", "\n2,"), "line 5: epoch 2 stands where epoch 3 belongs"),
        ("no-config", |dir| fs::remove_file(dir.join("config.toml")).unwrap(), "there is no config.toml"),
        ("config", |dir| fs::write(dir.join("config.toml"), "optim = [").unwrap(), "is not TOML"),
        ("optim", |dir| edit(&dir.join("config.toml"), "\"adam\"", "\"adamm\""), "did you mean 'adam'?"),
        ("no-meta", |dir| fs::remove_file(dir.join("meta.json")).unwrap(), "cannot read"),
        ("meta", |dir| edit(&dir.join("meta.json"), "finished", "lost"), "meta.json is not what a run writes"),
        (
            "huge",
            |dir| fs::File::create(dir.join("metrics.csv")).unwrap().set_len(1 << 40).unwrap(),
            "is longer than 64 MiB",
        ),
    ];
    for (name, damage, message) in damages {
        let dir = root.path().join(name);
        let spec = spec("adam", 1);
        write_run(&dir, &spec, "finished", HASH, &rows(&spec, 20));
        damage(&dir);
        let (records, warnings) = record::find(root.path()).unwrap();
        assert_eq!(records.len(), 1, "{name}");
        assert_eq!(records[0].dir, good, "{name}");
        assert_eq!(warnings.len(), 1, "{name}: {warnings:?}");
        assert!(warnings[0].0.contains(message) && warnings[0].0.contains(name), "{name}: {}", warnings[0]);
        fs::remove_dir_all(dir).unwrap();
    }
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_copy_of_a_run_is_no_second_seed() {
    let root = TempDir::new().unwrap();
    let spec = spec("adam", 0);
    write_run(&root.path().join("a"), &spec, "interrupted", HASH, &rows(&spec, 5));
    write_run(&root.path().join("b"), &spec, "finished", HASH, &rows(&spec, 20));
    let (records, warnings) = record::find(root.path()).unwrap();
    assert_eq!((records.len(), records[0].meta.state, warnings.len()), (1, State::Finished, 1));
    assert!(warnings[0].0.contains("the same run"), "{}", warnings[0]);
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_the_search_in_circles() {
    let root = TempDir::new().unwrap();
    finished(&root.path().join("deep/er"), &spec("adam", 0));
    std::os::unix::fs::symlink(root.path(), root.path().join("deep/loop")).unwrap();
    assert_eq!(record::find(root.path()).unwrap().0.len(), 1);
}

#[test]
fn nothing_to_draw_is_an_error() {
    let root = TempDir::new().unwrap();
    common::assert_fails(&common::snr_bench(root.path(), &["plot", "."]), 1, &["no usable run", "snr-bench train"]);
    common::assert_fails(&common::snr_bench(root.path(), &["plot", "absent"]), 2, &["is not a folder"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let root = TempDir::new().unwrap();
    finished(root.path(), &spec("adam", 0));
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let error = plot::draw(&analysis(root.path()), &Options::new(file.join("figures"))).unwrap_err().to_string();
    assert!(error.contains("file/figures") && error.contains("--out"), "{error}");
}

#[test]
fn one_format_when_one_is_asked_for() {
    let root = TempDir::new().unwrap();
    finished(root.path(), &spec("adam", 0));
    let args = ["plot", ".", "--out", "elsewhere", "--x", "step", "--y", "linear", "--format", "png"];
    assert!(common::snr_bench(root.path(), &args).status.success());
    let mut found: Vec<_> = fs::read_dir(root.path().join("elsewhere")).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    let expected = ["error-rate", "train-loss", "val-loss"].map(|metric| format!("mnist-b4096-e20-{metric}.png"));
    assert_eq!(names(&found), expected);
}

/// A finished run whose losses stand still at `loss` from the first epoch on.
fn at(root: &Path, optim: &str, lr: f64, seed: u64, loss: f64) {
    let spec = RunSpec { lr, ..spec(optim, seed) };
    let mut rows = rows(&spec, 20);
    rows[1..].iter_mut().for_each(|row| (row.val_loss, row.train_loss) = (loss, Some(loss)));
    rows[0].val_loss = 2.3 + 1e-3 * seed as f64;
    write_run(&root.join(format!("{optim}-{lr}-{seed}")), &spec, "finished", HASH, &rows);
}

#[test]
fn the_endpoint_is_drawn_over_the_learning_rate_with_its_basin() {
    let root = TempDir::new().unwrap();
    for seed in 0..2 {
        let own = if seed == 0 { 1.25 } else { 0.8 };
        for (lr, loss) in [(1e-3, 0.2), (1e-2, 0.1), (1e-1, 0.2)] {
            at(root.path(), "adam", lr, seed, loss * own);
        }
        for (lr, loss) in [(1e-3, 0.3), (1e-2, 0.15)] {
            at(root.path(), "snradam", lr, seed, loss * own);
        }
    }
    diverged(root.path(), &RunSpec { lr: 1e-1, ..spec("snradam", 0) }, 3);
    at(root.path(), "snradam", 1e-1, 1, 0.2);
    let groups = analysis(root.path()).groups;
    let mean = |arm: &&Arm| (arm.spec().lr, mean_loss(Endpoint::FinalValLoss, arm).map(|loss| loss.mean));
    let of = |i: usize| basin(&variants(&groups[0])[i].arms.iter().map(mean).collect::<Vec<_>>()).unwrap();
    // ln 2 a decade on both sides: 5% more is reached after ln 1.05 / ln 2 of a decade
    let factor = 10f64.powf(2.0 * 1.05f64.ln() / 2f64.ln());
    assert!(!of(0).is_open && (of(0).factor - factor).abs() < 1e-9, "{:?}", of(0));
    // to the right a run failed: it is not known where the basin ends
    assert!(of(1).is_open && (of(1).factor - factor.sqrt()).abs() < 1e-9, "{:?}", of(1));

    let figure = plot::rates(&groups[0], Endpoint::FinalValLoss).unwrap();
    assert_eq!((figure.series[0].label.as_str(), figure.series[1].label.as_str()), ("Adam · 1.4×", "SNRAdam · ≥ 1.2×"));
    assert_eq!((figure.series[0].line.len(), figure.series[0].dots.len()), (3, 6));
    assert_eq!((figure.series[1].line.len(), figure.series[1].dots.len()), (2, 5), "no mean where one failed");
    assert!((figure.series[0].line[1].1 - 0.1).abs() < 1e-12, "the geometric mean");
    let of_sign = |sign| figure.marks.iter().filter(move |mark| mark.sign == sign).collect::<Vec<_>>();
    assert_eq!((of_sign(Sign::Ring).len(), of_sign(Sign::Cross).len()), (2, 1));
    let highest = figure.series.iter().flat_map(|s| &s.dots).map(|dot| dot.1).fold(0.0, f64::max);
    assert!(of_sign(Sign::Cross)[0].at.1 > highest, "failed runs are at the top edge");
    assert!(figure.caption.contains("a run that failed (1)"), "{}", figure.caption);

    // curves and differences are of the best rates, and a variant of one optimizer has its dashes
    let curves = plot::curves(&groups[0], &[Metric::ValLoss], X::Epoch, Scale::Log);
    let labels: Vec<&str> = curves[0].1.series.iter().map(|series| series.label.as_str()).collect();
    assert_eq!(labels, ["Adam, lr 0.01", "SNRAdam, lr 0.01"]);
    assert!(curves[0].1.series.iter().all(|series| series.style.dash.is_none()));
    assert!(curves[0].1.caption.contains("at its best learning rate"), "{}", curves[0].1.caption);
    let every = plot::chart(&groups[0], &all(&groups[0]), Metric::ValLoss, X::Epoch, Scale::Log).unwrap();
    let styles: Vec<_> = every.series[..3].iter().map(|series| series.style).collect();
    assert!(styles.iter().all(|style| style.color == styles[0].color));
    assert!(styles[0].dash != styles[1].dash && styles[1].dash != styles[2].dash);
    // six lines: a panel for every optimizer
    let svg = plot::render_svg(&every, Size::default()).unwrap();
    assert!(svg.contains("In every panel: the others in grey.") && svg.contains("lr 0.001"), "{svg}");
}

/// An arm that was judged at a rate of 0.01, and the losses of its trials.
fn tuned(title: &str, optim: &str, losses: &[f64]) -> TunedArm {
    let settings = |i: usize| toml::from_str(&format!("lr = {}", [1e-3, 1e-2, 1e-1][i])).unwrap();
    let trials: Vec<TrialResult> = (0..losses.len())
        .map(|i| TrialResult { settings: settings(i), losses: vec![losses[i] * 1.25, losses[i] / 1.25] })
        .collect();
    let runs = (0..2).map(|seed| RunSpec { lr: 1e-2, ..spec(optim, seed) }.run_name()).collect();
    TunedArm { title: title.to_string(), chosen: settings(1), at_edge: Vec::new(), runs, trials }
}

#[test]
fn the_best_of_a_few_trials_is_that_of_the_tuning_runs() {
    let root = TempDir::new().unwrap();
    for (optim, seed) in [("adam", 0), ("adam", 1), ("snradam", 0), ("snradam", 1)] {
        at(root.path(), optim, 1e-2, seed, 0.1);
    }
    let group = &analysis(root.path()).groups[0];
    assert!(plot::trials(group, &[]).is_none(), "nothing was tuned");
    let arms = vec![tuned("Adam", "adam", &[0.2, 0.1, 0.2]), tuned("SNRAdam", "snradam", &[0.3, 0.15, f64::INFINITY])];
    let (validation, folder) = ("holdout:10000".to_string(), root.path().to_path_buf());
    let tuning = Tuning { seeds: vec![100, 101], validation, rounds: 0, most_rounds: 2, arms, folder };
    // the group is that of a tuned experiment, whatever its file says
    fs::write(root.path().join("chosen.toml"), "").unwrap();
    let group = &analysis(root.path()).groups[0];
    let figure = plot::trials(group, std::slice::from_ref(&tuning)).unwrap();
    // of Adam means of logarithms over all draws; SNRAdam may fail with one trial
    let adam: Vec<f64> = figure.series[0].line.iter().map(|point| point.1).collect();
    let expected = [0.2 * 0.5f64.powf(1.0 / 3.0), 0.2 * 0.5f64.powf(2.0 / 3.0), 0.1];
    assert!(adam.iter().zip(expected).all(|(found, wanted)| (found - wanted).abs() < 1e-12), "{adam:?}");
    assert_eq!(figure.series[1].line[0].0, 2.0);
    assert!(figure.title.contains("with 1 trial Adam, 0.1587; with 3 trials Adam, 0.1000"), "{}", figure.title);
    assert!(figure.about.contains("tuned on seeds 100, 101 and 10,000 held-out images"), "{}", figure.about);

    // the same trials by learning rate: one of SNRAdam's failed, of Adam's the basin is open to neither side
    let figure = plot::tuned_rates(group, &[tuning]).unwrap();
    assert_eq!((figure.series[0].label.as_str(), figure.series[1].label.as_str()), ("Adam · 1.4×", "SNRAdam · ≥ 1.2×"));
    assert_eq!((figure.series[0].line.len(), figure.series[0].dots.len()), (3, 6));
    assert_eq!((figure.series[1].line.len(), figure.series[1].dots.len()), (2, 4));
    assert_eq!(figure.marks.iter().filter(|mark| mark.sign == Sign::Cross).count(), 2, "both seeds of it");
    assert_eq!(figure.title, "At its best, Adam comes to 0.1000 (lr 0.01) and SNRAdam comes to 0.1500 (lr 0.01)");
    assert!(figure.caption.starts_with("n = 2 at each rate."), "{}", figure.caption);
}

/// An arm at nearly the rate that all have in common matches the length of another's steps, and is no trial of a rate.
#[test]
fn a_rate_beside_the_common_one_is_no_trial() {
    let root = TempDir::new().unwrap();
    for seed in 0..6 {
        for (optim, lr) in [("adam", 1e-3), ("snradam", 1e-3), ("adam", 1.016e-3)] {
            at(root.path(), optim, lr, seed, 0.1 + 0.001 * seed as f64);
        }
    }
    let group = &analysis(root.path()).groups[0];
    assert!(plot::rates(group, Endpoint::FinalValLoss).is_none());
    let ranked: Vec<_> = group.leaderboard.iter().map(|entrant| (entrant.optim.as_str(), entrant.lr)).collect();
    assert_eq!(ranked.len(), 2);
    assert!(ranked.contains(&("adam", 1e-3)), "{ranked:?}");
    assert!(group.warnings.is_empty(), "{:?}", group.warnings);
}

/// One figure of all groups says what each of them found, and the pointer tells its values.
#[test]
fn all_answers_stand_in_one_figure() {
    let root = TempDir::new().unwrap();
    let pairs = |folder: &str, train_subset: Option<usize>| {
        for seed in 0..6 {
            for (optim, loss) in [("adam", 0.2), ("snradam", 0.15 + 0.001 * seed as f64)] {
                let run = RunSpec { train_subset, ..spec(optim, seed) };
                let mut rows = rows(&run, run.epochs);
                rows.iter_mut().skip(1).for_each(|row| row.val_loss = loss);
                write_run(&root.path().join(folder).join(format!("{optim}-{seed}")), &run, "finished", HASH, &rows);
            }
        }
    };
    pairs("all", None);
    assert!(plot::overview(&analysis(root.path())).is_none(), "one answer has figures of its own");
    pairs("some", Some(50_000));
    let figure = plot::overview(&analysis(root.path())).unwrap();
    let names: Vec<&str> = figure.y.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names[0].contains("over the run") && names[1].contains("final validation"), "{names:?}");
    let svg = plot::render_drawing(&figure, 600.0).unwrap();
    for row in &figure.y.rows {
        assert!(svg.contains(&format!("<title>{}: {}</title>", row.name, row.note)), "{svg}");
    }
}

#[test]
fn no_two_optimizers_look_alike() {
    let colors: Vec<(u8, u8, u8)> = optim::entries().iter().map(|entry| plot::style(entry.name, 0).color).collect();
    for (i, a) in colors.iter().enumerate() {
        for b in &colors[..i] {
            let apart = (i32::from(a.0) - i32::from(b.0)).abs()
                + (i32::from(a.1) - i32::from(b.1)).abs()
                + (i32::from(a.2) - i32::from(b.2)).abs();
            assert!(apart > 60, "{a:?} and {b:?}");
        }
    }
    let variants: Vec<_> = (0..12).map(|variant| plot::style("adam", variant)).collect();
    for (i, a) in variants.iter().enumerate() {
        assert!(variants[..i].iter().all(|b| a != b), "variant {i} looks like another");
    }
}

#[test]
fn what_is_drawn_can_be_chosen() {
    let root = TempDir::new().unwrap();
    for seed in 0..2 {
        finished(root.path(), &spec("adam", seed));
        finished(root.path(), &spec("snradam", seed));
    }
    let run = |args: &[&str]| common::snr_bench(root.path(), &[&["plot", ".", "--format", "svg"], args].concat());
    let chosen = ["--metric", "val-loss", "--where", "optim=adam", "--title", "Only Adam", "--y-range", "0.2:1"];
    let output = run(&[&chosen[..], &["--x-range", "2:12", "--width", "500", "--height", "400"]].concat());
    common::assert_ok(&output);
    assert_eq!(common::stdout(&output).trim(), "./figures/mnist-b4096-e20-val-loss.svg");
    let svg = fs::read_to_string(root.path().join("figures/mnist-b4096-e20-val-loss.svg")).unwrap();
    assert!(svg.contains("width=\"500\" height=\"400\"") && svg.contains("<title>Only Adam</title>"), "{svg}");
    assert!(!svg.contains("SNRAdam"), "{svg}");
    // nothing of a line is drawn beyond the axes
    let numbers = svg.split("points=\"").skip(1).flat_map(|part| part.split('"').next().unwrap().split(' '));
    let points = numbers
        .filter_map(|pair| pair.split_once(','))
        .map(|(x, y)| (x.parse::<f64>().unwrap(), y.parse::<f64>().unwrap()));
    assert!(
        points.clone().count() > 20 && points.clone().all(|(x, y)| (0.0..5000.0).contains(&x) && y > 500.0),
        "{svg}"
    );

    common::assert_fails(&run(&["--title", "Many"]), 2, &["--title is for one figure, and these are"]);
    common::assert_fails(&run(&["--metric", "val-los"]), 2, &["there is no such figure", "'val-loss'"]);
    common::assert_fails(&run(&["--metric", "rates"]), 1, &["these runs have no figure rates"]);
    common::assert_fails(&run(&["--y-range", "0:1"]), 2, &["--y-range begins at 0"]);
    common::assert_fails(&run(&["--x-range", "3"]), 2, &["two numbers"]);
    common::assert_fails(&run(&["--where", "optim=sgd"]), 2, &["no run matches"]);
}

#[test]
fn hundreds_of_files_are_not_written_unasked() {
    let root = TempDir::new().unwrap();
    for epochs in 1..=25 {
        finished(&root.path().join(epochs.to_string()), &RunSpec { epochs, ..spec("adam", 0) });
    }
    let run = |args: &[&str]| common::snr_bench(root.path(), &[&["plot", "."], args].concat());
    common::assert_fails(
        &run(&[]),
        2,
        &["75 figures of 25 groups of runs would be 150 files", "--where", "--metric", "--all"],
    );
    assert!(!root.path().join("figures").exists());
    assert_eq!(common::stdout(&run(&["--metric", "val-loss"])).lines().count(), 50);
    assert_eq!(common::stdout(&run(&["--all"])).lines().count(), 150);
}

#[test]
fn the_training_loss_by_step_is_that_of_every_step() {
    let root = TempDir::new().unwrap();
    for seed in 0..2u64 {
        let dir = finished(root.path(), &spec("adam", seed));
        let rows = (1..=300).map(|step| format!("{step},1,60,0.001,{},1,1,,,,\n", 2.0 / f64::from(step) + seed as f64));
        let header = "step,epoch,samples_seen,lr,train_loss,grad_norm,update_norm,probe_loss,noise_trace,noise_scale,noise_share\n";
        fs::write(dir.join("steps.csv"), header.to_string() + &rows.collect::<String>()).unwrap();
    }
    let groups = analysis(root.path()).groups;
    let by = |x| plot::chart(&groups[0], &all(&groups[0]), Metric::TrainLoss, x, Scale::Log).unwrap();
    let figure = by(X::Step);
    assert_eq!(figure.series[0].line.len(), 300);
    assert_eq!(figure.series[0].line[3], (4.0, 1.0), "the mean of 0.5 and 1.5");
    assert!(figure.caption.contains("that of each batch, before its step"), "{}", figure.caption);
    assert_eq!(by(X::Epoch).series[0].line.len(), 20);
    // a run without steps.csv: by epoch, as before
    finished(root.path(), &spec("adam", 2));
    let groups = analysis(root.path()).groups;
    let figure = plot::chart(&groups[0], &all(&groups[0]), Metric::TrainLoss, X::Step, Scale::Log).unwrap();
    assert!(figure.series[0].line.len() == 20 && figure.caption.contains("mean over an epoch"), "{}", figure.caption);
}

#[test]
fn many_series_become_small_multiples() {
    let many = |n: usize| {
        let series = (0..n).map(|i| plot::Series {
            label: format!("Optimizer {i}"),
            group: format!("Optimizer {i}"),
            style: plot::Style { color: (10 * i as u8, 100, 200 - 10 * i as u8), dash: None },
            line: (0..=20).map(|x| (f64::from(x), (2.0 + i as f64 / 10.0) * (-0.1 * f64::from(x)).exp())).collect(),
            ..plot::Series::default()
        });
        plot::Figure {
            title: format!(
                "{n} optimizers, and a title that is so long that it takes a second line on a sheet of usual width"
            ),
            about: String::new(),
            caption: String::new(),
            x: plot::Axis::linear("epoch", Some(0.0), true),
            y: plot::Axis::log("validation loss (cross-entropy, nats)"),
            sides: None,
            series: series.collect(),
            marks: Vec::new(),
        }
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery/many");
    for n in [4, 5, 7, 9, 15] {
        let figure = many(n);
        let panels = if n < 5 { 0 } else { n };
        assert_eq!(figure.panels().len(), panels);
        plot::write(&figure, Size::default(), &folder, &n.to_string(), &[Format::Png, Format::Svg]).unwrap();
        let svg = fs::read_to_string(folder.join(format!("{n}.svg"))).unwrap();
        // every optimizer's own name stands once: at its line's end, or above its panel
        let name = |i: usize| svg.matches(&format!("\nOptimizer {i}\n")).count();
        assert!((0..n).all(|i| name(i) == 1), "{n}: {svg}");
    }
}
