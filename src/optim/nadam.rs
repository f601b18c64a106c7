//! NAdam: Adam with Nesterov's momentum, whose rate warms up.
//!
//! ```text
//! μₜ = β1 (1 − ½ · 0.96^(t ψ))
//! m ← β1 m + (1−β1) g
//! v ← β2 v + (1−β2) g²
//! m̂ = μₜ₊₁ m / (1 − μ₁…μₜ₊₁) + (1−μₜ) g / (1 − μ₁…μₜ)
//! θ ← θ − lr · m̂ / (√v̂ + ε)        v̂ = v/(1−β2ᵗ)
//! ```
//!
//! Reference: Dozat, *Incorporating Nesterov Momentum into Adam*, 2016. Agrees with `torch.optim.NAdam`, whose default
//! learning rate is 2e-3; optax's has no ψ.

use serde::{Deserialize, Serialize};

use super::rule::{AdamFactors, check_adam_like};
use super::{Elementwise, Registered, check_not_negative};
use crate::error::Result;

/// Hyperparameters of [NAdam](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NAdamRule {
    /// Decay rate of the running mean of g.
    pub beta1: f64,
    /// Decay rate of the running mean of g².
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
    /// ψ, how fast the momentum warms up; 0 leaves it at β1/2.
    pub momentum_decay: f64,
}

impl Default for NAdamRule {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, momentum_decay: 4e-3 }
    }
}

impl Registered for NAdamRule {
    const NAME: &'static str = "nadam";
    const LABEL: &'static str = "NAdam";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("beta1", "decay rate of the running mean of the gradient"),
        ("beta2", "decay rate of the running mean of the squared gradient"),
        ("eps", "added to the root in the denominator"),
        ("momentum_decay", "how fast the momentum warms up to beta1; 0 leaves it at half of it"),
    ];
}

/// What all elements share in a step.
#[derive(Clone, Copy, Debug)]
pub struct NAdamFactors {
    adam: AdamFactors,
    /// μₜ₊₁ / (1 − μ₁…μₜ₊₁)
    of_mean: f32,
    /// (1−μₜ) / (1 − μ₁…μₜ)
    of_gradient: f32,
}

impl NAdamRule {
    fn momentum(&self, t: u64) -> f64 {
        self.beta1 * (1.0 - 0.5 * 0.96f64.powf(t as f64 * self.momentum_decay))
    }
}

impl Elementwise for NAdamRule {
    type State = [f32; 2];
    type Factors = NAdamFactors;
    const SLOTS: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn validate(&self) -> Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)?;
        check_not_negative("momentum_decay", self.momentum_decay)
    }

    fn factors(&self, t: u64) -> NAdamFactors {
        let mut product = 1.0;
        for i in 1..=t {
            product *= self.momentum(i);
            // from here on 1 − product is 1
            if product < 1e-17 {
                break;
            }
        }
        let (now, next) = (self.momentum(t), self.momentum(t + 1));
        NAdamFactors {
            adam: AdamFactors::new(self.beta1, self.beta2, self.eps, t),
            of_mean: (next / (1.0 - product * next)) as f32,
            of_gradient: ((1.0 - now) / (1.0 - product)) as f32,
        }
    }

    #[inline(always)]
    fn step(f: NAdamFactors, g: f32, [m, v]: &mut [f32; 2]) -> f32 {
        let NAdamFactors { adam, of_mean, of_gradient } = f;
        *m = *m * adam.beta1 + g * adam.rest1;
        *v = *v * adam.beta2 + g * g * adam.rest2;
        (*m * of_mean + g * of_gradient) / ((*v * adam.correct2).sqrt() + adam.eps)
    }
}
