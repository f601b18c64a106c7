//! Ctrl-C and SIGTERM: the first ends the step in flight, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::Result;

/// Remembers which signal came.
#[derive(Clone, Default)]
pub struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// Starts to listen.
    pub fn listen() -> Result<Self> {
        let signals = Self::default();
        let seen = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the shutdown is conditional on an earlier signal, and only then is this one noted.
            flag::register_conditional_shutdown(signal, 128 + signal, seen.clone())
                .and_then(|_| flag::register(signal, seen.clone()))
                .and_then(|_| flag::register_usize(signal, signals.0.clone(), signal as usize))
                .context("cannot listen for signals")?;
        }
        Ok(signals)
    }

    /// The signal that came, if one did.
    pub fn pending(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(signal as i32),
        }
    }
}
