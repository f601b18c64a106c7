//! `snr-bench train`: one run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::args::{MachineArgs, SettingArgs, batches, counts, layer, names};
use super::console::{Console, Show, clock};
use super::progress::RunDisplay;
use super::signals::Signals;
use super::{Exit, print, unless_closed, warn};
use crate::analysis::{Fate, words};
use crate::config::RunSpec;
use crate::data;
use crate::error::Result;
use crate::experiment::session::{self, Ended, IfExists, Opened, StoredRun};
use crate::experiment::{Session, memory};
use crate::number::loss;
use crate::optim;
use crate::run_dir::{METRICS, State};
use crate::shell;
use crate::train::{Outcome, TrainSummary};

const EXAMPLES: &str = "\
Examples:
  snr-bench train --optim snradam --batch 4096
  snr-bench train --dataset digits --epochs 3 --set model.depth=4
  snr-bench train --config configs/article.toml --seed 1 --out results/mine
  snr-bench train --resume results/mine --epochs 40
  snr-bench train --optim adabelief --dry-run > mine.toml";

/// Arguments of `train`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TrainArgs {
    #[arg(long, value_name = "NAME", value_parser = names, help = format!("Optimizer: {} [default: adam]", optim::names()))]
    optim: Option<toml::Value>,
    /// Images of a step: a number, or 'full' for the whole training set [default: 4096]
    #[arg(long, value_name = "N|full", value_parser = batches)]
    batch: Option<toml::Value>,
    /// Seed of the initial parameters and the order of batches [default: 0]
    #[arg(long, value_name = "N", value_parser = counts)]
    seed: Option<toml::Value>,
    #[command(flatten)]
    settings: SettingArgs,
    #[command(flatten)]
    machine: MachineArgs,
    /// Run directory [default: results/train/ and a name made of the settings]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in a directory, with its own settings; only --epochs may be raised
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "config", "force"])]
    resume: Option<PathBuf>,
    /// Replace a run that the directory holds already
    #[arg(long)]
    force: bool,
    /// Write a checkpoint every N epochs [default: 1; with --batch full by time, at a cost below 1%]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: Option<u64>,
    /// Print the resolved settings as TOML, ready for --config, and train nothing
    #[arg(long)]
    dry_run: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON object at the end and nothing else on standard output
    #[arg(long)]
    json: bool,
}

impl TrainArgs {
    fn spec(&self) -> Result<RunSpec> {
        let mut layers = Vec::new();
        if let Some(dir) = &self.resume {
            layers.push(toml::Table::try_from(StoredRun::read(dir)?.spec)?);
        }
        layers.extend(self.settings.layers()?);
        layers.push(layer([("optim", &self.optim), ("batch", &self.batch), ("seed", &self.seed)]));
        RunSpec::resolve(layers)
    }

    fn directory(&self, spec: &RunSpec) -> PathBuf {
        let chosen = self.resume.clone().or_else(|| self.out.clone());
        chosen.unwrap_or_else(|| Path::new("results/train").join(spec.run_name()))
    }
}

/// Trains one run and prints its summary.
pub(super) fn run(args: TrainArgs) -> Result<Exit> {
    let spec = args.spec()?;
    if args.dry_run {
        print(spec.to_toml().trim_end())?;
        return Ok(Exit::Done);
    }
    let path = args.directory(&spec);
    let if_exists = match (&args.resume, args.force) {
        (Some(_), _) => IfExists::Resume,
        (None, true) => IfExists::Replace,
        (None, false) => IfExists::Refuse,
    };
    let show = match (args.quiet, args.json) {
        (true, _) => Show::Nothing,
        (false, true) => Show::Stderr,
        (false, false) => Show::Auto,
    };
    let signals = Signals::listen()?;
    let machine = args.machine.machine()?;
    let dir = match session::open(&spec, &path, if_exists)? {
        Opened::Begun(dir, start) => (dir, start),
        Opened::Ended(ended) => return already(&args, &spec, ended, &path),
    };
    memory::check([&spec], &machine, 1)?;
    let data = data::load(&spec.dataset, args.machine.data_dir.as_deref(), &|line| warn(line))?;
    let stop = || signals.pending();
    let session = Session { machine: &machine, checkpoint_every: args.checkpoint_every, stop: &stop };
    let progress = RunDisplay::new(&Console::new(show), &spec.optim, &spec, Some(String::new()));
    let summary = signals.gracefully(|| session.train(&spec, &data, dir, &progress))?;
    drop(progress);
    if args.json {
        unless_closed(print(as_json(&spec, &summary, &path)))?;
    } else if !args.quiet {
        unless_closed(print(as_text(&spec, &summary, &path)))?;
    }
    Ok(match summary.outcome {
        Outcome::Interrupted(signal) => Exit::Signal(signal),
        _ if fate(&spec, &summary).is_failed() => Exit::RunFailed,
        _ => Exit::Done,
    })
}

/// Says that nothing is left to train.
fn already(args: &TrainArgs, spec: &RunSpec, ended: Ended, path: &Path) -> Result<Exit> {
    if ended.repaired {
        warn(format_args!("{}: {}", path.display(), words::REPAIRED));
    }
    if ended.state == State::Diverged {
        bail!("{} has diverged, there is nothing to resume; see its {METRICS}", path.display());
    }
    let summary = TrainSummary { outcome: Outcome::Finished, rows: ended.rows, saving: Duration::ZERO };
    if args.json {
        unless_closed(print(as_json(spec, &summary, path)))?;
    } else if !args.quiet {
        unless_closed(print(format_args!("nothing is left to train: {}", as_text(spec, &summary, path))))?;
    }
    Ok(if fate(spec, &summary).is_failed() { Exit::RunFailed } else { Exit::Done })
}

/// How the run counts in a comparison.
fn fate(spec: &RunSpec, summary: &TrainSummary) -> Fate {
    let state = match summary.outcome {
        Outcome::Finished => State::Finished,
        Outcome::Diverged => State::Diverged,
        Outcome::Interrupted(_) => State::Interrupted,
    };
    Fate::of(state, &summary.rows, spec)
}

fn as_text(spec: &RunSpec, summary: &TrainSummary, path: &Path) -> String {
    let resume = format!("go on with: snr-bench train --resume {}", shell::path(path));
    let path = path.display();
    let Some(last) = summary.rows.last() else {
        return format!("interrupted before anything was measured\n{path}\n{resume}");
    };
    let training = last.train_loss.map_or(String::new(), |train| format!("training loss {}, ", loss(train)));
    let took = clock(last.wall_seconds);
    let result = format!(
        "after {} epochs and {} steps in {took}: {training}validation loss {}, accuracy {:.2}%",
        last.epoch,
        last.step,
        loss(last.val_loss),
        100.0 * last.val_accuracy
    );
    let name = &spec.optim;
    match summary.outcome {
        Outcome::Finished => format!("{name} {result}{}\n{path}", words::fate(fate(spec, summary))),
        Outcome::Diverged => format!("{name} FAILED (diverged) {result}\n{path}"),
        Outcome::Interrupted(_) => {
            format!("{name} interrupted {result}\n{path}\n{resume}")
        }
    }
}

fn as_json(spec: &RunSpec, summary: &TrainSummary, path: &Path) -> serde_json::Value {
    let outcome = match summary.outcome {
        Outcome::Finished => "finished",
        Outcome::Diverged => "diverged",
        Outcome::Interrupted(_) => "interrupted",
    };
    json!({ "state": outcome, "directory": path.display().to_string(), "config": spec, "last": summary.rows.last() })
}
