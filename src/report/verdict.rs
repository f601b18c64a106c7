//! The top of the page: the question, on what it was asked, and the answer.

use maud::{Markup, html};

use super::{Page, cautions, count, list, tables};
use crate::compare::{Comparison, GroupFindings, Judgement, Verdict};
use crate::config::{Batch, RunSpec};
use crate::group::{Group, short_hash};
use crate::number::{number, thousands};
use crate::run_dir::State;

/// The title: "Is SNRAdam better than Adam?".
pub fn question(page: &Page) -> String {
    let mut names: Vec<&str> = Vec::new();
    for arm in page.groups.iter().flat_map(|group| &group.arms) {
        if !names.contains(&arm.name.as_str()) {
            names.push(&arm.name);
        }
    }
    match (page.findings.groups.is_empty(), names.as_slice()) {
        (false, [b, a]) => format!("Is {a} better than {b}?"),
        (false, _) => format!("Which is better: {}?", list(&names).replace(" and ", " or ")),
        (true, _) => format!("Runs of {}, not compared", list(&names)),
    }
}

/// Title, claim, and what the answer rests on.
pub fn header(page: &Page, question: &str) -> Markup {
    html! {
        header {
            p.kicker { "snr-bench report" }
            h1 { (question) }
            @if super::claims::concerns(page) { (super::claims::claim()) }
            dl.facts {
                dt { "Runs" } dd { (runs(page)) }
                @if !page.findings.groups.is_empty() { dt { "n" } dd { (pairs(page)) } }
                dt { "Data" } dd { (data(page)) }
                dt { "Model" } dd { (models(page)) }
                dt { "Hardware" } dd { (list(&hardware(page))) }
                dt { "Criteria" } dd { (criteria(page)) }
            }
        }
    }
}

/// "20 runs: 19 finished, 1 diverged".
fn runs(page: &Page) -> String {
    let states = [State::Finished, State::Diverged, State::Running, State::Interrupted, State::Failed];
    let of = |state: State| page.runs().filter(|run| run.state == state).count();
    let each: Vec<String> =
        states.into_iter().filter(|s| of(*s) > 0).map(|state| format!("{} {state}", of(state))).collect();
    format!("{}: {}", count(page.runs().count(), "run"), each.join(", "))
}

/// "pairs of runs with the same seed: 10 (MNIST, batch 4096, 20 epochs), 6 (MNIST, full batch, 100 epochs)".
fn pairs(page: &Page) -> String {
    let of = |group: &Group| {
        let sizes = page.findings_of(group)?.comparisons.iter().map(|comparison| comparison.seeds.len());
        let (least, most) = (sizes.clone().min()?, sizes.max()?);
        let n = if least == most { most.to_string() } else { format!("{least} to {most}") };
        Some(format!("{n} ({})", group.title()))
    };
    let each: Vec<String> = page.groups.iter().filter_map(of).collect();
    format!("pairs of runs with the same seed: {}", each.join(", "))
}

/// "MNIST (data e9914cff)".
fn data(page: &Page) -> String {
    distinct(page.runs().map(|run| format!("{} (data {})", run.spec.dataset.label(), short_hash(&run.data_hash))))
        .join(", ")
}

fn models(page: &Page) -> String {
    let of =
        |spec: &RunSpec| format!("{} of {} parameters", spec.model.label(), thousands(&spec.num_params().to_string()));
    distinct(page.runs().map(|run| of(&run.spec))).join(", ")
}

fn hardware(page: &Page) -> Vec<String> {
    distinct(page.runs().map(|run| run.meta.machine()))
}

fn criteria(page: &Page) -> String {
    let criteria = page.findings.criteria;
    format!(
        "target: validation loss {}; margin of equivalence: {}%, defined below",
        number(criteria.target),
        number(100.0 * criteria.margin)
    )
}

/// Each once, in the order of their first appearance.
pub fn distinct(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = Vec::new();
    items.for_each(|item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
    });
    seen
}

/// What the comparisons say, in words.
pub fn section(page: &Page) -> Markup {
    html! {
        section id="verdict" {
            h2 { "Verdict" }
            @for group in &page.groups { (of_group(page, group, page.findings_of(group))) }
            (cautions(&page.warnings))
        }
    }
}

fn of_group(page: &Page, group: &Group, findings: Option<&GroupFindings>) -> Markup {
    let warnings: Vec<String> = findings.iter().flat_map(|f| &f.warnings).map(|w| page.paths.in_text(&w.0)).collect();
    html! {
        h3 { a href={ "#" (group.name) } { (group.title()) } }
        @if group.first().spec.batch == Batch::Full {
            p.aside { "Batch = ∞: every step has the exact gradient over all training images." }
        }
        @match findings {
            None => p { "Nothing to compare: only " (list(&arms(group))) " was trained with these settings." },
            Some(findings) if findings.comparisons.is_empty() => {
                p { "Nothing to compare: no two optimizers share a learning rate, or none has a best one." }
            }
            Some(findings) => @for comparison in &findings.comparisons { (of_comparison(comparison)) },
        }
        (cautions(&warnings))
    }
}

fn arms(group: &Group) -> Vec<String> {
    distinct(group.arms.iter().map(|arm| arm.name.clone()))
}

fn of_comparison(comparison: &Comparison) -> Markup {
    html! {
        p.answer { (answer(comparison)) }
        p.aside { (comparison.size()) "." }
        ul.verdicts {
            @for judgement in &comparison.judgements {
                li { (tables::badge(judgement.verdict)) " " span { (fact(comparison, judgement)) } }
            }
        }
    }
}

/// The sentence of a judgement without the comparison's title, under which it stands.
pub fn fact(comparison: &Comparison, judgement: &Judgement) -> String {
    let title = format!("{}: ", comparison.title());
    judgement.sentence.strip_prefix(&title).unwrap_or(&judgement.sentence).to_string()
}

/// "SNRAdam against Adam: better in final training loss; inconclusive in the other 5 metrics."
fn answer(comparison: &Comparison) -> String {
    let title = comparison.title();
    let of = |verdict| comparison.judgements.iter().filter(move |j| j.verdict == verdict);
    if let Some(more) = of(Verdict::NotJudged).find_map(|judgement| judgement.further_pairs) {
        return format!("{title}: not judged, {} needed.", count(more, "more pair"));
    }
    let total = comparison.judgements.len();
    let verdicts = [Verdict::Better, Verdict::Worse, Verdict::Equivalent, Verdict::Inconclusive, Verdict::NotJudged];
    let parts: Vec<String> = verdicts
        .into_iter()
        .filter_map(|verdict| {
            let names: Vec<String> = of(verdict).map(|j| j.metric.short_name().to_string()).collect();
            match names.len() {
                0 => None,
                n if n == total => Some(format!("{verdict} in all {n} metrics")),
                _ => Some(format!("{verdict} in {}", list(&names))),
            }
        })
        .collect();
    format!("{title}: {}.", parts.join("; "))
}
