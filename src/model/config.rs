//! Which model, and its sizes.

use std::collections::HashMap;

use candle_core::{Device, Module, Tensor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Backend, Composed, Flops, Fused, Layout, Mlp, MlpConfig, Vit, VitConfig, fused};
use crate::data::ImageShape;
use crate::error::{Result, nearest};
use crate::machine::Machine;
use crate::usage;

/// The `[model]` table of a configuration: an architecture, which `kind` names ("vit" where it does not), with its sizes.
/// What depends on the data as well takes their [`ImageShape`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ModelConfig {
    /// `kind = "vit"`: a Vision Transformer.
    Vit(VitConfig),
    /// `kind = "mlp"`: a multilayer perceptron.
    Mlp(MlpConfig),
}

/// Something that a model has other than the architecture's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusual {
    /// For people: "patch size 7".
    pub text: String,
    /// For names of files: "patch7".
    pub short: String,
}

impl Unusual {
    /// A size.
    pub(super) fn size(text: &str, short: &str, size: f64) -> Self {
        Self { text: format!("{text} {size}"), short: format!("{short}{size}") }
    }
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

impl From<MlpConfig> for ModelConfig {
    fn from(config: MlpConfig) -> Self {
        Self::Mlp(config)
    }
}

/// The kind of a Vision Transformer is not written, as when there was no other: settings of old keep their hash.
impl Serialize for ModelConfig {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tagged<'a> {
            kind: &'a str,
            #[serde(flatten)]
            config: &'a MlpConfig,
        }
        match self {
            Self::Vit(config) => config.serialize(s),
            Self::Mlp(config) => Tagged { kind: self.kind(), config }.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for ModelConfig {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let mut table = toml::Table::deserialize(d)?;
        let kind = Self::take_kind(&mut table).map_err(serde::de::Error::custom)?;
        match kind {
            Self::Vit(_) => table.try_into().map(Self::Vit),
            Self::Mlp(_) => table.try_into().map(Self::Mlp),
        }
        .map_err(serde::de::Error::custom)
    }
}

impl ModelConfig {
    /// Every kind with its defaults.
    fn kinds() -> [Self; 2] {
        [Self::Vit(VitConfig::default()), Self::Mlp(MlpConfig::default())]
    }

    /// Moves `kind` out of a `[model]` table; returns the default of that kind.
    fn take_kind(table: &mut toml::Table) -> Result<Self> {
        let kind = match table.remove("kind") {
            None => return Ok(Self::default()),
            Some(toml::Value::String(kind)) => kind,
            Some(other) => usage!("model.kind = {other} is not a name; write one such as \"mlp\""),
        };
        match Self::kinds().into_iter().find(|model| model.kind() == kind) {
            Some(model) => Ok(model),
            None => usage!("model.kind = {kind} is unknown{}", nearest(&kind, Self::kinds().iter().map(Self::kind))),
        }
    }

    /// The settings of a model, all of them at their default, whose kind `given` names or leaves open.
    ///
    /// # Errors
    /// An unknown kind; a setting that belongs to another kind.
    pub(crate) fn defaults_for(given: Option<&toml::Value>) -> Result<toml::Table> {
        let mut given = given.and_then(toml::Value::as_table).cloned().unwrap_or_default();
        let model = Self::take_kind(&mut given)?;
        let known = model.settings();
        for key in given.keys().filter(|key| !known.contains_key(*key)) {
            if let Some(other) = Self::kinds().iter().find(|other| other.settings().contains_key(key)) {
                usage!(
                    "model.{key} is a setting of model.kind = \"{}\", and the model is \"{}\"; a model of that kind has {}",
                    other.kind(),
                    model.kind(),
                    known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                );
            }
        }
        Ok(known)
    }

    /// All settings, also those that are not written at their default.
    pub(crate) fn settings(&self) -> toml::Table {
        let mut table = toml::Table::try_from(self).expect("sizes are TOML");
        table.insert("kind".into(), self.kind().into());
        if let Self::Vit(vit) = self {
            table.insert("init".into(), toml::Value::try_from(vit.init).expect("a name is TOML"));
        }
        table
    }

    /// As `model.kind` names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Vit(_) => "vit",
            Self::Mlp(_) => "mlp",
        }
    }

    /// As charts and reports write it.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Vit(_) => "ViT",
            Self::Mlp(_) => "MLP",
        }
    }

    /// Checks that such a model can be built.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError) that names the setting, its value and what it must be.
    pub fn validate(&self, input: ImageShape) -> Result<()> {
        match self {
            Self::Vit(vit) => vit.validate(input),
            Self::Mlp(mlp) => mlp.validate(input),
        }
    }

    /// Every parameter, in order.
    pub fn layout(&self, input: ImageShape) -> Layout {
        match self {
            Self::Vit(vit) => vit.layout(input),
            Self::Mlp(mlp) => mlp.layout(input),
        }
    }

    /// Number of parameters.
    pub fn num_params(&self, input: ImageShape) -> usize {
        match self {
            Self::Vit(vit) => vit.num_params(input),
            Self::Mlp(mlp) => mlp.num_params(input),
        }
    }

    /// Forward pass of one image.
    pub fn evaluation_flops(&self, input: ImageShape) -> Flops {
        match self {
            Self::Vit(vit) => vit.evaluation_flops(input),
            Self::Mlp(mlp) => mlp.evaluation_flops(input),
        }
    }

    /// Forward and backward pass of one image.
    pub fn training_flops(&self, input: ImageShape) -> Flops {
        match self {
            Self::Vit(vit) => vit.training_flops(input),
            Self::Mlp(mlp) => mlp.training_flops(input),
        }
    }

    /// What it has other than the architecture's default.
    pub fn unusual(&self) -> Vec<Unusual> {
        match self {
            Self::Vit(vit) => vit.unusual(),
            Self::Mlp(mlp) => mlp.unusual(),
        }
    }

    /// Candle's module over parameters by name (see [`layout`](Self::layout)): images `[n, 1, height, width]`, f32 in 0 to 1,
    /// to logits `[n, classes]`.
    ///
    /// # Errors
    /// A parameter that is missing or has another shape.
    pub fn module(&self, input: ImageShape, tensors: HashMap<String, Tensor>) -> Result<Box<dyn Module + Send>> {
        Ok(match self {
            Self::Vit(vit) => Box::new(Vit::new(vit, input, tensors)?),
            Self::Mlp(mlp) => Box::new(Mlp::new(mlp, tensors)?),
        })
    }

    /// Bytes of main memory that its [`backend`](Self::backend) takes, about.
    pub fn backend_bytes(&self, input: ImageShape, machine: &Machine) -> f64 {
        match machine.device {
            Device::Cpu => fused::memory::bytes(self, input, machine.threads),
            // The rest is on the device: here are the sums.
            _ => 12.0 * self.num_params(input) as f64,
        }
    }

    /// What computes its gradients: fused operations on the CPU, elsewhere operations composed of Candle's.
    ///
    /// # Errors
    /// A model that cannot be built, or threads that cannot be started.
    pub fn backend(&self, input: ImageShape, machine: &Machine) -> Result<Box<dyn Backend>> {
        Ok(match (self, &machine.device) {
            (Self::Vit(vit), Device::Cpu) => Box::new(Fused::vit(vit, input, machine.threads)?),
            (Self::Mlp(mlp), Device::Cpu) => Box::new(Fused::mlp(mlp, input, machine.threads)?),
            (model, device) => Box::new(Composed::new(model.clone(), input, device, Composed::SHARD)?),
        })
    }
}
