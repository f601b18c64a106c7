//! Stochastic gradient descent with momentum.
//!
//! ```text
//! b ← g if t = 1, else μ b + g
//! θ ← θ − lr · b
//! ```
//!
//! Reference: Sutskever et al., *On the importance of initialization and momentum in deep learning*, 2013; written as in
//! `torch.optim.SGD` (no dampening, no Nesterov): the learning rate stands outside the buffer.

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::{Optimizer, Rule, check_rate};

/// SGD with momentum over variables.
pub type Sgd = Optimizer<SgdRule>;

/// Hyperparameters of [SGD](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdRule {
    /// μ; 0 is plain gradient descent.
    pub momentum: f64,
}

impl Default for SgdRule {
    fn default() -> Self {
        Self { momentum: 0.9 }
    }
}

impl Rule for SgdRule {
    fn slots(&self) -> &'static [&'static str] {
        &["momentum_buffer"]
    }

    fn validate(&self) -> crate::error::Result<()> {
        check_rate("momentum", self.momentum)
    }

    /// The buffer starts from 0, which makes b = g at t = 1 as well.
    fn step(&self, _t: u64, g: &Tensor, state: &mut [Tensor]) -> Result<Tensor> {
        state[0] = ((&state[0] * self.momentum)? + g)?;
        Ok(state[0].clone())
    }
}
