//! How much memory the fused backend takes, from the sizes alone, before any of it is taken.

use super::mlp::MlpNet;
use super::net::Net;
use super::vit::VitNet;
use crate::data::ImageShape;
use crate::model::{MlpConfig, ModelConfig, Role, VitConfig};

/// Columns of a weight are padded to two of the widest vectors.
const PANEL: usize = 32;

/// Bytes of the backend of `model` on `threads` threads: of each weight two layouts, for each thread two gradients and a
/// workspace, and two sums of gradients in f64.
pub fn bytes(model: &ModelConfig, input: ImageShape, threads: usize) -> f64 {
    let layout = model.layout(input);
    let packed = |rows: usize, columns: usize| rows as f64 * columns.next_multiple_of(PANEL) as f64;
    let weights = layout.iter().filter(|parameter| parameter.role == Role::Matrix).map(|parameter| {
        let (outputs, inputs) = (parameter.shape[0], parameter.range.len() / parameter.shape[0]);
        packed(inputs, outputs) + packed(outputs, inputs)
    });
    let workspace = match model {
        ModelConfig::Vit(vit) => vit_workspace(vit, input),
        ModelConfig::Mlp(mlp) => mlp_workspace(mlp, input),
    };
    let (params, threads) = (layout.len() as f64, threads as f64);
    4.0 * (weights.sum::<f64>() + params * (2.0 * threads + 4.0) + threads * workspace)
}

/// Numbers in a worker's buffers, but for norms and the class token's.
fn vit_workspace(config: &VitConfig, input: ImageShape) -> f64 {
    let [images, tokens, d, hidden, heads, patch] = [
        VitNet::SHARD,
        config.num_tokens(input),
        config.embed_dim,
        config.hidden_dim(),
        config.num_heads,
        config.patch_size,
    ]
    .map(|n| n as f64);
    let scores = tokens * (tokens + 15.0);
    let rows = images * tokens;
    // Of a block x, y₁, y₂, q, o, r, keys and values, the hidden layer and its derivative, and all probabilities.
    let block = rows * (8.0 * d + 2.0 * hidden) + images * heads * scores;
    // The last one keeps x, y₁, the scores of its query, and for each head four means of tokens.
    let last = rows * (2.0 * d + heads + 15.0) + images * 4.0 * heads * d;
    // Shared by all: patches, the gradients of y₁, o, q, keys and values, and those of two blocks.
    let shared = rows * (patch * patch + 7.0 * d) + scores + tokens * d / heads;
    (config.depth - 1) as f64 * block + last + shared
}

/// Numbers in a worker's buffers: pixels, and of each layer the output and the derivative of its ReLU.
fn mlp_workspace(config: &MlpConfig, input: ImageShape) -> f64 {
    let [images, pixels, hidden, depth, classes] =
        [MlpNet::SHARD, input.pixels(), config.hidden_dim, config.depth, input.classes].map(|n| n as f64);
    images * (pixels + 2.0 * depth * hidden + classes)
}
