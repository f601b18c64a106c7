//! `snr-bench plot`.

use std::path::PathBuf;

use super::{print, warn};
use crate::compare::Criteria;
use crate::error::Result;
use crate::plot::{self, Format, Options, Scale, X};
use crate::run_dir::record;

const EXAMPLES: &str = "\
Examples:
  snr-bench plot results/
  snr-bench plot results/article --out figures --format svg
  snr-bench plot results/article --x seconds --y linear";

/// Draw the charts of all runs below a folder.
///
/// Runs with the same data, model, batch, epochs and validation share a chart: one colour an optimizer; with several
/// seeds the mean, its 95% confidence interval and the single curves. Diverged runs are marked, not dropped.
/// Where two optimizers share two seeds or more: also their paired difference by epoch, and the share of runs that have
/// reached a target loss.
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

    /// Validation loss to which epochs are counted
    #[arg(long, value_name = "LOSS", default_value_t = Criteria::default().target)]
    pub target: f64,

    /// Kind of file to write [default: both]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

/// Draws; prints the path of every figure on stdout and warnings on stderr.
///
/// # Errors
/// No usable run, or a folder that cannot be written.
pub fn run(args: PlotArgs) -> Result<()> {
    let (records, warnings) = record::find(&args.results)?;
    for warning in warnings {
        warn(format_args!("warning: {warning}"));
    }
    let mut options = Options::new(args.out.unwrap_or_else(|| args.results.join("figures")));
    (options.x, options.y, options.target) = (args.x, args.y, args.target);
    if let Some(format) = args.format {
        options.formats = vec![format];
    }
    for path in plot::draw(&records, &options)? {
        print(path.display())?;
    }
    Ok(())
}
