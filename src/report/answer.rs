//! The top of the page: the question, who comes first, the verdicts, and what they rest on.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{Page, count, distinct, drawn, tables};
use crate::analysis::export::table;
use crate::analysis::{Analysis, Arm, Basis, Comparison, Fate, Group, Run, short_hash, words};
use crate::config::{Batch, RunSpec};
use crate::error::Result;
use crate::number::{number, thousands};
use crate::plot;
use crate::run_dir::Provenance;

/// More are not named in the title.
const MOST_NAMES: usize = 4;

/// The title: "Is SNRAdam better than Adam?".
pub fn question(page: &Page) -> String {
    // a graft is a means to say why, and no candidate
    let arms = || page.analysis.groups.iter().flat_map(|group| &group.arms);
    let candidates = || arms().filter(|arm| arm.spec().optim != "graft");
    let names = distinct(candidates().map(|arm| arm.name.clone()));
    let names = if names.len() < 2 { distinct(arms().map(|arm| arm.name.clone())) } else { names };
    let optimizers = distinct(candidates().map(Arm::optimizer));
    let names = if names.len() > MOST_NAMES && optimizers.len() > 1 { optimizers } else { names };
    match (page.analysis.comparisons().next(), names.as_slice()) {
        (Some(_), [b, a]) => format!("Is {a} better than {b}?"),
        (Some(_), many) if many.len() > MOST_NAMES => format!("Which of {} optimizers is best?", many.len()),
        (Some(_), _) => format!("Which is better: {}?", words::list(&names).replace(" and ", " or ")),
        (None, _) => format!("Runs of {}, not compared", words::list(&names)),
    }
}

/// Title, answers, contents, leaderboards, verdicts, what they rest on, and what to know of the runs.
///
/// # Errors
/// Those of a figure.
pub fn header(page: &Page, question: &str, contents: &[(String, String)]) -> Result<Markup> {
    let answers = answers(page);
    Ok(html! {
        header {
            p.kicker { "snr-bench report" }
            h1 { (question) }
            @match answers.as_slice() {
                [] => {}
                [(_, _, only)] => p.answer { (only) }
                several => ul.answers { @for (id, title, answer) in several { li { a href={ "#" (id) } { (title) } ": " (answer) } } }
            }
            @if let Some(overview) = plot::overview(page.analysis) { div.figures { (drawn(&overview, true)?) } }
            nav { @for (id, title) in contents { a href={ "#" (id) } { (title) } " " } }
            div id="leaderboards" { @for group in &page.analysis.groups { (of_group(page, group)) } }
            p.aside { (words::PLACES) }
            (page.cautions(&page.analysis.warnings))
            dl.facts {
                dt { "Runs" } dd { (runs(page)) }
                dt { "Data" } dd { (data(page)) }
                dt { "Model" } dd { (models(page)) }
                dt { "Hardware" } dd { (words::list(&distinct(page.analysis.runs().map(|run| run.meta.told(Provenance::machine))))) }
                dt { "Criteria" } dd { (criteria(page)) }
            }
        }
    })
}

/// What was found, with the section that shows it: (id, title, sentence).
fn answers(page: &Page) -> Vec<(String, String, String)> {
    let Analysis { groups, factorials, batch_series, .. } = page.analysis;
    let of_group = |group: &Group| match group.headline().as_slice() {
        _ if page.is_in_series(group) => None,
        [only] => Some((group.name.clone(), title(group, only), only.answer.clone())),
        _ => Some((group.name.clone(), group.title(), words::several(group)?)),
    };
    let why = |title: &str, found: String| ("why".to_string(), title.to_string(), found + ".");
    let size = factorials.iter().take(1).map(|factorial| why("Why", words::factorial_finding(factorial)));
    let batch = batch_series.iter().take(1).map(|series| why("Batch size", words::series_short(series)));
    groups.iter().filter_map(of_group).chain(size).chain(batch).collect()
}

