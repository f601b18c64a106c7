//! Gradient and evaluation of the default model over 512 images, with one thread and with all:
//! `cargo bench --bench step`. Throughput in "elements" is in images.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use snr_bench::data::{Images, MNIST_SHAPE};
use snr_bench::model::{Backend, Fused, Params, VitConfig};

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

criterion_group!(benches, step);
criterion_main!(benches);
