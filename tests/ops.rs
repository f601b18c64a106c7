//! Each fused operation against its composed twin, forward and gradients, on random shapes; gradients of the twins come
//! from Candle's autograd.

use candle_core::{Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use snr_bench::ops::attention::{self, Saved, Shape};
use snr_bench::ops::linear::{self, Linear, Rows};
use snr_bench::ops::matmul::{Dims, Left, Out, Packed, Right, Write, matmul};
use snr_bench::ops::patch_embed::{self, PatchEmbed};
use snr_bench::ops::{cross_entropy, gelu, layer_norm};

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
        // The first rounds have one token, one head, one query of many.
        let tokens = if seed == 0 { 1 } else { r.random_range(1..60) };
        let heads = if seed == 1 { 1 } else { r.random_range(1..5) };
        let queries = if seed % 3 == 2 { 1 } else { tokens };
        let (images, dim) = (r.random_range(1..4), r.random_range(1..40));
        let (n, shape, d) = (images, Shape { images, tokens, queries, heads, dim }, heads * dim);
        let (q, kv) = (normal(&mut r, n * queries * d), normal(&mut r, n * tokens * 2 * d));
        let d_o = normal(&mut r, n * queries * d);

        let (qv, kvv) = (var(&q, &[n, queries, heads, dim]), var(&kv, &[n, tokens, 2, heads, dim]));
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

#[test]
fn cross_entropy_agrees() -> Result<()> {
    for seed in 0..ROUNDS {
        let mut r = rng(seed);
        let n = r.random_range(1..20);
        let z: Vec<f32> = normal(&mut r, n * 10).iter().map(|z| 5.0 * z).collect();
        let labels: Vec<u8> = (0..n).map(|_| r.random_range(0..10)).collect();
        let v = var(&z, &[n, 10]);
        let wide: Vec<u32> = labels.iter().map(|&l| l.into()).collect();
        let twin = cross_entropy::composed(&v, &Tensor::from_vec(wide, n, &CPU)?)?;
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

        let mut layer = PatchEmbed::new(patch, width);
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
