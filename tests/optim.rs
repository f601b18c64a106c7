//! Every registered optimizer: check values, golden runs of PyTorch, and one suite that all of them pass.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use candle_nn::Optimizer as _;
use snr_bench::config::RunSpec;
use snr_bench::model::{Init, Layout, Role};
use snr_bench::optim::{
    self, AdaBeliefRule, AdamRule, BoxedRule, Centering, Config, DecayOn, Entry, Optimizer, WeightDecay,
};
use snr_bench::optim::{Rule, Slot, SnrAdam, SnrAdamRule, Step, entries};

const CPU: Device = Device::Cpu;

/// The rule of `entry` with some hyperparameters changed.
fn rule(entry: &Entry, changes: &[(&str, toml::Value)]) -> snr_bench::error::Result<BoxedRule> {
    let mut table = (entry.defaults)();
    for (name, value) in changes {
        assert!(table.insert(name.to_string(), value.clone()).is_some(), "{} has no '{name}'", entry.name);
    }
    (entry.build)(&table)
}

/// A layout of vectors of these lengths.
fn layout(lengths: &[usize]) -> Arc<Layout> {
    let mut layout = Layout::default();
    for (i, length) in lengths.iter().enumerate() {
        layout.push(format!("p{i}"), &[*length], Role::Bias, Init::Constant(0.0));
    }
    Arc::new(layout)
}

fn optimizer(entry: &Entry, lengths: &[usize], weight_decay: f64) -> Optimizer<BoxedRule> {
    Optimizer::new(layout(lengths), weight_decay, rule(entry, &[]).unwrap()).unwrap()
}

fn tensor(values: &[f32]) -> Tensor {
    Tensor::new(values, &CPU).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.to_vec1().unwrap()
}

/// Step / lr of a rule for a sequence of gradients of one parameter.
fn steps(rule: impl Rule, grads: &[f32]) -> Vec<f64> {
    let mut optimizer = Optimizer::new(layout(&[1]), 0.0, rule).unwrap();
    let step = |g: &f32| {
        let mut theta = [0.0];
        optimizer.step(1.0, &mut theta, &[*g]).unwrap();
        -f64::from(theta[0])
    };
    grads.iter().map(step).collect()
}

#[test]
fn check_values() {
    let (constant, sequence) = ([1.0f32; 4], [0.1f32, -0.2, 0.3, 0.05]);
    let check = |rule: &dyn Fn(&[f32]) -> Vec<f64>, grads: &[f32], expected: [f64; 4]| {
        for (got, want) in rule(grads).into_iter().zip(expected) {
            assert!((got / want - 1.0).abs() < 1e-5, "{got} instead of {want}");
        }
    };
    let adam = |g: &[f32]| steps(AdamRule::default(), g);
    check(&adam, &constant, [0.999999990, 0.999999990, 0.999999990, 0.999999990]);
    check(&adam, &sequence, [0.999999900, -0.366103504, 0.343241064, 0.355707830]);
    let snradam = |g: &[f32]| steps(SnrAdamRule::default(), g);
    check(&snradam, &constant, [0.999999990, 1.414567405, 1.732917742, 2.001501900]);
    check(&snradam, &sequence, [0.999999900, -0.258861330, 0.268920000, 0.280808265]);
    let adabelief = |g: &[f32]| steps(AdaBeliefRule::default(), g);
    check(&adabelief, &constant, [1.111111111, 1.168004737, 1.225583977, 1.283693797]);
    check(&adabelief, &sequence, [1.111111111, -0.391060977, 0.367442246, 0.383042484]);
}

/// Under a constant gradient s keeps only its first term: ŝ = g² (1−β2) β2ᵗ⁻¹ / (1−β2ᵗ), and the step grows like √t.
#[test]
fn snradam_grows_like_root_t() {
    for g in [1.0f32, 0.1, 3e-4] {
        for (i, step) in steps(SnrAdamRule::default(), &[g; 1000]).into_iter().enumerate() {
            let (t, g) = (i as i32 + 1, f64::from(g));
            let s_hat = g * g * 0.001 * 0.999f64.powi(t - 1) / (1.0 - 0.999f64.powi(t));
            let want = g / (s_hat.sqrt() + 1e-8);
            let tolerance = if t <= 200 { 1e-5 } else { 3e-5 };
            assert!((step / want - 1.0).abs() < tolerance, "g = {g}, t = {t}: {step} instead of {want}");
        }
    }
}

