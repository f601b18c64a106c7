//! Each operation on one shard of the default model (4 images of 50 tokens), on one thread: `cargo bench --bench ops`.
//!
//! The large product of the `gemm` crate is the peak that a step is measured by.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use snr_bench::internal::attention::{self, Saved, Shape};
use snr_bench::internal::class_attention::{self, ClassAttention, Gradients};
use snr_bench::internal::linear::{Linear, Rows};
use snr_bench::internal::matmul::Out;
use snr_bench::internal::{gelu, layer_norm};

const ROWS: usize = 200;

fn values(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i * 7919 % 2003) as f32 / 1000.0 - 1.0).collect()
}

/// Throughput in "elements" is in floating-point operations.
fn linear(c: &mut Criterion) {
    let mut group = c.benchmark_group("linear");
    for (inputs, outputs) in [(64, 128), (64, 64), (64, 256), (256, 64)] {
        let mut layer = Linear::new(inputs, outputs);
        layer.load(&values(inputs * outputs), &values(outputs));
        let (x, mut y) = (values(ROWS * inputs), values(ROWS * outputs));
        let (mut dx, mut dw, mut db) = (values(ROWS * inputs), values(inputs * outputs), values(outputs));
        let rows = Rows { data: &x, stride: inputs };
        group.throughput(Throughput::Elements((2 * ROWS * inputs * outputs) as u64));
        group.bench_function(format!("{inputs}x{outputs} forward"), |b| {
            b.iter(|| layer.forward(ROWS, black_box(rows), &mut y))
        });
        group.bench_function(format!("{inputs}x{outputs} input gradient"), |b| {
            b.iter(|| layer.backward_input(ROWS, black_box(&y), Out::set(&mut dx, inputs)))
        });
        group.bench_function(format!("{inputs}x{outputs} weight gradient"), |b| {
            b.iter(|| layer.backward_weight(ROWS, black_box(&y), rows, &mut dw, &mut db))
        });
    }
}

fn attention(c: &mut Criterion) {
    let mut group = c.benchmark_group("attention");
    let shape = Shape { images: 4, tokens: 50, heads: 4, dim: 16 };
    let (q, kv, d_o) = (values(ROWS * 64), values(ROWS * 128), values(ROWS * 64));
    let (mut p, mut scratch) = (values(shape.probabilities()), values(shape.scratch()));
    let (mut o, mut dq, mut dkv) = (q.clone(), q.clone(), kv.clone());
    group.bench_function("every token forward", |b| {
        b.iter(|| attention::forward(shape, black_box(&q), &kv, &mut p, &mut o, &mut scratch))
    });
    group.bench_function("every token backward", |b| {
        let saved = Saved { q: &q, kv: &kv, p: &p, d_o: &d_o };
        b.iter(|| attention::backward(shape, black_box(saved), &mut dq, &mut dkv, &mut scratch))
    });
    let mut class = ClassAttention::new(class_attention::ClassShape { tokens: 50, heads: 4, dim: 16 });
    class.load(&values(2 * 64 * 64), &values(2 * 64));
    let (mut saved, mut dweight, mut dbias) = (class.saved(4), values(2 * 64 * 64), values(64));
    group.bench_function("class token forward", |b| {
        b.iter(|| class.forward(4, black_box(&q), &d_o, &mut saved, &mut o))
    });
    group.bench_function("class token backward", |b| {
        b.iter(|| {
            let grad = Gradients { weight: &mut dweight, value_bias: &mut dbias };
            class.backward(4, black_box(&q), &d_o, &mut saved, &mut dq, &mut o, grad)
        })
    });
}

fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("elementwise");
    let (z, mut x, mut d) = (values(ROWS * 256), values(ROWS * 256), values(ROWS * 256));
    // GELU works in place: the copy is part of the measurement.
    group.bench_function("gelu 200x256 with derivative", |b| {
        b.iter(|| {
            x.copy_from_slice(&z);
            gelu::forward(black_box(&mut x), Some(&mut d));
        })
    });
    let (x, affine) = (values(ROWS * 64), values(128));
    let (mut y, mut stats, mut dx, mut daffine) = (x.clone(), values(ROWS * 2), x.clone(), affine.clone());
    group.bench_function("layer norm 200x64 forward", |b| {
        b.iter(|| layer_norm::forward(black_box(&x), &affine, &mut y, &mut stats))
    });
    group.bench_function("layer norm 200x64 backward", |b| {
        b.iter(|| layer_norm::backward(black_box(&y), &x, &stats, &affine, &mut dx, &mut daffine))
    });
}

fn peak(c: &mut Criterion) {
    let mut group = c.benchmark_group("peak");
    const N: usize = 1024;
    let (a, b, mut out) = (values(N * N), values(N * N), values(N * N));
    group.throughput(Throughput::Elements((2 * N * N * N) as u64)).sample_size(10);
    group.bench_function("gemm crate 1024x1024x1024", |bench| {
        let stride = N as isize;
        // SAFETY: three matrices of N rows and columns.
        bench.iter(|| unsafe {
            gemm::gemm(
                N,
                N,
                N,
                out.as_mut_ptr(),
                1,
                stride,
                false,
                a.as_ptr(),
                1,
                stride,
                b.as_ptr(),
                1,
                stride,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            )
        })
    });
}

criterion_group!(benches, linear, attention, elementwise, peak);
criterion_main!(benches);
