//! The parameters of a model: named, ordered, on one device.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Uniform};
use sha2::{Digest, Sha256};

use super::VitConfig;
use crate::error::Result;

/// All parameters of one model in timm's order (see [`VitConfig::parameters`]), as Candle variables.
pub struct Params {
    names: Vec<String>,
    vars: Vec<Var>,
}

impl Params {
    /// Initial parameters. Every tensor has its own random stream, keyed by `seed` and the tensor's name, so that they
    /// do not depend on order, device or threads:
    /// linear layers and the patch projection U(±1/√fan_in) for weight and bias (PyTorch's default), class token and
    /// positions N(0, 0.02²), norms 1 and 0.
    pub fn init(config: &VitConfig, seed: u64, device: &Device) -> Result<Self> {
        let shapes = config.parameters();
        let fan_in: HashMap<&str, usize> = shapes
            .iter()
            .filter_map(|(name, shape)| Some((name.strip_suffix(".weight")?, shape[1..].iter().product())))
            .collect();
        let tensors = shapes.iter().map(|(name, shape)| {
            let mut rng = stream(seed, name);
            let count = shape.iter().product();
            let layer = name.rsplit_once('.').map_or("", |(layer, _)| layer);
            let values: Vec<f32> = if !name.contains('.') {
                let normal = Normal::new(0.0f32, 0.02).context("normal distribution")?;
                normal.sample_iter(&mut rng).take(count).collect()
            } else if layer.ends_with("norm") || layer.ends_with("norm1") || layer.ends_with("norm2") {
                vec![if name.ends_with("weight") { 1.0 } else { 0.0 }; count]
            } else {
                let bound = 1.0 / (fan_in[layer] as f32).sqrt();
                let uniform = Uniform::new(-bound, bound).context("uniform distribution")?;
                uniform.sample_iter(&mut rng).take(count).collect()
            };
            Ok((name.clone(), Tensor::from_vec(values, shape.as_slice(), device)?))
        });
        Self::from_tensors(tensors.collect::<Result<_>>()?)
    }

    fn from_tensors(list: Vec<(String, Tensor)>) -> Result<Self> {
        let (names, tensors): (Vec<_>, Vec<_>) = list.into_iter().unzip();
        let vars = tensors.iter().map(Var::from_tensor).collect::<candle_core::Result<_>>()?;
        Ok(Self { names, vars })
    }

    /// The names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The variables, in the order of [`names`](Self::names).
    pub fn vars(&self) -> &[Var] {
        &self.vars
    }

    /// Name and variable of every parameter.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.names.iter().map(String::as_str).zip(&self.vars)
    }

    /// Number of scalars.
    pub fn count(&self) -> usize {
        self.vars.iter().map(|v| v.elem_count()).sum()
    }

    /// All values one after another.
    pub fn to_flat(&self) -> Result<Vec<f32>> {
        let mut flat = Vec::with_capacity(self.count());
        for var in &self.vars {
            flat.extend(var.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(flat)
    }

    /// Cuts a flat gradient (see [`Backend::gradient`](super::Backend::gradient)) into one tensor a parameter.
    pub fn unflatten(&self, flat: &[f32]) -> Result<Vec<Tensor>> {
        let mut rest = flat;
        let tensors = self.vars.iter().map(|var| {
            let (head, tail) = rest.split_at(var.elem_count());
            rest = tail;
            Tensor::from_slice(head, var.shape(), var.device())
        });
        Ok(tensors.collect::<candle_core::Result<_>>()?)
    }

    /// A builder for Candle modules that share these variables: their gradients arrive here.
    pub fn var_builder(&self, device: &Device) -> VarBuilder<'static> {
        let map = self.iter().map(|(name, var)| (name.to_string(), var.as_tensor().clone())).collect();
        VarBuilder::from_tensors(map, DType::F32, device)
    }

    /// Reads the parameters of `config` from a safetensors file with timm's names.
    ///
    /// # Errors
    /// An unreadable file, or a tensor that is missing or has another shape.
    pub fn load(path: &Path, config: &VitConfig, device: &Device) -> Result<Self> {
        let mut tensors = candle_core::safetensors::load(path, device)
            .with_context(|| format!("cannot read the parameters in {}", path.display()))?;
        let list = config.parameters().into_iter().map(|(name, shape)| {
            let tensor = tensors
                .remove(&name)
                .with_context(|| format!("{} has no tensor '{name}'; is it from another model?", path.display()))?;
            anyhow::ensure!(
                tensor.dims() == shape,
                "{}: '{name}' has shape {:?} where the model has {shape:?}; give the settings it was trained with",
                path.display(),
                tensor.dims()
            );
            Ok((name, tensor.to_dtype(DType::F32)?))
        });
        Self::from_tensors(list.collect::<Result<_>>()?)
    }

    /// The parameters by name, as [`candle_core::safetensors::save`] and timm's `load_state_dict` want them.
    pub fn tensors(&self) -> HashMap<String, Tensor> {
        self.iter().map(|(name, var)| (name.to_string(), var.as_tensor().clone())).collect()
    }
}

/// The random stream of `(seed, name)`.
fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(name);
    ChaCha8Rng::from_seed(hash.finalize().into())
}
