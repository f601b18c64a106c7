//! Who comes first: every optimizer of a group at its best learning rate.

use std::cmp::Ordering;

use serde::Serialize;

use super::ALPHA;
use super::endpoint::Endpoint;
use super::group::{Arm, Group};
use super::integrity::same_start;
use super::pairing::{Variant, ended, variants};
use super::run::Run;
use crate::stats::{mean_interval, paired_t, signed_rank};

/// One row of a leaderboard: an optimizer at the learning rate with its lowest final validation loss.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entrant {
    /// 1 is the lowest final validation loss; shared with the first at a place as long as no difference to it is shown. `None`
    /// before any run has ended.
    pub place: Option<usize>,
    /// The optimizer, as the registry names it.
    pub optim: String,
    /// For people: "SNRAdam, beta2 0.9".
    pub name: String,
    /// Learning rate.
    pub lr: f64,
    /// Among how many it was the best.
    pub rates: usize,
    /// Runs that have ended.
    pub n: usize,
    /// Those of them that failed.
    pub failed: usize,
    /// In the order of [`Endpoint::ALL`]; `None` where a run failed, or none has ended.
    pub losses: Vec<Option<MeanLoss>>,
}

/// What the runs of an arm come to in one endpoint, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MeanLoss {
    /// Geometric mean over the runs.
    pub mean: f64,
    /// Its 95% interval: Student's t of the logarithms; `None` for one run.
    pub interval: Option<(f64, f64)>,
}

/// Ranks the optimizers of a group by final validation loss, the geometric mean over their runs that have ended; one with
/// failed runs comes after those without, and more failures come later.
///
/// Places are shared within the noise: an optimizer has the place of the one above unless it differs from the first at that
/// place, over the seeds that both have, by Student's t (95%; where a run failed by signed ranks).
pub fn leaderboard(group: &Group) -> Vec<Entrant> {
    let mut ranked: Vec<(&Arm, usize)> = variants(group).into_iter().filter_map(best).collect();
    ranked.sort_by(|(a, _), (b, _)| by_loss(a, b));
    let mut first: Option<(&Arm, usize)> = None;
    let mut entrants = Vec::new();
    for (i, (arm, rates)) in ranked.into_iter().enumerate() {
        first = match first {
            Some((leader, place)) if !differ(leader, arm) => Some((leader, place)),
            _ => Some((arm, i + 1)),
        };
        let has_ended = ended(arm).next().is_some();
        entrants.push(entrant(arm, rates, first.map(|(_, place)| place).filter(|_| has_ended)));
    }
    entrants
}

/// The best arm of an optimizer, and among how many.
fn best(variant: Variant<'_>) -> Option<(&Arm, usize)> {
    let rates = variant.arms.len();
    variant.arms.into_iter().min_by(|a, b| by_loss(a, b)).map(|best| (best, rates))
}

/// Every arm, in the order of the registry and of the learning rate; without places.
pub fn all_arms(group: &Group) -> Vec<Entrant> {
    group.arms.iter().map(|arm| entrant(arm, 1, None)).collect()
}

fn entrant(arm: &Arm, rates: usize, place: Option<usize>) -> Entrant {
    Entrant {
        place,
        optim: arm.spec().optim.clone(),
        name: arm.name.clone(),
        lr: arm.spec().lr,
        rates,
        n: ended(arm).count(),
        failed: ended(arm).filter(|run| run.fate.is_failed()).count(),
        losses: Endpoint::ALL.iter().map(|endpoint| mean_loss(*endpoint, arm)).collect(),
    }
}

/// The mean of an arm's runs that have ended; `None` where one failed, or none has ended.
pub fn mean_loss(endpoint: Endpoint, arm: &Arm) -> Option<MeanLoss> {
    let logs: Vec<f64> = ended(arm).filter_map(|run| endpoint.of(run)).collect();
    if logs.is_empty() || logs.iter().any(|log| !log.is_finite()) {
        return None;
    }
    let (mean, half) = mean_interval(&logs);
    Some(MeanLoss { mean: mean.exp(), interval: half.map(|half| ((mean - half).exp(), (mean + half).exp())) })
}

/// The share of runs that failed, then the mean logarithm of the final validation loss of the others; arms without a run that
/// has ended come last.
fn by_loss(a: &Arm, b: &Arm) -> Ordering {
    let key = |arm: &Arm| {
        let logs: Vec<f64> = ended(arm).filter_map(|run| Endpoint::FinalValLoss.of(run)).collect();
        let finite: Vec<f64> = logs.iter().copied().filter(|log| log.is_finite()).collect();
        let mean = if finite.is_empty() { f64::INFINITY } else { mean_interval(&finite).0 };
        let failed = if logs.is_empty() { 2.0 } else { (logs.len() - finite.len()) as f64 / logs.len() as f64 };
        (failed, mean)
    };
    let ((a_failed, a_mean), (b_failed, b_mean)) = (key(a), key(b));
    a_failed.total_cmp(&b_failed).then(a_mean.total_cmp(&b_mean))
}

/// Whether the final validation losses of two arms differ over their common seeds.
fn differ(a: &Arm, b: &Arm) -> bool {
    let partner = |run: &Run| ended(b).find(|other| other.spec.seed == run.spec.seed && same_start(run, other));
    let pair = |run| Some((Endpoint::FinalValLoss.of(run)?, Endpoint::FinalValLoss.of(partner(run)?)?));
    let pairs: Vec<(f64, f64)> = ended(a).filter_map(pair).collect();
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| if a == b { 0.0 } else { a - b }).collect();
    match differences.iter().all(|d| d.is_finite()) && pairs.iter().all(|(a, b)| a.is_finite() && b.is_finite()) {
        _ if differences.is_empty() => false,
        true => paired_t(&differences).p.is_some_and(|p| p <= ALPHA),
        false => signed_rank(&differences).p <= ALPHA,
    }
}
