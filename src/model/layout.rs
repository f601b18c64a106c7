//! The one table of a model's parameters: name, shape, place in the flat vector, role and initialisation.
//!
//! Parameters, gradients and optimizer states are flat vectors in this order; the fused engine, checkpoints, optimizers and
//! diagnostics by tensor find their parts here.

use std::ops::Range;

/// What a parameter is to an optimizer: weight decay usually leaves out biases and norms, Muon takes matrices only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Weight of a linear layer or a convolution: `[outputs, …inputs]`.
    Matrix,
    /// Bias of such a layer.
    Bias,
    /// Weight or bias of a normalisation.
    Norm,
    /// Class token, positions: what is looked up rather than multiplied with.
    Embedding,
}

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// N(0, sd²).
    Normal { sd: f32 },
    /// U(−bound, bound).
    Uniform { bound: f32 },
    /// All elements the same.
    Constant(f32),
}

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// timm's name, such as `blocks.0.attn.qkv.weight`.
    pub name: String,
    pub shape: Vec<usize>,
    /// Its elements, row-major, in the flat vector.
    pub range: Range<usize>,
    pub role: Role,
    pub init: Init,
}

/// All parameters of a model, in order and without gaps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    parameters: Vec<Parameter>,
    len: usize,
}

impl Layout {
    /// Appends a parameter.
    pub fn push(&mut self, name: impl Into<String>, shape: &[usize], role: Role, init: Init) {
        let begin = self.len;
        self.len += shape.iter().product::<usize>();
        let (name, shape, range) = (name.into(), shape.to_vec(), begin..self.len);
        self.parameters.push(Parameter { name, shape, range, role, init });
    }

    /// Appends weight `[outputs, …inputs]` and bias of a layer under PyTorch's defaults: U(±1/√fan_in) for both.
    pub fn push_linear(&mut self, name: &str, weight: &[usize]) {
        let fan_in = weight[1..].iter().product::<usize>();
        let init = Init::Uniform { bound: 1.0 / (fan_in as f32).sqrt() };
        self.push(format!("{name}.weight"), weight, Role::Matrix, init);
        self.push(format!("{name}.bias"), &weight[..1], Role::Bias, init);
    }

    /// Appends weight (1) and bias (0) of a normalisation.
    pub fn push_norm(&mut self, name: &str, width: usize) {
        self.push(format!("{name}.weight"), &[width], Role::Norm, Init::Constant(1.0));
        self.push(format!("{name}.bias"), &[width], Role::Norm, Init::Constant(0.0));
    }

    /// Number of scalars.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no parameter.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The parameters, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Parameter> {
        self.parameters.iter()
    }

    /// Where a parameter's elements are.
    ///
    /// # Panics
    /// If there is no parameter of that name.
    pub fn range(&self, name: &str) -> Range<usize> {
        let found = self.parameters.iter().find(|parameter| parameter.name == name);
        found.unwrap_or_else(|| panic!("the model has no parameter '{name}'")).range.clone()
    }
}
