//! One run from its settings to its end.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::config::{Batch, RunSpec};
use crate::data::Dataset;
use crate::error::Result;
use crate::machine::Machine;
use crate::run_dir::{self, CHECKPOINT, CONFIG, METRICS, Meta, RunDir, State};
use crate::train::{Every, Observer, Start, TrainOptions, TrainSummary, Trainer};

/// What to do with a run directory that holds a run already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// Refuse to touch it.
    Refuse,
    /// Remove that run.
    Replace,
    /// Resume it.
    Resume,
}

/// A run that a directory holds, as far as it matters for going on with it.
#[derive(Debug)]
pub struct StoredRun {
    dir: PathBuf,
    /// Its settings.
    pub spec: RunSpec,
    /// `None` where it is missing or damaged: a run can go on without.
    meta: Option<Meta>,
}

impl StoredRun {
    /// Reads it.
    ///
    /// # Errors
    /// A folder without a readable `config.toml`.
    pub fn read(dir: &Path) -> Result<Self> {
        let spec = run_dir::read_config(dir)
            .with_context(|| format!("{} holds no run that could be resumed", dir.display()))?;
        Ok(Self { dir: dir.to_path_buf(), spec, meta: Meta::read(dir).ok() })
    }

    /// Whether and how it has ended, with just these settings.
    pub(super) fn ended(&self, spec: &RunSpec) -> Option<State> {
        let meta = self.meta.as_ref().filter(|meta| self.spec == *spec && meta.config.as_ref() == Some(spec))?;
        matches!(meta.state, State::Finished | State::Diverged).then_some(meta.state)
    }

    /// Whether it goes on from a checkpoint; checks that it may with these settings.
    pub(super) fn where_to_start(&self, spec: &RunSpec) -> Result<Start> {
        let dir = self.dir.display();
        let stored = RunSpec { epochs: spec.epochs, ..self.spec.clone() };
        if stored.hash() == spec.hash() && self.spec.hash() != spec.hash() {
            bail!(
                "{dir} was begun for {}, and with schedule = {} the learning rate of every step depends on that; more or fewer are another run: choose another folder with --out",
                self.spec.length(),
                spec.schedule.name()
            );
        }
        if self.spec.observe != spec.observe {
            bail!(
                "{dir} was begun with other measurements ([observe] in its {CONFIG}), which a run cannot take up on its way; ask for the same, or choose another folder with --out"
            );
        }
        if stored.hash() != spec.hash() {
            bail!(
                "{dir} was begun with other settings, and only the number of epochs may change:\n{}\nleave these out, or start anew with --force",
                stored.difference(spec, "there", "now asked for")
            );
        }
        if self.ended(spec) == Some(State::Diverged) {
            bail!("{dir} has diverged, there is nothing to resume; see its {METRICS}");
        }
        // A run that was ended before its first checkpoint has lost nothing but time.
        Ok(if self.dir.join(CHECKPOINT).exists() { Start::Resume } else { Start::Fresh })
    }
}

/// Takes over the run directory for `spec`: before anything that takes time, so that a mistake is reported at once.
///
/// # Errors
/// A folder that cannot be written to, is in use, or holds a run that must not be touched.
pub fn open(spec: &RunSpec, path: &Path, if_exists: IfExists) -> Result<(RunDir, Start)> {
    let dir = RunDir::lock(path)?;
    let start = match if_exists {
        _ if RunDir::is_empty(path) => Start::Fresh,
        IfExists::Refuse => {
            let path = path.display();
            bail!(
                "{path} holds a run already; go on with it with --resume {path}, start it anew with --force, or choose another folder with --out"
            )
        }
        // What is there stays until the first step is certain: a mistake in the data must not cost the old run.
        IfExists::Replace => Start::Fresh,
        // Read under the lock: until now another process may have gone on with it.
        IfExists::Resume => StoredRun::read(path)?.where_to_start(spec)?,
    };
    Ok((dir, start))
}

/// How a run is trained.
pub struct Session<'a> {
    /// What it computes with.
    pub machine: &'a Machine,
    /// Epochs from one checkpoint to the next; `None`: 1, and with batch = ∞ by time, at a cost below 1%.
    pub checkpoint_every: Option<u64>,
    /// Asked before and after every step; the number of a signal ends the run there, resumable.
    pub stop: &'a (dyn Fn() -> Option<i32> + Sync),
}

impl Session<'_> {
    /// Trains `spec` in a directory that [`open`] gave.
    ///
    /// # Errors
    /// A model or split that is impossible, a checkpoint that is damaged, a file that cannot be written.
    pub fn train(
        &self,
        spec: &RunSpec,
        data: &Dataset,
        (dir, start): (RunDir, Start),
        observer: &dyn Observer,
    ) -> Result<TrainSummary> {
        let backend = spec.model.backend(spec.dataset.shape(), self.machine)?;
        let meta = Meta::new(spec, data, self.machine);
        let checkpoint = match (self.checkpoint_every, spec.batch) {
            (Some(epochs), _) => Every::Epochs(epochs),
            (None, Batch::Full) => Every::Time,
            (None, Batch::Size(_)) => Every::Epochs(1),
        };
        let options = TrainOptions { backend, checkpoint, stop: self.stop, observer };
        Trainer::new(spec, data, &dir, meta, options, start)?.run()
    }
}
