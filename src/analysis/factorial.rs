//! The size of a step against its direction: the 2 × 2 experiment of two optimizers and their grafts
//! ([`optim::graft`]). The graft of an optimizer with itself is that optimizer, so its own runs are a cell.
//!
//! y(M#D, s) is the logarithm of an endpoint with the size of M's steps, the direction of D's, and seed s. With A judged against
//! the baseline B, over the seeds that all four have:
//!
//! ```text
//! size         ½ [(A#B − B#B) + (A#A − B#A)]      what A's size does, averaged over both directions
//! direction    ½ [(B#A − B#B) + (A#A − A#B)]      what A's direction does, averaged over both sizes
//! interaction     (A#A − B#A) − (A#B − B#B)       whether the one depends on the other
//! together         A#A − B#B = size + direction
//! ```
//!
//! Each is the logarithm of a ratio of losses. Of every endpoint the first three are judged by Student's t with Holm's
//! correction for the three; where a run failed there is no contrast. What they share of the whole is told only where the
//! interval of the whole excludes 0.

use serde::Serialize;

use super::endpoint::Endpoint;
use super::group::{Arm, Group};
use super::judge::{Differences, minus, tests};
use super::pairing::ended;
use super::run::Run;
use super::types::{Basis, Comparison, Contrast, Criteria, Effect, Pair, PlanState, Reason};
use super::words;
use crate::config::{Observe, RunSpec};
use crate::optim::{self, GraftSettings};

/// Two optimizers and their two grafts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Factorial {
    /// The group, for people and by its name.
    pub title: String,
    pub group: String,
    /// The optimizer that is explained, and the baseline; for people.
    pub a: String,
    pub b: String,
    pub lr: f64,
    /// Seeds of which all four runs have ended.
    pub seeds: Vec<u64>,
    /// How the four stand to their plan: the worst of them.
    pub plan: PlanState,
    /// A#B and B#A against B#B on the loss over the run, then A itself; `None` where a run failed.
    pub cells: Vec<Cell>,
    /// One an endpoint, in the order of [`Endpoint::ALL`].
    pub splits: Vec<Split>,
    /// The baseline at the learning rate that matches A's mean update norm, if it was trained at another one.
    pub matched: Option<Matched>,
    /// In a sentence or two.
    pub answer: String,
}

/// One of the four against the baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// "SNRAdam#Adam".
    pub name: String,
    /// On the loss over the run.
    pub effect: Option<Effect>,
}

/// What size and direction do to one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Split {
    pub endpoint: Endpoint,
    pub size: Contrast,
    pub direction: Contrast,
    pub interaction: Contrast,
    /// Both, not judged here: it is the comparison of the two.
    pub together: Option<Effect>,
}

/// The baseline at another learning rate, nearest in its mean update norm to A.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Matched {
    pub name: String,
    pub lr: f64,
    /// A's mean update norm by that of the baseline at its own rate, and at this one.
    pub norm_ratio: f64,
    pub norm_ratio_matched: f64,
    /// A against it on the loss over the run, and over how many pairs; described, not judged.
    pub effect: Option<Effect>,
    pub pairs: usize,
}

/// How far apart mean update norms may be that are said to match, as a logarithm.
const MATCHES: f64 = 0.05;

/// The 2 × 2 experiments of a group.
pub fn factorials(group: &Group, criteria: Criteria) -> Vec<Factorial> {
    group.arms.iter().filter_map(|arm| Four::of(group, arm)?.factorial(group, criteria)).collect()
}

/// The arms, by size and direction.
struct Four<'a> {
    aa: &'a Arm,
    ab: &'a Arm,
    ba: &'a Arm,
    bb: &'a Arm,
}

/// A run's settings without its optimizer and seed.
fn rest(arm: &Arm) -> RunSpec {
    let hyper = toml::Table::new();
    RunSpec { optim: String::new(), hyper, seed: 0, observe: Observe::default(), ..arm.spec().clone() }
}

fn parts(arm: &Arm) -> Option<GraftSettings> {
    GraftSettings::of(&arm.spec().optim, &arm.spec().hyper)
}

