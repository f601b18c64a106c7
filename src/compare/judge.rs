//! From the values of paired runs to judgements.

use super::types::{Criteria, Difference, Judgement, Pair, Summary, Test, TestKind, Verdict};
use super::{ALPHA, MIN_PAIRS, Metric};
use crate::run_dir::Record;
use crate::stats::{
    PValue, bca_interval, detectable, holm, mean_sd, pairs_to_detect, pairs_to_reach, sign_flip, signed_ranks,
};

/// Judges runs of so many epochs, paired by seed, by every metric that they have; the sentences are left empty.
pub fn judge(runs: &[(&Record, &Record)], epochs: u64, criteria: Criteria) -> Vec<Judgement> {
    let applies = |metric: &Metric| metric.applies(epochs);
    let samples: Vec<Sample> =
        Metric::ALL.into_iter().filter(applies).map(|metric| Sample::new(metric, runs, criteria.target)).collect();
    let tests: Vec<Option<(TestKind, PValue)>> = samples.iter().map(Sample::test).collect();
    let tested: Vec<f64> = tests.iter().flatten().map(|(_, p)| p.p).collect();
    let alpha = ALPHA / tested.len().max(1) as f64;
    let mut adjusted = holm(&tested).into_iter();
    let mut corrected = |(kind, p)| Test { kind, p, holm: adjusted.next().expect("one for each test") };
    let tests = tests.into_iter().map(|test| test.map(&mut corrected));
    samples.iter().zip(tests).map(|(sample, test)| sample.judgement(test, alpha, criteria)).collect()
}

/// The values of one metric.
struct Sample {
    metric: Metric,
    pairs: Vec<Pair>,
    /// Values that A and B lack.
    missing: (usize, usize),
}

impl Sample {
    fn new(metric: Metric, runs: &[(&Record, &Record)], target: f64) -> Self {
        let values: Vec<_> = runs.iter().map(|(a, b)| (metric.of(a, target), metric.of(b, target))).collect();
        let or_worst = |value: Option<f64>| value.unwrap_or(metric.worst());
        let pair = |((a, b), (run, _)): (&(_, _), &(&Record, &Record))| Pair {
            seed: run.spec.seed,
            a: or_worst(*a),
            b: or_worst(*b),
        };
        let missing =
            (values.iter().filter(|(a, _)| a.is_none()).count(), values.iter().filter(|(_, b)| b.is_none()).count());
        Self { metric, pairs: values.iter().zip(runs).map(pair).collect(), missing }
    }

    /// Whether every run has a value, so that means exist.
    fn is_complete(&self) -> bool {
        self.missing == (0, 0)
    }

    /// Whether no run has a value, so that there is nothing to test.
    fn is_void(&self) -> bool {
        let n = self.pairs.len();
        self.missing == (n, n)
    }

    /// A − B, pair by pair.
    fn differences(&self) -> Vec<f64> {
        let minus = |a: f64, b: f64| match self.metric {
            // shares of up to 60,000 images: what equals another must do so to the last bit
            Metric::FinalValAccuracy => ((a - b) * 1e12).round() / 1e12,
            _ => a - b,
        };
        // ∞ − ∞ is a tie
        self.pairs.iter().map(|pair| if pair.a == pair.b { 0.0 } else { minus(pair.a, pair.b) }).collect()
    }

    fn test(&self) -> Option<(TestKind, PValue)> {
        let differences = self.differences();
        match () {
            () if self.pairs.len() < MIN_PAIRS || self.is_void() => None,
            () if self.is_complete() => Some((TestKind::SignFlip, sign_flip(&differences))),
            () => Some((TestKind::SignedRanks, sign_flip(&signed_ranks(&differences)))),
        }
    }

