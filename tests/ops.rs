//! Each fused operation against its composed twin, forward and gradients, on random shapes; gradients of the twins come
//! from Candle's autograd.

use std::panic::catch_unwind;

use candle_core::{Device, Result, Tensor, Var};
use pulp::Simd;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use snr_bench::internal::attention::{self, Saved, Shape};
use snr_bench::internal::class_attention::{self, ClassAttention, Gradients};
use snr_bench::internal::linear::{self, Linear, Rows};
use snr_bench::internal::matmul::{Dims, Left, Out, Packed, Right, Write, matmul, matmul_in};
use snr_bench::internal::patch_embed::{self, PatchEmbed};
use snr_bench::internal::{cross_entropy, gelu, layer_norm};

const CPU: Device = Device::Cpu;
/// Rounds of every test, each with other shapes.
const ROUNDS: u64 = 40;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn normal(rng: &mut ChaCha8Rng, count: usize) -> Vec<f32> {
    (0..count).map(|_| rng.sample(StandardNormal)).collect()
}

fn var(values: &[f32], shape: &[usize]) -> Var {
    Var::from_tensor(&Tensor::from_slice(values, shape, &CPU).unwrap()).unwrap()
}

fn flat(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// Equal to 1e-5 of the largest magnitude.
#[track_caller]
fn close(what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let scale = theirs.iter().fold(1e-3f32, |m, x| m.max(x.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= 1e-5 * scale, "{what}[{i}]: {a} and {b}, largest {scale}");
    }
}

/// Gradients of Σ y∘dy for the variables.
fn gradients(y: &Tensor, dy: &[f32], vars: &[&Var]) -> Vec<Vec<f32>> {
    let dy = Tensor::from_slice(dy, y.shape(), &CPU).unwrap();
    let grads = (y * dy).unwrap().sum_all().unwrap().backward().unwrap();
    vars.iter().map(|v| flat(grads.get(v).expect("a gradient"))).collect()
}

#[test]
fn matmul_in_every_way() {
    for seed in 0..3 * ROUNDS {
        let mut r = rng(seed);
        let (m, n, k) = (r.random_range(1..70), r.random_range(1..90), r.random_range(1..40));
        let (a, b, bias, c) = (normal(&mut r, m * k), normal(&mut r, k * n), normal(&mut r, n), normal(&mut r, m * n));
        let residual = normal(&mut r, m * (n + 1));
        let product =
            |i: usize, j: usize| (0..k).map(|x| f64::from(a[i * k + x]) * f64::from(b[x * n + j])).sum::<f64>();
        let transposed: Vec<f32> = (0..m * k).map(|i| a[i % m * k + i / m]).collect();
        let mut packed = Packed::new(k, n);
        packed.pack(Left::rows(&b, n));
        let write = [
            Write::Set,
            Write::Add,
            Write::Bias(&bias),
            Write::Residual { bias: &bias, data: &residual, stride: n + 1 },
            Write::Times,
        ][seed as usize % 5];
        let expected: Vec<f32> = (0..m * n)
            .map(|x| {
                let (ab, c, bias) = (product(x / n, x % n), f64::from(c[x]), f64::from(bias[x % n]));
                (match write {
                    Write::Set => ab,
                    Write::Add => c + ab,
                    Write::Bias(_) => ab + bias,
                    Write::Residual { .. } => f64::from(residual[x / n * (n + 1) + x % n]) + ab + bias,
                    Write::Times => c * ab,
                }) as f32
            })
            .collect();
        for left in [Left::rows(&a, k), Left::transposed(&transposed, m)] {
            for right in [Right::rows(&b, n), packed.right()] {
                let mut out = c.clone();
                matmul(Dims { m, n, k }, left, right, Out { data: &mut out, stride: n, write });
                close(&format!("[{m}, {n}, {k}]"), &out, &expected);
            }
        }
    }
}

/// Every kernel of one instruction set: all heights of a tile, whole and partial vectors, all ways to write. The values
/// are small whole numbers, so that sums are exact.
fn every_kernel<S: Simd>(simd: S) {
    let whole = |count: usize, seed: usize| (0..count).map(|i| ((i * 31 + seed) % 7) as f32 - 3.0).collect::<Vec<_>>();
    for (m, n) in (1..=30).flat_map(|m| [1, 3, 4, 8, 11, 16, 32, 37, 64].map(|n| (m, n))) {
        let k = 1 + (m + n) % 6;
        let (a, b, c, bias) = (whole(m * k, m), whole(k * n, n), whole(m * n, 2), whole(n, 3));
        let transposed: Vec<f32> = (0..m * k).map(|i| a[i % m * k + i / m]).collect();
        let residual = Write::Residual { bias: &bias, data: &c, stride: n };
        for write in [Write::Set, Write::Add, Write::Times, Write::Bias(&bias), residual] {
            let expected = (0..m * n).map(|x| {
                let ab: f32 = (0..k).map(|i| a[x / n * k + i] * b[i * n + x % n]).sum();
                match write {
                    Write::Set => ab,
                    Write::Add => c[x] + ab,
                    Write::Times => c[x] * ab,
                    Write::Bias(bias) => ab + bias[x % n],
                    Write::Residual { .. } => c[x] + ab + bias[x % n],
                }
            });
            let expected: Vec<f32> = expected.collect();
            for left in [Left::rows(&a, k), Left::transposed(&transposed, m)] {
                let mut out = c.clone();
                let c = Out { data: &mut out, stride: n, write };
                matmul_in(simd, Dims { m, n, k }, left, Right::rows(&b, n), c);
                assert_eq!(out, expected, "[{m}, {n}, {k}] with {}", std::any::type_name::<S>());
            }
        }
    }
}

/// What this processor would not choose is tested too.
#[test]
fn every_instruction_set_multiplies_alike() {
    every_kernel(pulp::Scalar);
    #[cfg(target_arch = "x86_64")]
    {
        pulp::x86::V3::try_new().map_or_else(|| eprintln!("not tested: no AVX2 here"), every_kernel);
        pulp::x86::V4::try_new().map_or_else(|| eprintln!("not tested: no AVX-512 here"), every_kernel);
    }
}

/// A stride that the slice is too short for is refused, also where the place of the last row overflows.
#[test]
fn matmul_takes_any_stride_or_refuses_it() {
    let (m, n, k) = (4, 16, 4);
    let (a, b) = (vec![1.0; m * k], vec![1.0; k * n]);
    let fits = |rows: usize, stride: usize, width: usize| (rows - 1) as u128 * stride as u128 + width as u128;
    // With the first one, (m − 1) · stride + n is 2⁶⁴ + 2, and 2 once it has wrapped.
    let strides = [6148914691236517206, usize::MAX, usize::MAX / 3 + 1, 1 << 62, 1 << 32, 17, 16, 15, 5, 4, 3, 1, 0];
    for (s, t) in strides.iter().flat_map(|&s| strides.map(|t| (s, t))) {
        for (a_stride, b_stride, c_stride) in [(s, t, n), (k, s, t), (s, n, t)] {
            let possible = fits(m, a_stride, k) <= 16
                && fits(k, b_stride, n) <= 64
                && fits(m, c_stride, n) <= 64
                && b_stride >= n
                && c_stride >= n;
            let result = catch_unwind(|| {
                let mut c = vec![0.0; m * n];
                let (a, b) = (Left::rows(&a, a_stride), Right::rows(&b, b_stride));
                matmul(Dims { m, n, k }, a, b, Out::set(&mut c, c_stride));
                assert_eq!(c, [4.0; 64]);
            });
            assert_eq!(result.is_ok(), possible, "strides {a_stride}, {b_stride}, {c_stride}");
        }
    }
}

#[test]
#[should_panic(expected = "matrix B is too short")]
fn matmul_refuses_short_slices() {
    let (a, b, mut c) = ([0.0; 20], [0.0; 19], [0.0; 16]);
    matmul(Dims { m: 4, n: 4, k: 5 }, Left::rows(&a, 5), Right::rows(&b, 4), Out::set(&mut c, 4));
}

#[test]
fn linear_agrees() -> Result<()> {
    for seed in 0..ROUNDS {
        let mut r = rng(seed);
        let (rows, inputs, outputs) = (r.random_range(1..130), r.random_range(1..80), r.random_range(1..80));
        let (x, w) = (normal(&mut r, rows * inputs), normal(&mut r, outputs * inputs));
        let (b, dy) = (normal(&mut r, outputs), normal(&mut r, rows * outputs));
        let vars = [var(&x, &[rows, inputs]), var(&w, &[outputs, inputs]), var(&b, &[outputs])];
        let twin = linear::composed(&vars[0], &vars[1], &vars[2])?;
        let expected = gradients(&twin, &dy, &[&vars[0], &vars[1], &vars[2]]);

        let mut layer = Linear::new(inputs, outputs);
        layer.load(&w, &b);
        let x = Rows { data: &x, stride: inputs };
        let mut y = vec![0.0; rows * outputs];
        layer.forward(rows, x, &mut y);
        close("y", &y, &flat(&twin));
        let (mut dx, mut dw, mut db) = (vec![0.0; rows * inputs], vec![0.0; outputs * inputs], vec![0.0; outputs]);
        layer.backward_input(rows, &dy, Out::set(&mut dx, inputs));
        layer.backward_weight(rows, &dy, x, &mut dw, &mut db);
        close("dx", &dx, &expected[0]);
        close("dw", &dw, &expected[1]);
        close("db", &db, &expected[2]);
    }
    Ok(())
}

#[test]
fn layer_norm_agrees() -> Result<()> {
    for seed in 0..ROUNDS {
        let mut r = rng(seed);
        let (rows, width) = (r.random_range(1..40), r.random_range(8..100));
        let (x, affine, dy) = (normal(&mut r, rows * width), normal(&mut r, 2 * width), normal(&mut r, rows * width));
        let vars = [var(&x, &[rows, width]), var(&affine[..width], &[width]), var(&affine[width..], &[width])];
        let twin = layer_norm::composed(&vars[0], &vars[1], &vars[2])?;
        let expected = gradients(&twin, &dy, &[&vars[0], &vars[1], &vars[2]]);

        let (mut y, mut stats) = (vec![0.0; rows * width], vec![0.0; rows * 2]);
        layer_norm::forward(&x, &affine, &mut y, &mut stats);
        close("y", &y, &flat(&twin));
        let (mut dx, mut daffine) = (vec![0.0; rows * width], vec![0.0; 2 * width]);
        layer_norm::backward(&dy, &x, &stats, &affine, &mut dx, &mut daffine);
        close("dx", &dx, &expected[0]);
        close("dgamma", &daffine[..width], &expected[1]);
        close("dbeta", &daffine[width..], &expected[2]);
    }
    Ok(())
}

#[test]
fn gelu_agrees() -> Result<()> {
    for seed in 0..ROUNDS {
        let mut r = rng(seed);
        let count = r.random_range(1..200);
        let x: Vec<f32> = normal(&mut r, count).iter().map(|x| 3.0 * x).collect();
        let v = var(&x, &[count]);
        let twin = gelu::composed(&v)?;
        let expected = &gradients(&twin, &vec![1.0; count], &[&v])[0];
        let (mut y, mut derivative, mut forward_only) = (x.clone(), vec![0.0; count], x);
        gelu::forward(&mut y, Some(&mut derivative));
        gelu::forward(&mut forward_only, None);
        close("y", &y, &flat(&twin));
        close("derivative", &derivative, expected);
        assert_eq!(y, forward_only);
    }
    Ok(())
}

/// Over all magnitudes, against f64: absolute error of a few units of f32's last place at 1.
#[test]
fn gelu_is_exact() -> Result<()> {
    let x: Vec<f32> = (-90_000..=90_000).map(|i| i as f32 * 1e-4).collect();
    let wide = var(&x, &[x.len()]).to_dtype(candle_core::DType::F64)?;
    let expected: Vec<f64> = wide.gelu_erf()?.to_vec1()?;
    let mut y = x.clone();
    gelu::forward(&mut y, None);
    let worst =
        y.iter().zip(&expected).zip(&x).map(|((y, e), x)| (f64::from(*y) - e).abs() / f64::from(x.abs().max(1.0)));
    let worst = worst.fold(0.0, f64::max);
    assert!(worst < 1.5e-7, "off by {worst:e}");
    Ok(())
}

#[test]
fn attention_agrees() -> Result<()> {
    for seed in 0..ROUNDS {
        let mut r = rng(seed);
        // The first rounds have one token, one head.
        let tokens = if seed == 0 { 1 } else { r.random_range(1..60) };
        let heads = if seed == 1 { 1 } else { r.random_range(1..5) };
        let (images, dim) = (r.random_range(1..4), r.random_range(1..40));
        let (n, shape, d) = (images, Shape { images, tokens, heads, dim }, heads * dim);
        let (q, kv) = (normal(&mut r, n * tokens * d), normal(&mut r, n * tokens * 2 * d));
        let d_o = normal(&mut r, n * tokens * d);

        let (qv, kvv) = (var(&q, &[n, tokens, heads, dim]), var(&kv, &[n, tokens, 2, heads, dim]));
        let by_head = |t: &Tensor| t.transpose(1, 2)?.contiguous();
        let (k, v) = (kvv.narrow(2, 0, 1)?.squeeze(2)?, kvv.narrow(2, 1, 1)?.squeeze(2)?);
        let twin = by_head(&attention::composed(&by_head(&qv)?, &by_head(&k)?, &by_head(&v)?)?)?;
        let expected = gradients(&twin, &d_o, &[&qv, &kvv]);

        // What earlier shards left behind must not matter.
        let (mut p, mut scratch) = (vec![f32::NAN; shape.probabilities()], vec![f32::NAN; shape.scratch()]);
        let mut o = vec![f32::NAN; q.len()];
        attention::forward(shape, &q, &kv, &mut p, &mut o, &mut scratch);
        close("o", &o, &flat(&twin));
        let (mut dq, mut dkv) = (vec![f32::NAN; q.len()], vec![f32::NAN; kv.len()]);
        let saved = Saved { q: &q, kv: &kv, p: &p, d_o: &d_o };
        attention::backward(shape, saved, &mut dq, &mut dkv, &mut scratch);
        close("dq", &dq, &expected[0]);
        close("dkv", &dkv, &expected[1]);
    }
    Ok(())
}

/// Against attention over keys and values that are formed.
#[test]
fn class_attention_agrees() -> Result<()> {
    for seed in 0..ROUNDS {
        let mut r = rng(seed);
        let tokens = if seed == 0 { 1 } else { r.random_range(1..60) };
        let (n, heads, dim) = (r.random_range(1..5), r.random_range(1..20), r.random_range(1..20));
        let d = heads * dim;
        let (q, y, d_o) = (normal(&mut r, n * d), normal(&mut r, n * tokens * d), normal(&mut r, n * d));
        let scale = 1.0 / (d as f32).sqrt();
        let weight: Vec<f32> = normal(&mut r, 2 * d * d).iter().map(|w| w * scale).collect();
        let bias = normal(&mut r, 2 * d);

        let vars =
            [var(&q, &[n, 1, heads, dim]), var(&y, &[n * tokens, d]), var(&weight, &[2 * d, d]), var(&bias, &[2 * d])];
        let kv = linear::composed(&vars[1], &vars[2], &vars[3])?.reshape((n, tokens, 2, heads, dim))?;
        let by_head = |t: &Tensor| t.transpose(1, 2)?.contiguous();
        let (k, v) = (kv.narrow(2, 0, 1)?.squeeze(2)?, kv.narrow(2, 1, 1)?.squeeze(2)?);
        let twin = by_head(&attention::composed(&by_head(&vars[0])?, &by_head(&k)?, &by_head(&v)?)?)?;
        let expected = gradients(&twin, &d_o, &vars.each_ref());

        let mut layer = ClassAttention::new(class_attention::ClassShape { tokens, heads, dim });
        layer.load(&weight, &bias);
        let (mut saved, mut o) = (layer.saved(n), vec![f32::NAN; n * d]);
        layer.forward(n, &q, &y, &mut saved, &mut o);
        close("o", &o, &flat(&twin));
        let (mut dq, mut dy) = (vec![f32::NAN; q.len()], vec![f32::NAN; y.len()]);
        let (mut dweight, mut dbias) = (vec![0.0; weight.len()], vec![0.0; d]);
        let grad = Gradients { weight: &mut dweight, value_bias: &mut dbias };
        layer.backward(n, &d_o, &y, &mut saved, &mut dq, &mut dy, grad);
        // With one token no score matters, and Candle's gradients are rounding alone.
        if tokens > 1 {
            close("dq", &dq, &expected[0]);
        }
        close("dy", &dy, &expected[1]);
        close("dweight", &dweight, &expected[2]);
        close("db_V", &dbias, &expected[3][d..]);
        let most = expected[2].iter().fold(0.0f32, |m, x| m.max(x.abs()));
        assert!(expected[3][..d].iter().all(|x| x.abs() < 1e-5 * most), "db_K is 0 but for rounding");
    }
    Ok(())
}

#[test]
fn cross_entropy_agrees() -> Result<()> {
    for seed in 0..ROUNDS {
        let mut r = rng(seed);
        let n = r.random_range(1..20);
        let z: Vec<f32> = normal(&mut r, n * 10).iter().map(|z| 5.0 * z).collect();
        let labels: Vec<u8> = (0..n).map(|_| r.random_range(0..10)).collect();
        let v = var(&z, &[n, 10]);
        let wide: Vec<u32> = labels.iter().map(|&l| l.into()).collect();
        let twin = cross_entropy::composed(&v, &Tensor::from_vec(wide, n, &CPU)?)?.sum_all()?;
        let expected = &gradients(&twin, &[1.0], &[&v])[0];
        let mut dz = z.clone();
        let totals = cross_entropy::forward_backward(&mut dz, labels.iter().copied(), true);
        close("loss", &[totals.loss as f32], &flat(&twin));
        close("dz", &dz, expected);
        let best = v.argmax(1)?.to_vec1::<u32>()?;
        let correct = best.iter().zip(&labels).filter(|(b, l)| **b == u32::from(**l)).count();
        assert_eq!((totals.correct, totals.samples), (correct as u64, n as u64));
        let mut same = z.clone();
        assert_eq!(cross_entropy::forward_backward(&mut same, labels.into_iter(), false), totals);
        assert_eq!(same, z, "without gradient the logits stay");
    }
    Ok(())
}

#[test]
fn patch_embedding_agrees() -> Result<()> {
    for (seed, patch) in [1, 2, 4, 7, 14, 28].into_iter().enumerate() {
        let mut r = rng(seed as u64);
        let (n, width) = (r.random_range(1..4), r.random_range(1..50));
        let tokens = (28 / patch) * (28 / patch) + 1;
        let pixels: Vec<u8> = (0..n * 784).map(|_| r.random()).collect();
        let (w, b) = (normal(&mut r, width * patch * patch), normal(&mut r, width));
        let (cls, pos) = (normal(&mut r, width), normal(&mut r, tokens * width));
        let dx = normal(&mut r, n * tokens * width);

        let image: Vec<f32> = pixels.iter().map(|&p| f32::from(p) / 255.0).collect();
        let image = Tensor::from_vec(image, (n, 1, 28, 28), &CPU)?;
        let (wv, bv) = (var(&w, &[width, 1, patch, patch]), var(&b, &[width]));
        let (clsv, posv) = (var(&cls, &[1, 1, width]), var(&pos, &[1, tokens, width]));
        let twin = patch_embed::composed(&image, &wv, &bv, &clsv, &posv)?;
        let expected = gradients(&twin, &dx, &[&wv, &bv, &clsv, &posv]);

        let mut layer = PatchEmbed::new((28, 28), patch, width);
        layer.load(&cls, &pos, &w, &b);
        let mut u = vec![0.0; n * layer.patch_len()];
        for (u, image) in u.chunks_exact_mut(layer.patch_len()).zip(pixels.chunks_exact(784)) {
            layer.patches(image, u);
        }
        let mut x = vec![0.0; n * tokens * width];
        layer.forward(n, &u, &mut x);
        close("x", &x, &flat(&twin));
        let (mut dw, mut dpos) = (vec![0.0; w.len()], vec![0.0; pos.len()]);
        layer.backward(n, &dx, &u, &mut dw, &mut dpos);
        let wide: Vec<f64> = dpos.iter().map(|&x| x.into()).collect();
        let (mut dcls, mut db) = (vec![0.0; width], vec![0.0; width]);
        layer.finish(&wide, &mut dcls, &mut db);
        let narrow = |x: Vec<f64>| x.into_iter().map(|x| x as f32).collect::<Vec<_>>();
        close("dw", &dw, &expected[0]);
        close("db", &narrow(db), &expected[1]);
        close("dcls", &narrow(dcls), &expected[2]);
        close("dpos", &dpos, &expected[3]);
    }
    Ok(())
}
