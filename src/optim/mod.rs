//! Optimizers: one file each, its equations on top, and the registry that CLI, configurations, tests and charts read.
//!
//! An optimizer is a [`Rule`]: how one tensor's gradient becomes the step of that tensor. [`Optimizer`] carries a rule
//! over all parameters of a model; it implements [`candle_nn::Optimizer`], so any of them stands where `AdamW` stood.
//! Adding one is a new file and a line in [`REGISTRY`].
//!
//! Notation in every file, after Kingma & Ba: θ parameters, g gradient, t = 1, 2, … the step, everything elementwise.
//! Weight decay is decoupled (Loshchilov & Hutter): θ ← θ·(1 − lr·wd) before the step.

pub mod adabelief;
pub mod adam;
mod optimizer;
mod registry;
pub mod sgd;
pub mod snradam;

pub use adabelief::{AdaBelief, AdaBeliefRule};
pub use adam::{Adam, AdamRule};
pub use optimizer::{Config, Optimizer, Rule};
pub use registry::{BoxedRule, Entry, REGISTRY, find, names};
pub use sgd::{Sgd, SgdRule};
pub use snradam::{Centering, SnrAdam, SnrAdamRule};

use crate::error::Result;
use crate::usage;

/// Checks that a decay rate lies in [0, 1).
pub(crate) fn check_rate(name: &str, value: f64) -> Result<()> {
    if !(0.0..1.0).contains(&value) {
        usage!("{name} = {value} is not a decay rate; it must be at least 0 and less than 1, such as 0.9");
    }
    Ok(())
}

/// Checks that a setting is finite and not negative.
pub(crate) fn check_not_negative(name: &str, value: f64) -> Result<()> {
    if !value.is_finite() || value < 0.0 {
        usage!("{name} = {value} is impossible; it must be a finite number, 0 or more");
    }
    Ok(())
}

/// 1 − βᵗ, the bias correction of a running mean with rate β after t terms.
pub(crate) fn bias_correction(beta: f64, t: u64) -> f64 {
    -(beta.ln() * t as f64).exp_m1()
}
