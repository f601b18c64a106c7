//! `snr-bench plot`.

use std::path::PathBuf;

use super::args::FilterArgs;
use super::{print, warn};
use crate::analysis::Analysis;
use crate::error::Result;
use crate::plot::{self, Format, Options, Scale, Size, X};

const EXAMPLES: &str = "\
Examples:
  snr-bench plot results/
  snr-bench plot results/article --out figures --format svg
  snr-bench plot results/article --x seconds --y linear
  snr-bench plot results/ --where dataset=mnist,batch=4096 --metric val-loss --y-range 0.1:0.5
  snr-bench plot results/article --where batch=4096 --metric train-loss --x step --title 'The first steps' --x-range 0:60";

/// Draw the charts of all runs below a folder.
///
/// Runs with the same data, model, batch, epochs and validation share a chart: one colour an optimizer, at its best learning
/// rate; with several seeds the mean, its 95% confidence interval and the single curves. Failed runs are marked, not dropped.
/// Five lines or more become small multiples. With several learning rates: also the losses against the rate. Where two
/// optimizers share two seeds or more: also the ratio of their losses by epoch, and of the steps that they need to each loss;
/// where there is no loss that all runs reach, the share of runs that have reached a target.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PlotArgs {
    /// Folder whose runs are drawn, however deep they lie
    #[arg(default_value = "results")]
    pub results: PathBuf,

    #[command(flatten)]
    pub filter: FilterArgs,

    /// Which figures, by the end of their files' names: train-loss, val-loss, error-rate, rates, val-loss-difference, … [default:
    /// all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub metric: Vec<String>,

    /// Folder for the figures [default: figures/ in the folder of the runs]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// What the horizontal axis of the curves counts; the training loss by step needs the runs' steps.csv
    #[arg(long, value_enum, default_value_t = X::Epoch)]
    pub x: X,

    /// Vertical axis of losses and error rates
    #[arg(long, value_enum, default_value_t = Scale::Log)]
    pub y: Scale,

    /// What the horizontal axis shows
    #[arg(long, value_name = "FROM:TO", value_parser = range, allow_hyphen_values = true)]
    pub x_range: Option<(f64, f64)>,

    /// What the vertical axis shows
    #[arg(long, value_name = "FROM:TO", value_parser = range, allow_hyphen_values = true)]
    pub y_range: Option<(f64, f64)>,

    /// Title of the figure, instead of what was found
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,

    /// Width in pixels; a PNG has twice as many
    #[arg(long, value_name = "PIXELS", default_value_t = 760, value_parser = clap::value_parser!(u32).range(300..=4000))]
    pub width: u32,

    /// Height in pixels, with title and caption [default: as much as it takes]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(200..=4000))]
    pub height: Option<u32>,

    /// Validation loss to which steps are counted [default: one that all finished runs reach]
    #[arg(long, value_name = "LOSS")]
    pub target: Option<f64>,

    /// Kind of file to write [default: both]
    #[arg(long, value_enum)]
    pub format: Option<Format>,

    /// Write the figures also if they are very many
    #[arg(long)]
    pub all: bool,
}

/// "0:20" as two numbers, the first the smaller.
fn range(text: &str) -> std::result::Result<(f64, f64), String> {
    let ends = text.split_once(':').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    match ends {
        Some((from, to)) if f64::is_finite(from) && f64::is_finite(to) && from < to => Ok((from, to)),
        _ => Err("it must be two numbers, the smaller first, such as 0:20".to_string()),
    }
}

/// Draws; prints the path of every figure on stdout and warnings on stderr.
///
/// # Errors
/// No usable run, a folder that cannot be written, or more figures than are written unasked.
pub fn run(args: PlotArgs) -> Result<()> {
    let folders = std::slice::from_ref(&args.results);
    let analysis = Analysis::matching(folders, &args.filter.filter()?, args.target, None)?;
    analysis.all_warnings().for_each(|warning| warn(format_args!("warning: {warning}")));
    let options = Options {
        x: args.x,
        y: args.y,
        formats: args.format.map_or(vec![Format::Svg, Format::Png], |format| vec![format]),
        size: Size { width: f64::from(args.width), height: args.height.map(f64::from) },
        x_range: args.x_range,
        y_range: args.y_range,
        title: args.title,
        only: args.metric,
        all: args.all,
        out: args.out.unwrap_or_else(|| args.results.join("figures")),
    };
    for path in plot::draw(&analysis, &options)? {
        print(path.display())?;
    }
    Ok(())
}
