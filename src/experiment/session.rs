//! One run from its settings to its end.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::config::{Batch, RunSpec};
use crate::data::Dataset;
use crate::error::{Failure, Result};
use crate::machine::Machine;
use crate::run_dir::{self, CHECKPOINT, CONFIG, METRICS, Meta, Row, RunDir, State, record};
use crate::shell;
use crate::train::checkpoint::Checkpoint;
use crate::train::integrity::contradiction;
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

    /// Checks that its files tell one run.
    ///
    /// # Errors
    /// Files that contradict each other, or measurements that are damaged.
    pub(super) fn check(&self) -> Result<()> {
        let rows = record::read_saved_rows(&self.dir)?;
        match contradiction(&self.dir, &self.spec, self.meta.as_ref(), Some(&rows)) {
            Some(why) => bail!(Failure::Damaged(format!("{} is not what it says: {why}", self.dir.display()))),
            None => Ok(()),
        }
    }

    /// How it has ended, with just these settings; `None` where it has not. Rows that `metrics.csv` lacks are written anew from
    /// the checkpoint, which has them all.
    ///
    /// # Errors
    /// Rows that neither of them has.
    fn end(&self, spec: &RunSpec) -> Result<Option<Ended>> {
        let Some(state) = self.ended(spec) else { return Ok(None) };
        let whole = record::read_metrics(&self.dir).ok().filter(|(_, cut_off)| !cut_off).map(|(rows, _)| rows);
        let saved = Checkpoint::read(&self.dir.join(CHECKPOINT)).ok().map(|checkpoint| checkpoint.progress.rows);
        match (whole, saved) {
            (Some(rows), saved) if saved.as_ref().is_none_or(|saved| saved.len() <= rows.len()) => {
                Ok(Some(Ended { state, rows, repaired: false }))
            }
            (_, Some(rows)) => {
                RunDir::lock(&self.dir)?.write_metrics(&rows)?;
                Ok(Some(Ended { state, rows, repaired: true }))
            }
            (_, None) => bail!(Failure::Damaged(format!(
                "{} has ended, but its {METRICS} is missing or cut off, and there is no intact checkpoint to write it anew from; \
                 restore it, or delete this one folder to repeat the run",
                self.dir.display()
            ))),
        }
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
                "{dir} was begun with other settings, and only the number of epochs may change:\n{}\nleave these out, or choose another folder with --out",
                stored.difference(spec, "there", "now asked for")
            );
        }
        // A run that was ended before its first checkpoint has lost nothing but time.
        Ok(if self.dir.join(CHECKPOINT).exists() { Start::Resume } else { Start::Fresh })
    }
}

/// What a directory has for a run that is asked for.
pub enum Opened {
    /// The directory, taken over for a run that begins or goes on.
    Begun(RunDir, Start),
    /// A run that has ended: nothing is left to do.
    Ended(Ended),
}

/// A run that had ended before.
#[derive(Debug)]
pub struct Ended {
    /// Finished or diverged.
    pub state: State,
    /// Its rows.
    pub rows: Vec<Row>,
    /// Whether its `metrics.csv` was missing or cut off, and was just written anew from its checkpoint.
    pub repaired: bool,
}

/// Takes over the run directory for `spec`: before anything that takes time, so that a mistake is reported at once. Where
/// nothing is left to do, nothing changes on disk.
///
/// # Errors
/// A folder that cannot be written to, is in use, or holds a run that must not be touched.
pub fn open(spec: &RunSpec, path: &Path, if_exists: IfExists) -> Result<Opened> {
    if if_exists == IfExists::Resume && !RunDir::is_empty(path) {
        let stored = StoredRun::read(path)?;
        stored.check()?;
        if let Some(ended) = stored.end(spec)? {
            return Ok(Opened::Ended(ended));
        }
    }
    let dir = RunDir::lock(path)?;
    let start = match if_exists {
        _ if RunDir::is_empty(path) => Start::Fresh,
        IfExists::Refuse => {
            let (shown, pasted) = (path.display(), shell::path(path));
            bail!(
                "{shown} holds a run already; go on with it with --resume {pasted}, replace this one run with --force, or choose another folder with --out"
            )
        }
        // What is there stays until the first step is certain: a mistake in the data must not cost the old run.
        IfExists::Replace => Start::Fresh,
        // Read under the lock: until now another process may have gone on with it.
        IfExists::Resume => {
            let stored = StoredRun::read(path)?;
            if let Some(ended) = stored.end(spec)? {
                return Ok(Opened::Ended(ended));
            }
            stored.where_to_start(spec)?
        }
    };
    Ok(Opened::Begun(dir, start))
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
