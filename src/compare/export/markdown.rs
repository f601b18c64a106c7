//! Markdown, as GitHub reads it.

use std::fmt::{Display, Write};

use super::table::{self, Grid};
use crate::compare::Findings;
use crate::group::short_hash;

/// A document: a section a group, a table a comparison, the judgements in words, warnings, and how to read it.
pub fn markdown(findings: &Findings) -> String {
    let mut text = "# Comparison\n".to_string();
    for group in &findings.groups {
        let hash = short_hash(&group.data_hash);
        let _ = writeln!(text, "\n## {}\n\nData {hash}, validation: {}.", group.title, group.validation);
        for comparison in &group.comparisons {
            text += &drawn(&table::comparison(comparison, findings.criteria));
            text += &list("", comparison.judgements.iter().map(|judgement| &judgement.sentence));
        }
        table::side_by_side(group, findings.criteria).iter().for_each(|grid| text += &drawn(grid));
        text += &list("Warnings", group.warnings.iter());
    }
    text += &list("Not compared", findings.warnings.iter());
    text + &list("How to read this", findings.notes().iter())
}

fn drawn(grid: &Grid) -> String {
    let last = grid.header.len() - 1;
    let sides: String = (0..=last).map(|i| if i > 0 && i < last { " ---: |" } else { " --- |" }).collect();
    let rows: String = grid.rows.iter().map(|row| line(row)).collect();
    format!("\n### {}\n\n{}.\n\n{}|{sides}\n{rows}", grid.title, capital(&grid.note), line(&grid.header))
}

/// As a sentence begins.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A list under a title in bold, if any; nothing if there are no items.
fn list<T: Display>(title: &str, items: impl Iterator<Item = T>) -> String {
    let items: String = items.map(|item| format!("- {item}\n")).collect();
    match (title, items.as_str()) {
        (_, "") => String::new(),
        ("", _) => format!("\n{items}"),
        _ => format!("\n**{title}**\n\n{items}"),
    }
}
