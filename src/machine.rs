//! The machine: its name and abilities, what of it a run computes with, and how time and memory are measured.

use std::time::{Duration, Instant};

use candle_core::{Device, DeviceLocation};

use crate::error::Result;

/// What runs compute with. Changes no result but for another device's rounding.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// The Candle device.
    pub device: Device,
}

impl Default for Machine {
    /// All cores of the CPU.
    fn default() -> Self {
        Self { threads: all_threads(), device: Device::Cpu }
    }
}

impl Machine {
    /// The part of it that each of `jobs` runs at once has: its share of the threads, but one at least.
    pub fn divided(&self, jobs: usize) -> Self {
        Self { threads: (self.threads / jobs.max(1)).max(1), device: self.device.clone() }
    }

    /// The device as a run directory names it: `cpu`, `cuda:0`, `metal`.
    pub fn device_name(&self) -> String {
        match self.device.location() {
            DeviceLocation::Cpu => "cpu".to_string(),
            DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
            DeviceLocation::Metal { .. } => "metal".to_string(),
        }
    }
}

/// The processor's name as the operating system tells it.
pub fn cpu_name() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_string(), |(_, name)| name.trim().to_string())
}

/// The machine's name in its network.
pub fn host_name() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
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

/// Threads that the machine runs at once.
pub fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Peak resident memory of this process in MiB, from /proc.
pub fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()? / 1024.0)
}

/// Seconds of each repetition, sorted: after one that does not count, for `time`, at least three.
pub(crate) fn repeat(time: Duration, mut work: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    work()?;
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < 3 || begin.elapsed() < time {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_has_a_thread() {
        let threads = |all, jobs| Machine { threads: all, device: Device::Cpu }.divided(jobs).threads;
        assert_eq!([threads(2, 1), threads(2, 2), threads(2, 3), threads(8, 3)], [2, 1, 1, 2]);
    }
}
