//! How fast training is on this machine, and where its time goes.

use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use serde::Serialize;

use crate::data::{ImageShape, Images};
use crate::error::Result;
use crate::machine::{self, Machine, repeat};
use crate::model::fused::{Part, Profile};
use crate::model::{Backend, Composed, ModelConfig, Params};
use crate::optim::{self, Optimizer};

/// What is measured.
#[derive(Clone, Debug)]
pub struct BenchSettings {
    pub model: ModelConfig,
    /// Of the images.
    pub input: ImageShape,
    /// Images of a step.
    pub batch: usize,
    pub threads: usize,
    /// Name of the optimizer.
    pub optim: String,
    /// How long training and evaluation are each repeated, at least three times.
    pub time: Duration,
    /// Measure the operations composed of Candle's, this many images at a time, instead of the fused ones.
    pub composed: Option<usize>,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// `fused` or `composed`.
    pub backend: &'static str,
    /// The processor's name.
    pub cpu: String,
    /// Its widest vector instructions.
    pub simd: &'static str,
    pub batch: usize,
    pub threads: usize,
    /// Gradient and optimizer step, best of the repetitions.
    pub training_images_per_second: f64,
    /// The same, median.
    pub training_images_per_second_median: f64,
    /// Forward pass only, best of the repetitions.
    pub evaluation_images_per_second: f64,
    /// Steps that were timed.
    pub steps: usize,
    /// Arithmetic of the matrix products in 10⁹ a second, counted on what is executed.
    pub gflops_executed: f64,
    /// The same counted on the whole graph, as if the last block computed every token.
    pub gflops_whole_graph: f64,
    /// A product of two 2048 × 2048 matrices through gemm on all cores, in 10⁹ operations a second.
    pub peak_gflops: f64,
    /// `gflops_executed / peak_gflops`.
    pub share_of_peak: f64,
    /// Time of a training step by part, in milliseconds over all threads; empty for the composed operations.
    pub parts: Vec<PartTime>,
    /// Peak resident memory of the process in MiB, where the system tells it.
    pub peak_memory_mib: Option<f64>,
}

/// Time of a part.
#[derive(Clone, Debug, Serialize)]
pub struct PartTime {
    pub part: &'static str,
    pub forward_ms: f64,
    pub backward_ms: f64,
}

/// Measures the training of a model on `images`, of which it takes the first `batch`.
///
/// # Errors
/// A model or optimizer that cannot be built.
pub fn measure(settings: &BenchSettings, images: &Images) -> Result<BenchReport> {
    let indices: Vec<u32> = (0..settings.batch as u32).collect();
    let input = settings.input;
    let mut params = Params::init(settings.model.layout(input), 0)?;
    let entry = optim::find(&settings.optim)?;
    let rule = (entry.build)(&(entry.defaults)())?;
    let mut optimizer = Optimizer::new(params.layout().clone(), 0.0, rule)?;
    let mut grad = vec![0.0; params.values.len()];
    let mut backend = match settings.composed {
        None => settings.model.backend(input, &Machine { threads: settings.threads, device: Device::Cpu })?,
        Some(shard) => Box::new(Composed::new(settings.model.clone(), input, &Device::Cpu, shard)?),
    };
    backend.load(&params.values)?;
    let mut in_optimizer = Duration::ZERO;
    let mut step = |backend: &mut dyn Backend| -> Result<()> {
        backend.gradient(images, &indices, &|_| (), &mut grad)?;
        let start = Instant::now();
        optimizer.step(1e-3, &mut params.values, &grad)?;
        backend.load(&params.values)?;
        in_optimizer = start.elapsed();
        Ok(())
    };
    let training = repeat(settings.time, || step(&mut *backend))?;
    let evaluation = repeat(settings.time, || backend.evaluate(images, &indices, &|_| ()).map(drop))?;
    let mut parts = Vec::new();
    if settings.composed.is_none() {
        backend.set_profiling(true);
        step(&mut *backend)?;
        parts = part_times(&backend.profile(), in_optimizer);
    }
    let peak_memory_mib = machine::peak_memory_mib();
    let rate = |times: &[f64], i: usize| settings.batch as f64 / times[i];
    let training_images_per_second = rate(&training, 0);
    let flops = settings.model.training_flops(input);
    let gflops = |flops: u64| flops as f64 * training_images_per_second / 1e9;
    let peak_gflops = peak_gflops()?;
    // The composed operations compute the whole graph.
    let executed = if settings.composed.is_some() { flops.whole } else { flops.executed };
    Ok(BenchReport {
        backend: if settings.composed.is_some() { "composed" } else { "fused" },
        cpu: machine::cpu_name(),
        simd: machine::simd_level(),
        batch: settings.batch,
        // Candle's own operations take as many as it sees fit, which RAYON_NUM_THREADS can bound.
        threads: if settings.composed.is_some() { candle_core::utils::get_num_threads() } else { settings.threads },
        training_images_per_second,
        training_images_per_second_median: rate(&training, training.len() / 2),
        evaluation_images_per_second: rate(&evaluation, 0),
        steps: training.len(),
        gflops_executed: gflops(executed),
        gflops_whole_graph: gflops(flops.whole),
        peak_gflops,
        share_of_peak: gflops(executed) / peak_gflops,
        parts,
        peak_memory_mib,
    })
}

/// The parts of a gradient, and the optimizer's step.
fn part_times(profile: &Profile, optimizer: Duration) -> Vec<PartTime> {
    let ms = |nanos: u64| nanos as f64 / 1e6;
    let own = Part::ALL.into_iter().filter(|part| profile.forward(*part) + profile.backward(*part) > 0);
    let mut parts: Vec<PartTime> = own
        .map(|part| PartTime {
            part: part.name(),
            forward_ms: ms(profile.forward(part)),
            backward_ms: ms(profile.backward(part)),
        })
        .collect();
    parts.push(PartTime { part: "optimizer", forward_ms: optimizer.as_secs_f64() * 1e3, backward_ms: 0.0 });
    parts
}

/// 10⁹ operations a second of a large f32 matrix product: Candle's, which is gemm's, on all cores. Best of ten.
pub fn peak_gflops() -> Result<f64> {
    const N: usize = 2048;
    let a = Tensor::ones((N, N), candle_core::DType::F32, &Device::Cpu)?;
    let times = repeat(Duration::ZERO, || {
        for _ in 0..2 {
            a.matmul(&a)?;
        }
        Ok(())
    })?;
    Ok(2.0 * 2.0 * (N as f64).powi(3) / times[0] / 1e9)
}