    fn difference(&self) -> Option<Difference> {
        let differences = self.differences();
        (self.is_complete() && !differences.is_empty()).then(|| {
            let (mean, sd) = mean_sd(&differences);
            let interval = if differences.len() < MIN_PAIRS { None } else { bca_interval(&differences) };
            Difference { mean, sd, interval }
        })
    }

    /// The number of pairs in which A is better, and in which neither is.
    fn wins_and_ties(&self) -> (usize, usize) {
        let better = |pair: &&Pair| if self.metric.lower_is_better() { pair.a < pair.b } else { pair.a > pair.b };
        (self.pairs.iter().filter(better).count(), self.pairs.iter().filter(|pair| pair.a == pair.b).count())
    }

    /// Whether the differences, or where there is no mean their ranks, speak for A.
    fn favours_a(&self) -> bool {
        let differences = self.differences();
        let sum = match self.is_complete() {
            true => differences.iter().sum::<f64>(),
            false => signed_ranks(&differences).iter().sum::<f64>(),
        };
        (sum < 0.0) == self.metric.lower_is_better()
    }

    /// `alpha` is the level at which Holm's correction begins.
    fn judgement(&self, test: Option<Test>, alpha: f64, criteria: Criteria) -> Judgement {
        let n = self.pairs.len();
        let difference = self.difference();
        let b = summary(self.pairs.iter().map(|pair| pair.b), self.missing.1);
        let margin = b.mean.map(|mean| criteria.margin * self.metric.scale(mean));
        let (wins, ties) = self.wins_and_ties();
        let sd = difference.and_then(|d| d.sd).filter(|_| test.is_some() && n >= pairs_to_reach(alpha));
        let verdict = self.verdict(test, difference, margin);
        Judgement {
            metric: self.metric,
            a: summary(self.pairs.iter().map(|pair| pair.a), self.missing.0),
            b,
            difference,
            test,
            wins,
            ties,
            p_better: (n > 0).then(|| (wins as f64 + ties as f64 / 2.0) / n as f64),
            margin,
            detectable: sd.map(|sd| detectable(sd, n, alpha)),
            verdict,
            further_pairs: match self.is_void() {
                true => None,
                false => further_pairs(verdict, n, alpha, difference.zip(margin)),
            },
            sentence: String::new(),
            pairs: self.pairs.clone(),
        }
    }

    fn verdict(&self, test: Option<Test>, difference: Option<Difference>, margin: Option<f64>) -> Verdict {
        let Some(test) = test else { return Verdict::NotJudged };
        let interval = difference.and_then(|d| d.interval);
        match interval.zip(margin) {
            _ if test.holm <= ALPHA && self.favours_a() => Verdict::Better,
            _ if test.holm <= ALPHA => Verdict::Worse,
            Some(((lo, hi), margin)) if -margin <= lo && hi <= margin => Verdict::Equivalent,
            _ => Verdict::Inconclusive,
        }
    }
}

/// Mean and deviation of values of which `missing` are only stand-ins.
fn summary(values: impl Iterator<Item = f64>, missing: usize) -> Summary {
    let values: Vec<f64> = values.collect();
    if missing > 0 || values.is_empty() {
        return Summary { mean: None, sd: None, missing };
    }
    let (mean, sd) = mean_sd(&values);
    Summary { mean: Some(mean), sd, missing }
}

/// How many pairs more could decide what is open, see [`Judgement::further_pairs`].
fn further_pairs(verdict: Verdict, n: usize, alpha: f64, seen: Option<(Difference, f64)>) -> Option<usize> {
    let enough = match verdict {
        Verdict::NotJudged => MIN_PAIRS,
        Verdict::Inconclusive => {
            let to_reach = pairs_to_reach(alpha);
            match seen {
                Some((Difference { mean, sd: Some(sd), .. }, margin)) => {
                    to_reach.max(pairs_to_detect(sd, mean.abs().max(margin), alpha)?)
                }
                _ => to_reach,
            }
        }
        _ => return None,
    };
    (enough > n).then(|| enough - n)
}
