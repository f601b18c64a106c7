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

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::optimizer::check_adam_like;
use super::{Optimizer, Rule, bias_correction};

/// Adam over variables.
pub type Adam = Optimizer<AdamRule>;

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

impl Rule for AdamRule {
    fn slots(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    fn validate(&self) -> crate::error::Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)
    }

    fn step(&self, t: u64, g: &Tensor, state: &mut [Tensor]) -> Result<Tensor> {
        let (beta1, beta2) = (self.beta1, self.beta2);
        let m = ((&state[0] * beta1)? + (g * (1.0 - beta1))?)?;
        let v = ((&state[1] * beta2)? + (g.sqr()? * (1.0 - beta2))?)?;
        let m_hat = (&m / bias_correction(beta1, t))?;
        let v_hat = (&v / bias_correction(beta2, t))?;
        state[0] = m;
        state[1] = v;
        m_hat / (v_hat.sqrt()? + self.eps)?
    }
}
