//! Arguments that several commands share, and the layers of settings that they make.

use std::path::PathBuf;

use candle_core::Device;
use clap::Args;

use super::hyper::HyperArgs;
use crate::analysis::Filter;
use crate::config::{self, Batch, written};
use crate::error::Result;
use crate::machine::{Machine, all_threads};
use crate::optim;
use crate::usage;

/// Settings of a run, any of which may be a list where several runs can be made. Flags win over `--set`, that over `--config`, that over the defaults.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Settings")]
pub struct SettingArgs {
    /// Read settings from a TOML file, such as one that --dry-run printed
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Any setting by its name in the TOML file, such as model.depth=4 or model.kind=mlp (may be
    /// repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Passes over the training images [default: 20; full-batch: 100]
    #[arg(long, value_name = "N", value_parser = counts)]
    pub epochs: Option<toml::Value>,
    /// Optimizer steps, a budget in place of --epochs
    #[arg(long, value_name = "N", value_parser = counts)]
    pub steps: Option<toml::Value>,
    /// Learning rate [default: 0.001]
    #[arg(long, value_name = "X", value_parser = numbers, allow_hyphen_values = true)]
    pub lr: Option<toml::Value>,
    /// How the learning rate changes over the run: constant, linear or cosine (both fall to 0), inverse-sqrt [default: constant]
    #[arg(long, value_name = "NAME", value_parser = names)]
    pub schedule: Option<toml::Value>,
    /// Steps over which the learning rate first rises, linearly [default: 0]
    #[arg(long, value_name = "N", value_parser = counts)]
    pub warmup_steps: Option<toml::Value>,
    #[arg(long, value_name = "X", value_parser = numbers, allow_hyphen_values = true, help = weight_decay_help())]
    pub weight_decay: Option<toml::Value>,
    /// What decays: all parameters, or matrices (not biases, norms, class token and positions) [default: all]
    #[arg(long, value_name = "WHAT", value_parser = names)]
    pub weight_decay_on: Option<toml::Value>,
    /// Data set: mnist, fashion-mnist, digits (drawn by the program, needs no files), or idx:DIR (a folder with four IDX
    /// files under MNIST's names) [default: mnist]
    #[arg(long, value_name = "NAME", value_parser = names)]
    pub dataset: Option<toml::Value>,
    /// What to validate on: test (as in the article), or holdout:N (the last N training images, not trained on) [default: test]
    #[arg(long, value_name = "SPLIT", value_parser = names)]
    pub validation: Option<toml::Value>,
    /// Train on the first N training images only; 0 takes all [default: 0]
    #[arg(long, value_name = "N", value_parser = counts)]
    pub train_subset: Option<toml::Value>,
    #[command(flatten)]
    pub observe: ObserveArgs,
    #[command(flatten)]
    pub hyper: HyperArgs,
}

fn weight_decay_help() -> String {
    let others = optim::entries().iter().filter(|entry| entry.weight_decay != 0.0);
    let others: String = others.map(|entry| format!("; {}: {}", entry.name, entry.weight_decay)).collect();
    format!("Rate of the decoupled weight decay [default: 0{others}]")
}

/// What a run measures beside training; changes no bit of it.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Measurements (they change no result)")]
pub struct ObserveArgs {
    /// Optimizers that see the same gradients and move nothing, such as snradam or adam,snradam: tensors.csv says how
    /// their steps compare, every step, or every N steps with --set observe.every=N
    #[arg(long, value_name = "NAMES")]
    pub shadow: Option<String>,
    /// Measure the noise of the mini-batches: noise columns of steps.csv, and by tensor in tensors.csv
    #[arg(long)]
    pub noise: bool,
    /// Evaluate one fixed sample of N training images before training and after every step: probe_loss in steps.csv
    #[arg(long, value_name = "N", value_parser = counts)]
    pub probe: Option<toml::Value>,
}

impl ObserveArgs {
    /// The settings that were given.
    fn table(&self) -> toml::Table {
        let shadow = self.shadow.clone().map(toml::Value::from);
        let noise = self.noise.then(|| true.into());
        layer([("shadow", &shadow), ("noise", &noise), ("probe", &self.probe)])
    }
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
        let mut flags = self.hyper.0.clone();
        flags.extend(layer([
            ("epochs", &self.epochs),
            ("steps", &self.steps),
            ("lr", &self.lr),
            ("schedule", &self.schedule),
            ("warmup_steps", &self.warmup_steps),
            ("weight_decay", &self.weight_decay),
            ("weight_decay_on", &self.weight_decay_on),
            ("dataset", &self.dataset),
            ("validation", &self.validation),
            ("train_subset", &self.train_subset),
        ]));
        let observe = self.observe.table();
        if !observe.is_empty() {
            flags.insert("observe".into(), observe.into());
        }
        layers.push(flags);
        Ok(layers)
    }
}

/// The layer of the settings that were given.
pub fn layer<'a>(given: impl IntoIterator<Item = (&'a str, &'a Option<toml::Value>)>) -> toml::Table {
    given.into_iter().filter_map(|(key, value)| Some((key.to_string(), value.clone()?))).collect()
}

/// The values of a flag that takes numbers, one or a list.
pub fn numbers(text: &str) -> Result<toml::Value, String> {
    each(text, |value| match value {
        toml::Value::Integer(_) | toml::Value::Float(_) => Ok(()),
        other => Err(format!("{} is no number", written(other))),
    })
}

/// The values of a flag that takes whole numbers from 0 on.
pub fn counts(text: &str) -> Result<toml::Value, String> {
    each(text, |value| match value {
        toml::Value::Integer(0..) => Ok(()),
        toml::Value::Float(x) if *x > i64::MAX as f64 => {
            Err(format!("{} is too large; the largest is {}", written(value), i64::MAX))
        }
        other => Err(format!("{} is no whole number from 0 on", written(other))),
    })
}

/// The values of a flag that takes names.
pub fn names(text: &str) -> Result<toml::Value, String> {
    each(text, |value| match value {
        toml::Value::String(_) => Ok(()),
        other => Err(format!("{} is no name", written(other))),
    })
}

/// The values of --batch.
pub fn batches(text: &str) -> Result<toml::Value, String> {
    each(text, |value| written(value).parse::<Batch>().map(drop).map_err(|e| e.to_string()))
}

/// The values that a flag's text gives, each of them checked; clap puts the flag before the error.
fn each(text: &str, check: impl Fn(&toml::Value) -> Result<(), String>) -> Result<toml::Value, String> {
    let value = config::parse_value(text)?;
    let values = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
    for (i, element) in values.iter().enumerate() {
        let place = if values.len() > 1 { format!("value {} of {}: ", i + 1, values.len()) } else { String::new() };
        check(element).map_err(|why| format!("{place}{why}"))?;
    }
    Ok(value)
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
