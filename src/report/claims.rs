//! What the article claims, and what these runs say of it. Only the claims are text; what is said of them follows from the
//! verdicts.

use maud::{Markup, html};

use super::verdict::fact;
use super::{Page, list};
use crate::compare::{Basis, Comparison, Judgement, Metric, Verdict};
use crate::config::{Batch, RunSpec};
use crate::group::{Group, batch};
use crate::optim;

/// What the article shows, by metric.
const CLAIMS: [(Metric, &str); 3] = [
    (Metric::FinalTrainLoss, "SNRAdam ends with a lower training loss than Adam"),
    (Metric::FinalValLoss, "and with a lower validation loss"),
    (Metric::EpochsToTarget, "and gets there faster"),
];

/// A verdict on a claim: its class in the style sheet, and in words.
type Standing = (&'static str, &'static str);

/// Whether the article's two optimizers, as it has them, meet in any group.
pub fn concerns(page: &Page) -> bool {
    page.groups.iter().any(|group| meeting(page, group).is_some())
}

/// The claim in a few sentences.
pub fn claim() -> Markup {
    html! {
        p.claim {
            strong { "The claim. " }
            "The article " cite { "SNRAdam: Improving the Adam Optimizer" }
            " replaces Adam’s running mean of the squared gradient by a running variance of the gradient, and says that training
            is then faster. It shows one run of each, on MNIST with batch 4096, 20 epochs and learning rate 0.001. As SNRAdam is
            also faster with batch = ∞, it concludes that the gain comes from the noise of the trajectory, not from that of
            mini-batches."
        }
    }
}

/// The claims beside what these runs say; nothing where they do not concern them.
pub fn section(page: &Page) -> Markup {
    let meetings: Vec<(&Group, &Comparison)> =
        page.groups.iter().filter_map(|group| Some((group, meeting(page, group)?))).collect();
    html! {
        @if !meetings.is_empty() {
            section id="claims" {
                h2 { "The article’s claims" }
                div.scroll { table.claims {
                    thead { tr { th scope="col" { "claim" } th scope="col" { "here" } th scope="col" { "what these runs say" } } }
                    tbody {
                        @for (group, comparison) in &meetings { (rows(group, comparison)) }
                        (conclusion(&meetings))
                    }
                } }
            }
        }
    }
}

/// SNRAdam against Adam with their default hyperparameters, at the article's learning rate if there are several.
fn meeting<'a>(page: &Page<'a>, group: &Group) -> Option<&'a Comparison> {
    let article = RunSpec::default();
    let defaults = |spec: &RunSpec| optim::find(&spec.optim).is_ok_and(|entry| (entry.defaults)() == spec.hyper);
    let plain_arm = |optim: &str| {
        let plain = |spec: &RunSpec| spec.optim == optim && spec.weight_decay == article.weight_decay && defaults(spec);
        group.arms.iter().find(|arm| plain(arm.spec())).map(|arm| arm.name.as_str())
    };
    let names = (plain_arm("snradam")?, plain_arm("adam")?);
    let plain = |c: &&Comparison| (c.a.name.as_str(), c.b.name.as_str()) == names;
    let found = page.findings_of(group)?.comparisons.iter().filter(|c| c.basis == Basis::EqualLr);
    found.filter(plain).min_by(|x, y| (x.a.lr - article.lr).abs().total_cmp(&(y.a.lr - article.lr).abs()))
}

fn rows(group: &Group, comparison: &Comparison) -> Markup {
    let departures = departures(group, comparison);
    html! {
        tr.part { th colspan="3" scope="rowgroup" {
            (group.title())
            @if !departures.is_empty() { small { " Not the article’s setting: " (departures) "." } }
        } }
        @for (metric, claim) in CLAIMS {
            @if let Some(judgement) = comparison.judgements.iter().find(|j| j.metric == metric) {
                (row(claim, &standing(judgement), &fact(comparison, judgement)))
            }
        }
    }
}

fn row(claim: &str, (class, word): &Standing, text: &str) -> Markup {
    html! {
        tr {
            th scope="row" { (claim) }
            td { span.verdict.(class) { (word) } }
            td { (text) }
        }
    }
}

/// What a judgement of SNRAdam against Adam means for the claim that SNRAdam is better.
fn standing(judgement: &Judgement) -> Standing {
    match judgement.verdict {
        Verdict::Better => ("better", "supported"),
        Verdict::Worse => ("worse", "contradicted"),
        Verdict::Equivalent | Verdict::Inconclusive => ("inconclusive", "not supported"),
        Verdict::NotJudged => ("not-judged", "not judged"),
    }
}

/// The settings in which a group is not the article's: "dataset = digits, epochs = 5".
fn departures(group: &Group, comparison: &Comparison) -> String {
    let article = RunSpec::default().settings();
    let settings = RunSpec { lr: comparison.a.lr, ..group.first().spec.clone() }.settings();
    // the article does not say for how many epochs it trained with batch = ∞
    let full = group.first().spec.batch == Batch::Full;
    let own = |key: &str| key == "seed" || key == "optim" || (full && ["batch", "epochs"].contains(&key));
    let other = settings.iter().filter(|(key, value)| !own(key) && article.get(*key).is_some_and(|v| v != *value));
    list(&other.map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>())
}

/// The conclusion rests on a gain with mini-batches and one with batch = ∞.
fn conclusion(meetings: &[(&Group, &Comparison)]) -> Markup {
    let judged = |full: bool| {
        let of_kind = move |(group, _): &&(&Group, &Comparison)| (group.first().spec.batch == Batch::Full) == full;
        let training = |(group, comparison): &(&Group, &Comparison)| {
            let judgement = comparison.judgements.iter().find(|j| j.metric == Metric::FinalTrainLoss)?;
            Some((batch(&group.first().spec), judgement.verdict))
        };
        meetings.iter().filter(of_kind).filter_map(training).collect::<Vec<_>>()
    };
    let (mini, full) = (judged(false), judged(true));
    let all: Vec<String> = mini.iter().chain(&full).map(|(batch, verdict)| format!("{verdict} with {batch}")).collect();
    let are = |allowed: &[Verdict]| mini.iter().chain(&full).all(|(_, verdict)| allowed.contains(verdict));
    let premise = format!("It rests on a lower training loss in both cases; here SNRAdam is {}", list(&all));
    let (standing, text): (Standing, String) = match () {
        () if mini.is_empty() || full.is_empty() => {
            let lack = if full.is_empty() { "batch = ∞" } else { "mini-batches" };
            (("not-judged", "not tested"), format!("{premise}, and there are no runs with {lack}."))
        }
        () if are(&[Verdict::Better]) => (
            ("inconclusive", "not shown"),
            format!(
                "{premise}, as the claim has it. That rules mini-batches out as the only source of the gain, but does not tell \
                 the trajectory’s noise from other causes: SNRAdam also takes larger steps than Adam where gradients agree."
            ),
        ),
        () if are(&[Verdict::Better, Verdict::NotJudged]) => (("not-judged", "not judged"), format!("{premise}.")),
        () => (("inconclusive", "not supported"), format!("{premise}.")),
    };
    html! {
        tr.part { th colspan="3" scope="rowgroup" { "Conclusion" } }
        (row("The gain comes from the noise of the trajectory, not from that of mini-batches", &standing, &text))
    }
}
