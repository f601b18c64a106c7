//! What the article "SNRAdam: Improving the Adam Optimizer" claims, and what an analysis says of it: a layer on top of
//! [`crate::analysis`], which does not know the article. Only the claims are text; what is said of them follows from the verdicts.

use serde::Serialize;

use crate::analysis::{Analysis, Basis, BatchSeries, Comparison, Endpoint, Group, Origin, Verdict, batch, words};
use crate::config::{Batch, RunSpec};
use crate::optim;

/// What the article did and says, in a few sentences.
pub const SUMMARY: &str = "The article replaces Adam’s running mean of the squared gradient by a running variance of the \
    gradient, and says that training is then faster. It shows one run of each, on MNIST with batch 4096, 20 epochs and \
    learning rate 0.001. As SNRAdam is also faster with batch = ∞, it concludes that the gain comes from the noise of the \
    trajectory, not from that of mini-batches.";

/// The article's claims beside what runs say of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Article {
    /// One for each group in which the article's two optimizers meet.
    pub parts: Vec<GroupClaims>,
    /// What the article concludes from a gain with mini-batches and one with batch = ∞.
    pub conclusion: Claim,
}

/// The claims in one group of runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupClaims {
    /// The group: "MNIST, batch 4096, 20 epochs".
    pub title: String,
    /// The settings that are not the article's: "dataset = digits, epochs = 5"; empty where all are.
    pub departures: String,
    /// One an endpoint.
    pub claims: Vec<Claim>,
}

/// A claim and what is said of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    pub claim: String,
    pub verdict: Verdict,
    /// The verdict as it is shown: "not testable with 4 pairs".
    pub word: String,
    /// What it rests on.
    pub fact: String,
}

impl Article {
    /// `None` where SNRAdam and Adam do not meet with their defaults.
    pub fn of(analysis: &Analysis) -> Option<Self> {
        let meetings: Vec<(&Group, &Comparison)> =
            analysis.groups.iter().filter_map(|group| Some((group, meeting(group)?))).collect();
        // of several batch sizes, which the conclusion is about, only batch = ∞ is a case of the article's
        let in_series = |group: &Group| analysis.batch_series.iter().any(|series| series.has(group));
        let cases = |group: &Group| group.spec().batch == Batch::Full || !in_series(group);
        let cases: Vec<_> = meetings.iter().filter(|(group, _)| cases(group)).collect();
        let cases = if cases.is_empty() { meetings.iter().collect() } else { cases };
        (!cases.is_empty()).then(|| Self {
            parts: cases.iter().map(|(group, comparison)| part(group, comparison)).collect(),
            conclusion: conclusion(&analysis.batch_series, &meetings),
        })
    }
}

/// SNRAdam against Adam with their default hyperparameters, at the article's learning rate if there are several.
fn meeting(group: &Group) -> Option<&Comparison> {
    let article = RunSpec::default();
    let defaults = |spec: &RunSpec| optim::find(&spec.optim).is_ok_and(|entry| (entry.defaults)() == spec.hyper);
    let plain_arm = |optim: &str| {
        let plain = |spec: &RunSpec| spec.optim == optim && spec.decay() == article.decay() && defaults(spec);
        group.arms.iter().find(|arm| plain(arm.spec())).map(|arm| arm.name.as_str())
    };
    let names = (plain_arm("snradam")?, plain_arm("adam")?);
    let plain = |c: &&Comparison| (c.a.name.as_str(), c.b.name.as_str()) == names && c.basis == Basis::EqualLr;
    let distance = |c: &Comparison| (c.a.lr - article.lr).abs();
    group.comparisons.iter().filter(plain).min_by(|x, y| distance(x).total_cmp(&distance(y)))
}

