//! The terminal: tables, and below each the judgements in words.

use std::fmt::Write;

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::table::{header, rows};
use crate::compare::{Comparison, Criteria, Findings};

/// Of the notes, in characters.
const WIDTH: usize = 110;

/// Everything but the warnings, which belong on standard error.
pub fn terminal(findings: &Findings) -> String {
    let mut text = String::new();
    for group in &findings.groups {
        let _ = writeln!(text, "{} (data {})\n", group.title, crate::group::short_hash(&group.data_hash));
        for comparison in &group.comparisons {
            text += &section(comparison, findings.criteria);
        }
    }
    findings.notes().iter().for_each(|note| text += &wrapped(note));
    text
}

/// A note in lines that are read easily, the first one marked.
fn wrapped(note: &str) -> String {
    let mut text = "*".to_string();
    let mut width = 1;
    for word in note.split(' ') {
        width += 1 + word.chars().count();
        if width > WIDTH {
            text += "\n ";
            width = 2 + word.chars().count();
        }
        let _ = write!(text, " {word}");
    }
    text + "\n"
}

fn section(comparison: &Comparison, criteria: Criteria) -> String {
    let rule = LineStyle::none().fill('─').junction('─');
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(rule).bottom_border(rule));
    table.set_header(header(comparison)).add_rows(rows(comparison, criteria));
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        // words to the left, numbers to the right
        if (1..=6).contains(&i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{}: {}\n{}\n", comparison.title(), comparison.size(), table.trim_fmt());
    for judgement in &comparison.judgements {
        let _ = writeln!(text, " {}", judgement.sentence);
    }
    text + "\n"
}
