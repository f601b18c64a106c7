//! The model. [`ModelConfig`] is the name behind which the rest of the program asks for it: another architecture is another
//! variant there, a config, a layout of parameters and a way to compute gradients ([`Backend`]).
//!
//! The Vision Transformer has timm's names, so that a checkpoint opens in timm as it is. The multilayer perceptron has those
//! that PyTorch's examples use.

mod backend;
mod composed;
mod config;
mod flops;
pub mod fused;
mod layout;
pub mod mlp;
mod mlp_config;
mod params;
pub mod vit;
mod vit_config;

pub use backend::{Backend, Totals};
pub use composed::Composed;
pub use config::{ModelConfig, Unusual};
pub use flops::Flops;
pub use fused::Fused;
pub use layout::{Init, Layout, Parameter, Role};
pub use mlp::Mlp;
pub use mlp_config::MlpConfig;
pub use params::Params;
pub use vit::Vit;
pub use vit_config::{VitConfig, VitInit};

/// Parameters of the largest model.
const MAX_PARAMS: usize = 100_000_000;
/// Blocks or layers of the deepest one.
const MAX_DEPTH: usize = 10_000;
