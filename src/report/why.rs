//! Why: what the step's size and direction do, where steps are longer, and whether the gain depends on the batch. Three sentences,
//! three figures and a table at most; nothing where no run measured any of it.

use maud::{Markup, html};

use super::{Page, figure, tables};
use crate::analysis::export::table;
use crate::analysis::observed;
use crate::analysis::words;
use crate::error::Result;
use crate::plot;

/// Figures in the order in which they are preferred.
const FIGURES: [&str; 6] =
    ["size-and-direction", "consistency", "gain-by-batch", "amplification", "noise-by-batch", "noise-share"];
const MOST: usize = 3;

/// The section; `None` where there is nothing to say.
pub fn section(page: &Page) -> Result<Option<Markup>> {
    let analysis = page.analysis;
    let mut drawn = Vec::new();
    let mut amplification = None;
    for group in &analysis.groups {
        drawn.extend(plot::why(analysis, group)?);
        if amplification.is_none() {
            amplification = observed::amplifications(group)?.into_iter().next();
        }
    }
    if drawn.is_empty() {
        return Ok(None);
    }
    let preferred = FIGURES.iter().filter_map(|stem| drawn.iter().find(|(other, _)| other == stem));
    let figures = preferred.take(MOST).map(|(_, drawn)| figure(drawn)).collect::<Result<Vec<_>>>()?;
    let sentences = [
        analysis.factorials.first().map(|factorial| factorial.answer.clone()),
        amplification.map(|found| words::consistency_finding(&found) + "."),
        analysis.batch_series.first().map(|series| series.answer.clone()),
    ];
    let grid = analysis.factorials.first().map(table::factorial);
    let grid = grid.or_else(|| analysis.batch_series.first().map(table::batch_series));
    Ok(Some(html! {
        section.group id="why" {
            h2 { "Why" }
            @for sentence in sentences.iter().flatten() { p { (sentence) } }
            div.figures { @for figure in figures { (figure) } }
            @if let Some(grid) = grid { (tables::plain(&grid, &grid.title)) }
        }
    }))
}
