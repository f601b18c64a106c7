//! Any [`Rule`] as a [`candle_nn::Optimizer`], where `AdamW` stood.

use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{DType, Error, Result, Tensor, Var};

use super::{Optimizer, Rule, check_not_negative};
use crate::model::{Init, Layout, Role};

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

/// An optimizer over Candle variables of f32.
pub struct CandleOptimizer<R> {
    optimizer: Optimizer<R>,
    layout: Arc<Layout>,
    vars: Vec<Var>,
    lr: f64,
}

impl<R: Rule> candle_nn::Optimizer for CandleOptimizer<R> {
    type Config = Config<R>;

    /// Names of the variables are not known: a matrix is what has two dimensions or more, a bias the rest.
    fn new(vars: Vec<Var>, config: Config<R>) -> Result<Self> {
        let vars: Vec<Var> = vars.into_iter().filter(|var| var.dtype() == DType::F32).collect();
        let mut layout = Layout::default();
        for (i, var) in vars.iter().enumerate() {
            let role = if var.rank() > 1 { Role::Matrix } else { Role::Bias };
            layout.push(i.to_string(), var.dims(), role, Init::Constant(0.0));
        }
        let layout = Arc::new(layout);
        let optimizer = check_not_negative("lr", config.lr)
            .and_then(|()| Optimizer::new(layout.clone(), config.weight_decay, config.rule))
            .map_err(to_candle)?;
        Ok(Self { optimizer, layout, vars, lr: config.lr })
    }

    /// Variables without a gradient are left alone; the step counts for them all the same, as in `candle_nn::AdamW`.
    fn step(&mut self, grads: &GradStore) -> Result<()> {
        let flat = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let (mut params, mut gradient) = (Vec::new(), Vec::new());
        let mut missing = Vec::new();
        for (var, parameter) in self.vars.iter().zip(self.layout.iter()) {
            params.extend(flat(var)?);
            match grads.get(var) {
                Some(g) => gradient.extend(flat(g)?),
                None => {
                    gradient.resize(parameter.range.end, 0.0);
                    missing.push(parameter.range.clone());
                }
            }
        }
        let kept: Vec<Vec<f32>> = match missing.is_empty() {
            true => Vec::new(),
            false => self.optimizer.state_mut().map(|values| values.clone()).collect(),
        };
        self.optimizer.step(self.lr, &mut params, &gradient).map_err(to_candle)?;
        for range in missing {
            for (now, before) in self.optimizer.state_mut().zip(&kept) {
                now[range.clone()].copy_from_slice(&before[range.clone()]);
            }
        }
        for (var, parameter) in self.vars.iter().zip(self.layout.iter()) {
            if grads.get(var).is_some() {
                var.set(&Tensor::from_slice(&params[parameter.range.clone()], var.shape(), var.device())?)?;
            }
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.lr
    }

    fn set_learning_rate(&mut self, lr: f64) {
        self.lr = lr;
    }
}

fn to_candle(error: anyhow::Error) -> Error {
    Error::Msg(error.to_string())
}
