//! Optimizers: one file each, its equations on top; command line, configurations, tests and charts read the list below.
//!
//! An optimizer is a [`Rule`] over the flat vector of all parameters; most are [`Elementwise`] and no more than their
//! formula. [`Optimizer`] carries a rule with its state through a training run. [`CandleOptimizer`] makes any of them a
//! [`candle_nn::Optimizer`], so that it stands where `AdamW` stood. Adding one is a new file and a
//! line below; from another crate, [`register`].
//!
//! Notation in every file, after Kingma & Ba: θ parameters, g gradient, t = 1, 2, … the step, everything elementwise.
//! Weight decay is decoupled (Loshchilov & Hutter): θ ← θ·(1 − lr·wd) before the step.

mod candle;
pub mod graft;
mod optimizer;
mod registry;
mod rule;

pub use candle::{CandleOptimizer, Config};
pub use graft::{GraftRule, GraftSettings, Scope};
pub use optimizer::{Moments, Optimizer, StateTensor};
pub use registry::{BoxedRule, Entry, Registered, entries, find, names, place, register};
pub use rule::{DecayOn, ElementState, Elementwise, MomentSlots, Rule, Slot, Step, WeightDecay};
pub use snradam::Centering;

use crate::error::Result;
use crate::usage;

macro_rules! optimizers {
    ($($file:ident::$rule:ident / $over_variables:ident,)*) => {
        $(
            pub mod $file;
            pub use $file::$rule;
            #[doc = concat!("[`", stringify!($rule), "`] over Candle variables.")]
            pub type $over_variables = CandleOptimizer<$rule>;
        )*

        /// The optimizers of this crate, see [`entries`].
        const fn built_in() -> &'static [Entry] {
            const { &[$(Entry::of::<$rule>(),)* graft::ENTRY] }
        }
    };
}

optimizers! {
    adam::AdamRule / Adam,
    snradam::SnrAdamRule / SnrAdam,
    adabelief::AdaBeliefRule / AdaBelief,
    sgd::SgdRule / Sgd,
    adamw::AdamWRule / AdamW,
    nadam::NAdamRule / NAdam,
    radam::RAdamRule / RAdam,
    amsgrad::AmsGradRule / AmsGrad,
    adamax::AdamaxRule / Adamax,
    rmsprop::RmsPropRule / RmsProp,
    adagrad::AdagradRule / Adagrad,
    lion::LionRule / Lion,
    muon::MuonRule / Muon,
    lamb::LambRule / Lamb,
    schedulefree::ScheduleFreeRule / ScheduleFree,
}

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
