//! What text is written on: how wide it is, and whether it has colours.

use std::fmt::Write;

use comfy_table::{
    Cell as Drawn, CellAlignment, Color, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};

use super::table::{Cell, Grid};
use crate::analysis::Verdict;

/// The terminal, or a file. The default is 80 columns without colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paper {
    /// Columns; no line is longer.
    pub width: usize,
    pub color: bool,
}

/// Sentences in longer lines are read badly.
const LONGEST: usize = 110;

impl Default for Paper {
    fn default() -> Self {
        Self { width: 80, color: false }
    }
}

impl Paper {
    /// A sentence in lines, the first one marked.
    pub fn wrapped(&self, mark: &str, text: &str) -> String {
        let indent = mark.chars().count();
        let longest = self.width.min(LONGEST);
        let (mut lines, mut width) = (mark.to_string(), indent);
        for (i, word) in text.split(' ').enumerate() {
            let long = word.chars().count();
            if i > 0 && width + 1 + long > longest {
                let _ = write!(lines, "\n{}", " ".repeat(indent));
                width = indent;
            } else if i > 0 {
                lines.push(' ');
                width += 1;
            }
            lines += word;
            width += long;
        }
        lines + "\n"
    }

    /// A table. Where it is too wide, what its cells hold after a line break stands below instead of beside; then the columns
    /// of words are narrowed, and on very narrow paper all.
    pub fn drawn(&self, grid: &Grid) -> String {
        let fits = |text: &String| text.lines().all(|line| console::measure_text_width(line) <= self.width);
        let tries = [(" ", true), ("\n", true)].map(|(line_break, whole)| self.table(grid, line_break, whole));
        tries.into_iter().find(fits).unwrap_or_else(|| self.table(grid, "\n", false))
    }

    /// With numbers kept `whole` or not.
    fn table(&self, grid: &Grid, line_break: &str, whole: bool) -> String {
        let rule = LineStyle::none().fill('─').junction('─');
        let mut table = Table::new();
        table.load_style(TableStyle::new().header_separator(rule));
        if self.color {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        table.set_header(grid.header.iter().map(|name| name.replace('\n', line_break)));
        for row in &grid.rows {
            table.add_row(row.iter().map(|cell| self.cell(cell, line_break)));
        }
        let last = grid.header.len() - 1;
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, u16::from(i < last)));
            let has_words = grid.words.contains(&i);
            if !has_words {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if whole {
                column.set_constraint(match has_words {
                    true => ColumnConstraint::LowerBoundary(Width::Fixed(longest_word(grid, i))),
                    false => ColumnConstraint::ContentWidth,
                });
            }
        }
        if line_break == "\n" {
            let width = u16::try_from(self.width).unwrap_or(u16::MAX);
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        table.trim_fmt() + "\n"
    }

    fn cell(&self, cell: &Cell, line_break: &str) -> Drawn {
        let drawn = Drawn::new(cell.text.replace('\n', line_break));
        match cell.verdict {
            Some(Verdict::Supported) => drawn.fg(Color::Green),
            Some(Verdict::Contradicted) => drawn.fg(Color::Red),
            Some(Verdict::NoRelevantDifference) => drawn.fg(Color::Cyan),
            _ => drawn,
        }
    }
}

/// With the column's padding.
fn longest_word(grid: &Grid, column: usize) -> u16 {
    let cells = grid.rows.iter().map(|row| row[column].text.as_str()).chain([grid.header[column].as_str()]);
    let longest = cells.flat_map(str::split_whitespace).map(console::measure_text_width).max().unwrap_or(0);
    u16::try_from(longest + 1).unwrap_or(u16::MAX)
}
