//! Muon: the momentum of a hidden layer's matrix, made orthogonal; AdamW for all other parameters.
//!
//! ```text
//! B ← μ B + (1−μ) g
//! X ← N/‖N‖,  N = (1−μ) g + μ B                           Nesterov's momentum; X as a matrix [outputs, inputs]
//! X ← a X + (b XXᵀ + c (XXᵀ)²) X, five times              Newton–Schulz: the singular values go to about 1
//! θ ← θ − lr · s · X                                      s = 0.2 √max(outputs, inputs), or √max(1, outputs/inputs)
//! ```
//!
//! Hidden are all weights of linear layers and convolutions but the first and the last one of the model, as the authors and
//! PyTorch's documentation advise; the filters of a convolution are flattened. The rest takes steps of [AdamW](super::adamw)
//! with the same learning rate and decay. That is why s is by default Moonshot's, which gives both kinds steps of like size;
//! PyTorch's default is the other.
//!
//! Reference: Jordan et al., *Muon: An optimizer for hidden layers in neural networks*, 2024,
//! <https://kellerjordan.github.io/posts/muon/>; Liu et al., *Muon is Scalable for LLM Training*, 2025,
//! <https://arxiv.org/abs/2502.16982>. Agrees with `torch.optim.Muon` but for rounding: that iterates in bf16, this in f32.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::rule::{AdamFactors, check_adam_like, norm};
use super::{AdamRule, Elementwise, check_rate};
use super::{Registered, Rule, Slot, Step};
use crate::error::Result;
use crate::model::{Layout, Role};
use crate::ops::matmul::{Dims, Left, Out, Right, matmul};
use crate::usage;

/// Hyperparameters of [Muon](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MuonRule {
    /// μ, decay rate of the momentum of matrices.
    pub momentum: f64,
    /// Iterations of Newton and Schulz.
    pub ns_steps: u32,
    /// How the step of a matrix depends on its shape.
    pub adjust_lr_fn: AdjustLr,
    /// Decay rate of the running mean of g, in all other parameters.
    pub beta1: f64,
    /// Decay rate of the running mean of g², in all other parameters.
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
}

impl Default for MuonRule {
    fn default() -> Self {
        Self { momentum: 0.95, ns_steps: 5, adjust_lr_fn: AdjustLr::MatchRmsAdamW, beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl Registered for MuonRule {
    const NAME: &'static str = "muon";
    const LABEL: &'static str = "Muon";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("momentum", "decay rate of the running mean of the gradient of matrices"),
        ("ns_steps", "iterations of Newton and Schulz"),
        ("adjust_lr_fn", "size of a matrix's step by its shape: match_rms_adamw (as AdamW's) or original"),
        ("beta1", "decay rate of the running mean of the gradient"),
        ("beta2", "decay rate of the running mean of the squared gradient"),
        ("eps", "added to the root in the denominator"),
    ];
    const WEIGHT_DECAY: f64 = 0.1;
}

/// How the step of a matrix depends on its shape, by PyTorch's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdjustLr {
    /// s = 0.2 √max(outputs, inputs): its root mean square is that of a usual step of AdamW.
    #[serde(rename = "match_rms_adamw")]
    MatchRmsAdamW,
    /// s = √max(1, outputs/inputs)
    #[serde(rename = "original")]
    Original,
}

impl AdjustLr {
    fn scale(self, rows: usize, cols: usize) -> f64 {
        match self {
            AdjustLr::MatchRmsAdamW => 0.2 * (rows.max(cols) as f64).sqrt(),
            AdjustLr::Original => (rows as f64 / cols as f64).max(1.0).sqrt(),
        }
    }
}

impl Rule for MuonRule {
    fn validate(&self) -> Result<()> {
        check_rate("momentum", self.momentum)?;
        if !(1..100).contains(&self.ns_steps) {
            usage!("ns_steps = {} is impossible; it must be 1 to 99, such as 5", self.ns_steps);
        }
        check_adam_like(self.beta1, self.beta2, self.eps)
    }

    /// The momentum of a matrix is in its part of the first.
    fn slots(&self, _layout: &Layout) -> Vec<Slot> {
        ["exp_avg", "exp_avg_sq"].map(|name| Slot::PerElement(name.into())).to_vec()
    }

