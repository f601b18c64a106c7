//! The runs of an experiment, several at once. One that fails or diverges does not stop the others.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::Plan;
use super::session::{self, Ended, IfExists, Opened, Session};
use super::share::Share;
use crate::data::{Dataset, DatasetKind};
use crate::error::Failure;
use crate::machine::Machine;
use crate::train::{Observer, Outcome, TrainSummary};

/// How the runs of an experiment run.
pub struct ExperimentOptions<'a> {
    /// Shared by the runs that run at once.
    pub machine: Machine,
    /// How many run at once. The results do not depend on it.
    pub jobs: usize,
    /// The own part of the runs, where several processes do them together.
    pub share: Share,
    /// Epochs from one checkpoint to the next; `None`: 1, and with batch = ∞ by time, at a cost below 1%.
    pub checkpoint_every: Option<u64>,
    /// Asked before and after every step of every run; the number of a signal ends all of them there, resumable.
    pub stop: &'a (dyn Fn() -> Option<i32> + Sync),
}

impl Default for ExperimentOptions<'_> {
    /// One run after another on all cores, to the end.
    fn default() -> Self {
        Self { machine: Machine::default(), jobs: 1, share: Share::ALL, checkpoint_every: None, stop: &|| None }
    }
}

/// How a run of an experiment ended.
#[derive(Debug)]
pub enum End {
    /// It had ended before.
    Before(Ended),
    /// It ran to its end, diverged, or was interrupted.
    Now(TrainSummary),
    /// Another process works on it.
    Elsewhere,
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

/// Runs what is left of a plan, `options.jobs` runs at a time with the machine's threads divided among them: the runs of
/// its share in the plan's order, then all that no other process has taken. Returns how each run ended, in the order of the
/// plan. Repeated after an interruption it goes on from the checkpoints to the same bits. What another process works on is
/// left to it, and looked at again when this one has done something else: it may have ended by then, or its process may be
/// gone.
pub fn run(
    plan: &Plan,
    data: &HashMap<DatasetKind, Dataset>,
    options: &ExperimentOptions,
    observer: &dyn ExperimentObserver,
) -> Vec<End> {
    let machine = options.machine.divided(options.jobs);
    let session = Session { machine: &machine, checkpoint_every: options.checkpoint_every, stop: options.stop };
    let one = |run: usize| {
        let end = one(plan, run, data, &session, observer);
        if !matches!(end, End::Elsewhere) {
            observer.end(run, &end);
        }
        end
    };
    let mut left = options.share.order(&plan.costs());
    let mut ends: Vec<End> = plan.runs.iter().map(|_| End::NotBegun).collect();
    let mut is_working = true;
    while is_working && !left.is_empty() {
        let pass = in_turn(&left, options.jobs, &one);
        is_working = pass.iter().any(|end| matches!(end, End::Now(_)));
        left.iter().zip(pass).for_each(|(run, end)| ends[*run] = end);
        left.retain(|run| matches!(ends[*run], End::Elsewhere));
    }
    left.into_iter().for_each(|run| observer.end(run, &End::Elsewhere));
    ends
}

/// How these runs end, begun in this order, so many at a time.
fn in_turn(runs: &[usize], jobs: usize, one: &(dyn Fn(usize) -> End + Sync)) -> Vec<End> {
    let next = AtomicUsize::new(0);
    let ends: Vec<OnceLock<End>> = runs.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let Some(place) = ends.get(turn) else { break };
            place.get_or_init(|| one(runs[turn]));
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
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
    let if_exists = if planned.anew { IfExists::Replace } else { IfExists::Resume };
    // Another process may have begun or ended it since the experiment was planned.
    let (dir, start) = match session::open(&planned.spec, &planned.dir, if_exists) {
        Ok(Opened::Begun(dir, start)) => (dir, start),
        Ok(Opened::Ended(ended)) => return End::Before(ended),
        Err(e) if matches!(e.downcast_ref(), Some(Failure::InUse(_))) => return End::Elsewhere,
        Err(e) => return End::Failed(e),
    };
    let Some(data) = data.get(&planned.spec.dataset) else {
        return End::Failed(anyhow::anyhow!(
            "it had ended when the experiment was planned, and has been changed since; repeat the command"
        ));
    };
    let observer = observer.begin(run);
    session.train(&planned.spec, data, (dir, start), &*observer).map_or_else(End::Failed, End::Now)
}

/// How the runs of an experiment ended, beside what they found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs that an error ended, or did not let begin.
    pub errors: usize,
    /// Runs that another process works on.
    pub elsewhere: usize,
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
                End::Elsewhere => tally.elsewhere += 1,
                _ => {}
            }
        }
        tally
    }
}
