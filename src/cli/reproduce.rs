//! `snr-bench reproduce`: the article's experiments, built in.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::run::SharedArgs;
use crate::error::Result;

const ARTICLE: [&str; 2] = [include_str!("../../configs/article.toml"), include_str!("../../configs/full-batch.toml")];
const QUICK: [&str; 2] =
    [include_str!("../../configs/quick.toml"), include_str!("../../configs/quick-full-batch.toml")];

const EXAMPLES: &str = "\
Examples:
  snr-bench reproduce --quick            two to three minutes on two cores; no files, no network
  snr-bench reproduce --dry-run          how long the article's own experiments would take here
  snr-bench reproduce --seeds 6

Repeat an interrupted command to go on with it.";

/// Reproduce the article: Adam and SNRAdam over paired seeds, with mini-batches and with batch = ∞.
///
/// MNIST, learning rate 0.001: 20 epochs with batch 4096, and 100 epochs with batch = ∞. With --quick the same comparison
/// in small on digits that the program draws itself. Says first how long it takes.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReproduceArgs {
    /// In small, on digits
    #[arg(long)]
    quick: bool,
    /// Number of seeds; both optimizers run with each of them [default: 10; with --quick 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    seeds: Option<u16>,
    #[command(flatten)]
    shared: SharedArgs,
    /// Folder of the runs and figures [default: results/article; with --quick results/quick]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs both experiments into one folder.
pub(super) fn run(args: ReproduceArgs) -> Result<Exit> {
    let (files, seeds, out) = if args.quick { (QUICK, 8, "results/quick") } else { (ARTICLE, 10, "results/article") };
    let files = files.map(|file| file.parse().expect("the built-in file is TOML"));
    let seeds: Vec<toml::Value> = (0..args.seeds.unwrap_or(seeds)).map(|seed| i64::from(seed).into()).collect();
    let flags = toml::Table::from_iter([("seed".to_string(), seeds.into())]);
    args.shared.run(files, &flags, &args.out.unwrap_or_else(|| out.into()), true)
}
