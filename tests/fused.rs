//! The fused backend as a whole: against the composed operations with Candle's autograd, against finite differences, and
//! what must hold of sums over samples.

use candle_core::Device;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snr_bench::config::RunSpec;
use snr_bench::data::{self, DatasetKind, Images, MNIST_SHAPE};
use snr_bench::error::Result;
use snr_bench::machine::Machine;
use snr_bench::model::{Backend, Composed, Fused, MlpConfig, Parameter, Params, Totals, VitConfig};
use snr_bench::run_dir::{Meta, RunDir};
use snr_bench::train::{Every, Observer, Start, TrainOptions, Trainer};

const CPU: Device = Device::Cpu;

fn images(n: usize) -> Images {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    Images {
        pixels: (0..n * 784).map(|_| rng.random()).collect(),
        labels: (0..n).map(|_| rng.random_range(0..10)).collect(),
    }
}

/// Odd sizes: 17 tokens, heads of 7, a width that no vector divides.
fn odd() -> VitConfig {
    VitConfig { patch_size: 7, embed_dim: 21, depth: 3, num_heads: 3, mlp_ratio: 1.5, ..VitConfig::default() }
}

/// Parameters away from their start, so that no norm is 1, no bias 0.
fn params(config: &VitConfig) -> Result<Params> {
    let mut params = Params::init(config.layout(MNIST_SHAPE), 7)?;
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    params.values.iter_mut().for_each(|x| *x += rng.random_range(-0.2..0.2));
    Ok(params)
}

fn fused(config: &VitConfig, params: &Params, threads: usize) -> Result<Fused> {
    let mut fused = Fused::vit(config, MNIST_SHAPE, threads)?;
    fused.load(&params.values)?;
    Ok(fused)
}

fn gradient(fused: &mut Fused, images: &Images, indices: &[u32], len: usize) -> Result<(Totals, Vec<f32>)> {
    let mut grad = vec![f32::NAN; len];
    let totals = fused.gradient(images, indices, &|_| (), &mut grad)?;
    Ok((totals, grad))
}

#[test]
fn agrees_with_the_composed_model() -> Result<()> {
    for config in [VitConfig::default(), odd(), VitConfig { patch_size: 28, embed_dim: 10, num_heads: 1, ..odd() }] {
        let (params, images) = (params(&config)?, images(7));
        let all: Vec<u32> = (0..7).collect();
        let mut composed = Composed::new(config.clone(), MNIST_SHAPE, &CPU, 7)?;
        composed.load(&params.values)?;
        let mut fused = fused(&config, &params, 1)?;
        for (a, b) in fused.logits(&images, &all)?.into_iter().zip(composed.logits(&images, &all)?) {
            assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "logits {a} and {b}");
        }
        let (totals, grad) = gradient(&mut fused, &images, &all, params.values.len())?;
        let mut theirs = vec![f32::NAN; grad.len()];
        let loss = composed.gradient(&images, &all, &|_| (), &mut theirs)?.loss;
        assert!((totals.loss - loss).abs() < 1e-5 * loss, "losses {} and {loss}", totals.loss);
        for Parameter { name, range, .. } in params.layout().iter() {
            let (ours, theirs) = (&grad[range.clone()], &theirs[range.clone()]);
            let scale = theirs.iter().fold(0.0f32, |most, g| most.max(g.abs()));
            let worst = ours.iter().zip(theirs).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
            assert!(worst <= 2e-5 * scale + 1e-7, "{name}: off by {worst} where the largest is {scale}");
        }
        assert_eq!(fused.evaluate(&images, &all, &|_| ())?, totals);
    }
    Ok(())
}

