//! Figures from run directories: which runs belong in one chart ([`mod@crate::group`]), what it shows of them, and one look for all
//! figures ([`Figure`]).
//!
//! A figure is drawn once, as SVG, with a built-in font; the PNG is made from that. So the same runs give the same files
//! on every machine, with or without fonts of its own.

mod axis;
mod canvas;
mod caption;
mod chart;
mod figure;
mod output;
mod style;

use std::path::PathBuf;

use anyhow::bail;

pub use axis::{Axis, Scale};
pub use chart::{Metric, chart};
pub use figure::{Figure, Mark, Series, Style, render_svg};
pub use output::{Format, write};
pub use style::style;

use crate::error::Result;
use crate::group::group;
use crate::train::Row;
use crate::train::record::Record;

/// What the horizontal axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
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
    pub formats: Vec<Format>,
    /// The folder for the figures; made if it is missing.
    pub out: PathBuf,
}

impl Options {
    /// Losses on a log axis by epoch, as SVG and PNG.
    pub fn new(out: impl Into<PathBuf>) -> Self {
        Self { x: X::Epoch, y: Scale::Log, formats: vec![Format::Svg, Format::Png], out: out.into() }
    }
}

/// Draws training loss, validation loss and validation accuracy of every group of runs that belong in one comparison;
/// returns the files, such as `mnist-b4096-e20-train-loss.svg`.
///
/// # Errors
/// The folder cannot be written, or no run has a value to draw.
pub fn draw(records: &[Record], options: &Options) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for group in group(records) {
        for metric in Metric::ALL {
            if let Some(figure) = chart(&group, metric, options.x, options.y) {
                let name = format!("{}-{}", group.name, metric.stem());
                written.extend(write(&figure, &options.out, &name, &options.formats)?);
            }
        }
    }
    if written.is_empty() {
        bail!("the runs hold no finite value to draw; let them finish an epoch, or lower the learning rate");
    }
    Ok(written)
}
