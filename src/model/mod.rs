//! The model. [`ModelConfig`] is the name behind which the rest of the program asks for it: another architecture is another
//! variant there, a config, a layout of parameters and a way to compute gradients ([`Backend`]).
//!
//! The Vision Transformer has timm's names, so that a checkpoint opens in timm as it is.

mod backend;
mod composed;
mod config;
mod flops;
pub mod fused;
mod layout;
mod params;
pub mod vit;
mod vit_config;

pub use backend::{Backend, Totals};
pub use composed::Composed;
pub use config::ModelConfig;
pub use flops::Flops;
pub use fused::Fused;
pub use layout::{Init, Layout, Parameter, Role};
pub use params::Params;
pub use vit::Vit;
pub use vit_config::VitConfig;
