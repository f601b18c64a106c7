//! `snr-bench show`: what a run directory says of its run, and what the lock and the checkpoint say of that.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::console::clock;
use super::print;
use crate::config::RunSpec;
use crate::error::{Failure, Result};
use crate::number::loss;
use crate::run_dir::{self, CHECKPOINT, META, METRICS, Meta, Row, RunDir, State, record, recorded};
use crate::shell;
use crate::train::checkpoint::Checkpoint;
use crate::train::integrity::contradiction;

/// Show a run's state, settings and machine, and how to go on with it.
///
/// "running" is only said where a process holds the run directory's lock.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: snr-bench show results/train/mnist-adam-b4096-lr0.001-s0-d4a2ea")]
pub(super) struct ShowArgs {
    /// Run directory, such as one below results/
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Prints the run.
///
/// # Errors
/// What is no run directory, or one with a damaged `config.toml` or `meta.json`; and, after it is shown, one whose files
/// contradict each other.
pub(super) fn run(args: ShowArgs) -> Result<()> {
    print(describe(&args.dir)?.trim_end())?;
    let dir = &args.dir;
    let (spec, meta, rows) = (run_dir::read_config(dir)?, Meta::read(dir)?, record::read_saved_rows(dir)?);
    match contradiction(dir, &spec, Some(&meta), Some(&rows)) {
        Some(why) => bail!(Failure::Damaged(format!("{} is not what it says: {why}", dir.display()))),
        None => Ok(()),
    }
}

fn describe(dir: &Path) -> Result<String> {
    if !dir.join(META).is_file() {
        let hint = match record::find(dir) {
            Ok((records, _)) => {
                format!("; the first of {} runs below it is {}", records.len(), records[0].dir.display())
            }
            Err(_) => "; 'snr-bench train' writes one".to_string(),
        };
        bail!("{} is not a run directory: it holds no {META}{hint}", dir.display());
    }
    let spec = run_dir::read_config(dir)?;
    let meta = Meta::read(dir)?;
    let locked = RunDir::is_locked(dir);
    let checkpoint = dir.join(CHECKPOINT).exists().then(|| Checkpoint::read(&dir.join(CHECKPOINT)));
    let mut text = format!("{}\n", dir.display());
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<11} {value}");
    };
    line("state", state(&meta, locked));
    match record::read_metrics(dir) {
        Ok((rows, _)) => rows.last().into_iter().for_each(|row| {
            line("progress", progress(row, &spec));
            line("last row", losses(row));
        }),
        Err(_) if !dir.join(METRICS).exists() => line("progress", "nothing measured yet".to_string()),
        Err(e) => line("progress", format!("unknown: {e:#}")),
    }
    line("checkpoint", saved(&checkpoint));
    line("data", format!("{}, hash {}", meta.dataset, meta.data_hash));
    meta.data_files.iter().for_each(|(name, hash)| line("", format!("{name} {hash}")));
    for session in &meta.sessions {
        line("session", session.extent());
        let (host, platform) = (recorded(&session.host), recorded(&session.platform));
        line("machine", format!("{host}: {}, {platform}", session.machine()));
        let (version, candle) = (recorded(&session.version), recorded(&session.candle));
        line("versions", format!("snr-bench {version} ({}), Candle {candle}", session.revision()));
        line("command", session.command.iter().map(|arg| shell::quoted(arg)).collect::<Vec<_>>().join(" "));
    }
    let _ = write!(
        text,
        "settings\n  {}\n\n{}",
        spec.to_toml().trim_end().replace("\n\n", "\n").replace('\n', "\n  "),
        advice(dir, &meta, &spec, locked)
    );
    Ok(text)
}

fn state(meta: &Meta, locked: bool) -> String {
    let reason = meta.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    match (meta.state, locked) {
        (State::Running, true) => "running".to_string(),
        (State::Running, false) => "was running, but no process holds its lock: interrupted".to_string(),
        (state, false) => format!("{state}{reason}"),
        (state, true) => format!("{state}{reason}; a process is about to go on with it"),
    }
}

fn progress(row: &Row, spec: &RunSpec) -> String {
    let took = clock(row.wall_seconds);
    let so_far = spec.so_far(row.epoch, row.step);
    let other = match spec.steps {
        None => format!("{} steps", row.step),
        Some(_) => format!("{} epochs", row.epoch),
    };
    format!("{so_far}, {other}, {} images in {took}", row.samples_seen)
}

fn losses(row: &Row) -> String {
    let train = row.train_loss.zip(row.train_accuracy);
    let train = train.map_or(String::new(), |(train, accuracy)| {
        format!("training loss {} ({:.2}%), ", loss(train), 100.0 * accuracy)
    });
    format!("{train}validation loss {} ({:.2}%)", loss(row.val_loss), 100.0 * row.val_accuracy)
}

fn saved(checkpoint: &Option<Result<Checkpoint>>) -> String {
    match checkpoint {
        None => "none yet: resuming begins anew".to_string(),
        Some(Err(e)) => format!("damaged: {e:#}"),
        Some(Ok(Checkpoint { progress, .. })) => {
            let batches = match progress.epoch.batches {
                0 => String::new(),
                n => format!(" and {n} batches of the next"),
            };
            format!("intact, after {} epochs{batches}, {} steps", progress.epochs(), progress.step)
        }
    }
}

/// What to do next.
fn advice(dir: &Path, meta: &Meta, spec: &RunSpec, locked: bool) -> String {
    let resume = format!("snr-bench train --resume {}", shell::path(dir));
    match meta.state {
        _ if locked => "it is under way; Ctrl-C or SIGTERM ends it so that it can be resumed".to_string(),
        State::Diverged => "it diverged, there is nothing to resume".to_string(),
        State::Finished if !spec.may_grow() => "it has ended".to_string(),
        State::Finished => format!("train it longer with: {resume} --epochs {}", spec.epochs.saturating_mul(2)),
        State::Running | State::Interrupted | State::Failed => format!("go on with: {resume}"),
    }
}
