//! Adagrad: the gradient over the root of the sum of all its squares, so that steps shrink like 1/√t.
//!
//! ```text
//! v ← v + g²
//! θ ← θ − lr · g / (√v + ε)
//! ```
//!
//! Reference: Duchi, Hazan & Singer, *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization*, 2011.
//! Agrees with `torch.optim.Adagrad` at its defaults, but for the learning rate, which is 1e-2 there.

use serde::{Deserialize, Serialize};

use super::{Elementwise, Registered, check_not_negative};
use crate::error::Result;

/// Hyperparameters of [Adagrad](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdagradRule {
    /// Added to the root.
    pub eps: f64,
}

impl Default for AdagradRule {
    fn default() -> Self {
        Self { eps: 1e-10 }
    }
}

impl Registered for AdagradRule {
    const NAME: &'static str = "adagrad";
    const LABEL: &'static str = "Adagrad";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("eps", "added to the root in the denominator"),
    ];
}

impl Elementwise for AdagradRule {
    type State = [f32; 1];
    type Factors = f32;
    const SLOTS: &'static [&'static str] = &["sum"];

    fn validate(&self) -> Result<()> {
        check_not_negative("eps", self.eps)
    }

    fn factors(&self, _t: u64) -> f32 {
        self.eps as f32
    }

    #[inline(always)]
    fn step(eps: f32, g: f32, [v]: &mut [f32; 1]) -> f32 {
        *v += g * g;
        g / (v.sqrt() + eps)
    }
}
