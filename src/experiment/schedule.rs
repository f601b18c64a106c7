//! The runs of an experiment, several at once. One that fails or diverges does not stop the others.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::Plan;
use super::session::{self, IfExists, Session, StoredRun};
use crate::data::{Dataset, DatasetKind};
use crate::machine::Machine;
use crate::run_dir::State;
use crate::train::{Observer, Outcome, TrainSummary};

/// How the runs of an experiment run.
pub struct ExperimentOptions<'a> {
    /// Shared by the runs that run at once.
    pub machine: Machine,
    /// How many run at once. The results do not depend on it.
    pub jobs: usize,
    /// Epochs from one checkpoint to the next; `None`: 1, and with batch = ∞ by time, at a cost below 1%.
    pub checkpoint_every: Option<u64>,
    /// Asked before and after every step of every run; the number of a signal ends all of them there, resumable.
    pub stop: &'a (dyn Fn() -> Option<i32> + Sync),
}

impl Default for ExperimentOptions<'_> {
    /// One run after another on all cores, to the end.
    fn default() -> Self {
        Self { machine: Machine::default(), jobs: 1, checkpoint_every: None, stop: &|| None }
    }
}

/// How a run of an experiment ended.
#[derive(Debug)]
pub enum End {
    /// It had ended before.
    Before(State),
    /// It ran to its end, diverged, or was interrupted.
    Now(TrainSummary),
    /// An error ended it, or did not let it begin.
    Failed(anyhow::Error),
    /// A signal came before its turn.
    NotBegun,
}

/// Receives progress events of an experiment. Methods may be called from any thread; `()` ignores them.
pub trait ExperimentObserver: Sync {
    /// The run at this place of the plan begins; what it returns receives the events of the run itself.
    fn begin(&self, _run: usize) -> Box<dyn Observer + '_> {
        Box::new(())
    }
    /// It ended, or had ended before.
    fn end(&self, _run: usize, _end: &End) {}
}

impl ExperimentObserver for () {}

/// Runs what is left of a plan, in its order, `options.jobs` runs at a time with the machine's threads divided among them;
/// returns how each run ended, in the order of the plan. Repeated after an interruption it goes on from the checkpoints to
/// the same bits.
pub fn run(
    plan: &Plan,
    data: &HashMap<DatasetKind, Dataset>,
    options: &ExperimentOptions,
    observer: &dyn ExperimentObserver,
) -> Vec<End> {
    let machine = options.machine.divided(options.jobs);
    let session = Session { machine: &machine, checkpoint_every: options.checkpoint_every, stop: options.stop };
    let next = AtomicUsize::new(0);
    let ends: Vec<OnceLock<End>> = plan.runs.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        loop {
            let run = next.fetch_add(1, Ordering::Relaxed);
            let Some(place) = ends.get(run) else { break };
            let end = place.get_or_init(|| one(plan, run, data, &session, observer));
            observer.end(run, end);
        }
    };
    thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(work);
        }
    });
    ends.into_iter().map(|end| end.into_inner().expect("every run had its turn")).collect()
}

fn one(
    plan: &Plan,
    run: usize,
    data: &HashMap<DatasetKind, Dataset>,
    session: &Session,
    observer: &dyn ExperimentObserver,
) -> End {
    let planned = &plan.runs[run];
    if (session.stop)().is_some() {
        return End::NotBegun;
    }
    // Asked again: another process may have ended it since.
    let stored = StoredRun::read(&planned.dir).ok().filter(|_| !plan.anew);
    if let Some(state) = stored.and_then(|stored| stored.ended(&planned.spec)) {
        return End::Before(state);
    }
    let Some(data) = data.get(&planned.spec.dataset) else {
        return End::Failed(anyhow::anyhow!(
            "it had ended when the experiment was planned, and has been changed since; repeat the command"
        ));
    };
    let observer = observer.begin(run);
    let if_exists = if plan.anew { IfExists::Replace } else { IfExists::Resume };
    session::open(&planned.spec, &planned.dir, if_exists)
        .and_then(|dir| session.train(&planned.spec, data, dir, &*observer))
        .map_or_else(End::Failed, End::Now)
}

/// How the runs of an experiment ended, beside what they found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs that an error ended, or did not let begin.
    pub errors: usize,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

impl Tally {
    /// Counts.
    pub fn of(ends: &[End]) -> Self {
        let mut tally = Self::default();
        for end in ends {
            match end {
                End::Now(TrainSummary { outcome: Outcome::Interrupted(signal), .. }) => tally.signal = Some(*signal),
                End::Failed(_) => tally.errors += 1,
                _ => {}
            }
        }
        tally
    }
}
