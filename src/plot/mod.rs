//! Figures from run directories: which runs belong in one chart ([`mod@crate::group`]), what it shows of them, and one
//! look for all figures ([`Figure`]).
//!
//! A figure is drawn once, as SVG, with a built-in font; the PNG is made from that. So the same runs give the same files
//! on every machine, with or without fonts of its own.

mod axis;
mod canvas;
mod caption;
mod chart;
mod difference;
mod figure;
mod output;
mod reach;
mod style;

use std::path::PathBuf;

use anyhow::bail;

pub use axis::{Axis, Scale};
pub use chart::{Metric, chart};
pub use difference::difference;
pub use figure::{Figure, Mark, Series, Sides, Style, render_drawing, render_svg};
pub use output::{Format, write};
pub use reach::reach;
pub use style::style;

use crate::compare::Criteria;
use crate::error::Result;
use crate::group::{Group, group};
use crate::run_dir::{Record, Row};

/// What the horizontal axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum X {
    /// Passes over the training images.
    Epoch,
    /// Optimizer steps.
    Step,
    /// Seconds since the run began.
    Seconds,
}

impl X {
    fn title(self) -> &'static str {
        match self {
            X::Epoch => "epoch",
            X::Step => "optimizer step",
            X::Seconds => "seconds since the start",
        }
    }

    fn of(self, row: &Row) -> f64 {
        match self {
            X::Epoch => row.epoch as f64,
            X::Step => row.step as f64,
            X::Seconds => row.wall_seconds,
        }
    }
}

/// How [`draw`] draws, and where to.
#[derive(Clone, Debug)]
pub struct Options {
    pub x: X,
    /// Of losses; accuracies are always linear.
    pub y: Scale,
    /// Validation loss to which epochs are counted.
    pub target: f64,
    pub formats: Vec<Format>,
    /// The folder for the figures; made if it is missing.
    pub out: PathBuf,
}

impl Options {
    /// Losses on a log axis by epoch, as SVG and PNG.
    pub fn new(out: impl Into<PathBuf>) -> Self {
        Self {
            x: X::Epoch,
            y: Scale::Log,
            target: Criteria::default().target,
            formats: vec![Format::Svg, Format::Png],
            out: out.into(),
        }
    }
}

/// Draws training loss, validation loss and validation accuracy of every group of runs that belong in one comparison, and
/// where it has paired seeds the figures of [`draw_comparisons`]; returns the files, such as
/// `mnist-b4096-e20-train-loss.svg`.
///
/// # Errors
/// The folder cannot be written, or no run has a value to draw.
pub fn draw(records: &[Record], options: &Options) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for group in group(records) {
        let charts = Metric::ALL.map(|metric| (metric.stem(), chart(&group, metric, options.x, options.y)));
        written.extend(write_all(&group, charts, options)?);
        written.extend(write_all(&group, comparisons(&group, options.target), options)?);
    }
    if written.is_empty() {
        bail!("the runs hold no finite value to draw; let them finish an epoch, or lower the learning rate");
    }
    Ok(written)
}

/// Draws of every group the paired difference from its first optimizer in training and validation loss, by epoch, and the
/// share of runs at the target; returns the files, none where no group has two pairs.
///
/// # Errors
/// The folder cannot be written.
pub fn draw_comparisons(records: &[Record], options: &Options) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for group in group(records) {
        written.extend(write_all(&group, comparisons(&group, options.target), options)?);
    }
    Ok(written)
}

type Named = (&'static str, Option<Figure>);

fn comparisons(group: &Group, target: f64) -> [Named; 3] {
    [
        ("train-loss-difference", difference(group, Metric::TrainLoss)),
        ("val-loss-difference", difference(group, Metric::ValLoss)),
        ("epochs-to-target", reach(group, target)),
    ]
}

fn write_all<const N: usize>(group: &Group, figures: [Named; N], options: &Options) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (stem, figure) in figures {
        if let Some(figure) = figure {
            written.extend(write(&figure, &options.out, &format!("{}-{stem}", group.name), &options.formats)?);
        }
    }
    Ok(written)
}
