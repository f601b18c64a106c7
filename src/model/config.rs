//! Which model, and its sizes.

use candle_core::Device;
use serde::{Deserialize, Serialize};

use super::{Backend, Composed, Flops, Fused, Layout, VitConfig};
use crate::data::ImageShape;
use crate::error::Result;
use crate::machine::Machine;

/// The `[model]` table of a configuration: an architecture with its sizes. What depends on the data as well takes their
/// [`ImageShape`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "VitConfig", into = "VitConfig")]
pub enum ModelConfig {
    /// A Vision Transformer.
    Vit(VitConfig),
}

impl Default for ModelConfig {
    /// The article's model.
    fn default() -> Self {
        VitConfig::default().into()
    }
}

impl From<VitConfig> for ModelConfig {
    fn from(config: VitConfig) -> Self {
        Self::Vit(config)
    }
}

impl From<ModelConfig> for VitConfig {
    fn from(ModelConfig::Vit(config): ModelConfig) -> Self {
        config
    }
}

impl ModelConfig {
    /// As charts and reports write it.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Vit(_) => "ViT",
        }
    }

    /// Checks that such a model can be built.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError) that names the setting, its value and what it must be.
    pub fn validate(&self, input: ImageShape) -> Result<()> {
        match self {
            Self::Vit(vit) => vit.validate(input),
        }
    }

    /// Every parameter, in order.
    pub fn layout(&self, input: ImageShape) -> Layout {
        match self {
            Self::Vit(vit) => vit.layout(input),
        }
    }

    /// Number of parameters.
    pub fn num_params(&self, input: ImageShape) -> usize {
        match self {
            Self::Vit(vit) => vit.num_params(input),
        }
    }

    /// Forward pass of one image.
    pub fn evaluation_flops(&self, input: ImageShape) -> Flops {
        match self {
            Self::Vit(vit) => vit.evaluation_flops(input),
        }
    }

    /// Forward and backward pass of one image.
    pub fn training_flops(&self, input: ImageShape) -> Flops {
        match self {
            Self::Vit(vit) => vit.training_flops(input),
        }
    }

    /// What it has other than the architecture's default: for people, for file names, and how much of it.
    pub fn unusual(&self) -> Vec<(&'static str, &'static str, f64)> {
        match self {
            Self::Vit(vit) => vit.unusual(),
        }
    }

    /// What computes its gradients: fused operations on the CPU, elsewhere operations composed of Candle's.
    ///
    /// # Errors
    /// A model that cannot be built, or threads that cannot be started.
    pub fn backend(&self, input: ImageShape, machine: &Machine) -> Result<Box<dyn Backend>> {
        match (self, &machine.device) {
            (Self::Vit(vit), Device::Cpu) => Ok(Box::new(Fused::new(vit, input, machine.threads)?)),
            (Self::Vit(vit), device) => Ok(Box::new(Composed::new(vit, input, device, Composed::SHARD)?)),
        }
    }
}
