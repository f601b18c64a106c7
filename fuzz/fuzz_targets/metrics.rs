//! metrics.csv as `plot` reads it from a run directory.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use snr_bench::config::RunSpec;
use snr_bench::train::record;

static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("snr-bench-fuzz-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a folder");
    fs::write(dir.join("config.toml"), RunSpec::default().to_toml()).expect("a file");
    fs::write(dir.join("meta.json"), r#"{"state": "running", "data_hash": "abc"}"#).expect("a file");
    dir
});

fuzz_target!(|data: &[u8]| {
    fs::write(DIR.join("metrics.csv"), data).expect("a file");
    if let Ok(record) = record::read(&DIR) {
        assert!(record.rows.iter().enumerate().all(|(i, row)| row.epoch == i as u64));
    }
});
