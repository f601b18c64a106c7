//! Adamax: Adam with the largest gradient, slowly forgotten, in place of the root.
//!
//! ```text
//! m ← β1 m + (1−β1) g
//! u ← max(β2 u, |g| + ε)
//! θ ← θ − lr · m̂ / u        m̂ = m/(1−β1ᵗ)
//! ```
//!
//! Reference: Kingma & Ba, *Adam: A Method for Stochastic Optimization*, 2014, section 7.1,
//! <https://arxiv.org/abs/1412.6980>. Agrees with `torch.optim.Adamax`, whose default learning rate is 2e-3.

use serde::{Deserialize, Serialize};

use super::rule::{AdamFactors, check_adam_like};
use super::{Elementwise, Registered};
use crate::error::Result;

/// Hyperparameters of [Adamax](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamaxRule {
    /// Decay rate of the running mean of g.
    pub beta1: f64,
    /// Decay rate of the largest |g|.
    pub beta2: f64,
    /// Added to |g|.
    pub eps: f64,
}

impl Default for AdamaxRule {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl Registered for AdamaxRule {
    const NAME: &'static str = "adamax";
    const LABEL: &'static str = "Adamax";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("beta1", "decay rate of the running mean of the gradient"),
        ("beta2", "decay rate of the largest absolute gradient"),
        ("eps", "added to the absolute gradient"),
    ];
}

impl Elementwise for AdamaxRule {
    type State = [f32; 2];
    type Factors = AdamFactors;
    const SLOTS: &'static [&'static str] = &["exp_avg", "exp_inf"];

    fn validate(&self) -> Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)
    }

    fn factors(&self, t: u64) -> AdamFactors {
        AdamFactors::new(self.beta1, self.beta2, self.eps, t)
    }

    #[inline(always)]
    fn step(f: AdamFactors, g: f32, [m, u]: &mut [f32; 2]) -> f32 {
        *m = *m * f.beta1 + g * f.rest1;
        *u = (*u * f.beta2).max(g.abs() + f.eps);
        *m * f.correct1 / *u
    }
}