/// Runs `opt` along a golden path: `grads` and `path` have a row for each step.
fn follow(
    name: &str,
    mut opt: Optimizer<BoxedRule>,
    start: &Tensor,
    grads: &Tensor,
    path: &Tensor,
    lr: impl Fn(usize) -> f64,
) -> (Optimizer<BoxedRule>, Vec<f32>) {
    let mut theta = values(start);
    for t in 0..path.dim(0).unwrap() {
        opt.step(lr(t + 1), &mut theta, &values(&grads.get(t).unwrap())).unwrap();
        close(&format!("{name}, step {}", t + 1), &theta, &values(&path.get(t).unwrap()));
    }
    (opt, theta)
}

/// To 1e-5, relative, absolute below 1.
fn close(name: &str, got: &[f32], want: &[f32]) {
    for (got, want) in got.iter().zip(want) {
        let error = (got - want).abs() / want.abs().max(1.0);
        assert!(error < 1e-5, "{name}: {got} instead of {want}");
    }
}

/// 200 steps on random gradients against scripts/golden_optim.py.
#[test]
fn golden_200_steps() {
    let golden = candle_core::safetensors::load("tests/golden/optim.safetensors", &CPU).unwrap();
    // Case, changed hyperparameters, decay; every other case is an optimizer as it comes.
    type Changes = Vec<(&'static str, toml::Value)>;
    let changed: [(&str, &str, Changes, f64); 6] = [
        ("snradam_uncorrected", "snradam", vec![("centering", "uncorrected".into())], 0.0),
        ("snradam_current", "snradam", vec![("centering", "current".into()), ("eps", 0.1.into())], 0.0),
        ("snradam_moments", "snradam", vec![("centering", "moments".into()), ("eps", 0.1.into())], 0.0),
        ("adamw", "adamw", vec![], 0.1),
        ("schedulefree_decay", "schedulefree", vec![], 0.1),
        ("rmsprop_momentum", "rmsprop", vec![("momentum", 0.9.into())], 0.0),
    ];
    for case in golden.keys().filter_map(|name| name.strip_prefix("theta.")) {
        let as_it_comes = (case, case, vec![], 0.0);
        let (_, name, changes, decay) = changed.iter().find(|(name, ..)| *name == case).unwrap_or(&as_it_comes);
        let (start, grads, path) = (&golden["start"], &golden["grads"], &golden[&format!("theta.{case}")]);
        let opt =
            Optimizer::new(layout(&[start.dims()[0]]), *decay, rule(optim::find(name).unwrap(), changes).unwrap());
        let lr = |t: usize| if *name == "schedulefree" { 0.01 * (t as f64 / 50.0).min(1.0) } else { 0.01 };
        let (opt, theta) = follow(case, opt.unwrap(), start, grads, path, lr);
        if let Some(averages) = golden.get(&format!("x.{case}")) {
            close(case, &opt.evaluation_params(&theta).unwrap(), &values(&averages.get(199).unwrap()));
        }
    }
    let cases = |name: &&Entry| name.name != "graft" && name.name != "lamb" && name.name != "muon";
    for entry in entries().iter().filter(cases) {
        assert!(golden.contains_key(&format!("theta.{}", entry.name)), "{} has no golden path", entry.name);
    }
}

/// What depends on tensors, their shapes and roles, against the same script.
#[test]
fn golden_steps_of_tensors() {
    let golden = candle_core::safetensors::load("tests/golden/optim.safetensors", &CPU).unwrap();
    let mut layout = Layout::default();
    let shapes: [(&str, &[usize]); 8] = [
        ("in.weight", &[4, 3]),
        ("in.bias", &[4]),
        ("tall.weight", &[6, 4]),
        ("tall.bias", &[6]),
        ("wide.weight", &[3, 6]),
        ("norm.weight", &[3]),
        ("out.weight", &[2, 3]),
        ("out.bias", &[2]),
    ];
    for (name, shape) in shapes {
        let role = if shape.len() == 2 { Role::Matrix } else { Role::Bias };
        layout.push(name.to_string(), shape, role, Init::Constant(0.0));
    }
    let layout = Arc::new(layout);
    let grafted = |magnitude: &str, direction: &str, scope: &str| {
        toml::Table::from_iter(
            [("magnitude", magnitude), ("direction", direction), ("scope", scope)]
                .map(|(key, value)| (key.to_string(), value.into())),
        )
    };
    let all = |rate| WeightDecay { rate, on: DecayOn::All };
    let original = toml::Table::from_iter([("adjust_lr_fn".to_string(), "original".into())]);
    let cases = HashMap::from([
        ("lamb", ("lamb", toml::Table::new(), all(0.0))),
        ("lamb_decay", ("lamb", toml::Table::new(), all(0.1))),
        ("muon_decay", ("muon", toml::Table::new(), all(0.1))),
        ("muon_original_decay", ("muon", original, all(0.1))),
        ("adamw_matrices_decay", ("adamw", toml::Table::new(), WeightDecay { rate: 0.1, on: DecayOn::Matrices })),
        ("graft_tensor", ("graft", grafted("snradam", "adam", "tensor"), all(0.0))),
        ("graft_global", ("graft", grafted("snradam", "adam", "global"), all(0.0))),
        ("graft_swapped", ("graft", grafted("adam", "snradam", "tensor"), all(0.0))),
    ]);
    let paths = golden.keys().filter(|name| name.starts_with("tensors.")).count();
    assert_eq!(paths, cases.len() + 2, "a path without a case");
    for (case, (name, given, decay)) in cases {
        let entry = optim::find(name).unwrap();
        let mut table = entry.defaults_for(&given).unwrap();
        table.extend(given);
        let opt = Optimizer::new(layout.clone(), decay, (entry.build)(&table).unwrap()).unwrap();
        let path = &golden[&format!("tensors.{case}")];
        follow(case, opt, &golden["tensors.start"], &golden["tensors.grads"], path, |_| 0.01);
    }
}

/// X#X is X to the bit, for every X: its parameters, and those that it evaluates.
#[test]
fn a_graft_of_one_optimizer_is_that_optimizer() {
    for entry in entries().iter().filter(|entry| entry.name != "graft") {
        for scope in ["tensor", "global"] {
            let graft = optim::find("graft").unwrap();
            let given = [("magnitude", entry.name), ("direction", entry.name), ("scope", scope)];
            let given = toml::Table::from_iter(given.map(|(key, value)| (key.to_string(), value.into())));
            let mut table = graft.defaults_for(&given).unwrap();
            table.extend(given);
            let mut layout = Layout::default();
            ["first", "second", "third"].into_iter().for_each(|name| layout.push_linear(name, &[2, 2]));
            let layout = Arc::new(layout);
            let mut opts = [(graft.build)(&table), rule(entry, &[])]
                .map(|rule| Optimizer::new(layout.clone(), 0.1, rule.unwrap()).unwrap());
            let mut thetas = [vec![0.5; layout.len()], vec![0.5; layout.len()]];
            for (opt, theta) in opts.iter_mut().zip(&mut thetas) {
                warm_up(opt, theta, 0..20);
            }
            let bits = |theta: &[f32]| theta.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&thetas[0]), bits(&thetas[1]), "{}, {scope}", entry.name);
            let [evaluated, own] = [0, 1].map(|i| opts[i].evaluation_params(&thetas[i]).map(|params| bits(&params)));
            assert_eq!(evaluated, own, "{}, {scope}", entry.name);
        }
    }
}

