//! SNRAdam: Adam whose denominator is the running *variance* of the gradient instead of its mean square.
//!
//! ```text
//! c ← 0 if t = 1, else m/(1−β1ᵗ⁻¹)      the bias-corrected mean before this gradient
//! m ← β1 m + (1−β1) g
//! s ← β2 s + (1−β2) (g − c)²
//! θ ← θ − lr · m̂ / (√ŝ + ε)             m̂ = m/(1−β1ᵗ),  ŝ = s/(1−β2ᵗ)
//! ```
//!
//! At t = 1 it equals Adam. The step is a ratio of signal to noise: under a constant gradient it grows like √t, since
//! only the first term of s is not 0. That is the article's claim ("as large as infinity") and the danger.
//!
//! Reference: `snr_adam.py` in iitmdinesh/kf_adam, 2023. The closest published relative is [AdaBelief](super::adabelief),
//! which centres on the mean *after* this gradient, without bias correction, and adds ε inside the running sum.
//!
//! # Other centres, for ablation
//! [`Centering`] names what the variance is taken around. Only the author's is safe at the first step.
//!
//! # Example
//! Where `candle_nn::AdamW` stood:
//!
//! ```
//! use candle_core::{Device, Tensor, Var};
//! use candle_nn::Optimizer;
//! use snr_bench::optim::{Config, SnrAdam};
//!
//! # fn main() -> candle_core::Result<()> {
//! let x = Var::new(&[3.0f32, -2.0], &Device::Cpu)?;
//! let mut opt = <SnrAdam as Optimizer>::new(vec![x.clone()], Config { lr: 0.05, ..Config::default() })?;
//! for _ in 0..500 {
//!     let loss = x.sqr()?.sum_all()?;
//!     opt.backward_step(&loss)?;
//! }
//! assert!(x.sqr()?.sum_all()?.to_scalar::<f32>()? < 1e-3);
//! # Ok(())
//! # }
//! ```

use serde::{Deserialize, Serialize};

use super::rule::check_adam_like;
use super::{Elementwise, MomentSlots, Registered, bias_correction};
use crate::error::Result;

/// What the variance of the gradient is taken around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Centering {
    /// The bias-corrected mean before this gradient (the author's). At t = 1 the centre is 0, so s = g² and the first
    /// step is Adam's.
    #[default]
    Previous,
    /// The mean before this gradient without its bias correction, c ← m: nearer to 0 in the first 1/(1−β1) steps.
    Uncorrected,
    /// The bias-corrected mean after this gradient, c ← m̂. At t = 1 that is g itself: s = 0 and the step is g/ε, 10⁸
    /// times the gradient with the default ε. Diverges unless ε is of the order of the gradient.
    Current,
    /// ŝ = v̂ − m̂² from Adam's two moments. At t = 1 it is 0 as well, and the step is g/ε. The difference of two nearly
    /// equal f32 numbers can also come out negative; it is taken as 0 then, which is a step of m̂/ε again.
    Moments,
}

/// Hyperparameters of [SNRAdam](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnrAdamRule {
    /// Decay rate of the running mean of g.
    pub beta1: f64,
    /// Decay rate of the running variance of g.
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
    /// What the variance is taken around.
    pub centering: Centering,
}

impl Default for SnrAdamRule {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, centering: Centering::Previous }
    }
}

impl Registered for SnrAdamRule {
    const NAME: &'static str = "snradam";
    const LABEL: &'static str = "SNRAdam";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("beta1", "decay rate of the running mean of the gradient"),
        ("beta2", "decay rate of the running variance of the gradient"),
        ("eps", "added to the root in the denominator"),
        ("centering", "what the variance is taken around: previous, uncorrected, current or moments"),
    ];
}

/// What all elements share in a step.
#[derive(Clone, Copy, Debug)]
pub struct SnrAdamFactors {
    keep1: f32,
    newest1: f32,
    keep2: f32,
    newest2: f32,
    eps: f32,
    /// c is this share of m̂ before the step: 1, or what its bias correction has added to m.
    centre: f32,
    /// g − c times this is the deviation: 1, or 1 − w with the current centre.
    deviation: f32,
    moments: bool,
}

impl Elementwise for SnrAdamRule {
    type State = [f32; 2];
    type Factors = SnrAdamFactors;
    /// m̂ and ŝ: kept with their bias corrected, so that m̂ before a step *is* the centre c, 0 at the first.
    const SLOTS: &'static [&'static str] = &["mean", "variance"];

    fn validate(&self) -> Result<()> {
        check_adam_like(self.beta1, self.beta2, self.eps)
    }

    fn factors(&self, t: u64) -> SnrAdamFactors {
        let (w1, w2) = (newest_weight(self.beta1, t), newest_weight(self.beta2, t));
        SnrAdamFactors {
            keep1: (1.0 - w1) as f32,
            newest1: w1 as f32,
            keep2: (1.0 - w2) as f32,
            newest2: w2 as f32,
            eps: self.eps as f32,
            centre: match self.centering {
                Centering::Uncorrected if t > 1 => bias_correction(self.beta1, t - 1) as f32,
                _ => 1.0,
            },
            deviation: if self.centering == Centering::Current { (1.0 - w1) as f32 } else { 1.0 },
            moments: self.centering == Centering::Moments,
        }
    }

    /// With [`Centering::Moments`] the state has no variance.
    fn moments(&self, _t: u64) -> Option<MomentSlots> {
        let moments = MomentSlots { mean: (0, 1.0), second: (1, 1.0), centred: true, eps: self.eps as f32 };
        (self.centering != Centering::Moments).then_some(moments)
    }

    #[inline(always)]
    fn step(f: SnrAdamFactors, g: f32, [m_hat, s_hat]: &mut [f32; 2]) -> f32 {
        // With the current centre this is g − m̂, without its rounding.
        let deviation = if f.moments { g } else { (g - *m_hat * f.centre) * f.deviation };
        *m_hat = *m_hat * f.keep1 + g * f.newest1;
        *s_hat = *s_hat * f.keep2 + deviation * deviation * f.newest2;
        let variance = if f.moments { (*s_hat - *m_hat * *m_hat).max(0.0) } else { *s_hat };
        *m_hat / (variance.sqrt() + f.eps)
    }
}

/// The weight w = (1−β)/(1−βᵗ) of the newest of t terms in their bias-corrected running mean:
/// m̂ₜ = (1−w) m̂ₜ₋₁ + w gₜ is m/(1−βᵗ) with m ← β m + (1−β) g. It is exactly 1 at t = 1.
pub(crate) fn newest_weight(beta: f64, t: u64) -> f64 {
    if t == 1 { 1.0 } else { (1.0 - beta) / bias_correction(beta, t) }
}
