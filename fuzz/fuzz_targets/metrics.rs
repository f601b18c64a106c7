//! The reader of a run directory's `metrics.csv` and `meta.json`, as `plot` reads them: the file up to the first NUL is the
//! one, what follows the other.
#![no_main]

use std::cell::LazyCell;
use std::fs;

use libfuzzer_sys::fuzz_target;
use snr_bench::config::RunSpec;
use snr_bench::run_dir::record;
use tempfile::TempDir;

thread_local! {
    static RUN: LazyCell<TempDir> = LazyCell::new(|| {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        fs::write(dir.path().join("config.toml"), RunSpec::default().to_toml()).expect("a file");
        dir
    });
}

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&byte| byte == 0);
    let metrics = parts.next().unwrap_or_default();
    let meta = parts.next().unwrap_or(br#"{"state": "running", "data_hash": "abc"}"#);
    RUN.with(|run| {
        fs::write(run.path().join("metrics.csv"), metrics).expect("a file");
        fs::write(run.path().join("meta.json"), meta).expect("a file");
        if let Ok(record) = record::read(run.path()) {
            assert!(record.rows.iter().enumerate().all(|(i, row)| row.epoch == i as u64));
        }
    });
});
