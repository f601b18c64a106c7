//! AdaBelief: Adam whose denominator is the running mean of (g − m)², the surprise in the gradient.
//!
//! ```text
//! m ← β1 m + (1−β1) g
//! s ← β2 s + (1−β2) (g − m)² + ε
//! θ ← θ − lr · m̂ / (√ŝ + ε)        m̂ = m/(1−β1ᵗ),  ŝ = s/(1−β2ᵗ)
//! ```
//!
//! The centre is the mean after this gradient without bias correction; at t = 1 it is (1−β1) g, so that s = β1² g² and
//! the first step is 1/β1 ≈ 1.11 of Adam's.
//!
//! Reference: Zhuang et al., *AdaBelief Optimizer*, 2020, <https://arxiv.org/abs/2010.07468>. As in `optax.adabelief`
//! with eps = eps_root; without the rectification that the authors' PyTorch package turns on by default.

use serde::{Deserialize, Serialize};

use super::rule::{AdamFactors, check_adam_like};
use super::{Elementwise, MomentSlots, Registered};
use crate::error::Result;

/// Hyperparameters of [AdaBelief](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaBeliefRule {
    /// Decay rate of the running mean of g.
    pub beta1: f64,
    /// Decay rate of the running mean of (g − m)².
    pub beta2: f64,
    /// Added to s in every step, and to the root.
    pub eps: f64,
}

impl Default for AdaBeliefRule {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-16 }
    }
}

impl Registered for AdaBeliefRule {
    const NAME: &'static str = "adabelief";
    const LABEL: &'static str = "AdaBelief";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("beta1", "decay rate of the running mean of the gradient"),
        ("beta2", "decay rate of the running mean of (g − m)²"),
        ("eps", "added to s in every step, and to the root in the denominator"),
    ];
}

impl Elementwise for AdaBeliefRule {
    type State = [f32; 2];
    type Factors = AdamFactors;
    const SLOTS: &'static [&'static str] = &["exp_avg", "exp_avg_var"];

    fn validate(&self) -> Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)
    }

    fn factors(&self, t: u64) -> AdamFactors {
        AdamFactors::new(self.beta1, self.beta2, self.eps, t)
    }

    fn moments(&self, t: u64) -> Option<MomentSlots> {
        Some(self.factors(t).moments(true))
    }

    #[inline(always)]
    fn step(f: AdamFactors, g: f32, [m, s]: &mut [f32; 2]) -> f32 {
        *m = *m * f.beta1 + g * f.rest1;
        let surprise = g - *m;
        *s = *s * f.beta2 + surprise * surprise * f.rest2 + f.eps;
        *m * f.correct1 / ((*s * f.correct2).sqrt() + f.eps)
    }
}
