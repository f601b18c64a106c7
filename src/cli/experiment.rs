//! What `run`, `full-batch` and `reproduce` share: an experiment planned, run, and shown.

use std::path::Path;

use clap::Args;

use super::args::MachineArgs;
use super::console::Show;
use super::display::ExperimentDisplay;
use super::dry_run::{self, how};
use super::signals::Signals;
use super::{Exit, print, unless_closed, warn};
use crate::compare::{Criteria, compare, export};
use crate::config::RunSpec;
use crate::error::Result;
use crate::experiment::{self, Cost, End, Estimate, ExperimentOptions, Plan, Planned, Tally};
use crate::plot;
use crate::report;
use crate::run_dir::{Record, State, record};

/// What every experiment takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Experiment")]
pub struct ExperimentArgs {
    /// Runs at once, which share the threads; the results do not depend on it. On 2 cores 2 at once trained 40% more images a
    /// second with batch 16, 10% more with 128, 5% from 512 on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: u16,
    /// List the runs, where they stand, and how long they would take; write nothing
    #[arg(long)]
    pub dry_run: bool,
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

/// An experiment as a command describes it.
pub struct Experiment<'a> {
    /// Its runs.
    pub specs: Vec<RunSpec>,
    /// Where they lie.
    pub folder: &'a Path,
    pub machine: &'a MachineArgs,
    pub args: &'a ExperimentArgs,
    /// Whether to measure and say first how long it will take.
    pub announce: bool,
}

impl Experiment<'_> {
    /// Runs what is left of it, draws it, and says how it went; or says what it would do.
    ///
    /// # Errors
    /// Data that cannot be loaded; at the end, runs that failed.
    pub fn run(self) -> Result<Exit> {
        let machine = self.machine.machine()?;
        let plan = Plan::new(self.specs, self.folder, self.args.force)?;
        let jobs = usize::from(self.args.jobs).min(plan.open_runs().count()).max(1);
        if self.args.dry_run {
            let estimate = Estimate::measure(&plan, &machine, jobs)?;
            return print(dry_run::text(&plan, &estimate, &machine, jobs)).map(|()| Exit::Done);
        }
        let quiet = self.args.quiet;
        let signals = Signals::listen()?;
        let mut costs: Vec<Cost> = plan.runs.iter().map(|run| Cost::in_flops(&run.spec)).collect();
        if self.announce && !quiet {
            let estimate = Estimate::measure(&plan, &machine, jobs)?;
            let forecast = dry_run::forecast(&plan, &estimate, &machine, jobs);
            say(quiet, &format!("{} in {}\n{forecast}", dry_run::counts(&plan), self.folder.display()));
            costs = estimate.costs;
        } else if jobs > 1 {
            say(quiet, &how(&machine, jobs));
        }
        let data = plan.load_data(self.machine.data_dir.as_deref(), &|line| warn(line))?;
        let stop = || signals.pending();
        let options = ExperimentOptions { machine, jobs, checkpoint_every: self.args.checkpoint_every, stop: &stop };
        let display = ExperimentDisplay::new(&plan, &costs, jobs, if quiet { Show::Nothing } else { Show::Auto });
        let ends = signals.gracefully(|| experiment::run(&plan, &data, &options, &display));
        drop(display);
        let tally = Tally::of(&ends);
        let again = if self.args.force { "the command without --force" } else { "the command" };
        // One may also have come when the last run was all but finished.
        if let Some(signal) = tally.signal.or(signals.pending()) {
            say(quiet, &format!("interrupted; repeat {again} to go on"));
            return Ok(Exit::Signal(signal));
        }
        unless_closed(conclude(&plan, &ends, quiet))?;
        exit(tally, again)
    }
}

/// What is made of the runs when all have ended: figures and a report of them, and of no others that the folder may hold, a
/// table, and the verdicts.
fn conclude(plan: &Plan, ends: &[End], quiet: bool) -> Result<()> {
    let ended = plan.runs.iter().zip(ends).filter(|(_, end)| matches!(end, End::Before(_) | End::Now(_)));
    let runs: Vec<&Planned> = ended.map(|(run, _)| run).collect();
    let records = runs.iter().map(|run| record::read(&run.dir)).collect::<Result<Vec<_>>>()?;
    if records.is_empty() {
        return Ok(());
    }
    let figures = plot::draw(&records, &plot::Options::new(plan.folder.join("figures")))?;
    let page = plan.folder.join("report.html");
    let settings = report::Settings { criteria: Criteria::default(), root: plan.folder.clone() };
    report::write(&records, &[], &settings, &page)?;
    if quiet {
        return Ok(());
    }
    print(format_args!("\n{}", outcomes(&runs, &records)))?;
    let findings = compare(&records, settings.criteria);
    findings.warnings.iter().for_each(|warning| warn(format_args!("warning: {warning}")));
    print(export::verdicts(&findings))?;
    figures.iter().chain([&page]).try_for_each(|path| print(path.display()))
}

/// `again` is the command that goes on.
fn exit(tally: Tally, again: &str) -> Result<Exit> {
    match tally {
        Tally { failed: 0, diverged: 0, .. } => Ok(Exit::Done),
        Tally { failed: 0, .. } => Ok(Exit::Diverged),
        Tally { failed, .. } => {
            anyhow::bail!("{failed} of the runs failed, see above; repeat {again} to try them again")
        }
    }
}

fn say(quiet: bool, text: &str) {
    if !quiet {
        // A closed pipe must not end an experiment.
        let _ = print(text);
    }
}

/// A table of what the runs ended with.
fn outcomes(runs: &[&Planned], records: &[Record]) -> String {
    let wide = runs.iter().map(|run| run.title.len()).max().unwrap_or(0);
    let mut table =
        format!("{:<wide$} {:>6} {:>14} {:>16} {:>10}\n", "", "epochs", "training loss", "validation loss", "accuracy");
    for (run, record) in runs.iter().zip(records) {
        let last = &record.rows[record.rows.len() - 1];
        table += &format!(
            "{:<wide$} {:>6} {:>14} {:>16.4} {:>9.2}%{}\n",
            run.title,
            last.epoch,
            last.train_loss.map_or("-".to_string(), |loss| format!("{loss:.4}")),
            last.val_loss,
            100.0 * last.val_accuracy,
            if record.state == State::Diverged { "  DIVERGED" } else { "" }
        );
    }
    table
}
