//! A figure as data, and its layout: one look for all of them.
//!
//! Light grid, thin axes, every series named at its line's end beside a sample of its line, what the figure shows above and
//! how it was made below. With five series or more it becomes small multiples: a panel for every optimizer, on the same axes,
//! with the others in grey behind.

use std::ops::Range;

use plotters::style::RGBColor;

use super::axis::Axis;
use super::canvas::{Align, Canvas, Type, escaped};
use super::panel::{self, Panel};
use crate::error::Result;
use crate::shell::visible;

/// A figure. Points are (x, y) in the units of the axes.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// What it was made of: data and settings.
    pub about: String,
    /// How to read it; stands below it after `about`, in small letters.
    pub caption: String,
    pub x: Axis,
    pub y: Axis,
    pub sides: Option<Sides>,
    pub series: Vec<Series>,
    pub marks: Vec<Mark>,
}

/// What it means to lie above and below a level.
#[derive(Clone, Debug)]
pub struct Sides {
    pub level: f64,
    pub above: String,
    pub below: String,
}

/// A line with what belongs to it.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Stands at the line's end; nothing does if it is empty.
    pub label: String,
    /// The optimizer: series that share it share a panel of small multiples.
    pub group: String,
    pub style: Style,
    /// May be empty.
    pub line: Vec<(f64, f64)>,
    /// (x, lower y, upper y).
    pub band: Vec<(f64, f64, f64)>,
    /// Single curves that the line sums up.
    pub faint: Vec<Vec<(f64, f64)>>,
    /// Single values that the line sums up.
    pub dots: Vec<(f64, f64)>,
}

/// A sign with a few words.
#[derive(Clone, Debug)]
pub struct Mark {
    pub at: (f64, f64),
    pub sign: Sign,
    /// May be empty.
    pub label: String,
    /// The optimizer, see [`Series::group`].
    pub group: String,
    pub style: Style,
}

/// What a mark looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Where something ended, or a level that is named.
    Cross,
    /// What was chosen.
    Ring,
    /// A value.
    Dot,
}

/// Colour and dashes (length and gap in pixels): what tells a series from others on screen and in grey.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Style {
    pub color: (u8, u8, u8),
    pub dash: Option<(f64, f64)>,
}

/// Pixels of a figure with its words; the height follows from what it holds unless it is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    pub width: f64,
    pub height: Option<f64>,
}

impl Default for Size {
    fn default() -> Self {
        Self { width: 760.0, height: None }
    }
}

const PLOT_HEIGHT: f64 = 340.0;
/// Of a row of a figure of rows.
const ROW_HEIGHT: f64 = 30.0;
/// The same of a panel of small multiples, by the number of columns.
const PANEL_HEIGHT: [f64; 4] = [240.0, 240.0, 180.0, 140.0];
/// Less is not readable.
const LEAST_HEIGHT: f64 = 60.0;
pub(super) const LEFT: f64 = 76.0;
const TITLE_LINE: f64 = 20.0;
/// From the last line of the title to the plot.
const BELOW_TITLE: f64 = 26.0;
pub(super) const MARGIN: f64 = 22.0;
/// From the plot's lower edge to the caption's first line.
const BELOW: f64 = 66.0;
const CAPTION_LINE: f64 = 16.0;
/// From a line's end to its sample, and from there to its name.
pub(super) const SAMPLE: (f64, f64) = (16.0, 24.0);
/// From this many series on a figure becomes small multiples.
const MANY: usize = 5;
/// Between two panels, and the height of a line of words above one.
const GAP: f64 = 18.0;
const HEAD_LINE: f64 = 15.0;

pub(super) const INK: RGBColor = RGBColor(0x26, 0x26, 0x26);
pub(super) const GREY: RGBColor = RGBColor(0x59, 0x59, 0x59);

const TITLE: Type = Type { size: 15.0, bold: true, color: INK };
pub(super) const LABEL: Type = Type { size: 12.0, bold: false, color: INK };
const CAPTION: Type = Type { size: 10.5, bold: false, color: GREY };

