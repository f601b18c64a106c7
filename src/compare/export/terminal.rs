//! The terminal: tables, and below each the judgements in words.

use std::fmt::Write;

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::table::{self, Grid};
use crate::compare::{Comparison, Findings, MIN_PAIRS};
use crate::group::short_hash;

/// Of the notes, in characters.
const WIDTH: usize = 110;

/// Everything but the warnings, which belong on standard error.
pub fn terminal(findings: &Findings) -> String {
    let mut text = String::new();
    for group in &findings.groups {
        let _ = writeln!(text, "{} (data {})\n", group.title, short_hash(&group.data_hash));
        for comparison in &group.comparisons {
            text += &drawn(&table::comparison(comparison, findings.criteria));
            sentences(comparison).for_each(|sentence| text += &format!("· {sentence}\n"));
            text += "\n";
        }
        for grid in table::side_by_side(group, findings.criteria) {
            text += &(drawn(&grid) + "\n");
        }
    }
    findings.notes().iter().for_each(|note| text += &wrapped(note));
    text
}

/// The judgements alone, in words; one line where there are too few pairs for any.
pub fn verdicts(findings: &Findings) -> String {
    let mut text = String::new();
    for group in &findings.groups {
        for comparison in &group.comparisons {
            let _ = writeln!(text, "{}: {}, {}", group.title, comparison.title(), comparison.size());
            let pairs = comparison.seeds.len();
            if pairs < MIN_PAIRS {
                let _ = writeln!(text, "· not judged: a verdict needs {} more pairs", MIN_PAIRS - pairs);
                continue;
            }
            sentences(comparison).for_each(|sentence| text += &format!("· {sentence}\n"));
        }
    }
    text
}

/// The judgements in words, without the title that stands above them.
fn sentences(comparison: &Comparison) -> impl Iterator<Item = &str> {
    let title = format!("{}: ", comparison.title());
    let sentences = comparison.judgements.iter().map(|judgement| judgement.sentence.as_str());
    sentences.map(move |sentence| sentence.strip_prefix(&title).unwrap_or(sentence))
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
    format!("{}: {}\n{}\n", grid.title, grid.note, table.trim_fmt())
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
