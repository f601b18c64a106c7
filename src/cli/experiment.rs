//! What `run`, `full-batch` and `reproduce` share: an experiment planned, run, and concluded.

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{CriteriaArgs, MachineArgs};
use super::console::{Show, paper};
use super::display::ExperimentDisplay;
use super::dry_run::{self, how};
use super::signals::Signals;
use super::{Exit, print, quoted, unless_closed, warn};
use crate::analysis::{Analysis, export, outlooks, plan, words};
use crate::article::Article;
use crate::config::RunSpec;
use crate::error::Result;
use crate::experiment::{self, Cost, End, Estimate, ExperimentOptions, Plan, Tally};
use crate::plot;
use crate::report;

/// What every experiment takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Experiment")]
pub struct ExperimentArgs {
    #[command(flatten)]
    pub criteria: CriteriaArgs,
    /// Runs at once, which share the threads; the results do not depend on it. On 2 cores 2 at once train 10% more images a
    /// second with batch 16, 2% more with 64, 1% more from 256 on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: u16,
    /// List the runs, where they stand, how long they would take, and what they can show; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write a checkpoint every N epochs [default: 1; with --batch full by time, at a cost below 1%]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub checkpoint_every: Option<u64>,
    /// Discard these runs and start them anew, finished or not: names of their folders, as --dry-run lists them
    #[arg(long, value_name = "RUN", value_delimiter = ',')]
    pub force: Vec<String>,
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
    /// Runs what is left of it, concludes its folder, and says how it went; or says what it would do.
    ///
    /// # Errors
    /// Criteria that are not those of the folder's plan; data that cannot be loaded; at the end, runs that an error ended.
    pub fn run(self) -> Result<Exit> {
        let machine = self.machine.machine()?;
        let outlook = self.outlook()?;
        let plan = Plan::new(self.specs.clone(), self.folder, &self.args.force)?;
        let jobs = usize::from(self.args.jobs).min(plan.open_runs().count()).max(1);
        if self.args.dry_run {
            let estimate = Estimate::measure(&plan, &machine, jobs)?;
            let text = dry_run::text(&plan, &estimate, &machine, jobs);
            return print(format_args!("{text}\n\n{outlook}")).map(|()| Exit::Done);
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
        say(quiet, &outlook);
        let data = plan.load_data(self.machine.data_dir.as_deref(), &|line| warn(line))?;
        plan::keep(self.folder, &self.specs, self.args.criteria.target, self.args.criteria.margin)?;
        let stop = || signals.pending();
        let options = ExperimentOptions { machine, jobs, checkpoint_every: self.args.checkpoint_every, stop: &stop };
        let display = ExperimentDisplay::new(&plan, &costs, jobs, if quiet { Show::Nothing } else { Show::Auto });
        let ends = signals.gracefully(|| experiment::run(&plan, &data, &options, &display));
        drop(display);
        let tally = Tally::of(&ends);
        let again = if self.args.force.is_empty() { "the command" } else { "the command without --force" };
        // One may also have come when the last run was all but finished.
        if let Some(signal) = tally.signal.or(signals.pending()) {
            say(quiet, &format!("interrupted; repeat {again} to go on"));
            return Ok(Exit::Signal(signal));
        }
        if tally.errors == 0 && tally.elsewhere > 0 {
            let runs =
                if tally.elsewhere == 1 { "1 run is".to_string() } else { format!("{} runs are", tally.elsewhere) };
            say(quiet, &format!("{runs} in work elsewhere; the process that ends last concludes the experiment"));
            return Ok(Exit::Elsewhere);
        }
        let ended = ends.iter().any(|end| matches!(end, End::Before(_) | End::Now(_)));
        let failed = if ended { self.conclude(&plan)? } else { false };
        if tally.errors > 0 {
            anyhow::bail!("{} of the runs failed, see above; repeat {again} to try them again", tally.errors);
        }
        Ok(if failed { Exit::RunFailed } else { Exit::Done })
    }

    /// What the planned pairs can show, in a line a group of runs.
    fn outlook(&self) -> Result<String> {
        let CriteriaArgs { target, margin } = self.args.criteria;
        let Some(plan) = plan::proposed(self.folder, &self.specs, target, margin)? else {
            return Ok(paper().wrapped("", words::NO_PLAN).trim_end().to_string());
        };
        let beyond = self.specs.iter().filter(|spec| !plan.has(spec)).count();
        let earlier = if self.folder.is_dir() { self.analysis().ok() } else { None };
        let mut lines: Vec<String> =
            outlooks(&self.specs, &plan, earlier.as_ref()).iter().map(words::outlook).collect();
        lines.extend(words::beyond_the_plan(beyond));
        Ok(lines.iter().map(|line| paper().wrapped("", line)).collect::<String>().trim_end().to_string())
    }

    /// Everything in the folder.
    fn analysis(&self) -> Result<Analysis> {
        Analysis::of(&[self.folder.to_path_buf()], self.args.criteria.target, self.args.criteria.margin)
    }

    /// What is made of the whole folder when all runs have ended: figures, report, leaderboard and verdicts. Returns
    /// whether a run of this command failed in training.
    fn conclude(&self, plan: &Plan) -> Result<bool> {
        let analysis = self.analysis()?;
        let page = self.folder.join("report.html");
        let options = plot::Options::new(self.folder.join("figures"));
        let figures = match plot::obstacle(&analysis, &options)? {
            Some(advice) => {
                warn(format_args!("no figures: {advice} (snr-bench plot {})", quoted(&self.folder.to_string_lossy())));
                Vec::new()
            }
            None => plot::draw(&analysis, &options)?,
        };
        report::write(&analysis, self.folder, &page)?;
        if !self.args.quiet {
            unless_closed(show(&analysis, &figures, &page))?;
        }
        let own = |dir: &PathBuf| plan.runs.iter().any(|run| run.dir == *dir);
        Ok(analysis.runs().any(|run| run.fate.is_failed() && own(&run.dir)))
    }
}

fn show(analysis: &Analysis, figures: &[PathBuf], page: &Path) -> Result<()> {
    analysis.all_warnings().for_each(|warning| warn(format_args!("warning: {warning}")));
    print(format_args!("\n{}", export::terminal(analysis, paper(), false)))?;
    if let Some(Article { conclusion, .. }) = Article::of(analysis) {
        let text = format!("The article’s conclusion: {}: {}. {}", conclusion.claim, conclusion.word, conclusion.fact);
        print(paper().wrapped("", &text))?;
    }
    figures.iter().map(PathBuf::as_path).chain([page]).try_for_each(|path| print(path.display()))
}

fn say(quiet: bool, text: &str) {
    if !quiet && !text.is_empty() {
        // A closed pipe must not end an experiment.
        let _ = print(text);
    }
}
