//! AdamW: [Adam](super::adam) with the decoupled weight decay that PyTorch's users expect of it.
//!
//! ```text
//! θ ← θ·(1 − lr·wd)          wd = 0.01 where none is asked for
//! θ ← θ − lr · m̂ / (√v̂ + ε)   as in Adam
//! ```
//!
//! Every optimizer here decouples its decay, so that this is Adam with another default: `adam` with `weight_decay = 0.01`
//! makes the same bits.
//!
//! Reference: Loshchilov & Hutter, *Decoupled Weight Decay Regularization*, 2017, <https://arxiv.org/abs/1711.05101>.
//! Agrees with `torch.optim.AdamW`.

use serde::{Deserialize, Serialize};

use super::rule::{AdamFactors, check_adam_like};
use super::{AdamRule, Elementwise, Registered};
use crate::error::Result;

/// Hyperparameters of [AdamW](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWRule {
    /// Decay rate of the running mean of g.
    pub beta1: f64,
    /// Decay rate of the running mean of g².
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
}

impl Default for AdamWRule {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl Registered for AdamWRule {
    const NAME: &'static str = "adamw";
    const LABEL: &'static str = "AdamW";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("beta1", "decay rate of the running mean of the gradient"),
        ("beta2", "decay rate of the running mean of the squared gradient"),
        ("eps", "added to the root in the denominator"),
    ];
    const WEIGHT_DECAY: f64 = 0.01;
}

impl Elementwise for AdamWRule {
    type State = [f32; 2];
    type Factors = AdamFactors;
    const SLOTS: &'static [&'static str] = AdamRule::SLOTS;

    fn validate(&self) -> Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)
    }

    fn factors(&self, t: u64) -> AdamFactors {
        AdamFactors::new(self.beta1, self.beta2, self.eps, t)
    }

    #[inline(always)]
    fn step(f: AdamFactors, g: f32, state: &mut [f32; 2]) -> f32 {
        AdamRule::step(f, g, state)
    }
}
