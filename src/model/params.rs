//! The parameters of a model: one flat vector with its [`Layout`].

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use candle_core::{DType, Device, Tensor, Var};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Uniform};
use sha2::{Digest, Sha256};

use super::{Init, Layout, Parameter};
use crate::error::Result;

/// All parameters of one model in the order of its [`Layout`].
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    layout: Arc<Layout>,
    /// All values, one parameter after another.
    pub values: Vec<f32>,
}

impl Params {
    /// Initial parameters, as the layout says. Every tensor has its own random stream, keyed by `seed` and the tensor's
    /// name, so that they do not depend on order, device or threads.
    pub fn init(layout: Layout, seed: u64) -> Result<Self> {
        let mut values = Vec::with_capacity(layout.len());
        for Parameter { name, range, init, .. } in layout.iter() {
            let rng = stream(seed, name);
            match *init {
                Init::Constant(value) => values.extend(std::iter::repeat_n(value, range.len())),
                Init::Normal { sd } => {
                    let normal = Normal::new(0.0, sd).context("normal distribution")?;
                    values.extend(normal.sample_iter(rng).take(range.len()));
                }
                Init::Uniform { bound } => {
                    let uniform = Uniform::new(-bound, bound).context("uniform distribution")?;
                    values.extend(uniform.sample_iter(rng).take(range.len()));
                }
            }
        }
        Ok(Self { layout: Arc::new(layout), values })
    }

    /// Reads the parameters of a model from a safetensors file with timm's names.
    ///
    /// # Errors
    /// An unreadable file, or a tensor that is missing or has another shape.
    pub fn load(path: &Path, layout: Layout) -> Result<Self> {
        let mut tensors = candle_core::safetensors::load(path, &Device::Cpu)
            .with_context(|| format!("cannot read the parameters in {}", path.display()))?;
        let mut values = Vec::with_capacity(layout.len());
        for Parameter { name, shape, .. } in layout.iter() {
            let tensor = tensors
                .remove(name)
                .with_context(|| format!("{} has no tensor '{name}'; is it from another model?", path.display()))?;
            anyhow::ensure!(
                tensor.dims() == shape,
                "{}: '{name}' has shape {:?} where the model has {shape:?}; give the settings it was trained with",
                path.display(),
                tensor.dims()
            );
            values.extend(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(Self { layout: Arc::new(layout), values })
    }

    /// Names, shapes and places.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Every parameter with its values.
    pub fn iter(&self) -> impl Iterator<Item = (&Parameter, &[f32])> {
        self.layout.iter().map(|parameter| (parameter, &self.values[parameter.range.clone()]))
    }

    /// The values of one parameter, to be changed.
    ///
    /// # Panics
    /// If there is no parameter of that name.
    pub fn get_mut(&mut self, name: &str) -> &mut [f32] {
        &mut self.values[self.layout.range(name)]
    }
}

/// Copies of flat `params` as Candle variables on `device`, by name and in order.
pub(super) fn vars(layout: &Layout, params: &[f32], device: &Device) -> Result<Vec<(String, Var)>> {
    anyhow::ensure!(
        params.len() == layout.len(),
        "{} parameters were given to a model of {}; they belong to another configuration",
        params.len(),
        layout.len()
    );
    let var = |Parameter { name, shape, range, .. }: &Parameter| {
        let tensor = Tensor::from_slice(&params[range.clone()], shape.as_slice(), device)?;
        Ok((name.clone(), Var::from_tensor(&tensor)?))
    };
    layout.iter().map(var).collect()
}

/// The random stream of `(seed, name)`.
fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(name);
    ChaCha8Rng::from_seed(hash.finalize().into())
}
