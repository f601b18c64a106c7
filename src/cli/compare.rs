//! `snr-bench compare`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::args::CriteriaArgs;
use super::{is_replaceable, print, warn};
use crate::atomic;
use crate::compare::{Findings, compare, export};
use crate::error::Result;
use crate::plot::{self, Options};
use crate::run_dir::{Record, record};
use crate::usage;

const EXAMPLES: &str = "\
Examples:
  snr-bench compare results/article
  snr-bench compare results/adam results/mine --target 0.2
  snr-bench compare results/article --markdown - > verdict.md
  snr-bench compare results/article --csv verdict.csv --json verdict.json

A verdict needs at least 6 pairs of runs with the same seed, and 8 to be 'better' or 'worse' by all six metrics' correction.
State --target and --margin before you look at the results.";

/// Judge every pair of optimizers over paired seeds.
///
/// Runs with the same data, model, batch, epochs and validation are compared, seed by seed: means, the mean paired
/// difference with its 95% BCa bootstrap interval, an exact sign-flip test, Holm's correction for the six metrics, and a
/// verdict in words. Diverged runs count as losses; runs under way are left out and named.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// Folders whose runs are compared, however deep they lie
    #[arg(value_name = "DIR", default_value = "results")]
    results: Vec<PathBuf>,
    #[command(flatten)]
    criteria: CriteriaArgs,
    /// Write the judgements as CSV ('-': to standard output, instead of the tables)
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write everything as JSON, the values of single seeds included ('-' as above)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write tables and judgements as Markdown ('-' as above)
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Draw the paired differences by epoch and the share of runs at the target into this folder
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
}

type Exporter = fn(&Findings) -> Result<String>;

/// Prints tables and verdicts on stdout and warnings on stderr; writes the files that are asked for.
///
/// # Errors
/// No usable run, nothing to compare, or a file that cannot be written.
pub fn run(args: CompareArgs) -> Result<()> {
    let criteria = args.criteria.criteria()?;
    let exports: [(&Option<PathBuf>, Exporter); 3] = [
        (&args.csv, export::csv),
        (&args.json, export::json),
        (&args.markdown, |findings| Ok(export::markdown(findings))),
    ];
    let to_stdout = exports.iter().filter(|(path, _)| path.as_deref() == Some(Path::new("-"))).count();
    if to_stdout > 1 {
        usage!("only one format can go to standard output; name a file for the others");
    }
    let (records, warnings) = record::find_all(&args.results)?;
    let findings = compare(&records, criteria);
    let told = warnings.iter().chain(&findings.warnings).chain(findings.groups.iter().flat_map(|g| &g.warnings));
    told.for_each(|warning| warn(format_args!("warning: {warning}")));
    if findings.groups.is_empty() {
        bail!(
            "nothing can be compared: it takes two optimizers with the same data, model, batch, epochs and validation"
        );
    }
    if to_stdout == 0 {
        print(export::terminal(&findings).trim_end())?;
    }
    for (path, export) in exports {
        path.as_deref().map_or(Ok(()), |path| write(path, &export(&findings)?))?;
    }
    args.figures.map_or(Ok(()), |out| draw(&records, Options { target: criteria.target, ..Options::new(out) }))
}

/// Draws; prints the path of every figure on stderr, as the tables have stdout.
fn draw(records: &[Record], options: Options) -> Result<()> {
    let written = plot::draw_comparisons(records, &options)?;
    if written.is_empty() {
        warn("warning: no figure drawn: that takes two pairs of finished runs");
    }
    written.iter().for_each(|path| warn(path.display()));
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if path == Path::new("-") {
        return print(text.trim_end());
    }
    if !is_replaceable(path) {
        usage!("{} is no file that could be replaced; name another, or '-' for standard output", path.display());
    }
    atomic::write(path, text.as_bytes()).with_context(|| format!("cannot write {}; name another file", path.display()))
}
