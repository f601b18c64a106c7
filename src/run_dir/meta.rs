//! `meta.json`: what ran where, for the reader who wants to check or repeat a run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Deserializer, Serialize};

use super::META;
use crate::config::{MAX_SETTINGS, RunSpec, read_text};
use crate::data::Dataset;
use crate::error::Result;
use crate::machine::{Machine, cpu_name, simd_level};

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

/// The contents of `meta.json`. State and data hash must be there; what an older or foreign file lacks is empty.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Meta {
    /// Where the run stands.
    pub state: State,
    /// The error that ended it, where `state` is failed; the loss that ended it, where diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Version of snr-bench.
    #[serde(default)]
    pub version: String,
    /// Version of candle-core.
    #[serde(default)]
    pub candle: String,
    /// Git revision that the binary was built from, with `-dirty` where its sources were changed; empty outside git.
    #[serde(default)]
    pub git: Option<String>,
    /// The data set's name.
    #[serde(default)]
    pub dataset: String,
    /// The data set's hash, see [`Dataset::hash`](crate::data::Dataset::hash).
    pub data_hash: String,
    /// SHA-256 of its four files, see [`Dataset::files`](crate::data::Dataset::files).
    #[serde(default)]
    pub data_files: BTreeMap<String, String>,
    /// SHA-256 of the settings, see [`RunSpec::hash`].
    #[serde(default)]
    pub config_hash: String,
    /// All settings, as in `config.toml`; `None` where another version wrote others.
    #[serde(default, deserialize_with = "settings_if_known")]
    pub config: Option<RunSpec>,
    /// SHA-256 of the files that the run left, by name; empty while it is under way, and where an older version wrote none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sealed: BTreeMap<String, String>,
    /// The processor's own name.
    #[serde(default)]
    pub cpu: String,
    /// Widest vector instructions of the processor that the fused operations use.
    #[serde(default)]
    pub simd: String,
    /// Operating system and architecture.
    #[serde(default)]
    pub platform: String,
    /// `cpu`, `cuda:0`, `metal`.
    #[serde(default)]
    pub device: String,
    /// Worker threads.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Command line of the process that wrote this.
    #[serde(default)]
    pub command: Vec<String>,
}

impl Meta {
    /// That of a run which begins now, in this process on this machine.
    pub fn new(spec: &RunSpec, dataset: &Dataset, machine: &Machine) -> Self {
        Self {
            state: State::Running,
            reason: None,
            version: env!("CARGO_PKG_VERSION").into(),
            candle: env!("SNR_BENCH_CANDLE").into(),
            git: Some(env!("SNR_BENCH_GIT").into()),
            dataset: dataset.kind.name(),
            data_hash: dataset.hash.clone(),
            data_files: dataset.files.clone(),
            config_hash: spec.hash(),
            config: Some(spec.clone()),
            sealed: BTreeMap::new(),
            cpu: cpu_name(),
            simd: simd_level().into(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            device: machine.device_name(),
            threads: Some(machine.threads),
            // `args` would panic on what is not UTF-8
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        }
    }

    /// The processor, its vector instructions, a device other than the CPU, and threads: "Xeon, AVX-512, 2 threads".
    pub fn machine(&self) -> String {
        let threads = self.threads.map(|n| format!("{n} thread{}", if n == 1 { "" } else { "s" })).unwrap_or_default();
        let device = if self.device == "cpu" { "" } else { &self.device };
        let parts = [&self.cpu, &self.simd, device, &threads].into_iter().filter(|part| !part.is_empty());
        recorded(&parts.collect::<Vec<_>>().join(", "))
    }

    /// The git revision in words.
    pub fn revision(&self) -> String {
        match self.git.as_deref() {
            Some("") => "built outside git".to_string(),
            git => recorded(git.unwrap_or_default()),
        }
    }

    /// Reads the `meta.json` of a run directory.
    ///
    /// # Errors
    /// One that is missing, too large, damaged or not ours.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(META);
        let text = read_text(&path, MAX_SETTINGS)?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not what a run writes; repeat the run", path.display()))
    }
}

/// What is said of a value; an older or foreign `meta.json` may lack it.
pub fn recorded(text: &str) -> String {
    if text.is_empty() { "not recorded".to_string() } else { text.to_string() }
}

fn settings_if_known<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<Option<RunSpec>, D::Error> {
    Ok(toml::Table::deserialize(serde_json::Value::deserialize(d)?).ok().and_then(|table| RunSpec::stored(table).ok()))
}
