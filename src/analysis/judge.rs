//! From the values of paired runs to judgements and descriptions.

use super::endpoint::{Endpoint, Measure};
use super::run::Run;
use super::types::{Criteria, Description, Effect, Judgement, Pair, Reason, Summary, Test, TestKind, Verdict};
use super::{ALPHA, MIN_PAIRS};
use crate::stats::{PairedT, detectable, holm, mean_sd, paired_t, pairs_to_detect, pairs_to_reach, signed_rank, t975};

/// The level at which Holm's correction for the three endpoints begins: what any of them needs in the worst case.
pub const FIRST_ALPHA: f64 = ALPHA / Endpoint::ALL.len() as f64;

/// Numbers of pairs above this are not told.
const MOST: usize = 10_000;

/// Judges paired runs by every endpoint, unless there is a reason not to; the sentences are left empty.
pub fn judge(runs: &[(&Run, &Run)], criteria: Criteria, reason: Option<Reason>) -> Vec<Judgement> {
    let samples: Vec<Sample> = Endpoint::ALL.into_iter().map(|endpoint| Sample::new(endpoint, runs)).collect();
    let reasons: Vec<Option<Reason>> = samples.iter().map(|sample| reason.or(sample.obstacle())).collect();
    let tests: Vec<Option<(TestKind, f64)>> =
        samples.iter().zip(&reasons).map(|(sample, reason)| sample.test().filter(|_| reason.is_none())).collect();
    // an endpoint that cannot be tested counts as p = 1: the correction stays that for three
    let ps: Vec<f64> = tests.iter().map(|test| test.map_or(1.0, |(_, p)| p)).collect();
    let tests = tests.into_iter().zip(holm(&ps)).map(|(test, holm)| test.map(|(kind, p)| Test { kind, p, holm }));
    let judged = samples.iter().zip(tests).zip(reasons);
    judged.map(|((sample, test), reason)| sample.judgement(test, reason, criteria)).collect()
}

/// The values of one endpoint.
struct Sample {
    endpoint: Endpoint,
    pairs: Vec<Pair>,
}

impl Sample {
    fn new(endpoint: Endpoint, runs: &[(&Run, &Run)]) -> Self {
        let pair = |(a, b): &(&Run, &Run)| Some(Pair { seed: a.spec.seed, a: endpoint.of(a)?, b: endpoint.of(b)? });
        Self { endpoint, pairs: runs.iter().filter_map(pair).collect() }
    }

    /// A − B, pair by pair; two failed runs tie.
    fn differences(&self) -> Vec<f64> {
        self.pairs.iter().map(|pair| if pair.a == pair.b { 0.0 } else { pair.a - pair.b }).collect()
    }

    /// Whether no run failed, so that means exist.
    fn is_finite(&self) -> bool {
        self.pairs.iter().all(|pair| pair.a.is_finite() && pair.b.is_finite())
    }

    /// What keeps these values from being judged.
    fn obstacle(&self) -> Option<Reason> {
        let differences = self.differences();
        match differences.len() {
            0 => Some(Reason::NoPairs),
            n if n < least_pairs(self.is_finite()) => Some(Reason::TooFewPairs),
            _ if self.is_finite() && paired_t(&differences).p.is_none() => Some(Reason::IdenticalDifferences),
            _ => None,
        }
    }

    fn test(&self) -> Option<(TestKind, f64)> {
        let differences = self.differences();
        match self.is_finite() {
            _ if differences.is_empty() => None,
            true => Some((TestKind::PairedT, paired_t(&differences).p?)),
            false => Some((TestKind::SignedRanks, signed_rank(&differences).p)),
        }
    }

    fn effect(&self) -> Option<Effect> {
        if self.is_finite() { effect(&self.differences(), true) } else { None }
    }

    /// Whether the differences, or where a run failed their ranks, speak for A.
    fn favours_a(&self) -> bool {
        let differences = self.differences();
        if self.is_finite() { differences.iter().sum::<f64>() < 0.0 } else { signed_rank(&differences).sum < 0.0 }
    }

    fn judgement(&self, test: Option<Test>, reason: Option<Reason>, criteria: Criteria) -> Judgement {
        let n = self.pairs.len();
        let effect = self.effect();
        let sd = effect.and_then(|effect| effect.sd).filter(|sd| *sd > 0.0);
        let margin = criteria.log_margin();
        let verdict = self.verdict(test, reason, effect, margin);
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
            pairs_needed: pairs_needed(verdict, effect, margin, self.is_finite()),
            equivalence_needs: sd.and_then(|sd| equivalence_needs(sd, n, margin)),
            pairs: self.pairs.clone(),
            sentence: String::new(),
        }
    }

    fn verdict(&self, test: Option<Test>, reason: Option<Reason>, effect: Option<Effect>, margin: f64) -> Verdict {
        let Some(test) = test else {
            return if reason == Some(Reason::TooFewPairs) { Verdict::NotTestable } else { Verdict::NotTested };
        };
        match effect.and_then(|effect| effect.interval) {
            Some((lo, hi)) if -margin <= lo && hi <= margin => Verdict::NoRelevantDifference,
            _ if test.holm <= ALPHA && self.favours_a() => Verdict::Supported,
            _ if test.holm <= ALPHA => Verdict::Contradicted,
            _ => Verdict::Undecided,
        }
    }
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
