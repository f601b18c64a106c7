//! `snr-bench report`.

use std::path::PathBuf;

use clap::Args;

use super::args::CriteriaArgs;
use super::{is_replaceable, print, warn};
use crate::analysis::Analysis;
use crate::error::Result;
use crate::report;
use crate::usage;

const EXAMPLES: &str = "\
Examples:
  snr-bench report results/article
  snr-bench report results/ --out report.html --target 0.2 --margin 0.01

State --target and --margin before you look at the results; those that the runs were planned with hold.";

/// Write report.html: answer, figures, tables and every run on one page.
///
/// One file that needs neither network nor JavaScript: the answer in plain sentences, what the article claims and what these
/// runs say of it, the figures, every comparison with intervals and tests, every run with its state and settings, data hashes,
/// versions and commands.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// Folder whose runs are reported, however deep they lie
    #[arg(value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// File to write [default: report.html in the folder of the runs]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    criteria: CriteriaArgs,
}

/// Writes the page; prints its path on stdout and warnings on stderr.
///
/// # Errors
/// No usable run, or a file that cannot be written.
pub fn run(args: ReportArgs) -> Result<()> {
    let analysis = Analysis::of(std::slice::from_ref(&args.results), args.criteria.target, args.criteria.margin)?;
    analysis.all_warnings().for_each(|warning| warn(format_args!("warning: {warning}")));
    let file = args.out.unwrap_or_else(|| args.results.join("report.html"));
    if file.is_dir() {
        usage!("{} is a folder; name a file, such as {}", file.display(), file.join("report.html").display());
    }
    if !is_replaceable(&file) {
        usage!("{} is no file that could be replaced; name another", file.display());
    }
    report::write(&analysis, &args.results, &file)?;
    print(file.display())
}
