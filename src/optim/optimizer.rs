//! A [`Rule`] carried over all parameters of a model.

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{check_not_negative, check_rate};
use crate::error::Result;

/// How one tensor's gradient becomes its step.
pub trait Rule: Send + Sync {
    /// Names of the state tensors it keeps for each parameter (PyTorch's where PyTorch has them); all start from 0.
    fn slots(&self) -> &'static [&'static str];

    /// Checks its own hyperparameters.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError) that names the setting and its value.
    fn validate(&self) -> Result<()>;

    /// Takes gradient `g` of step `t` (1, 2, …) into `state` (one tensor a slot, shaped like `g`) and returns the step
    /// divided by the learning rate: the caller does θ ← θ − lr · step.
    fn step(&self, t: u64, g: &Tensor, state: &mut [Tensor]) -> candle_core::Result<Tensor>;
}

impl Rule for Box<dyn Rule> {
    fn slots(&self) -> &'static [&'static str] {
        (**self).slots()
    }

    fn validate(&self) -> Result<()> {
        (**self).validate()
    }

    fn step(&self, t: u64, g: &Tensor, state: &mut [Tensor]) -> candle_core::Result<Tensor> {
        (**self).step(t, g, state)
    }
}

/// Learning rate, decoupled weight decay and the rule's own hyperparameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Config<R> {
    /// Learning rate; 1e-3 by default.
    pub lr: f64,
    /// Decoupled weight decay: θ ← θ·(1 − lr·weight_decay) before the step; 0 by default (candle-nn's AdamW: 0.01).
    pub weight_decay: f64,
    /// The hyperparameters of the rule.
    pub rule: R,
}

impl<R: Default> Default for Config<R> {
    fn default() -> Self {
        Self { lr: 1e-3, weight_decay: 0.0, rule: R::default() }
    }
}

/// An optimizer over variables: a [`Rule`], its state for each of them, and the step count.
pub struct Optimizer<R> {
    config: Config<R>,
    vars: Vec<Var>,
    /// One list of slots a variable.
    state: Vec<Vec<Tensor>>,
    t: u64,
}

impl<R: Rule> Optimizer<R> {
    /// An optimizer before its first step.
    ///
    /// # Errors
    /// An impossible hyperparameter, by name.
    pub fn new(vars: Vec<Var>, config: Config<R>) -> Result<Self> {
        check_not_negative("lr", config.lr)?;
        check_not_negative("weight_decay", config.weight_decay)?;
        config.rule.validate()?;
        let zeros = |var: &Var| config.rule.slots().iter().map(|_| var.zeros_like()).collect();
        let state = vars.iter().map(zeros).collect::<candle_core::Result<_>>()?;
        Ok(Self { config, vars, state, t: 0 })
    }

    /// One step with the gradient of each variable, in the order they were given.
    ///
    /// # Errors
    /// Another number of gradients than of variables, or one of another shape.
    pub fn apply(&mut self, grads: &[Tensor]) -> candle_core::Result<()> {
        if grads.len() != self.vars.len() {
            candle_core::bail!("{} gradients for {} variables; give one for each", grads.len(), self.vars.len());
        }
        self.t += 1;
        for ((var, state), g) in self.vars.iter().zip(&mut self.state).zip(grads) {
            Self::update(&self.config, self.t, var, state, g)?;
        }
        Ok(())
    }

    fn update(config: &Config<R>, t: u64, var: &Var, state: &mut [Tensor], g: &Tensor) -> candle_core::Result<()> {
        // Detached: Candle's gradients carry the graph that they came from, and the state would keep all of them alive.
        let step = config.rule.step(t, &g.detach(), state)?;
        let decayed = match config.weight_decay {
            0.0 => var.as_detached_tensor(),
            wd => (var.as_detached_tensor() * (1.0 - config.lr * wd))?,
        };
        var.set(&(decayed - (step * config.lr)?)?)
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.t
    }

    /// State tensors as `(slot, index of the variable, tensor)`, for a checkpoint.
    pub fn state(&self) -> impl Iterator<Item = (&'static str, usize, &Tensor)> {
        let slots = self.config.rule.slots();
        self.state.iter().enumerate().flat_map(move |(i, list)| slots.iter().zip(list).map(move |(s, t)| (*s, i, t)))
    }

    /// Continues from a checkpoint: `steps` done, and `state(slot, index of the variable)`.
    ///
    /// # Errors
    /// What `state` returns, or a tensor that is not shaped like its variable.
    pub fn restore(&mut self, steps: u64, mut state: impl FnMut(&str, usize) -> Result<Tensor>) -> Result<()> {
        let mut restored = Vec::with_capacity(self.vars.len());
        for (i, var) in self.vars.iter().enumerate() {
            let mut list = Vec::new();
            for slot in self.config.rule.slots() {
                let tensor = state(slot, i)?;
                anyhow::ensure!(
                    tensor.shape() == var.shape(),
                    "optimizer state '{slot}' has shape {:?} where its parameter has {:?}",
                    tensor.dims(),
                    var.dims()
                );
                list.push(tensor.to_dtype(var.dtype())?.to_device(var.device())?);
            }
            restored.push(list);
        }
        (self.t, self.state) = (steps, restored);
        Ok(())
    }
}

impl<R: Rule> candle_nn::Optimizer for Optimizer<R> {
    type Config = Config<R>;

    fn new(vars: Vec<Var>, config: Config<R>) -> candle_core::Result<Self> {
        let vars = vars.into_iter().filter(|var| var.dtype().is_float()).collect();
        Optimizer::new(vars, config).map_err(|e| candle_core::Error::Msg(e.to_string()))
    }

    /// Variables without a gradient are left alone; the step counts for them all the same, as in `candle_nn::AdamW`.
    fn step(&mut self, grads: &GradStore) -> candle_core::Result<()> {
        self.t += 1;
        for (var, state) in self.vars.iter().zip(&mut self.state) {
            if let Some(g) = grads.get(var) {
                Self::update(&self.config, self.t, var, state, g)?;
            }
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.config.lr
    }

    fn set_learning_rate(&mut self, lr: f64) {
        self.config.lr = lr;
    }
}

/// Hyperparameters that can be read from a configuration and written back.
pub trait Settings: Rule + Default + Serialize + DeserializeOwned + 'static {}

impl<R: Rule + Default + Serialize + DeserializeOwned + 'static> Settings for R {}

/// The checks that Adam and its relatives share.
pub(super) fn check_adam_like(beta1: f64, beta2: f64, eps: f64) -> Result<()> {
    check_rate("beta1", beta1)?;
    check_rate("beta2", beta2)?;
    check_not_negative("eps", eps)
}
