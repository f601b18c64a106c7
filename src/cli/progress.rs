//! Progress: a bar on a terminal, one plain line an epoch elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::model::Totals;
use crate::train::{Observer, Row};

/// How a run's progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// A bar where standard error is a terminal, else a line an epoch on standard output.
    Auto,
    /// The same, but nothing on standard output: that belongs to --json.
    Stderr,
    /// Nothing.
    Nothing,
}

/// Shows one run.
pub struct Progress {
    bar: ProgressBar,
    show: Show,
    epochs: u64,
    now: Mutex<Now>,
}

/// What the bar's text says.
#[derive(Default)]
struct Now {
    epoch: u64,
    step: u64,
    totals: Totals,
}

impl Progress {
    /// A display for a run called `name`.
    pub fn new(name: &str, epochs: u64, show: Show) -> Self {
        let terminal = show != Show::Nothing && io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template("{prefix:.bold} [{bar:28.cyan/blue}] {msg} · {rate} · ETA {left}")
                .expect("the template is right")
                .with_key("rate", |state: &ProgressState, w: &mut dyn std::fmt::Write| {
                    let _ = write!(w, "{:.0} images/s", state.per_sec());
                })
                .with_key("left", |state: &ProgressState, w: &mut dyn std::fmt::Write| {
                    let _ = write!(w, "{}", clock(state.eta().as_secs_f64()));
                })
                .progress_chars("█▉▊▋▌▍▎▏ "),
        );
        bar.set_prefix(name.to_string());
        Self { bar, show, epochs, now: Mutex::default() }
    }

    fn line(&self, text: &str) {
        if self.show == Show::Nothing {
            return;
        }
        if !self.bar.is_hidden() {
            self.bar.println(text);
            return;
        }
        // A closed pipe must not end a training run.
        let _ = match self.show {
            Show::Stderr => writeln!(io::stderr(), "{text}"),
            _ => writeln!(io::stdout(), "{text}"),
        };
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn with(&self, change: impl FnOnce(&mut Now)) {
        let mut now = self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut now);
        if !self.bar.is_hidden() {
            let loss = now.totals.mean_loss();
            self.bar.set_message(format!("epoch {}/{} step {} loss {loss:.4}", now.epoch, self.epochs, now.step));
        }
    }
}

impl Observer for Progress {
    fn epoch(&self, epoch: u64, epochs: u64, done: u64, total: u64) {
        self.bar.set_length(epochs.saturating_mul(total));
        let position = (epoch - 1).saturating_mul(total).saturating_add(done);
        if self.bar.position() != position {
            // Resumed: earlier sessions' images are not this session's speed.
            self.bar.set_position(position);
            self.bar.reset_eta();
        }
        self.with(|now| {
            now.epoch = epoch;
            now.totals = Totals::default();
        });
    }

    fn shard(&self, totals: Totals) {
        self.bar.inc(totals.samples);
        self.with(|now| now.totals += totals);
    }

    fn step(&self, step: u64) {
        self.with(|now| now.step = step);
    }

    fn validating(&self) {}

    fn row(&self, row: &Row) {
        let train = match (row.train_loss, row.train_accuracy) {
            (Some(loss), Some(accuracy)) => format!("train loss {loss:.4}  accuracy {:5.2}%  ", 100.0 * accuracy),
            _ => "before training".to_string() + &" ".repeat(18),
        };
        self.line(&format!(
            "epoch {:>3}/{}  {train}validation loss {:.4}  accuracy {:5.2}%  {:.1} s",
            row.epoch,
            self.epochs,
            row.val_loss,
            100.0 * row.val_accuracy,
            row.epoch_seconds
        ));
    }
}

/// Seconds as 1:02:03 or 2:03.
pub fn clock(seconds: f64) -> String {
    let seconds = seconds as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, m, s) => format!("{m}:{s:02}"),
        (h, m, s) => format!("{h}:{m:02}:{s:02}"),
    }
}
