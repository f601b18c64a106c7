//! Markdown, as GitHub reads it.

use std::fmt::Write;

use super::table::{header, rows};
use crate::compare::{Comparison, Criteria, Findings};

/// A document: a section a group, a table a comparison, the judgements in words, warnings, and how to read it.
pub fn markdown(findings: &Findings) -> String {
    let mut text = "# Comparison\n".to_string();
    for group in &findings.groups {
        let hash = crate::group::short_hash(&group.data_hash);
        let _ = writeln!(text, "\n## {}\n\nData {hash}, validation: {}.", group.title, group.validation);
        for comparison in &group.comparisons {
            text += &section(comparison, findings.criteria);
        }
        text += &list("Warnings", group.warnings.iter());
    }
    text += &list("Not compared", findings.warnings.iter());
    text + &list("How to read this", findings.notes().iter())
}

fn section(comparison: &Comparison, criteria: Criteria) -> String {
    let mut text = format!("\n### {}\n\n{}.\n\n", comparison.title(), comparison.size());
    text += &line(&header(comparison));
    text += "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n";
    rows(comparison, criteria).iter().for_each(|row| text += &line(row));
    text + &list("", comparison.judgements.iter().map(|judgement| &judgement.sentence))
}

fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A list under a title in bold, if any; nothing if there are no items.
fn list<T: std::fmt::Display>(title: &str, items: impl Iterator<Item = T>) -> String {
    let items: String = items.map(|item| format!("- {item}\n")).collect();
    match (title, items.as_str()) {
        (_, "") => String::new(),
        ("", _) => format!("\n{items}"),
        _ => format!("\n**{title}**\n\n{items}"),
    }
}
