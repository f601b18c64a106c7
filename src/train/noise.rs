//! How much of the gradient is the noise of the mini-batches.
//!
//! A batch of n of the N training images is parted in two, n = n₁ + n₂, whose mean gradients are g₁ and g₂; that of the
//! batch is g = (n₁g₁ + n₂g₂)/n. Both parts are drawn without replacement, so that Cov(g₁, g₂) = −Σ/N for the covariance Σ
//! of the gradients of single images (with N − 1 in its denominator), Var(gₖ) = Σ/nₖ − Σ/N, and, N cancelling out,
//! Var(g₁ − g₂) = Σ·n/(n₁n₂). By element, without bias and for parts of any size:
//!
//! ```text
//! Σ̂ᵢ       = (n₁n₂/n) (g₁ᵢ − g₂ᵢ)²                 variance of single images
//! V̂ᵢ       = (1/n − 1/N) Σ̂ᵢ                        sampling variance of g; ((g₁ᵢ − g₂ᵢ)/2)² (1 − n/N) for equal parts
//! tr Σ̂     = Σᵢ Σ̂ᵢ                                  noise_trace
//! |Ĝ|²     = |g|² − (1/n − 1/N) tr Σ̂               squared norm of the gradient over all N images
//! noise_scale = tr Σ̂ / |Ĝ|²
//! ```
//!
//! With batch = ∞, n = N, and V̂ is exactly 0. For equal parts and N = ∞ these are the estimators from two batch sizes, n/2
//! and n, of McCandlish et al., *An Empirical Model of Large-Batch Training*, 2018, appendix A,
//! <https://arxiv.org/abs/1812.06162>. Of one step they are rough, and |Ĝ|² may come out negative: then `noise_scale` is
//! empty. Over several steps take the mean of `noise_trace` by that of |Ĝ|², not the mean of their ratios.
//!
//! **Share of ŝ.** A running mean of V̂ with SNRAdam's β2, its bias corrected, stands beside SNRAdam's ŝ, the running mean of
//! (g − c)²: `noise_share` = Σᵢ (mean V̂)ᵢ / Σᵢ ŝᵢ. The rest is movement: the gradient drifts away from its running mean c
//! along the trajectory. (c carries noise of the batches too, (1−β1)/(1+β1) of V̂, a twentieth with β1 = 0.9, which counts
//! as movement here.) Each run with `observe.noise` keeps such an ŝ, whatever its own optimizer, with its own β1 and β2 if it has
//! them; with [`SNRAdam`](crate::optim::snradam) it is the run's own. A batch that is too small to be parted is left out of
//! the running mean of V̂.

use std::ops::Range;
use std::sync::Arc;

use crate::config::RunSpec;
use crate::error::Result;
use crate::model::Layout;
use crate::optim::snradam::newest_weight;
use crate::optim::{self, BoxedRule, Optimizer, StateTensor};

/// The gradient over a part of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// n₁ and n, in samples.
    pub samples: u64,
    pub of: u64,
    /// g₁
    pub grad: &'a [f32],
}

/// What a batch says of its noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// tr Σ̂
    pub trace: f64,
    /// |Ĝ|², without bias: may be negative.
    pub grad_square: f64,
}

impl Estimate {
    /// From the gradient over a batch and over its part, of `images` training images; `variance` is told Σ̂ᵢ of every element.
    pub fn of(grad: &[f32], part: Part, images: u64, mut variance: impl FnMut(usize, f64)) -> Self {
        let (n, n1) = (part.of as f64, part.samples as f64);
        // g₁ − g₂ = (g₁ − g)·n/n₂
        let factor = n1 * n / (n - n1);
        let (mut trace, mut square) = (0.0, 0.0);
        for (i, (g, g1)) in grad.iter().zip(part.grad).enumerate() {
            let single = factor * (f64::from(*g1) - f64::from(*g)).powi(2);
            variance(i, single);
            trace += single;
            square += f64::from(*g).powi(2);
        }
        Self { trace, grad_square: square - (1.0 / n - 1.0 / images as f64) * trace }
    }

    /// tr Σ̂ / |Ĝ|² in samples, where that is a number.
    pub fn scale(&self) -> Option<f64> {
        (self.grad_square > 0.0).then(|| self.trace / self.grad_square)
    }
}

/// The running means of a run.
pub struct Noise {
    /// N
    images: u64,
    beta2: f64,
    /// Batches in the running mean of V̂.
    batches: u64,
    sampling: Vec<f32>,
    /// Keeps ŝ.
    snradam: Optimizer<BoxedRule>,
    shape: [usize; 1],
}

impl Noise {
    /// Before the first step.
    pub fn new(spec: &RunSpec, layout: &Arc<Layout>, images: u64) -> Result<Self> {
        let entry = optim::find("snradam")?;
        let mut hyper = spec.hyper_of_shadow(entry);
        hyper.insert("centering".into(), "previous".into());
        let beta2 = hyper["beta2"].as_float().expect("β2 is a number");
        let snradam = Optimizer::new(layout.clone(), 0.0, (entry.build)(&hyper)?)?;
        let sampling = vec![0.0; layout.len()];
        Ok(Self { images, beta2, batches: 0, shape: [sampling.len()], sampling, snradam })
    }

