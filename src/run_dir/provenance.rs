//! Which program trained a part of a run, where and when.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::recorded;
use crate::machine::{Machine, cpu_name, host_name, simd_level};

/// One session of a run: a process that began it or went on with it. What an older or foreign file lacks is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// When it began: 2026-11-24T09:05:00Z.
    pub start: String,
    /// When it ended; empty while it is under way, and where it was killed.
    pub end: String,
    /// The step of the run after which it began.
    pub from_step: Option<u64>,
    /// The last step of the run that is its work; `None` while it is under way.
    pub to_step: Option<u64>,
    /// The machine's name in its network.
    pub host: String,
    /// The processor's own name.
    pub cpu: String,
    /// Widest vector instructions of the processor that the fused operations use.
    pub simd: String,
    /// Operating system and architecture.
    pub platform: String,
    /// `cpu`, `cuda:0`, `metal`.
    pub device: String,
    /// Worker threads.
    pub threads: Option<usize>,
    /// Version of snr-bench.
    pub version: String,
    /// Version of candle-core.
    pub candle: String,
    /// Git revision that the binary was built from, with `-dirty` where its sources were changed; empty outside git.
    pub git: Option<String>,
    /// Command line of the process.
    pub command: Vec<String>,
}

impl Provenance {
    /// That of a run which begins now, in this process on this machine.
    pub fn now(machine: &Machine) -> Self {
        Self {
            start: now(),
            end: String::new(),
            from_step: Some(0),
            to_step: None,
            host: host_name(),
            cpu: cpu_name(),
            simd: simd_level().into(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            device: machine.device_name(),
            threads: Some(machine.threads),
            version: env!("CARGO_PKG_VERSION").into(),
            candle: env!("SNR_BENCH_CANDLE").into(),
            git: Some(env!("SNR_BENCH_GIT").into()),
            // `args` would panic on what is not UTF-8
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        }
    }

    /// Ends it now, after `step`.
    pub fn end(&mut self, step: u64) {
        (self.end, self.to_step) = (now(), Some(step));
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

    /// Its time and steps: "2026-11-24T09:05:00Z to 2026-11-24T09:06:10Z, from step 0 to 300".
    pub fn extent(&self) -> String {
        if self.start.is_empty() {
            return recorded("");
        }
        let end = if self.end.is_empty() { "an end that was not written" } else { &self.end };
        let step = |step: Option<u64>| step.map_or("one that was not written".to_string(), |step| step.to_string());
        format!("{} to {end}, from step {} to {}", self.start, step(self.from_step), step(self.to_step))
    }

    /// Whether it was on another machine, as far as both say.
    pub fn is_elsewhere(&self, other: &Self) -> bool {
        let names = |of: &Self| [of.host.clone(), of.cpu.clone(), of.simd.clone(), of.device.clone()];
        names(self).iter().zip(names(other)).any(|(a, b)| !a.is_empty() && !b.is_empty() && *a != b)
    }
}

/// The time in UTC: 2026-11-24T09:05:00Z.
fn now() -> String {
    OffsetDateTime::now_utc().truncate_to_second().format(&Rfc3339).unwrap_or_default()
}