impl<'a> Four<'a> {
    /// Those of which `ab` is the graft with A's size, where A is the later in the registry.
    fn of(group: &'a Group, ab: &'a Arm) -> Option<Self> {
        let own = parts(ab)?;
        if optim::place(&own.magnitude) <= optim::place(&own.direction) {
            return None;
        }
        let alike = |arm: &&Arm| rest(arm) == rest(ab);
        let swapped = GraftSettings {
            magnitude: own.direction.clone(),
            direction: own.magnitude.clone(),
            magnitude_settings: own.direction_settings.clone(),
            direction_settings: own.magnitude_settings.clone(),
            scope: own.scope,
        };
        let itself = |name: &str, hyper: &toml::Table| {
            let is_it = |arm: &&Arm| {
                let whole = parts(arm).is_some_and(|parts| {
                    parts.scope == own.scope
                        && (parts.magnitude.as_str(), parts.direction.as_str()) == (name, name)
                        && (&parts.magnitude_settings, &parts.direction_settings) == (hyper, hyper)
                });
                whole || (arm.spec().optim == name && arm.spec().hyper == *hyper)
            };
            group.arms.iter().filter(alike).find(is_it)
        };
        Some(Self {
            aa: itself(&own.magnitude, &own.magnitude_settings)?,
            ab,
            ba: group.arms.iter().filter(alike).find(|arm| parts(arm).as_ref() == Some(&swapped))?,
            bb: itself(&own.direction, &own.direction_settings)?,
        })
    }

    fn factorial(&self, group: &Group, criteria: Criteria) -> Option<Factorial> {
        let Self { aa, ab, ba, bb } = self;
        let own = parts(ab)?;
        let label = |name: &str| optim::find(name).map_or(name.to_string(), |entry| entry.label.to_string());
        let met = |x: &Arm, y: &Arm| group.comparisons.iter().find(|comparison| is_of(comparison, x, y));
        let comparisons = [met(aa, bb)?, met(ab, ba)?];
        let cells = [aa, ab, ba, bb].map(|arm| {
            let side =
                comparisons.iter().find(|comparison| [&comparison.a.name, &comparison.b.name].contains(&&arm.name));
            let side = side.expect("each is in one of them");
            Values { comparison: side, is_a: side.a.name == arm.name }
        });
        let has_all = |pair: &&Pair| cells.iter().all(|cell| cell.at(Endpoint::Speed, pair.seed).is_some());
        let pairs = &comparisons[0].judgements.first()?.pairs;
        let seeds: Vec<u64> = pairs.iter().filter(has_all).map(|pair| pair.seed).collect();
        let plan = PlanState::worst(comparisons.iter().map(|comparison| comparison.standing.state));
        let reason = (plan == PlanState::Interim).then_some(Reason::Interim);
        let values = |endpoint| cells.each_ref().map(|cell| cell.of(endpoint, &seeds));
        let [a, g_ab, g_ba, b] = values(Endpoint::Speed);
        let cell = |name: &str, of: &[f64]| Cell { name: name.to_string(), effect: differences(of, &b).effect() };
        let mut factorial = Factorial {
            title: group.title(),
            group: group.name.clone(),
            a: label(&own.magnitude),
            b: label(&own.direction),
            lr: ab.spec().lr,
            cells: vec![cell(&ab.name, &g_ab), cell(&ba.name, &g_ba), cell(&aa.name, &a)],
            splits: Endpoint::ALL.map(|endpoint| split(endpoint, &values(endpoint), reason, criteria)).to_vec(),
            matched: matched(group, aa, bb),
            seeds,
            plan,
            answer: String::new(),
        };
        factorial.answer = words::factorial_answer(&factorial);
        Some(factorial)
    }
}

/// Whether a comparison is that of two arms at the same learning rate.
fn is_of(comparison: &Comparison, x: &Arm, y: &Arm) -> bool {
    let Comparison { a, b, basis, .. } = comparison;
    let names = [(&x.name, &y.name), (&y.name, &x.name)];
    *basis != Basis::BestLr && [a.lr, b.lr] == [x.spec().lr; 2] && names.contains(&(&a.name, &b.name))
}

