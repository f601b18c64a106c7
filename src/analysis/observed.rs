//! What shadows and the noise of batches say, over the runs of an arm: from `tensors.csv` and `steps.csv`, which are read when
//! it is asked for.
//!
//! The amplification is |A's step| / |B's step| by element, A the later of run and shadow in the registry: of SNRAdam over Adam,
//! on whichever way the run goes. Over runs its quantiles and means are averaged as logarithms.

use std::collections::BTreeMap;

use super::group::{Arm, Group};
use super::run::{Fate, Run};
use crate::error::Result;
use crate::optim;
use crate::run_dir::{ALL, CONSISTENCY_BINS, TensorRow, read_steps, read_tensors};

/// Steps whose consistency is not counted: of one gradient |m̂|/√v̂ is 1, whatever it is, and of a few it is near.
pub const WARM_UP: u64 = 10;

/// Quantiles of a step's amplification over the elements: 5, 25, 50, 75 and 95%.
pub type Quantiles = [f64; 5];

/// How much longer A's steps are than B's on the way of one arm's runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Amplification {
    /// For people.
    pub a: String,
    pub b: String,
    /// The arm whose runs carry the shadow.
    pub carrier: String,
    /// Its optimizer as the registry names it.
    pub optim: String,
    /// Number of runs.
    pub runs: usize,
    /// By tensor in the order of the file, `all` first: by step.
    pub tensors: Vec<(String, Vec<(u64, Quantiles)>)>,
    /// By bin of the consistency |m̂|/√v̂, 0.1 wide, over all steps but the first
    /// [`WARM_UP`]: the share of the elements, and the geometric mean of their
    /// amplification; `None` in an empty bin.
    pub consistency: Vec<(f64, Option<f64>)>,
}

/// Share of SNRAdam's ŝ that is the noise of the mini-batches, on the way of one arm's runs.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseShare {
    pub carrier: String,
    pub optim: String,
    pub runs: usize,
    /// The mean over the runs, by step.
    pub steps: Vec<(u64, f64)>,
}

impl NoiseShare {
    /// Its mean over the second half of the steps.
    pub fn late(&self) -> Option<f64> {
        let late = &self.steps[self.steps.len() / 2..];
        (!late.is_empty()).then(|| late.iter().map(|(_, share)| share).sum::<f64>() / late.len() as f64)
    }
}

/// The first arm of every optimizer: others would show the same again.
fn carriers(group: &Group) -> impl Iterator<Item = &Arm> {
    group.arms.iter().filter(|arm| arm.variant == 0)
}

/// The runs of an arm that finished.
fn finished(arm: &Arm) -> impl Iterator<Item = &Run> {
    arm.runs.iter().filter(|run| run.sound && run.fate == Fate::Finished)
}

/// The amplifications of a group, by arm and shadow.
///
/// # Errors
/// A damaged file.
pub fn amplifications(group: &Group) -> Result<Vec<Amplification>> {
    let mut found = Vec::new();
    for arm in carriers(group) {
        let mut by_shadow: BTreeMap<String, Vec<Vec<TensorRow>>> = BTreeMap::new();
        for run in finished(arm) {
            let mut of_run: BTreeMap<String, Vec<TensorRow>> = BTreeMap::new();
            for row in read_tensors(&run.dir)?.into_iter().filter(|row| !row.shadow.is_empty()) {
                of_run.entry(row.shadow.clone()).or_default().push(row);
            }
            of_run.into_iter().for_each(|(shadow, rows)| by_shadow.entry(shadow).or_default().push(rows));
        }
        found.extend(by_shadow.iter().filter_map(|(shadow, runs)| of_shadow(arm, shadow, runs)));
    }
    Ok(found)
}

