//! The training loop of one run.

use std::time::{Duration, Instant};

use super::checkpoint::{self, Checkpoint, RunProgress};
use super::noise::Part;
use super::split::{training_images, validation};
use super::watch::{Moment, Watch};
use super::{Every, Observer};
use crate::config::{Batch, Extent, RunSpec};
use crate::data::{self, Dataset, Images};
use crate::error::Result;
use crate::model::{Backend, Params, Totals};
use crate::optim::{BoxedRule, Optimizer};
use crate::run_dir::{CHECKPOINT, Log, MODEL, Meta, Row, RunDir, STEPS, State, StepRow, TENSORS};

/// What a run does beside training, and with what. None of it changes a result, except that another device rounds
/// differently.
pub struct TrainOptions<'a> {
    /// Computes losses and gradients.
    pub backend: Box<dyn Backend>,
    /// How often a checkpoint is written.
    pub checkpoint: Every,
    /// Asked before and after every step; the number of a signal ends the run there, resumable.
    pub stop: &'a dyn Fn() -> Option<i32>,
    /// Receives progress events.
    pub observer: &'a dyn Observer,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Trained to the end of its budget.
    Finished,
    /// A loss or gradient became NaN or infinite.
    Diverged,
    /// The signal of that number ended it; it can be resumed.
    Interrupted(i32),
}

/// What came out.
#[derive(Clone, Debug)]
pub struct TrainSummary {
    /// How the run ended.
    pub outcome: Outcome,
    /// The rows of `metrics.csv`.
    pub rows: Vec<Row>,
    /// Time that writing checkpoints and metrics took.
    pub saving: Duration,
}

/// Whether a run begins or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From the initial parameters; what an earlier run left in the directory is removed.
    Fresh,
    /// From the checkpoint in the run directory.
    Resume,
}

/// One run under way.
pub struct Trainer<'a> {
    spec: &'a RunSpec,
    data: &'a Dataset,
    extent: Extent,
    dir: &'a RunDir,
    options: TrainOptions<'a>,
    meta: Meta,
    params: Params,
    optimizer: Optimizer<BoxedRule>,
    progress: RunProgress,
    steps: Log,
    tensors: Log,
    /// The one of the two that lacks rows of earlier steps.
    incomplete: Option<&'static str>,
    watch: Option<Watch>,
    /// The images of the probe.
    probe: Vec<u32>,
    grad: Vec<f32>,
    /// The gradient over the first part of the batch, where it is wanted.
    part: Vec<f32>,
    /// The parameters before a step.
    before: Vec<f32>,
    fresh: bool,
    /// When this session began, less what earlier ones took.
    began: Instant,
    saved: Instant,
    save_cost: Duration,
    saving: Duration,
}

