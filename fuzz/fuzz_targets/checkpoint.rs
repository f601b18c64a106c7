//! The checkpoint reader.
#![no_main]

use candle_core::Device;
use libfuzzer_sys::fuzz_target;
use snr_bench::train::checkpoint::Checkpoint;

fuzz_target!(|data: &[u8]| {
    let _ = Checkpoint::parse(data, &Device::Cpu);
});
