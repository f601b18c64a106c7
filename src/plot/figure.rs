//! A figure as data, and how it is drawn: one look for all of them.
//!
//! Light grid, thin axes, every series named at its line's end beside a sample of its line, what the figure is about
//! above and what it was made of below.

use std::ops::Range;

use plotters::style::{Color, RGBColor, WHITE};

use super::axis::{Axis, Span, tick_labels};
use super::canvas::{Align, Canvas, Pen, Type};
use crate::error::Result;

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
#[derive(Clone, Debug)]
pub struct Series {
    /// Stands at the line's end; nothing does if it is empty.
    pub label: String,
    pub style: Style,
    /// May be empty.
    pub line: Vec<(f64, f64)>,
    /// (x, lower y, upper y).
    pub band: Vec<(f64, f64, f64)>,
    /// Single curves that the line sums up.
    pub faint: Vec<Vec<(f64, f64)>>,
}

/// A cross with a few words.
#[derive(Clone, Debug)]
pub struct Mark {
    pub at: (f64, f64),
    /// May be empty.
    pub label: String,
    pub style: Style,
}

/// Colour and dashes (length and gap in pixels): what tells a series from others on screen and in grey.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    pub color: (u8, u8, u8),
    pub dash: Option<(f64, f64)>,
}

const WIDTH: f64 = 760.0;
const PLOT_HEIGHT: f64 = 340.0;
const LEFT: f64 = 76.0;
const TOP: f64 = 52.0;
const MARGIN: f64 = 22.0;
/// From the plot's lower edge to the caption's first line.
const BELOW: f64 = 66.0;
const CAPTION_LINE: f64 = 16.0;
/// From a line's end to its sample, and from there to its name.
const SAMPLE: (f64, f64) = (16.0, 24.0);
/// Least distance between the heights of two labels.
const LABEL_LINE: f64 = 16.0;

/// A line of fewer points shows them as dots.
const DOTTED_BELOW: usize = 4;

const INK: RGBColor = RGBColor(0x26, 0x26, 0x26);
const GREY: RGBColor = RGBColor(0x59, 0x59, 0x59);
const GRID: RGBColor = RGBColor(0xe8, 0xe8, 0xe8);

const TITLE: Type = Type { size: 15.0, bold: true, color: INK };
const LABEL: Type = Type { size: 12.0, bold: false, color: INK };
const TICK: Type = Type { size: 11.0, bold: false, color: INK };
const CAPTION: Type = Type { size: 10.5, bold: false, color: GREY };

/// Draws a figure as SVG: the same figure gives the same bytes on every machine.
///
/// # Errors
/// Only if the built-in font is unusable.
pub fn render_svg(figure: &Figure) -> Result<String> {
    let caption = CAPTION.wrap(&figure.below(), WIDTH - 2.0 * MARGIN)?;
    let height = TOP + PLOT_HEIGHT + BELOW + CAPTION_LINE * caption.len() as f64 + 8.0;
    draw(figure, WIDTH, 0.0..height, |canvas| {
        canvas.text(&figure.title, (MARGIN, 26.0), Align::Left, TITLE)?;
        for (i, line) in caption.iter().enumerate() {
            let y = TOP + PLOT_HEIGHT + BELOW + CAPTION_LINE * i as f64;
            canvas.text(line, (MARGIN, y), Align::Left, CAPTION)?;
        }
        Ok(())
    })
}

/// The same, `width` pixels wide and without the words above and below: for a page that has title and caption as text.
///
/// # Errors
/// Only if the built-in font is unusable.
pub fn render_drawing(figure: &Figure, width: f64) -> Result<String> {
    draw(figure, width, TOP - 12.0..TOP + PLOT_HEIGHT + 48.0, |_| Ok(()))
}

/// Draws what lies between two heights of the sheet.
fn draw(figure: &Figure, width: f64, rows: Range<f64>, words: impl FnOnce(&Canvas) -> Result<()>) -> Result<String> {
    let mut labels = 0f64;
    for series in figure.series.iter().filter(|s| s.is_named()) {
        labels = labels.max(SAMPLE.0 + SAMPLE.1 + 6.0 + LABEL.width(&series.label)?);
    }
    // however long the names, the plot keeps half of the width
    let right = (width - MARGIN - labels).max(width / 2.0);
    let plot = Plot {
        figure,
        x: Span::new(&figure.x, figure.points().map(|p| p.0), 0.0, LEFT, right),
        y: Span::new(&figure.y, figure.points().map(|p| p.1), 0.04, TOP + PLOT_HEIGHT, TOP),
        right,
    };
    let svg = Canvas::svg(width, rows, |canvas| {
        words(canvas)?;
        plot.axes(canvas)?;
        plot.series(canvas)?;
        plot.marks(canvas)?;
        plot.sides(canvas)?;
        plot.labels(canvas)
    })?;
    Ok(with_description(&svg, figure))
}

/// Title and whole caption as text for readers that do not see the picture.
fn with_description(svg: &str, figure: &Figure) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let (title, caption) = (escape(&figure.title), escape(&figure.below()));
    svg.replacen(">\n", &format!(" role=\"img\">\n<title>{title}</title>\n<desc>{caption}</desc>\n"), 1)
}

