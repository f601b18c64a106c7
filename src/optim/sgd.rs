//! Stochastic gradient descent with momentum.
//!
//! ```text
//! b ← g if t = 1, else μ b + g
//! θ ← θ − lr · b
//! ```
//!
//! Reference: Sutskever et al., *On the importance of initialization and momentum in deep learning*, 2013; written as in
//! `torch.optim.SGD` (no dampening, no Nesterov): the learning rate stands outside the buffer.

use serde::{Deserialize, Serialize};

use super::{Elementwise, Registered, check_rate};
use crate::error::Result;

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

impl Registered for SgdRule {
    const NAME: &'static str = "sgd";
    const LABEL: &'static str = "SGD";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("momentum", "share of the last step that the next one keeps; 0 is plain gradient descent"),
    ];
}

impl Elementwise for SgdRule {
    type State = [f32; 1];
    type Factors = f32;
    const SLOTS: &'static [&'static str] = &["momentum_buffer"];

    fn validate(&self) -> Result<()> {
        check_rate("momentum", self.momentum)
    }

    fn factors(&self, _t: u64) -> f32 {
        self.momentum as f32
    }

    /// The buffer starts from 0, which makes b = g at t = 1 as well.
    #[inline(always)]
    fn step(momentum: f32, g: f32, [b]: &mut [f32; 1]) -> f32 {
        *b = *b * momentum + g;
        *b
    }
}
