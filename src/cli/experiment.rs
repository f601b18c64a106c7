//! Several runs in one folder: finished ones are skipped, interrupted ones resumed, so that the same command can be
//! repeated until all are done. A run that fails or diverges does not stop the others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use clap::Args;

use super::args::MachineArgs;
use super::progress::{Progress, Show};
use super::session::{self, IfExists, Session};
use super::signals::Signals;
use super::{Exit, print, warn};
use crate::config::RunSpec;
use crate::data::{Dataset, DatasetKind};
use crate::error::Result;
use crate::optim;
use crate::plot;
use crate::train::record::{self, Record};
use crate::train::{Meta, Outcome, State, Summary};

/// What every experiment takes.
#[derive(Args, Debug)]
pub struct ExperimentArgs {
    /// Write a checkpoint every N epochs [default: 1; with --batch full by time, at a cost below 1%]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub checkpoint_every: Option<u64>,
    /// Start all runs anew, also those that are finished or begun
    #[arg(long)]
    pub force: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// How the runs of an experiment ended.
#[derive(Debug, Default)]
pub struct Tally {
    /// Directories of the runs that did not fail.
    directories: Vec<PathBuf>,
    diverged: usize,
    failed: usize,
    signal: Option<i32>,
}

impl Tally {
    /// Draws the experiment's runs, and no others that the folder may hold, into `figures` there; prints where they are
    /// and how the runs came out. Nothing of that after a signal.
    ///
    /// # Errors
    /// A run directory that cannot be read back, or a folder that cannot be written to.
    pub fn report(&self, folder: &Path, quiet: bool) -> Result<()> {
        if self.signal.is_some() {
            return Ok(()); // whoever stops it wants to go on with something else
        }
        let records = self.directories.iter().map(|dir| record::read(dir)).collect::<Result<Vec<_>>>()?;
        if records.is_empty() {
            return Ok(());
        }
        let figures = plot::draw(&records, &plot::Options::new(folder.join("figures")))?;
        if quiet {
            return Ok(());
        }
        print(format_args!("\n{}", outcomes(&records)))?;
        for path in figures {
            print(path.display())?;
        }
        Ok(())
    }

    /// The exit code that this amounts to.
    ///
    /// # Errors
    /// Where a run failed.
    pub fn exit(&self) -> Result<Exit> {
        match (self.signal, self.failed, self.diverged) {
            (Some(signal), ..) => Ok(Exit::Signal(signal)),
            (None, 0, 0) => Ok(Exit::Done),
            (None, 0, _) => Ok(Exit::Diverged),
            (None, n, _) => anyhow::bail!("{n} of the runs failed, see above; repeat the command to try them again"),
        }
    }
}

/// Runs all of `specs`, each in its directory below `folder`.
///
/// # Errors
/// Data that cannot be loaded. What goes wrong within a run is printed and counted.
pub fn run_all(specs: &[RunSpec], folder: &Path, machine: &MachineArgs, args: &ExperimentArgs) -> Result<Tally> {
    let signals = Signals::listen()?;
    let mut data: HashMap<DatasetKind, Dataset> = HashMap::new();
    let mut tally = Tally::default();
    let if_exists = if args.force { IfExists::Replace } else { IfExists::Resume };
    let session = Session { machine, checkpoint_every: args.checkpoint_every, if_exists, signals: &signals };
    for (i, spec) in specs.iter().enumerate() {
        let path = folder.join(spec.run_name());
        let title = format!("[{}/{}] {} seed {}", i + 1, specs.len(), optim::find(&spec.optim)?.label, spec.seed);
        if !args.force && has_ended(&path, spec) {
            say(args, &format!("{title}: done already, in {}", path.display()));
            tally.directories.push(path);
            continue;
        }
        let data = match data.entry(spec.dataset) {
            Entry::Occupied(loaded) => loaded.into_mut(),
            Entry::Vacant(place) => place.insert(session::load_data(spec, machine)?),
        };
        say(args, &format!("{title} → {}", path.display()));
        let progress = Progress::new(&title, spec.epochs, if args.quiet { Show::Nothing } else { Show::Auto });
        let ended = session.open(spec, &path).and_then(|dir| session.train(spec, data, dir, &progress));
        tally.add(path, ended, &title, args);
        // One may also have come when the run was all but finished.
        tally.signal = tally.signal.or(signals.pending());
        if tally.signal.is_some() {
            say(args, "interrupted; repeat the command to go on");
            break;
        }
    }
    Ok(tally)
}

impl Tally {
    fn add(&mut self, path: PathBuf, ended: Result<Summary>, title: &str, args: &ExperimentArgs) {
        match ended {
            Ok(summary) => {
                match summary.outcome {
                    Outcome::Finished => {}
                    Outcome::Diverged => {
                        self.diverged += 1;
                        say(args, &format!("{title}: diverged"));
                    }
                    Outcome::Interrupted(signal) => {
                        self.signal = Some(signal);
                    }
                }
                self.directories.push(path);
            }
            Err(e) => {
                self.failed += 1;
                warn(format_args!("error: {title}: {e:#}"));
            }
        }
    }
}

/// Whether the run is at its end, so that there is nothing to do.
fn has_ended(path: &Path, spec: &RunSpec) -> bool {
    let same = session::stored_spec(path).is_ok_and(|stored| stored == *spec);
    let ended = |meta: Meta| meta.config == *spec && matches!(meta.state, State::Finished | State::Diverged);
    same && Meta::read(path).is_ok_and(ended)
}

fn say(args: &ExperimentArgs, text: &str) {
    if !args.quiet {
        // A closed pipe must not end an experiment.
        let _ = print(text);
    }
}

/// A table of what the runs ended with.
fn outcomes(records: &[Record]) -> String {
    let mut table =
        format!("{:<22} {:>6} {:>14} {:>16} {:>10}\n", "", "epochs", "training loss", "validation loss", "accuracy");
    for record in records {
        let last = &record.rows[record.rows.len() - 1];
        let label = optim::find(&record.spec.optim).map_or(record.spec.optim.as_str(), |entry| entry.label);
        let state = if record.state == State::Diverged { "  DIVERGED" } else { "" };
        table += &format!(
            "{:<22} {:>6} {:>14} {:>16.4} {:>9.2}%{state}\n",
            format!("{label}, seed {}", record.spec.seed),
            last.epoch,
            last.train_loss.map_or("-".to_string(), |loss| format!("{loss:.4}")),
            last.val_loss,
            100.0 * last.val_accuracy
        );
    }
    table
}
