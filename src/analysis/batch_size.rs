//! Whether the gain of one optimizer over another depends on the batch, at equal steps: the contrast between groups of runs that
//! differ in the batch alone. It tells the noise of mini-batches, which is gone with the full batch, from all other causes.
//!
//! d(s, B) is ln A − ln B's loss over the run with seed s at a batch size, measured on one fixed sample of training images
//! (`observe.probe`), since losses on batches of different sizes do not compare. Over the seeds that have a pair at every size,
//! three contrasts are judged, by Student's t with Holm's correction for the three:
//!
//! ```text
//! full    d(s, full)                           the gain without any noise of mini-batches
//! change  d(s, full) − d(s, smallest)          above 0: the gain shrinks as the noise goes
//! slope   least-squares slope of d(s, B) in log₁₀ B    the same for a tenfold batch, from all sizes
//! ```
//!
//! What follows is [`Origin`]; the rules were written before any such run was made.

use std::collections::BTreeMap;

use serde::Serialize;

use super::endpoint::Endpoint;
use super::group::{Group, shared_settings};
use super::judge::{Differences, minus, tests};
use super::types::{Basis, Comparison, Contrast, Criteria, Effect, Judgement, Pair, PlanState, Reason, Verdict};
use super::{ALPHA, words};
use crate::config::{Batch, RunSpec};

/// Runs of two optimizers at several batch sizes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BatchSeries {
    /// What the groups share: "MNIST, 100 steps".
    pub title: String,
    /// The one whose gain it is, and the baseline; for people.
    pub a: String,
    pub b: String,
    pub lr: f64,
    /// Images of the fixed sample.
    pub probe: usize,
    /// By size, the full batch last.
    pub gains: Vec<Gain>,
    /// Seeds with a pair at every size.
    pub seeds: Vec<u64>,
    /// How the groups stand to their plans: the worst of them.
    pub plan: PlanState,
    /// The gain with the full batch; `None` without such runs.
    pub full: Option<Contrast>,
    /// Full against smallest; above 0 the gain shrinks. `None` without such runs.
    pub change: Option<Contrast>,
    /// For a tenfold batch; `None` where a run failed.
    pub slope: Option<Contrast>,
    pub origin: Origin,
    /// In one or two sentences.
    pub answer: String,
}

impl BatchSeries {
    /// Whether a group is one of its batch sizes.
    pub fn has(&self, group: &Group) -> bool {
        self.gains.iter().any(|gain| gain.group == group.name)
    }
}

/// The gain at one batch size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gain {
    #[serde(serialize_with = "as_text")]
    pub batch: Batch,
    /// Images of a step.
    pub images: u64,
    /// The group's name.
    pub group: String,
    /// ln A − ln B over all its pairs; `None` where a run failed.
    pub effect: Option<Effect>,
    pub verdict: Verdict,
    pub pairs: usize,
}

/// Where a gain comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Not from the noise of mini-batches: the gain with the full batch is shown, and the 95% interval of the change excludes
    /// that it shrinks by more than the margin.
    Elsewhere,
    /// From it: with the full batch there is no relevant gain or a loss, and it is shown that the gain shrinks.
    Batches,
    /// From both: the gain with the full batch is shown, and also that it shrinks, perhaps by more than the margin.
    Both,
    /// There is nothing to explain: no relevant difference at any size.
    NoGain,
    /// None of these is shown.
    Undecided,
    /// Not judged: no full batch, too few pairs, or planned pairs are missing.
    NotTested,
}

fn as_text<S: serde::Serializer>(batch: &Batch, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(batch)
}

/// The series among groups: those that share data, steps and all settings but the batch, all with the same probe.
pub fn series(groups: &[Group], criteria: Criteria) -> Vec<BatchSeries> {
    let mut alike: BTreeMap<_, Vec<&Group>> = BTreeMap::new();
    for group in groups.iter().filter(|group| group.probe.is_some()) {
        let settings = shared_settings(&RunSpec { batch: Batch::Full, epochs: 0, steps: None, ..group.spec().clone() });
        alike.entry((settings, group.data_hash(), &group.study, group.probe, steps(group))).or_default().push(group);
    }
    let mut found = Vec::new();
    for mut groups in alike.into_values().filter(|groups| groups.len() > 1) {
        groups.sort_by_key(|group| images(group));
        let equal = groups[0].comparisons.iter().filter(|comparison| comparison.basis == Basis::EqualLr);
        found.extend(equal.filter_map(|first| of_optimizers(&groups, first, criteria)));
    }
    found
}

/// Steps of the runs of a group that came farthest.
fn steps(group: &Group) -> u64 {
    group.runs().map(|run| run.last().step).max().unwrap_or(0)
}

/// Images of a step; of the full batch, all that are trained on.
fn images(group: &Group) -> u64 {
    match group.spec().batch {
        Batch::Size(n) => n as u64,
        Batch::Full => group.runs().map(|run| run.last().samples_seen / run.last().step.max(1)).max().unwrap_or(0),
    }
}