/// Draws a figure as SVG: the same figure gives the same bytes on every machine.
///
/// # Errors
/// Only if the built-in font is unusable.
pub fn render_svg(figure: &Figure, size: Size) -> Result<String> {
    let width = size.width;
    let title = TITLE.wrap(&figure.title, width - 2.0 * MARGIN)?;
    let caption = CAPTION.wrap(&figure.below(), width - 2.0 * MARGIN)?;
    let top = 26.0 + TITLE_LINE * (title.len() - 1) as f64 + BELOW_TITLE;
    let words = top + BELOW + CAPTION_LINE * caption.len() as f64 + 8.0;
    let body = Body::new(figure, size.height.map(|height| height - words));
    draw(figure, &body, (width, top), 0.0..words + body.height, |canvas| {
        for (i, line) in title.iter().enumerate() {
            canvas.text(line, (MARGIN, 26.0 + TITLE_LINE * i as f64), Align::Left, TITLE)?;
        }
        for (i, line) in caption.iter().enumerate() {
            let y = top + body.height + BELOW + CAPTION_LINE * i as f64;
            canvas.text(line, (MARGIN, y), Align::Left, CAPTION)?;
        }
        Ok(())
    })
}

/// The same, `width` pixels wide and without the words above and below, and with the values of points for a pointer that rests
/// on them: for a page that has title and caption as text.
///
/// # Errors
/// Only if the built-in font is unusable.
pub fn render_drawing(figure: &Figure, width: f64) -> Result<String> {
    let body = Body::new(figure, None);
    let svg = draw(figure, &body, (width, 12.0), 0.0..12.0 + body.height + 48.0, |_| Ok(()))?;
    let values: String =
        body.panels(figure, (width, 12.0))?.iter().map(|(group, panel)| panel.hovers(*group)).collect();
    Ok(svg.replacen("</svg>", &format!("{values}</svg>"), 1))
}

/// How the space between title and caption is used.
struct Body<'a> {
    /// The optimizers of small multiples; empty for a single plot.
    panels: Vec<&'a str>,
    columns: usize,
    /// Lines of words above each panel.
    head: usize,
    height: f64,
}

impl<'a> Body<'a> {
    fn new(figure: &'a Figure, height: Option<f64>) -> Self {
        let panels = figure.panels();
        let n = panels.len();
        let columns = match n {
            0..=4 => n.max(1),
            5 | 6 | 9 => 3,
            _ => 4,
        };
        let named = |group: &&str| figure.series.iter().filter(|s| s.is_named() && s.group == **group).count();
        let head = panels.iter().map(named).map(|n| if n == 1 { 1 } else { 1 + n }).max().unwrap_or(0);
        let rows = n.div_ceil(columns).max(1);
        let natural = match n {
            0 if !figure.y.rows.is_empty() => ROW_HEIGHT * figure.y.rows.len() as f64,
            0 => PLOT_HEIGHT,
            _ => rows as f64 * (HEAD_LINE * head as f64 + PANEL_HEIGHT[columns - 1]) + GAP * (rows - 1) as f64,
        };
        Self { panels, columns, head, height: height.unwrap_or(natural).max(rows as f64 * LEAST_HEIGHT) }
    }

