//! The learning rate of every step.

use serde::{Deserialize, Serialize};

use super::RunSpec;

/// How the learning rate changes over a run of T steps with w steps of warm-up. In step t = 1 … T it is the setting `lr`
/// times
///
/// ```text
/// t ≤ w            t/w                              warm-up, from 1/w to 1
/// constant         1
/// linear           1 − k/(T−w)                      k = t−1−w = 0, 1, …
/// cosine           (1 + cos(π k/(T−w))) / 2
/// inverse-sqrt     √(max(w, 1)/t)
/// ```
///
/// Linear and cosine begin at 1 and come to 0 as the run ends: the last step is the last one that still moves. These are
/// PyTorch's `LinearLR` for the warm-up and after it `LinearLR(1, 0, total_iters=T−w)` or `CosineAnnealingLR(T_max=T−w)`,
/// joined by `SequentialLR`; a run that ends within its warm-up never leaves it. The inverse square root is that of Vaswani et al.,
/// *Attention Is All You Need*, 2017, <https://arxiv.org/abs/1706.03762>, scaled to `lr` where the warm-up ends, as fairseq has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    #[default]
    Constant,
    Linear,
    Cosine,
    InverseSqrt,
}

impl Schedule {
    /// The rate of step `t` of `steps` (1, 2, …), as a multiple of the setting `lr`, with so many steps of warm-up.
    pub fn factor(self, t: u64, warmup: u64, steps: u64) -> f64 {
        if t <= warmup {
            return t as f64 / warmup as f64;
        }
        let done = || (t - 1 - warmup) as f64 / (steps.max(t) - warmup) as f64;
        match self {
            Self::Constant => 1.0,
            Self::Linear => 1.0 - done(),
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done()).cos()),
            Self::InverseSqrt => (warmup.max(1) as f64 / t as f64).sqrt(),
        }
    }

    /// Whether the rate depends on how long the run is to be: then a longer run is another one from its first step on.
    pub fn needs_end(self) -> bool {
        matches!(self, Self::Linear | Self::Cosine)
    }

    /// As a configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Linear => "linear",
            Self::Cosine => "cosine",
            Self::InverseSqrt => "inverse-sqrt",
        }
    }
}

impl RunSpec {
    /// The learning rate of step `t` (1, 2, …) of a run of so many steps.
    pub fn rate(&self, t: u64, steps: u64) -> f64 {
        self.lr * self.schedule.factor(t, self.warmup_steps, steps)
    }
}
