//! `snr-bench run` and `snr-bench full-batch`: experiments from a file, the second one's built in.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use super::args::{MachineArgs, SettingArgs, integer};
use super::experiment::{self, ExperimentArgs};
use crate::config::{self, Batch};
use crate::error::Result;

const FULL_BATCH: &str = include_str!("../../configs/full-batch.toml");

const RUN_EXAMPLES: &str = "\
Examples:
  snr-bench run configs/quick.toml
  snr-bench run configs/article.toml --seed 0,1,2,3,4,5
  snr-bench run configs/article.toml --optim adam,snradam,adabelief --out results/three

Any setting in the file may be a list; lists multiply out into runs. Repeat an interrupted command to go on with it.";

const FULL_BATCH_EXAMPLES: &str = "\
Examples:
  snr-bench full-batch
  snr-bench full-batch --optim adam,snradam,adabelief --seed 0,1,2
  snr-bench full-batch --dataset digits --train-subset 2000 --epochs 30

Repeat an interrupted command to go on with it.";

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    /// The experiment: a TOML file of settings, any of which may be a list
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Images of a step: numbers, or 'full' for the whole training set [default: 4096]
    #[arg(long, value_name = "N|full", value_delimiter = ',')]
    batch: Vec<Batch>,
    #[command(flatten)]
    common: CommonArgs,
    /// Folder of the runs and figures [default: results/ and the file's name]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Arguments of `full-batch`.
#[derive(Args, Debug)]
#[command(after_help = FULL_BATCH_EXAMPLES)]
pub struct FullBatchArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Folder of the runs and figures
    #[arg(long, value_name = "DIR", default_value = "results/full-batch")]
    out: PathBuf,
}

/// What both take.
#[derive(Args, Debug)]
struct CommonArgs {
    /// Optimizers to compare: adam, snradam, adabelief, sgd [default: adam,snradam, or the file's]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    optim: Vec<String>,
    /// Seeds; every optimizer runs with each of them [default: 0, or the file's]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    seed: Vec<u64>,
    #[command(flatten)]
    settings: SettingArgs,
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    experiment: ExperimentArgs,
}

/// Runs the experiment of a file.
pub(super) fn run(args: RunArgs) -> Result<Exit> {
    let file = config::read_table(&args.file)?;
    let batches = args.batch.iter().map(toml::Value::try_from).collect::<std::result::Result<Vec<_>, _>>()?;
    let mut flags = toml::Table::new();
    if !batches.is_empty() {
        flags.insert("batch".into(), batches.into());
    }
    let name = args.file.file_stem().unwrap_or(args.file.as_os_str());
    let out = args.out.unwrap_or_else(|| Path::new("results").join(name));
    args.common.run(file, flags, &out)
}

/// Runs the built-in experiment with batch = ∞.
pub(super) fn full_batch(args: FullBatchArgs) -> Result<Exit> {
    let file = FULL_BATCH.parse().expect("the built-in file is TOML");
    args.common.run(file, toml::Table::new(), &args.out)
}

impl CommonArgs {
    /// Runs what `file` and the arguments over it describe, draws it, and says how it went.
    fn run(&self, file: toml::Table, mut flags: toml::Table, out: &Path) -> Result<Exit> {
        if !self.optim.is_empty() {
            flags.insert("optim".into(), self.optim.clone().into());
        }
        if !self.seed.is_empty() {
            let seeds = self.seed.iter().map(|&seed| integer("seed", seed)).collect::<Result<Vec<_>>>()?;
            flags.insert("seed".into(), seeds.into());
        }
        let layers = std::iter::once(file).chain(self.settings.layers()?).chain([flags]);
        let specs = config::expand(layers)?;
        let tally = experiment::run_all(&specs, out, &self.machine, &self.experiment)?;
        tally.report(out, self.experiment.quiet)?;
        tally.exit()
    }
}
