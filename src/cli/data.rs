//! `snr-bench data`: what data is there, whether it is right, and fetching what is missing.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::{print, warn};
use crate::data::{DatasetKind, digits, mnist};
use crate::error::Result;

const EXAMPLES: &str = "\
Examples:
  snr-bench data
  snr-bench data --data-dir ~/data --offline
  snr-bench data --dataset digits";

/// Show a data set's files and verify them; fetch what is missing
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DataArgs {
    /// Data set to look at
    #[arg(long, value_enum, default_value_t = DatasetKind::Mnist)]
    pub dataset: DatasetKind,
    /// Folder that has MNIST's four files (plain or .gz) in mnist/ [default: $SNR_BENCH_DATA, else data]
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
    match args.dataset {
        DatasetKind::Digits => {
            let data = digits::load();
            print("digits: drawn by the program, needs no files")?;
            print(format_args!(
                "{} training and {} test images, data hash {}",
                data.train.len(),
                data.test.len(),
                data.hash
            ))?;
            Ok(())
        }
        DatasetKind::Mnist => show_mnist(&mnist::dir(args.data_dir.as_deref()), args.offline),
    }
}

fn show_mnist(dir: &Path, offline: bool) -> Result<()> {
    print(format_args!("MNIST in {}", dir.display()))?;
    let fetched = if offline { Ok(()) } else { mnist::fetch(dir, &|line| warn(line)) };
    let mut problems = Vec::new();
    for file in &mnist::FILES {
        let Some(path) = file.find(dir) else {
            print(format_args!("  missing  {}", file.name))?;
            continue;
        };
        let bytes = path.metadata().map_or(0, |data| data.len());
        let state = if let Err(e) = file.read(&path) {
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
    let data = mnist::load(dir)?;
    print(format_args!("{} training and {} test images, data hash {}", data.train.len(), data.test.len(), data.hash))?;
    Ok(())
}
