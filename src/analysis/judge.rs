//! From the values of paired runs to judgements and descriptions.

use super::endpoint::{Endpoint, Measure};
use super::run::Run;
use super::types::{
    Contrast, Criteria, Description, Effect, Judgement, Pair, Reason, Summary, Test, TestKind, Verdict,
};
use super::{ALPHA, MIN_PAIRS};
use crate::stats::{PairedT, detectable, holm, mean_sd, paired_t, pairs_to_detect, pairs_to_reach, signed_rank, t975};

/// The level at which Holm's correction for the three endpoints begins: what any of them needs in the worst case.
pub const FIRST_ALPHA: f64 = ALPHA / Endpoint::ALL.len() as f64;

/// Numbers of pairs above this are not told.
const MOST: usize = 10_000;

/// Judges paired runs by every endpoint, unless there is a reason not to; the sentences are left empty.
pub fn judge(runs: &[(&Run, &Run)], criteria: Criteria, reason: Option<Reason>) -> Vec<Judgement> {
    let samples: Vec<Sample> = Endpoint::ALL.into_iter().map(|endpoint| Sample::new(endpoint, runs)).collect();
    let tests = tests(&samples.iter().map(|sample| &sample.differences).collect::<Vec<_>>(), reason);
    samples.iter().zip(tests).map(|(sample, (test, reason))| sample.judgement(test, reason, criteria)).collect()
}

/// Tests differences, with Holm's correction for all of them, unless there is a reason not to; and the reasons of those that are
/// not tested.
pub fn tests(all: &[&Differences], reason: Option<Reason>) -> Vec<(Option<Test>, Option<Reason>)> {
    let reasons: Vec<Option<Reason>> = all.iter().map(|differences| reason.or(differences.obstacle())).collect();
    let tests: Vec<Option<(TestKind, f64)>> =
        all.iter().zip(&reasons).map(|(differences, reason)| differences.test().filter(|_| reason.is_none())).collect();
    // what cannot be tested counts as p = 1: the correction stays that for all
    let ps: Vec<f64> = tests.iter().map(|test| test.map_or(1.0, |(_, p)| p)).collect();
    let tests = tests.into_iter().zip(holm(&ps)).map(|(test, holm)| test.map(|(kind, p)| Test { kind, p, holm }));
    tests.zip(reasons).collect()
}

/// Differences of logarithms, seed by seed: negative where the loss is lower.
pub struct Differences {
    pub values: Vec<f64>,
    /// Whether no run behind them failed, so that means exist.
    pub is_finite: bool,
}

impl Differences {
    /// What keeps them from being judged.
    fn obstacle(&self) -> Option<Reason> {
        match self.values.len() {
            0 => Some(Reason::NoPairs),
            n if n < least_pairs(self.is_finite) => Some(Reason::TooFewPairs),
            _ if self.is_finite && paired_t(&self.values).p.is_none() => Some(Reason::IdenticalDifferences),
            _ => None,
        }
    }

    fn test(&self) -> Option<(TestKind, f64)> {
        match self.is_finite {
            _ if self.values.is_empty() => None,
            true => Some((TestKind::PairedT, paired_t(&self.values).p?)),
            false => Some((TestKind::SignedRanks, signed_rank(&self.values).p)),
        }
    }

    /// Their mean as a ratio; `None` where a run failed.
    pub fn effect(&self) -> Option<Effect> {
        if self.is_finite { effect(&self.values, true) } else { None }
    }

    /// Whether they, or where a run failed their ranks, are negative on the whole.
    fn are_lower(&self) -> bool {
        if self.is_finite { self.values.iter().sum::<f64>() < 0.0 } else { signed_rank(&self.values).sum < 0.0 }
    }

    /// All that is judged of them.
    pub fn contrast(&self, (test, reason): (Option<Test>, Option<Reason>), criteria: Criteria) -> Contrast {
        Contrast { effect: self.effect(), test, verdict: self.verdict(test, reason, criteria.log_margin()), reason }
    }

    /// What they say of the claim that the loss is lower.
    pub fn verdict(&self, test: Option<Test>, reason: Option<Reason>, margin: f64) -> Verdict {
        let Some(test) = test else {
            return if reason == Some(Reason::TooFewPairs) { Verdict::NotTestable } else { Verdict::NotTested };
        };
        match self.effect().and_then(|effect| effect.interval) {
            Some((lo, hi)) if -margin <= lo && hi <= margin => Verdict::NoRelevantDifference,
            _ if test.holm <= ALPHA && self.are_lower() => Verdict::Supported,
            _ if test.holm <= ALPHA => Verdict::Contradicted,
            _ => Verdict::Undecided,
        }
    }
}

/// The values of one endpoint.
struct Sample {
    endpoint: Endpoint,
    pairs: Vec<Pair>,
    /// A − B, pair by pair; two failed runs tie.
    differences: Differences,
}