#[test]
fn agrees_with_finite_differences() -> Result<()> {
    let config =
        VitConfig { patch_size: 14, embed_dim: 6, depth: 2, num_heads: 2, mlp_ratio: 2.0, ..VitConfig::default() };
    let (params, images) = (params(&config)?, images(5));
    let mut fused = fused(&config, &params, 1)?;
    let all: Vec<u32> = (0..5).collect();
    let (_, grad) = gradient(&mut fused, &images, &all, config.num_params(MNIST_SHAPE))?;
    let scale = grad.iter().fold(0.0f32, |m, g| m.max(g.abs()));
    let h = 1e-2f32;
    let mut moved = params.values.clone();
    for Parameter { name, range, .. } in params.layout().iter() {
        for i in range.clone() {
            let mut loss = |step: f32| -> Result<f64> {
                moved[i] = params.values[i] + step;
                fused.load(&moved)?;
                Ok(fused.evaluate(&images, &all, &|_| ())?.mean_loss())
            };
            // Richardson: the error of the central difference is of fourth order.
            let central = |wide: f64, narrow: f64| (4.0 * narrow - wide) / 3.0;
            let wide = (loss(2.0 * h)? - loss(-2.0 * h)?) / f64::from(4.0 * h);
            let narrow = (loss(h)? - loss(-h)?) / f64::from(2.0 * h);
            loss(0.0)?;
            let (numeric, ours) = (central(wide, narrow), f64::from(grad[i]));
            assert!((numeric - ours).abs() < 2e-4 * f64::from(scale), "{name}[{i}]: {ours} and numerically {numeric}");
        }
    }
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() -> Result<()> {
    let (config, images) = (odd(), images(701));
    let params = params(&config)?;
    for n in [1, 3, 50, 701] {
        let indices: Vec<u32> = (0..n).map(|i| i * 263 % 701).collect();
        let mut results = Vec::new();
        for threads in [1, 2, 3, 16] {
            let mut fused = fused(&config, &params, threads)?;
            assert_eq!(fused.threads(), threads);
            let (totals, grad) = gradient(&mut fused, &images, &indices, config.num_params(MNIST_SHAPE))?;
            let again = gradient(&mut fused, &images, &indices, config.num_params(MNIST_SHAPE))?;
            let bits: Vec<u32> = grad.iter().map(|g| g.to_bits()).collect();
            assert_eq!(bits, again.1.iter().map(|g| g.to_bits()).collect::<Vec<_>>(), "{threads} threads, second time");
            let evaluated = fused.evaluate(&images, &indices, &|_| ())?;
            results.push((totals.loss.to_bits(), totals.correct, totals.samples, bits, evaluated.loss.to_bits()));
        }
        assert_eq!(results[0].2, u64::from(n));
        for (i, result) in results.iter().enumerate() {
            assert!(*result == results[0], "{n} samples: bits of run {i} differ from those of one thread");
        }
    }
    Ok(())
}

/// Likewise with shards of another size.
#[test]
fn bits_of_a_perceptron_do_not_depend_on_threads() -> Result<()> {
    let (config, images) = (MlpConfig { hidden_dim: 37, depth: 2 }, images(701));
    let params = Params::init(config.layout(MNIST_SHAPE), 7)?;
    for n in [1, 65, 701] {
        let indices: Vec<u32> = (0..n).map(|i| i * 263 % 701).collect();
        let result = |threads| -> Result<(u64, Vec<u32>)> {
            let mut fused = Fused::mlp(&config, MNIST_SHAPE, threads)?;
            fused.load(&params.values)?;
            let mut grad = vec![f32::NAN; params.values.len()];
            let totals = fused.gradient(&images, &indices, &|_| (), &mut grad)?;
            assert_eq!(fused.evaluate(&images, &indices, &|_| ())?, totals);
            Ok((totals.loss.to_bits(), grad.iter().map(|g| g.to_bits()).collect()))
        };
        let one = result(1)?;
        assert!(result(3)? == one && result(16)? == one, "{n} samples");
    }
    Ok(())
}

#[test]
fn a_batch_is_the_mean_of_its_parts() -> Result<()> {
    let (config, images) = (odd(), images(30));
    let params = params(&config)?;
    let mut fused = fused(&config, &params, 2)?;
    let all: Vec<u32> = (0..30).rev().collect();
    let progress = std::sync::Mutex::new(Totals::default());
    let mut whole = vec![0.0; config.num_params(MNIST_SHAPE)];
    let totals = fused.gradient(&images, &all, &|t| *progress.lock().unwrap() += t, &mut whole)?;
    let reported = *progress.lock().unwrap();
    assert_eq!((reported.samples, reported.correct), (30, totals.correct));
    assert!((reported.loss - totals.loss).abs() < 1e-9);

    let (mut sum, mut loss) = (vec![0.0f64; whole.len()], 0.0);
    for part in [&all[..1], &all[1..12], &all[12..]] {
        let (totals, grad) = gradient(&mut fused, &images, part, config.num_params(MNIST_SHAPE))?;
        sum.iter_mut().zip(grad).for_each(|(s, g)| *s += f64::from(g) * part.len() as f64 / 30.0);
        loss += totals.loss;
    }
    assert!((loss - totals.loss).abs() < 1e-6 * loss);
    let scale = whole.iter().fold(0.0f32, |m, g| m.max(g.abs()));
    for (a, b) in whole.iter().zip(sum) {
        assert!((f64::from(*a) - b).abs() < 1e-6 * f64::from(scale), "{a} and {b}");
    }
    Ok(())
}

#[test]
fn nan_weights_give_a_nan_loss() -> Result<()> {
    let (config, images) = (odd(), images(9));
    let all: Vec<u32> = (0..9).collect();
    for bad in [f32::NAN, f32::INFINITY, 1e38] {
        for name in
            ["cls_token", "blocks.0.attn.qkv.weight", "blocks.1.mlp.fc1.weight", "blocks.2.norm2.weight", "head.bias"]
        {
            let mut params = params(&config)?;
            params.get_mut(name).fill(bad);
            let mut fused = fused(&config, &params, 2)?;
            let (totals, _) = gradient(&mut fused, &images, &all, config.num_params(MNIST_SHAPE))?;
            assert_eq!(totals.samples, 9);
            if bad.is_nan() {
                assert!(totals.loss.is_nan() && totals.correct == 0, "{name}: {totals:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn bad_arguments_are_errors() -> Result<()> {
    let (config, images) = (odd(), images(3));
    let mut backend = fused(&config, &params(&config)?, 1)?;
    let mut grad = vec![0.0; config.num_params(MNIST_SHAPE)];
    let error = |r: Result<Totals>| r.expect_err("an error").to_string();
    assert!(error(backend.evaluate(&images, &[], &|_| ())).contains("no samples"));
    assert!(error(backend.evaluate(&images, &[3], &|_| ())).contains("no image 3 among 3"));
    assert!(error(backend.gradient(&images, &[0], &|_| (), &mut grad[1..])).contains("where the model has"));
    let labelled = Images { labels: vec![10; 3], ..images.clone() };
    assert!(error(backend.evaluate(&labelled, &[0], &|_| ())).contains("label 10"));
    assert!(backend.load(&Params::init(VitConfig::default().layout(MNIST_SHAPE), 0)?.values).is_err());
    assert!(Fused::vit(&VitConfig { num_heads: 5, ..odd() }, MNIST_SHAPE, 1).is_err());
    Ok(())
}

/// A worker that panics is an error, the others do not wait for it, and the backend goes on as if nothing had been.
#[test]
fn a_panic_is_an_error() -> Result<()> {
    let (config, images) = (odd(), images(300));
    let params = params(&config)?;
    let all: Vec<u32> = (0..300).collect();
    for threads in [1, 2, 5] {
        let mut backend = fused(&config, &params, threads)?;
        let (_, expected) = gradient(&mut backend, &images, &all, config.num_params(MNIST_SHAPE))?;
        let panics = |_: Totals| panic!("the callback's own words");
        let mut grad = vec![0.0; config.num_params(MNIST_SHAPE)];
        for result in [backend.gradient(&images, &all, &panics, &mut grad), backend.evaluate(&images, &all, &panics)] {
            let error = result.expect_err("an error").to_string();
            assert!(error.contains("a worker thread failed: the callback's own words"), "{error}");
        }
        assert_eq!(
            gradient(&mut backend, &images, &all, config.num_params(MNIST_SHAPE))?.1,
            expected,
            "{threads} threads"
        );
    }
    Ok(())
}

/// The same in a run: it ends with an error, and its directory says "failed".
#[test]
fn a_panic_fails_the_run() -> Result<()> {
    struct Panics;
    impl Observer for Panics {
        fn shard(&self, _: Totals) {
            panic!("no more");
        }
    }
    let data = data::load(&DatasetKind::Digits, None, &|_| ())?;
    let settings = "dataset = 'digits'\nbatch = 64\ntrain_subset = 128\nvalidation = 'holdout:8'\nepochs = 1";
    let spec = RunSpec::resolve([settings.parse()?])?;
    let folder = tempfile::tempdir()?;
    let dir = RunDir::lock(folder.path())?;
    let machine = Machine { threads: 2, device: CPU };
    let meta = Meta::new(&spec, &data, &machine);
    let backend = spec.model.backend(MNIST_SHAPE, &machine)?;
    let options = TrainOptions { backend, checkpoint: Every::Time, stop: &|| None, observer: &Panics };
    let error = Trainer::new(&spec, &data, &dir, meta, options, Start::Fresh)?.run().expect_err("an error");
    assert!(error.to_string().contains("no more"), "{error}");
    let meta = std::fs::read_to_string(folder.path().join("meta.json"))?;
    assert!(meta.contains("\"state\": \"failed\""), "{meta}");
    Ok(())
}