/// Learning rates of which one at least must do: which, is the optimizer's own business.
const RATES: [f64; 5] = [5e-4, 1e-3, 1e-2, 0.1, 0.5];

/// Σ aᵢ xᵢ² with curvatures from 1 to 100.
#[test]
fn all_minimise_a_quadratic() {
    const CURVATURES: [f32; 3] = [1.0, 10.0, 100.0];
    for entry in entries() {
        let end = RATES.map(|lr| {
            let mut x = [3.0, -2.0, 1.0];
            let mut opt = optimizer(entry, &[3], 0.0);
            for _ in 0..10_000 {
                let grads: [f32; 3] = std::array::from_fn(|i| 2.0 * CURVATURES[i] * x[i]);
                opt.step(lr, &mut x, &grads).unwrap();
            }
            x.iter().zip(CURVATURES).map(|(x, a)| a * x * x).sum::<f32>()
        });
        assert!(end.iter().any(|end| *end < 1e-3), "{}: {end:?}", entry.name);
    }
}

/// A quadratic through `candle_nn::Optimizer`.
#[test]
fn all_take_the_place_of_a_candle_optimizer() {
    for entry in entries() {
        let x = Var::from_tensor(&tensor(&[3.0, -2.0, 1.0])).unwrap();
        let config = Config { lr: 1e-2, weight_decay: 0.0, rule: rule(entry, &[]).unwrap() };
        let mut opt = <optim::CandleOptimizer<_> as candle_nn::Optimizer>::new(vec![x.clone()], config).unwrap();
        let loss = || x.sqr().unwrap().sum_all().unwrap();
        let start = loss().to_scalar::<f32>().unwrap();
        for _ in 0..100 {
            opt.backward_step(&loss()).unwrap();
        }
        assert!(loss().to_scalar::<f32>().unwrap() < start, "{}", entry.name);
    }
}

