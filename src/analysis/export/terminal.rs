//! The terminal: who comes first in every group, then the verdicts; the rest where it is asked for.

use std::fmt::Write;

use super::paper::Paper;
use super::table::{self, Grid};
use crate::analysis::{Analysis, Comparison, Group, short_hash, words};

/// From so many columns on there is room for the intervals of ratios.
const WIDE: usize = 100;

/// A table of more comparisons shows the first ones only.
const MOST: usize = 12;

/// Leaderboard and verdicts of every group, with `all` also every arm, test and description, and how to read them. Without
/// the warnings, which belong on standard error.
pub fn terminal(analysis: &Analysis, paper: Paper, all: bool) -> String {
    let mut text = String::new();
    for group in &analysis.groups {
        text += &summary(group, paper, all);
        if all {
            group.comparisons.iter().for_each(|comparison| text += &details(analysis, group, comparison, paper));
        }
    }
    for factorial in &analysis.factorials {
        let grid = table::factorial(factorial);
        let (title, answer) = (paper.wrapped("", &grid.title), paper.wrapped("", &factorial.answer));
        let _ = writeln!(text, "{title}{}{answer}", paper.drawn(&grid));
    }
    for series in &analysis.batch_series {
        let grid = table::batch_series(series);
        let _ = write!(text, "{}\n{}{}\n", grid.title, paper.drawn(&grid), paper.wrapped("", &series.answer));
    }
    for tuning in &analysis.tunings {
        let grid = table::tuning(tuning);
        let _ = write!(text, "{}\n{}", grid.title, paper.drawn(&grid));
        words::tuning(tuning).iter().for_each(|sentence| text += &paper.wrapped("", sentence));
        text += "\n";
    }
    match all {
        true => words::notes(analysis.criteria).iter().for_each(|note| text += &paper.wrapped("* ", note)),
        false => {
            text += &paper.wrapped("", &format!("{} {} More: --all.", words::PLACES, words::signs(analysis.criteria)))
        }
    }
    text
}

fn summary(group: &Group, paper: Paper, all: bool) -> String {
    let mut text = paper.wrapped("", &format!("{} (data {})", group.title(), short_hash(group.data_hash())));
    text += &paper.drawn(&table::leaderboard(group));
    if let Some(grid) = table::arms(group).filter(|_| all) {
        let _ = write!(text, "{}\n{}", grid.title, paper.drawn(&grid));
    }
    let headline = group.headline();
    let [with_first, _] = group.headline_parts();
    let first = |shown: &[&Comparison]| table::headline(shown, paper.width >= WIDE);
    text += &verdicts(&with_first, first, paper, all);
    if let Some(grid) = table::others(group, paper.width >= WIDE) {
        text += &match all {
            true => format!("{}\n{}", grid.title, paper.drawn(&grid)),
            false => format!("… and {} of the others with each other: --all\n", grid.rows.len()),
        };
    }
    text += &verdicts(&group.at_equal_rates(), table::equal_rates, paper, all);
    if let [only] = headline.as_slice() {
        let said = [Some(only.answer.clone()), words::more(only), words::speedup(only)];
        said.iter().flatten().for_each(|sentence| text += &paper.wrapped("", sentence));
    }
    words::remarks(group).iter().for_each(|sentence| text += &paper.wrapped("", sentence));
    text + "\n"
}

/// A table of comparisons; nothing where there are none.
fn verdicts(comparisons: &[&Comparison], table: impl Fn(&[&Comparison]) -> Grid, paper: Paper, all: bool) -> String {
    if comparisons.is_empty() {
        return String::new();
    }
    let shown = &comparisons[..if all { comparisons.len() } else { comparisons.len().min(MOST) }];
    let grid = table(shown);
    let mut text = format!("{}\n{}", grid.title, paper.drawn(&grid));
    let more = comparisons.len() - shown.len();
    if more > 0 {
        text += &format!("… and {more} more: --all\n");
    }
    text
}

fn details(analysis: &Analysis, group: &Group, comparison: &Comparison, paper: Paper) -> String {
    let mut text = paper.wrapped("", &format!("{}: {}", comparison.title(), comparison.size()));
    text += &paper.drawn(&table::judged(comparison));
    for judgement in comparison.judgements.iter().chain(&comparison.with_added) {
        text += &paper.wrapped("· ", &judgement.sentence);
    }
    let said = [words::equivalence(comparison, analysis.criteria), words::more(comparison), words::speedup(comparison)];
    said.iter().flatten().for_each(|sentence| text += &paper.wrapped("· ", sentence));
    if let Some(grid) = table::described(group, comparison) {
        text += &format!("\n{}", paper.drawn(&grid));
    }
    text + "\n"
}
