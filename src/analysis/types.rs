//! What an analysis finds, as data: renderers only write it down.

use serde::{Serialize, Serializer};

use super::endpoint::{Endpoint, Measure};
use super::speedup::Speedup;
use crate::error::Result;
use crate::usage;

/// The largest ratio of losses that does not matter, where nothing else is stated: 2%.
pub const MARGIN: f64 = 0.02;

/// What must be fixed before the results are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Criteria {
    /// The largest ratio of losses that does not matter, as a share: 0.02 is 2%.
    pub margin: f64,
    /// Validation loss (nats) to which steps are counted; `None`: one that the runs of a group can reach.
    pub target: Option<f64>,
}

impl Default for Criteria {
    fn default() -> Self {
        Self { margin: MARGIN, target: None }
    }
}

impl Criteria {
    /// As `--target` and `--margin` give them.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError): a target that is not finite and positive, a margin that is no share.
    pub fn checked(target: Option<f64>, margin: Option<f64>) -> Result<Self> {
        let margin = margin.unwrap_or(MARGIN);
        match target {
            Some(target) if !(target.is_finite() && target > 0.0) => {
                usage!("--target {target} is impossible; it must be a validation loss above 0, such as 0.3")
            }
            _ if !(0.0..=1.0).contains(&margin) => {
                usage!("--margin {margin} is impossible; it must be a share between 0 and 1, such as 0.02 for 2%")
            }
            target => Ok(Self { margin, target }),
        }
    }

    /// The margin as a difference of logarithms.
    pub fn log_margin(&self) -> f64 {
        self.margin.ln_1p()
    }
}

/// Which learning rates meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Both the same.
    EqualLr,
    /// Each optimizer its best: the one with the lowest final validation loss. Chosen and measured on the same seeds, so it
    /// is shown without a verdict.
    BestLr,
    /// Each at the settings that tuning chose, on other seeds and other images than these: judged as planned.
    Tuned,
}

/// Optimizer A against optimizer B, the baseline, over the seeds that both have run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub basis: Basis,
    /// Whether the group has several learning rates, so that they have to be named.
    pub several_rates: bool,
    /// The one that is judged: the later in the registry.
    pub a: Contender,
    /// The baseline.
    pub b: Contender,
    /// How the pairs stand to the plan.
    pub standing: Standing,
    /// The seeds of the pairs behind judgements, descriptions and curves; of an extended plan the planned ones.
    pub seeds: Vec<u64>,
    /// One an endpoint, in the order of [`Endpoint::ALL`].
    pub judgements: Vec<Judgement>,
    /// Of an extended plan: the same over all pairs, without verdicts.
    pub with_added: Vec<Judgement>,
    /// One a measure that any pair has.
    pub described: Vec<Description>,
    /// Steps of A by steps of B, loss by loss.
    pub speedup: Option<Speedup>,
    /// The paired difference by epoch: of the training loss, then of the validation loss.
    pub curves: Vec<Curve>,
    /// What the pairs were made with that could explain a difference, or blurs it; in words.
    pub cautions: Vec<String>,
    /// One or two plain sentences.
    pub answer: String,
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contender {
    /// The optimizer, as the registry names it.
    pub optim: String,
    /// For people, with the settings but the learning rate that tell it from others: "SNRAdam, beta2 0.9".
    pub name: String,
    /// Learning rate.
    pub lr: f64,
    /// How many of the paired runs failed.
    pub failed: usize,
}

/// The pairs of a comparison beside those that were planned.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Standing {
    pub state: PlanState,
    /// Planned seeds.
    pub planned: Vec<u64>,
    /// Planned seeds without a pair that has ended.
    pub missing: Vec<u64>,
    /// Paired seeds that were not planned.
    pub added: Vec<u64>,
}

/// How far a plan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanState {
    /// Nothing was planned for this comparison: what is found is exploratory.
    #[default]
    NoPlan,
    /// All planned pairs have ended, and there are no others.
    Complete,
    /// Planned pairs are missing: estimates, no verdict.
    Interim,
    /// Complete, with more pairs than planned: the verdict is that of the planned ones.
    Extended,
}

impl PlanState {
    /// Of several comparisons together: that of the one which is farthest from its plan.
    pub fn worst(states: impl Iterator<Item = PlanState>) -> PlanState {
        let order = [PlanState::Interim, PlanState::NoPlan, PlanState::Extended, PlanState::Complete];
        let states: Vec<PlanState> = states.collect();
        order.into_iter().find(|state| states.contains(state)).unwrap_or_default()
    }
}

