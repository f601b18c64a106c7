//! What the article "SNRAdam: Improving the Adam Optimizer" claims, and what an analysis says of it: a layer on top of
//! [`crate::analysis`], which does not know the article. Only the claims are text; what is said of them follows from the verdicts.

use serde::Serialize;

use crate::analysis::{Analysis, Basis, Comparison, Endpoint, Group, Verdict, batch, words};
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
        (!meetings.is_empty()).then(|| Self {
            parts: meetings.iter().map(|(group, comparison)| part(group, comparison)).collect(),
            conclusion: conclusion(&meetings),
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
    // the article does not say for how many epochs it trained with batch = ∞
    let full = spec.batch == Batch::Full;
    let own = |key: &str| key == "seed" || key == "optim" || (full && ["batch", "epochs"].contains(&key));
    let other = settings.iter().filter(|(key, value)| {
        // an optimizer's own hyperparameters are no departure, a model's own sizes are
        !own(key) && article.get(*key).map_or(key.starts_with("model."), |v| v != *value)
    });
    words::list(&other.map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>())
}

/// The conclusion rests on faster training with mini-batches and with batch = ∞.
fn conclusion(meetings: &[(&Group, &Comparison)]) -> Claim {
    let speed = |comparison: &Comparison| {
        comparison.judgements.iter().find(|j| j.endpoint == Endpoint::Speed).map(|j| j.verdict)
    };
    let judged = |full: bool| {
        let of_kind = meetings.iter().filter(move |(group, _)| (group.spec().batch == Batch::Full) == full);
        of_kind.filter_map(|(group, c)| Some((batch(group.spec()), speed(c)?))).collect::<Vec<_>>()
    };
    let (mini, full) = (judged(false), judged(true));
    let verdicts: Vec<Verdict> = mini.iter().chain(&full).map(|(_, verdict)| *verdict).collect();
    let each: Vec<String> =
        mini.iter().chain(&full).map(|(batch, verdict)| format!("{verdict} with {batch}")).collect();
    let premise = format!("It rests on faster training in both cases, which is {}", words::list(&each));
    let any = |verdict: Verdict| verdicts.contains(&verdict);
    let (verdict, fact) = match () {
        () if mini.is_empty() || full.is_empty() => {
            let lack = if full.is_empty() { "batch = ∞" } else { "mini-batches" };
            (Verdict::NotTested, format!("{premise}; there are no runs with {lack}."))
        }
        () if any(Verdict::Contradicted) || any(Verdict::NoRelevantDifference) => {
            (Verdict::Contradicted, format!("{premise}: its premise does not hold here."))
        }
        () if verdicts.iter().all(|verdict| *verdict == Verdict::Supported) => (
            Verdict::NotTested,
            format!(
                "{premise}. That rules mini-batches out as the only source of the gain, but does not tell the trajectory’s \
                 noise from other causes: SNRAdam also takes larger steps than Adam where gradients agree."
            ),
        ),
        () => {
            let open = [Verdict::Undecided, Verdict::NotTestable].into_iter().find(|verdict| any(*verdict));
            (open.unwrap_or(Verdict::NotTested), format!("{premise}."))
        }
    };
    let claim = "The gain comes from the noise of the trajectory, not from that of mini-batches".to_string();
    Claim { claim, verdict, word: verdict.to_string(), fact }
}
