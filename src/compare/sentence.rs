//! Judgements in words.

use std::ops::RangeInclusive;

use super::types::{Basis, Comparison, Contender, Criteria, Difference, Findings, Judgement, TestKind, Verdict};
use super::{ALPHA, Metric};
use crate::number::{number, plain, thousands};
use crate::stats::{EXACT_UP_TO, FLIPS, RESAMPLES, pairs_to_reach};

/// Writes the sentence of every judgement.
pub fn write(comparison: &mut Comparison, criteria: Criteria) {
    let sentences: Vec<String> =
        comparison.judgements.iter().map(|judgement| sentence(comparison, judgement, criteria)).collect();
    for (judgement, sentence) in comparison.judgements.iter_mut().zip(sentences) {
        judgement.sentence = sentence;
    }
}

/// "SNRAdam against Adam: final training loss lower by 0.0107 [0.0081, 0.0132], in 10 of 10 pairs, p = 0.002 (Holm 0.012):
/// better".
fn sentence(comparison: &Comparison, judgement: &Judgement, criteria: Criteria) -> String {
    let metric = judgement.metric.name(criteria.target);
    let facts = match (&judgement.test, &judgement.difference) {
        (Some(_), Some(difference)) => difference_in_words(judgement, difference),
        (Some(_), None) => ranks_in_words(comparison, judgement),
        (None, _) => means_in_words(comparison, judgement),
    };
    let verdict = verdict_in_words(comparison, judgement, criteria);
    format!("{}: {metric} {facts}: {verdict}", comparison.title())
}

fn difference_in_words(judgement: &Judgement, difference: &Difference) -> String {
    let decimals = Decimals::of(judgement);
    let n = judgement.pairs.len();
    let losses = n - judgement.wins - judgement.ties;
    let lower = difference.mean < 0.0;
    let count = if lower == judgement.metric.lower_is_better() { judgement.wins } else { losses };
    let sign = if lower { -1.0 } else { 1.0 };
    let interval = difference.interval.map_or(String::new(), |(lo, hi)| {
        let (near, far) = if lower { (-hi, -lo) } else { (lo, hi) };
        format!(" [{}, {}]", decimals.write(near), decimals.write(far))
    });
    let by = match difference.mean == 0.0 {
        true => format!("equal on average{interval}, better in {} of {n} pairs", judgement.wins),
        false => {
            let word = if lower { "lower" } else { "higher" };
            let unit = if judgement.metric == Metric::FinalValAccuracy { " points" } else { "" };
            format!("{word} by {}{unit}{interval}, in {count} of {n} pairs", decimals.write(sign * difference.mean))
        }
    };
    format!("{by}, {}", p_in_words(judgement))
}

fn ranks_in_words(comparison: &Comparison, judgement: &Judgement) -> String {
    let n = judgement.pairs.len();
    let ties = if judgement.ties > 0 { format!(" ({} tied)", judgement.ties) } else { String::new() };
    format!(
        "better in {} of {n} pairs{ties}, no mean since {}, {}",
        judgement.wins,
        comparison.missing(judgement),
        p_in_words(judgement)
    )
}

fn means_in_words(comparison: &Comparison, judgement: &Judgement) -> String {
    let decimals = Decimals::of(judgement);
    match judgement.a.mean.zip(judgement.b.mean) {
        Some((a, b)) => format!("{} against {} on average", decimals.write(a), decimals.write(b)),
        None if judgement.pairs.is_empty() => "without a pair".to_string(),
        None => format!("has no mean since {}", comparison.missing(judgement)),
    }
}

fn p_in_words(judgement: &Judgement) -> String {
    let Some(test) = judgement.test else { return String::new() };
    let ranks = if test.kind == TestKind::SignedRanks { "; signed ranks" } else { "" };
    let equals = |p: f64| if p < SMALL_P { p_value(p) } else { format!("= {}", p_value(p)) };
    format!("p {} (Holm {}{ranks})", equals(test.p.p), p_value(test.holm))
}

