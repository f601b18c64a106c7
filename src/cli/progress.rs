//! The progress of one run: a bar on a terminal, one plain line an epoch elsewhere.

use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::console::{Console, clock};
use crate::config::{Extent, RunSpec};
use crate::model::Totals;
use crate::number::loss;
use crate::run_dir::Row;
use crate::train::Observer;

/// Shows one run, until it is dropped.
pub struct RunDisplay {
    console: Console,
    bar: ProgressBar,
    name: String,
    spec: RunSpec,
    /// What begins the line of an epoch; `None` where epochs have no lines.
    lines: Option<String>,
    now: Mutex<Now>,
}

/// What the bar's text says.
#[derive(Default)]
struct Now {
    epoch: u64,
    epochs: u64,
    totals: Totals,
}

impl RunDisplay {
    /// A display for a run called `name`, whose bar stands above the last one that is there, and which prints a line for each
    /// epoch that begins with `lines`.
    pub fn new(console: &Console, name: &str, spec: &RunSpec, lines: Option<String>) -> Self {
        let bar = console.bars.insert_from_back(1, ProgressBar::no_length());
        bar.set_style(
            ProgressStyle::with_template("{wide_msg} [{bar:16.cyan/blue}] {rate:>15}{left:>15}")
                .expect("the template is right")
                .with_key("rate", |state: &ProgressState, w: &mut dyn std::fmt::Write| {
                    // nothing before a rate is known
                    let _ = match state.per_sec() {
                        rate if rate >= 0.5 => write!(w, "{rate:.0} images/s"),
                        _ => Ok(()),
                    };
                })
                .with_key("left", |state: &ProgressState, w: &mut dyn std::fmt::Write| {
                    let _ = match state.per_sec() {
                        rate if rate >= 0.5 => write!(w, " · ETA {}", clock(state.eta().as_secs_f64())),
                        _ => Ok(()),
                    };
                })
                .progress_chars("█▉▊▋▌▍▎▏ "),
        );
        bar.set_message(name.to_string());
        Self { console: console.clone(), bar, name: name.to_string(), spec: spec.clone(), lines, now: Mutex::default() }
    }

    fn with(&self, change: impl FnOnce(&mut Now)) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut now);
        if self.console.has_bars() {
            let loss = loss(now.totals.mean_loss());
            self.bar.set_message(format!("{} · epoch {}/{} · loss {loss}", self.name, now.epoch, now.epochs));
        }
    }
}

impl Drop for RunDisplay {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.console.bars.remove(&self.bar);
    }
}

impl Observer for RunDisplay {
    fn epoch(&self, epoch: u64, extent: &Extent, done: u64) {
        self.bar.set_length(extent.samples);
        let position = (epoch - 1).saturating_mul(extent.images).saturating_add(done);
        if self.bar.position() != position {
            // Resumed: earlier sessions' images are not this session's speed.
            self.bar.set_position(position);
            self.bar.reset_eta();
        }
        self.with(|now| {
            (now.epoch, now.epochs) = (epoch, extent.epochs);
            now.totals = Totals::default();
        });
    }

    fn shard(&self, totals: Totals) {
        self.bar.inc(totals.samples);
        self.with(|now| now.totals += totals);
    }

    fn note(&self, text: &str) {
        self.console.line(&format!("note: {text}"));
    }

    fn row(&self, row: &Row) {
        let Some(prefix) = &self.lines else { return };
        let train = match (row.train_loss, row.train_accuracy) {
            (Some(train), Some(accuracy)) => {
                format!("train loss {}  accuracy {:5.2}%  ", loss(train), 100.0 * accuracy)
            }
            _ => "before training".to_string() + &" ".repeat(18),
        };
        let now = match self.spec.steps {
            None => format!("epoch {:>3}/{}", row.epoch, self.spec.epochs),
            Some(steps) => format!("step {:>4}/{steps}", row.step),
        };
        self.console.line(&format!(
            "{prefix}{now}  {train}validation loss {}  accuracy {:5.2}%  {:.1} s",
            loss(row.val_loss),
            100.0 * row.val_accuracy,
            row.epoch_seconds
        ));
    }
}
