//! `snr-bench full-batch`: the batch = ∞ comparison, an experiment with a built-in file.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::args::{MachineArgs, SettingArgs, integer};
use super::experiment::{self, ExperimentArgs};
use crate::config;
use crate::error::Result;

const BUILT_IN: &str = include_str!("../../configs/full-batch.toml");

const EXAMPLES: &str = "\
Examples:
  snr-bench full-batch
  snr-bench full-batch --optim adam,snradam,adabelief --seed 0,1,2
  snr-bench full-batch --dataset digits --train-subset 2000 --epochs 30

Repeat an interrupted command to go on with it.";

/// Arguments of `full-batch`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct FullBatchArgs {
    /// Optimizers to compare [default: adam,snradam]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    optim: Vec<String>,
    /// Seeds; every optimizer runs with each of them [default: 0]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    seed: Vec<u64>,
    #[command(flatten)]
    settings: SettingArgs,
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    experiment: ExperimentArgs,
    /// Folder of the runs and figures
    #[arg(long, value_name = "DIR", default_value = "results/full-batch")]
    out: PathBuf,
}

/// Trains every optimizer with every seed, then draws them.
pub(super) fn run(args: FullBatchArgs) -> Result<Exit> {
    let mut layers = vec![BUILT_IN.parse().expect("the built-in file is TOML")];
    layers.extend(args.settings.layers()?);
    let mut flags = toml::Table::new();
    if !args.optim.is_empty() {
        flags.insert("optim".into(), args.optim.clone().into());
    }
    if !args.seed.is_empty() {
        let seeds = args.seed.iter().map(|&seed| integer("seed", seed)).collect::<Result<Vec<_>>>()?;
        flags.insert("seed".into(), seeds.into());
    }
    layers.push(flags);
    let specs = config::expand(layers)?;
    let tally = experiment::run_all(&specs, &args.out, &args.machine, &args.experiment)?;
    tally.draw(&args.out, args.experiment.quiet)?;
    tally.exit()
}
