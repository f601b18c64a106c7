//! How long an experiment will take, from a short measurement.

use std::thread;
use std::time::{Duration, Instant};

use super::pace::makespan;
use super::{Cost, Plan};
use crate::config::{Batch, RunSpec};
use crate::data::Images;
use crate::error::Result;
use crate::machine::{Machine, repeat};
use crate::model::Params;
use crate::optim::Optimizer;
use crate::train::training_images;

/// How long all measurements of an experiment take together, where the machine is fast enough for three of each.
const TIME: Duration = Duration::from_secs(1);
/// Images of a measured step at most: from here on the time is proportional to their number.
const IMAGES: usize = 512;

/// What the runs of a plan take on this machine, as measured.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// The cost of each run's work in seconds, in the order of the plan.
    pub costs: Vec<Cost>,
    /// Seconds that the rest of each run takes.
    pub seconds: Vec<f64>,
    /// Seconds of all of them, that many at once.
    pub total: f64,
}

impl Estimate {
    /// Measures gradient, step and evaluation for each model, batch and optimizer among the runs that have not ended: for
    /// about a second altogether, with as many jobs at once as there will be. Writes nothing. Loading data, saving and
    /// drawing are not in the estimate.
    ///
    /// # Errors
    /// A model that cannot be built, or threads that cannot be started.
    pub fn measure(plan: &Plan, machine: &Machine, jobs: usize) -> Result<Self> {
        let mut kinds: Vec<&RunSpec> = Vec::new();
        for run in plan.open_runs() {
            if !kinds.iter().any(|kind| costs_the_same(kind, &run.spec)) {
                kinds.push(&run.spec);
            }
        }
        let each = TIME / kinds.len().max(1) as u32;
        let measured =
            kinds.iter().map(|kind| measure_at_once(kind, machine, jobs, each)).collect::<Result<Vec<_>>>()?;
        let cost = |spec: &RunSpec| {
            let kind = kinds.iter().position(|kind| costs_the_same(kind, spec));
            kind.map_or(Cost::NONE, |kind| measured[kind])
        };
        let costs: Vec<Cost> = plan.runs.iter().map(|run| cost(&run.spec)).collect();
        let seconds: Vec<f64> = plan.runs.iter().zip(&costs).map(|(run, cost)| cost.of(run.left)).collect();
        let total = makespan(seconds.iter().copied(), jobs);
        Ok(Self { costs, seconds, total })
    }
}

fn costs_the_same(a: &RunSpec, b: &RunSpec) -> bool {
    a.model == b.model && a.optim == b.optim && measured_images(a) == measured_images(b)
}

/// Images of a step, up to what is measured.
fn measured_images(spec: &RunSpec) -> usize {
    let all = training_images(spec, spec.dataset.sizes().0).unwrap_or(IMAGES);
    match spec.batch {
        Batch::Size(n) => n.min(all).min(IMAGES),
        Batch::Full => all.min(IMAGES),
    }
}

/// The mean over `jobs` measurements at the same time, each with its share of the machine.
fn measure_at_once(spec: &RunSpec, machine: &Machine, jobs: usize, time: Duration) -> Result<Cost> {
    let machine = machine.divided(jobs);
    let costs = thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(|| measure(spec, &machine, time))).collect();
        let join = |thread: thread::ScopedJoinHandle<Result<Cost>>| thread.join().expect("measuring does not panic");
        threads.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?;
    let mean = |part: fn(&Cost) -> f64| costs.iter().map(part).sum::<f64>() / costs.len() as f64;
    Ok(Cost { trained: mean(|c| c.trained), step: mean(|c| c.step), validated: mean(|c| c.validated) })
}

/// Medians over the repetitions that fit into `time`, on invented images: the time does not depend on what they show.
fn measure(spec: &RunSpec, machine: &Machine, time: Duration) -> Result<Cost> {
    let n = measured_images(spec);
    let input = spec.dataset.shape();
    let pixels = (0..IMAGES * input.pixels()).map(|i| (i % 251) as u8).collect();
    let images = Images { pixels, labels: (0..IMAGES).map(|i| (i % input.classes) as u8).collect() };
    let indices: Vec<u32> = (0..IMAGES as u32).collect();
    let mut params = Params::init(spec.model.layout(input), 0)?;
    let mut optimizer = Optimizer::new(params.layout().clone(), spec.decay(), spec.rule()?)?;
    let mut backend = spec.model.backend(input, machine)?;
    backend.load(&params.values)?;
    let mut grad = vec![0.0; params.values.len()];
    let mut steps = Vec::new();
    let gradients = repeat(time.mul_f64(0.7), || {
        backend.gradient(&images, &indices[..n], &|_| (), &mut grad)?;
        let start = Instant::now();
        optimizer.step(spec.lr, &mut params.values, &grad)?;
        backend.load(&params.values)?;
        steps.push(start.elapsed().as_secs_f64());
        Ok(())
    })?;
    let evaluations = repeat(time.mul_f64(0.3), || backend.evaluate(&images, &indices, &|_| ()).map(drop))?;
    steps.sort_by(f64::total_cmp);
    let median = |sorted: &[f64]| sorted[sorted.len() / 2];
    let step = median(&steps);
    Ok(Cost {
        trained: (median(&gradients) - step).max(0.0) / n as f64,
        step,
        validated: median(&evaluations) / IMAGES as f64,
    })
}