fn verdict_in_words(comparison: &Comparison, judgement: &Judgement, criteria: Criteria) -> String {
    let decimals = Decimals::of(judgement);
    let n = judgement.pairs.len();
    let margin = || decimals.write(judgement.margin.unwrap_or(0.0));
    let verdict = judgement.verdict.to_string();
    let interval = judgement.difference.and_then(|d| d.interval);
    let within = interval.zip(judgement.margin).is_some_and(|((lo, hi), margin)| -margin <= lo && hi <= margin);
    match judgement.verdict {
        Verdict::Better | Verdict::Worse if within => format!("{verdict}, though within the margin of ±{}", margin()),
        Verdict::Better | Verdict::Worse => verdict,
        Verdict::Equivalent => {
            let share = number(100.0 * criteria.margin);
            let what = if judgement.metric == Metric::FinalValAccuracy { "error rate" } else { "mean" };
            format!("{verdict} within ±{} ({share}% of {}’s {what})", margin(), comparison.b.name)
        }
        Verdict::NotJudged => match judgement.further_pairs {
            Some(more) => format!("{verdict}: {n} {}; {more} more needed", if n == 1 { "pair" } else { "pairs" }),
            None => verdict,
        },
        Verdict::Inconclusive => {
            let could = judgement.detectable.map_or(String::new(), |effect| {
                format!("; {n} pairs could have shown {} (80% power)", decimals.write(effect))
            });
            let more = judgement.further_pairs.map_or(String::new(), |more| {
                let tested = comparison.judgements.iter().filter(|judgement| judgement.test.is_some()).count();
                let least = pairs_to_reach(ALPHA / tested as f64);
                match n < least && n + more == least {
                    true => format!("; below {least} pairs no result passes Holm’s correction: {more} more needed"),
                    false => format!("; about {more} more could decide it"),
                }
            });
            format!("{verdict}{could}{more}")
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::Equivalent => "equivalent",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotJudged => "not judged",
        })
    }
}

impl Comparison {
    /// "SNRAdam against Adam", with the learning rates where there are several.
    pub fn title(&self) -> String {
        let (a, b) = (&self.a, &self.b);
        let with_lr = |side: &Contender| format!("{} (lr {})", side.name, number(side.lr));
        match self.basis {
            Basis::BestLr => format!("{} against {}, each at its best", with_lr(a), with_lr(b)),
            Basis::EqualLr if self.several_rates => {
                format!("{} against {} at lr {}", a.name, b.name, number(a.lr))
            }
            Basis::EqualLr => format!("{} against {}", a.name, b.name),
        }
    }

    /// "10 pairs (seeds 0–9); diverged: 1 SNRAdam, 0 Adam".
    pub fn size(&self) -> String {
        let n = self.seeds.len();
        let pairs = match n {
            0 => "no pairs".to_string(),
            1 => format!("1 pair ({})", seeds(&self.seeds)),
            _ => format!("{n} pairs ({})", seeds(&self.seeds)),
        };
        let Comparison { a, b, .. } = self;
        format!("{pairs}; diverged: {} of {n} {}, {} of {n} {}", a.diverged, a.name, b.diverged, b.name)
    }

    /// Why a metric has no mean: "1 SNRAdam run diverged and 2 Adam runs never reached it". Empty where it has.
    pub fn missing(&self, judgement: &Judgement) -> String {
        let of = |side: &Contender, missing: usize| {
            let runs = |n: usize| format!("{n} {} {}", side.name, if n == 1 { "run" } else { "runs" });
            let never = missing.saturating_sub(side.diverged);
            let diverged = missing - never;
            let parts = [
                (diverged > 0).then(|| format!("{} diverged", runs(diverged))),
                (never > 0).then(|| format!("{} never got there", runs(never))),
            ];
            parts.into_iter().flatten()
        };
        let all: Vec<String> = of(&self.a, judgement.a.missing).chain(of(&self.b, judgement.b.missing)).collect();
        all.join(" and ")
    }
}

