//! Markdown, as GitHub reads it.

use std::fmt::{Display, Write};

use super::table::{self, Grid};
use crate::analysis::{Analysis, Comparison, Group, short_hash, words};
use crate::shell::visible;

/// A document: a section a group: leaderboard, verdicts, the tables of every comparison, warnings; and how to read it.
pub fn markdown(analysis: &Analysis) -> String {
    let mut text = "# Comparison\n".to_string();
    for group in &analysis.groups {
        let (hash, validation) = (short_hash(group.data_hash()), group.spec().validation);
        let _ = writeln!(text, "\n## {}\n\nData {hash}, validation: {validation}.", group.title());
        let _ = write!(text, "\n{}", drawn(&table::leaderboard(group)));
        for grid in table::all_verdicts(group).into_iter().chain(table::others(group, true)).chain(table::arms(group)) {
            let _ = write!(text, "\n**{}**\n\n{}", grid.title, drawn(&grid));
        }
        text += &list("", words::remarks(group).iter());
        group.comparisons.iter().for_each(|comparison| text += &section(analysis, group, comparison));
        text += &list("Warnings", group.warnings.iter());
    }
    for factorial in &analysis.factorials {
        let grid = table::factorial(factorial);
        let _ = write!(text, "\n## {}\n\n{}\n{}\n", grid.title, drawn(&grid), factorial.answer);
    }
    for series in &analysis.batch_series {
        let grid = table::batch_series(series);
        let _ = write!(text, "\n## {}\n\n{}\n{}\n", grid.title, drawn(&grid), series.answer);
    }
    for tuning in &analysis.tunings {
        let grid = table::tuning(tuning);
        let _ = write!(text, "\n## {}\n\n{}", grid.title, drawn(&grid));
        text += &list("", words::tuning(tuning).iter());
    }
    text += &list("Not compared", analysis.warnings.iter());
    text += &list("How to read this", words::notes(analysis.criteria).iter());
    visible(&text).into_owned()
}

fn section(analysis: &Analysis, group: &Group, comparison: &Comparison) -> String {
    let (title, size, standing) = (comparison.title(), comparison.size(), words::standing(comparison));
    let mut text = format!("\n### {title}\n\n**{}**\n\n{size}. {standing}\n\n", comparison.answer);
    text += &drawn(&table::judged(comparison));
    let sentences = comparison.judgements.iter().chain(&comparison.with_added).map(|j| j.sentence.clone());
    text +=
        &list("", sentences.chain(words::equivalence(comparison, analysis.criteria)).chain(words::more(comparison)));
    if let Some(grid) = table::described(group, comparison) {
        text += &format!("\n{}", drawn(&grid));
    }
    text += &list("", words::speedup(comparison).iter());
    text + &list("", comparison.cautions.iter())
}

fn drawn(grid: &Grid) -> String {
    let sides = (0..grid.header.len()).map(|i| if grid.words.contains(&i) { " --- |" } else { " ---: |" });
    let rows: String = grid.rows.iter().map(|row| line(row.iter().map(|cell| cell.text.as_str()))).collect();
    format!("{}|{}\n{rows}", line(grid.header.iter().map(String::as_str)), sides.collect::<String>())
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
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
