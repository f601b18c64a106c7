//! One pair of axes with what is drawn between them: a whole figure, or one of its small multiples.

use plotters::style::{Color, RGBColor, WHITE};

use super::axis::{Span, tick_labels};
use super::canvas::{self, Align, Canvas, Pen, Type};
use super::clip;
use super::figure::{Figure, GREY, INK, LABEL, MARGIN, Mark, SAMPLE, Series, Sign, Style};
use crate::error::Result;
use crate::number::number;

/// A line of fewer points shows them as dots.
const DOTTED_BELOW: usize = 4;
/// Most points of a line whose values are told.
const MOST_VALUES: usize = 64;
/// Least distance between the heights of two labels.
const LABEL_LINE: f64 = 16.0;

const GRID: RGBColor = RGBColor(0xe8, 0xe8, 0xe8);
/// Of the other optimizers' lines in a small multiple.
const BEHIND: RGBColor = RGBColor(0xc4, 0xc4, 0xc4);

/// Between the plot and the words of a row.
pub(super) const ROW_GAP: f64 = 10.0;

pub(super) const TICK: Type = Type { size: 11.0, bold: false, color: INK };
const SMALL: Type = Type { size: 10.5, bold: false, color: INK };

/// The edges of a grid of panels at which one stands: only there are ticks named.
#[derive(Clone, Copy, Debug)]
pub struct Edges {
    pub left: bool,
    pub bottom: bool,
}

