//! What a run measures beside training: shadows and the noise of its batches.

mod common;

use std::fs;
use std::path::Path;

use candle_core::Device;
use common::{assert_fails, assert_ok, losses, snr_bench, stdout, train};
use snr_bench::config::RunSpec;
use snr_bench::data::{self, DatasetKind};
use snr_bench::machine::Machine;
use snr_bench::model::{Backend, Composed, Params};
use snr_bench::run_dir::{ALL, StepRow, TensorRow, read_steps, read_tensors};
use tempfile::tempdir;

const ALL_OF_IT: [&str; 5] = ["--shadow", "snradam,adabelief", "--noise", "--probe", "40"];

fn steps(dir: &Path, run: &str) -> Vec<StepRow> {
    read_steps(&dir.join(run)).unwrap()
}

fn tensors(dir: &Path, run: &str) -> Vec<TensorRow> {
    read_tensors(&dir.join(run)).unwrap()
}

#[test]
fn measuring_changes_no_bit_of_the_run() {
    let dir = tempdir().unwrap();
    for optim in ["adam", "snradam", "adabelief", "sgd"] {
        let args = ["--epochs", "2", "--optim", optim, "--force", "--weight-decay", "0.1"];
        assert_ok(&train(dir.path(), "plain", &args));
        assert_ok(&train(dir.path(), "watched", &[&args[..], &ALL_OF_IT].concat()));
        let [plain, watched] = ["plain", "watched"].map(|run| dir.path().join(run));
        assert_eq!(losses(&plain), losses(&watched));
        let model = |run: &Path| fs::read(run.join("model.safetensors")).unwrap();
        assert!(model(&plain) == model(&watched), "{optim}");
        assert!(!plain.join("tensors.csv").exists());
    }
}

/// A shadow of the same rule makes the same step: ratio, cosine and every amplification are 1. The run's own optimizer is no
/// shadow.
#[test]
fn a_shadow_of_the_same_rule_makes_the_same_steps() {
    let dir = tempdir().unwrap();
    let args = ["--epochs", "2", "--beta2", "0.9", "--shadow", "adam,adamw", "--weight-decay", "0.1"];
    assert_ok(&train(dir.path(), "run", &args));
    let rows = tensors(dir.path(), "run");
    assert!(rows.iter().all(|row| row.shadow == "adamw"));
    assert!(rows.iter().all(|row| row.step_ratio == Some(1.0) && row.amplification_q95 == Some(1.0)));
    assert!(rows.iter().all(|row| (row.cosine.unwrap() - 1.0).abs() < 1e-6));
    let whole: Vec<&TensorRow> = rows.iter().filter(|row| row.tensor == ALL).collect();
    assert_eq!(whole.iter().map(|row| row.step).collect::<Vec<_>>(), (1..=6).collect::<Vec<_>>());
    assert_eq!(rows.len() % 6, 0, "every step has every tensor");
    for (row, step) in whole.iter().zip(steps(dir.path(), "run")) {
        let same = |a: f32, b: Option<f64>| (f64::from(a) / b.unwrap() - 1.0).abs() < 1e-5;
        assert!(same(row.grad_norm, step.grad_norm), "{row:?}");
    }
}

/// At the first step SNRAdam's is Adam's; later it is longer where the gradients agree.
#[test]
fn snradam_in_adams_shadow_is_longer_where_gradients_agree() {
    let dir = tempdir().unwrap();
    assert_ok(&train(dir.path(), "run", &["--steps", "20", "--batch", "full", "--shadow", "snradam"]));
    let rows = tensors(dir.path(), "run");
    let whole: Vec<&TensorRow> = rows.iter().filter(|row| row.tensor == ALL).collect();
    assert!((whole[0].step_ratio.unwrap() - 1.0).abs() < 1e-5);
    let last = whole[19];
    assert!(last.step_ratio.unwrap() > 1.05 && last.snr_q50.is_some() && last.eps_share.is_some(), "{last:?}");
    let bins = last.by_consistency();
    let parameters: u64 = bins.iter().map(|bin| bin.0).sum();
    assert!(parameters > 3000, "{bins:?}");
    let known: Vec<f64> = bins.iter().filter(|bin| bin.0 > 30).filter_map(|bin| bin.1).collect();
    assert!(known[known.len() - 1] > known[0], "{bins:?}");
}