/// (1 − x)² + 100 (y − x²)² from (−1.2, 1).
#[test]
fn all_find_the_minimum_of_rosenbrock() {
    for entry in entries() {
        let ends = RATES.map(|lr| {
            let mut end = [-1.2, 1.0];
            let mut opt = optimizer(entry, &[2], 0.0);
            for _ in 0..30_000 {
                let [x, y] = end;
                let r = y - x * x;
                opt.step(lr, &mut end, &[-2.0 * (1.0 - x) - 400.0 * x * r, 200.0 * r]).unwrap();
            }
            end
        });
        let is_there = |end: &[f32; 2]| (end[0] - 1.0).abs() < 0.01 && (end[1] - 1.0).abs() < 0.02;
        assert!(ends.iter().any(is_there), "{}: {ends:?}", entry.name);
    }
}

/// A few steps with pseudo-random gradients.
fn warm_up(opt: &mut Optimizer<BoxedRule>, theta: &mut [f32], steps: std::ops::Range<usize>) {
    for t in steps {
        let grad: Vec<f32> = (0..theta.len()).map(|i| ((t * 7 + i * 3) as f32).sin()).collect();
        opt.step(0.01, theta, &grad).unwrap();
    }
}

#[test]
fn all_continue_from_their_state_bit_for_bit() {
    for entry in entries() {
        let mut theta = [0.5, 0.5, 0.5, -1.0, -1.0, -1.0, -1.0, -1.0];
        let mut opt = optimizer(entry, &[3, 5], 0.1);
        warm_up(&mut opt, &mut theta, 0..5);

        let saved: HashMap<_, _> =
            opt.state().into_iter().map(|t| (t.name, (t.shape.to_vec(), t.values.to_vec()))).collect();
        let mut again = optimizer(entry, &[3, 5], 0.1);
        let take = |name: &str, shape: &[usize]| {
            assert_eq!(saved[name].0, shape, "{}: {name}", entry.name);
            Ok(saved[name].1.clone())
        };
        again.restore(opt.steps(), take).unwrap();

        let mut copy = theta;
        assert_eq!(again.steps(), 5);
        warm_up(&mut opt, &mut theta, 5..8);
        warm_up(&mut again, &mut copy, 5..8);
        assert_eq!(theta.map(f32::to_bits), copy.map(f32::to_bits), "{}", entry.name);
    }
}

/// Those with the usual decay, and those that decay by themselves.
fn by_decay() -> (Vec<&'static Entry>, Vec<&'static Entry>) {
    entries().iter().partition(|entry| !rule(entry, &[]).unwrap().decays())
}

/// With a gradient of 0 from the start, what is left of a step is the decay θ ← θ·(1 − lr·wd), to the bit, and without
/// decay nothing.
#[test]
fn all_leave_parameters_alone_without_gradient() {
    let (usual, own) = by_decay();
    for (entry, decays) in
        usual.into_iter().map(|entry| (entry, vec![0.0, 0.5])).chain(own.into_iter().map(|entry| (entry, vec![0.0])))
    {
        for weight_decay in decays {
            let mut expected = [1.5f32, -0.3, 0.0];
            let mut theta = expected;
            let mut opt = optimizer(entry, &[3], weight_decay);
            for _ in 0..3 {
                opt.step(0.01, &mut theta, &[0.0; 3]).unwrap();
                expected = expected.map(|x| x * (1.0 - 0.01 * weight_decay) as f32);
                assert_eq!(theta, expected, "{}", entry.name);
            }
        }
    }
}

/// Decay acts on the parameter before the step and does not reach the moments; golden paths check those that decay by
/// themselves.
#[test]
fn all_decouple_the_decay() {
    for entry in by_decay().0 {
        let [mut plain, mut decayed] = [[2.0f32, -1.0]; 2];
        let mut without = optimizer(entry, &[2], 0.0);
        let mut with = optimizer(entry, &[2], 0.5);
        for t in 1..=5 {
            let (before, before_decayed) = (plain, decayed);
            let g = [0.3 * t as f32, -0.7];
            without.step(0.01, &mut plain, &g).unwrap();
            with.step(0.01, &mut decayed, &g).unwrap();
            for i in 0..2 {
                let step = plain[i] - before[i];
                let want = before_decayed[i] * (1.0 - 0.005) + step;
                assert!((decayed[i] - want).abs() < 5e-7, "{}, step {t}", entry.name);
            }
            let state = |opt: &Optimizer<BoxedRule>| opt.state().iter().map(|t| t.values.to_vec()).collect::<Vec<_>>();
            assert_eq!(state(&without), state(&with), "{}", entry.name);
        }
    }
}