/// "MNIST, batch 4096, 20 epochs", and where that is not all that was the same, how the two meet.
fn title(group: &Group, comparison: &Comparison) -> String {
    match comparison.basis {
        Basis::EqualLr => group.title(),
        Basis::BestLr | Basis::Tuned => format!("{}, {}", group.title(), words::setting(group, comparison)),
    }
}

/// A group's leaderboard and verdicts; folded where it is one of several batch sizes, which are looked at together.
fn of_group(page: &Page, group: &Group) -> Markup {
    match page.is_in_series(group) {
        true => html! { details { summary { (group.title()) } (looked_at(page, group)) } },
        false => html! { h2 { a href={ "#" (group.name) } { (group.title()) } } (looked_at(page, group)) },
    }
}

fn looked_at(page: &Page, group: &Group) -> Markup {
    html! {
        @if group.spec().batch == Batch::Full {
            p.aside { "Batch = ∞: every step has the exact gradient over all training images." }
        }
        (tables::leaderboard(group))
        @if group.comparisons.is_empty() {
            p { "Nothing to compare: " (nothing(group)) }
        }
        @for grid in table::all_verdicts(group) { (tables::plain(&grid, &grid.title)) }
        @if let Some(grid) = table::others(group, true) { details { summary { (grid.title) } (tables::plain(&grid, "")) } }
        @if let [only] = group.headline().as_slice() {
            @if page.is_in_series(group) { p { (only.answer) } }
            @if let Some(sentence) = words::speedup(only) { p { (sentence) } }
            p.aside { (only.title()) ": " (only.size()) "." }
        }
        @for remark in words::remarks(group) { p.aside { (remark) } }
        (page.cautions(&group.warnings))
    }
}

fn nothing(group: &Group) -> String {
    match distinct(group.arms.iter().map(|arm| arm.name.clone())).as_slice() {
        [only] => format!("only {only} was trained with these settings."),
        _ => "no two optimizers share a learning rate, or none has a best one.".to_string(),
    }
}

/// "20 runs: 19 finished, 1 failed".
fn runs(page: &Page) -> String {
    // one that two experiments have in common is one run
    let names = |run: &Run| (run.spec.run_name(), run.spec.epochs, run.meta.data_hash.clone());
    let of =
        |word: fn(&Run) -> bool| page.analysis.runs().filter(|run| word(run)).map(names).collect::<BTreeSet<_>>().len();
    let counts = [
        (of(|run| run.fate == Fate::Finished), "finished"),
        (of(|run| run.fate.is_failed()), "failed"),
        (of(|run| run.fate == Fate::Unfinished), "not finished"),
    ];
    let each: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    format!("{}: {}", count(of(|_| true), "run"), each.join(", "))
}

/// "MNIST (data e9914cff)".
fn data(page: &Page) -> String {
    let of = |run: &Run| format!("{} (data {})", run.spec.dataset.label(), short_hash(&run.meta.data_hash));
    distinct(page.analysis.runs().map(of)).join(", ")
}

fn models(page: &Page) -> String {
    let of =
        |spec: &RunSpec| format!("{} of {} parameters", spec.model.label(), thousands(&spec.num_params().to_string()));
    distinct(page.analysis.runs().map(|run| of(&run.spec))).join(", ")
}

fn criteria(page: &Page) -> String {
    let criteria = page.analysis.criteria;
    let margin = words::per_cent(criteria.margin);
    let target = match criteria.target {
        Some(target) => format!("target: validation loss {}", number(target)),
        None => {
            let of = |group: &Group| Some(format!("{} ({})", number(group.target?.loss), group.title()));
            let chosen: Vec<String> = page.analysis.groups.iter().filter_map(of).collect();
            if chosen.is_empty() {
                return format!("margin of equivalence: {margin}");
            }
            format!("target, chosen from the runs as none was stated: validation loss {}", words::list(&chosen))
        }
    };
    format!("margin of equivalence: {margin}; {target}")
}
