//! Figures of an [`Analysis`]: what was found is drawn here, nothing is found; one look for all figures ([`Figure`]).
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
mod speedup;
mod style;
mod view;

use std::path::PathBuf;

use anyhow::bail;

pub use axis::{Axis, Scale};
pub use chart::chart;
pub use difference::difference;
pub use figure::{Figure, Mark, Series, Sides, Style, render_drawing, render_svg};
pub use output::{Format, write};
pub use reach::reach;
pub use speedup::speedup;
pub use style::style;
pub use view::{Metric, X};

use crate::analysis::{Analysis, Group, Loss};
use crate::error::Result;

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

/// Figures that a group has only for some of its runs.
const OF_COMPARISONS: [&str; 4] = ["train-loss-difference", "val-loss-difference", "speed-up", "epochs-to-target"];

/// Draws all [`curves`] and [`comparisons`] of all groups; returns the files, such as `mnist-b4096-e20-train-loss.svg`. What an
/// earlier drawing of fewer runs left there, and these have no more, is removed.
///
/// # Errors
/// The folder cannot be written, or no run has a value to draw.
pub fn draw(analysis: &Analysis, options: &Options) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for group in &analysis.groups {
        let name = |stem: &str| format!("{}-{stem}", group.name);
        let figures = [curves(group, &Metric::ALL, options.x, options.y), comparisons(group)].concat();
        for stem in OF_COMPARISONS.iter().filter(|stem| figures.iter().all(|(other, _)| other != *stem)) {
            output::remove(&options.out, &name(stem));
        }
        for (stem, figure) in &figures {
            written.extend(write(figure, &options.out, &name(stem), &options.formats)?);
        }
    }
    if written.is_empty() {
        bail!("the runs hold no finite value to draw; let them finish an epoch, or lower the learning rate");
    }
    Ok(written)
}

/// A figure and how its file is named after its group's.
pub type Named = (&'static str, Figure);

/// The charts of a group that have a value to show.
pub fn curves(group: &Group, metrics: &[Metric], x: X, y: Scale) -> Vec<Named> {
    metrics.iter().filter_map(|metric| Some((metric.stem(), chart(group, *metric, x, y)?))).collect()
}

/// What a group's comparisons found: the paired ratio of training and validation loss by epoch, and of the steps to every
/// loss; where there is no such loss, the share of runs at the target. None where no group has two pairs.
pub fn comparisons(group: &Group) -> Vec<Named> {
    let sooner = || speedup(group).map(|figure| ("speed-up", figure));
    let figures = [
        difference(group, Loss::Training).map(|figure| ("train-loss-difference", figure)),
        difference(group, Loss::Validation).map(|figure| ("val-loss-difference", figure)),
        sooner().or_else(|| Some(("epochs-to-target", reach(group)?))),
    ];
    figures.into_iter().flatten().collect()
}
