//! Adam.
//!
//! ```text
//! m ← β1 m + (1−β1) g
//! v ← β2 v + (1−β2) g²
//! θ ← θ − lr · m̂ / (√v̂ + ε)        m̂ = m/(1−β1ᵗ),  v̂ = v/(1−β2ᵗ)
//! ```
//!
//! Reference: Kingma & Ba, *Adam: A Method for Stochastic Optimization*, 2014, <https://arxiv.org/abs/1412.6980>.
//! Agrees with `torch.optim.Adam`; optax writes the same. Keras adds ε before the bias correction ("ε hat"), this does not.

use serde::{Deserialize, Serialize};

use super::rule::{AdamFactors, check_adam_like};
use super::{Elementwise, MomentSlots, Registered};
use crate::error::Result;

/// Hyperparameters of [Adam](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamRule {
    /// Decay rate of the running mean of g.
    pub beta1: f64,
    /// Decay rate of the running mean of g².
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
}

impl Default for AdamRule {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl Registered for AdamRule {
    const NAME: &'static str = "adam";
    const LABEL: &'static str = "Adam";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("beta1", "decay rate of the running mean of the gradient"),
        ("beta2", "decay rate of the running mean of the squared gradient"),
        ("eps", "added to the root in the denominator"),
    ];
}

impl Elementwise for AdamRule {
    type State = [f32; 2];
    type Factors = AdamFactors;
    const SLOTS: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn validate(&self) -> Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)
    }

    fn factors(&self, t: u64) -> AdamFactors {
        AdamFactors::new(self.beta1, self.beta2, self.eps, t)
    }

    fn moments(&self, t: u64) -> Option<MomentSlots> {
        Some(self.factors(t).moments(false))
    }

    #[inline(always)]
    fn step(f: AdamFactors, g: f32, [m, v]: &mut [f32; 2]) -> f32 {
        *m = *m * f.beta1 + g * f.rest1;
        *v = *v * f.beta2 + g * g * f.rest2;
        *m * f.correct1 / ((*v * f.correct2).sqrt() + f.eps)
    }
}
