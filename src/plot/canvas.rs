//! A sheet of SVG to draw on, in fractions of a pixel.
//!
//! plotters draws at whole coordinates only, so the sheet is [`FINE`] times as large inside as it is shown.

use std::ops::Range;
use std::sync::LazyLock;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, register_font};

use super::Style;
use crate::error::Result;

/// Inner units of a pixel.
const FINE: f64 = 10.0;

/// Radius of a place that the pointer rests on.
const HOVER: f64 = 5.0;

/// The first is what we register and embed, the second what a browser without it takes.
const FONT: &str = "DejaVu Sans, sans-serif";

static FONTS: LazyLock<()> = LazyLock::new(|| {
    for (style, bytes) in [(FontStyle::Normal, dejavu::sans::regular()), (FontStyle::Bold, dejavu::sans::bold())] {
        // the bytes are a font, and if not, drawing text says so
        let _ = register_font(FONT, style, bytes);
    }
});

/// Where a text's given point lies in it.
pub type Align = HPos;

/// A line: colour, opacity, width in pixels, and dashes (length and gap in pixels).
#[derive(Clone, Copy)]
pub struct Pen {
    pub color: RGBAColor,
    pub width: f64,
    pub dash: Option<(f64, f64)>,
}

impl Pen {
    /// A solid pen.
    pub fn new(color: impl Color, width: f64) -> Self {
        Self { color: color.to_rgba(), width, dash: None }
    }

    /// The pen of a series.
    pub fn of(style: &Style, width: f64) -> Self {
        let (r, g, b) = style.color;
        Self { dash: style.dash, ..Self::new(RGBColor(r, g, b), width) }
    }
}

/// A letter: size in pixels, weight, colour.
#[derive(Clone, Copy)]
pub struct Type {
    pub size: f64,
    pub bold: bool,
    pub color: RGBColor,
}

impl Type {
    fn font(&self) -> FontDesc<'static> {
        LazyLock::force(&FONTS);
        let style = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        // the SVG backend divides a size by 1.24
        FontDesc::new(FontFamily::Name(FONT), self.size * FINE * 1.24, style)
    }

    /// Width of a text in pixels.
    pub fn width(&self, text: &str) -> Result<f64> {
        // the font's own measure counts its line height (1.164 em) as the size
        Ok(f64::from(self.font().layout_box(text).map_err(|e| anyhow::anyhow!("the font is unusable: {e}"))?.1.0)
            / FINE
            / 1.24
            * 1.164)
    }

    /// Breaks a text into lines of at most `width` pixels.
    pub fn wrap(&self, text: &str, width: f64) -> Result<Vec<String>> {
        let mut lines = vec![String::new()];
        for word in text.split(' ') {
            let line = lines.last_mut().expect("there is a line");
            let longer = if line.is_empty() { word.to_string() } else { format!("{line} {word}") };
            if line.is_empty() || self.width(&longer)? <= width {
                *line = longer;
            } else {
                lines.push(word.to_string());
            }
        }
        Ok(lines)
    }
}

/// The sheet. Points are in pixels from its upper left corner.
pub struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// A place that shows words when the pointer rests on it; it draws nothing. Stands in an SVG after what is drawn.
pub fn hover(at: (f64, f64), words: &str) -> String {
    let (x, y) = fine(at);
    let r = (HOVER * FINE) as i32;
    format!(
        "<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" fill=\"none\" pointer-events=\"all\"><title>{}</title></circle>\n",
        escaped(words)
    )
}

/// Words as text of an XML element.
pub fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn fine((x, y): (f64, f64)) -> (i32, i32) {
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}

impl<'a> Canvas<'a> {
    /// Draws with `draw` on a white sheet and returns the SVG, which shows what lies between two heights of it.
    pub fn svg(width: f64, rows: Range<f64>, draw: impl FnOnce(&Canvas) -> Result<()>) -> Result<String> {
        let size = ((width * FINE) as u32, (rows.end * FINE) as u32);
        let mut svg = String::new();
        let canvas = Canvas { area: SVGBackend::with_string(&mut svg, size).into_drawing_area() };
        canvas.area.fill(&WHITE)?;
        draw(&canvas)?;
        canvas.area.present()?;
        drop(canvas);
        let (top, height) = (rows.start, rows.end - rows.start);
        let inner = format!("width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\"", size.0, size.1);
        let shown = format!(
            "width=\"{width}\" height=\"{height}\" stroke-linejoin=\"round\" viewBox=\"0 {} {} {}\"",
            top * FINE,
            size.0,
            height * FINE
        );
        Ok(svg.replacen(&inner, &shown, 1))
    }

    /// A line through points.
    pub fn line(&self, points: &[(f64, f64)], pen: Pen) -> Result<()> {
        let points: Vec<_> = points.iter().copied().map(fine).collect();
        let style = pen.color.stroke_width((pen.width * FINE) as u32);
        match pen.dash {
            None => self.area.draw(&PathElement::new(points, style))?,
            Some((length, gap)) => {
                let (length, gap) = ((length * FINE) as i32, (gap * FINE) as i32);
                self.area.draw(&DashedPathElement::new(points, length, gap, style))?
            }
        }
        Ok(())
    }

    /// A filled area with the given corners.
    pub fn polygon(&self, corners: &[(f64, f64)], color: RGBAColor) -> Result<()> {
        let corners: Vec<_> = corners.iter().copied().map(fine).collect();
        Ok(self.area.draw(&Polygon::new(corners, color))?)
    }

    /// A filled circle.
    pub fn dot(&self, center: (f64, f64), radius: f64, color: RGBAColor) -> Result<()> {
        Ok(self.area.draw(&Circle::new(fine(center), (radius * FINE) as i32, color.filled()))?)
    }

    /// A text of one line whose capitals are centred on the height of `at`.
    pub fn text(&self, text: &str, at: (f64, f64), align: Align, letters: Type) -> Result<()> {
        self.place(text, (at.0, at.1 - 0.395 * letters.size), align, letters.font(), letters)
    }

    /// The same, read from below and centred on `at`.
    pub fn text_upwards(&self, text: &str, at: (f64, f64), letters: Type) -> Result<()> {
        let font = letters.font().transform(FontTransform::Rotate270);
        self.place(text, (at.0 - 0.395 * letters.size, at.1), HPos::Center, font, letters)
    }

    /// `at` is the top of the text, which lies 0.76 em over its baseline.
    fn place(&self, text: &str, at: (f64, f64), align: Align, font: FontDesc, letters: Type) -> Result<()> {
        let style = TextStyle::from(font).color(&letters.color).pos(Pos::new(align, VPos::Top));
        Ok(self.area.draw_text(text, &style, fine(at))?)
    }
}
