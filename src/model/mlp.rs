//! The multilayer perceptron composed of Candle operations, for any device: the readable specification of the model, and
//! what the fused one is checked against.

use std::collections::HashMap;

use candle_core::{Module, Result, Tensor};

use super::MlpConfig;
use crate::ops::{linear, relu};

/// The whole model.
pub struct Mlp {
    /// Weight and bias of each layer, the head last.
    layers: Vec<[Tensor; 2]>,
}

impl Mlp {
    /// The model over its parameters by name (see [`MlpConfig::layout`]).
    ///
    /// # Errors
    /// A parameter that is missing.
    pub fn new(config: &MlpConfig, mut tensors: HashMap<String, Tensor>) -> Result<Self> {
        let mut take = |name: String| match tensors.remove(&name) {
            Some(tensor) => Ok(tensor),
            None => candle_core::bail!("there is no parameter '{name}'"),
        };
        let mut layer = |i| {
            let name = MlpConfig::name(i);
            Ok([take(format!("{name}.weight"))?, take(format!("{name}.bias"))?])
        };
        Ok(Self { layers: (0..=config.depth).map(&mut layer).collect::<Result<_>>()? })
    }
}

impl Module for Mlp {
    /// Logits `[n, classes]` of images `[n, 1, height, width]`, f32 in 0 to 1.
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let mut x = images.flatten_from(1)?;
        for (i, [weight, bias]) in self.layers.iter().enumerate() {
            if i > 0 {
                x = relu::composed(&x)?;
            }
            x = linear::composed(&x, weight, bias)?;
        }
        Ok(x)
    }
}