    fn update(
        &self,
        step: &Step,
        _params: &[f32],
        grads: &[f32],
        state: &mut [Vec<f32>],
        update: &mut [f32],
    ) -> Result<()> {
        let [mean, square] = state else { unreachable!("a vector for each slot") };
        let adam = AdamFactors::new(self.beta1, self.beta2, self.eps, step.t);
        let hidden = hidden(step.layout);
        for parameter in step.layout.iter() {
            let range = parameter.range.clone();
            let (g, m, u) = (&grads[range.clone()], &mut mean[range.clone()], &mut update[range.clone()]);
            if hidden.contains(&range) {
                let (rows, cols) = (parameter.shape[0], parameter.shape[1..].iter().product());
                self.momentum(g, m, u);
                orthogonalize(u, rows, cols, self.ns_steps);
                let scale = (step.lr * self.adjust_lr_fn.scale(rows, cols)) as f32;
                u.iter_mut().for_each(|u| *u *= scale);
            } else {
                let lr = step.lr as f32;
                for (((g, m), v), u) in g.iter().zip(m).zip(&mut square[range]).zip(u) {
                    let mut element = [*m, *v];
                    *u = AdamRule::step(adam, *g, &mut element) * lr;
                    [*m, *v] = element;
                }
            }
        }
        Ok(())
    }
}

impl MuonRule {
    /// Takes `g` into the momentum, and writes Nesterov's into `nesterov`.
    fn momentum(&self, g: &[f32], momentum: &mut [f32], nesterov: &mut [f32]) {
        let (keep, rest) = (self.momentum as f32, (1.0 - self.momentum) as f32);
        for ((g, b), n) in g.iter().zip(momentum).zip(nesterov) {
            *b = *b * keep + g * rest;
            *n = g * rest + *b * keep;
        }
    }
}

/// Where the matrices of hidden layers are: all but the first and the last.
fn hidden(layout: &Layout) -> Vec<Range<usize>> {
    let matrices = layout.iter().filter(|parameter| parameter.role == Role::Matrix);
    let all: Vec<_> = matrices.map(|parameter| parameter.range.clone()).collect();
    if all.len() < 3 { Vec::new() } else { all[1..all.len() - 1].to_vec() }
}

/// The quintic of Jordan et al.: steepest at 0, and it takes all of [0, 1] near 1 rather than to it.
const A: f32 = 3.4445;
const B: f32 = -4.7750;
const C: f32 = 2.0315;

/// Makes the singular values of a row-major `[rows, cols]` about 1.
fn orthogonalize(x: &mut [f32], rows: usize, cols: usize, steps: u32) {
    let scale = (1.0 / norm(x).max(1e-7)) as f32;
    x.iter_mut().for_each(|x| *x *= scale);
    // Tall, Y = X or Xᵀ: then the small product is YᵀY, and both products read rows.
    let (long, short) = (rows.max(cols), rows.min(cols));
    let mut y = if rows < cols { transposed(x, rows, cols) } else { x.to_vec() };
    let (mut gram, mut poly, mut next) = (vec![0.0; short * short], vec![0.0; short * short], vec![0.0; y.len()]);
    for _ in 0..steps {
        let square = Dims { m: short, n: short, k: long };
        matmul(square, Left::transposed(&y, short), Right::rows(&y, short), Out::set(&mut gram, short));
        let square = Dims { k: short, ..square };
        matmul(square, Left::rows(&gram, short), Right::rows(&gram, short), Out::set(&mut poly, short));
        poly.iter_mut().zip(&gram).for_each(|(p, g)| *p = B * g + C * *p);
        let tall = Dims { m: long, n: short, k: short };
        matmul(tall, Left::rows(&y, short), Right::rows(&poly, short), Out::set(&mut next, short));
        y.iter_mut().zip(&next).for_each(|(y, next)| *y = A * *y + next);
    }
    if rows < cols { x.copy_from_slice(&transposed(&y, cols, rows)) } else { x.copy_from_slice(&y) }
}

/// The transpose of a row-major `[rows, cols]`.
fn transposed(x: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    (0..cols).flat_map(|j| (0..rows).map(move |i| x[i * cols + j])).collect()
}