#[test]
fn the_noise_is_none_with_the_full_batch_and_grows_as_batches_shrink() {
    let dir = tempdir().unwrap();
    let mut shares = Vec::new();
    for batch in ["full", "150", "20", "4"] {
        assert_ok(&train(dir.path(), batch, &["--epochs", "2", "--batch", batch, "--noise"]));
        let rows = steps(dir.path(), batch);
        let by_tensor = tensors(dir.path(), batch);
        if batch == "4" {
            assert!(rows.iter().all(|row| row.noise_trace.is_none() && row.noise_share.is_none()), "one shard");
            assert!(by_tensor.iter().all(|row| row.noise_share.is_none() && row.shadow.is_empty()));
            continue;
        }
        assert!(rows.iter().all(|row| row.noise_trace.unwrap() > 0.0));
        let last = rows[rows.len() - 1].noise_share.unwrap();
        if batch == "full" {
            assert!(rows.iter().all(|row| row.noise_share == Some(0.0)), "exactly");
            assert!(by_tensor.iter().all(|row| row.noise_share == Some(0.0)));
        }
        let whole = by_tensor.iter().rfind(|row| row.tensor == ALL).unwrap().noise_share.unwrap();
        assert_eq!(whole, last as f32);
        shares.push(last);
    }
    assert!(shares[0] < shares[1] && shares[1] < shares[2] && shares[2] < 1.5, "{shares:?}");
}

#[test]
fn the_same_files_for_any_number_of_threads_and_every_nth_step() {
    let dir = tempdir().unwrap();
    for threads in ["1", "2"] {
        let args = [&["--epochs", "2", "--threads", threads], &ALL_OF_IT[..]].concat();
        assert_ok(&train(dir.path(), threads, &args));
    }
    for file in ["steps.csv", "tensors.csv"] {
        let bytes = |run: &str| fs::read(dir.path().join(run).join(file)).unwrap();
        assert!(bytes("1") == bytes("2"), "{file}");
    }
    let args = [&["--epochs", "2", "--set", "observe.every=4"], &ALL_OF_IT[..]].concat();
    assert_ok(&train(dir.path(), "some", &args));
    let wanted: Vec<TensorRow> =
        tensors(dir.path(), "1").into_iter().filter(|row| [1, 5].contains(&row.step)).collect();
    assert_eq!(tensors(dir.path(), "some"), wanted);
}

#[test]
fn measurements_cannot_be_taken_up_on_the_way() {
    let dir = tempdir().unwrap();
    assert_ok(&train(dir.path(), "run", &["--epochs", "1"]));
    let output = snr_bench(dir.path(), &["train", "--resume", "run", "--epochs", "2", "--noise"]);
    assert_fails(&output, 1, &["was begun with other measurements"]);
    assert_fails(&train(dir.path(), "x", &["--shadow", "adm"]), 2, &["adm", "adam"]);
    let settings = stdout(&train(dir.path(), "x", &["--shadow", "adam,sgd", "--noise", "--dry-run"]));
    assert!(settings.contains("shadow = \"adam,sgd\"\nnoise = true"), "{settings}");
}

/// The fused engine keeps the sum on the way, the composed one takes another pass: both are the gradient over the part.
#[test]
fn a_gradients_part_is_the_gradient_over_the_first_samples() {
    let data = data::load(&DatasetKind::Digits, None, &|_| ()).unwrap();
    let settings = "dataset = 'digits'\nmodel = { patch_size = 7, embed_dim = 16, depth = 1 }";
    let spec = RunSpec::resolve([settings.parse().unwrap()]).unwrap();
    let shape = spec.dataset.shape();
    let machine = Machine { threads: 2, device: Device::Cpu };
    let params = Params::init(spec.model.layout(shape), 0).unwrap();
    let fused = spec.model.backend(shape, &machine).unwrap();
    let composed: Box<dyn Backend> = Box::new(Composed::new(spec.model.clone(), shape, &Device::Cpu, 32).unwrap());
    for mut backend in [fused, composed] {
        backend.load(&params.values).unwrap();
        for (n, parted) in [(2000, true), (300, true), (77, true), (1, false)] {
            let indices: Vec<u32> = (0..n).map(|i| i * 13 % 5000).collect();
            let [mut plain, mut grad, mut part, mut first] = std::array::from_fn(|_| vec![0.0; params.values.len()]);
            let totals = backend.gradient(&data.train, &indices, &|_| (), &mut plain).unwrap();
            let (with, samples) =
                backend.gradient_and_part(&data.train, &indices, &|_| (), &mut grad, &mut part).unwrap();
            assert!(plain == grad && totals.loss == with.loss, "the same bits");
            assert_eq!(samples.is_some(), parted);
            let Some(samples) = samples else { continue };
            assert!(samples.abs_diff(u64::from(n) / 2) <= 4 + u64::from(n) / 100, "{samples} of {n}");
            backend.gradient(&data.train, &indices[..samples as usize], &|_| (), &mut first).unwrap();
            let norm = first.iter().map(|x| x * x).sum::<f32>().sqrt();
            let error = part.iter().zip(&first).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
            assert!(error < 1e-5 * norm, "{n}: {error} of {norm}");
        }
    }
}
