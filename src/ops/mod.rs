//! The operations of the models on f32 slices: each file states its equations, forward and backward, with
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
pub mod relu;

/// Runs an operation with the widest vector instructions that this processor has.
#[cfg(not(test))]
#[inline(always)]
fn dispatch<Op: pulp::WithSimd>(op: Op) -> Op::Output {
    pulp::Arch::new().dispatch(op)
}

#[cfg(test)]
use tests::dispatch;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use pulp::{Arch, Scalar, Simd, WithSimd};

    use crate::data::{Images, MNIST_SHAPE};
    use crate::machine::Machine;
    use crate::model::{Backend, Composed, MlpConfig, ModelConfig, Params, VitConfig};

    /// Which instructions the operations of this test program run with: those of the processor, or fewer. No other unit test
    /// runs operations.
    static LEVEL: AtomicUsize = AtomicUsize::new(0);

    pub fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
        match LEVEL.load(Ordering::SeqCst) {
            1 => Simd::vectorize(Scalar::new(), op),
            #[cfg(target_arch = "x86_64")]
            2 => Simd::vectorize(pulp::x86::V3::try_new().expect("asked for where there is AVX2"), op),
            _ => Arch::new().dispatch(op),
        }
    }

    /// The gradient of the whole model with fewer vector instructions than this processor has, against the composed
    /// operations: every operation, with vectors of every width, whole and partial.
    #[test]
    fn every_level_agrees_with_the_composed_model() {
        #[cfg(target_arch = "x86_64")]
        let levels = if pulp::x86::V3::try_new().is_some() { vec![0, 1, 2] } else { vec![0, 1] };
        #[cfg(not(target_arch = "x86_64"))]
        let levels = vec![0, 1];
        let odd =
            VitConfig { patch_size: 7, embed_dim: 21, depth: 3, num_heads: 3, mlp_ratio: 1.5, ..VitConfig::default() };
        let machine = Machine { threads: 1, device: candle_core::Device::Cpu };
        let mlp = MlpConfig { hidden_dim: 37, depth: 2 };
        for config in [ModelConfig::default(), odd.into(), mlp.into()] {
            let params = Params::init(config.layout(MNIST_SHAPE), 7).unwrap();
            let images = Images {
                pixels: (0..7 * MNIST_SHAPE.pixels()).map(|i| (i * 7919 % 256) as u8).collect(),
                labels: (0..7).collect(),
            };
            let indices: Vec<u32> = (0..7).collect();
            let gradient = |backend: &mut dyn Backend| {
                backend.load(&params.values).unwrap();
                let mut grad = vec![f32::NAN; params.values.len()];
                backend.gradient(&images, &indices, &|_| (), &mut grad).unwrap();
                grad
            };
            let expected =
                gradient(&mut Composed::new(config.clone(), MNIST_SHAPE, &candle_core::Device::Cpu, 7).unwrap());
            for &level in &levels {
                LEVEL.store(level, Ordering::SeqCst);
                // Made at this level too: the width of its panels follows from that of the vectors.
                let grad = gradient(&mut *config.backend(MNIST_SHAPE, &machine).unwrap());
                LEVEL.store(0, Ordering::SeqCst);
                for parameter in params.layout().iter() {
                    let (ours, theirs) = (&grad[parameter.range.clone()], &expected[parameter.range.clone()]);
                    let scale = theirs.iter().fold(0.0f32, |most, g| most.max(g.abs()));
                    let worst = ours.iter().zip(theirs).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
                    assert!(worst <= 2e-5 * scale + 1e-7, "level {level}, {}: {worst} of {scale}", parameter.name);
                }
            }
        }
    }
}
