//! AMSGrad: Adam that divides by the largest v so far, so that no step grows because v has been forgotten.
//!
//! ```text
//! m ← β1 m + (1−β1) g
//! v ← β2 v + (1−β2) g²
//! w ← max(w, v)
//! θ ← θ − lr · m̂ / (√ŵ + ε)        m̂ = m/(1−β1ᵗ),  ŵ = w/(1−β2ᵗ)
//! ```
//!
//! Reference: Reddi et al., *On the Convergence of Adam and Beyond*, 2018, <https://arxiv.org/abs/1904.09237>. Agrees with
//! `torch.optim.Adam(amsgrad=True)`; the article has no bias correction, and optax takes the maximum after it.

use serde::{Deserialize, Serialize};

use super::rule::{AdamFactors, check_adam_like};
use super::{Elementwise, Registered};
use crate::error::Result;

/// Hyperparameters of [AMSGrad](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AmsGradRule {
    /// Decay rate of the running mean of g.
    pub beta1: f64,
    /// Decay rate of the running mean of g².
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
}

impl Default for AmsGradRule {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl Registered for AmsGradRule {
    const NAME: &'static str = "amsgrad";
    const LABEL: &'static str = "AMSGrad";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("beta1", "decay rate of the running mean of the gradient"),
        ("beta2", "decay rate of the running mean of the squared gradient"),
        ("eps", "added to the root in the denominator"),
    ];
}

impl Elementwise for AmsGradRule {
    type State = [f32; 3];
    type Factors = AdamFactors;
    const SLOTS: &'static [&'static str] = &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];

    fn validate(&self) -> Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)
    }

    fn factors(&self, t: u64) -> AdamFactors {
        AdamFactors::new(self.beta1, self.beta2, self.eps, t)
    }

    #[inline(always)]
    fn step(f: AdamFactors, g: f32, [m, v, largest]: &mut [f32; 3]) -> f32 {
        *m = *m * f.beta1 + g * f.rest1;
        *v = *v * f.beta2 + g * g * f.rest2;
        *largest = largest.max(*v);
        *m * f.correct1 / ((*largest * f.correct2).sqrt() + f.eps)
    }
}