    /// Every pair of axes, in small multiples with its optimizer; below `top`.
    fn panels(&self, figure: &'a Figure, (width, top): (f64, f64)) -> Result<Vec<(Option<&'a str>, Panel<'a>)>> {
        if !self.panels.is_empty() {
            let panel = |(i, group): (usize, &&'a str)| (Some(*group), Panel::new(figure, self.place(i, (width, top))));
            return Ok(self.panels.iter().enumerate().map(panel).collect());
        }
        let (mut left, mut labels) = (LEFT, 0f64);
        for series in figure.series.iter().filter(|s| s.is_named()) {
            labels = labels.max(SAMPLE.0 + SAMPLE.1 + 6.0 + LABEL.width(&series.label)?);
        }
        for row in &figure.y.rows {
            left = left.max(MARGIN + panel::ROW_GAP + LABEL.width(&row.name)?);
            labels = labels.max(panel::ROW_GAP + panel::TICK.width(&row.note)?);
        }
        // however long the names, the plot keeps half of the width
        let right = (width - MARGIN - labels).max(width / 2.0);
        Ok(vec![(None, Panel::new(figure, [left, top, right, top + self.height]))])
    }

    fn rows(&self) -> usize {
        self.panels.len().div_ceil(self.columns)
    }

    /// Left upper and right lower corner of a panel.
    fn place(&self, i: usize, (width, top): (f64, f64)) -> [f64; 4] {
        let (column, row) = ((i % self.columns) as f64, (i / self.columns) as f64);
        let wide = (width - LEFT - MARGIN - GAP * (self.columns - 1) as f64) / self.columns as f64;
        let rows = self.rows() as f64;
        let high = (self.height - GAP * (rows - 1.0)) / rows;
        let (left, upper) = (LEFT + column * (wide + GAP), top + row * (high + GAP));
        [left, upper + HEAD_LINE * self.head as f64, left + wide, upper + high]
    }
}

/// Draws what lies between two heights of the sheet.
fn draw(
    figure: &Figure,
    body: &Body,
    (width, top): (f64, f64),
    rows: Range<f64>,
    words: impl FnOnce(&Canvas) -> Result<()>,
) -> Result<String> {
    let bottom = top + body.height;
    let panels = body.panels(figure, (width, top))?;
    let svg = Canvas::svg(width, rows, |canvas| {
        words(canvas)?;
        for (i, (group, panel)) in panels.iter().enumerate() {
            let edges = panel::Edges { left: i % body.columns == 0, bottom: i + body.columns >= panels.len() };
            match group {
                None => panel.single(canvas)?,
                Some(group) => panel.of_many(canvas, group, edges, HEAD_LINE * body.head as f64)?,
            }
        }
        if body.panels.is_empty() {
            return Ok(());
        }
        let middle = (LEFT + width - MARGIN) / 2.0;
        canvas.text(&figure.x.title, (middle, bottom + 36.0), Align::Center, LABEL)?;
        canvas.text_upwards(&figure.y.title, (MARGIN + 2.0, (top + bottom) / 2.0), LABEL)
    })?;
    // no control character is allowed in XML
    Ok(visible(&with_description(&svg, figure)).into_owned())
}

/// Title and whole caption as text for readers that do not see the picture.
fn with_description(svg: &str, figure: &Figure) -> String {
    let (title, caption) = (escaped(&figure.title), escaped(&figure.below()));
    svg.replacen(">\n", &format!(" role=\"img\">\n<title>{title}</title>\n<desc>{caption}</desc>\n"), 1)
}

impl Figure {
    /// All that stands below it.
    fn below(&self) -> String {
        let panels = if self.panels().is_empty() { "" } else { " In every panel: the others in grey." };
        format!("{} {}{panels}", self.about, self.caption)
    }

    /// The optimizers that get a panel each; none where they fit into one.
    pub fn panels(&self) -> Vec<&str> {
        let named = || self.series.iter().filter(|s| s.is_named());
        let mut panels: Vec<&str> = Vec::new();
        for series in named() {
            if !panels.contains(&series.group.as_str()) {
                panels.push(&series.group);
            }
        }
        if named().count() < MANY || panels.len() < 2 { Vec::new() } else { panels }
    }

    /// Everything that must lie within the axes.
    pub(super) fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        let series = self.series.iter().flat_map(|s| {
            let band = s.band.iter().flat_map(|&(x, lo, hi)| [(x, lo), (x, hi)]);
            s.line.iter().chain(s.faint.iter().flatten()).chain(&s.dots).copied().chain(band)
        });
        series.chain(self.marks.iter().map(|m| m.at))
    }
}

impl Series {
    /// A level line to read the others against, without a name.
    pub fn reference(level: f64, (from, to): (f64, f64)) -> Self {
        let style = Style { color: (GREY.0, GREY.1, GREY.2), dash: Some((1.0, 3.0)) };
        Self { style, line: panel::straight((from, level), (to, level)).to_vec(), ..Self::default() }
    }

    /// Whether it has a name at its line's end.
    pub(super) fn is_named(&self) -> bool {
        !self.label.is_empty() && !self.line.is_empty()
    }
}
