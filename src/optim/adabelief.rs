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

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::optimizer::check_adam_like;
use super::{Optimizer, Rule, bias_correction};

/// AdaBelief over variables.
pub type AdaBelief = Optimizer<AdaBeliefRule>;

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

impl Rule for AdaBeliefRule {
    fn slots(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_var"]
    }

    fn validate(&self) -> crate::error::Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)
    }

    fn step(&self, t: u64, g: &Tensor, state: &mut [Tensor]) -> Result<Tensor> {
        let (beta1, beta2) = (self.beta1, self.beta2);
        let m = ((&state[0] * beta1)? + (g * (1.0 - beta1))?)?;
        let surprise = (g - &m)?.sqr()?;
        let s = (((&state[1] * beta2)? + (surprise * (1.0 - beta2))?)? + self.eps)?;
        let m_hat = (&m / bias_correction(beta1, t))?;
        let s_hat = (&s / bias_correction(beta2, t))?;
        state[0] = m;
        state[1] = s;
        m_hat / (s_hat.sqrt()? + self.eps)?
    }
}
