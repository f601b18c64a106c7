//! `snr-bench run` and `snr-bench full-batch`: experiments from a file, the second one's built in.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use super::args::{MachineArgs, SettingArgs, integer};
use super::experiment::{Experiment, ExperimentArgs};
use crate::config::{self, Batch};
use crate::error::Result;
use crate::optim;

const FULL_BATCH: &str = include_str!("../../configs/full-batch.toml");

const RUN_EXAMPLES: &str = "\
Examples:
  snr-bench run configs/quick.toml
  snr-bench run configs/article.toml --seed 0,1,2,3,4,5
  snr-bench run configs/article.toml --optim adam,snradam,adabelief --out results/three
  snr-bench run configs/article.toml --dry-run

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
    lists: ListArgs,
    #[command(flatten)]
    shared: SharedArgs,
    /// Folder of the runs and figures [default: results/ and the file's name]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Arguments of `full-batch`.
#[derive(Args, Debug)]
#[command(after_help = FULL_BATCH_EXAMPLES)]
pub struct FullBatchArgs {
    #[command(flatten)]
    lists: ListArgs,
    #[command(flatten)]
    shared: SharedArgs,
    /// Folder of the runs and figures
    #[arg(long, value_name = "DIR", default_value = "results/full-batch")]
    out: PathBuf,
}

/// What both take.
#[derive(Args, Debug)]
struct ListArgs {
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        help = format!("Optimizers to compare: {} [default: adam,snradam, or the file's]", optim::names())
    )]
    optim: Vec<String>,
    /// Seeds; every optimizer runs with each of them [default: 0, or the file's]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    seed: Vec<u64>,
}

/// What every experiment takes.
#[derive(Args, Debug)]
pub(super) struct SharedArgs {
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
    let mut flags = args.lists.flags()?;
    if !args.batch.is_empty() {
        flags.insert("batch".into(), toml::Value::try_from(&args.batch)?);
    }
    let name = args.file.file_stem().unwrap_or(args.file.as_os_str());
    let out = args.out.unwrap_or_else(|| Path::new("results").join(name));
    args.shared.run([file], &flags, &out, false)
}

/// Runs the built-in experiment with batch = ∞.
pub(super) fn full_batch(args: FullBatchArgs) -> Result<Exit> {
    let file = FULL_BATCH.parse().expect("the built-in file is TOML");
    args.shared.run([file], &args.lists.flags()?, &args.out, false)
}

impl ListArgs {
    /// The layer of settings that they make.
    fn flags(&self) -> Result<toml::Table> {
        let mut flags = toml::Table::new();
        if !self.optim.is_empty() {
            flags.insert("optim".into(), self.optim.clone().into());
        }
        if !self.seed.is_empty() {
            let seeds = self.seed.iter().map(|&seed| integer("seed", seed)).collect::<Result<Vec<_>>>()?;
            flags.insert("seed".into(), seeds.into());
        }
        Ok(flags)
    }
}

impl SharedArgs {
    /// Runs what each of `files`, the settings over it and `flags` over these describe, into one folder.
    pub(super) fn run(
        &self,
        files: impl IntoIterator<Item = toml::Table>,
        flags: &toml::Table,
        folder: &Path,
        announce: bool,
    ) -> Result<Exit> {
        let mut specs = Vec::new();
        for file in files {
            let layers = std::iter::once(file).chain(self.settings.layers()?).chain([flags.clone()]);
            specs.extend(config::expand(layers)?);
        }
        Experiment { specs, folder, machine: &self.machine, args: &self.experiment, announce }.run()
    }
}
