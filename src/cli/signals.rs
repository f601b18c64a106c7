//! Ctrl-C and SIGTERM: in training the first ends the step in flight and the second the process; elsewhere, while data are
//! loaded or figures drawn, the first ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::Result;

/// Remembers which signal came.
#[derive(Clone)]
pub struct Signals {
    number: Arc<AtomicUsize>,
    /// Whether the next signal ends the process.
    at_once: Arc<AtomicBool>,
}

impl Signals {
    /// Starts to listen. Outside [`gracefully`](Self::gracefully) a signal ends the process, with exit code 128 + its number.
    pub fn listen() -> Result<Self> {
        let signals = Self { number: Arc::default(), at_once: Arc::new(AtomicBool::new(true)) };
        for signal in [SIGINT, SIGTERM] {
            // In this order: the shutdown is conditional on an earlier signal, and only then is this one noted.
            flag::register_conditional_shutdown(signal, 128 + signal, signals.at_once.clone())
                .and_then(|_| flag::register(signal, signals.at_once.clone()))
                .and_then(|_| flag::register_usize(signal, signals.number.clone(), signal as usize))
                .context("cannot listen for signals")?;
        }
        Ok(signals)
    }

    /// Does `work`, which asks for [`pending`](Self::pending) signals; only a second one ends the process meanwhile.
    pub fn gracefully<T>(&self, work: impl FnOnce() -> T) -> T {
        self.at_once.store(self.pending().is_some(), Ordering::SeqCst);
        let result = work();
        self.at_once.store(true, Ordering::SeqCst);
        result
    }

    /// The signal that came, if one did.
    pub fn pending(&self) -> Option<i32> {
        match self.number.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal as i32),
        }
    }
}

/// Makes a write beyond the file size limit (`ulimit -f`) an error that can be reported, where SIGXFSZ would end the
/// process silently. Where that fails, it stays as it was.
pub fn report_file_size_limit() {
    #[cfg(unix)]
    let _ = flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}
