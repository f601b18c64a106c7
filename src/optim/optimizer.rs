//! A [`Rule`] with its state and step count.

use std::sync::Arc;

use anyhow::ensure;
use pulp::Arch;

#[cfg(doc)]
use super::MomentSlots;
use super::{Rule, Slot, Step, WeightDecay, check_not_negative};
use crate::error::Result;
use crate::model::Layout;

/// An optimizer over the flat vector of a model's parameters.
pub struct Optimizer<R> {
    rule: R,
    weight_decay: WeightDecay,
    layout: Arc<Layout>,
    slots: Vec<Slot>,
    /// A vector for each slot.
    state: Vec<Vec<f32>>,
    /// What the last step subtracted.
    update: Vec<f32>,
    t: u64,
}

/// A tensor of an optimizer's state as a checkpoint has it.
pub struct StateTensor<'a> {
    /// `exp_avg.head.weight`; of a slot that is not by element, the slot's name alone.
    pub name: String,
    pub shape: &'a [usize],
    pub values: &'a [f32],
}

/// Running moments of the gradient by element, each with the factor that corrects its bias; see [`MomentSlots`].
#[derive(Clone, Copy, Debug)]
pub struct Moments<'a> {
    pub mean: (&'a [f32], f32),
    pub second: (&'a [f32], f32),
    pub centred: bool,
    pub eps: f32,
}

impl<R: Rule> Optimizer<R> {
    /// An optimizer before its first step, with decoupled `weight_decay`: a rate for all parameters, or a
    /// [`WeightDecay`].
    ///
    /// # Errors
    /// An impossible hyperparameter, by name.
    pub fn new(layout: Arc<Layout>, weight_decay: impl Into<WeightDecay>, rule: R) -> Result<Self> {
        let weight_decay = weight_decay.into();
        check_not_negative("weight_decay", weight_decay.rate)?;
        rule.validate()?;
        let slots = rule.slots(&layout);
        let len = |slot: &Slot| match slot {
            Slot::PerElement(_) => layout.len(),
            Slot::Shaped(_, shape) => shape.iter().product(),
        };
        let state = slots.iter().map(|slot| vec![0.0; len(slot)]).collect();
        let update = vec![0.0; layout.len()];
        Ok(Self { rule, weight_decay, layout, slots, state, update, t: 0 })
    }

    /// One step at the learning rate `lr`: θ ← θ·(1 − lr·weight decay) − update.
    ///
    /// # Errors
    /// Vectors of another length than the layout's, and what the rule says.
    pub fn step(&mut self, lr: f64, params: &mut [f32], grads: &[f32]) -> Result<()> {
        self.update(lr, params, grads)?;
        self.apply(lr, params);
        Ok(())
    }

    /// The second half of a [`step`](Self::step), after its [`update`](Self::update): moves the parameters by it.
    pub fn apply(&self, lr: f64, params: &mut [f32]) {
        for parameter in self.layout.iter() {
            let rate = if self.rule.decays() { 0.0 } else { self.weight_decay.of(parameter.role) };
            let keep = (1.0 - lr * rate) as f32;
            let (params, update) = (&mut params[parameter.range.clone()], &self.update[parameter.range.clone()]);
            Arch::new().dispatch(
                #[inline(always)]
                || params.iter_mut().zip(update).for_each(|(theta, update)| *theta = *theta * keep - update),
            );
        }
    }

    /// The first half of a [`step`](Self::step): takes the gradients in, moves no parameter, and returns what is to be
    /// subtracted from the decayed ones.
    ///
    /// # Errors
    /// As for a step.
    pub fn update(&mut self, lr: f64, params: &[f32], grads: &[f32]) -> Result<&[f32]> {
        let len = self.layout.len();
        ensure!(
            params.len() == len && grads.len() == len,
            "{} parameters and {} gradients for an optimizer over {len}; give one of each",
            params.len(),
            grads.len()
        );
        self.t += 1;
        let step = Step { layout: &self.layout, t: self.t, lr, weight_decay: self.weight_decay };
        self.rule.update(&step, params, grads, &mut self.state, &mut self.update)?;
        Ok(&self.update)
    }

    /// What the last [`step`](Self::step) or [`update`](Self::update) subtracted from the decayed parameters; 0 before the first.
    pub fn last_update(&self) -> &[f32] {
        &self.update
    }

    /// The rule's running moments as they are now.
    pub fn moments(&self) -> Option<Moments<'_>> {
        let slots = self.rule.moments(self.t)?;
        let at = |(slot, correct): (usize, f32)| (self.state[slot].as_slice(), correct);
        Some(Moments { mean: at(slots.mean), second: at(slots.second), centred: slots.centred, eps: slots.eps })
    }

    /// See [`Rule::evaluation_params`].
    pub fn evaluation_params(&self, params: &[f32]) -> Option<Vec<f32>> {
        self.rule.evaluation_params(params, &self.state)
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.t
    }

    /// The state, for a checkpoint.
    pub fn state(&self) -> Vec<StateTensor<'_>> {
        let mut tensors = Vec::new();
        for (slot, values) in self.slots.iter().zip(&self.state) {
            match slot {
                Slot::PerElement(slot) => tensors.extend(self.layout.iter().map(|parameter| StateTensor {
                    name: format!("{slot}.{}", parameter.name),
                    shape: &parameter.shape,
                    values: &values[parameter.range.clone()],
                })),
                Slot::Shaped(name, shape) => tensors.push(StateTensor { name: name.to_string(), shape, values }),
            }
        }
        tensors
    }

    /// Continues from a checkpoint: `steps` done, and `take(name, shape)` gives the values of each tensor of
    /// [`state`](Self::state).
    ///
    /// # Errors
    /// What `take` returns.
    pub fn restore(&mut self, steps: u64, mut take: impl FnMut(&str, &[usize]) -> Result<Vec<f32>>) -> Result<()> {
        let mut state: Vec<Vec<f32>> = self.slots.iter().map(|_| Vec::new()).collect();
        for (slot, values) in self.slots.iter().zip(&mut state) {
            match slot {
                Slot::PerElement(slot) => {
                    for parameter in self.layout.iter() {
                        values.extend(take(&format!("{slot}.{}", parameter.name), &parameter.shape)?);
                    }
                }
                Slot::Shaped(name, shape) => *values = take(name, shape)?,
            }
        }
        (self.t, self.state) = (steps, state);
        Ok(())
    }

    /// The slots that have a number for each element: what belongs to a parameter lies in its range.
    pub(super) fn state_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        self.slots.iter().zip(&mut self.state).filter(|(slot, _)| matches!(slot, Slot::PerElement(_))).map(|(_, v)| v)
    }
}
