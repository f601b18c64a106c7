//! The terminal: the answer of every comparison, then its tables.

use std::fmt::Write;

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::table::{self, Grid};
use crate::analysis::{Analysis, Comparison, Group, short_hash, words};

/// Of sentences, in characters.
const WIDTH: usize = 110;

/// Everything but the warnings, which belong on standard error.
pub fn terminal(analysis: &Analysis) -> String {
    let mut text = answers(analysis);
    for group in analysis.groups.iter().filter(|group| !group.comparisons.is_empty()) {
        let _ = writeln!(text, "\n{} (data {})\n", group.title(), short_hash(group.data_hash()));
        group.comparisons.iter().for_each(|comparison| text += &section(analysis, group, comparison));
        for grid in table::side_by_side(group) {
            let _ = writeln!(text, "{}\n{}", grid.title, drawn(&grid));
        }
    }
    words::notes(analysis.criteria).iter().for_each(|note| text += &wrapped("* ", note));
    text
}

/// What every comparison comes to, in one or two sentences, and how it stands to its plan.
pub fn answers(analysis: &Analysis) -> String {
    let mut text = String::new();
    for (group, comparison) in analysis.comparisons() {
        let _ = writeln!(text, "{}: {}, {}", group.title(), comparison.title(), comparison.size());
        text += &wrapped("  ", &comparison.answer);
        let said = [words::more(comparison), words::speedup(comparison)];
        said.iter().flatten().for_each(|sentence| text += &wrapped("  ", sentence));
        text += &wrapped("  ", &words::standing(comparison));
        comparison.cautions.iter().for_each(|caution| text += &wrapped("  ", &format!("Caution: {caution}.")));
    }
    text
}

fn section(analysis: &Analysis, group: &Group, comparison: &Comparison) -> String {
    let mut text = format!("{}: {}\n{}", comparison.title(), comparison.size(), drawn(&table::judged(comparison)));
    for judgement in comparison.judgements.iter().chain(&comparison.with_added) {
        text += &wrapped("· ", &judgement.sentence);
    }
    words::equivalence(comparison, analysis.criteria).iter().for_each(|sentence| text += &wrapped("· ", sentence));
    if let Some(grid) = table::described(group, comparison) {
        text += &format!("\n{}", drawn(&grid));
    }
    text + "\n"
}

fn drawn(grid: &Grid) -> String {
    let rule = LineStyle::none().fill('─').junction('─');
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(rule).bottom_border(rule));
    table.set_header(&grid.header).add_rows(&grid.rows);
    let last = grid.header.len() - 1;
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if i > 0 && i < last {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}\n", table.trim_fmt())
}

/// A sentence in lines that are read easily, the first one marked.
pub fn wrapped(mark: &str, text: &str) -> String {
    let mut lines = mark.to_string();
    let mut width = mark.chars().count();
    for (i, word) in text.split(' ').enumerate() {
        let long = word.chars().count();
        if i > 0 && width + 1 + long > WIDTH {
            let _ = write!(lines, "\n{}", " ".repeat(mark.chars().count()));
            width = mark.chars().count();
        } else if i > 0 {
            lines.push(' ');
            width += 1;
        }
        lines += word;
        width += long;
    }
    lines + "\n"
}
