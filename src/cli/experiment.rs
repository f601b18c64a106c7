//! What `run`, `full-batch` and `reproduce` share: an experiment planned, run, and concluded.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{CriteriaArgs, MachineArgs};
use super::console::{Show, paper};
use super::display::ExperimentDisplay;
use super::dry_run::{self, how};
use super::signals::Signals;
use super::{Exit, print, unless_closed, warn};
use crate::analysis::plan::{self, Asked, TunePlan};
use crate::analysis::{self, Analysis, export, outlooks, words};
use crate::article::Article;
use crate::config::{self, RunSpec, Study};
use crate::data::{Dataset, DatasetKind};
use crate::error::Result;
use crate::experiment::tuning::{self, Stage};
use crate::experiment::{self, Cost, End, Estimate, ExperimentOptions, Plan, Share, Tally, memory};
use crate::machine::Machine;
use crate::plot;
use crate::report;
use crate::run_dir::record::TUNE;
use crate::shell;
use crate::usage;

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
    /// Take part I of N of the runs, balanced by cost, and then what no other process has taken: for any number of processes
    /// and machines on one folder. Ends with code 4 where the rest is in work elsewhere, and after each stage of tuning, so
    /// that all parts share the next: repeat it then. It needs a file system that locks between machines (NFS 4 does)
    #[arg(long, value_name = "I/N", conflicts_with = "force")]
    pub part: Option<Share>,
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
    /// What runs one after the other.
    pub parts: Vec<Part>,
    /// What holds all of it, and is concluded at the end.
    pub folder: &'a Path,
    pub machine: &'a MachineArgs,
    pub args: &'a ExperimentArgs,
    /// Whether to measure and say first how long it will take.
    pub announce: bool,
}

/// Runs in one folder, or arms that are tuned first.
pub struct Part {
    pub folder: PathBuf,
    pub what: config::Experiment,
}

/// How the runs of a command have gone so far.
#[derive(Default)]
struct Done {
    tally: Tally,
    /// Directories of the judged runs.
    judged: Vec<PathBuf>,
    /// Whether any run has ended.
    ended: bool,
    /// Whether a stage of `[tune]` is left to a later call.
    stage_left: bool,
    /// Names of the tuning runs that were begun by this command: --force starts each anew once.
    begun: HashSet<String>,
}

