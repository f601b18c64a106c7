//! Figures of an [`Analysis`]: what was found is drawn here, nothing is found; one look for all figures ([`Figure`]).
//!
//! A figure is drawn once, as SVG, with a built-in font; the PNG is made from that. So the same runs give the same files
//! on every machine, with or without fonts of its own.

mod axis;
mod canvas;
mod caption;
mod chart;
mod clip;
mod difference;
mod effects;
mod figure;
mod output;
mod overview;
mod panel;
mod rates;
mod reach;
mod speedup;
mod steps;
mod style;
mod trials;
mod view;
mod why;

use std::path::PathBuf;

use anyhow::bail;

pub use axis::{Axis, Scale};
pub use chart::chart;
pub use difference::difference;
pub use figure::{Figure, Mark, Series, Sides, Sign, Size, Style, render_drawing, render_svg};
pub use output::{Format, write};
pub use overview::overview;
pub use rates::{rates, tuned_rates};
pub use reach::reach;
pub use speedup::speedup;
pub use style::style;
pub use trials::trials;
pub use view::{Metric, X};
pub use why::figures as why;

use crate::analysis::{Analysis, Arm, Endpoint, Group, Loss, Tuning, has_several_rates};
use crate::error::{Result, nearest};
use crate::usage;

/// The figure of all groups together; the others are of one.
const OVERVIEW: &str = "overview";

/// Most files that are written unasked.
const MOST: usize = 60;

/// How [`draw`] draws, what, and where to.
#[derive(Clone, Debug)]
pub struct Options {
    pub x: X,
    /// Of losses and error rates.
    pub y: Scale,
    pub formats: Vec<Format>,
    /// The folder for the figures; made if it is missing.
    pub out: PathBuf,
    pub size: Size,
    /// What the axes show, from the least to the greatest value; all where it is not given.
    pub x_range: Option<(f64, f64)>,
    pub y_range: Option<(f64, f64)>,
    /// Instead of what was found; of one figure only.
    pub title: Option<String>,
    /// The figures by the end of their names, see [`STEMS`]; all if empty.
    pub only: Vec<String>,
    /// However many files it takes.
    pub all: bool,
}

impl Options {
    /// Every figure, losses on a log axis by epoch, as SVG and PNG.
    pub fn new(out: impl Into<PathBuf>) -> Self {
        Self {
            x: X::Epoch,
            y: Scale::Log,
            formats: vec![Format::Svg, Format::Png],
            out: out.into(),
            size: Size::default(),
            x_range: None,
            y_range: None,
            title: None,
            only: Vec::new(),
            all: false,
        }
    }
}

/// The ends of the names of all figures; of that of all groups the whole name. Those of `-all` have every learning rate, the others the best of each optimizer.
pub const STEMS: [&str; 23] = [
    OVERVIEW,
    "train-loss",
    "val-loss",
    "error-rate",
    "train-loss-all",
    "val-loss-all",
    "rates",
    "rates-train",
    "tuned-rates",
    "trials",
    "train-loss-difference",
    "val-loss-difference",
    "speed-up",
    "epochs-to-target",
    "effects-train",
    "effects-val",
    "size-and-direction",
    "amplification",
    "amplification-layers",
    "consistency",
    "noise-share",
    "gain-by-batch",
    "noise-by-batch",
];

/// Draws the [`figures`] of all groups; returns the files, such as `mnist-b4096-e20-train-loss.svg`. What an earlier drawing of
/// other runs left there under a name that is not drawn now is removed, unless only some were asked for.
///
/// # Errors
/// The folder cannot be written, or no run has a value to draw; more files than are written unasked.
pub fn draw(analysis: &Analysis, options: &Options) -> Result<Vec<PathBuf>> {
    let drawn = named(analysis, options)?;
    let files = drawn.len() * options.formats.len();
    if let Some(advice) = too_many(analysis, &drawn, options) {
        usage!("{advice}");
    }
    if options.title.is_some() && drawn.len() > 1 {
        usage!("--title is for one figure, and these are {}; choose one with --metric and --where", drawn.len());
    }
    let mut written = Vec::with_capacity(files);
    if options.only.is_empty() {
        for group in &analysis.groups {
            let names = STEMS.iter().chain(["val-accuracy"].iter()).map(|stem| format!("{}-{stem}", group.name));
            let stale = names.filter(|name| drawn.iter().all(|(other, _)| other != name));
            stale.for_each(|name| output::remove(&options.out, &name));
        }
        if drawn.iter().all(|(name, _)| name != OVERVIEW) {
            output::remove(&options.out, OVERVIEW);
        }
    }
    for (name, figure) in &drawn {
        written.extend(write(figure, options.size, &options.out, name, &options.formats)?);
    }
    Ok(written)
}

/// Why the figures of an analysis are not written unasked, and how to choose; `None` where they are not too many.
///
/// # Errors
/// As of [`draw`].
pub fn obstacle(analysis: &Analysis, options: &Options) -> Result<Option<String>> {
    Ok(too_many(analysis, &named(analysis, options)?, options))
}

