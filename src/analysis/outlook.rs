//! What planned runs can show, known before they run.

use super::endpoint::Endpoint;
use super::group::{shared_settings, title};
use super::judge::{FIRST_ALPHA, equivalence_needs, least_pairs};
use super::plan::PlanFile;
use super::types::Criteria;
use super::{Analysis, Group};
use crate::config::RunSpec;
use crate::stats::detectable;

/// The standard deviation of the paired log differences that is taken as an example before any pair has run: 5%.
pub const EXAMPLE_SD: f64 = 0.05;

/// What the pairs of a group of runs can show.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// The group: "MNIST, batch 4096, 20 epochs".
    pub title: String,
    /// Pairs that every comparison of it will have, at equal learning rates or each at its best.
    pub pairs: usize,
    /// Pairs that a verdict takes.
    pub least: usize,
    /// Standard deviation of the paired log differences in [`Endpoint::Speed`], and of how many pairs; `None` before any
    /// has run.
    pub spread: Option<(f64, usize)>,
    /// The least difference that they find with 80% power, in such standard deviations, at the level at which Holm's
    /// correction begins; `None` with too few pairs.
    pub detectable: Option<f64>,
    /// The margin, as a share.
    pub margin: f64,
    /// Pairs that 'no relevant difference' takes at the seen spread, or that of the example, where these are too few.
    pub equivalence_needs: Option<usize>,
}

/// One for every group of `specs` in which optimizers meet. The pairs are those of the plan; the spread is that of the runs
/// that are there already.
pub fn outlooks(specs: &[RunSpec], plan: &PlanFile, earlier: Option<&Analysis>) -> Vec<Outlook> {
    let mut groups: Vec<Vec<&RunSpec>> = Vec::new();
    for spec in specs {
        match groups.iter_mut().find(|group| shared_settings(group[0]) == shared_settings(spec)) {
            Some(group) => group.push(spec),
            None => groups.push(vec![spec]),
        }
    }
    groups.iter().filter_map(|group| outlook(group, plan, earlier)).collect()
}

fn outlook(specs: &[&RunSpec], plan: &PlanFile, earlier: Option<&Analysis>) -> Option<Outlook> {
    let mut arms: Vec<RunSpec> = Vec::new();
    for spec in specs {
        let seedless = RunSpec { seed: 0, ..(*spec).clone() };
        if !arms.contains(&seedless) {
            arms.push(seedless);
        }
    }
    let planned = |arm: &RunSpec, seed: u64| plan.has(&RunSpec { seed, ..arm.clone() });
    let pairs = |a: &RunSpec, b: &RunSpec| {
        plan.seeds().into_iter().filter(|seed| planned(a, *seed) && planned(b, *seed)).count()
    };
    let meetings = arms.iter().enumerate().flat_map(|(i, a)| arms[..i].iter().map(move |b| (a, b)));
    let is_judged = |a: &RunSpec, b: &RunSpec| a.lr == b.lr || plan.tune.is_some();
    let pairs = meetings.filter(|(a, b)| is_judged(a, b)).map(|(a, b)| pairs(a, b)).min()?;
    let same = |group: &&Group| shared_settings(group.spec()) == shared_settings(specs[0]);
    let spread = earlier.and_then(|analysis| spread(analysis.groups.iter().find(same)?));
    let Criteria { margin, .. } = plan.criteria();
    let sd = spread.map_or(EXAMPLE_SD, |(sd, _)| sd);
    Some(Outlook {
        title: title(specs[0]),
        pairs,
        least: least_pairs(true),
        spread,
        detectable: (pairs >= 2).then(|| detectable(1.0, pairs, FIRST_ALPHA)),
        margin,
        equivalence_needs: equivalence_needs(sd, pairs, plan.criteria().log_margin()),
    })
}

/// The largest that any comparison of the group has seen over three pairs or more.
fn spread(group: &Group) -> Option<(f64, usize)> {
    let speeds = group.comparisons.iter().flat_map(|c| &c.judgements).filter(|j| j.endpoint == Endpoint::Speed);
    let seen = speeds.filter(|j| j.pairs.len() >= 3).filter_map(|j| Some((j.effect?.sd?, j.pairs.len())));
    seen.filter(|(sd, _)| *sd > 0.0).max_by(|a, b| a.0.total_cmp(&b.0))
}