impl Experiment<'_> {
    /// Runs what is left of it, concludes its folder, and says how it went; or says what it would do.
    ///
    /// # Errors
    /// Criteria that are not those of the folder's plan; data that cannot be loaded; at the end, runs that an error ended.
    pub fn run(self) -> Result<Exit> {
        let machine = self.machine.machine()?;
        self.check_forced()?;
        if self.args.dry_run {
            let texts = self.parts.iter().map(|part| self.dry_run(part, &machine)).collect::<Result<Vec<_>>>()?;
            return print(texts.join("\n\n")).map(|()| Exit::Done);
        }
        let quiet = self.args.quiet;
        let signals = Signals::listen()?;
        if self.announce && !quiet {
            for part in &self.parts {
                self.announce(part, &machine)?;
            }
        }
        let mut done = Done::default();
        for part in &self.parts {
            match &part.what {
                config::Experiment::Runs(specs) => self.judged(part, specs, None, &machine, &signals, &mut done)?,
                config::Experiment::Tuned(study) => self.tuned(part, study, &machine, &signals, &mut done)?,
            }
            if done.tally.signal.is_some() {
                break;
            }
        }
        let again = if self.args.force.is_empty() { "the command" } else { "the command without --force" };
        if let Some(signal) = done.tally.signal {
            say(quiet, &format!("interrupted; repeat {again} to go on"));
            return Ok(Exit::Signal(signal));
        }
        if done.tally.errors == 0 && (done.tally.elsewhere > 0 || done.stage_left) {
            say(quiet, &rest(&done));
            return Ok(Exit::Elsewhere);
        }
        let failed = if done.ended { self.conclude(&done.judged)? } else { false };
        if done.tally.errors > 0 {
            anyhow::bail!("{} of the runs failed, see above; repeat {again} to try them again", done.tally.errors);
        }
        Ok(if failed { Exit::RunFailed } else { Exit::Done })
    }

    /// Checks that --force names runs that are there.
    fn check_forced(&self) -> Result<()> {
        let is_there = |name: &str| {
            let folders = self.parts.iter().flat_map(|part| [part.folder.clone(), part.folder.join(TUNE)]);
            Path::new(name).components().count() == 1 && folders.map(|folder| folder.join(name)).any(|dir| dir.is_dir())
        };
        match self.args.force.iter().find(|name| !is_there(name)) {
            Some(name) => usage!(
                "--force {name}: {} has no run of that name; name its folder, as --dry-run lists it",
                self.folder.display()
            ),
            None => Ok(()),
        }
    }

    /// Whether a run stays that was made before.
    fn keeps(&self, spec: &RunSpec) -> bool {
        !self.args.force.contains(&spec.run_name())
    }

    /// Runs that are judged.
    fn judged(
        &self,
        part: &Part,
        specs: &[RunSpec],
        tune: Option<&TunePlan>,
        machine: &Machine,
        signals: &Signals,
        done: &mut Done,
    ) -> Result<()> {
        let outlook = self.outlook(part, specs, tune)?;
        let plan = Plan::new(specs.to_vec(), &part.folder, &self.args.force)?;
        self.say_how(&plan, machine);
        say(self.args.quiet, &outlook);
        done.judged.extend(plan.runs.iter().map(|run| run.dir.clone()));
        // first: what does not fit, and a mistake in the data, leave no plan behind
        self.check_memory(&plan, machine)?;
        let data = plan.load_data(self.machine.data_dir.as_deref(), &|line| warn(line))?;
        plan::keep(&part.folder, self.asked(specs, tune))?;
        self.train(&plan, &data, machine, signals, done);
        Ok(())
    }

    /// Stage after stage of an experiment with `[tune]`, until its judged runs have had their turn.
    fn tuned(&self, part: &Part, study: &Study, machine: &Machine, signals: &Signals, done: &mut Done) -> Result<()> {
        let (quiet, folder) = (self.args.quiet, &part.folder);
        let tune = tuning::plan(study)?;
        let tuning = loop {
            let counts = |spec: &RunSpec| self.keeps(spec) || done.begun.contains(&spec.run_name());
            let (runs, round) = match tuning::next_stage(study, folder, &counts)? {
                Stage::Chosen(tuning) => break tuning,
                Stage::Trials { runs, round } => (runs, round),
            };
            let new: Vec<RunSpec> = runs.into_iter().filter(|run| !done.begun.contains(&run.run_name())).collect();
            if new.is_empty() {
                return Ok(()); // errors ended some of them
            }
            let plan = Plan::new(new, &folder.join(TUNE), &self.args.force)?;
            self.check_memory(&plan, machine)?;
            let data = plan.load_data(self.machine.data_dir.as_deref(), &|line| warn(line))?;
            plan::keep(folder, self.asked(&[], Some(&tune)))?;
            self.say_how(&plan, machine);
            say(quiet, &format!("tuning{}, {}", dry_run::round(round), dry_run::counts(&plan)));
            done.begun.extend(plan.runs.iter().map(|run| run.spec.run_name()));
            let tally = self.train(&plan, &data, machine, signals, done);
            if tally.errors > 0 || tally.signal.is_some() {
                return Ok(());
            }
            // The next stage is shared by all parts: none of them begins it while the others have none of it.
            if tally.elsewhere > 0 || self.args.part.is_some() {
                done.stage_left = true;
                return Ok(());
            }
        };
        tuning.keep(folder, !self.args.force.is_empty())?;
        let seeds = tuning::as_planned(study, folder)?.seeds;
        plan::keep(folder, self.asked(&tuning::judged_runs(study, &seeds, Some(&tuning))?, Some(&tune)))?;
        for arm in &tuning.arms {
            let chosen = format!("chosen for {}: {}", arm.title, analysis::tuning::written(&arm.chosen));
            say(quiet, &chosen);
        }
        let specs = tuning::judged_runs(study, &study.seeds, Some(&tuning))?;
        self.judged(part, &specs, Some(&tune), machine, signals, done)
    }

    fn train(
        &self,
        plan: &Plan,
        data: &HashMap<DatasetKind, Dataset>,
        machine: &Machine,
        signals: &Signals,
        done: &mut Done,
    ) -> Tally {
        let quiet = self.args.quiet;
        let jobs = self.jobs(plan);
        let costs: Vec<Cost> = plan.runs.iter().map(|run| Cost::in_flops(&run.spec)).collect();
        let stop = || signals.pending();
        let options = ExperimentOptions {
            machine: machine.clone(),
            jobs,
            share: self.share(),
            checkpoint_every: self.args.checkpoint_every,
            stop: &stop,
        };
        let display = ExperimentDisplay::new(plan, &costs, jobs, if quiet { Show::Nothing } else { Show::Auto });
        let ends = signals.gracefully(|| experiment::run(plan, data, &options, &display));
        drop(display);
        let tally = Tally::of(&ends);
        // One may also have come when the last run was all but finished.
        let tally = Tally { signal: tally.signal.or(signals.pending()), ..tally };
        done.tally.errors += tally.errors;
        done.tally.elsewhere += tally.elsewhere;
        done.tally.signal = done.tally.signal.or(tally.signal);
        done.ended |= ends.iter().any(|end| matches!(end, End::Before(_) | End::Now(_)));
        tally
    }

    /// How the runs share the machine, unless that was announced.
    fn say_how(&self, plan: &Plan, machine: &Machine) {
        let jobs = self.jobs(plan);
        if jobs > 1 && !self.announce {
            say(self.args.quiet, &how(machine, jobs));
        }
    }

    /// The runs with which this process begins.
    fn share(&self) -> Share {
        self.args.part.unwrap_or(Share::ALL)
    }

    fn check_memory(&self, plan: &Plan, machine: &Machine) -> Result<()> {
        memory::check(plan.open_runs().map(|run| &run.spec), machine, self.jobs(plan))
    }

    fn jobs(&self, plan: &Plan) -> usize {
        usize::from(self.args.jobs).min(plan.open_runs().count()).max(1)
    }

    fn asked<'a>(&self, specs: &'a [RunSpec], tune: Option<&'a TunePlan>) -> Asked<'a> {
        let CriteriaArgs { target, margin } = self.args.criteria;
        Asked { specs, tune, target, margin }
    }

    /// How long a part takes, in a few lines.
    fn announce(&self, part: &Part, machine: &Machine) -> Result<()> {
        let text = match &part.what {
            config::Experiment::Runs(specs) => self.measured(specs.clone(), &part.folder, machine, false)?,
            config::Experiment::Tuned(study) => self.stages(part, study, machine, false)?,
        };
        say(false, &text);
        Ok(())
    }

    fn dry_run(&self, part: &Part, machine: &Machine) -> Result<String> {
        let specs = match &part.what {
            config::Experiment::Runs(specs) => specs,
            config::Experiment::Tuned(study) => return self.stages(part, study, machine, true),
        };
        let text = self.measured(specs.clone(), &part.folder, machine, true)?;
        Ok(format!("{text}\n\n{}", self.outlook(part, specs, None)?))
    }

    /// How long the runs of this process take in a folder: `whole`, a line a run; else in a few lines.
    fn measured(&self, specs: Vec<RunSpec>, folder: &Path, machine: &Machine, whole: bool) -> Result<String> {
        let plan = Plan::new(specs, folder, &self.args.force)?.own(self.share());
        let jobs = self.jobs(&plan);
        self.check_memory(&plan, machine)?;
        let estimate = Estimate::measure(&plan, machine, jobs)?;
        if whole {
            return Ok(dry_run::text(&plan, &estimate, machine, jobs));
        }
        let forecast = dry_run::forecast(&plan, &estimate, machine, jobs);
        Ok(format!("{} in {}\n{forecast}", dry_run::counts(&plan), folder.display()))
    }

    /// What the stages of an experiment with `[tune]` are, and how long they take as far as that is known.
    fn stages(&self, part: &Part, study: &Study, machine: &Machine, whole: bool) -> Result<String> {
        let folder = &part.folder;
        let tune = tuning::plan(study)?;
        let measured = |specs: Vec<RunSpec>, folder: &Path| self.measured(specs, folder, machine, whole);
        let mut text = String::new();
        let tuning = match tuning::next_stage(study, folder, &|spec| self.keeps(spec))? {
            Stage::Chosen(tuning) => {
                text += "stage 1 of 2, tuning: done\n";
                Some(tuning)
            }
            Stage::Trials { runs, round } => {
                text += &format!(
                    "stage 1 of 2, tuning{}: {}\n",
                    dry_run::round(round),
                    measured(runs, &folder.join(TUNE))?
                );
                let growth = dry_run::growth(study, round);
                text += &growth.map(|text| paper().wrapped("", &text)).unwrap_or_default();
                None
            }
        };
        let specs = tuning::judged_runs(study, &study.seeds, tuning.as_ref())?;
        text += &format!("stage 2 of 2, judged runs: {}", measured(specs.clone(), folder)?);
        if tuning.is_none() {
            text += "\n(at the first values that are tried: those that will be chosen are not known yet)";
        }
        if whole {
            text += &format!("\n\n{}", self.outlook(part, &specs, Some(&tune))?);
        }
        Ok(text)
    }

    /// What the planned pairs can show, in a line a group of runs.
    fn outlook(&self, part: &Part, specs: &[RunSpec], tune: Option<&TunePlan>) -> Result<String> {
        let Some(plan) = plan::proposed(&part.folder, self.asked(specs, tune))? else {
            return Ok(paper().wrapped("", words::NO_PLAN).trim_end().to_string());
        };
        let beyond = specs.iter().filter(|spec| !plan.has(spec)).count();
        let earlier = if self.folder.is_dir() { self.analysis().ok() } else { None };
        let mut lines: Vec<String> = outlooks(specs, &plan, earlier.as_ref()).iter().map(words::outlook).collect();
        lines.extend(words::beyond_the_plan(beyond));
        Ok(lines.iter().map(|line| paper().wrapped("", line)).collect::<String>().trim_end().to_string())
    }

    /// Everything in the folder.
    fn analysis(&self) -> Result<Analysis> {
        Analysis::of(&[self.folder.to_path_buf()], self.args.criteria.target, self.args.criteria.margin)
    }

    /// What is made of the whole folder when all runs have ended: figures, report, leaderboard and verdicts. Returns
    /// whether a run of this command failed in training.
    fn conclude(&self, judged: &[PathBuf]) -> Result<bool> {
        let analysis = self.analysis()?;
        let page = self.folder.join("report.html");
        let options = plot::Options::new(self.folder.join("figures"));
        let figures = match plot::obstacle(&analysis, &options)? {
            Some(advice) => {
                warn(format_args!("no figures: {advice} (snr-bench plot {})", shell::path(self.folder)));
                Vec::new()
            }
            None => plot::draw(&analysis, &options)?,
        };
        report::write(&analysis, self.folder, &page)?;
        if !self.args.quiet {
            unless_closed(show(&analysis, &figures, &page))?;
        }
        Ok(analysis.runs().any(|run| run.fate.is_failed() && judged.contains(&run.dir)))
    }
}

/// What is not done, and who does it.
fn rest(done: &Done) -> String {
    let text = match done.tally.elsewhere {
        0 => String::new(),
        1 => "1 run is in work elsewhere".to_string(),
        runs => format!("{runs} runs are in work elsewhere"),
    };
    if done.stage_left {
        let done = if text.is_empty() { "this stage of tuning is done" } else { "" };
        return text + done + "; repeat the command for the next stage";
    }
    text + "; the process that ends last concludes the experiment"
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
