//! The quantities of `tensors.csv`: two steps from the same parameters and gradient, tensor by tensor.

use std::ops::Range;

use crate::optim::Moments;
use crate::run_dir::{CONSISTENCY_BINS, TensorRow};

/// A step of the run with what is known of it, all by element; weight decay is left out of the steps.
#[derive(Clone, Copy)]
pub struct StepView<'a> {
    pub params: &'a [f32],
    pub grads: &'a [f32],
    /// What the run's own rule subtracts.
    pub own: &'a [f32],
    pub own_moments: Option<Moments<'a>>,
    /// What the shadow would subtract.
    pub shadow: Option<&'a [f32]>,
    pub shadow_moments: Option<Moments<'a>>,
}

/// Buffers for the ratios by element.
#[derive(Default)]
pub struct Ratios {
    /// |sᵢ|/|oᵢ|; NaN at 0/0.
    amplification: Vec<f32>,
    /// |m̂|/√ŝ; NaN at 0/0.
    snr: Vec<f32>,
    keys: Vec<u32>,
}

/// Sums over the elements of a tensor.
#[derive(Clone, Copy, Default)]
struct Sums {
    grad: f64,
    weight: f64,
    own: f64,
    shadow: f64,
    product: f64,
}

impl<'a> StepView<'a> {
    /// The moments of the rule that divides by a running variance: the shadow's, else the run's own.
    fn variance(&self) -> Option<Moments<'a>> {
        [self.shadow_moments, self.own_moments].into_iter().flatten().find(|moments| moments.centred)
    }

    /// Adam's moments: the run's own, else the shadow's.
    fn squares(&self) -> Option<Moments<'a>> {
        [self.own_moments, self.shadow_moments].into_iter().flatten().find(|moments| !moments.centred)
    }

    fn sums(&self, at: Range<usize>) -> Sums {
        let mut sums = Sums::default();
        let square = |x: f32| f64::from(x) * f64::from(x);
        for i in at {
            sums.grad += square(self.grads[i]);
            sums.weight += square(self.params[i]);
            sums.own += square(self.own[i]);
            if let Some(shadow) = self.shadow {
                sums.shadow += square(shadow[i]);
                sums.product += f64::from(shadow[i]) * f64::from(self.own[i]);
            }
        }
        sums
    }
}

impl Ratios {
    /// Takes the ratios of a step.
    pub fn fill(&mut self, step: &StepView) {
        self.amplification.clear();
        let shadow = step.shadow.unwrap_or_default();
        self.amplification.extend(shadow.iter().zip(step.own).map(|(s, o)| s.abs() / o.abs()));
        self.snr.clear();
        if let Some(Moments { mean, second, .. }) = step.variance() {
            self.snr.extend(signal_to_noise(mean, second));
        }
    }

    /// The row of the elements `at`; of the whole model if `whole`.
    pub fn row(&mut self, step: &StepView, at: Range<usize>, whole: bool) -> TensorRow {
        let sums = step.sums(at.clone());
        let known = |x: f64| (!x.is_nan()).then_some(x as f32);
        let mut row = TensorRow {
            grad_norm: sums.grad.sqrt() as f32,
            weight_norm: sums.weight.sqrt() as f32,
            update_norm: sums.own.sqrt() as f32,
            update_to_weight: known((sums.own / sums.weight).sqrt()),
            ..TensorRow::default()
        };
        if step.shadow.is_some() {
            row.step_ratio = known((sums.shadow / sums.own).sqrt());
            row.cosine = known(sums.product / (sums.shadow * sums.own).sqrt());
            let amplification = quantiles(&self.amplification[at.clone()], &mut self.keys);
            [row.amplification_q05, row.amplification_q25, row.amplification_q50] =
                std::array::from_fn(|i| amplification[i]);
            [row.amplification_q75, row.amplification_q95] = std::array::from_fn(|i| amplification[3 + i]);
        }
        if let Some(moments) = step.variance() {
            let snr = quantiles(&self.snr[at.clone()], &mut self.keys);
            [row.snr_q05, row.snr_q25, row.snr_q50] = std::array::from_fn(|i| snr[i]);
            [row.snr_q75, row.snr_q95] = std::array::from_fn(|i| snr[3 + i]);
            row.eps_share = Some(eps_share(&moments, at));
        }
        if let Some(moments) = step.squares().filter(|_| whole && step.shadow.is_some()) {
            (row.consistency_counts, row.consistency_amplification) = self.by_consistency(&moments);
        }
        row
    }