fn too_many(analysis: &Analysis, drawn: &[(String, Figure)], options: &Options) -> Option<String> {
    let files = drawn.len() * options.formats.len();
    (files > MOST && !options.all).then(|| {
        format!(
            "{} figures of {} groups of runs would be {files} files; choose runs with --where (snr-bench ls shows what \
             differs) or figures with --metric, such as --metric val-loss, or draw them all with --all",
            drawn.len(),
            analysis.groups.len()
        )
    })
}

/// All figures that are asked for, under their files' names.
fn named(analysis: &Analysis, options: &Options) -> Result<Vec<(String, Figure)>> {
    if let Some(stem) = options.only.iter().find(|stem| !STEMS.contains(&stem.as_str())) {
        usage!("--metric {stem}: there is no such figure{}", nearest(stem, STEMS));
    }
    let is_asked_for = |stem: &str| options.only.is_empty() || options.only.iter().any(|only| only == stem);
    let mut drawn = Vec::new();
    drawn.extend(overview(analysis).filter(|_| is_asked_for(OVERVIEW)).map(|figure| (OVERVIEW.to_string(), figure)));
    for group in &analysis.groups {
        let all = [figures(group, &analysis.tunings, options.x, options.y), why::figures(analysis, group)?].concat();
        let chosen = all.into_iter().filter(|(stem, _)| is_asked_for(stem));
        drawn.extend(chosen.map(|(stem, figure)| (format!("{}-{stem}", group.name), figure)));
    }
    for (name, figure) in &mut drawn {
        figure.x.range = options.x_range.or(figure.x.range);
        figure.y.range = options.y_range.or(figure.y.range);
        for (axis, flag) in [(&figure.x, "--x-range"), (&figure.y, "--y-range")] {
            if axis.range.is_some_and(|(lo, _)| !axis.scale.shows(lo)) {
                usage!("{flag} begins at 0 or below, which the log axis of {name} cannot show; begin above 0");
            }
        }
        figure.title = options.title.clone().unwrap_or_else(|| figure.title.clone());
    }
    if drawn.is_empty() && options.only.is_empty() {
        bail!("the runs hold no finite value to draw; let them finish an epoch, or lower the learning rate");
    } else if drawn.is_empty() {
        bail!("these runs have no figure {}; leave --metric out to see which they have", options.only.join(", "));
    }
    Ok(drawn)
}

/// A figure and how its file is named after its group's.
pub type Named = (&'static str, Figure);

/// All figures of a group, with those of how its arms were tuned.
pub fn figures(group: &Group, tunings: &[Tuning], x: X, y: Scale) -> Vec<Named> {
    let every: Vec<&Arm> = group.arms.iter().collect();
    let all = |metric, stem| chart(group, &every, metric, x, y).filter(|_| has_several_rates(group)).map(|f| (stem, f));
    let wide = [all(Metric::TrainLoss, "train-loss-all"), all(Metric::ValLoss, "val-loss-all")];
    let wide: Vec<Named> = wide.into_iter().flatten().collect();
    [curves(group, &Metric::ALL, x, y), wide, comparisons(group), tuned(group, tunings)].concat()
}

/// How the arms of a group were tuned: the loss by learning rate, and what a number of trials is worth.
pub fn tuned(group: &Group, tunings: &[Tuning]) -> Vec<Named> {
    let rates = tuned_rates(group, tunings).map(|figure| ("tuned-rates", figure));
    rates.into_iter().chain(trials(group, tunings).map(|figure| ("trials", figure))).collect()
}

/// The charts of a group that have a value to show, each optimizer at its best learning rate.
pub fn curves(group: &Group, metrics: &[Metric], x: X, y: Scale) -> Vec<Named> {
    let best = group.best_arms();
    metrics.iter().filter_map(|metric| Some((metric.stem(), chart(group, &best, *metric, x, y)?))).collect()
}

/// What a group's comparisons found: the endpoints by learning rate, the paired ratio of training and validation loss by epoch,
/// and of the steps to every loss; where there is no such loss, the share of runs at the target.
pub fn comparisons(group: &Group) -> Vec<Named> {
    let sooner = || speedup(group).map(|figure| ("speed-up", figure));
    let figures = [
        rates(group, Endpoint::FinalValLoss).map(|figure| ("rates", figure)),
        rates(group, Endpoint::Speed).map(|figure| ("rates-train", figure)),
        difference(group, Loss::Training).map(|figure| ("train-loss-difference", figure)),
        difference(group, Loss::Validation).map(|figure| ("val-loss-difference", figure)),
        sooner().or_else(|| Some(("epochs-to-target", reach(group)?))),
        effects::effects(group, Endpoint::Speed).map(|figure| ("effects-train", figure)),
        effects::effects(group, Endpoint::FinalValLoss).map(|figure| ("effects-val", figure)),
    ];
    figures.into_iter().flatten().collect()
}
