//! LAMB: Adam whose step is scaled, tensor by tensor, to the length of the parameters.
//!
//! ```text
//! r = m̂ / (√v̂ + ε) + wd · θ                m, v, m̂ and v̂ as in Adam
//! θ ← θ − lr · ‖θ‖/‖r‖ · r                  the ratio is 1 where one of the norms is 0
//! ```
//!
//! Weight decay is part of r, and so of the ratio. Norms are Euclidean, over each tensor, summed in f64.
//!
//! Reference: You et al., *Large Batch Optimization for Deep Learning: Training BERT in 76 minutes*, 2019,
//! <https://arxiv.org/abs/1904.00962>, with φ(z) = z. `timm.optim.Lamb` agrees with `always_adapt=True, max_grad_norm=None`: by
//! default it takes the ratio only where there is decay, and clips the gradient.

use serde::{Deserialize, Serialize};

use super::rule::{check_adam_like, norm};
use super::AdamRule;
use super::{Registered, Rule, Slot, Step};
use crate::error::Result;
use crate::model::Layout;

/// Hyperparameters of [LAMB](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LambRule {
    /// Decay rate of the running mean of g.
    pub beta1: f64,
    /// Decay rate of the running mean of g².
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
}

impl Default for LambRule {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-6 }
    }
}

impl Registered for LambRule {
    const NAME: &'static str = "lamb";
    const LABEL: &'static str = "LAMB";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("beta1", "decay rate of the running mean of the gradient"),
        ("beta2", "decay rate of the running mean of the squared gradient"),
        ("eps", "added to the root in the denominator"),
    ];
}

impl Rule for LambRule {
    fn validate(&self) -> Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)
    }

    fn slots(&self, _layout: &Layout) -> Vec<Slot> {
        ["exp_avg", "exp_avg_sq"].map(|name| Slot::PerElement(name.into())).to_vec()
    }

    fn update(
        &self,
        step: &Step,
        params: &[f32],
        grads: &[f32],
        state: &mut [Vec<f32>],
        update: &mut [f32],
    ) -> Result<()> {
        let adam = AdamRule { beta1: self.beta1, beta2: self.beta2, eps: self.eps };
        adam.update(&Step { lr: 1.0, ..*step }, params, grads, state, update)?;
        for parameter in step.layout.iter() {
            let (theta, r) = (&params[parameter.range.clone()], &mut update[parameter.range.clone()]);
            let decay = step.weight_decay.of(parameter.role) as f32;
            r.iter_mut().zip(theta).for_each(|(r, theta)| *r += decay * theta);
            let (size, own) = (norm(theta), norm(r));
            let trust = if size > 0.0 && own > 0.0 { size / own } else { 1.0 };
            let scale = (step.lr * trust) as f32;
            r.iter_mut().for_each(|r| *r *= scale);
        }
        Ok(())
    }

    fn decays(&self) -> bool {
        true
    }
}
