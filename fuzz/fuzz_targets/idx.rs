//! The reader of IDX files, plain or compressed: the first byte chooses what the file is asked to be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snr_bench::data::idx::{self, Kind};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, file)) = bytes.split_first() else { return };
    let kind = if first % 2 == 0 { Kind::Images } else { Kind::Labels };
    // A header may claim all of MNIST; nothing is allocated for what is not there.
    if let Ok(contents) = idx::read(file, file.len() as u64, kind, 60_000) {
        assert_eq!(contents.values.len(), contents.shape.iter().product::<usize>());
    }
});