fn part(group: &Group, comparison: &Comparison) -> GroupClaims {
    let claim = |judgement: &crate::analysis::Judgement| Claim {
        claim: judgement.claim(comparison),
        verdict: judgement.verdict,
        word: words::verdict(comparison, judgement),
        fact: judgement.sentence.clone(),
    };
    GroupClaims {
        title: group.title(),
        departures: departures(group, comparison),
        claims: comparison.judgements.iter().map(claim).collect(),
    }
}

/// The settings in which a group is not the article's.
fn departures(group: &Group, comparison: &Comparison) -> String {
    let article = RunSpec::default().settings();
    let spec = group.spec();
    let settings = RunSpec { lr: comparison.a.lr, ..spec.clone() }.settings();
    // the article does not say for how long it trained with batch = ∞
    let full = spec.batch == Batch::Full;
    let own = |key: &str| key == "seed" || key == "optim" || (full && ["batch", "epochs", "steps"].contains(&key));
    let other = settings.iter().filter(|(key, value)| {
        // an optimizer's own hyperparameters are no departure, a model's own sizes are
        !own(key) && article.get(*key).map_or(key.starts_with("model."), |v| v != *value)
    });
    words::list(&other.map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>())
}

/// The conclusion is about how the gain depends on the batch: a gain in both cases, with mini-batches and with batch = ∞, is no
/// evidence for it, nor is one that is significant in one case only.
fn conclusion(series: &[BatchSeries], meetings: &[(&Group, &Comparison)]) -> Claim {
    let of_pair =
        |series: &&BatchSeries| meetings.iter().any(|(_, c)| (&c.a.name, &c.b.name) == (&series.a, &series.b));
    let article = RunSpec::default().lr;
    let tested = series.iter().filter(of_pair).min_by(|x, y| (x.lr - article).abs().total_cmp(&(y.lr - article).abs()));
    let (verdict, word, fact) = match tested {
        Some(series) => {
            let (verdict, word) = of_origin(series.origin);
            (verdict, word.map_or(verdict.to_string(), String::from), series.answer.clone())
        }
        None => (Verdict::NotTested, Verdict::NotTested.to_string(), premise(meetings)),
    };
    let claim = "The gain comes from the noise of the trajectory, not from that of mini-batches".to_string();
    Claim { claim, verdict, word, fact }
}

/// What the contrast says of the conclusion, and in which word if not the verdict's.
fn of_origin(origin: Origin) -> (Verdict, Option<&'static str>) {
    match origin {
        Origin::Elsewhere => (Verdict::Supported, Some("supported: not from that of mini-batches")),
        Origin::Batches => (Verdict::Contradicted, None),
        Origin::Both => (Verdict::Undecided, Some("true of a part of the gain")),
        Origin::NoGain => (Verdict::NoRelevantDifference, Some("no gain to explain")),
        Origin::Undecided => (Verdict::Undecided, None),
        Origin::NotTested => (Verdict::NotTested, None),
    }
}

/// What the article rests the conclusion on, and what would test it.
fn premise(meetings: &[(&Group, &Comparison)]) -> String {
    let speed = |comparison: &Comparison| {
        comparison.judgements.iter().find(|j| j.endpoint == Endpoint::Speed).map(|j| j.verdict)
    };
    let of_kind = |full: bool| meetings.iter().filter(move |(group, _)| (group.spec().batch == Batch::Full) == full);
    let said = |(group, c): &(&Group, &Comparison)| Some(format!("{} with {}", speed(c)?, batch(group.spec())));
    let mut each: Vec<String> = of_kind(false).chain(of_kind(true)).filter_map(said).collect();
    each.dedup();
    let lack = [("mini-batches", of_kind(false).count()), ("batch = ∞", of_kind(true).count())];
    let lack = lack.into_iter().find(|(_, n)| *n == 0);
    let lack = lack.map_or(String::new(), |(what, _)| format!("; there are no runs with {what}"));
    format!(
        "It rests on faster training in both cases, which is {}{lack}. That does not say whether the gain depends on the batch. {}.",
        words::list(&each),
        words::NO_BATCH_SERIES
    )
}