    /// Takes in a step's gradient, and its part if it has one.
    pub fn step(&mut self, grad: &[f32], part: Option<Part>) -> Result<Option<Estimate>> {
        self.snradam.update(1.0, grad, grad)?; // it reads no parameters
        Ok(part.map(|part| {
            self.batches += 1;
            let weight = newest_weight(self.beta2, self.batches);
            let rest = 1.0 / part.of as f64 - 1.0 / self.images as f64;
            let sampling = &mut self.sampling;
            Estimate::of(grad, part, self.images, |i, single| {
                sampling[i] = (f64::from(sampling[i]) * (1.0 - weight) + rest * single * weight) as f32;
            })
        }))
    }

    /// Share of ŝ that is the noise of the batches, over some elements; `None` before it is known.
    pub fn share(&self, elements: Range<usize>) -> Option<f64> {
        let (variance, correct) = self.snradam.moments()?.second;
        let sum = |values: &[f32]| values[elements.clone()].iter().map(|x| f64::from(*x)).sum::<f64>();
        let all = sum(variance) * f64::from(correct);
        (self.batches > 0 && all > 0.0).then(|| sum(&self.sampling) / all)
    }

    /// Batches in the running mean, for a checkpoint.
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// The running means, for a checkpoint.
    pub fn state(&self) -> Vec<StateTensor<'_>> {
        let own = StateTensor { name: "sampling".to_string(), shape: &self.shape, values: &self.sampling };
        self.snradam.state().into_iter().chain([own]).collect()
    }

    /// Continues from a checkpoint after `steps` steps and so many batches.
    pub fn restore(
        &mut self,
        steps: u64,
        batches: u64,
        mut take: impl FnMut(&str, &[usize]) -> Result<Vec<f32>>,
    ) -> Result<()> {
        self.snradam.restore(steps, &mut take)?;
        (self.batches, self.sampling) = (batches, take("sampling", &self.shape)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::seq::SliceRandom;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const IMAGES: usize = 40;
    const ELEMENTS: usize = 3;

    fn mean(gradients: &[[f64; ELEMENTS]], of: &[usize]) -> [f32; ELEMENTS] {
        let sum = |e: usize| of.iter().map(|i| gradients[*i][e]).sum::<f64>();
        std::array::from_fn(|e| (sum(e) / of.len() as f64) as f32)
    }

    /// All images and their gradients are given, so Σ and G are known. Over many batches of every kind of parts the
    /// estimates agree with them within their Monte Carlo error.
    #[test]
    fn both_estimators_are_unbiased_where_the_covariance_is_known() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let gradients: Vec<[f64; ELEMENTS]> = (0..IMAGES)
            .map(|_| std::array::from_fn(|e| random.random_range(-1.0..1.0) * (1 + e) as f64 + 0.5))
            .collect();
        let all: Vec<usize> = (0..IMAGES).collect();
        let full = mean(&gradients, &all).map(f64::from);
        let variance: [f64; ELEMENTS] = std::array::from_fn(|e| {
            gradients.iter().map(|g| (g[e] - full[e]).powi(2)).sum::<f64>() / (IMAGES - 1) as f64
        });
        let (trace, square) = (variance.iter().sum::<f64>(), full.iter().map(|g| g * g).sum::<f64>());

        for (n, n1) in [(10, 5), (10, 3), (7, 1), (5, 4), (IMAGES, 20)] {
            const BATCHES: usize = 40_000;
            let mut found: Vec<Vec<f64>> = vec![Vec::new(); 3];
            let mut order = all.clone();
            for _ in 0..BATCHES {
                order.shuffle(&mut random);
                let (grad, part) = (mean(&gradients, &order[..n]), mean(&gradients, &order[..n1]));
                let part = Part { samples: n1 as u64, of: n as u64, grad: &part };
                let mut first = 0.0;
                let estimate = Estimate::of(&grad, part, IMAGES as u64, |i, single| {
                    first = if i == 0 { single } else { first };
                });
                let values = [estimate.trace, estimate.grad_square, first];
                found.iter_mut().zip(values).for_each(|(found, value)| found.push(value));
            }
            for (found, truth) in found.iter().zip([trace, square, variance[0]]) {
                let mean = found.iter().sum::<f64>() / BATCHES as f64;
                let sd = (found.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (BATCHES - 1) as f64).sqrt();
                let error = sd / (BATCHES as f64).sqrt();
                assert!((mean - truth).abs() < 4.0 * error + 1e-6, "n {n}, n₁ {n1}: {mean} ± {error} for {truth}");
            }
        }
    }

    /// The variance of the batch's gradient itself, over many batches, is (1/n − 1/N) Σ.
    #[test]
    fn the_sampling_variance_is_that_of_batches_without_replacement() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let gradients: Vec<[f64; ELEMENTS]> = (0..IMAGES).map(|_| std::array::from_fn(|_| random.random())).collect();
        let mut order: Vec<usize> = (0..IMAGES).collect();
        let full = f64::from(mean(&gradients, &order)[0]);
        let variance = gradients.iter().map(|g| (g[0] - full).powi(2)).sum::<f64>() / (IMAGES - 1) as f64;
        let (n, batches) = (10, 100_000);
        let mut squares = 0.0;
        for _ in 0..batches {
            order.shuffle(&mut random);
            squares += (f64::from(mean(&gradients, &order[..n])[0]) - full).powi(2);
        }
        let expected = (1.0 / n as f64 - 1.0 / IMAGES as f64) * variance;
        assert!((squares / f64::from(batches) / expected - 1.0).abs() < 0.02);
    }
}
