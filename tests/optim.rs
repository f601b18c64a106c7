//! Every registered optimizer: check values, golden runs of PyTorch, and one suite that all of them pass.

use std::collections::HashMap;

use candle_core::{Device, Tensor, Var};
use candle_nn::Optimizer as _;
use snr_bench::config::RunSpec;
use snr_bench::optim::{self, BoxedRule, Config, Entry, Optimizer, REGISTRY, Rule, SnrAdam, SnrAdamRule};
use snr_bench::optim::{AdaBeliefRule, AdamRule, Centering};

const CPU: Device = Device::Cpu;

/// The rule of `entry` with some hyperparameters changed.
fn rule(entry: &Entry, changes: &[(&str, toml::Value)]) -> snr_bench::error::Result<BoxedRule> {
    let mut table = (entry.defaults)();
    for (name, value) in changes {
        assert!(table.insert(name.to_string(), value.clone()).is_some(), "{} has no '{name}'", entry.name);
    }
    (entry.build)(&table)
}

fn optimizer(entry: &Entry, vars: &[&Var], lr: f64, weight_decay: f64) -> Optimizer<BoxedRule> {
    let config = Config { lr, weight_decay, rule: rule(entry, &[]).unwrap() };
    Optimizer::new(vars.iter().map(|v| (*v).clone()).collect(), config).unwrap()
}

fn tensor(values: &[f32]) -> Tensor {
    Tensor::new(values, &CPU).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.to_vec1().unwrap()
}

/// Step / lr of a rule for a sequence of gradients of one parameter.
fn steps(rule: &impl Rule, grads: &[f32]) -> Vec<f64> {
    let mut state: Vec<Tensor> = rule.slots().iter().map(|_| tensor(&[0.0])).collect();
    let step = |(i, g): (usize, &f32)| values(&rule.step(i as u64 + 1, &tensor(&[*g]), &mut state).unwrap())[0].into();
    grads.iter().enumerate().map(step).collect()
}

#[test]
fn check_values() {
    let (constant, sequence) = ([1.0f32; 4], [0.1f32, -0.2, 0.3, 0.05]);
    let check = |rule: &dyn Fn(&[f32]) -> Vec<f64>, grads: &[f32], expected: [f64; 4]| {
        for (got, want) in rule(grads).into_iter().zip(expected) {
            assert!((got / want - 1.0).abs() < 1e-5, "{got} instead of {want}");
        }
    };
    let adam = |g: &[f32]| steps(&AdamRule::default(), g);
    check(&adam, &constant, [0.999999990, 0.999999990, 0.999999990, 0.999999990]);
    check(&adam, &sequence, [0.999999900, -0.366103504, 0.343241064, 0.355707830]);
    let snradam = |g: &[f32]| steps(&SnrAdamRule::default(), g);
    check(&snradam, &constant, [0.999999990, 1.414567405, 1.732917742, 2.001501900]);
    check(&snradam, &sequence, [0.999999900, -0.258861330, 0.268920000, 0.280808265]);
    let adabelief = |g: &[f32]| steps(&AdaBeliefRule::default(), g);
    check(&adabelief, &constant, [1.111111111, 1.168004737, 1.225583977, 1.283693797]);
    check(&adabelief, &sequence, [1.111111111, -0.391060977, 0.367442246, 0.383042484]);
}

/// Under a constant gradient s keeps only its first term: ŝ = g² (1−β2) β2ᵗ⁻¹ / (1−β2ᵗ), and the step grows like √t.
#[test]
fn snradam_grows_like_root_t() {
    for g in [1.0f32, 0.1, 3e-4] {
        for (i, step) in steps(&SnrAdamRule::default(), &[g; 1000]).into_iter().enumerate() {
            let (t, g) = (i as i32 + 1, f64::from(g));
            let s_hat = g * g * 0.001 * 0.999f64.powi(t - 1) / (1.0 - 0.999f64.powi(t));
            let want = g / (s_hat.sqrt() + 1e-8);
            let tolerance = if t <= 200 { 1e-5 } else { 3e-5 };
            assert!((step / want - 1.0).abs() < tolerance, "g = {g}, t = {t}: {step} instead of {want}");
        }
    }
}

