//! Where text and progress bars go, so that neither tears the other.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressDrawTarget};

/// What is shown while something runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Bars where standard error is a terminal, else lines on standard output.
    Auto,
    /// The same, but nothing on standard output: that belongs to --json.
    Stderr,
    /// Nothing but errors.
    Nothing,
}

/// Lines and bars.
#[derive(Clone)]
pub struct Console {
    pub bars: MultiProgress,
    show: Show,
}

impl Console {
    pub fn new(show: Show) -> Self {
        let terminal = show != Show::Nothing && io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), show }
    }

    /// Whether bars are seen.
    pub fn has_bars(&self) -> bool {
        !self.bars.is_hidden()
    }

    /// Prints a line, above the bars if there are any. A closed pipe must not end a training run.
    pub fn line(&self, text: &str) {
        let _ = match self.show {
            Show::Nothing => Ok(()),
            _ if self.has_bars() => self.bars.println(text),
            Show::Stderr => writeln!(io::stderr(), "{text}"),
            Show::Auto => writeln!(io::stdout(), "{text}"),
        };
    }

    /// Prints a line on standard error, also where nothing else is shown.
    pub fn error(&self, text: &str) {
        let _ = if self.has_bars() { self.bars.println(text) } else { writeln!(io::stderr(), "{text}") };
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

/// Seconds in words, to two units: 3 h 20 min.
pub fn roughly(seconds: f64) -> String {
    let seconds = Duration::try_from_secs_f64(seconds).map_or(u64::MAX, |time| time.as_secs());
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, 0) => "less than a second".to_string(),
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, s) if m < 10 => format!("{m} min {s} s"),
        (0, 0, m, _) => format!("{m} min"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, h, ..) => format!("{d} d {h} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_words() {
        let words = [0.4, 12.3, 95.0, 1000.0, 12_000.0, 200_000.0].map(roughly);
        assert_eq!(words, ["less than a second", "12 s", "1 min 35 s", "16 min", "3 h 20 min", "2 d 7 h"]);
        assert_eq!([clock(59.9), clock(3661.0)], ["0:59", "1:01:01"]);
    }
}
