//! `snr-bench data`: what data is there, whether it is right, and fetching what is missing.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::{print, warn};
use crate::data::published::Published;
use crate::data::{self, Dataset, DatasetKind, ImageShape, files};
use crate::error::Result;

const EXAMPLES: &str = "\
Examples:
  snr-bench data
  snr-bench data --data-dir ~/data --offline
  snr-bench data --dataset fashion-mnist
  snr-bench data --dataset digits
  snr-bench data --dataset idx:data/letters";

/// Show a data set's files and verify them; fetch what is missing
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DataArgs {
    /// Data set to look at: mnist, fashion-mnist, digits, or idx:DIR (a folder with four IDX files under MNIST's names)
    #[arg(long, value_name = "NAME", default_value = "mnist")]
    pub dataset: String,
    /// Folder that has the four files of mnist (plain or .gz) in mnist/, likewise fashion-mnist
    /// [default: $SNR_BENCH_DATA, else data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Download nothing; a missing file is an error
    #[arg(long)]
    pub offline: bool,
}

/// Prints the state of the data set on stdout.
///
/// # Errors
/// A file is missing and cannot be fetched, or is not what it should be.
pub fn run(args: DataArgs) -> Result<()> {
    let kind = DatasetKind::by_name(&args.dataset)?;
    let data = match kind.published() {
        Some(published) => show_published(published, &published.dir(args.data_dir.as_deref()), args.offline)?,
        None => {
            print(match &kind {
                DatasetKind::Idx(folder) => format!("{} in {}", kind.label(), folder.dir),
                _ => format!("{}: drawn by the program, needs no files", kind.label()),
            })?;
            data::load(&kind, None, &|_| ())?
        }
    };
    let ImageShape { height, width, classes } = kind.shape();
    print(format_args!(
        "{} training and {} test images of {height}×{width} pixels, {classes} classes, data hash {}",
        data.train.len(),
        data.test.len(),
        data.hash
    ))?;
    Ok(())
}

/// Prints the state of each file, and loads the data set.
fn show_published(published: &Published, dir: &Path, offline: bool) -> Result<Dataset> {
    print(format_args!("{} in {}", published.label, dir.display()))?;
    let fetched = if offline { Ok(()) } else { published.fetch(dir, &|line| warn(line)) };
    let mut problems = Vec::new();
    for (i, (name, _)) in files::FILES.iter().enumerate() {
        let Some(path) = files::find(dir, name) else {
            print(format_args!("  missing  {name}"))?;
            continue;
        };
        let bytes = path.metadata().map_or(0, |data| data.len());
        let state = if let Err(e) = published.read(i, &path) {
            problems.push(format!("{e:#}"));
            "wrong"
        } else {
            "ok"
        };
        print(format_args!("  {state:<7}  {} ({bytes} bytes)", path.display()))?;
    }
    fetched?;
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    published.load(dir)
}