impl<'a> Trainer<'a> {
    /// Prepares a run in `dir`.
    ///
    /// # Errors
    /// A split that the data cannot give; when resuming, a checkpoint that is damaged or of other settings or data.
    pub fn new(
        spec: &'a RunSpec,
        data: &'a Dataset,
        dir: &'a RunDir,
        mut meta: Meta,
        options: TrainOptions<'a>,
        start: Start,
    ) -> Result<Self> {
        let extent = spec.extent(training_images(spec, data.train.len())?);
        let mut params = Params::init(spec.model.layout(spec.dataset.shape()), spec.seed)?;
        let mut optimizer = Optimizer::new(params.layout().clone(), spec.decay(), spec.rule()?)?;
        let mut watch = Watch::new(spec, params.layout(), extent.images)?;
        let progress = match start {
            Start::Fresh => RunProgress::new(spec, data),
            Start::Resume => {
                let mut checkpoint = Checkpoint::read(&dir.file(CHECKPOINT))?;
                checkpoint.progress.check_resumable(spec, data, dir)?;
                if let Some(watch) = &mut watch {
                    let (steps, batches) = (checkpoint.progress.step, checkpoint.progress.noise_batches);
                    watch.restore(steps, batches, |name, shape| checkpoint.take(&format!("watch.{name}"), shape))?;
                }
                let earlier = Meta::read(dir.path()).map(|meta| meta.sessions).unwrap_or_default();
                meta.go_on(earlier, checkpoint.progress.step);
                checkpoint.restore(&mut params, &mut optimizer)?
            }
        };
        let log = |name: &'static str, len: u64| match start {
            Start::Fresh => (Log::new(name), true),
            Start::Resume => Log::resume(dir, name, len),
        };
        let (steps, steps_complete) = log(STEPS, progress.steps_csv.unwrap_or(0));
        let (tensors, tensors_complete) = log(TENSORS, progress.tensors_csv);
        let steps_complete = steps_complete && (progress.steps_csv.is_some() || progress.step == 0);
        let incomplete = if !steps_complete { Some(STEPS) } else { (!tensors_complete).then_some(TENSORS) };
        let probe = data::sample(spec.observe.probe, extent.images as usize);
        let grad = vec![0.0; params.values.len()];
        let before = grad.clone();
        let now = Instant::now();
        let earlier = Duration::try_from_secs_f64(progress.wall_seconds).unwrap_or_default();
        let began = now.checked_sub(earlier).unwrap_or(now);
        let (save_cost, saving) = (Duration::ZERO, Duration::ZERO);
        let fresh = start == Start::Fresh;
        Ok(Self {
            spec,
            data,
            extent,
            dir,
            options,
            meta,
            params,
            optimizer,
            progress,
            steps,
            tensors,
            incomplete,
            watch,
            part: Vec::new(),
            probe,
            grad,
            before,
            fresh,
            began,
            saved: now,
            save_cost,
            saving,
        })
    }

    /// Trains to the end, to divergence, or until it is told to stop; the run directory says which.
    ///
    /// # Errors
    /// A file that cannot be written: the last good checkpoint is intact then, and the state is "failed".
    pub fn run(mut self) -> Result<TrainSummary> {
        // One that diverged under fewer epochs, or was killed before it was told so, is only recorded.
        let diverged = self.progress.state == State::Diverged;
        self.progress.state = State::Running;
        if self.fresh {
            self.dir.clear()?;
        } else {
            // First: new settings beside an old "finished" would say that they were run.
            self.write_meta(State::Running, None)?;
        }
        self.dir.write_config(self.spec)?;
        self.write_meta(State::Running, None)?;
        if !self.is_complete() {
            self.dir.remove(MODEL)?; // it belongs to the earlier end
        }
        let outcome = if diverged { Ok(Outcome::Diverged) } else { self.train() };
        match outcome.and_then(|outcome| self.finish(outcome).map(|()| outcome)) {
            Ok(outcome) => Ok(TrainSummary { outcome, rows: self.progress.rows, saving: self.saving }),
            Err(e) => {
                // The disk that just failed may refuse this too; the error that ended the run is the one to tell.
                let _ = self.write_meta(State::Failed, Some(format!("{e:#}")));
                Err(e)
            }
        }
    }

    /// Writes how the run ended, last of all its state.
    fn finish(&mut self, outcome: Outcome) -> Result<()> {
        let (state, reason) = match outcome {
            Outcome::Finished => (State::Finished, None),
            Outcome::Diverged => (State::Diverged, Some("a loss or gradient became NaN or infinite".to_string())),
            Outcome::Interrupted(signal) => (State::Interrupted, Some(format!("signal {signal}"))),
        };
        if state != State::Interrupted {
            self.progress.state = state;
        }
        self.save()?;
        checkpoint::save_model(self.dir, &self.params)?;
        self.meta.sealed = self.dir.seal()?;
        self.write_meta(state, reason)
    }

    /// Whether the last row is that of the end.
    fn is_complete(&self) -> bool {
        self.progress.rows.last().is_some_and(|row| row.step >= self.extent.steps)
    }

    fn train(&mut self) -> Result<Outcome> {
        self.options.backend.load(&self.params.values)?;
        if self.progress.rows.is_empty() {
            if let Some(loss) = self.probe()? {
                self.steps.push(&StepRow { probe_loss: Some(loss), ..StepRow::default() })?;
            }
            if self.end_epoch()? {
                return Ok(Outcome::Diverged);
            }
        }
        if let Some(name) = self.incomplete.filter(|_| !self.is_complete()) {
            let step = self.progress.step + 1;
            self.options.observer.note(&format!("{name} lacks rows before step {step}, where the run goes on"));
        }
        let images = self.extent.images as usize;
        while !self.is_complete() {
            if let Some(signal) = (self.options.stop)() {
                return Ok(Outcome::Interrupted(signal));
            }
            let epoch = self.progress.epochs() + 1;
            let (order, size) = match self.spec.batch {
                Batch::Size(size) => (data::order(self.spec.seed, epoch, images), size),
                Batch::Full => ((0..images as u32).collect(), images),
            };
            let done = self.progress.epoch.totals.samples;
            self.options.observer.epoch(epoch, &self.extent, done);
            let left = (self.extent.steps - self.progress.step) as usize;
            for batch in order.chunks(size).skip(self.progress.epoch.batches as usize).take(left) {
                let finite = self.step(batch)?;
                if !finite {
                    self.end_epoch()?;
                    return Ok(Outcome::Diverged);
                }
                if let Some(signal) = (self.options.stop)() {
                    return Ok(Outcome::Interrupted(signal));
                }
            }
            if self.end_epoch()? {
                return Ok(Outcome::Diverged);
            }
            self.save_if_due()?;
        }
        Ok(Outcome::Finished)
    }

    /// One optimizer step; whether loss and gradient were finite. Where they are not, the parameters stay as they were.
    fn step(&mut self, batch: &[u32]) -> Result<bool> {
        let start = Instant::now();
        let observer = self.options.observer;
        let (totals, first) = self.gradient(batch)?;
        let grad_norm = norm(self.grad.iter().copied());
        let lr = self.rate(self.progress.step + 1);
        let epoch = &mut self.progress.epoch;
        epoch.totals += totals;
        epoch.grad_norm += grad_norm;
        epoch.batches += 1;
        self.progress.samples_seen += totals.samples;
        let finite = totals.loss.is_finite() && grad_norm.is_finite();
        let mut row = StepRow {
            step: self.progress.step + 1,
            epoch: self.progress.epochs() + 1,
            samples_seen: self.progress.samples_seen,
            lr: Some(lr),
            train_loss: Some(totals.mean_loss()),
            grad_norm: Some(grad_norm),
            ..StepRow::default()
        };
        if finite {
            self.optimizer.update(lr, &self.params.values, &self.grad)?;
            if let Some(watch) = &mut self.watch {
                let part = first.map(|samples| Part { samples, of: totals.samples, grad: &self.part });
                let (params, grads, optimizer) = (&self.params.values, &self.grad, &self.optimizer);
                let now = Moment { step: row.step, lr, params, grads, part, optimizer };
                watch.step(&now, &mut row, &mut self.tensors)?;
            }
            self.before.copy_from_slice(&self.params.values);
            self.optimizer.apply(lr, &mut self.params.values);
            let update_norm = norm(self.params.values.iter().zip(&self.before).map(|(a, b)| a - b));
            row.update_norm = Some(update_norm);
            self.progress.epoch.update_norm += update_norm;
            self.options.backend.load(&self.params.values)?;
            self.progress.step += 1;
            row.probe_loss = self.probe()?;
            observer.step(self.progress.step);
        }
        self.steps.push(&row)?;
        self.progress.epoch.seconds += start.elapsed().as_secs_f64();
        Ok(finite)
    }

    /// Evaluates and adds the epoch's row; whether the run has diverged.
    fn end_epoch(&mut self) -> Result<bool> {
        let start = Instant::now();
        let (images, indices) = validation(self.spec, self.data);
        let validated = self.evaluate(images, &indices)?;
        let done = std::mem::take(&mut self.progress.epoch);
        let mean = |sum: f64| (done.batches > 0).then(|| sum / done.batches as f64);
        let row = Row {
            epoch: self.progress.rows.last().map_or(0, |row| row.epoch + 1),
            step: self.progress.step,
            samples_seen: self.progress.samples_seen,
            lr: self.rate(self.progress.step.max(1)),
            train_loss: (done.batches > 0).then(|| done.totals.mean_loss()),
            train_accuracy: (done.batches > 0).then(|| done.totals.accuracy()),
            val_loss: validated.mean_loss(),
            val_accuracy: validated.accuracy(),
            grad_norm: mean(done.grad_norm),
            update_norm: mean(done.update_norm),
            param_norm: norm(self.params.values.iter().copied()),
            epoch_seconds: done.seconds + start.elapsed().as_secs_f64(),
            wall_seconds: self.began.elapsed().as_secs_f64(),
        };
        let diverged = row.train_loss.is_some_and(|loss| !loss.is_finite()) || !row.val_loss.is_finite();
        self.options.observer.row(&row);
        self.progress.rows.push(row);
        Ok(diverged)
    }

    /// The gradient over a batch; and if it is wanted and the batch allows it, that over its first part, of so many samples.
    fn gradient(&mut self, batch: &[u32]) -> Result<(Totals, Option<u64>)> {
        let (observer, images) = (self.options.observer, &self.data.train);
        let progress = |totals| observer.shard(totals);
        if !self.watch.as_ref().is_some_and(Watch::wants_part) {
            return Ok((self.options.backend.gradient(images, batch, &progress, &mut self.grad)?, None));
        }
        self.part.resize(self.grad.len(), 0.0);
        self.options.backend.gradient_and_part(images, batch, &progress, &mut self.grad, &mut self.part)
    }

    /// Loss over the probe; `None` without one.
    fn probe(&mut self) -> Result<Option<f64>> {
        if self.probe.is_empty() {
            return Ok(None);
        }
        let probe = std::mem::take(&mut self.probe);
        let totals = self.evaluate(&self.data.train, &probe)?;
        self.probe = probe;
        Ok(Some(totals.mean_loss()))
    }

    fn evaluate(&mut self, images: &Images, indices: &[u32]) -> Result<Totals> {
        let observer = self.options.observer;
        // A rule may evaluate other parameters than it trains: the backend has them only for so long.
        let averaged = self.optimizer.evaluation_params(&self.params.values);
        if let Some(averaged) = &averaged {
            self.options.backend.load(averaged)?;
        }
        let totals = self.options.backend.evaluate(images, indices, &|t| observer.validated(t))?;
        if averaged.is_some() {
            self.options.backend.load(&self.params.values)?;
        }
        Ok(totals)
    }

    /// The learning rate of step `t`.
    fn rate(&self, t: u64) -> f64 {
        self.spec.rate(t, self.extent.steps)
    }

    fn save_if_due(&mut self) -> Result<()> {
        let due = self.options.checkpoint.is_due(self.progress.epochs(), self.saved.elapsed(), self.save_cost);
        if due { self.save() } else { Ok(()) }
    }

    /// Writes steps, checkpoint and metrics, in this order: the checkpoint knows the length of the first and holds the rows of
    /// the last, so that a resumed run never lacks or repeats one.
    fn save(&mut self) -> Result<()> {
        let start = Instant::now();
        self.progress.wall_seconds = self.began.elapsed().as_secs_f64();
        self.progress.steps_csv = Some(self.steps.save(self.dir)?);
        self.progress.tensors_csv = self.tensors.save(self.dir)?;
        self.progress.noise_batches = self.watch.as_ref().map_or(0, Watch::noise_batches);
        let watch = self.watch.as_ref().map(Watch::state).unwrap_or_default();
        checkpoint::save(self.dir, &self.params, &self.optimizer, &watch, &self.progress)?;
        self.dir.write_metrics(&self.progress.rows)?;
        self.saved = Instant::now();
        self.save_cost = start.elapsed();
        self.saving += self.save_cost;
        Ok(())
    }

    fn write_meta(&mut self, state: State, reason: Option<String>) -> Result<()> {
        if state != State::Running {
            self.meta.end(self.progress.step);
        }
        self.meta.state = state;
        self.meta.reason = reason;
        self.dir.write_meta(&self.meta)
    }
}

/// Euclidean norm, summed in f64.
fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}
