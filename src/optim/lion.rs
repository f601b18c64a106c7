//! Lion: the sign of the momentum, so that every element moves by the learning rate.
//!
//! ```text
//! θ ← θ − lr · sign(β1 m + (1−β1) g)        sign(0) = 0
//! m ← β2 m + (1−β2) g
//! ```
//!
//! Its steps are larger than Adam's: the authors take a learning rate 3 to 10 times smaller, and a weight decay as many times
//! larger.
//!
//! Reference: Chen et al., *Symbolic Discovery of Optimization Algorithms*, 2023, <https://arxiv.org/abs/2302.06675>. Agrees
//! with `optax.lion` and `timm.optim.Lion`, whose weight decay is coupled in the same way.

use serde::{Deserialize, Serialize};

use super::{Elementwise, Registered, check_rate};
use crate::error::Result;

/// Hyperparameters of [Lion](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LionRule {
    /// Share of the mean in what the sign is taken of.
    pub beta1: f64,
    /// Decay rate of the running mean of g.
    pub beta2: f64,
}

impl Default for LionRule {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.99 }
    }
}

impl Registered for LionRule {
    const NAME: &'static str = "lion";
    const LABEL: &'static str = "Lion";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("beta1", "share of the running mean in what the sign is taken of"),
        ("beta2", "decay rate of the running mean of the gradient"),
    ];
}

/// What all elements share in a step: β1, 1 − β1, β2, 1 − β2.
type LionFactors = [f32; 4];

impl Elementwise for LionRule {
    type State = [f32; 1];
    type Factors = LionFactors;
    const SLOTS: &'static [&'static str] = &["exp_avg"];

    fn validate(&self) -> Result<()> {
        check_rate("beta1", self.beta1)?;
        check_rate("beta2", self.beta2)
    }

    fn factors(&self, _t: u64) -> LionFactors {
        [self.beta1, 1.0 - self.beta1, self.beta2, 1.0 - self.beta2].map(|x| x as f32)
    }

    #[inline(always)]
    fn step([beta1, rest1, beta2, rest2]: LionFactors, g: f32, [m]: &mut [f32; 1]) -> f32 {
        let mixed = *m * beta1 + g * rest1;
        *m = *m * beta2 + g * rest2;
        // not `signum`, which is 1 at 0
        f32::from(mixed > 0.0) - f32::from(mixed < 0.0)
    }
}
