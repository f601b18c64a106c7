//! `snr-bench bench`: images a second on this machine, and where the time goes.

use std::time::Duration;

use candle_core::Device;
use clap::Args;

use super::args::{MachineArgs, SettingArgs, batches, layer, names};
use super::{print, warn};
use crate::bench::{self, BenchReport, BenchSettings};
use crate::config::{Batch, RunSpec};
use crate::error::Result;
use crate::experiment::memory;
use crate::machine::Machine;
use crate::{data, usage};

const EXAMPLES: &str = "\
Examples:
  snr-bench bench
  snr-bench bench --threads 1 --batch 512
  snr-bench bench --composed --micro-batch 128
  snr-bench bench --set model.embed_dim=128 --json

Measured on digits, unless --dataset or --config names other data: the cost is the same. Of the settings only the optimizer, \
the batch and the model matter here. --composed runs on as many threads as RAYON_NUM_THREADS says, not --threads.";

/// Arguments of `bench`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    /// Optimizer whose step is measured with the gradient [default: adam]
    #[arg(long, value_name = "NAME", value_parser = names)]
    optim: Option<toml::Value>,
    /// Images of a step: a number, or 'full' for the whole training set [default: 4096]
    #[arg(long, value_name = "N|full", value_parser = batches)]
    batch: Option<toml::Value>,
    #[command(flatten)]
    settings: SettingArgs,
    #[command(flatten)]
    machine: MachineArgs,
    /// How long training and evaluation are each repeated
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    seconds: f64,
    /// Measure the operations composed of stock Candle's instead of the fused ones
    #[arg(long)]
    composed: bool,
    /// Images at a time of --composed
    #[arg(long, value_name = "N", default_value_t = 128, requires = "composed")]
    micro_batch: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl BenchArgs {
    fn spec(&self) -> Result<RunSpec> {
        // What takes the time is the same on any data, and these need no files.
        let defaults = toml::Table::from_iter([("dataset".to_string(), "digits".into())]);
        let flags = layer([("optim", &self.optim), ("batch", &self.batch)]);
        RunSpec::resolve([defaults].into_iter().chain(self.settings.layers()?).chain([flags]))
    }
}

/// Measures and prints.
pub(super) fn run(args: BenchArgs) -> Result<()> {
    let Ok(time) = Duration::try_from_secs_f64(args.seconds) else {
        usage!("--seconds {} is impossible; it must be a positive number", args.seconds);
    };
    let spec = args.spec()?;
    let machine = Machine { threads: args.machine.threads()?, device: Device::Cpu };
    memory::check([&spec], &machine, 1)?;
    let images = data::load(&spec.dataset, args.machine.data_dir.as_deref(), &|line| warn(line))?.train;
    let batch = match spec.batch {
        Batch::Full => images.len(),
        Batch::Size(n) if n <= images.len() => n,
        Batch::Size(n) => usage!("--batch {n} is more than the {} training images there are", images.len()),
    };
    let settings = BenchSettings {
        input: spec.dataset.shape(),
        model: spec.model,
        batch,
        threads: machine.threads,
        optim: spec.optim,
        time,
        composed: args.composed.then_some(args.micro_batch),
    };
    let report = bench::measure(&settings, &images)?;
    if args.json { print(serde_json::to_string(&report)?) } else { print(text(&settings, &report).trim_end()) }
}

fn text(settings: &BenchSettings, r: &BenchReport) -> String {
    let model = &settings.model;
    let (train, eval) = (r.training_images_per_second, r.evaluation_images_per_second);
    let mut out = format!(
        "{} of {} parameters, batch {}, {} threads, {} operations, {} on {}\n\n",
        model.label(),
        model.num_params(settings.input),
        r.batch,
        r.threads,
        r.backend,
        r.simd,
        r.cpu
    );
    out += &format!(
        "training    {train:>8.0} images/s   (best of {} steps; median {:.0})\n",
        r.steps, r.training_images_per_second_median
    );
    out += &format!("validation  {eval:>8.0} images/s   ({:.2} times training)\n", eval / train);
    out += &format!(
        "arithmetic  {:>8.0} GFLOP/s    executed; {:.0} counted on the whole graph\n",
        r.gflops_executed, r.gflops_whole_graph
    );
    out += &format!(
        "peak        {:>8.0} GFLOP/s    2048³ product through gemm, all cores; {:.0}% reached\n",
        r.peak_gflops,
        100.0 * r.share_of_peak
    );
    if let Some(mib) = r.peak_memory_mib {
        out += &format!("memory      {mib:>8.0} MiB        peak resident, data set included\n");
    }
    if r.parts.is_empty() {
        return out;
    }
    let total: f64 = r.parts.iter().map(|p| p.forward_ms + p.backward_ms).sum();
    out += &format!("\n{:<16} {:>10} {:>10} {:>7}\n", "part of a step", "forward", "backward", "share");
    for p in &r.parts {
        let backward = if p.backward_ms > 0.0 { format!("{:.1} ms", p.backward_ms) } else { String::new() };
        let share = 100.0 * (p.forward_ms + p.backward_ms) / total;
        out += &format!("{:<16} {:>7.1} ms {backward:>10} {share:>6.1}%\n", p.part, p.forward_ms);
    }
    out + "(milliseconds of all threads together, measured in a step of its own)\n"
}
