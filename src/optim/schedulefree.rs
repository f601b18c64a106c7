//! Schedule-free AdamW: an average of the iterates in place of a schedule that falls.
//!
//! ```text
//! y = (1−β1) z + β1 x                          where the gradient is taken; x = y = z = θ₀ before the first step
//! v ← β2 v + (1−β2) g²
//! z ← z − lr · (g / (√v̂ + ε) + wd · y)          v̂ = v/(1−β2ᵗ)
//! x ← (1−c) x + c z                            c = w/Σw,  w = (largest lr so far)²
//! ```
//!
//! The parameters in training are y, those to evaluate are x = (y − (1−β1) z) / β1. A warm-up is wanted (the authors' too):
//! the weights w follow the learning rate, so that its steps count for less. Weight decay acts at y.
//!
//! Reference: Defazio et al., *The Road Less Scheduled*, 2024, <https://arxiv.org/abs/2405.15682>. As `AdamWScheduleFree` in
//! facebookresearch/schedule_free with r = 0 and weight_lr_power = 2; its default learning rate is 2.5e-3.

use serde::{Deserialize, Serialize};

use super::rule::{AdamFactors, check_adam_like};
use super::{Registered, Rule, Slot, Step};
use crate::error::Result;
use crate::model::Layout;
use crate::usage;

/// Hyperparameters of [Schedule-Free](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleFreeRule {
    /// Share of the average in the point where the gradient is taken.
    pub beta1: f64,
    /// Decay rate of the running mean of g².
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
}

impl Default for ScheduleFreeRule {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl Registered for ScheduleFreeRule {
    const NAME: &'static str = "schedulefree";
    const LABEL: &'static str = "Schedule-Free";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("beta1", "share of the average in the point where the gradient is taken"),
        ("beta2", "decay rate of the running mean of the squared gradient"),
        ("eps", "added to the root in the denominator"),
    ];
}

impl Rule for ScheduleFreeRule {
    fn validate(&self) -> Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)?;
        if self.beta1 == 0.0 {
            usage!("beta1 = 0 leaves out the average that schedulefree evaluates; it must be more than 0 and less than 1");
        }
        Ok(())
    }

    fn slots(&self, _layout: &Layout) -> Vec<Slot> {
        let [v, z] = ["exp_avg_sq", "z"].map(|name| Slot::PerElement(name.into()));
        let [sum, largest] = ["weight_sum", "lr_max"].map(|name| Slot::Shaped(name.into(), vec![1]));
        vec![v, z, sum, largest]
    }

    fn update(
        &self,
        step: &Step,
        y: &[f32],
        grads: &[f32],
        state: &mut [Vec<f32>],
        update: &mut [f32],
    ) -> Result<()> {
        let [v, z, sum, largest] = state else { unreachable!("a vector for each slot") };
        if step.t == 1 {
            z.copy_from_slice(y);
        }
        let lr = step.lr as f32;
        // Σw in units of the newest w: at a constant rate it counts the steps, exactly.
        let before = largest[0];
        largest[0] = before.max(lr);
        let grown = if before < largest[0] { before / largest[0] } else { 1.0 };
        sum[0] = sum[0] * grown * grown + 1.0;
        let c = 1.0 / sum[0];
        let (beta1, f) = (self.beta1 as f32, AdamFactors::new(self.beta1, self.beta2, self.eps, step.t));
        let of_step = lr * (1.0 - beta1 * (1.0 - c));
        for parameter in step.layout.iter() {
            let decay = step.weight_decay.of(parameter.role) as f32;
            for i in parameter.range.clone() {
                v[i] = v[i] * f.beta2 + grads[i] * grads[i] * f.rest2;
                let d = grads[i] / ((v[i] * f.correct2).sqrt() + f.eps) + decay * y[i];
                update[i] = of_step * d - c * (z[i] - y[i]);
                z[i] -= lr * d;
            }
        }
        Ok(())
    }

    fn decays(&self) -> bool {
        true
    }

    fn evaluation_params(&self, y: &[f32], state: &[Vec<f32>]) -> Option<Vec<f32>> {
        let (beta1, rest1) = (self.beta1 as f32, (1.0 - self.beta1) as f32);
        Some(y.iter().zip(&state[1]).map(|(y, z)| (y - rest1 * z) / beta1).collect())
    }
}
