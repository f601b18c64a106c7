//! RAdam: Adam that leaves the root out until the variance of its estimate is known, and rectifies it from there on.
//!
//! ```text
//! m ← β1 m + (1−β1) g
//! v ← β2 v + (1−β2) g²
//! ρ∞ = 2/(1−β2) − 1        ρₜ = ρ∞ − 2t β2ᵗ/(1−β2ᵗ)
//! θ ← θ − lr · m̂                                          ρₜ ≤ 5
//! θ ← θ − lr · r · m̂ · √(1−β2ᵗ) / (√v + ε)                ρₜ > 5
//! r = √( (ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ) )               m̂ = m/(1−β1ᵗ)
//! ```
//!
//! Reference: Liu et al., *On the Variance of the Adaptive Learning Rate and Beyond*, 2019,
//! <https://arxiv.org/abs/1908.03265>. Agrees with `torch.optim.RAdam`, which adds ε before the bias correction.

use serde::{Deserialize, Serialize};

use super::rule::{AdamFactors, check_adam_like};
use super::{Elementwise, Registered, bias_correction};
use crate::error::Result;

/// Hyperparameters of [RAdam](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RAdamRule {
    /// Decay rate of the running mean of g.
    pub beta1: f64,
    /// Decay rate of the running mean of g².
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
}

impl Default for RAdamRule {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl Registered for RAdamRule {
    const NAME: &'static str = "radam";
    const LABEL: &'static str = "RAdam";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("beta1", "decay rate of the running mean of the gradient"),
        ("beta2", "decay rate of the running mean of the squared gradient"),
        ("eps", "added to the root in the denominator"),
    ];
}

/// What all elements share in a step.
#[derive(Clone, Copy, Debug)]
pub struct RAdamFactors {
    adam: AdamFactors,
    /// r √(1−β2ᵗ); the root is left out where it is `None`.
    rectified: Option<f32>,
}

impl Elementwise for RAdamRule {
    type State = [f32; 2];
    type Factors = RAdamFactors;
    const SLOTS: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn validate(&self) -> Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)
    }

    fn factors(&self, t: u64) -> RAdamFactors {
        let corrected = bias_correction(self.beta2, t);
        let infinity = 2.0 / (1.0 - self.beta2) - 1.0;
        let rho = infinity - 2.0 * t as f64 * (1.0 - corrected) / corrected;
        let rectification = || {
            let of = |rho: f64| (rho - 4.0) * (rho - 2.0) / rho;
            (of(rho) / of(infinity)).sqrt() * corrected.sqrt()
        };
        RAdamFactors {
            adam: AdamFactors::new(self.beta1, self.beta2, self.eps, t),
            rectified: (rho > 5.0).then(|| rectification() as f32),
        }
    }

    #[inline(always)]
    fn step(f: RAdamFactors, g: f32, [m, v]: &mut [f32; 2]) -> f32 {
        let RAdamFactors { adam, rectified } = f;
        *m = *m * adam.beta1 + g * adam.rest1;
        *v = *v * adam.beta2 + g * g * adam.rest2;
        let m_hat = *m * adam.correct1;
        match rectified {
            Some(r) => m_hat * r / (v.sqrt() + adam.eps),
            None => m_hat,
        }
    }
}