/// 200 steps on random gradients against scripts/golden_optim.py, to 1e-5 (relative, absolute below 1).
#[test]
fn golden_200_steps() {
    let golden = candle_core::safetensors::load("tests/golden/optim.safetensors", &CPU).unwrap();
    let plain = |name| (optim::find(name).unwrap(), vec![], 0.0);
    let centred = |name: &str| {
        let changes = vec![("centering", name.into()), ("eps", 0.1.into())];
        (optim::find("snradam").unwrap(), changes, 0.0)
    };
    let cases = HashMap::from([
        ("theta.adam", plain("adam")),
        ("theta.adamw", (optim::find("adam").unwrap(), vec![], 0.1)),
        ("theta.sgd", plain("sgd")),
        ("theta.adabelief", plain("adabelief")),
        ("theta.snradam", plain("snradam")),
        ("theta.snradam_current", centred("current")),
        ("theta.snradam_moments", centred("moments")),
    ]);
    assert_eq!(golden.keys().filter(|name| name.starts_with("theta.")).count(), cases.len());
    for (name, (entry, changes, weight_decay)) in cases {
        let theta = Var::from_tensor(&golden["start"]).unwrap();
        let config = Config { lr: 0.01, weight_decay, rule: rule(entry, &changes).unwrap() };
        let mut opt = Optimizer::new(vec![theta.clone()], config).unwrap();
        for t in 0..200 {
            opt.apply(&[golden["grads"].get(t).unwrap()]).unwrap();
            for (got, want) in values(&theta).into_iter().zip(values(&golden[name].get(t).unwrap())) {
                let error = (got - want).abs() / want.abs().max(1.0);
                assert!(error < 1e-5, "{name}, step {}: {got} instead of {want}", t + 1);
            }
        }
    }
}

/// Σ aᵢ xᵢ² with curvatures from 1 to 100, through `candle_nn::Optimizer`.
#[test]
fn all_minimise_a_quadratic() {
    for entry in REGISTRY {
        let x = Var::from_tensor(&tensor(&[3.0, -2.0, 1.0])).unwrap();
        let curvature = tensor(&[1.0, 10.0, 100.0]);
        let mut opt = optimizer(entry, &[&x], 1e-3, 0.0);
        let loss = || (x.sqr().unwrap() * &curvature).unwrap().sum_all().unwrap();
        for _ in 0..10_000 {
            opt.backward_step(&loss()).unwrap();
        }
        let end = loss().to_scalar::<f32>().unwrap();
        assert!(end < 1e-3, "{}: {end}", entry.name);
    }
}

/// (1 − x)² + 100 (y − x²)² from (−1.2, 1).
#[test]
fn all_find_the_minimum_of_rosenbrock() {
    for entry in REGISTRY {
        let theta = Var::from_tensor(&tensor(&[-1.2, 1.0])).unwrap();
        let mut opt = optimizer(entry, &[&theta], 5e-4, 0.0);
        for _ in 0..30_000 {
            let [x, y] = values(&theta)[..] else { unreachable!() };
            let r = y - x * x;
            opt.apply(&[tensor(&[-2.0 * (1.0 - x) - 400.0 * x * r, 200.0 * r])]).unwrap();
        }
        let end = values(&theta);
        assert!((end[0] - 1.0).abs() < 0.01 && (end[1] - 1.0).abs() < 0.02, "{}: {end:?}", entry.name);
    }
}

