//! The models against timm and PyTorch (scripts/golden_model.py), finite differences and themselves.

use std::collections::HashMap;
use std::sync::Mutex;

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use snr_bench::config::RunSpec;
use snr_bench::data::{Images, MNIST_SHAPE};
use snr_bench::machine::Machine;
use snr_bench::model::{Backend, Composed, MlpConfig, ModelConfig, Parameter, Params, Totals, VitConfig, VitInit};

const CPU: Device = Device::Cpu;

/// Golden files and the sizes that the script gave them.
fn goldens() -> [(&'static str, ModelConfig); 3] {
    let other =
        VitConfig { patch_size: 7, embed_dim: 48, depth: 3, num_heads: 3, mlp_ratio: 2.0, ..VitConfig::default() };
    let mlp = MlpConfig { hidden_dim: 24, depth: 3 };
    [("model", VitConfig::default().into()), ("model_other", other.into()), ("model_mlp", mlp.into())]
}

/// A small Vision Transformer for what has to be computed many times.
fn tiny() -> VitConfig {
    VitConfig { patch_size: 14, embed_dim: 12, depth: 2, num_heads: 3, mlp_ratio: 1.5, ..VitConfig::default() }
}

/// Small models of every kind.
fn small() -> [ModelConfig; 2] {
    [tiny().into(), MlpConfig { hidden_dim: 9, depth: 2 }.into()]
}

/// The last parameter, which is the bias of the head.
fn head_bias(config: &ModelConfig) -> String {
    config.layout(MNIST_SHAPE).iter().last().unwrap().name.clone()
}

/// The 8 images of tests/golden/digits8.bin.
fn digits() -> Images {
    let mut pixels = std::fs::read("tests/golden/digits8.bin").unwrap();
    let labels = pixels.split_off(8 * MNIST_SHAPE.pixels());
    assert_eq!(labels.len(), 8);
    Images { pixels, labels }
}

/// The golden tensors and a model with the golden weights.
fn load_golden(name: &str, config: &ModelConfig) -> (HashMap<String, Tensor>, Params) {
    let golden = candle_core::safetensors::load(format!("tests/golden/{name}.safetensors"), &CPU).unwrap();
    let mut params = init(config.clone(), 0);
    for parameter in config.layout(MNIST_SHAPE).iter() {
        params.get_mut(&parameter.name).copy_from_slice(&flat(&golden[&format!("weight.{}", parameter.name)]));
    }
    (golden, params)
}

fn init(config: impl Into<ModelConfig>, seed: u64) -> Params {
    Params::init(config.into().layout(MNIST_SHAPE), seed).unwrap()
}

/// The gradient of every parameter, by name.
fn by_name<'a>(params: &'a Params, grad: &'a [f32]) -> impl Iterator<Item = (&'a str, &'a [f32])> {
    params.layout().iter().map(|parameter| (parameter.name.as_str(), &grad[parameter.range.clone()]))
}

fn gradient(backend: &mut dyn Backend, params: &Params, indices: &[u32]) -> (Totals, Vec<f32>) {
    backend.load(&params.values).unwrap();
    let mut grad = vec![f32::NAN; params.values.len()];
    let totals = backend.gradient(&digits(), indices, &|_| {}, &mut grad).unwrap();
    (totals, grad)
}

