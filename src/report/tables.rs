//! The comparisons in numbers.

use maud::{Markup, html};

use crate::analysis::export::table::{self, Cell, Grid};
use crate::analysis::tuning::TunedArm;
use crate::analysis::{Arm, Comparison, Contender, Criteria, Group, Judgement, Tuning, Verdict, words};
use crate::plot;

/// A chapter of more comparisons is folded.
const LONG: usize = 3;

/// The tables of a group: every learning rate where there are several, and two a comparison, folded where there are many.
pub fn numbers(group: &Group, criteria: Criteria) -> Markup {
    html! {
        @if let Some(grid) = table::arms(group) { (plain(&grid, &grid.title)) }
        @if !group.comparisons.is_empty() {
            details open=[(group.comparisons.len() <= LONG).then_some("")] {
                summary { "Tests and descriptions of every comparison" }
                @for comparison in &group.comparisons { (of_comparison(group, comparison, criteria)) }
                p.aside { "What the columns are and how they are computed: " a href="#method" { "below" } "." }
            }
        }
    }
}

fn of_comparison(group: &Group, comparison: &Comparison, criteria: Criteria) -> Markup {
    // the page has opened with the only answer of a group
    let is_told = matches!(group.headline().as_slice(), [only] if *only == comparison);
    html! {
        h3 { (comparison.title()) }
        @if !is_told {
            p { (comparison.answer) }
            p.aside { (comparison.size()) "." }
        }
        (judged(group, comparison))
        @if let Some(sentence) = words::equivalence(comparison, criteria) { p.aside { (sentence) } }
        @if let Some(grid) = table::described(group, comparison) { (plain(&grid, "")) }
    }
}

fn judged(group: &Group, comparison: &Comparison) -> Markup {
    let grid = table::judged(comparison);
    let last = grid.header.len() - 1;
    html! {
        div.scroll { table.comparison {
            thead { tr {
                @for (i, name) in grid.header.iter().enumerate() {
                    th scope="col" {
                        @if i == 1 { (key_of(group, &comparison.a)) }
                        @if i == 2 { (key_of(group, &comparison.b)) }
                        (name)
                    }
                }
            } }
            tbody { @for (cells, judgement) in grid.rows.iter().zip(&comparison.judgements) {
                tr {
                    th scope="row" { (cells[0].text) }
                    @for (cell, name) in cells[..last].iter().zip(&grid.header).skip(1) { td.number data-label=(name) { (cell.text) } }
                    td data-label=(grid.header[last]) { (verdict(judgement, &cells[last].text)) }
                }
            } }
        } }
    }
}

/// The verdict, and what could still decide it.
fn verdict(judgement: &Judgement, word: &str) -> Markup {
    html! {
        (badge(judgement.verdict, word))
        @if let Some(said) = words::further(judgement) { small.further { (said) } }
    }
}

/// Who comes first, with the colours of the figures.
pub fn leaderboard(group: &Group) -> Markup {
    let arms =
        group.leaderboard.iter().map(|e| group.arms.iter().find(|arm| arm.name == e.name && arm.spec().lr == e.lr));
    keyed(&table::leaderboard(group), "", &arms.collect::<Vec<_>>())
}

/// What tuning chose for the arms of a group, in a table and in the words of `compare`.
pub fn tuning(group: &Group, tuning: &Tuning) -> Markup {
    let judged = tuning.arms_in(group);
    let arm = |arm: &TunedArm| judged.iter().find(|(tuned, _)| *tuned == arm).map(|(_, arm)| *arm);
    let grid = table::tuning(tuning);
    let sentences = words::tuning(tuning);
    html! {
        h3 { "Tuning" }
        (keyed(&grid, &grid.title, &tuning.arms.iter().map(arm).collect::<Vec<_>>()))
        @for sentence in sentences { p.aside { (sentence) } }
    }
}

/// A table, its verdicts as labels.
pub fn plain(grid: &Grid, title: &str) -> Markup {
    keyed(grid, title, &[])
}

/// A table whose rows belong to arms: a sample of the arm's line stands before the row's first words.
fn keyed(grid: &Grid, title: &str, arms: &[Option<&Arm>]) -> Markup {
    let sample = |row: usize, column: usize| match arms.get(row) {
        Some(Some(arm)) if grid.words.first() == Some(&column) => key(arm),
        _ => html! {},
    };
    html! {
        div.scroll { table.comparison.plain {
            @if !title.is_empty() { caption { (title) } }
            thead { tr { @for (i, name) in grid.header.iter().enumerate() {
                th scope="col" class=[(i > 0 && grid.words.contains(&i)).then_some("word")] { (name) }
            } } }
            tbody { @for (row, cells) in grid.rows.iter().enumerate() {
                tr {
                    th scope="row" { (sample(row, 0)) (cells[0].text) }
                    @for (i, (cell, name)) in cells.iter().zip(&grid.header).enumerate().skip(1) {
                        td.number[!grid.words.contains(&i)].judged[cell.verdict.is_some()] data-label=(name) { (sample(row, i)) (said(cell)) }
                    }
                }
            } }
        } }
    }
}

/// A cell's text; a verdict is a label.
fn said(cell: &Cell) -> Markup {
    html! {
        @match cell.verdict.zip(cell.text.split_once('\n')) {
            Some((verdict, (ratio, _))) => { span.ratio { (ratio) } " " (badge(verdict, &verdict.to_string())) }
            None => (cell.text),
        }
    }
}

/// A verdict as a label: its colour says no more than its word.
pub fn badge(verdict: Verdict, word: &str) -> Markup {
    let class = match verdict {
        Verdict::Supported => "good",
        Verdict::Contradicted => "bad",
        Verdict::NoRelevantDifference => "same",
        Verdict::Undecided | Verdict::NotTestable | Verdict::NotTested => "open",
    };
    html! { span.verdict.(class) { (word) } }
}

fn key_of(group: &Group, side: &Contender) -> Markup {
    html! { @if let Some(arm) = group.arm(side) { (key(arm)) } }
}

/// A sample of an arm's line in the figures.
pub fn key(arm: &Arm) -> Markup {
    let style = plot::style(&arm.spec().optim, arm.variant);
    let (r, g, b) = style.color;
    let dash = style.dash.map(|(length, gap)| format!("{length} {gap}"));
    html! {
        svg.key width="22" height="8" viewBox="0 0 22 8" aria-hidden="true" {
            line x1="0" y1="4" x2="22" y2="4" stroke=(format!("#{r:02X}{g:02X}{b:02X}")) stroke-width="2" stroke-dasharray=[dash] {}
        }
        " "
    }
}

/// Where the methods come from.
const SOURCES: [&str; 4] = [
    "Paired test and intervals: Student, The probable error of a mean, Biometrika 6 (1908). Simulated, its 95% intervals cover 94.9 to 95.1% of normal differences and 95.8 to 96.2% of those with heavy tails, with 6 to 20 pairs; of strongly skewed ones 89 to 92%.",
    "Signed ranks, where a run failed: Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1 (1945).",
    "Correction for three endpoints: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979). Simulated, a false verdict comes in 4% of comparisons where 5% is allowed.",
    "Power: the noncentral t distribution, at the level at which Holm’s correction begins (5% / 3).",
];

/// How to read the tables, and how they are computed.
pub fn method(criteria: Criteria) -> Markup {
    html! {
        section.method id="method" {
            h2 { "How it is computed" }
            ul { @for note in words::notes(criteria) { li { (note) } } }
            h3 { "Sources" }
            ul { @for source in SOURCES { li { (source) } } }
        }
    }
}
