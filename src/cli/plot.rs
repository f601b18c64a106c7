//! `snr-bench plot`.

use std::path::PathBuf;

use super::{print, warn};
use crate::analysis::Analysis;
use crate::error::Result;
use crate::plot::{self, Format, Options, Scale, X};

const EXAMPLES: &str = "\
Examples:
  snr-bench plot results/
  snr-bench plot results/article --out figures --format svg
  snr-bench plot results/article --x seconds --y linear";

/// Draw the charts of all runs below a folder.
///
/// Runs with the same data, model, batch, epochs and validation share a chart: one colour an optimizer; with several
/// seeds the mean, its 95% confidence interval and the single curves. Failed runs are marked, not dropped.
/// Where two optimizers share two seeds or more: also the ratio of their losses by epoch, and of the steps that they need to
/// each loss; where there is no loss that all runs reach, the share of runs that have reached a target.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PlotArgs {
    /// Folder whose runs are drawn, however deep they lie
    #[arg(default_value = "results")]
    pub results: PathBuf,

    /// Folder for the figures [default: figures/ in the folder of the runs]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// What the horizontal axis counts
    #[arg(long, value_enum, default_value_t = X::Epoch)]
    pub x: X,

    /// Vertical axis of losses; accuracies are always linear
    #[arg(long, value_enum, default_value_t = Scale::Log)]
    pub y: Scale,

    /// Validation loss to which steps are counted [default: one that all finished runs reach]
    #[arg(long, value_name = "LOSS")]
    pub target: Option<f64>,

    /// Kind of file to write [default: both]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

/// Draws; prints the path of every figure on stdout and warnings on stderr.
///
/// # Errors
/// No usable run, or a folder that cannot be written.
pub fn run(args: PlotArgs) -> Result<()> {
    let analysis = Analysis::of(std::slice::from_ref(&args.results), args.target, None)?;
    analysis.all_warnings().for_each(|warning| warn(format_args!("warning: {warning}")));
    let mut options = Options::new(args.out.unwrap_or_else(|| args.results.join("figures")));
    (options.x, options.y) = (args.x, args.y);
    if let Some(format) = args.format {
        options.formats = vec![format];
    }
    for path in plot::draw(&analysis, &options)? {
        print(path.display())?;
    }
    Ok(())
}
