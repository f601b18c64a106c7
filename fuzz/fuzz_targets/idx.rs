//! The IDX and gzip reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snr_bench::data::idx::{self, Kind};

fuzz_target!(|data: &[u8]| {
    for kind in [Kind::Images, Kind::Labels] {
        let _ = idx::read(data, data.len() as u64, kind, 60_000);
    }
});
