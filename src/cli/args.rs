//! Arguments that several commands share, and the layers of settings that they make.

use std::path::PathBuf;

use candle_core::Device;
use clap::Args;

use super::hyper::HyperArgs;
use crate::analysis::Filter;
use crate::config;
use crate::data::DatasetKind;
use crate::error::Result;
use crate::machine::{Machine, all_threads};
use crate::usage;

/// Settings of a run. Flags win over `--set`, that over `--config`, that over the defaults.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Settings")]
pub struct SettingArgs {
    /// Read settings from a TOML file, such as one that --dry-run printed
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Any setting by its name in the TOML file, such as model.depth=4 (may be repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Passes over the training images [default: 20; full-batch: 100]
    #[arg(long, value_name = "N")]
    pub epochs: Option<u64>,
    /// Learning rate [default: 0.001]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// Decoupled weight decay [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub weight_decay: Option<f64>,
    /// Data set [default: mnist]
    #[arg(long, value_enum, value_name = "NAME")]
    pub dataset: Option<DatasetKind>,
    /// What to validate on: test (as in the article), or holdout:N (the last N training images, not trained on) [default: test]
    #[arg(long, value_name = "SPLIT")]
    pub validation: Option<String>,
    /// Train on the first N training images only; 0 takes all [default: 0]
    #[arg(long, value_name = "N")]
    pub train_subset: Option<u64>,
    #[command(flatten)]
    pub hyper: HyperArgs,
}

impl SettingArgs {
    /// The layers that these arguments make, in rising precedence; the last one is that of the flags.
    pub fn layers(&self) -> Result<Vec<toml::Table>> {
        let mut layers = Vec::new();
        if let Some(path) = &self.config {
            layers.push(config::read_table(path)?);
        }
        for assignment in &self.set {
            layers.push(config::parse_assignment(assignment)?);
        }
        let numbers = [("lr", self.lr), ("weight_decay", self.weight_decay)];
        let counts = [("epochs", self.epochs), ("train_subset", self.train_subset)];
        let texts =
            [("dataset", self.dataset.map(|kind| kind.name().to_string())), ("validation", self.validation.clone())];
        let mut flags = self.hyper.0.clone();
        flags.extend(numbers.into_iter().filter_map(|(key, x)| Some((key.to_string(), x?.into()))));
        for (key, n) in counts.into_iter().filter_map(|(key, n)| Some((key, n?))) {
            flags.insert(key.to_string(), integer(key, n)?);
        }
        flags.extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_string(), text?.into()))));
        layers.push(flags);
        Ok(layers)
    }
}

/// A count as TOML holds it.
pub fn integer(key: &str, n: u64) -> Result<toml::Value> {
    match i64::try_from(n) {
        Ok(n) => Ok(n.into()),
        Err(_) => usage!("{key} = {n} is too large; the largest is {}", i64::MAX),
    }
}

/// What must be fixed before results are judged; `plan.toml` keeps it.
#[derive(Args, Debug)]
pub struct CriteriaArgs {
    /// Validation loss to reach: epochs, steps and seconds to it are compared [default: the plan's, else one that all reach]
    #[arg(long, value_name = "LOSS", allow_negative_numbers = true)]
    pub target: Option<f64>,
    /// Largest ratio of losses that does not matter, as a share [default: the plan's, else 0.02, which is 2%]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub margin: Option<f64>,
}

/// Which runs are looked at.
#[derive(Args, Debug)]
pub struct FilterArgs {
    /// Only runs with these settings, such as optim=adam,lr=0.001; seed=…, state=finished, model.depth=… too. A key that is
    /// given twice takes either value
    #[arg(long = "where", value_name = "KEY=VALUE", value_delimiter = ',')]
    pub conditions: Vec<String>,
}

impl FilterArgs {
    pub fn filter(&self) -> Result<Filter> {
        Filter::parse(&self.conditions)
    }
}

/// What a run computes with, and where its data lie. Changes no result but for another device's rounding.
#[derive(Args, Debug)]
#[command(next_help_heading = "Machine")]
pub struct MachineArgs {
    /// Worker threads; the results do not depend on them [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Device: cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// Folder of the data sets [default: $SNR_BENCH_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl MachineArgs {
    /// Number of worker threads.
    pub fn threads(&self) -> Result<usize> {
        match self.threads {
            None => Ok(all_threads()),
            Some(n @ 1..=1024) => Ok(n),
            Some(n) => usage!("--threads {n} is impossible; it must be 1 to 1024"),
        }
    }

    /// The Candle device.
    fn device(&self) -> Result<Device> {
        let open = |device: candle_core::Result<Device>, feature: &str| {
            device.map_err(|e| {
                anyhow::anyhow!(
                    "cannot open device {}: {e}; was snr-bench built with --features {feature}?",
                    self.device
                )
            })
        };
        match self.device.split_once(':') {
            None if self.device == "cpu" => Ok(Device::Cpu),
            None if self.device == "cuda" => open(Device::new_cuda(0), "cuda"),
            None if self.device == "metal" => open(Device::new_metal(0), "metal"),
            Some(("cuda", n)) if n.parse::<usize>().is_ok() => open(Device::new_cuda(n.parse()?), "cuda"),
            _ => usage!("--device {} is unknown; it must be cpu, cuda, cuda:N or metal", self.device),
        }
    }

    /// Threads and device.
    pub fn machine(&self) -> Result<Machine> {
        Ok(Machine { threads: self.threads()?, device: self.device()? })
    }
}
