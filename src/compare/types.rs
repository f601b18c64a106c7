//! What a comparison found, as data: for tables, files and the report.
//!
//! Serialises to JSON and back. JSON has no infinity: single values that may be infinite are written as `"inf"`.

use serde::{Deserialize, Serialize};

use super::Metric;
use crate::error::Result;
use crate::run_dir::Warning;
use crate::stats::PValue;
use crate::usage;

/// What must be fixed before the results are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Criteria {
    /// Validation loss (nats) that counts as reached.
    pub target: f64,
    /// The largest difference that does not matter, as a share of the baseline's mean, of an accuracy as a share of its
    /// error rate.
    pub margin: f64,
}

impl Default for Criteria {
    fn default() -> Self {
        Self { target: 0.3, margin: 0.02 }
    }
}

impl Criteria {
    /// As `--target` and `--margin` give them.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError): a target that is not finite, a margin that is no share.
    pub fn checked(target: f64, margin: f64) -> Result<Self> {
        if !target.is_finite() {
            usage!("--target {target} is impossible; it must be a finite validation loss, such as 0.3");
        }
        if !(0.0..=1.0).contains(&margin) {
            usage!("--margin {margin} is impossible; it must be a share between 0 and 1, such as 0.02 for 2%");
        }
        Ok(Self { target, margin })
    }
}

/// All comparisons that a set of runs allows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// As they were stated beforehand.
    pub criteria: Criteria,
    /// One for each set of runs with the same data, model, batch, epochs and validation that allows a comparison.
    pub groups: Vec<GroupFindings>,
    /// What the reader should know of runs and groups that are in no comparison.
    pub warnings: Vec<Warning>,
}

/// The comparisons among runs with the same data, model, batch, epochs and validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupFindings {
    /// As the group's figures are named: "mnist-b4096-e20".
    pub name: String,
    /// For people: "MNIST, batch 4096, 20 epochs".
    pub title: String,
    /// The data set's name.
    pub dataset: String,
    /// SHA-256 of the data.
    pub data_hash: String,
    /// What validation loss and accuracy were measured on: "test", "holdout:5000".
    pub validation: String,
    /// In the order of the registry; of one pair of optimizers first those at equal learning rates, then that of the best.
    pub comparisons: Vec<Comparison>,
    /// Runs that were left out, and reasons to doubt the choice of a learning rate.
    pub warnings: Vec<Warning>,
}

/// Which learning rates meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Both the same.
    EqualLr,
    /// Each optimizer its best: the one with the lowest mean final validation loss.
    BestLr,
}

/// Optimizer A against optimizer B, the baseline, over the seeds that both have run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub basis: Basis,
    /// Whether the group has several learning rates, so that they have to be named.
    pub several_rates: bool,
    /// The one that is judged: the later in the registry.
    pub a: Contender,
    /// The baseline.
    pub b: Contender,
    /// The paired seeds: those for which both have finished or diverged.
    pub seeds: Vec<u64>,
    /// One a metric, in the order of [`Metric::ALL`]; without a metric that no run has (training loss of 0 epochs).
    pub judgements: Vec<Judgement>,
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    /// The optimizer, as the registry names it.
    pub optim: String,
    /// For people, with the settings but the learning rate that tell it from others: "SNRAdam, beta2 0.9".
    pub name: String,
    /// Learning rate.
    pub lr: f64,
    /// How many of the paired runs diverged.
    pub diverged: usize,
}

/// What one metric says of a comparison.
///
/// Differences are A − B in the metric's unit. Where a run has no value, because it diverged or never reached the target,
/// that counts as the worst possible value; there is then neither mean nor interval (`None`), and the test is that of
/// signed ranks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    pub metric: Metric,
    /// Of A's paired runs.
    pub a: Summary,
    /// Of B's paired runs.
    pub b: Summary,
    /// Mean paired difference; from 6 pairs on with its interval.
    pub difference: Option<Difference>,
    /// The paired test; `None` below 6 pairs, and where no run has a value.
    pub test: Option<Test>,
    /// Number of pairs in which A is better.
    pub wins: usize,
    /// Number of pairs in which neither is.
    pub ties: usize,
    /// P(A better than B): share of the pairs in which A is better, ties counting half. `None` without pairs.
    pub p_better: Option<f64>,
    /// The margin in the metric's unit; `None` where there is no mean of B.
    pub margin: Option<f64>,
    /// The smallest mean difference that so many pairs find with 80% power at the level at which Holm's correction begins,
    /// see [`crate::stats::detectable`]; `None` where so few pairs cannot pass it.
    pub detectable: Option<f64>,
    pub verdict: Verdict,
    /// How many pairs more could decide it. Where there are fewer than 6: as many as are missing. Where it is inconclusive: as
    /// many as the test needs to reach 5% after Holm's correction at all, and to find with 80% power a difference as large
    /// as the one seen or, if that is larger, the margin. `None` where nothing is open, or where there are enough pairs.
    pub further_pairs: Option<usize>,
    /// All of it in one sentence.
    pub sentence: String,
    /// The values by seed, in the order of [`Comparison::seeds`].
    pub pairs: Vec<Pair>,
}

/// Mean and deviation of one side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `None` where a value is missing.
    pub mean: Option<f64>,
    /// Sample standard deviation (n − 1); also `None` for one value.
    pub sd: Option<f64>,
    /// Runs without a value: those that diverged, and those that never reached the target.
    pub missing: usize,
}

/// A mean paired difference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// A − B.
    pub mean: f64,
    /// Sample standard deviation (n − 1) of the differences; `None` for one pair.
    pub sd: Option<f64>,
    /// Its 95% BCa bootstrap interval; `None` below 6 pairs.
    pub interval: Option<(f64, f64)>,
}

/// A paired test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Test {
    pub kind: TestKind,
    /// Of this metric alone.
    #[serde(flatten)]
    pub p: PValue,
    /// After Holm's correction for the metrics of this comparison.
    pub holm: f64,
}

/// What the signs are flipped of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestKind {
    /// The differences themselves: the test of their mean.
    SignFlip,
    /// Their signed ranks: Wilcoxon's test, which infinite values allow.
    SignedRanks,
}

/// What can be said of A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Holm's p is at most 5%, in A's favour.
    Better,
    /// Holm's p is at most 5%, in B's favour.
    Worse,
    /// Not shown to differ, and the whole 95% interval lies within the margin.
    Equivalent,
    /// Neither: too few pairs, or too much noise.
    Inconclusive,
    /// Fewer than 6 pairs, or no run has a value.
    NotJudged,
}

/// The values of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    pub seed: u64,
    #[serde(with = "number_or_inf")]
    pub a: f64,
    #[serde(with = "number_or_inf")]
    pub b: f64,
}

/// JSON has no infinity.
mod number_or_inf {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value {
        Number(f64),
        Text(String),
    }

    pub fn serialize<S: Serializer>(x: &f64, s: S) -> Result<S::Ok, S::Error> {
        if x.is_finite() { s.serialize_f64(*x) } else { s.collect_str(x) }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
        match Value::deserialize(d)? {
            Value::Number(x) => Ok(x),
            Value::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}