/// A few steps with pseudo-random gradients.
fn warm_up(opt: &mut Optimizer<BoxedRule>, shapes: &[usize], from: usize, to: usize) {
    for t in from..to {
        let grad = |&n: &usize| tensor(&(0..n).map(|i| ((t * 7 + i * 3) as f32).sin()).collect::<Vec<_>>());
        opt.apply(&shapes.iter().map(grad).collect::<Vec<_>>()).unwrap();
    }
}

#[test]
fn all_continue_from_their_state_bit_for_bit() {
    for entry in REGISTRY {
        let start = || [Var::from_tensor(&tensor(&[0.5; 3])).unwrap(), Var::from_tensor(&tensor(&[-1.0; 5])).unwrap()];
        let [a, b] = start();
        let mut opt = optimizer(entry, &[&a, &b], 0.01, 0.1);
        warm_up(&mut opt, &[3, 5], 0, 5);

        let saved: HashMap<_, _> = opt.state().map(|(slot, i, t)| ((slot.to_string(), i), t.clone())).collect();
        let [c, d] = start();
        c.set(&a.copy().unwrap()).unwrap();
        d.set(&b.copy().unwrap()).unwrap();
        let mut again = optimizer(entry, &[&c, &d], 0.01, 0.1);
        again.restore(opt.steps(), |slot, i| Ok(saved[&(slot.to_string(), i)].clone())).unwrap();

        assert_eq!(again.steps(), 5);
        warm_up(&mut opt, &[3, 5], 5, 8);
        warm_up(&mut again, &[3, 5], 5, 8);
        let bits = |v: &Var| values(v).into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!((bits(&a), bits(&b)), (bits(&c), bits(&d)), "{}", entry.name);

        let wrong = again.restore(5, |_, _| Ok(tensor(&[0.0]))).unwrap_err().to_string();
        assert!(wrong.contains("shape [1]"), "{wrong}");
    }
}

/// With a gradient of 0 from the start, what is left of a step is the decay θ ← θ·(1 − lr·wd), to the bit.
#[test]
fn all_leave_parameters_alone_without_gradient() {
    for entry in REGISTRY {
        for weight_decay in [0.0, 0.5] {
            let mut expected = [1.5f32, -0.3, 0.0];
            let theta = Var::from_tensor(&tensor(&expected)).unwrap();
            let mut opt = optimizer(entry, &[&theta], 0.01, weight_decay);
            for _ in 0..3 {
                opt.apply(&[tensor(&[0.0; 3])]).unwrap();
                expected = expected.map(|x| x * (1.0 - 0.01 * weight_decay) as f32);
                assert_eq!(values(&theta), expected, "{}", entry.name);
            }
        }
    }
}

/// Decay acts on the parameter before the step and does not reach the moments.
#[test]
fn all_decouple_the_decay() {
    for entry in REGISTRY {
        let [plain, decayed] = [(); 2].map(|()| Var::from_tensor(&tensor(&[2.0, -1.0])).unwrap());
        let mut without = optimizer(entry, &[&plain], 0.01, 0.0);
        let mut with = optimizer(entry, &[&decayed], 0.01, 0.5);
        for t in 1..=5 {
            let (before, before_decayed) = (values(&plain), values(&decayed));
            let g = [tensor(&[0.3 * t as f32, -0.7])];
            without.apply(&g).unwrap();
            with.apply(&g).unwrap();
            for i in 0..2 {
                let step = values(&plain)[i] - before[i];
                let want = before_decayed[i] * (1.0 - 0.005) + step;
                assert!((values(&decayed)[i] - want).abs() < 5e-7, "{}, step {t}", entry.name);
            }
            let state = |opt: &Optimizer<BoxedRule>| opt.state().map(|(_, _, t)| values(t)).collect::<Vec<_>>();
            assert_eq!(state(&without), state(&with), "{}", entry.name);
        }
    }
}

