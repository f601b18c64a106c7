//! Floating-point operations of the matrix products of one image: two for every multiplication with an addition. Norms,
//! softmax, GELU and sums over rows are left out, as is usual.

use super::VitConfig;
use crate::data::ImageShape;

/// Operations for one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flops {
    /// Of the whole graph; in a Vision Transformer every token in every block.
    pub whole: u64,
    /// Of what the fused backend executes: of a Vision Transformer the last block for the class token only.
    pub executed: u64,
}

impl VitConfig {
    /// Forward pass.
    pub fn evaluation_flops(&self, input: ImageShape) -> Flops {
        let tokens = self.num_tokens(input);
        let block = self.block_flops(tokens);
        let all = self.depth as u64 * block;
        let executed = all - block + self.class_flops(tokens);
        let rest = self.patch_flops(input) + product(1, self.embed_dim, input.classes);
        Flops { whole: all + rest, executed: executed + rest }
    }

    /// Forward and backward pass: every product has two in the backward pass, but for the gradient of the pixels, which
    /// is not computed.
    pub fn training_flops(&self, input: ImageShape) -> Flops {
        let Flops { whole, executed } = self.evaluation_flops(input);
        let pixels = self.patch_flops(input);
        Flops { whole: 3 * whole - pixels, executed: 3 * executed - pixels }
    }

    fn patch_flops(&self, input: ImageShape) -> u64 {
        product(self.num_patches(input), self.patch_size.pow(2), self.embed_dim)
    }

    /// One block, for `tokens` tokens.
    fn block_flops(&self, tokens: usize) -> u64 {
        let d = self.embed_dim;
        // Scores and weighted values, over all heads together.
        let attention = 2 * product(tokens, d, tokens);
        product(tokens, d, 4 * d) + attention + 2 * product(tokens, d, self.hidden_dim())
    }

    /// A block for the class token alone: four projections, in each head scores and mean of the tokens, and the MLP.
    fn class_flops(&self, tokens: usize) -> u64 {
        let d = self.embed_dim;
        product(1, d, 4 * d) + 2 * product(self.num_heads, d, tokens) + 2 * product(1, d, self.hidden_dim())
    }
}

/// `[m, k]` times `[k, n]`.
pub(super) fn product(m: usize, k: usize, n: usize) -> u64 {
    2 * (m * k * n) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::MNIST_SHAPE;

    /// By hand for the default model: 34 and 17 million.
    #[test]
    fn default_model() {
        let block = 2 * (50 * 64 * (192 + 64 + 256 + 256) + 2 * 4 * 50 * 50 * 16);
        let last = 2 * (64 * (4 * 64 + 256 + 256) + 2 * 4 * 50 * 64);
        let (patch, head) = (2 * 49 * 16 * 64, 2 * 64 * 10);
        let config = VitConfig::default();
        assert_eq!(
            config.evaluation_flops(MNIST_SHAPE),
            Flops { whole: 2 * block + patch + head, executed: block + last + patch + head }
        );
        let training = config.training_flops(MNIST_SHAPE);
        assert_eq!(training.whole, 3 * (2 * block + head) + 2 * patch);
        assert_eq!((training.whole / 1_000_000, training.executed / 1_000_000), (33, 17));
    }
}
