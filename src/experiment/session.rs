//! One run from its settings to its end.

use std::path::Path;

use anyhow::{Context, bail};

use super::Machine;
use crate::config::{self, Batch, RunSpec};
use crate::data::Dataset;
use crate::error::Result;
use crate::train::{Every, Meta, Observer, Options, RunDir, Start, State, Summary, Trainer, checkpoint};

/// What to do with a run directory that holds a run already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// Leave it alone and say so.
    Refuse,
    /// Remove that run.
    Replace,
    /// Go on with it.
    Resume,
}

/// The settings that a run directory holds.
///
/// # Errors
/// A folder without a readable `config.toml`.
pub fn stored_spec(dir: &Path) -> Result<RunSpec> {
    let path = dir.join("config.toml");
    let table =
        config::read_table(&path).with_context(|| format!("{} holds no run that could be resumed", dir.display()))?;
    RunSpec::resolve([table]).with_context(|| format!("the settings in {}", path.display()))
}

/// Whether and how the run in `dir` has ended, with just these settings.
pub(super) fn ended(spec: &RunSpec, dir: &Path) -> Option<State> {
    let same = stored_spec(dir).is_ok_and(|stored| stored == *spec);
    let meta = Meta::read(dir).ok().filter(|meta| same && meta.config == *spec)?;
    matches!(meta.state, State::Finished | State::Diverged).then_some(meta.state)
}

/// Takes over the run directory for `spec`: before anything that takes time, so that a mistake is told at once.
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
        IfExists::Resume => where_to_start(spec, path)?,
    };
    Ok((dir, start))
}

/// Whether the run that a directory holds goes on from a checkpoint; checks that it may with these settings.
pub(super) fn where_to_start(spec: &RunSpec, path: &Path) -> Result<Start> {
    let stored = RunSpec { epochs: spec.epochs, ..stored_spec(path)? };
    if stored.hash() != spec.hash() {
        bail!(
            "{} was begun with other settings, and only the number of epochs may change:\n{}\nleave these out, or start anew with --force",
            path.display(),
            stored.difference(spec, "there", "now asked for")
        );
    }
    if ended(spec, path) == Some(State::Diverged) {
        bail!("{} has diverged, there is nothing to resume; see its metrics.csv", path.display());
    }
    // A run that was ended before its first checkpoint has lost nothing but time.
    Ok(if path.join(checkpoint::CHECKPOINT).exists() { Start::Resume } else { Start::Fresh })
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
    ) -> Result<Summary> {
        let backend = spec.model.backend(spec.dataset.shape(), &self.machine.device, self.machine.threads)?;
        let meta = Meta::new(spec, data, self.machine.device_name(), self.machine.threads);
        let checkpoint = match (self.checkpoint_every, spec.batch) {
            (Some(epochs), _) => Every::Epochs(epochs),
            (None, Batch::Full) => Every::Time,
            (None, Batch::Size(_)) => Every::Epochs(1),
        };
        let options = Options { backend, checkpoint, stop: self.stop, observer };
        Trainer::new(spec, data, &dir, meta, options, start)?.run()
    }
}
