//! Models on the CPU without Candle's graph: forward and backward pass written out, over shards, one shard a thread.
//!
//! All of it is f32, with sums over groups of samples in f64. bf16 would be faster where the processor multiplies it, but
//! its rounding is noise in the gradient, 2⁻⁹ of every product's inputs, and the variance of the gradient is what
//! SNRAdam divides by: with batch = ∞ it would be the only noise there is.

mod block;
mod layout;
pub(super) mod memory;
mod mlp;
mod net;
mod profile;
mod reduce;
mod vit;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use anyhow::{Context, bail, ensure};

pub use profile::{Part, Profile};

use self::mlp::MlpNet;
use self::net::Net;
use self::profile::Clock;
use self::reduce::{GROUPS, Reducer, groups};
use self::vit::VitNet;
use super::{Backend, MlpConfig, Totals, VitConfig};
use crate::data::{ImageShape, Images};
use crate::error::Result;

/// The fused CPU backend of a Vision Transformer, or of another model `N`.
pub struct Fused<N: Net = VitNet> {
    input: ImageShape,
    net: N,
    workers: Vec<N::Workspace>,
    reducer: Reducer,
    pool: rayon::ThreadPool,
    loaded: bool,
    profiling: bool,
}

impl Fused<VitNet> {
    /// The backend of a Vision Transformer on `threads` threads of its own (0 = as many as the machine offers), which must
    /// [`load`](Backend::load) parameters before anything else.
    ///
    /// # Errors
    /// A configuration that [`VitConfig::validate`] refuses, or threads that cannot be started.
    pub fn vit(config: &VitConfig, input: ImageShape, threads: usize) -> Result<Self> {
        config.validate(input)?;
        Self::new(VitNet::new(config, input), input, threads)
    }
}

impl Fused<MlpNet> {
    /// The backend of a multilayer perceptron, likewise.
    ///
    /// # Errors
    /// A configuration that [`MlpConfig::validate`] refuses, or threads that cannot be started.
    pub fn mlp(config: &MlpConfig, input: ImageShape, threads: usize) -> Result<Self> {
        config.validate(input)?;
        Self::new(MlpNet::new(config, input), input, threads)
    }
}

impl<N: Net> Fused<N> {
    fn new(net: N, input: ImageShape, threads: usize) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("fused-{i}")).build();
        let pool = pool.context("cannot start the worker threads; ask for fewer with --threads")?;
        let threads = pool.current_num_threads();
        let workers = (0..threads).map(|_| net.workspace()).collect();
        Ok(Self {
            input,
            workers,
            reducer: Reducer::new(net.num_params(), 2 * threads),
            net,
            pool,
            loaded: false,
            profiling: false,
        })
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.workers.len()
    }

    /// The logits of the samples, `[indices.len(), classes]` row-major, on one thread.
    pub fn logits(&mut self, images: &Images, indices: &[u32]) -> Result<Vec<f32>> {
        self.check(images, indices)?;
        let worker = &mut self.workers[0];
        let shards = indices.chunks(N::SHARD);
        Ok(shards.flat_map(|shard| self.net.forward(images, shard, worker, false).to_vec()).collect())
    }

    /// Checks what the passes rely on.
    fn check(&self, images: &Images, indices: &[u32]) -> Result<()> {
        ensure!(self.loaded, "the backend has no parameters yet; call load first");
        ensure!(!indices.is_empty(), "no samples were given; a loss or gradient needs at least one");
        let ImageShape { classes, .. } = self.input;
        ensure!(
            images.pixels.len() == images.len() * self.input.pixels(),
            "the images do not have the {} pixels each that the model was made for",
            self.input.pixels()
        );
        for &i in indices {
            let label = images.labels.get(i as usize);
            let label = label.with_context(|| format!("there is no image {i} among {}", images.len()))?;
            ensure!(usize::from(*label) < classes, "image {i} has label {label}; labels are 0 to {}", classes - 1);
        }
        Ok(())
    }

    /// Puts the sum over the samples, and if `keep_part` that over the first half of the groups, into the reducer.
    fn add_up(
        &mut self,
        images: &Images,
        indices: &[u32],
        progress: &(dyn Fn(Totals) + Sync),
        keep_part: bool,
    ) -> Result<()> {
        self.check(images, indices)?;
        let groups: Vec<Range<usize>> = groups(indices.len(), N::SHARD).collect();
        self.reducer.reset(if keep_part { groups.len() / 2 } else { 0 });
        let next = AtomicUsize::new(0);
        let (net, reducer, profiling) = (&self.net, &self.reducer, self.profiling);
        let work = |worker: &mut N::Workspace| {
            N::clock(worker).start(profiling);
            while let Some(mut buffer) = reducer.take() {
                let group = next.fetch_add(1, Ordering::Relaxed);
                let Some(range) = groups.get(group) else { return reducer.give_back(buffer) };
                N::clock(worker).forward(Part::Reduction);
                let mut totals = Totals::default();
                for shard in indices[range.clone()].chunks(N::SHARD) {
                    let shard_totals = net.train(images, shard, worker, &mut buffer);
                    progress(shard_totals);
                    totals += shard_totals;
                }
                reducer.add(group, totals, buffer);
                N::clock(worker).forward(Part::Reduction);
            }
        };
        on_all(&self.pool, &mut self.workers, work, || reducer.close())
    }
}