/// Every number among the hyperparameters, found in the table of defaults, so that a new one cannot be forgotten. What
/// range each has is its own business; none is NaN.
#[test]
fn all_refuse_what_is_no_number_by_name() {
    for entry in entries() {
        rule(entry, &[]).unwrap();
        for (name, _) in (entry.defaults)().iter().filter(|(_, default)| default.is_float()) {
            let error = rule(entry, &[(name, f64::NAN.into())]).err().expect("refused");
            assert!(error.to_string().starts_with(&format!("{name} = ")), "{}: {error}", entry.name);
            assert!(error.is::<snr_bench::error::UsageError>());
        }
        let error = Optimizer::new(layout(&[1]), -1.0, rule(entry, &[]).unwrap()).err().expect("refused");
        assert!(error.to_string().starts_with("weight_decay = "), "{error}");
    }
}

#[test]
fn all_explain_their_hyperparameters() {
    for entry in entries() {
        let explained: Vec<&str> = entry.help.iter().map(|(name, _)| *name).collect();
        let defaults = (entry.defaults)();
        assert_eq!(explained.len(), defaults.len(), "{}", entry.name);
        assert!(defaults.keys().all(|name| explained.contains(&name.as_str())), "{}: {explained:?}", entry.name);
    }
}

#[test]
fn impossible_hyperparameters_are_refused_by_name() {
    for (optimizer, name, bad) in [
        ("adam", "beta1", 1.0),
        ("adam", "beta2", -0.1),
        ("adam", "eps", -0.1),
        ("adam", "eps", f64::INFINITY),
        ("snradam", "beta1", 1.0),
        ("snradam", "beta2", 1.0),
        ("adabelief", "beta2", 1.0),
        ("sgd", "momentum", 1.0),
    ] {
        let error = rule(optim::find(optimizer).unwrap(), &[(name, bad.into())]).err().expect("refused");
        assert!(error.to_string().starts_with(&format!("{name} = ")), "{optimizer}: {error}");
    }
    let x = Var::from_tensor(&tensor(&[1.0])).unwrap();
    let config = Config { lr: -1.0, ..Config::default() };
    let error = <SnrAdam as candle_nn::Optimizer>::new(vec![x], config).err().expect("refused");
    assert!(error.to_string().contains("lr = -1"), "{error}");
    let wrong_kind = rule(optim::find("snradam").unwrap(), &[("centering", "median".into())]).err().unwrap();
    assert!(wrong_kind.to_string().contains("median"), "{wrong_kind}");
    assert!(optim::find("snradm").err().unwrap().to_string().contains("did you mean 'snradam'?"));
}

/// The defaults that `--dry-run` writes are those of the design, and build a rule.
#[test]
fn all_have_the_documented_defaults() {
    for entry in entries() {
        let layer = toml::Table::from_iter([("optim".to_string(), entry.name.into())]);
        let spec = RunSpec::resolve([layer]).unwrap();
        spec.rule().unwrap();
        assert_eq!((spec.lr, spec.weight_decay), (1e-3, entry.weight_decay));
        let number = |name| spec.hyper.get(name).and_then(toml::Value::as_float);
        let expected = match entry.name {
            "sgd" => [None, None, None, Some(0.9)],
            "adabelief" => [Some(0.9), Some(0.999), Some(1e-16), None],
            "adamw" | "nadam" | "radam" | "amsgrad" => [Some(0.9), Some(0.999), Some(1e-8), None],
            "adam" | "snradam" => [Some(0.9), Some(0.999), Some(1e-8), None],
            _ => continue, // one that somebody added documents its own
        };
        assert_eq!(["beta1", "beta2", "eps", "momentum"].map(number), expected, "{}", entry.name);
    }
}

