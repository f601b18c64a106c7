//! Sizes of the multilayer perceptron.

use serde::{Deserialize, Serialize};

use super::flops::{Flops, product};
use super::{Layout, MAX_DEPTH, MAX_PARAMS, Unusual};
use crate::data::ImageShape;
use crate::error::Result;
use crate::usage;

/// Sizes of the multilayer perceptron: the pixels, `depth` hidden layers with ReLU, and a linear head. Its layers are named
/// `fc1`, `fc2`, … and start from PyTorch's defaults for `Linear`: U(±1/√fan_in) for weight and bias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MlpConfig {
    /// Width of each hidden layer.
    pub hidden_dim: usize,
    /// Number of hidden layers.
    pub depth: usize,
}

impl Default for MlpConfig {
    /// On MNIST 118,282 parameters: about as many as the article's Vision Transformer.
    fn default() -> Self {
        Self { hidden_dim: 128, depth: 2 }
    }
}

impl MlpConfig {
    /// Checks that such a model can be built.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError) that names the setting, its value and what it must be.
    pub fn validate(&self, input: ImageShape) -> Result<()> {
        if self.hidden_dim == 0 || self.depth == 0 {
            usage!(
                "model.hidden_dim = {} with model.depth = {} leaves no hidden unit; give both at least 1",
                self.hidden_dim,
                self.depth
            );
        }
        if self.depth > MAX_DEPTH {
            usage!("model.depth = {} is more layers than the {MAX_DEPTH} that a model may have", self.depth);
        }
        if self.hidden_dim > MAX_PARAMS || self.num_params(input) > MAX_PARAMS {
            usage!(
                "model.hidden_dim = {} with model.depth = {} is a model of more than 100 million parameters; make it smaller",
                self.hidden_dim,
                self.depth
            );
        }
        Ok(())
    }

    /// Name of layer `i`, from 0.
    pub(super) fn name(i: usize) -> String {
        format!("fc{}", i + 1)
    }

    /// Inputs and outputs of each layer, the head last.
    pub(super) fn layers(&self, input: ImageShape) -> impl Iterator<Item = [usize; 2]> {
        let (hidden, depth) = (self.hidden_dim, self.depth);
        let first = [[input.pixels(), hidden]];
        let between = std::iter::repeat_n([hidden, hidden], depth.saturating_sub(1));
        first.into_iter().chain(between).chain([[hidden, input.classes]])
    }

    /// Every parameter, in order.
    pub fn layout(&self, input: ImageShape) -> Layout {
        let mut layout = Layout::default();
        for (i, [inputs, outputs]) in self.layers(input).enumerate() {
            layout.push_linear(&Self::name(i), &[outputs, inputs]);
        }
        layout
    }

    /// Number of parameters; 118,282 for the default on MNIST. Takes no memory for however many layers.
    pub fn num_params(&self, input: ImageShape) -> usize {
        let h = self.hidden_dim;
        let of = |inputs: usize, outputs: usize| inputs.saturating_add(1).saturating_mul(outputs);
        let between = of(h, h).saturating_mul(self.depth.saturating_sub(1));
        of(input.pixels(), h).saturating_add(between).saturating_add(of(h, input.classes))
    }

    /// Forward pass of one image.
    pub fn evaluation_flops(&self, input: ImageShape) -> Flops {
        let whole = self.layers(input).map(|[inputs, outputs]| product(1, inputs, outputs)).sum();
        Flops { whole, executed: whole }
    }

    /// Forward and backward pass of one image: every product has two in the backward pass, but for the gradient of the
    /// pixels, which is not computed.
    pub fn training_flops(&self, input: ImageShape) -> Flops {
        let pixels = product(1, input.pixels(), self.hidden_dim);
        let whole = 3 * self.evaluation_flops(input).whole - pixels;
        Flops { whole, executed: whole }
    }

    /// What it has other than the default.
    pub fn unusual(&self) -> Vec<Unusual> {
        let sizes =
            |&Self { hidden_dim, depth }: &Self| [("hidden width", "dim", hidden_dim), ("depth", "depth", depth)];
        let pairs = sizes(self).into_iter().zip(sizes(&Self::default()));
        pairs.filter(|(a, b)| a != b).map(|((text, short, n), _)| Unusual::size(text, short, n as f64)).collect()
    }
}