/// What one endpoint says of a comparison. The claim is that A is lower.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    pub endpoint: Endpoint,
    /// Geometric mean over A's paired runs, a loss in nats; `None` where a run failed.
    pub a: Option<f64>,
    /// The same of B.
    pub b: Option<f64>,
    /// ln A − ln B over the pairs; `None` where a run failed.
    pub effect: Option<Effect>,
    /// `None` where nothing is tested, see `reason`.
    pub test: Option<Test>,
    /// Number of pairs in which A is lower.
    pub wins: usize,
    /// Number of pairs in which neither is.
    pub ties: usize,
    pub verdict: Verdict,
    /// Why there is no verdict, where there is none.
    pub reason: Option<Reason>,
    /// The least ratio (as a difference of logarithms) that so many pairs find with 80% power, given the seen spread.
    pub detectable: Option<f64>,
    /// How many pairs a new plan needs in all for a verdict on a ratio as large as the one seen, or as the margin.
    pub pairs_needed: Option<usize>,
    /// How many pairs the interval takes in all to fit into the margin, where so few cannot do it at the seen spread.
    pub equivalence_needs: Option<usize>,
    /// The values by seed.
    pub pairs: Vec<Pair>,
    /// All of it in one sentence.
    pub sentence: String,
}

/// A mean over pairs with its spread: of differences of logarithms, or of plain differences.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// Whether it is a logarithm of ratios.
    pub is_ratio: bool,
    pub mean: f64,
    /// Sample standard deviation (n − 1); `None` for one pair.
    pub sd: Option<f64>,
    /// Its 95% interval by Student's t; `None` for one pair, and where all pairs differ by the same.
    pub interval: Option<(f64, f64)>,
}

impl Effect {
    /// The ratio or difference itself, with its interval.
    pub fn plain(&self) -> (f64, Option<(f64, f64)>) {
        let plain = |x: f64| if self.is_ratio { x.exp() } else { x };
        (plain(self.mean), self.interval.map(|(lo, hi)| (plain(lo), plain(hi))))
    }
}

/// A judged mean of differences of logarithms over seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contrast {
    /// `None` where a run failed.
    pub effect: Option<Effect>,
    pub test: Option<Test>,
    /// Of the claim that it is below 0.
    pub verdict: Verdict,
    pub reason: Option<Reason>,
}

/// A paired test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Test {
    pub kind: TestKind,
    /// Two-sided, of this endpoint alone.
    pub p: f64,
    /// After Holm's correction for the three endpoints.
    pub holm: f64,
}

/// What is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestKind {
    /// The mean of the differences of logarithms, by Student's t.
    PairedT,
    /// Their signed ranks (Wilcoxon), exactly: a run failed, which is ∞.
    SignedRanks,
}

/// What can be said of the claim that A is lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A is lower: Holm's p is at most 5%.
    Supported,
    /// B is lower: Holm's p is at most 5%.
    Contradicted,
    /// The whole 95% interval of the ratio lies within the margin.
    NoRelevantDifference,
    /// None of these: too few pairs, or too much noise. It says nothing against the claim.
    Undecided,
    /// So few pairs cannot give a verdict.
    NotTestable,
    /// Not judged, see [`Reason`].
    NotTested,
}

/// Why nothing is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No pair has ended.
    NoPairs,
    /// Fewer pairs than any verdict takes.
    TooFewPairs,
    /// Planned pairs are missing.
    Interim,
    /// All pairs differ by the same: there is no spread to judge by.
    IdenticalDifferences,
    /// The learning rates were chosen and measured on the same seeds.
    ChosenOnTheseSeeds,
    /// Pairs were added after the plan: shown beside its verdict.
    Added,
    /// A run failed, and there is no contrast of more than two runs without it.
    RunFailed,
}

/// What a measure says of a comparison; no verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    pub measure: Measure,
    pub a: Summary,
    pub b: Summary,
    /// `None` where a value is missing.
    pub effect: Option<Effect>,
}

/// Mean of one side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// `None` where a value is missing.
    pub mean: Option<f64>,
    /// Runs without a value: those that failed, and those that never reached the target.
    pub missing: usize,
}

/// The logarithms of the losses of one seed; ∞ where the run failed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pair {
    pub seed: u64,
    #[serde(serialize_with = "number_or_inf")]
    pub a: f64,
    #[serde(serialize_with = "number_or_inf")]
    pub b: f64,
}

/// JSON has no infinity.
fn number_or_inf<S: Serializer>(x: &f64, s: S) -> std::result::Result<S::Ok, S::Error> {
    if x.is_finite() { s.serialize_f64(*x) } else { s.collect_str(x) }
}

/// What losses a curve is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    Training,
    Validation,
}

/// ln A − ln B by epoch, over the pairs of which both finished.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    pub loss: Loss,
    /// From the first epoch that has the loss, one an epoch.
    pub points: Vec<Point>,
    /// The seeds behind it.
    pub seeds: Vec<u64>,
}

/// One epoch of a curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    pub epoch: u64,
    /// Mean over the pairs.
    pub mean: f64,
    /// Its 95% interval by Student's t, for this epoch alone; `None` for one pair.
    pub interval: Option<(f64, f64)>,
    /// By pair, in the order of the seeds.
    pub pairs: Vec<f64>,
}