fn of_shadow(arm: &Arm, shadow: &str, runs: &[Vec<TensorRow>]) -> Option<Amplification> {
    let own = &arm.spec().optim;
    let label = optim::find(shadow).ok()?.label.to_string();
    let inverted = optim::place(own) > optim::place(shadow);
    let (a, b) = if inverted { (arm.optimizer(), label) } else { (label, arm.optimizer()) };
    // sums of logarithms, by tensor and step
    let mut tensors: Vec<String> = Vec::new();
    let mut sums: BTreeMap<(usize, u64), (Quantiles, f64)> = BTreeMap::new();
    let mut bins = vec![(0.0, 0.0); CONSISTENCY_BINS];
    for row in runs.iter().flatten() {
        let tensor = tensors.iter().position(|name| *name == row.tensor).unwrap_or_else(|| {
            tensors.push(row.tensor.clone());
            tensors.len() - 1
        });
        if let Some(quantiles) = quantiles(row, inverted) {
            let (sum, n) = sums.entry((tensor, row.step)).or_default();
            sum.iter_mut().zip(quantiles).for_each(|(sum, x)| *sum += x.ln());
            *n += 1.0;
        }
        if row.step <= WARM_UP {
            continue;
        }
        for ((n, mean), bin) in row.by_consistency().into_iter().zip(&mut bins) {
            let log = mean.map_or(0.0, f64::ln);
            *bin = (bin.0 + n as f64, bin.1 + n as f64 * if inverted { -log } else { log });
        }
    }
    let curve = |tensor: usize| {
        let of_tensor = sums.range((tensor, 0)..(tensor + 1, 0));
        of_tensor.map(|((_, step), (sum, n))| (*step, sum.map(|sum| (sum / n).exp()))).collect::<Vec<_>>()
    };
    let curves: Vec<_> = tensors.iter().enumerate().map(|(i, name)| (name.clone(), curve(i))).collect();
    let elements: f64 = bins.iter().map(|(n, _)| n).sum();
    let bin = |(n, log): &(f64, f64)| (n / elements.max(1.0), (*n > 0.0).then(|| (log / n).exp()));
    curves.iter().any(|(name, curve)| name == ALL && !curve.is_empty()).then(|| Amplification {
        a,
        b,
        carrier: arm.label.clone(),
        optim: own.clone(),
        runs: runs.len(),
        tensors: curves,
        consistency: bins.iter().map(bin).collect(),
    })
}

/// Of A over B; `None` where one is not a positive number.
fn quantiles(row: &TensorRow, inverted: bool) -> Option<Quantiles> {
    let all = [
        row.amplification_q05,
        row.amplification_q25,
        row.amplification_q50,
        row.amplification_q75,
        row.amplification_q95,
    ];
    let mut values = [0.0; 5];
    for (value, quantile) in values.iter_mut().zip(all) {
        *value = f64::from(quantile.filter(|q| q.is_finite() && *q > 0.0)?);
    }
    if inverted {
        values.reverse();
        values = values.map(|x| 1.0 / x);
    }
    Some(values)
}

/// The shares of noise of a group, by arm.
///
/// # Errors
/// A damaged file.
pub fn noise_shares(group: &Group) -> Result<Vec<NoiseShare>> {
    let mut found = Vec::new();
    for arm in carriers(group) {
        let mut sums: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
        let mut runs = 0;
        for run in finished(arm) {
            let rows = read_steps(&run.dir)?;
            let shares = rows.iter().filter_map(|row| Some((row.step, row.noise_share.filter(|x| x.is_finite())?)));
            let mut any = false;
            for (step, share) in shares {
                let (sum, n) = sums.entry(step).or_default();
                (*sum, *n, any) = (*sum + share, *n + 1.0, true);
            }
            runs += usize::from(any);
        }
        let steps: Vec<(u64, f64)> = sums.into_iter().map(|(step, (sum, n))| (step, sum / n)).collect();
        if !steps.is_empty() {
            let (carrier, optim) = (arm.label.clone(), arm.spec().optim.clone());
            found.push(NoiseShare { carrier, optim, runs, steps });
        }
    }
    Ok(found)
}