/// Every number among the hyperparameters, found in the table of defaults, so that a new one cannot be forgotten.
#[test]
fn all_refuse_impossible_hyperparameters_by_name() {
    for entry in REGISTRY {
        rule(entry, &[]).unwrap();
        for (name, _) in (entry.defaults)().iter().filter(|(_, default)| default.is_float()) {
            let too_large = if name == "eps" { f64::INFINITY } else { 1.0 };
            for bad in [-0.1, f64::NAN, too_large] {
                let error = rule(entry, &[(name, bad.into())]).err().expect("refused");
                assert!(error.to_string().starts_with(&format!("{name} = ")), "{}: {error}", entry.name);
                assert!(error.is::<snr_bench::error::UsageError>());
            }
        }
        for (lr, weight_decay, name) in [(-1.0, 0.0, "lr"), (f64::NAN, 0.0, "lr"), (0.1, -1.0, "weight_decay")] {
            let error = Optimizer::new(vec![], Config { lr, weight_decay, rule: rule(entry, &[]).unwrap() });
            assert!(error.err().expect("refused").to_string().starts_with(&format!("{name} = ")));
        }
    }
    let wrong_kind = rule(optim::find("snradam").unwrap(), &[("centering", "median".into())]).err().unwrap();
    assert!(wrong_kind.to_string().contains("median"), "{wrong_kind}");
    assert!(optim::find("snradm").err().unwrap().to_string().contains("did you mean 'snradam'?"));
}

/// The defaults that `--dry-run` writes are those of the design, and build a rule.
#[test]
fn all_have_the_documented_defaults() {
    for entry in REGISTRY {
        let layer = toml::Table::from_iter([("optim".to_string(), entry.name.into())]);
        let spec = RunSpec::resolve([layer]).unwrap();
        spec.rule().unwrap();
        assert_eq!((spec.lr, spec.weight_decay), (1e-3, 0.0));
        let number = |name| spec.hyper.get(name).and_then(toml::Value::as_float);
        let expected = match entry.name {
            "sgd" => [None, None, None, Some(0.9)],
            "adabelief" => [Some(0.9), Some(0.999), Some(1e-16), None],
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
        let adam = steps(&AdamRule::default(), &[g])[0];
        assert!((steps(&with(Centering::Previous), &[g])[0] / adam - 1.0).abs() < 1e-6);
        for centering in [Centering::Current, Centering::Moments] {
            let first = steps(&with(centering), &[g])[0];
            assert!((first / (f64::from(g) / 1e-8) - 1.0).abs() < 1e-6, "{centering:?}, g = {g}: {first}");
        }
    }
    // Nearly constant gradients make v̂ − m̂² negative in f32.
    let grads: Vec<f32> = (0..500).map(|t| 1.0 + 1e-6 * (t as f32).sin()).collect();
    for centering in [Centering::Previous, Centering::Current, Centering::Moments] {
        let steps = steps(&with(centering), &grads);
        assert!(steps.iter().all(|s| s.is_finite()), "{centering:?}");
    }
}

/// Gradients from `backward` carry the graph that they came from; neither state nor parameters may keep it alive.
#[test]
fn no_graph_is_kept() {
    let x = Var::from_tensor(&tensor(&[3.0, -2.0])).unwrap();
    let mut opt = <SnrAdam as candle_nn::Optimizer>::new(vec![x.clone()], Config::default()).unwrap();
    for _ in 0..3 {
        opt.backward_step(&(x.sqr().unwrap() * &*x).unwrap().sum_all().unwrap()).unwrap();
    }
    assert!(opt.state().all(|(_, _, t)| !t.track_op()));
    assert_eq!(opt.learning_rate(), 1e-3);
    opt.set_learning_rate(0.5);
    assert_eq!(opt.learning_rate(), 0.5);
}

#[test]
fn another_number_of_gradients_is_an_error() {
    let x = Var::from_tensor(&tensor(&[1.0])).unwrap();
    let error = optimizer(&REGISTRY[0], &[&x], 0.1, 0.0).apply(&[]).unwrap_err().to_string();
    assert!(error.contains("0 gradients for 1 variables"), "{error}");
}
