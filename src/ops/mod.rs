//! The operations of the Vision Transformer on f32 slices: each file states its equations, forward and backward, with
//! shapes, beside its composed twin in Candle's operations, which documents it and which the tests compare it with.
//!
//! SIMD is chosen at run time by [`pulp`]: one binary for AVX-512, AVX2, plain x86-64, and NEON.

pub mod attention;
pub mod buffer;
pub mod class_attention;
pub mod cross_entropy;
pub mod gelu;
pub mod layer_norm;
pub mod linear;
pub mod math;
pub mod matmul;
pub mod patch_embed;