impl Figure {
    /// All that stands below it.
    fn below(&self) -> String {
        format!("{} {}", self.about, self.caption)
    }

    /// Everything that must lie within the axes.
    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        let series = self.series.iter().flat_map(|s| {
            let band = s.band.iter().flat_map(|&(x, lo, hi)| [(x, lo), (x, hi)]);
            s.line.iter().chain(s.faint.iter().flatten()).copied().chain(band)
        });
        series.chain(self.marks.iter().map(|m| m.at))
    }
}

impl Series {
    /// A level line to read the others against, without a name.
    pub fn reference(level: f64, (from, to): (f64, f64)) -> Self {
        let style = Style { color: (GREY.0, GREY.1, GREY.2), dash: Some((1.0, 3.0)) };
        let line = straight((from, level), (to, level)).to_vec();
        Self { label: String::new(), style, line, band: Vec::new(), faint: Vec::new() }
    }

    /// Whether it has a name at its line's end.
    fn is_named(&self) -> bool {
        !self.label.is_empty() && !self.line.is_empty()
    }
}

/// A straight line of as many points as are drawn without dots.
pub fn straight((x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> [(f64, f64); DOTTED_BELOW] {
    std::array::from_fn(|i| {
        let share = i as f64 / (DOTTED_BELOW - 1) as f64;
        (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
    })
}

/// A figure with its data's place on the sheet.
struct Plot<'a> {
    figure: &'a Figure,
    x: Span,
    y: Span,
    right: f64,
}

impl Plot<'_> {
    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.at(x), self.y.at(y))
    }

    fn path(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        points.iter().map(|p| self.at(*p)).collect()
    }

    fn axes(&self, canvas: &Canvas) -> Result<()> {
        let (bottom, right) = (TOP + PLOT_HEIGHT, self.right);
        let (grid, axis) = (Pen::new(GRID, 0.8), Pen::new(INK, 0.8));
        let (xs, ys) = (self.x.ticks(self.figure.x.whole), self.y.ticks(self.figure.y.whole));
        for x in xs.iter().map(|v| self.x.at(*v)) {
            canvas.line(&[(x, TOP), (x, bottom)], grid)?;
            canvas.line(&[(x, bottom), (x, bottom + 4.0)], axis)?;
        }
        for y in ys.iter().map(|v| self.y.at(*v)) {
            canvas.line(&[(LEFT, y), (right, y)], grid)?;
            canvas.line(&[(LEFT - 4.0, y), (LEFT, y)], axis)?;
        }
        canvas.line(&[(LEFT, TOP), (LEFT, bottom), (right, bottom)], axis)?;
        for (v, text) in xs.iter().zip(tick_labels(&xs, self.figure.x.scale)) {
            canvas.text(&text, (self.x.at(*v), bottom + 14.0), Align::Center, TICK)?;
        }
        for (v, text) in ys.iter().zip(tick_labels(&ys, self.figure.y.scale)) {
            canvas.text(&text, (LEFT - 9.0, self.y.at(*v)), Align::Right, TICK)?;
        }
        canvas.text(&self.figure.x.title, ((LEFT + right) / 2.0, bottom + 36.0), Align::Center, LABEL)?;
        canvas.text_upwards(&self.figure.y.title, (MARGIN + 2.0, TOP + PLOT_HEIGHT / 2.0), LABEL)
    }

    /// Bands below single curves below lines, so that no series hides another's line.
    fn series(&self, canvas: &Canvas) -> Result<()> {
        for series in &self.figure.series {
            let upper = series.band.iter().map(|&(x, _, hi)| self.at((x, hi)));
            let lower = series.band.iter().rev().map(|&(x, lo, _)| self.at((x, lo)));
            let corners: Vec<_> = upper.chain(lower).collect();
            if corners.len() > 2 {
                canvas.polygon(&corners, Pen::of(&series.style, 0.0).color.mix(0.24))?;
            }
        }
        for series in &self.figure.series {
            let pen = Pen::of(&series.style, 0.8);
            for curve in &series.faint {
                self.curve(canvas, curve, Pen { color: pen.color.mix(0.3), dash: None, ..pen })?;
            }
        }
        for series in &self.figure.series {
            self.curve(canvas, &series.line, Pen::of(&series.style, 1.8))?;
        }
        Ok(())
    }

    /// A line, with its points where they are too few to make one.
    fn curve(&self, canvas: &Canvas, points: &[(f64, f64)], pen: Pen) -> Result<()> {
        let path = self.path(points);
        if path.len() > 1 {
            canvas.line(&path, pen)?;
        }
        if path.len() < DOTTED_BELOW {
            for point in path {
                canvas.dot(point, 1.5 + pen.width, pen.color)?;
            }
        }
        Ok(())
    }

    fn marks(&self, canvas: &Canvas) -> Result<()> {
        let points: Vec<_> = self.figure.marks.iter().map(|mark| self.at(mark.at)).collect();
        let named = |i: &usize| !self.figure.marks[*i].label.is_empty();
        let order: Vec<usize> = (0..points.len()).filter(named).collect();
        // below its cross, so that it does not stand on a line through it; inside the plot
        let below = |y: f64| if y + 24.0 < TOP + PLOT_HEIGHT { y + 16.0 } else { y - 16.0 };
        let heights = spread(order.iter().map(|&i| below(points[i].1)).collect());
        for (mark, &(x, y)) in self.figure.marks.iter().zip(&points) {
            let pen = Pen { dash: None, ..Pen::of(&mark.style, 1.8) };
            canvas.line(&[(x - 4.5, y - 4.5), (x + 4.5, y + 4.5)], pen)?;
            canvas.line(&[(x - 4.5, y + 4.5), (x + 4.5, y - 4.5)], pen)?;
        }
        for (&i, height) in order.iter().zip(heights) {
            let (mark, (x, _)) = (&self.figure.marks[i], points[i]);
            let letters = letters(&mark.style);
            let width = letters.width(&mark.label)?;
            let left = (x - width / 2.0).clamp(LEFT + 4.0, (self.right - width - 4.0).max(LEFT + 4.0));
            words(canvas, &mark.label, (left, height), letters)?;
        }
        Ok(())
    }

    /// What above and below mean, in the corners where the lines end, as differences are largest early on; not where there
    /// is no room on that side.
    fn sides(&self, canvas: &Canvas) -> Result<()> {
        let Some(sides) = &self.figure.sides else { return Ok(()) };
        let (level, bottom) = (self.y.at(sides.level), TOP + PLOT_HEIGHT);
        let letters = Type { color: GREY, ..LABEL };
        let corner = |text: String, height| {
            let left = self.right - 12.0 - letters.width(&text)?;
            words(canvas, &text, (left, height), letters)
        };
        if level > TOP + 30.0 {
            corner(format!("↑ {}", sides.above), TOP + 12.0)?;
        }
        if level < bottom - 30.0 {
            corner(format!("↓ {}", sides.below), bottom - 12.0)?;
        }
        Ok(())
    }

    /// The names at the lines' ends.
    fn labels(&self, canvas: &Canvas) -> Result<()> {
        let named: Vec<_> = self.figure.series.iter().filter(|s| s.is_named()).collect();
        let ends: Vec<_> = named.iter().map(|s| self.at(s.line[s.line.len() - 1])).collect();
        let heights = spread(ends.iter().map(|end| end.1).collect());
        for ((series, (x, y)), height) in named.into_iter().zip(ends).zip(heights) {
            let (from, to) = (self.right + SAMPLE.0, self.right + SAMPLE.0 + SAMPLE.1);
            let pen = Pen::of(&series.style, 0.8);
            let leader = [(x + 4.0, y), (self.right.max(x + 4.0) + 2.0, y), (from - 3.0, height)];
            canvas.line(&leader, Pen { color: pen.color.mix(0.5), dash: None, ..pen })?;
            canvas.line(&[(from, height), (to, height)], Pen::of(&series.style, 1.8))?;
            canvas.text(&series.label, (to + 6.0, height), Align::Left, letters(&series.style))?;
        }
        Ok(())
    }
}

