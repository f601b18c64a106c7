//! Where text and progress bars go, so that they do not overwrite each other.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use console::Term;
use indicatif::{FormattedDuration, MultiProgress, ProgressDrawTarget};

use crate::analysis::export::Paper;
use crate::shell::{visible, visible_in_color};

/// Standard output: as wide as the terminal, in colours where it has some and NO_COLOR is not set; elsewhere the default.
pub fn paper() -> Paper {
    match Term::stdout().size_checked() {
        Some((_, width)) => Paper { width: usize::from(width).max(20), color: console::colors_enabled() },
        None => Paper::default(),
    }
}

/// A text as standard output gets it: only the colours of [`paper`] may be in it beside letters.
pub fn shown(text: &str) -> Cow<'_, str> {
    if paper().color { visible_in_color(text) } else { visible(text) }
}

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
        let text = visible(text);
        let _ = match self.show {
            Show::Nothing => Ok(()),
            _ if self.has_bars() => self.bars.println(text),
            Show::Stderr => writeln!(io::stderr(), "{text}"),
            Show::Auto => writeln!(io::stdout(), "{text}"),
        };
    }

    /// Prints a line on standard error, also where nothing else is shown.
    pub fn error(&self, text: &str) {
        let text = visible(text);
        let _ = if self.has_bars() { self.bars.println(text) } else { writeln!(io::stderr(), "{text}") };
    }
}

/// Seconds as 01:02:03; what took any time took a second at least.
pub fn clock(seconds: f64) -> FormattedDuration {
    FormattedDuration(Duration::from_secs(seconds.ceil() as u64))
}
