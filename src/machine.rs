//! The machine: its name and abilities, what of it a run computes with, and how time and memory are measured.

use std::path::Path;
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
    Some(kib("/proc/self/status", "VmHWM:")? / 1024.0)
}

/// Bytes of memory that this process can still take: of the machine, of its control groups (containers, Slurm), and of its
/// address space (`ulimit -v`). `None` where the system does not say, as without /proc.
pub fn available_memory() -> Option<f64> {
    let machine = kib("/proc/meminfo", "MemAvailable:")? + kib("/proc/meminfo", "SwapFree:").unwrap_or(0.0);
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = left_in_groups(Path::new("/sys/fs/cgroup"), &groups);
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max address space")?.split_whitespace().next());
    let limit = limit.and_then(|limit| limit.parse::<f64>().ok()).zip(kib("/proc/self/status", "VmSize:"));
    let space = limit.map(|(limit, taken)| limit - 1024.0 * taken);
    [group, space].into_iter().flatten().chain([1024.0 * machine]).reduce(f64::min)
}

/// A number of KiB in a file of /proc: `MemAvailable:   3012345 kB`.
fn kib(path: &str, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// The least that is left in a control group of this process (`groups` is /proc/self/cgroup), or in one above it; pages of
/// files that nobody reads count as free. Version 2 and version 1.
fn left_in_groups(root: &Path, groups: &str) -> Option<f64> {
    let left = |folder: &Path, [limit, usage, idle]: [&str; 3]| -> Option<f64> {
        let number = |name: &str| std::fs::read_to_string(folder.join(name)).ok()?.trim().parse::<f64>().ok();
        let stat = std::fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let idle = stat.lines().find_map(|line| line.strip_prefix(idle)?.trim().parse::<f64>().ok());
        Some(number(limit)? - number(usage)? + idle.unwrap_or(0.0))
    };
    let all = groups.lines().filter_map(|line| {
        let [_, controllers, path] = line.splitn(3, ':').collect::<Vec<_>>().try_into().ok()?;
        let (root, names) = match controllers {
            "" => (root.to_path_buf(), ["memory.max", "memory.current", "inactive_file "]),
            "memory" => {
                let names = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "];
                (root.join("memory"), names)
            }
            _ => return None,
        };
        let folders = Path::new(path.trim_start_matches('/')).ancestors().map(|path| root.join(path));
        folders.filter_map(|folder| left(&folder, names)).reduce(f64::min)
    });
    all.reduce(f64::min)
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
    fn the_tightest_control_group_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, values: [&str; 3], names: [&str; 3]| {
            let folder = root.path().join(path);
            std::fs::create_dir_all(&folder).unwrap();
            names.iter().zip(values).for_each(|(name, value)| std::fs::write(folder.join(name), value).unwrap());
        };
        let names = ["memory.max", "memory.current", "memory.stat"];
        assert_eq!(left_in_groups(root.path(), "0::/job/step\n"), None);
        write("job", ["4000\n", "1000\n", "anon 700\ninactive_file 300\n"], names);
        write("job/step", ["max\n", "900\n", ""], names);
        assert_eq!(left_in_groups(root.path(), "0::/job/step\n"), Some(3300.0));
        write("job/step", ["2000\n", "900\n", ""], names);
        assert_eq!(left_in_groups(root.path(), "0::/job/step\n"), Some(1100.0));
        // A container that sees the path on its host, and version 1.
        let names = ["memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"];
        write("memory", ["500", "100", "inactive_file 1\ntotal_inactive_file 50\n"], names);
        assert_eq!(left_in_groups(root.path(), "5:cpu:/x\n4:memory:/docker/ab\n0::/job\n"), Some(450.0));
    }

    #[test]
    fn every_job_has_a_thread() {
        let threads = |all, jobs| Machine { threads: all, device: Device::Cpu }.divided(jobs).threads;
        assert_eq!([threads(2, 1), threads(2, 2), threads(2, 3), threads(8, 3)], [2, 1, 1, 2]);
    }
}