impl<N: Net> Backend for Fused<N> {
    fn load(&mut self, params: &[f32]) -> Result<()> {
        ensure!(
            params.len() == self.net.num_params(),
            "{} parameters were given to a model of {}; they belong to another configuration",
            params.len(),
            self.net.num_params()
        );
        self.net.load(params);
        self.loaded = true;
        Ok(())
    }

    fn gradient(
        &mut self,
        images: &Images,
        indices: &[u32],
        progress: &(dyn Fn(Totals) + Sync),
        grad: &mut [f32],
    ) -> Result<Totals> {
        self.add_up(images, indices, progress, false)?;
        let (totals, sum) = self.reducer.sums();
        finish(&self.net, totals, sum, grad)?;
        Ok(totals)
    }

    /// The sum over the first groups is at hand on the way to the whole: this costs a copy.
    fn gradient_and_part(
        &mut self,
        images: &Images,
        indices: &[u32],
        progress: &(dyn Fn(Totals) + Sync),
        grad: &mut [f32],
        part: &mut [f32],
    ) -> Result<(Totals, Option<u64>)> {
        self.add_up(images, indices, progress, true)?;
        let first = match self.reducer.first_part() {
            Some((totals, sum)) => {
                finish(&self.net, totals, sum, part)?;
                Some(totals.samples)
            }
            None => None,
        };
        let (totals, sum) = self.reducer.sums();
        finish(&self.net, totals, sum, grad)?;
        Ok((totals, first))
    }

    fn evaluate(&mut self, images: &Images, indices: &[u32], progress: &(dyn Fn(Totals) + Sync)) -> Result<Totals> {
        self.check(images, indices)?;
        let groups: Vec<Range<usize>> = groups(indices.len(), N::SHARD).collect();
        let next = AtomicUsize::new(0);
        let results = Mutex::new([Totals::default(); GROUPS]);
        let (net, profiling) = (&self.net, self.profiling);
        let work = |worker: &mut N::Workspace| {
            N::clock(worker).start(profiling);
            loop {
                let group = next.fetch_add(1, Ordering::Relaxed);
                let Some(range) = groups.get(group) else { break };
                let mut totals = Totals::default();
                for shard in indices[range.clone()].chunks(N::SHARD) {
                    let shard_totals = net.evaluate(images, shard, worker);
                    progress(shard_totals);
                    totals += shard_totals;
                }
                results.lock().unwrap_or_else(|e| e.into_inner())[group] = totals;
            }
        };
        on_all(&self.pool, &mut self.workers, work, || ())?;
        let mut totals = Totals::default();
        results.into_inner().unwrap_or_else(|e| e.into_inner()).into_iter().for_each(|group| totals += group);
        Ok(totals)
    }

    fn set_profiling(&mut self, on: bool) {
        self.profiling = on;
        self.workers.iter_mut().for_each(|w| *N::clock(w) = Clock::default());
    }

    fn profile(&mut self) -> Profile {
        let mut sum = Profile::default();
        self.workers.iter_mut().for_each(|w| sum += N::clock(w).profile);
        sum
    }
}

/// Completes the sum over the samples and writes their mean to `grad`.
fn finish<N: Net>(net: &N, totals: Totals, sum: &mut [f64], grad: &mut [f32]) -> Result<()> {
    ensure!(
        grad.len() == sum.len(),
        "the gradient has {} numbers where the model has {} parameters",
        grad.len(),
        sum.len()
    );
    net.finish(sum);
    for (grad, sum) in grad.iter_mut().zip(sum) {
        *grad = (*sum / totals.samples as f64) as f32;
    }
    Ok(())
}

/// Runs `work` once on every worker, in parallel; where one panics, `ended` lets the others come to an end.
fn on_all<W: Send>(
    pool: &rayon::ThreadPool,
    workers: &mut [W],
    work: impl Fn(&mut W) + Sync,
    ended: impl Fn() + Sync,
) -> Result<()> {
    let panicked = OnceLock::new();
    pool.in_place_scope(|scope| {
        for worker in workers {
            scope.spawn(|_| {
                // A workspace is overwritten by every shard, so what the panic left in it does not matter.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(worker))) {
                    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
                    let _ = panicked.set(text.or(panic.downcast_ref().cloned()).unwrap_or_default());
                    ended();
                }
            });
        }
    });
    match panicked.into_inner() {
        Some(text) => bail!("a worker thread failed: {text}; this is a mistake in the program, please report it"),
        None => Ok(()),
    }
}
