//! `snr-bench plot`: from run directories to figures. The figures of the gallery stay in `target/tmp/gallery` to be
//! looked at.

use std::fs;
use std::path::{Path, PathBuf};

use snr_bench::cli::plot::PlotArgs;
use snr_bench::config::{Batch, RunSpec};
use snr_bench::error::UsageError;
use snr_bench::model::VitConfig;
use snr_bench::plot::{self, Format, Options, Scale, X};
use snr_bench::train::Row;
use snr_bench::train::record::{self, State};
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
    let noise = |salt: u64| ((spec.seed * 7919 + epoch * 104_729 + salt * 31) % 1000) as f64 / 1000.0 - 0.5;
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

fn draw(root: &Path) -> Vec<PathBuf> {
    let (records, warnings) = record::find(root).unwrap();
    assert_eq!(warnings, [], "no warning expected");
    plot::draw(&records, &Options::new(root.join("figures"))).unwrap()
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

    for name in ["one-seed", "ten-seeds", "full", "one-epoch", "rates", "four", "mixed", "overlap"] {
        let written = draw(&at(name));
        assert_eq!(written.len(), 6, "{name}: {written:?}");
        let png = resvg::tiny_skia::Pixmap::decode_png(&fs::read(&written[1]).unwrap()).unwrap();
        assert_eq!(png.width(), 2 * 760, "{name}");
        let dark = png.pixels().iter().filter(|p| p.red() < 100 && p.green() < 100).count();
        assert!(dark > 2000, "{name}: text and axes should be seen, not {dark} dark pixels");
    }
    let (records, _) = record::find(&at("ten-seeds")).unwrap();
    for (name, x, y) in [("linear", X::Step, Scale::Linear), ("seconds", X::Seconds, Scale::Log)] {
        plot::draw(&records, &Options { x, y, ..Options::new(at(name)) }).unwrap();
    }
}