/// Words on the plot: the lines below them stay visible, and the words readable.
fn words(canvas: &Canvas, text: &str, (left, height): (f64, f64), letters: Type) -> Result<()> {
    let (x0, x1, y0, y1) = (left - 2.0, left + letters.width(text)? + 2.0, height - 7.5, height + 7.5);
    canvas.polygon(&[(x0, y0), (x1, y0), (x1, y1), (x0, y1)], WHITE.mix(0.8))?;
    canvas.text(text, (left, height), Align::Left, letters)
}

/// The letters of a series' name.
fn letters(style: &Style) -> Type {
    let (r, g, b) = style.color;
    Type { color: RGBColor(r, g, b), ..LABEL }
}

/// Moves heights apart as little as needed, so that labels at them do not overlap; keeps their order, and keeps them
/// beside the plot where there is room.
fn spread(heights: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by(|a, b| heights[*a].total_cmp(&heights[*b]));
    let mut placed = heights;
    for _ in 0..200 {
        for pair in order.windows(2) {
            let overlap = LABEL_LINE - (placed[pair[1]] - placed[pair[0]]);
            if overlap > 0.0 {
                placed[pair[0]] -= overlap / 2.0;
                placed[pair[1]] += overlap / 2.0;
            }
        }
        for height in &mut placed {
            *height = height.clamp(TOP, TOP + PLOT_HEIGHT);
        }
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_move_apart_and_keep_their_order() {
        let placed = spread(vec![200.0, 201.0, 100.0, 199.5]);
        assert_eq!(placed[2], 100.0);
        assert!(placed[3] + LABEL_LINE <= placed[0] + 0.1 && placed[0] + LABEL_LINE <= placed[1] + 0.1, "{placed:?}");
        assert!((placed[0] - 200.0).abs() < 1.0);
        let low = spread(vec![TOP + PLOT_HEIGHT; 3]);
        assert!(low.iter().all(|y| *y <= TOP + PLOT_HEIGHT) && low[2] - low[0] > 2.0 * LABEL_LINE - 0.5, "{low:?}");
    }
}
