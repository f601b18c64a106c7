//! Gradient and evaluation of the default model over 512 images, with one thread and with all, and what measuring adds to a
//! step, whatever the batch: `cargo bench --bench step`. Throughput in "elements" is in images.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use snr_bench::config::RunSpec;
use snr_bench::data::{Images, MNIST_SHAPE};
use snr_bench::internal::{Moment, Watch};
use snr_bench::model::{Backend, Fused, Params, VitConfig};
use snr_bench::optim::Optimizer;
use snr_bench::run_dir::{Log, StepRow};
use snr_bench::train::noise::Part;

const IMAGES: usize = 512;

fn step(c: &mut Criterion) {
    let config = VitConfig::default();
    let params = Params::init(config.layout(MNIST_SHAPE), 0).expect("parameters");
    let images = Images {
        pixels: (0..IMAGES * 784).map(|i| (i * 7919 % 251) as u8).collect(),
        labels: (0..IMAGES).map(|i| (i % 10) as u8).collect(),
    };
    let indices: Vec<u32> = (0..IMAGES as u32).collect();
    let mut grad = vec![0.0; config.num_params(MNIST_SHAPE)];
    let mut group = c.benchmark_group("step");
    group.throughput(Throughput::Elements(IMAGES as u64)).sample_size(20);
    for (name, threads) in [("one thread", 1), ("all threads", 0)] {
        let mut fused = Fused::vit(&config, MNIST_SHAPE, threads).expect("a backend");
        fused.load(&params.values).expect("parameters of this model");
        group.bench_function(format!("gradient, {name}"), |b| {
            b.iter(|| fused.gradient(&images, &indices, &|_| (), &mut grad).expect("a gradient"))
        });
        group.bench_function(format!("evaluation, {name}"), |b| {
            b.iter(|| fused.evaluate(&images, &indices, &|_| ()).expect("a loss"))
        });
    }
}

/// Adam with SNRAdam as its shadow, and the noise: everything but the evaluation of a probe.
fn measuring(c: &mut Criterion) {
    let settings = "observe = { shadow = 'snradam', noise = true }".parse().expect("TOML");
    let spec = RunSpec::resolve([settings]).expect("settings");
    let params = Params::init(spec.model.layout(MNIST_SHAPE), 0).expect("parameters");
    let grads: Vec<f32> = (0..params.values.len()).map(|i| (i as f32 * 0.7).sin() * 1e-3).collect();
    let first: Vec<f32> = (0..params.values.len()).map(|i| (i as f32 * 0.7).sin() * 1.1e-3).collect();
    let mut watch = Watch::new(&spec, params.layout(), 60_000).expect("a shadow").expect("something to measure");
    let mut optimizer = Optimizer::new(params.layout().clone(), 0.0, spec.rule().expect("Adam")).expect("Adam");
    let mut moved = params.values.clone();
    let mut step = 0;
    c.bench_function("measuring a step: a shadow and the noise", |b| {
        b.iter(|| {
            step += 1;
            let part = Some(Part { samples: 2048, of: 4096, grad: &first });
            optimizer.update(1e-3, &moved, &grads).expect("an update");
            let now = Moment { step, lr: 1e-3, params: &moved, grads: &grads, part, optimizer: &optimizer };
            watch.step(&now, &mut StepRow::default(), &mut Log::new("tensors.csv")).expect("measured");
            optimizer.apply(1e-3, &mut moved);
        })
    });
}

criterion_group!(benches, step, measuring);
criterion_main!(benches);
