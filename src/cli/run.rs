//! `snr-bench run` and `snr-bench full-batch`: experiments from a file, the second one's built in.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use super::args::{MachineArgs, SettingArgs, batches, counts, layer, names};
use super::experiment::{Experiment, ExperimentArgs, Part};
use crate::config;
use crate::error::Result;
use crate::optim;

const FULL_BATCH: &str = include_str!("../../configs/full-batch.toml");

const RUN_EXAMPLES: &str = "\
Examples:
  snr-bench run configs/quick.toml
  snr-bench run configs/article.toml --seed 0,1,2,3,4,5
  snr-bench run configs/article.toml --optim adam,snradam,adabelief --out results/three
  snr-bench run configs/article.toml --lr 1e-3,3e-3 --beta2 0.9,0.99 --batch 64,full
  snr-bench run configs/article.toml --dry-run

Any setting may be a list, in the file and on a flag; lists multiply out into runs. [[arm]] tables in the file hold settings
over the shared ones, and lists of their own: flags apply to all of them, and --optim chooses among them. A [tune] table makes
it two stages: every arm is tuned on other seeds and held-out images, then judged at what was chosen. See configs/tuned.toml.
Repeat an interrupted command to go on with it.";

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
    #[arg(long, value_name = "N|full", value_parser = batches)]
    batch: Option<toml::Value>,
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
        value_parser = names,
        help = format!("Optimizers to compare: {} [default: adam,snradam, or the file's]", optim::names())
    )]
    optim: Option<toml::Value>,
    /// Seeds; every optimizer runs with each of them [default: 0, or the file's]
    #[arg(long, value_name = "LIST", value_parser = counts)]
    seed: Option<toml::Value>,
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
    let mut flags = args.lists.flags();
    flags.extend(layer([("batch", &args.batch)]));
    let name = args.file.file_stem().unwrap_or(args.file.as_os_str());
    let out = args.out.unwrap_or_else(|| Path::new("results").join(name));
    args.shared.run([(file, toml::Table::new())], &flags, (&out, &out), false)
}

/// Runs the built-in experiment with batch = ∞.
pub(super) fn full_batch(args: FullBatchArgs) -> Result<Exit> {
    let file = FULL_BATCH.parse().expect("the built-in file is TOML");
    let out = &args.out;
    args.shared.run([(file, toml::Table::new())], &args.lists.flags(), (out, out), false)
}

impl ListArgs {
    /// The layer of settings that they make.
    fn flags(&self) -> toml::Table {
        layer([("optim", &self.optim), ("seed", &self.seed)])
    }
}

impl SharedArgs {
    /// Runs what each of `files`, the settings over it, `flags` and the settings beside it over these describe, into one
    /// folder; what is tuned into `tuned`.
    pub(super) fn run(
        &self,
        files: impl IntoIterator<Item = (toml::Table, toml::Table)>,
        flags: &toml::Table,
        (folder, tuned): (&Path, &Path),
        announce: bool,
    ) -> Result<Exit> {
        let (mut specs, mut parts) = (Vec::new(), Vec::new());
        for (file, seeds) in files {
            let mut over = self.settings.layers()?;
            if let Some(toml::Value::Table(tune)) = file.get("tune").filter(|_| announce) {
                // of several experiments the tuned one keeps what it tunes, and what on
                over.iter_mut().for_each(|layer| layer.retain(|key, _| key != "validation" && !tune.contains_key(key)));
            }
            let layers = std::iter::once(file).chain(over).chain([flags.clone(), seeds]);
            match config::experiment(layers)? {
                config::Experiment::Runs(more) => specs.extend(more),
                what => parts.push(Part { folder: tuned.to_path_buf(), what }),
            }
        }
        if !specs.is_empty() {
            parts.insert(0, Part { folder: folder.to_path_buf(), what: config::Experiment::Runs(specs) });
        }
        Experiment { parts, folder, machine: &self.machine, args: &self.experiment, announce }.run()
    }
}
