//! `snr-bench reproduce`: the article's experiments, built in.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::args::layer;
use super::run::SharedArgs;
use crate::error::Result;

const ARTICLE: [&str; 3] = [
    include_str!("../../configs/article.toml"),
    include_str!("../../configs/full-batch.toml"),
    include_str!("../../configs/tuned.toml"),
];
const QUICK: [&str; 3] = [
    include_str!("../../configs/quick.toml"),
    include_str!("../../configs/quick-full-batch.toml"),
    include_str!("../../configs/quick-tuned.toml"),
];

/// The judged runs of the third part have seeds from here on.
const TUNED_SEEDS: i64 = 200;

const EXAMPLES: &str = "\
Examples:
  snr-bench reproduce --quick            two to three minutes on two cores; no files, no network
  snr-bench reproduce --dry-run          how long the article's own experiments would take here
  snr-bench reproduce --seeds 6

Repeat an interrupted command to go on with it.";

/// Reproduce the article: Adam and SNRAdam over paired seeds, with mini-batches, with batch = ∞, and each at its best.
///
/// MNIST, learning rate 0.001: 20 epochs with batch 4096, and 100 epochs with batch = ∞. Then batch 4096 with each one's
/// learning rate tuned on other seeds and held-out images (--lr and --validation leave this part alone). With --quick the same comparison
/// in small on digits that the program draws itself. Says first how long it takes.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReproduceArgs {
    /// In small, on digits
    #[arg(long)]
    quick: bool,
    /// Number of seeds; both optimizers run with each of them [default: 10, and 12 where they are tuned; with --quick 8 and 6]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    seeds: Option<u16>,
    #[command(flatten)]
    shared: SharedArgs,
    /// Folder of the runs and figures [default: results/article; with --quick results/quick]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs all three experiments into one folder, the tuned one into its folder 'tuned'.
pub(super) fn run(args: ReproduceArgs) -> Result<Exit> {
    let (files, out) = if args.quick { (QUICK, "results/quick") } else { (ARTICLE, "results/article") };
    let files = files.map(|file| {
        let file: toml::Table = file.parse().expect("the built-in file is TOML");
        let first = if file.contains_key("tune") { TUNED_SEEDS } else { 0 };
        let all = if args.quick { 8 } else { 10 };
        // the tuned part's file names its own number of seeds
        let seeds = args.seeds.map(i64::from).or((first == 0).then_some(all));
        let seeds = seeds.map(|n| (first..first + n).map(toml::Value::Integer).collect::<Vec<_>>().into());
        (file, layer([("seed", &seeds)]))
    });
    let out = args.out.unwrap_or_else(|| out.into());
    args.shared.run(files, &toml::Table::new(), (&out, &out.join("tuned")), true)
}