    /// The columns `consistency_counts` and `consistency_amplification`.
    fn by_consistency(&self, moments: &Moments) -> (String, String) {
        let mut bins = [(0u64, 0.0f64); CONSISTENCY_BINS];
        for (consistency, amplification) in signal_to_noise(moments.mean, moments.second).zip(&self.amplification) {
            if consistency.is_nan() || !amplification.is_finite() || *amplification == 0.0 {
                continue;
            }
            let bin = (consistency * CONSISTENCY_BINS as f32) as usize;
            let (count, logs) = &mut bins[bin.min(CONSISTENCY_BINS - 1)];
            *count += 1;
            *logs += f64::from(amplification.ln());
        }
        let mean = |(count, logs): &(u64, f64)| match count {
            0 => String::new(),
            n => ((logs / *n as f64).exp() as f32).to_string(),
        };
        let counts: Vec<String> = bins.iter().map(|(count, _)| count.to_string()).collect();
        (counts.join(";"), bins.iter().map(mean).collect::<Vec<_>>().join(";"))
    }
}

/// |m̂|/√ŝ of every element.
fn signal_to_noise<'a>(mean: (&'a [f32], f32), second: (&'a [f32], f32)) -> impl Iterator<Item = f32> + use<'a> {
    mean.0.iter().zip(second.0).map(move |(m, s)| (m * mean.1).abs() / (s * second.1).sqrt())
}

/// Share of the elements in which ε is more than 1% of √ŝ + ε.
fn eps_share(moments: &Moments, at: Range<usize>) -> f32 {
    let least = 99.0 * moments.eps;
    let (second, correct) = moments.second;
    let few = second[at.clone()].iter().filter(|s| (**s * correct).sqrt() < least).count();
    few as f32 / at.len() as f32
}

/// The 5, 25, 50, 75 and 95% quantiles of what is no NaN: of n values in order, the ⌈qn⌉-th.
fn quantiles(values: &[f32], keys: &mut Vec<u32>) -> [Option<f32>; 5] {
    keys.clear();
    // none is negative: their bits are in the order of the numbers, and integers are faster to select
    keys.extend(values.iter().filter(|x| !x.is_nan()).map(|x| x.to_bits()));
    let n = keys.len();
    let mut found = [None; 5];
    if n > 0 {
        let ranks = [5, 25, 50, 75, 95].map(|percent| (n * percent).div_ceil(100) - 1);
        select(keys, 0, &ranks, &mut found);
    }
    found
}

/// Finds the values of ascending `ranks` in `keys`, whose least has rank `first`: the middle one, then those on its sides.
fn select(keys: &mut [u32], first: usize, ranks: &[usize], found: &mut [Option<f32>]) {
    let middle = ranks.len() / 2;
    let Some(rank) = ranks.get(middle) else { return };
    let (below, value, above) = keys.select_nth_unstable(rank - first);
    let value = Some(f32::from_bits(*value));
    let (mut low, mut high) = (middle, middle + 1);
    found[middle] = value;
    // in a small tensor several ranks are one
    while low > 0 && ranks[low - 1] == *rank {
        low -= 1;
        found[low] = value;
    }
    while high < ranks.len() && ranks[high] == *rank {
        found[high] = value;
        high += 1;
    }
    select(below, first, &ranks[..low], &mut found[..low]);
    select(above, rank + 1, &ranks[high..], &mut found[high..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        for n in 1..60usize {
            let values: Vec<f32> = (0..n).map(|i| (i * 7919 % 61) as f32 / 7.0).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f32::total_cmp);
            let expected =
                [0.05, 0.25, 0.5, 0.75, 0.95].map(|q| Some(sorted[(q * n as f64 - 1e-9).ceil() as usize - 1]));
            assert_eq!(quantiles(&values, &mut Vec::new()), expected, "{n}");
        }
        assert_eq!(quantiles(&[f32::NAN], &mut Vec::new()), [None; 5]);
        let with = quantiles(&[f32::NAN, f32::INFINITY, 1.0], &mut Vec::new());
        assert_eq!(with, [Some(1.0), Some(1.0), Some(1.0), Some(f32::INFINITY), Some(f32::INFINITY)]);
    }
}
