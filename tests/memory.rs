//! Memory: the estimate against what is taken, and what does not fit is told before it begins.
#![cfg(target_os = "linux")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::assert_fails;
use snr_bench::config::RunSpec;
use snr_bench::data::digits;
use snr_bench::experiment::Session;
use snr_bench::experiment::memory::Need;
use snr_bench::experiment::session::{IfExists, Opened, open};
use snr_bench::machine::Machine;
use tempfile::tempdir;

/// Counts what the process has.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Peak of what a run of one step takes beside its data, and the estimate of it.
fn measured(settings: &str) -> (f64, f64) {
    let small = "dataset = 'digits'\ntrain_subset = 64\nvalidation = 'holdout:64'\nepochs = 1\n";
    let spec = RunSpec::resolve([format!("{small}{settings}").parse().unwrap()]).unwrap();
    let machine = Machine { threads: 2, ..Machine::default() };
    let (data, dir) = (digits::load(), tempdir().unwrap());
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let Opened::Begun(run, start) = open(&spec, &dir.path().join("run"), IfExists::Refuse).unwrap() else { panic!() };
    let session = Session { machine: &machine, checkpoint_every: None, stop: &|| None };
    session.train(&spec, &data, (run, start), &()).unwrap();
    let need = Need::of(&spec, &machine).unwrap();
    ((PEAK.load(Relaxed) - before) as f64, need.state + need.passes)
}

#[test]
fn the_estimate_is_about_what_is_taken() {
    for settings in [
        "model = { embed_dim = 256, depth = 4 }",
        "model = { embed_dim = 256, depth = 2 }\nobserve = { noise = true, shadow = 'snradam' }",
        "model = { patch_size = 1, embed_dim = 16, depth = 3, num_heads = 4 }",
        "model = { kind = 'mlp', hidden_dim = 1024, depth = 3 }",
        "optim = 'sgd'\nmodel = { embed_dim = 512, depth = 1, mlp_ratio = 1 }",
    ] {
        let (taken, estimate) = measured(settings);
        let ratio = estimate / taken;
        assert!((0.85..1.35).contains(&ratio), "{settings}: {estimate:.0} for {taken:.0} bytes, {ratio:.2}");
    }
}

/// The program where only so many MiB of addresses are left to it.
fn limited(dir: &Path, mib: u32, args: &str) -> Output {
    let script = format!("ulimit -v {} && exec \"$0\" {args}", mib << 10);
    Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_snr-bench")]).current_dir(dir).output().unwrap()
}

#[test]
fn what_does_not_fit_is_told_before_it_begins() {
    let dir = tempdir().unwrap();
    let wide = "--dataset digits --set model.embed_dim=1536 --set model.depth=3";
    let fine = "--dataset digits --set model.patch_size=1 --set model.num_heads=64 --set model.depth=30";
    let mlp = "--dataset digits --set model.kind=mlp --set model.hidden_dim=9000";
    std::fs::write(dir.path().join("x.toml"), "optim = ['adam', 'sgd']\nseed = [0, 1]").unwrap();
    for (args, says) in [
        (format!("train {wide} --threads 1"), "take smaller model.embed_dim or model.depth, larger model.patch_size"),
        (format!("train {fine} --threads 2"), "take fewer --threads than 2, or smaller model.embed_dim"),
        (format!("train {mlp} --threads 1"), "take smaller model.hidden_dim or model.depth"),
        (format!("run x.toml {wide} --jobs 4"), "take fewer --jobs than 4, or "),
        (format!("run x.toml {wide} --dry-run"), "GiB of memory, and "),
        (format!("bench {wide}"), "GiB of memory, and "),
    ] {
        let output = limited(dir.path(), 1500, &args);
        assert_fails(&output, 1, &["error: this takes about ", "for the data, ", says]);
        let left = std::fs::read_dir(dir.path().join("results/train")).is_ok_and(|mut left| left.next().is_some());
        assert!(!left && !dir.path().join("results/x").exists(), "{args} leaves something behind");
    }
}
