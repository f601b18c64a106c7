//! `meta.json`: what ran where, for the reader who wants to repeat or to distrust a run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::config::{MAX_SETTINGS, RunSpec, read_text};
use crate::error::Result;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Under way; or ended by something that left no time to say so, such as `kill -9`.
    Running,
    /// Trained for all its epochs.
    Finished,
    /// Ended because a loss became NaN or infinite.
    Diverged,
    /// Ended by Ctrl-C or SIGTERM; resumable.
    Interrupted,
    /// Ended by an error; resumable from its last checkpoint.
    Failed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            State::Running => "running",
            State::Finished => "finished",
            State::Diverged => "diverged",
            State::Interrupted => "interrupted",
            State::Failed => "failed",
        })
    }
}

/// The contents of `meta.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Meta {
    /// Where the run stands.
    pub state: State,
    /// The error that ended it, where `state` is failed; the loss that ended it, where diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Version of snr-bench.
    pub version: String,
    /// Version of candle-core.
    pub candle: String,
    /// Git revision that the binary was built from, with `-dirty` where its sources were changed; empty outside git.
    pub git: String,
    /// The data set's name.
    pub dataset: String,
    /// The data set's hash, see [`Dataset::hash`](crate::data::Dataset::hash).
    pub data_hash: String,
    /// SHA-256 of its four files, see [`Dataset::files`](crate::data::Dataset::files).
    #[serde(default)]
    pub data_files: BTreeMap<String, String>,
    /// SHA-256 of the settings, see [`RunSpec::hash`].
    pub config_hash: String,
    /// All settings, as in `config.toml`.
    pub config: RunSpec,
    /// The processor's own name.
    pub cpu: String,
    /// Widest vector instructions of the processor that the fused operations use.
    pub simd: String,
    /// Operating system and architecture.
    pub platform: String,
    /// `cpu`, `cuda:0`, `metal`.
    pub device: String,
    /// Worker threads.
    pub threads: usize,
    /// Command line of the process that wrote this.
    pub command: Vec<String>,
}

impl Meta {
    /// What can be told about this process and machine.
    pub fn new(spec: &RunSpec, dataset: &crate::data::Dataset, device: String, threads: usize) -> Self {
        Self {
            state: State::Running,
            reason: None,
            version: env!("CARGO_PKG_VERSION").into(),
            candle: env!("SNR_BENCH_CANDLE").into(),
            git: env!("SNR_BENCH_GIT").into(),
            dataset: dataset.kind.name().into(),
            data_hash: dataset.hash.clone(),
            data_files: dataset.files.clone(),
            config_hash: spec.hash(),
            config: spec.clone(),
            cpu: cpu_name(),
            simd: simd_level().into(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            device,
            threads,
            // `args` would panic on what is not UTF-8
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        }
    }

    /// Reads the `meta.json` of a run directory.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("meta.json");
        let text = read_text(&path, MAX_SETTINGS)?;
        serde_json::from_str(&text).with_context(|| format!("{} was not written by snr-bench", path.display()))
    }
}

/// The processor's name as the operating system tells it.
pub fn cpu_name() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_string(), |(_, name)| name.trim().to_string())
}

/// The widest vector instructions that the fused operations and gemm find on this processor.
pub fn simd_level() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    return if is_x86_feature_detected!("avx512f") {
        "AVX-512"
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        "AVX2"
    } else {
        "SSE2"
    };
    #[cfg(target_arch = "aarch64")]
    return "NEON";
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    "scalar"
}
