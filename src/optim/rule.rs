//! What an optimizer is: a [`Rule`] over the flat vector of all parameters.

use pulp::Arch;
use serde::{Deserialize, Serialize};

use super::{bias_correction, check_not_negative, check_rate};
use crate::error::Result;
use crate::model::{Layout, Role};

/// Decoupled weight decay (Loshchilov & Hutter): θ ← θ·(1 − lr·rate) before the step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WeightDecay {
    pub rate: f64,
    pub on: DecayOn,
}

/// The parameters that decay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecayOn {
    /// All of them, as in `torch.optim`.
    #[default]
    All,
    /// Weights of linear layers and convolutions: biases, norms, class token and positions do not, as in timm's recipes.
    Matrices,
}

impl From<f64> for WeightDecay {
    fn from(rate: f64) -> Self {
        Self { rate, on: DecayOn::All }
    }
}

impl WeightDecay {
    /// The rate of a parameter of that role.
    pub fn of(&self, role: Role) -> f64 {
        match self.on {
            DecayOn::Matrices if role != Role::Matrix => 0.0,
            _ => self.rate,
        }
    }
}

/// What a rule may use in a step, beside parameters, gradients and state.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Name, shape, role and place of every parameter.
    pub layout: &'a Layout,
    /// 1, 2, …
    pub t: u64,
    /// Learning rate of this step, after the schedule.
    pub lr: f64,
    /// Only a rule that [decays](Rule::decays) itself needs it.
    pub weight_decay: WeightDecay,
}

/// A vector that a rule keeps from step to step; all start from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Slot {
    /// One number for each element of the parameters; in a checkpoint one tensor for each parameter.
    PerElement(String),
    /// Of any other shape; `[1]` is a number.
    Shaped(String, Vec<usize>),
}

/// How gradients move parameters. Most rules treat every element alike and implement [`Elementwise`] instead.
///
/// A rule is a pure function of what it is given: the same bits, whatever the number of threads.
pub trait Rule: Send + Sync {
    /// Checks its own hyperparameters.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError) that names the setting and its value.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// What it keeps (PyTorch's names where PyTorch has them).
    fn slots(&self, layout: &Layout) -> Vec<Slot>;

    /// Writes into `update` what this step subtracts from the parameters after their decay: lr·m̂/(√v̂ + ε) for Adam.
    /// `params`, `grads` and `update` are flat in the order of the layout: a rule may couple all tensors. `state` has a
    /// vector for each slot.
    fn update(
        &self,
        step: &Step,
        params: &[f32],
        grads: &[f32],
        state: &mut [Vec<f32>],
        update: &mut [f32],
    ) -> Result<()>;

    /// Whether weight decay is part of its update, where others leave it to [`Optimizer`](super::Optimizer).
    fn decays(&self) -> bool {
        false
    }

    /// The parameters to evaluate, where they are others than those in training (averages, schedule-free methods).
    fn evaluation_params(&self, _params: &[f32], _state: &[Vec<f32>]) -> Option<Vec<f32>> {
        None
    }

    /// Where its running moments of the gradient are after step `t`, for measurements; `None` for a rule without.
    fn moments(&self, _t: u64) -> Option<MomentSlots> {
        None
    }
}

/// The places in the state of a rule's running mean of the gradient and of the running mean of squares or variance whose
/// root it divides by, each with the factor that corrects its bias.
#[derive(Clone, Copy, Debug)]
pub struct MomentSlots {
    pub mean: (usize, f32),
    pub second: (usize, f32),
    /// Whether the second is a variance, which is taken around a mean.
    pub centred: bool,
    /// Added to the root.
    pub eps: f32,
}

/// A rule that treats every element alike, by its own gradient and state.
pub trait Elementwise: Send + Sync {
    /// What it keeps of an element: `[f32; 2]` for two slots.
    type State: ElementState;
    /// What all elements share in a step, such as bias corrections.
    type Factors: Copy;
    /// Names of the slots (PyTorch's where PyTorch has them); all start from 0.
    const SLOTS: &'static [&'static str];

    /// Checks its own hyperparameters.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError) that names the setting and its value.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// What all elements share in step `t` (1, 2, …).
    fn factors(&self, t: u64) -> Self::Factors;

    /// Takes the gradient `g` into `state` and returns the step divided by the learning rate. To be `#[inline(always)]`:
    /// it is compiled into a loop over vectors.
    fn step(factors: Self::Factors, g: f32, state: &mut Self::State) -> f32;

    /// See [`Rule::moments`].
    fn moments(&self, _t: u64) -> Option<MomentSlots> {
        None
    }
}