/// What [`Centering`] documents: the author's centre gives Adam's first step, the others give g/ε; none is ever NaN.
#[test]
fn centerings() {
    let with = |centering| SnrAdamRule { centering, ..SnrAdamRule::default() };
    for g in [1.0f32, 0.1, -0.3, 7.7e-4, 123.4] {
        let adam = steps(AdamRule::default(), &[g])[0];
        assert!((steps(with(Centering::Previous), &[g])[0] / adam - 1.0).abs() < 1e-6);
        for centering in [Centering::Current, Centering::Moments] {
            let first = steps(with(centering), &[g])[0];
            assert!((first / (f64::from(g) / 1e-8) - 1.0).abs() < 1e-6, "{centering:?}, g = {g}: {first}");
        }
    }
    // Nearly constant gradients make v̂ − m̂² negative in f32.
    let grads: Vec<f32> = (0..500).map(|t| 1.0 + 1e-6 * (t as f32).sin()).collect();
    for centering in [Centering::Previous, Centering::Uncorrected, Centering::Current, Centering::Moments] {
        let steps = steps(with(centering), &grads);
        assert!(steps.iter().all(|s| s.is_finite()), "{centering:?}");
    }
}

/// Variables without a gradient stay where they are, and so does their state.
#[test]
fn variables_without_a_gradient_are_left_alone() {
    let [x, y] = [[3.0f32, -2.0], [1.0, 1.0]].map(|start| Var::from_tensor(&tensor(&start)).unwrap());
    let mut both = <SnrAdam as candle_nn::Optimizer>::new(vec![x.clone(), y.clone()], Config::default()).unwrap();
    let loss = |v: &Var| v.sqr().unwrap().sum_all().unwrap();
    both.backward_step(&(loss(&x) + loss(&y)).unwrap()).unwrap();
    let (x_then, y_then) = (values(&x), values(&y));
    both.backward_step(&loss(&x)).unwrap();
    assert_ne!(values(&x), x_then);
    assert_eq!(values(&y), y_then);
    assert_eq!(both.learning_rate(), 1e-3);
    both.set_learning_rate(0.5);
    assert_eq!(both.learning_rate(), 0.5);
}

#[test]
fn another_number_of_gradients_is_an_error() {
    let error = optimizer(&entries()[0], &[1], 0.0).step(0.1, &mut [1.0], &[]).unwrap_err().to_string();
    assert!(error.contains("1 parameters and 0 gradients"), "{error}");
}

/// A rule that is not by element: it sees names and roles, and keeps one number of its own.
struct Signs;

impl Rule for Signs {
    fn validate(&self) -> snr_bench::error::Result<()> {
        Ok(())
    }

    fn slots(&self, _layout: &Layout) -> Vec<Slot> {
        vec![Slot::Shaped("calls".into(), vec![1]), Slot::PerElement("last".into())]
    }

    fn update(
        &self,
        step: &Step,
        _params: &[f32],
        grads: &[f32],
        state: &mut [Vec<f32>],
        update: &mut [f32],
    ) -> snr_bench::error::Result<()> {
        state[0][0] += 1.0;
        for parameter in step.layout.iter().filter(|parameter| parameter.role == Role::Matrix) {
            for i in parameter.range.clone() {
                update[i] = step.lr as f32 * grads[i].signum();
            }
        }
        state[1].copy_from_slice(grads);
        Ok(())
    }

    fn evaluation_params(&self, params: &[f32], _state: &[Vec<f32>]) -> Option<Vec<f32>> {
        Some(params.iter().map(|x| x / 2.0).collect())
    }
}

#[test]
fn a_rule_sees_roles_and_keeps_state_of_any_shape() {
    let mut layout = Layout::default();
    layout.push_linear("head", &[2, 1]);
    let mut optimizer = Optimizer::new(Arc::new(layout), 0.0, Signs).unwrap();
    let mut theta = [1.0f32; 4];
    optimizer.step(0.5, &mut theta, &[3.0, -3.0, 3.0, -3.0]).unwrap();
    assert_eq!(theta, [0.5, 1.5, 1.0, 1.0], "weights move, biases do not");
    let state: Vec<_> = optimizer.state().into_iter().map(|t| (t.name, t.shape.to_vec(), t.values.to_vec())).collect();
    let expected = [
        ("calls", vec![1], vec![1.0]),
        ("last.head.weight", vec![2, 1], vec![3.0, -3.0]),
        ("last.head.bias", vec![2], vec![3.0, -3.0]),
    ];
    assert_eq!(state, expected.map(|(name, shape, values)| (name.to_string(), shape, values)));
    assert_eq!(optimizer.evaluation_params(&theta), Some(vec![0.25, 0.75, 0.5, 0.5]));
}
