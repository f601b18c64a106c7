//! One run from its settings to its end, as `train` and the experiments share it.

use std::path::Path;

use anyhow::{Context, bail};

use super::args::MachineArgs;
use super::progress::Progress;
use super::signals::Signals;
use crate::config::{self, Batch, RunSpec};
use crate::data::{self, Dataset};
use crate::error::Result;
use crate::train::{Every, Meta, Options, RunDir, Start, Summary, Trainer, checkpoint};

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

/// The data set of a run.
pub fn load_data(spec: &RunSpec, machine: &MachineArgs) -> Result<Dataset> {
    data::load(spec.dataset, machine.data_dir.as_deref())
}

/// How a command runs each of its runs.
pub struct Session<'a> {
    pub machine: &'a MachineArgs,
    /// `--checkpoint-every`, where given.
    pub checkpoint_every: Option<u64>,
    pub if_exists: IfExists,
    pub signals: &'a Signals,
}

impl Session<'_> {
    /// Takes over the run directory for `spec`: before anything that takes time, so that a mistake is told at once.
    ///
    /// # Errors
    /// A machine that is not there; a folder that cannot be written to, is in use, or holds a run that must not be touched.
    pub fn open(&self, spec: &RunSpec, path: &Path) -> Result<(RunDir, Start)> {
        self.machine.threads()?;
        self.machine.device()?;
        let dir = RunDir::lock(path)?;
        let start = prepare(spec, &dir, self.if_exists)?;
        Ok((dir, start))
    }

    /// Trains `spec` in a directory that [`open`](Self::open) gave, and shows its progress.
    pub fn train(
        &self,
        spec: &RunSpec,
        data: &Dataset,
        (dir, start): (RunDir, Start),
        progress: &Progress,
    ) -> Result<Summary> {
        let backend = self.machine.backend(&spec.model)?;
        let meta = Meta::new(spec, data, self.machine.device.clone(), self.machine.threads()?);
        let checkpoint = match (self.checkpoint_every, spec.batch) {
            (Some(epochs), _) => Every::Epochs(epochs),
            (None, Batch::Full) => Every::Time,
            (None, Batch::Size(_)) => Every::Epochs(1),
        };
        let stop = || self.signals.pending();
        let options = Options { device: self.machine.device()?, backend, checkpoint, stop: &stop, observer: progress };
        let trainer = Trainer::new(spec, data, &dir, meta, options, start)?;
        let summary = self.signals.gracefully(|| trainer.run());
        progress.finish();
        summary
    }
}

/// Whether to begin anew, which replaces what is there, or to go on; checks that the run there may with these settings.
fn prepare(spec: &RunSpec, dir: &RunDir, if_exists: IfExists) -> Result<Start> {
    if dir.is_empty() {
        return Ok(Start::Fresh);
    }
    let path = dir.path().display();
    match if_exists {
        IfExists::Refuse => bail!(
            "{path} holds a run already; go on with it with --resume {path}, start it anew with --force, or choose another folder with --out"
        ),
        // What is there stays until the first step is certain: a mistake in the data must not cost the old run.
        IfExists::Replace => Ok(Start::Fresh),
        IfExists::Resume => {
            let stored = RunSpec { epochs: spec.epochs, ..stored_spec(dir.path())? };
            if stored.hash() != spec.hash() {
                bail!(
                    "{path} was begun with other settings, and only the number of epochs may change:\n{}\nleave these out, or start anew with --force",
                    stored.difference(spec, "there", "now asked for")
                );
            }
            // A run that was ended before its first checkpoint has lost nothing but time.
            Ok(if dir.file(checkpoint::CHECKPOINT).exists() { Start::Resume } else { Start::Fresh })
        }
    }
}
