//! The terminal: tables, and below each the judgements in words.

use std::fmt::Write;

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::table::{header, rows};
use crate::compare::{Comparison, Criteria, Findings};

/// Everything but the warnings, which belong on standard error.
pub fn terminal(findings: &Findings) -> String {
    let mut text = String::new();
    for group in &findings.groups {
        let _ = writeln!(text, "{} (data {})\n", group.title, crate::group::short_hash(&group.data_hash));
        for comparison in &group.comparisons {
            text += &section(comparison, findings.criteria);
        }
    }
    for note in findings.notes() {
        let _ = writeln!(text, "{note}");
    }
    text
}

fn section(comparison: &Comparison, criteria: Criteria) -> String {
    let rule = LineStyle::none().fill('─').junction('─');
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(rule).bottom_border(rule));
    table.set_header(header(comparison)).add_rows(rows(comparison, criteria));
    table.column_iter_mut().skip(1).take(7).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    let mut text = format!("{}: {}\n{}\n", comparison.title(), comparison.size(), table.trim_fmt());
    for judgement in &comparison.judgements {
        let _ = writeln!(text, " {}", judgement.sentence);
    }
    text + "\n"
}
