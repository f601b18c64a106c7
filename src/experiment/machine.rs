//! What runs compute with.

use candle_core::{Device, DeviceLocation};


/// What runs compute with. Changes no result but for another device's rounding.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// The Candle device.
    pub device: Device,
}

impl Machine {
    /// The part of it that each of `jobs` runs at once has: its share of the threads, but one at least.
    pub fn divided(&self, jobs: usize) -> Self {
        Self { threads: (self.threads / jobs.max(1)).max(1), device: self.device.clone() }
    }

    /// The device as `meta.json` names it: `cpu`, `cuda:0`, `metal`.
    pub fn device_name(&self) -> String {
        match self.device.location() {
            DeviceLocation::Cpu => "cpu".to_string(),
            DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
            DeviceLocation::Metal { .. } => "metal".to_string(),
        }
    }
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