/// One side of a comparison, seed by seed.
struct Values<'a> {
    comparison: &'a Comparison,
    is_a: bool,
}

impl Values<'_> {
    fn at(&self, endpoint: Endpoint, seed: u64) -> Option<f64> {
        let judgement = self.comparison.judgements.iter().find(|judgement| judgement.endpoint == endpoint)?;
        let pair = judgement.pairs.iter().find(|pair| pair.seed == seed)?;
        Some(if self.is_a { pair.a } else { pair.b })
    }

    fn of(&self, endpoint: Endpoint, seeds: &[u64]) -> Vec<f64> {
        seeds.iter().filter_map(|seed| self.at(endpoint, *seed)).collect()
    }
}

fn differences(x: &[f64], y: &[f64]) -> Differences {
    let is_finite = x.iter().chain(y).all(|value| value.is_finite());
    Differences { values: x.iter().zip(y).map(|(x, y)| minus(*x, *y)).collect(), is_finite }
}

/// Of the values of A#A, A#B, B#A and B#B.
fn split(endpoint: Endpoint, [aa, ab, ba, bb]: &[Vec<f64>; 4], reason: Option<Reason>, criteria: Criteria) -> Split {
    let failed = [aa, ab, ba, bb].into_iter().flatten().any(|value| !value.is_finite());
    let contrast = |weights: [f64; 4]| {
        let of_seed = |i: usize| weights.iter().zip([aa[i], ab[i], ba[i], bb[i]]).map(|(w, y)| w * y).sum();
        let values = if failed { Vec::new() } else { (0..aa.len()).map(of_seed).collect() };
        Differences { values, is_finite: true }
    };
    let judged = [[0.5, 0.5, -0.5, -0.5], [0.5, -0.5, 0.5, -0.5], [1.0, -1.0, -1.0, 1.0]].map(contrast);
    let reason = if failed { Some(Reason::RunFailed) } else { reason };
    let tested = tests(&judged.each_ref(), reason);
    let mut contrasts = judged.iter().zip(tested).map(|(values, tested)| values.contrast(tested, criteria));
    let mut next = || contrasts.next().expect("three contrasts");
    let together = differences(aa, bb).effect();
    Split { endpoint, size: next(), direction: next(), interaction: next(), together }
}

/// The baseline at the other learning rate whose mean update norm is nearest to A's.
fn matched(group: &Group, a: &Arm, b: &Arm) -> Option<Matched> {
    let norm = |arm: &Arm| {
        let norms: Option<Vec<f64>> = arm.averaged().into_iter().map(update_norm).collect();
        norms.filter(|norms| !norms.is_empty()).map(|norms| norms.iter().sum::<f64>() / norms.len() as f64)
    };
    let (of_a, of_b) = (norm(a)?, norm(b)?);
    let others = group.arms.iter().filter(|arm| arm.differs_by_rate(b) && arm.spec().lr != b.spec().lr);
    let distance = |norm: f64| (norm / of_a).ln().abs();
    let near = others.filter_map(|arm| Some((arm, norm(arm)?)));
    let (arm, own) = near.min_by(|x, y| distance(x.1).total_cmp(&distance(y.1)))?;
    if distance(own) > MATCHES {
        return None;
    }
    let partner = |run: &Run| ended(arm).find(|other| other.spec.seed == run.spec.seed);
    let values = ended(a).filter_map(|run| Some((Endpoint::Speed.of(run)?, Endpoint::Speed.of(partner(run)?)?)));
    let (x, y): (Vec<f64>, Vec<f64>) = values.unzip();
    Some(Matched {
        name: arm.label.clone(),
        lr: arm.spec().lr,
        norm_ratio: of_a / of_b,
        norm_ratio_matched: of_a / own,
        effect: differences(&x, &y).effect(),
        pairs: x.len(),
    })
}

/// The mean over the epochs of a run's update norm.
fn update_norm(run: &Run) -> Option<f64> {
    let norms = run.rows.iter().skip(1).map(|row| row.update_norm).collect::<Option<Vec<f64>>>()?;
    (!norms.is_empty()).then(|| norms.iter().sum::<f64>() / norms.len() as f64)
}
