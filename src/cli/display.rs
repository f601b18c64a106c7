//! The progress of an experiment: on a terminal a bar for the whole and one for each run under way; elsewhere lines.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::console::{Console, Show, clock};
use super::progress::RunDisplay;
use crate::analysis::{Fate, words};
use crate::config::{Extent, RunSpec};
use crate::experiment::{Cost, End, ExperimentObserver, Pace, Plan};
use crate::model::Totals;
use crate::number::loss;
use crate::run_dir::{Row, State};
use crate::train::{Observer, Outcome, TrainSummary};

/// Parts of the whole bar.
const PARTS: u64 = 10_000;

/// Shows an experiment.
pub struct ExperimentDisplay<'a> {
    plan: &'a Plan,
    /// By run.
    costs: &'a [Cost],
    jobs: usize,
    console: Console,
    whole: ProgressBar,
    pace: Arc<Mutex<Pace>>,
    began: Instant,
}

impl<'a> ExperimentDisplay<'a> {
    pub fn new(plan: &'a Plan, costs: &'a [Cost], jobs: usize, show: Show) -> Self {
        let left = plan.runs.iter().zip(costs).map(|(run, cost)| cost.of(run.left));
        let pace = Arc::new(Mutex::new(Pace::new(left, jobs)));
        let (console, began) = (Console::new(show), Instant::now());
        let whole = console.bars.add(ProgressBar::new(PARTS));
        let shared = pace.clone();
        let eta = move |_: &ProgressState, w: &mut dyn std::fmt::Write| {
            let left = lock(&shared).seconds_left(began.elapsed().as_secs_f64());
            let _ = left.map_or(Ok(()), |left| write!(w, " · ETA {}", clock(left)));
        };
        whole.set_style(
            ProgressStyle::with_template("{wide_msg} [{bar:16.green/blue}] {percent:>14}%{left:>15}")
                .expect("the template is right")
                .with_key("left", eta)
                .progress_chars("█▉▊▋▌▍▎▏ "),
        );
        let display = Self { plan, costs, jobs, console, whole, pace, began };
        display.count(0);
        if display.console.has_bars() {
            display.whole.enable_steady_tick(Duration::from_millis(500));
        }
        display
    }

    fn count(&self, runs: usize) {
        self.whole.set_message(format!("{runs}/{} runs done", self.plan.runs.len()));
    }

    fn title(&self, run: usize) -> String {
        format!("[{}/{}] {}", run + 1, self.plan.runs.len(), self.plan.runs[run].title)
    }

    fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn advance(&self, run: usize, work: f64) {
        let mut pace = lock(&self.pace);
        pace.advance(run, work);
        let share = pace.share_done();
        drop(pace); // the bar's text locks it too
        if self.console.has_bars() {
            self.whole.set_position((share * PARTS as f64) as u64);
        }
    }
}

impl Drop for ExperimentDisplay<'_> {
    fn drop(&mut self) {
        self.whole.finish_and_clear();
    }
}

impl ExperimentObserver for ExperimentDisplay<'_> {
    fn begin(&self, run: usize) -> Box<dyn Observer + '_> {
        lock(&self.pace).begin(run, self.now());
        let (title, planned) = (self.title(run), &self.plan.runs[run]);
        let lines = if self.console.has_bars() {
            None
        } else {
            self.console.line(&format!("{title} → {}", planned.dir.display()));
            Some(if self.jobs > 1 { format!("{title}  ") } else { String::new() })
        };
        let progress = RunDisplay::new(&self.console, &title, &planned.spec, lines);
        Box::new(Running { display: self, run, progress })
    }

    fn end(&self, run: usize, end: &End) {
        let (runs, left) = {
            let mut pace = lock(&self.pace);
            pace.end(run, self.now());
            (pace.ended(), pace.seconds_left(self.now()))
        };
        self.count(runs);
        let title = self.title(run);
        let more = runs < self.plan.runs.len();
        let left = left.filter(|_| more).map_or(String::new(), |left| format!(" · {} left", clock(left)));
        match end {
            End::Before(ended) => {
                let dir = self.plan.runs[run].dir.display();
                let repaired = if ended.repaired { format!(" ({})", words::REPAIRED) } else { String::new() };
                self.console.line(&format!("{title}: done already, in {dir}{repaired}"));
            }
            End::Elsewhere => {
                self.console.line(&format!("{title}: in work elsewhere, in {}", self.plan.runs[run].dir.display()));
            }
            End::Now(summary) => {
                let left = if matches!(summary.outcome, Outcome::Interrupted(_)) { "" } else { &left };
                self.console.line(&format!("{title}: {}{left}", result(summary, &self.plan.runs[run].spec)));
            }
            End::Failed(e) => self.console.error(&format!("error: {title}: {e:#}")),
            End::NotBegun => {}
        }
    }
}

/// One run of it.
struct Running<'a> {
    display: &'a ExperimentDisplay<'a>,
    run: usize,
    progress: RunDisplay,
}

impl Running<'_> {
    fn cost(&self) -> Cost {
        self.display.costs[self.run]
    }
}

impl Observer for Running<'_> {
    fn epoch(&self, epoch: u64, extent: &Extent, done: u64) {
        self.progress.epoch(epoch, extent, done);
    }

    fn shard(&self, totals: Totals) {
        self.progress.shard(totals);
        self.display.advance(self.run, self.cost().trained * totals.samples as f64);
    }

    fn step(&self, _step: u64) {
        self.display.advance(self.run, self.cost().step);
    }

    fn validated(&self, totals: Totals) {
        self.display.advance(self.run, self.cost().validated * totals.samples as f64);
    }

    fn row(&self, row: &Row) {
        self.progress.row(row);
    }

    fn note(&self, text: &str) {
        self.progress.note(text);
    }
}

/// What came out, in a line.
fn result(summary: &TrainSummary, spec: &RunSpec) -> String {
    let Some(last) = summary.rows.last() else { return "interrupted before anything was measured".to_string() };
    let took = clock(last.wall_seconds);
    match summary.outcome {
        Outcome::Finished => format!(
            "finished in {took}, validation loss {}, accuracy {:.2}%{}",
            loss(last.val_loss),
            100.0 * last.val_accuracy,
            words::fate(Fate::of(State::Finished, &summary.rows, spec))
        ),
        Outcome::Diverged => format!("FAILED: diverged in epoch {} after {took}", last.epoch),
        Outcome::Interrupted(_) => format!("interrupted after {}", spec.so_far(last.epoch, last.step)),
    }
}

fn lock(pace: &Mutex<Pace>) -> std::sync::MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}
