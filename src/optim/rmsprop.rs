//! RMSprop: the gradient over the root of the running mean of its square, with momentum.
//!
//! ```text
//! v ← α v + (1−α) g²
//! b ← μ b + g / (√v + ε)
//! θ ← θ − lr · b
//! ```
//!
//! Reference: Tieleman & Hinton, *Lecture 6.5: RMSProp*, 2012. Agrees with `torch.optim.RMSprop` (not centred), whose default
//! learning rate is 1e-2; TensorFlow adds ε under the root.

use serde::{Deserialize, Serialize};

use super::{Elementwise, Registered, check_not_negative, check_rate};
use crate::error::Result;

/// Hyperparameters of [RMSprop](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RmsPropRule {
    /// α, decay rate of the running mean of g².
    pub alpha: f64,
    /// Added to the root.
    pub eps: f64,
    /// μ; 0 is no momentum.
    pub momentum: f64,
}

impl Default for RmsPropRule {
    fn default() -> Self {
        Self { alpha: 0.99, eps: 1e-8, momentum: 0.0 }
    }
}

impl Registered for RmsPropRule {
    const NAME: &'static str = "rmsprop";
    const LABEL: &'static str = "RMSprop";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("alpha", "decay rate of the running mean of the squared gradient"),
        ("eps", "added to the root in the denominator"),
        ("momentum", "share of the last step that the next one keeps"),
    ];
}

/// What all elements share in a step.
#[derive(Clone, Copy, Debug)]
pub struct RmsPropFactors {
    alpha: f32,
    /// 1 − α
    rest: f32,
    eps: f32,
    momentum: f32,
}

impl Elementwise for RmsPropRule {
    type State = [f32; 2];
    type Factors = RmsPropFactors;
    const SLOTS: &'static [&'static str] = &["square_avg", "momentum_buffer"];

    fn validate(&self) -> Result<()> {
        check_rate("alpha", self.alpha)?;
        check_rate("momentum", self.momentum)?;
        check_not_negative("eps", self.eps)
    }

    fn factors(&self, _t: u64) -> RmsPropFactors {
        RmsPropFactors {
            alpha: self.alpha as f32,
            rest: (1.0 - self.alpha) as f32,
            eps: self.eps as f32,
            momentum: self.momentum as f32,
        }
    }

    #[inline(always)]
    fn step(f: RmsPropFactors, g: f32, [v, b]: &mut [f32; 2]) -> f32 {
        *v = *v * f.alpha + g * g * f.rest;
        *b = *b * f.momentum + g / (v.sqrt() + f.eps);
        *b
    }
}
