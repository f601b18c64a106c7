//! The comparisons in numbers.

use maud::{Markup, html};

use crate::compare::export::table::{self, Grid};
use crate::compare::{Comparison, Contender, Criteria, Findings, GroupFindings, Verdict};
use crate::group::{Arm, Group};
use crate::plot;

/// The tables of a group, one a comparison, and where optimizers meet at several learning rates an overview.
pub fn comparisons(group: &Group, findings: &GroupFindings, criteria: Criteria) -> Markup {
    html! {
        h3 { "Comparison" }
        @for comparison in &findings.comparisons { (comparison_table(group, comparison, criteria)) }
        @for grid in table::side_by_side(findings, criteria) { (overview(&grid)) }
        p.aside { "What the columns are and how they are computed: " a href="#method" { "below" } "." }
    }
}

fn comparison_table(group: &Group, comparison: &Comparison, criteria: Criteria) -> Markup {
    let grid = table::comparison(comparison, criteria);
    let (words, last) = (grid.header.len() - 1, comparison.judgements.iter());
    html! {
        div.scroll { table.comparison {
            caption { (comparison.title()) small { " " (comparison.size()) } }
            thead { tr {
                @for (i, name) in grid.header.iter().enumerate() {
                    th scope="col" {
                        @if i == 1 { (key_of(group, &comparison.a)) }
                        @if i == 2 { (key_of(group, &comparison.b)) }
                        (name)
                    }
                }
            } }
            tbody { @for (cells, judgement) in grid.rows.iter().zip(last) {
                tr {
                    th scope="row" { (cells[0]) }
                    @for (cell, name) in cells[..words].iter().zip(&grid.header).skip(1) {
                        td.number data-label=(name) { (cell) }
                    }
                    td data-label=(grid.header[words]) { (badge(judgement.verdict)) }
                }
            } }
        } }
    }
}

fn overview(grid: &Grid) -> Markup {
    html! {
        div.scroll { table.comparison {
            caption { (grid.title) ": " (grid.note) }
            thead { tr { @for name in &grid.header { th scope="col" { (name) } } } }
            tbody { @for cells in &grid.rows {
                tr {
                    th scope="row" { (cells[0]) }
                    @for (cell, name) in cells.iter().zip(&grid.header).skip(1) { td.number data-label=(name) { (cell) } }
                }
            } }
        } }
    }
}

/// A verdict as a label: its colour says no more than its word.
pub fn badge(verdict: Verdict) -> Markup {
    let word = verdict.to_string();
    html! { span.verdict.(word.replace(' ', "-")) { (word) } }
}

fn key_of(group: &Group, side: &Contender) -> Markup {
    let arm = group.arms.iter().find(|arm| arm.name == side.name && arm.spec().lr == side.lr);
    html! { @if let Some(arm) = arm { (key(arm)) } }
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
const SOURCES: [&str; 6] = [
    "BCa interval: Efron, Better bootstrap confidence intervals, JASA 82 (1987); 10,000 resamples with a fixed seed, as scipy.stats.bootstrap(method=\"BCa\") has it.",
    "Sign-flip test: Fisher, The Design of Experiments (1935), §21; random flips: Phipson & Smyth (2010), as scipy.stats.permutation_test(permutation_type=\"samples\") has it.",
    "Signed ranks: Wilcoxon, Biometrics Bulletin 1 (1945).",
    "Correction for several metrics: Holm, Scandinavian Journal of Statistics 6 (1979).",
    "Smallest effect that so many pairs could show: (t₀.₉₇₅ + t₀.₈₀)·s/√n with n − 1 degrees of freedom, s the standard deviation of the paired differences.",
    "± in tables: sample standard deviation (n − 1) over seeds. Bands of mean curves: Student’s t; of paired differences: BCa.",
];

/// How to read the tables, and how they are computed.
pub fn method(findings: &Findings) -> Markup {
    html! {
        section.method id="method" {
            h2 { "How it is computed" }
            p {
                "Two runs with one seed start from the same parameters and see the same batches in the same order: they are a
                pair, and their difference is the optimizer’s. Below 6 pairs nothing is judged, since the least p that 5 pairs
                can reach is above 5%."
            }
            ul { @for note in findings.notes() { li { (note) } } }
            h3 { "Sources" }
            ul { @for source in SOURCES { li { (source) } } }
        }
    }
}
