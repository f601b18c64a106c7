//! `snr-bench compare`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::args::{CriteriaArgs, FilterArgs};
use super::console::paper;
use super::{is_replaceable, print, warn};
use crate::analysis::{Analysis, export};
use crate::error::Result;
use crate::{file, usage};

const EXAMPLES: &str = "\
Examples:
  snr-bench compare results/article
  snr-bench compare results/article --all
  snr-bench compare results/adam results/mine --target 0.2
  snr-bench compare results/ --where lr=0.001,dataset=mnist
  snr-bench compare results/article --markdown - > verdict.md
  snr-bench compare results/article --csv verdict.csv --json verdict.json

A verdict needs at least 6 pairs of runs with the same seed. Criteria that were stated when the runs were planned hold.";

/// Judge every pair of optimizers over paired seeds.
///
/// Runs with the same data, model, batch, epochs and validation are compared, seed by seed. First comes a leaderboard: every
/// optimizer at its best learning rate, by final validation loss; then the verdicts. Three endpoints are judged: the
/// training loss over the run, the final training loss and the final validation loss, as ratios with 95% intervals and tests
/// by Student's t, Holm's correction for the three, and a verdict in words. Everything else is described. Failed runs count
/// as ∞; runs under way are left out and named.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// Folders whose runs are compared, however deep they lie
    #[arg(value_name = "DIR", default_value = "results")]
    results: Vec<PathBuf>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    criteria: CriteriaArgs,
    /// Print also every learning rate, test and description, and how they are computed
    #[arg(long)]
    all: bool,
    /// Write the judgements as CSV ('-': to standard output, instead of the tables)
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write everything as JSON, the values of single seeds included ('-' as above)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write tables and judgements as Markdown ('-' as above)
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

type Exporter = fn(&Analysis) -> Result<String>;

/// Prints tables and verdicts on stdout and warnings on stderr; writes the files that are asked for.
///
/// # Errors
/// No usable run, nothing to compare, or a file that cannot be written.
pub fn run(args: CompareArgs) -> Result<()> {
    let exports: [(&Option<PathBuf>, Exporter); 3] = [
        (&args.csv, export::csv),
        (&args.json, export::json),
        (&args.markdown, |analysis| Ok(export::markdown(analysis))),
    ];
    let to_stdout = has_stdout(&exports.map(|(path, _)| path))?;
    let CriteriaArgs { target, margin } = args.criteria;
    let analysis = Analysis::matching(&args.results, &args.filter.filter()?, target, margin)?;
    analysis.all_warnings().for_each(|warning| warn(format_args!("warning: {warning}")));
    if analysis.comparisons().next().is_none() {
        bail!(
            "nothing can be compared: it takes two optimizers with the same data, model, batch, epochs and validation"
        );
    }
    if !to_stdout {
        print(export::terminal(&analysis, paper(), args.all).trim_end())?;
    }
    exports
        .iter()
        .try_for_each(|(path, export)| path.as_deref().map_or(Ok(()), |path| write(path, &export(&analysis)?)))
}

/// Whether one of the files is standard output.
///
/// # Errors
/// A file that is named twice, of which one would be lost.
pub fn has_stdout(files: &[&Option<PathBuf>]) -> Result<bool> {
    let named: Vec<&PathBuf> = files.iter().filter_map(|path| path.as_ref()).collect();
    match named.iter().enumerate().find(|(i, path)| named[..*i].contains(path)) {
        Some((_, twice)) if *twice == Path::new("-") => {
            usage!("only one format can go to standard output; name a file for the others")
        }
        Some((_, twice)) => usage!("two formats cannot go to one file, {}; name a file for each", twice.display()),
        None => Ok(named.iter().any(|path| *path == Path::new("-"))),
    }
}

/// Writes a text to a file, or with '-' to standard output.
pub fn write(path: &Path, text: &str) -> Result<()> {
    if path == Path::new("-") {
        return print(text.trim_end());
    }
    if !is_replaceable(path) {
        usage!("{} is no file that could be replaced; name another, or '-' for standard output", path.display());
    }
    file::write(path, text.as_bytes()).with_context(|| format!("cannot write {}; name another file", path.display()))
}