impl Sample {
    fn new(endpoint: Endpoint, runs: &[(&Run, &Run)]) -> Self {
        let pair = |(a, b): &(&Run, &Run)| Some(Pair { seed: a.spec.seed, a: endpoint.of(a)?, b: endpoint.of(b)? });
        let pairs: Vec<Pair> = runs.iter().filter_map(pair).collect();
        let values = pairs.iter().map(|pair| minus(pair.a, pair.b)).collect();
        let is_finite = pairs.iter().all(|pair| pair.a.is_finite() && pair.b.is_finite());
        Self { endpoint, pairs, differences: Differences { values, is_finite } }
    }

    fn judgement(&self, test: Option<Test>, reason: Option<Reason>, criteria: Criteria) -> Judgement {
        let n = self.pairs.len();
        let effect = self.differences.effect();
        let sd = effect.and_then(|effect| effect.sd).filter(|sd| *sd > 0.0);
        let margin = criteria.log_margin();
        let verdict = self.differences.verdict(test, reason, margin);
        let mean = |of: fn(&Pair) -> f64| {
            let values: Vec<f64> = self.pairs.iter().map(of).collect();
            (!values.is_empty() && values.iter().all(|v| v.is_finite())).then(|| mean_sd(&values).0.exp())
        };
        Judgement {
            endpoint: self.endpoint,
            a: mean(|pair| pair.a),
            b: mean(|pair| pair.b),
            effect,
            test,
            wins: self.pairs.iter().filter(|pair| pair.a < pair.b).count(),
            ties: self.pairs.iter().filter(|pair| pair.a == pair.b).count(),
            verdict,
            reason,
            detectable: sd.map(|sd| detectable(sd, n, FIRST_ALPHA)),
            pairs_needed: pairs_needed(verdict, effect, margin, self.differences.is_finite),
            equivalence_needs: sd.and_then(|sd| equivalence_needs(sd, n, margin)),
            pairs: self.pairs.clone(),
            sentence: String::new(),
        }
    }
}

/// a − b, where ∞ is a failed run: two of them tie.
pub fn minus(a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { a - b }
}

/// The least number of pairs that are judged: see [`MIN_PAIRS`]; by ranks, as many as let all of one sign pass Holm's
/// correction.
pub fn least_pairs(is_finite: bool) -> usize {
    if is_finite { MIN_PAIRS } else { MIN_PAIRS.max(pairs_to_reach(FIRST_ALPHA)) }
}

/// Mean, deviation and 95% interval of differences; `None` without any. Equal differences show no spread, and an interval
/// of no width would claim to know what it cannot.
pub fn effect(differences: &[f64], is_ratio: bool) -> Option<Effect> {
    if differences.is_empty() {
        return None;
    }
    let PairedT { mean, sd, interval, .. } = paired_t(differences);
    Some(Effect { is_ratio, mean, sd, interval })
}

/// See [`Judgement::pairs_needed`].
fn pairs_needed(verdict: Verdict, effect: Option<Effect>, margin: f64, is_finite: bool) -> Option<usize> {
    let least = least_pairs(is_finite);
    match verdict {
        Verdict::NotTestable => Some(least),
        Verdict::Undecided => {
            let effect = effect?;
            Some(least.max(pairs_to_detect(effect.sd?, effect.mean.abs().max(margin), FIRST_ALPHA)?))
        }
        _ => None,
    }
}

/// See [`Judgement::equivalence_needs`]: an interval around no difference at all fits from here on.
pub fn equivalence_needs(sd: f64, n: usize, margin: f64) -> Option<usize> {
    let fits = |n: usize| t975(n - 1) * sd / (n as f64).sqrt() <= margin;
    if n >= 2 && fits(n) {
        return None;
    }
    (n.max(1) + 1..=MOST).find(|n| fits(*n))
}

/// Describes paired runs by a measure; `None` where no run has it.
pub fn describe(measure: Measure, runs: &[(&Run, &Run)], target: Option<f64>) -> Option<Description> {
    let values: Vec<_> = runs.iter().map(|(a, b)| (measure.of(a, target), measure.of(b, target))).collect();
    if values.iter().all(|(a, b)| a.is_none() && b.is_none()) {
        return None;
    }
    let difference = |(a, b): &(Option<f64>, Option<f64>)| {
        let (a, b) = ((*a)?, (*b)?);
        let d = if measure.is_share() { a - b } else { (a / b).ln() };
        d.is_finite().then_some(d)
    };
    let differences = values.iter().map(difference).collect::<Option<Vec<f64>>>();
    Some(Description {
        measure,
        a: summary(values.iter().map(|(a, _)| *a)),
        b: summary(values.iter().map(|(_, b)| *b)),
        effect: differences.and_then(|differences| effect(&differences, !measure.is_share())),
    })
}

fn summary(values: impl Iterator<Item = Option<f64>>) -> Summary {
    let values: Vec<Option<f64>> = values.collect();
    let missing = values.iter().filter(|value| value.is_none()).count();
    let known = values.into_iter().collect::<Option<Vec<f64>>>();
    Summary { mean: known.map(|values| mean_sd(&values).0), missing }
}