impl<E: Elementwise> Rule for E {
    fn validate(&self) -> Result<()> {
        Elementwise::validate(self)
    }

    fn slots(&self, _layout: &Layout) -> Vec<Slot> {
        E::SLOTS.iter().map(|name| Slot::PerElement(name.to_string())).collect()
    }

    fn update(
        &self,
        step: &Step,
        _params: &[f32],
        grads: &[f32],
        state: &mut [Vec<f32>],
        update: &mut [f32],
    ) -> Result<()> {
        let lr = step.lr as f32;
        let factors = self.factors(step.t);
        // No fused multiply-add is asked for, and none is made: the bits do not depend on the instruction set.
        Arch::new().dispatch(
            #[inline(always)]
            || {
                E::State::for_each(
                    state,
                    grads,
                    update,
                    #[inline(always)]
                    |g, state| E::step(factors, g, state) * lr,
                )
            },
        );
        Ok(())
    }

    fn moments(&self, t: u64) -> Option<MomentSlots> {
        Elementwise::moments(self, t)
    }
}

impl Rule for Box<dyn Rule> {
    fn validate(&self) -> Result<()> {
        (**self).validate()
    }

    fn slots(&self, layout: &Layout) -> Vec<Slot> {
        (**self).slots(layout)
    }

    fn update(
        &self,
        step: &Step,
        params: &[f32],
        grads: &[f32],
        state: &mut [Vec<f32>],
        update: &mut [f32],
    ) -> Result<()> {
        (**self).update(step, params, grads, state, update)
    }

    fn decays(&self) -> bool {
        (**self).decays()
    }

    fn evaluation_params(&self, params: &[f32], state: &[Vec<f32>]) -> Option<Vec<f32>> {
        (**self).evaluation_params(params, state)
    }

    fn moments(&self, t: u64) -> Option<MomentSlots> {
        (**self).moments(t)
    }
}

/// The state of one element: an array, of which number k lies in slot k.
pub trait ElementState: Sized {
    /// update\[i\] ← f(grads\[i\], state of i) for every i.
    fn for_each(state: &mut [Vec<f32>], grads: &[f32], update: &mut [f32], f: impl Fn(f32, &mut Self) -> f32);
}

impl<const N: usize> ElementState for [f32; N] {
    #[inline(always)]
    fn for_each(state: &mut [Vec<f32>], grads: &[f32], update: &mut [f32], f: impl Fn(f32, &mut Self) -> f32) {
        let n = grads.len();
        let mut state = state.iter_mut();
        let slots: [&mut [f32]; N] = std::array::from_fn(|_| &mut state.next().expect("a vector for each slot")[..n]);
        let update = &mut update[..n];
        for i in 0..n {
            let mut element: [f32; N] = std::array::from_fn(|k| slots[k][i]);
            update[i] = f(grads[i], &mut element);
            for k in 0..N {
                slots[k][i] = element[k];
            }
        }
    }
}

/// What all elements share in a step of Adam and its relatives.
#[derive(Clone, Copy, Debug)]
pub struct AdamFactors {
    pub beta1: f32,
    /// 1 − β1
    pub rest1: f32,
    /// 1 / (1 − β1ᵗ)
    pub correct1: f32,
    pub beta2: f32,
    /// 1 − β2
    pub rest2: f32,
    /// 1 / (1 − β2ᵗ)
    pub correct2: f32,
    pub eps: f32,
}

impl AdamFactors {
    /// Computed in f64, rounded once.
    pub fn new(beta1: f64, beta2: f64, eps: f64, t: u64) -> Self {
        Self {
            beta1: beta1 as f32,
            rest1: (1.0 - beta1) as f32,
            correct1: (1.0 / bias_correction(beta1, t)) as f32,
            beta2: beta2 as f32,
            rest2: (1.0 - beta2) as f32,
            correct2: (1.0 / bias_correction(beta2, t)) as f32,
            eps: eps as f32,
        }
    }

    /// The moments of a rule with the slots mean and second.
    pub fn moments(self, centred: bool) -> MomentSlots {
        MomentSlots { mean: (0, self.correct1), second: (1, self.correct2), centred, eps: self.eps }
    }
}

/// ‖x‖, summed in order and in f64.
pub(super) fn norm(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
}

/// The checks that Adam and its relatives share.
pub(super) fn check_adam_like(beta1: f64, beta2: f64, eps: f64) -> Result<()> {
    check_rate("beta1", beta1)?;
    check_rate("beta2", beta2)?;
    check_not_negative("eps", eps)
}