/// A straight line of as many points as are drawn without dots.
pub fn straight((x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> [(f64, f64); DOTTED_BELOW] {
    std::array::from_fn(|i| {
        let share = i as f64 / (DOTTED_BELOW - 1) as f64;
        (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
    })
}

/// A figure with its data's place on the sheet.
pub struct Panel<'a> {
    figure: &'a Figure,
    x: Span,
    y: Span,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl<'a> Panel<'a> {
    /// Between the left upper and the right lower corner.
    pub fn new(figure: &'a Figure, [left, top, right, bottom]: [f64; 4]) -> Self {
        // dots would lie on the axis
        let is_padded = !figure.y.rows.is_empty() || figure.series.iter().any(|s| !s.dots.is_empty());
        let pad = if is_padded { 0.04 } else { 0.0 };
        let x = Span::new(&figure.x, figure.points().map(|p| p.0), pad, left, right);
        let y = Span::new(&figure.y, figure.points().map(|p| p.1), 0.04, bottom, top);
        Self { figure, x, y, left, top, right, bottom }
    }

    /// Everything, with the names at the lines' ends.
    pub fn single(&self, canvas: &Canvas) -> Result<()> {
        self.axes(canvas, Edges { left: true, bottom: true })?;
        let middle = (self.left + self.right) / 2.0;
        canvas.text(&self.figure.x.title, (middle, self.bottom + 36.0), Align::Center, LABEL)?;
        canvas.text_upwards(&self.figure.y.title, (MARGIN + 2.0, (self.top + self.bottom) / 2.0), LABEL)?;
        self.series(canvas, &self.figure.series.iter().collect::<Vec<_>>())?;
        self.marks(canvas, &self.figure.marks.iter().collect::<Vec<_>>())?;
        self.sides(canvas)?;
        self.labels(canvas)
    }

    /// The series of one group, the others behind, and the group's name above, in `head` pixels.
    pub fn of_many(&self, canvas: &Canvas, group: &str, edges: Edges, head: f64) -> Result<()> {
        self.axes(canvas, edges)?;
        let (own, others): (Vec<&Series>, Vec<&Series>) =
            self.figure.series.iter().partition(|s| s.group == group || s.label.is_empty());
        for series in others {
            self.curve(canvas, &series.line, Pen::new(BEHIND, 0.8))?;
        }
        self.series(canvas, &own)?;
        let marks: Vec<&Mark> = self.figure.marks.iter().filter(|mark| mark.group == group).collect();
        marks.iter().try_for_each(|mark| self.sign(canvas, mark))?;
        let named: Vec<&Series> = own.into_iter().filter(|s| s.is_named()).collect();
        let Some(first) = named.first() else { return Ok(()) };
        let name = if named.len() == 1 { first.label.as_str() } else { group };
        let color = letters(&Style { dash: None, ..first.style }).color;
        let at = |line: usize| self.top - head + 15.0 * line as f64 + 6.0;
        canvas.text(name, (self.left, at(0)), Align::Left, Type { bold: true, color, ..SMALL })?;
        for (i, series) in named.iter().enumerate().filter(|_| named.len() > 1) {
            let label = match series.label.strip_prefix(group) {
                Some(rest) if rest.is_empty() || rest.starts_with(" ·") => format!("defaults{rest}"),
                Some(rest) => rest.trim_start_matches(", ").to_string(),
                None => series.label.clone(),
            };
            let line = [(self.left, at(i + 1)), (self.left + SAMPLE.1, at(i + 1))];
            canvas.line(&line, Pen::of(&series.style, 1.8))?;
            canvas.text(&label, (self.left + SAMPLE.1 + 6.0, at(i + 1)), Align::Left, SMALL)?;
        }
        Ok(())
    }

    /// The values of its points for a pointer that rests on them: of all series, or in small multiples of one group.
    pub fn hovers(&self, group: Option<&str>) -> String {
        let shown = self.figure.series.iter().filter(|s| s.is_named() && group.is_none_or(|group| s.group == group));
        let points = shown.flat_map(|series| self.values(series));
        let row = |mark: &Mark| {
            let row = self.figure.y.rows.get(mark.at.1 as usize)?;
            Some((self.at(mark.at), format!("{}: {}", row.name, row.note)))
        };
        let rows = self.figure.marks.iter().filter_map(row);
        points.chain(rows).filter(|(at, _)| self.holds(*at)).map(|(at, words)| canvas::hover(at, &words)).collect()
    }

    /// "Adam, epoch 5: 0.6812 [0.621, 0.744]" at every point of a line, or at as many of them as can be told apart.
    fn values(&self, series: &Series) -> Vec<((f64, f64), String)> {
        let x_title = &self.figure.x.title;
        let value = |&(x, y): &(f64, f64)| {
            let band = series.band.iter().find(|(other, _, _)| *other == x);
            let band = band.map_or(String::new(), |(_, lo, hi)| format!(" [{}, {}]", rounded(*lo), rounded(*hi)));
            let place = if x.fract() == 0.0 { number(x) } else { rounded(x) };
            (self.at((x, y)), format!("{}, {x_title} {place}: {}{band}", series.label, rounded(y)))
        };
        let every = series.line.len().div_ceil(MOST_VALUES).max(1);
        series.line.iter().step_by(every).map(value).collect()
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.at(x), self.y.at(y))
    }

    /// Whether a place of the sheet lies between the axes, but for rounding.
    fn holds(&self, (x, y): (f64, f64)) -> bool {
        (self.left - 0.5..=self.right + 0.5).contains(&x) && (self.top - 0.5..=self.bottom + 0.5).contains(&y)
    }

    fn axes(&self, canvas: &Canvas, edges: Edges) -> Result<()> {
        let (top, bottom, left, right) = (self.top, self.bottom, self.left, self.right);
        let (grid, axis) = (Pen::new(GRID, 0.8), Pen::new(INK, 0.8));
        let xs = self.x.ticks(self.figure.x.whole);
        let ys = if self.figure.y.rows.is_empty() { self.y.ticks(self.figure.y.whole) } else { Vec::new() };
        for x in xs.iter().map(|v| self.x.at(*v)) {
            canvas.line(&[(x, top), (x, bottom)], grid)?;
            canvas.line(&[(x, bottom), (x, bottom + 4.0)], axis)?;
        }
        for y in ys.iter().map(|v| self.y.at(*v)) {
            canvas.line(&[(left, y), (right, y)], grid)?;
            canvas.line(&[(left - 4.0, y), (left, y)], axis)?;
        }
        canvas.line(&[(left, top), (left, bottom), (right, bottom)], axis)?;
        for (i, row) in self.figure.y.rows.iter().enumerate() {
            let y = self.y.at(i as f64);
            canvas.text(&row.name, (left - ROW_GAP, y), Align::Right, LABEL)?;
            canvas.text(&row.note, (right + ROW_GAP, y), Align::Left, TICK)?;
        }
        // where the ticks are close, not every one is named
        let mut last: Option<(f64, f64)> = None;
        for (v, text) in xs.iter().zip(tick_labels(&xs, self.figure.x.scale)).filter(|_| edges.bottom) {
            let (x, half) = (self.x.at(*v), TICK.width(&text)? / 2.0);
            if last.is_none_or(|(other, wide)| (x - other).abs() > half + wide + 5.0) {
                canvas.text(&text, (x, bottom + 14.0), Align::Center, TICK)?;
                last = Some((x, half));
            }
        }
        let mut last: Option<f64> = None;
        for (v, text) in ys.iter().zip(tick_labels(&ys, self.figure.y.scale)).filter(|_| edges.left) {
            let y = self.y.at(*v);
            if last.is_none_or(|other| (y - other).abs() >= 12.0) {
                canvas.text(&text, (left - 9.0, y), Align::Right, TICK)?;
                last = Some(y);
            }
        }
        Ok(())
    }

    /// Bands below single curves below lines, so that no series hides another's line.
    fn series(&self, canvas: &Canvas, all: &[&Series]) -> Result<()> {
        for series in all {
            self.band(canvas, series)?;
        }
        for series in all {
            let pen = Pen::of(&series.style, 0.8);
            for curve in &series.faint {
                self.curve(canvas, curve, Pen { color: pen.color.mix(0.3), dash: None, ..pen })?;
            }
            for dot in series.dots.iter().map(|dot| self.at(*dot)).filter(|dot| self.holds(*dot)) {
                canvas.dot(dot, 2.4, pen.color.mix(0.55))?;
            }
        }
        for series in all {
            self.curve(canvas, &series.line, Pen::of(&series.style, 1.8))?;
        }
        Ok(())
    }

    fn band(&self, canvas: &Canvas, series: &Series) -> Result<()> {
        let within = |y: f64| self.y.at(y).clamp(self.top, self.bottom);
        let points: Vec<(f64, f64, f64)> =
            series.band.iter().map(|&(x, lo, hi)| (self.x.at(x), within(lo), within(hi))).collect();
        // a reversed axis runs backwards
        let is_forward = points.first().is_none_or(|first| first.0 <= points[points.len() - 1].0);
        let points = if is_forward { clip::band(&points, (self.left, self.right)) } else { points };
        let upper = points.iter().map(|&(x, _, hi)| (x, hi));
        let lower = points.iter().rev().map(|&(x, lo, _)| (x, lo));
        let corners: Vec<_> = upper.chain(lower).collect();
        if corners.len() > 2 {
            canvas.polygon(&corners, Pen::of(&series.style, 0.0).color.mix(0.24))?;
        }
        Ok(())
    }

    /// A line, with its points where they are too few to make one.
    fn curve(&self, canvas: &Canvas, points: &[(f64, f64)], pen: Pen) -> Result<()> {
        let path: Vec<(f64, f64)> = points.iter().map(|p| self.at(*p)).collect();
        let parts = match path.iter().all(|point| self.holds(*point)) {
            true => vec![path.clone()],
            false => clip::line(&path, (self.left, self.top), (self.right, self.bottom)),
        };
        for part in parts.iter().filter(|part| part.len() > 1) {
            canvas.line(part, pen)?;
        }
        if path.len() < DOTTED_BELOW {
            for point in path.into_iter().filter(|point| self.holds(*point)) {
                canvas.dot(point, 1.5 + pen.width, pen.color)?;
            }
        }
        Ok(())
    }

    fn sign(&self, canvas: &Canvas, mark: &Mark) -> Result<()> {
        let (x, y) = self.at(mark.at);
        if !self.holds((x, y)) {
            return Ok(());
        }
        let pen = Pen { dash: None, ..Pen::of(&mark.style, 1.8) };
        match mark.sign {
            Sign::Cross => {
                canvas.line(&[(x - 4.5, y - 4.5), (x + 4.5, y + 4.5)], pen)?;
                canvas.line(&[(x - 4.5, y + 4.5), (x + 4.5, y - 4.5)], pen)
            }
            Sign::Dot => canvas.dot((x, y), 4.0, pen.color),
            Sign::Ring => {
                canvas.dot((x, y), 7.0, pen.color)?;
                canvas.dot((x, y), 5.2, WHITE.to_rgba())?;
                canvas.dot((x, y), 3.0, pen.color)
            }
        }
    }

    fn marks(&self, canvas: &Canvas, marks: &[&Mark]) -> Result<()> {
        marks.iter().try_for_each(|mark| self.sign(canvas, mark))?;
        let named: Vec<(&Mark, (f64, f64))> = marks
            .iter()
            .filter(|m| !m.label.is_empty())
            .map(|m| (*m, self.at(m.at)))
            .filter(|(_, at)| self.holds(*at))
            .collect();
        // below its sign, so that it does not stand on a line through it; inside the plot
        let below = |y: f64| if y + 24.0 < self.bottom { y + 16.0 } else { y - 16.0 };
        let heights = spread(named.iter().map(|(_, at)| below(at.1)).collect(), (self.top, self.bottom));
        for ((mark, (x, _)), height) in named.into_iter().zip(heights) {
            let letters = letters(&mark.style);
            let width = letters.width(&mark.label)?;
            let left = (x - width / 2.0).clamp(self.left + 4.0, (self.right - width - 4.0).max(self.left + 4.0));
            words(canvas, &mark.label, (left, height), letters)?;
        }
        Ok(())
    }

    /// What above and below mean, in the corners where the lines end, as differences are largest early on; not where there
    /// is no room on that side.
    fn sides(&self, canvas: &Canvas) -> Result<()> {
        let Some(sides) = &self.figure.sides else { return Ok(()) };
        let level = self.y.at(sides.level);
        let letters = Type { color: GREY, ..LABEL };
        let corner = |text: String, height| {
            let left = self.right - 12.0 - letters.width(&text)?;
            words(canvas, &text, (left, height), letters)
        };
        if level > self.top + 30.0 {
            corner(format!("↑ {}", sides.above), self.top + 12.0)?;
        }
        if level < self.bottom - 30.0 {
            corner(format!("↓ {}", sides.below), self.bottom - 12.0)?;
        }
        Ok(())
    }

    /// The names at the lines' ends.
    fn labels(&self, canvas: &Canvas) -> Result<()> {
        let named: Vec<_> = self.figure.series.iter().filter(|s| s.is_named()).collect();
        let end = |series: &&Series| {
            let (x, y) = self.at(series.line[series.line.len() - 1]);
            (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom))
        };
        let ends: Vec<_> = named.iter().map(end).collect();
        let heights = spread(ends.iter().map(|end| end.1).collect(), (self.top, self.bottom));
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

/// A value with four significant digits.
fn rounded(value: f64) -> String {
    number(format!("{value:.3e}").parse().unwrap_or(value))
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
fn spread(heights: Vec<f64>, (top, bottom): (f64, f64)) -> Vec<f64> {
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
            *height = height.clamp(top, bottom);
        }
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_move_apart_and_keep_their_order() {
        let edges = (52.0, 392.0);
        let placed = spread(vec![200.0, 201.0, 100.0, 199.5], edges);
        assert_eq!(placed[2], 100.0);
        assert!(placed[3] + LABEL_LINE <= placed[0] + 0.1 && placed[0] + LABEL_LINE <= placed[1] + 0.1, "{placed:?}");
        assert!((placed[0] - 200.0).abs() < 1.0);
        let low = spread(vec![392.0; 3], edges);
        assert!(low.iter().all(|y| *y <= 392.0) && low[2] - low[0] > 2.0 * LABEL_LINE - 0.5, "{low:?}");
    }
}