/// The comparisons of two optimizers at every batch size, if there are two sizes or more.
fn of_optimizers(groups: &[&Group], first: &Comparison, criteria: Criteria) -> Option<BatchSeries> {
    let same = |c: &&Comparison| {
        c.basis == Basis::EqualLr && (&c.a.name, &c.b.name, c.a.lr) == (&first.a.name, &first.b.name, first.a.lr)
    };
    let sizes: Vec<Size> = groups
        .iter()
        .filter_map(|group| {
            let comparison = group.comparisons.iter().find(same)?;
            let speed = comparison.judgements.iter().find(|judgement| judgement.endpoint == Endpoint::Speed)?;
            Some(Size { group, comparison, speed })
        })
        .collect();
    (sizes.len() > 1).then(|| made(&sizes, first, criteria))
}

/// One batch size.
struct Size<'a> {
    group: &'a Group,
    comparison: &'a Comparison,
    speed: &'a Judgement,
}

impl Size<'_> {
    fn pair(&self, seed: u64) -> Option<&Pair> {
        self.speed.pairs.iter().find(|pair| pair.seed == seed)
    }

    /// d of the seeds, all of which have a pair.
    fn differences(&self, seeds: &[u64]) -> Vec<f64> {
        seeds.iter().filter_map(|seed| self.pair(*seed)).map(|pair| minus(pair.a, pair.b)).collect()
    }

    fn gain(&self) -> Gain {
        Gain {
            batch: self.group.spec().batch,
            images: images(self.group),
            group: self.group.name.clone(),
            effect: self.speed.effect,
            verdict: self.speed.verdict,
            pairs: self.speed.pairs.len(),
        }
    }
}

fn made(sizes: &[Size], first: &Comparison, criteria: Criteria) -> BatchSeries {
    let has_all = |pair: &&Pair| sizes.iter().all(|size| size.pair(pair.seed).is_some());
    let seeds: Vec<u64> = sizes[0].speed.pairs.iter().filter(has_all).map(|pair| pair.seed).collect();
    let is_finite = sizes.iter().all(|size| {
        seeds.iter().filter_map(|seed| size.pair(*seed)).all(|pair| pair.a.is_finite() && pair.b.is_finite())
    });
    let contrast = |values| Differences { values, is_finite };
    let (smallest, largest) = (&sizes[0], &sizes[sizes.len() - 1]);
    let full = largest.group.spec().batch == Batch::Full;
    let (small, large) = (smallest.differences(&seeds), largest.differences(&seeds));
    let change = large.iter().zip(&small).map(|(large, small)| minus(*large, *small)).collect();
    let slope = if is_finite { slopes(sizes, &seeds) } else { Vec::new() };
    let asked = [contrast(large), contrast(change), contrast(slope)];
    let plan = PlanState::worst(sizes.iter().map(|size| size.comparison.standing.state));
    let reason = (plan == PlanState::Interim).then_some(Reason::Interim);
    let tested = tests(&asked.iter().collect::<Vec<_>>(), reason);
    let mut judged = asked.iter().zip(tested).map(|(differences, tested)| differences.contrast(tested, criteria));
    let (full, change) = (judged.next().filter(|_| full), judged.next().filter(|_| full));
    let mut series = BatchSeries {
        title: words::series_title(smallest.group, steps(smallest.group)),
        a: first.a.name.clone(),
        b: first.b.name.clone(),
        lr: first.a.lr,
        probe: smallest.group.probe.unwrap_or_default(),
        gains: sizes.iter().map(Size::gain).collect(),
        seeds,
        plan,
        origin: Origin::NotTested,
        full,
        change,
        slope: judged.next().filter(|_| is_finite),
        answer: String::new(),
    };
    series.origin = origin(&series, criteria.log_margin());
    series.answer = words::series_answer(&series);
    series
}

/// For every seed the least-squares slope of d in log₁₀ of the images of a step.
fn slopes(sizes: &[Size], seeds: &[u64]) -> Vec<f64> {
    let x: Vec<f64> = sizes.iter().map(|size| (images(size.group) as f64).log10()).collect();
    let middle = x.iter().sum::<f64>() / x.len() as f64;
    let squares: f64 = x.iter().map(|x| (x - middle).powi(2)).sum();
    let of_seed = |seed: &u64| {
        let d = sizes.iter().filter_map(|size| size.pair(*seed)).map(|pair| minus(pair.a, pair.b));
        x.iter().zip(d).map(|(x, d)| (x - middle) * d).sum::<f64>() / squares
    };
    if squares > 0.0 { seeds.iter().map(of_seed).collect() } else { Vec::new() }
}

/// See [`Origin`].
fn origin(series: &BatchSeries, margin: f64) -> Origin {
    let (Some(full), Some(change)) = (&series.full, &series.change) else { return Origin::NotTested };
    if full.test.is_none() || change.test.is_none() {
        return Origin::NotTested;
    }
    let is_shown = change.test.is_some_and(|test| test.holm <= ALPHA);
    let interval = change.effect.and_then(|effect| effect.interval);
    let shrinks = is_shown && change.effect.is_some_and(|effect| effect.mean > 0.0);
    let keeps = interval.is_some_and(|(_, high)| high <= margin);
    match full.verdict {
        _ if series.gains.iter().all(|gain| gain.verdict == Verdict::NoRelevantDifference) => Origin::NoGain,
        Verdict::Supported if keeps => Origin::Elsewhere,
        Verdict::Supported if shrinks => Origin::Both,
        Verdict::NoRelevantDifference | Verdict::Contradicted if shrinks => Origin::Batches,
        _ => Origin::Undecided,
    }
}