impl Findings {
    /// How to read the tables: stands in every output.
    pub fn notes(&self) -> Vec<String> {
        let Criteria { target, margin } = self.criteria;
        vec![
            "A against B: differences are A − B over pairs of runs with the same seed. Less is better in losses, epochs and \
             seconds: A is better where A − B is negative; in accuracy, where it is positive."
                .to_string(),
            format!(
                "Target: validation loss {} (--target); never reached counts as ∞. Margin of equivalence: ±{}% of B’s mean, \
                 of an accuracy of B’s error rate (--margin). Both are to be chosen before the results are looked at.",
                number(target),
                number(100.0 * margin)
            ),
            format!(
                "[ ]: 95% BCa bootstrap interval of the mean paired difference ({} resamples, not corrected for \
                 the number of metrics). p: two-sided sign-flip test, exact up to {EXACT_UP_TO} pairs, beyond from {} \
                 random flips. Holm: p corrected for the metrics of this table that are tested; better and worse need it to be \
                 at most {ALPHA}. P(A better): share of the pairs in which it is, ties counting half. Could show: the least \
                 difference that so many pairs find with 80% power (paired t at {ALPHA} by the number of metrics).",
                thousands(&RESAMPLES.to_string()),
                thousands(&FLIPS.to_string())
            ),
            "A run that diverged counts as a loss: ∞, accuracy 0. Where a value is missing there is neither mean nor \
             interval, and the test is that of Wilcoxon’s signed ranks, infinite ones tied. A metric of which no run has a \
             value is not judged."
                .to_string(),
            "Seconds are wall time, evaluation included: only as good as the machine was quiet, and the same for both."
                .to_string(),
        ]
    }
}

/// Decimals that show a metric's differences.
#[derive(Clone, Copy, Debug)]
pub struct Decimals {
    metric: Metric,
    decimals: usize,
}

impl Decimals {
    /// At least those usual for the metric; for losses two digits of the deviation of the differences.
    pub fn of(judgement: &Judgement) -> Self {
        let usual = match judgement.metric {
            Metric::FinalValLoss | Metric::BestValLoss | Metric::FinalTrainLoss => 4,
            Metric::FinalValAccuracy => 2,
            Metric::EpochsToTarget | Metric::SecondsToTarget => 1,
        };
        let spread = judgement.difference.and_then(|d| d.sd).filter(|sd| *sd > 0.0 && usual == 4);
        let needed = spread.map_or(0, |sd| (1.0 - sd.log10().floor()).clamp(0.0, 12.0) as usize);
        Self { metric: judgement.metric, decimals: usual.max(needed) }
    }

    /// A value or a difference of the metric: accuracies in per cent.
    pub fn write(self, value: f64) -> String {
        let shown = if self.metric == Metric::FinalValAccuracy { 100.0 * value } else { value };
        match shown.abs() >= 1e7 {
            true => number(shown),
            // what is rounded to zero has no sign
            false => plain(shown, self.decimals).replace(&plain(-0.0, self.decimals), &plain(0.0, self.decimals)),
        }
    }
}

/// Below this a p-value is only said to be small.
const SMALL_P: f64 = 0.0005;

/// "0.012", "< 0.001".
pub fn p_value(p: f64) -> String {
    if p < SMALL_P { "< 0.001".to_string() } else { format!("{p:.3}") }
}

/// "seed 3", "seeds 0–9, 12" of ascending seeds.
pub fn seeds(seeds: &[u64]) -> String {
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    for &seed in seeds {
        match ranges.last_mut() {
            Some(range) if range.end().checked_add(1) == Some(seed) => *range = *range.start()..=seed,
            _ => ranges.push(seed..=seed),
        }
    }
    let write = |range: &RangeInclusive<u64>| match range.end() - range.start() {
        0 => range.start().to_string(),
        1 => format!("{}, {}", range.start(), range.end()),
        _ => format!("{}–{}", range.start(), range.end()),
    };
    let list = ranges.iter().map(write).collect::<Vec<_>>().join(", ");
    format!("{} {list}", if seeds.len() == 1 { "seed" } else { "seeds" })
}