const ALL: [u32; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// Largest difference relative to the largest value.
fn relative_error(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    let largest = want.iter().fold(0.0f32, |max, w| max.max(w.abs()));
    let error = got.iter().zip(want).map(|(g, w)| (g - w).abs());
    error.fold(0.0f32, |max, e| if e.is_nan() { f32::INFINITY } else { max.max(e) }) / largest
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn logits(config: &ModelConfig, params: &Params) -> Vec<Vec<f32>> {
    let pixels = Tensor::from_vec(digits().pixels, (8, 1, MNIST_SHAPE.height, MNIST_SHAPE.width), &CPU).unwrap();
    let pixels = (pixels.to_dtype(DType::F32).unwrap() / 255.0).unwrap();
    let tensor = |(parameter, values): (&Parameter, &[f32])| {
        (parameter.name.clone(), Tensor::from_slice(values, parameter.shape.as_slice(), &CPU).unwrap())
    };
    let tensors = params.iter().map(tensor).collect();
    config.module(MNIST_SHAPE, tensors).unwrap().forward(&pixels).unwrap().to_vec2().unwrap()
}

/// Loss to 1e-5; the gradient of every parameter to 1e-4 of its tensor's largest value; accuracy from the golden logits.
fn agrees_with_the_goldens(make: impl Fn(&ModelConfig) -> Box<dyn Backend>) {
    for (name, config) in goldens() {
        let (golden, params) = load_golden(name, &config);
        let mut backend = make(&config);
        let (totals, grad) = gradient(&mut *backend, &params, &ALL);
        let loss = f64::from(flat(&golden["loss"])[0]);
        assert!(
            (totals.mean_loss() / loss - 1.0).abs() < 1e-5,
            "{name}: loss {} instead of {loss}",
            totals.mean_loss()
        );
        for (tensor, g) in by_name(&params, &grad) {
            let error = relative_error(g, &flat(&golden[&format!("grad.{tensor}")]));
            assert!(error < 1e-4, "{name}: gradient of {tensor} is off by {error:e} of its largest value");
        }
        let best = |row: &[f32]| (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap() as u8;
        let rows = flat(&golden["logits"]);
        let correct = rows.chunks(10).zip(digits().labels).filter(|(row, label)| best(row) == *label).count();
        assert_eq!((totals.correct, totals.samples), (correct as u64, 8), "{name}");
        assert_eq!(backend.evaluate(&digits(), &ALL, &|_| {}).unwrap(), totals, "{name}: forward only");
    }
}

/// d/dh of the loss along one direction a tensor, against (L(θ + h u) − L(θ − h u)) / 2h to 0.5% of it (in f32
/// differences themselves are good to 0.2% here). u is
/// the gradient's direction plus a fixed one as long, so that neither a wrong size nor a wrong direction can hide.
fn agrees_with_finite_differences(config: &ModelConfig, make: impl Fn(&ModelConfig) -> Box<dyn Backend>) {
    let h = 2e-3;
    let mut params = init(config.clone(), 3);
    let mut backend = make(config);
    let (_, grad) = gradient(&mut *backend, &params, &ALL);
    let loss = |backend: &mut dyn Backend, params: &Params| {
        backend.load(&params.values).unwrap();
        backend.evaluate(&digits(), &ALL, &|_| {}).unwrap().mean_loss()
    };
    let unit = |v: Vec<f32>| {
        let norm = v.iter().map(|x| x * x).sum::<f32>().sqrt();
        v.into_iter().map(move |x| x / norm).collect::<Vec<_>>()
    };
    for Parameter { name, range, .. } in config.layout(MNIST_SHAPE).iter() {
        let (start, g) = (params.values[range.clone()].to_vec(), &grad[range.clone()]);
        let fixed = unit((0..g.len()).map(|i| ((i * i + 1) as f32).sin()).collect());
        let along: Vec<f32> = unit(g.to_vec()).iter().zip(fixed).map(|(a, b)| a + b).collect();
        let derivative: f64 = g.iter().zip(&along).map(|(g, u)| f64::from(g * u)).sum();
        let mut shifted = |h: f64| {
            let moved = start.iter().zip(&along).map(|(x, u)| x + u * h as f32);
            params.get_mut(name).iter_mut().zip(moved).for_each(|(x, moved)| *x = moved);
            loss(&mut *backend, &params)
        };
        let difference = (shifted(h) - shifted(-h)) / (2.0 * h);
        params.get_mut(name).copy_from_slice(&start);
        assert!((difference / derivative - 1.0).abs() < 5e-3, "{name}: {derivative} but {difference} by differences");
    }
}

/// The gradient over samples is the mean of those over its parts, and progress tells of all of them.
fn is_a_mean_over_samples(config: &ModelConfig, make: impl Fn(&ModelConfig) -> Box<dyn Backend>) {
    let params = init(config.clone(), 0);
    let mut backend = make(config);
    let (totals, whole) = gradient(&mut *backend, &params, &[3, 1, 4, 1, 5]);
    let (first, a) = gradient(&mut *backend, &params, &[3, 1]);
    let (second, b) = gradient(&mut *backend, &params, &[4, 1, 5]);
    let mean: Vec<f32> = a.iter().zip(&b).map(|(a, b)| (2.0 * a + 3.0 * b) / 5.0).collect();
    assert!(relative_error(&whole, &mean) < 1e-5);
    assert!((totals.loss / (first.loss + second.loss) - 1.0).abs() < 1e-6);
    assert_eq!(totals.samples, 5);

    let seen = Mutex::new(Totals::default());
    let mut grad = vec![0.0; params.values.len()];
    let progress = |shard: Totals| *seen.lock().unwrap() += shard;
    backend.gradient(&digits(), &[3, 1, 4, 1, 5], &progress, &mut grad).unwrap();
    let seen = seen.into_inner().unwrap();
    assert_eq!((seen.samples, seen.correct), (5, totals.correct));
    assert_eq!(grad, whole, "the same samples give the same bits");
}

/// A NaN or infinite parameter gives a loss that is not finite, which is how a run is found to have diverged.
fn lets_divergence_through(config: &ModelConfig, make: impl Fn(&ModelConfig) -> Box<dyn Backend>) {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut params = init(config.clone(), 0);
        params.get_mut(&head_bias(config)).fill(bad);
        let (totals, _) = gradient(&mut *make(config), &params, &ALL);
        assert!(!totals.mean_loss().is_finite(), "{bad}: {}", totals.mean_loss());
    }
    // Logits of ±10⁶ do not overflow.
    let mut params = init(config.clone(), 0);
    params.get_mut(&head_bias(config)).iter_mut().enumerate().for_each(|(i, x)| *x = 1e6 * (-1.0f32).powi(i as i32));
    let (totals, grad) = gradient(&mut *make(config), &params, &ALL);
    assert!(totals.mean_loss().is_finite() && grad.iter().all(|g| g.is_finite()));
}

/// Before `load`, for no samples and for a gradient of another length there is an error, not a panic.
fn refuses_misuse(config: &ModelConfig, make: impl Fn(&ModelConfig) -> Box<dyn Backend>) {
    let mut backend = make(config);
    let mut grad = vec![0.0; config.num_params(MNIST_SHAPE)];
    let mut attempt = |backend: &mut dyn Backend, indices: &[u32], length: usize| {
        backend.gradient(&digits(), indices, &|_| {}, &mut grad[..length]).unwrap_err().to_string()
    };
    assert!(attempt(&mut *backend, &ALL, config.num_params(MNIST_SHAPE)).contains("load"));
    backend.load(&init(config.clone(), 0).values).unwrap();
    assert!(attempt(&mut *backend, &[], config.num_params(MNIST_SHAPE)).contains("no samples"));
    assert!(attempt(&mut *backend, &ALL, 3).contains("3 numbers"));
}

/// All of the above for one backend.
macro_rules! backend_tests {
    ($backend:ident, $make:expr) => {
        mod $backend {
            use super::*;

            #[test]
            fn agrees_with_the_goldens() {
                super::agrees_with_the_goldens($make);
            }

            #[test]
            fn agrees_with_finite_differences() {
                small().iter().for_each(|config| super::agrees_with_finite_differences(config, $make));
            }

            #[test]
            fn is_a_mean_over_samples() {
                small().iter().for_each(|config| super::is_a_mean_over_samples(config, $make));
            }

            #[test]
            fn lets_divergence_through() {
                small().iter().for_each(|config| super::lets_divergence_through(config, $make));
            }

            #[test]
            fn refuses_misuse() {
                small().iter().for_each(|config| super::refuses_misuse(config, $make));
            }
        }
    };
}

backend_tests!(composed, |config| Box::new(Composed::new(config.clone(), MNIST_SHAPE, &CPU, Composed::SHARD).unwrap()));
backend_tests!(composed_in_shards_of_3, |config| Box::new(
    Composed::new(config.clone(), MNIST_SHAPE, &CPU, 3).unwrap()
));
backend_tests!(fused, |config: &ModelConfig| {
    config.backend(MNIST_SHAPE, &Machine { threads: 2, device: CPU }).unwrap()
});

#[test]
fn logits_agree_with_the_goldens() {
    for (name, config) in goldens() {
        let (golden, params) = load_golden(name, &config);
        for (got, want) in logits(&config, &params).concat().into_iter().zip(flat(&golden["logits"])) {
            assert!((got - want).abs() < 1e-5 * want.abs().max(1.0), "{name}: {got} instead of {want}");
        }
    }
}

/// Nothing cuts the gradient: none is 0 as a whole. (The keys' part of `qkv.bias` is 0 by nature: softmax does not see
/// what shifts all of its inputs.)
#[test]
fn every_parameter_gets_a_gradient() {
    for (_, config) in goldens() {
        let params = init(config.clone(), 0);
        let (_, grad) = gradient(&mut Composed::new(config.clone(), MNIST_SHAPE, &CPU, 8).unwrap(), &params, &ALL);
        for (name, g) in by_name(&params, &grad) {
            assert!(g.iter().any(|g| g.abs() > 1e-6), "{name}");
        }
    }
}

/// However it is sharded: the sums differ in their last bits only.
#[test]
fn gradient_does_not_depend_on_the_shard() {
    let config = VitConfig::default();
    let params = init(config.clone(), 0);
    let of = |shard| gradient(&mut Composed::new(config.clone(), MNIST_SHAPE, &CPU, shard).unwrap(), &params, &ALL);
    let (whole_totals, whole) = of(8);
    for shard in [1, 3, 5] {
        let (totals, grad) = of(shard);
        assert!(relative_error(&grad, &whole) < 1e-5, "shards of {shard}");
        assert!((totals.loss / whole_totals.loss - 1.0).abs() < 1e-6);
    }
    assert!(Composed::new(config.clone(), MNIST_SHAPE, &CPU, 0).is_err());
}

#[test]
fn initial_parameters_have_the_documented_distributions() {
    let config = VitConfig { embed_dim: 128, ..VitConfig::default() };
    let params = init(config.clone(), 0);
    for (Parameter { name, .. }, values) in params.iter() {
        let values: Vec<f64> = values.iter().copied().map(f64::from).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let deviation = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let largest = values.iter().fold(0.0f64, |max, x| max.max(x.abs()));
        let expected = if name.contains("norm") {
            assert!(values.iter().all(|&x| x == f64::from(u8::from(name.ends_with("weight")))), "{name}");
            continue;
        } else if name == "cls_token" || name == "pos_embed" {
            assert!(largest > 0.02 * 1.5, "{name} is not uniform");
            0.02
        } else {
            let fan_in = match name.as_str() {
                _ if name.contains("patch_embed") => 16.0f64,
                _ if name.contains("fc2") => 512.0,
                _ => 128.0,
            };
            let bound = 1.0 / fan_in.sqrt();
            assert!(largest <= bound && (n < 100.0 || largest > 0.95 * bound), "{name}: {largest} for ±{bound}");
            bound / 3f64.sqrt()
        };
        // Within four standard errors (generously: of a normal distribution).
        assert!(mean.abs() < 4.0 * expected / n.sqrt(), "{name}: mean {mean}");
        assert!((deviation / expected - 1.0).abs() < 4.0 / (2.0 * n).sqrt(), "{name}: deviation {deviation}");
    }
}

/// Each tensor's values follow from seed and name alone. Changing them would silently change every result there is.
#[test]
fn initial_parameters_never_change() {
    let init = |config: &VitConfig, seed, name: &str| init(config.clone(), seed).get_mut(name).to_vec();
    let (config, deeper) = (VitConfig::default(), VitConfig { depth: 4, ..VitConfig::default() });
    let (qkv, proj) = ("blocks.0.attn.qkv.weight", "blocks.1.attn.qkv.weight");
    assert_eq!(init(&config, 0, qkv), init(&deeper, 0, qkv));
    assert_ne!(init(&config, 0, qkv), init(&config, 1, qkv));
    assert_ne!(init(&config, 0, qkv), init(&config, 0, proj));

    assert_eq!(init(&config, 0, "cls_token")[..3], [0.0052401787, -0.02458914, -0.0038773709]);
    assert_eq!(init(&config, 0, "patch_embed.proj.weight")[..3], [0.17101407, 0.08430123, 0.05783856]);
    assert_eq!(init(&config, 7, "head.bias")[..3], [-0.0491378, -0.07094166, 0.010804266]);
}

/// What is saved under timm's names comes back to the bit, and what does not fit is named.
#[test]
fn parameters_survive_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.safetensors");
    let params = init(tiny(), 5);
    let tensor = |(parameter, values): (&Parameter, &[f32])| {
        (parameter.name.clone(), Tensor::from_slice(values, parameter.shape.as_slice(), &CPU).unwrap())
    };
    let tensors: HashMap<String, Tensor> = params.iter().map(tensor).collect();
    candle_core::safetensors::save(&tensors, &file).unwrap();
    assert_eq!(Params::load(&file, tiny().layout(MNIST_SHAPE)).unwrap(), params);

    let error = |config: VitConfig| Params::load(&file, config.layout(MNIST_SHAPE)).err().unwrap().to_string();
    assert!(error(VitConfig { depth: 3, ..tiny() }).contains("no tensor 'blocks.2.norm1.weight'"));
    assert!(error(VitConfig { patch_size: 7, ..tiny() }).contains("'pos_embed' has shape [1, 5, 12]"));
    assert!(
        Params::load(&dir.path().join("none"), tiny().layout(MNIST_SHAPE)).err().unwrap().to_string().contains("none")
    );
}

/// What `scripts/golden_model.py` found of a parameter over many models as timm makes them.
#[derive(Deserialize)]
struct Moments {
    n: usize,
    mean: f64,
    sd: f64,
    largest: f64,
}

/// Mean and deviation of what both have drawn, within five standard errors of their difference; bounds likewise.
#[test]
fn the_other_initialisation_is_timms_own() {
    let text = std::fs::read_to_string("tests/golden/init.json").unwrap();
    let mut golden: HashMap<String, Moments> = serde_json::from_str(&text).unwrap();
    let config = VitConfig { init: VitInit::Timm, ..VitConfig::default() };
    let models: Vec<Params> = (0..50).map(|seed| init(config.clone(), seed)).collect();
    for Parameter { name, range, .. } in config.layout(MNIST_SHAPE).iter() {
        let theirs = golden.remove(name).unwrap();
        let values: Vec<f64> = models.iter().flat_map(|m| &m.values[range.clone()]).map(|&x| f64::from(x)).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let largest = values.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        let error = theirs.sd * (1.0 / n + 1.0 / theirs.n as f64).sqrt();
        assert!((mean - theirs.mean).abs() <= 5.0 * error, "{name}: mean {mean} and {}", theirs.mean);
        assert!((sd - theirs.sd).abs() <= 5.0 * error / 2f64.sqrt(), "{name}: deviation {sd} and {}", theirs.sd);
        // A normal distribution reaches 3.5 to 6 deviations here, a uniform one 1.7.
        let (ours, theirs) = (largest - mean.abs(), theirs.largest - theirs.mean.abs());
        assert!((ours - theirs).abs() <= 0.35 * theirs, "{name}: largest {ours} and {theirs}");
    }
    assert!(golden.is_empty(), "parameters that we do not have: {:?}", golden.keys());
}

#[test]
fn default_models_have_about_100_000_parameters() {
    assert_eq!(VitConfig::default().num_params(MNIST_SHAPE), 105_098);
    assert_eq!(VitConfig::default().layout(MNIST_SHAPE).len(), 105_098);
    assert_eq!(MlpConfig::default().num_params(MNIST_SHAPE), 118_282);
    for depth in 1..4 {
        let mlp = MlpConfig { depth, ..MlpConfig::default() };
        assert_eq!(mlp.layout(MNIST_SHAPE).len(), mlp.num_params(MNIST_SHAPE));
    }
}

fn resolve(text: &str) -> snr_bench::error::Result<RunSpec> {
    RunSpec::resolve([text.parse().unwrap()])
}

/// The name that the article's runs have in `results/` since before there was a second model.
#[test]
fn settings_of_old_keep_their_name() {
    for text in ["", "model.kind = 'vit'", "model = { kind = 'vit', init = 'pytorch', depth = 2 }"] {
        assert_eq!(resolve(text).unwrap().run_name(), "mnist-adam-b4096-lr0.001-s0-d4a2ea", "{text}");
    }
    for text in ["model.kind = 'mlp'", "model.init = 'timm'"] {
        let spec = resolve(text).unwrap();
        assert_ne!(spec.hash(), resolve("").unwrap().hash());
        assert_eq!(resolve(&spec.to_toml()).unwrap(), spec);
        assert_eq!(serde_json::from_value::<RunSpec>(serde_json::to_value(&spec).unwrap()).unwrap(), spec);
    }
}

#[test]
fn settings_of_another_kind_are_refused() {
    for (text, parts) in [
        ("model.kind = 'mpl'", vec!["model.kind = mpl is unknown", "did you mean 'mlp'"]),
        (
            "model = { kind = 'mlp', patch_size = 7 }",
            vec!["model.patch_size is a setting of", "depth, hidden_dim, kind"],
        ),
        ("model.hidden_dim = 7", vec!["model.hidden_dim is a setting of", "\"mlp\", and the model is \"vit\""]),
        ("model = { kind = 'mlp', hidden_dm = 7 }", vec!["unknown setting 'hidden_dm' in model", "'hidden_dim'"]),
        ("model = { kind = 'mlp', depth = 0 }", vec!["model.depth = 0 leaves no hidden unit"]),
        ("model.init = 'keras'", vec!["`keras`", "`pytorch` or `timm`"]),
    ] {
        let error = resolve(text).unwrap_err();
        assert!(error.is::<snr_bench::error::UsageError>(), "{error}");
        parts.iter().for_each(|part| assert!(error.to_string().contains(part), "{error} must say {part}"));
    }
}

/// By hand: two operations a weight forward, and as many for each of two gradients but that of the pixels.
#[test]
fn operations_of_a_perceptron_are_counted() {
    let (evaluation, training) = (2 * (784 * 128 + 128 * 128 + 1280), 2 * (2 * 784 * 128 + 3 * (128 * 128 + 1280)));
    let model = ModelConfig::from(MlpConfig::default());
    let (e, t) = (model.evaluation_flops(MNIST_SHAPE), model.training_flops(MNIST_SHAPE));
    assert_eq!((e.whole, e.executed, t.whole, t.executed), (evaluation, evaluation, training, training));
}
