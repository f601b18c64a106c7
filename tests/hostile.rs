//! Hostile input: whatever the bytes are, a reader returns, and takes no more memory than its file justifies.
//!
//! Seeded mutations of valid files: 100,000 and more of each kind, see [`CASES`].

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use snr_bench::config::{self, RunSpec};
use snr_bench::data::MNIST_SHAPE;
use snr_bench::data::idx::{self, Kind};
use snr_bench::model::{Params, VitConfig};
use snr_bench::optim::Optimizer;
use snr_bench::run_dir::{CHECKPOINT, Meta, Row, RunDir, State, record};
use snr_bench::train::checkpoint::{self, Checkpoint, EpochProgress, RunProgress};
use tempfile::tempdir;

/// Mutated files of each test.
const CASES: u64 = 100_000;

/// Counts what the current thread has, so that tests beside each other do not disturb each other.
struct Counting;

thread_local! {
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn count(change: isize) {
    // Not where the thread is ending and its locals are gone.
    let _ = HELD.try_with(|held| {
        let (now, peak) = held.get();
        held.set((now + change, peak.max(now + change)));
    });
}

// SAFETY: hands everything to the system's allocator; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Does `work` and returns the most bytes that it held at a time.
fn peak(work: impl FnOnce()) -> usize {
    let (before, _) = HELD.get();
    HELD.set((before, before));
    work();
    (HELD.get().1 - before) as usize
}

/// What every reader may take whatever it reads: buffers, error messages, the defaults.
const ALLOWANCE: usize = 256 << 10;

/// Reads `CASES` mutations of the seeds, each with at most `factor` times its length of memory; returns how many were
/// accepted.
fn read_mutations(name: &str, seeds: &[Vec<u8>], factor: usize, read: impl Fn(&[u8]) -> bool) -> u64 {
    let (mut accepted, mut most) = (0, 0.0f64);
    for case in 0..CASES {
        let mut random = ChaCha8Rng::seed_from_u64(case);
        let seed = &seeds[random.random_range(0..seeds.len())];
        let mut bytes = seed.clone();
        for _ in 0..random.random_range(1..=4) {
            mutate(&mut bytes, &mut random);
        }
        while bytes == *seed {
            mutate(&mut bytes, &mut random);
        }
        let mut ok = false;
        let took = peak(|| ok = read(&bytes));
        accepted += u64::from(ok);
        most = most.max(took as f64 / (bytes.len() + ALLOWANCE) as f64);
        assert!(
            took <= ALLOWANCE + factor * bytes.len(),
            "{name}, case {case}: {took} bytes for a file of {}",
            bytes.len()
        );
    }
    eprintln!("{name}: {CASES} cases, {accepted} accepted, at most {most:.2} bytes held for each byte and 256 KiB");
    accepted
}

/// Flips a bit, cuts, inserts, repeats, swaps; and puts in what parsers stumble over.
fn mutate(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    const TOKENS: [&str; 24] = [
        "nan",
        "-inf",
        "1e400",
        "-1",
        "0",
        "18446744073709551615",
        "9223372036854775808",
        "1e300",
        "[",
        "]",
        "{",
        "}",
        "\"",
        ",",
        "\n",
        "=",
        ".",
        "[[",
        "\\u0000",
        "\u{fffd}",
        "null",
        "model.depth=1000000000000000000\n",
        "[model]\n",
        "\r",
    ];
    let at = if bytes.is_empty() { 0 } else { random.random_range(0..bytes.len()) };
    let end = (at + random.random_range(1..32)).min(bytes.len());
    match random.random_range(0..8) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.random_range(0..8),
        1 if !bytes.is_empty() => bytes[at] = random.random(),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let copy = bytes[at..end].repeat(random.random_range(1..8));
            bytes.splice(at..at, copy);
        }
        // A length field, of either order of bytes.
        5 if bytes.len() > 8 => {
            let value: u64 = [u64::MAX, 1 << 63, 1 << 32, 1 << 31, 1 << 24, 1 << 16][random.random_range(0..6)];
            let value = if random.random() { value.to_le_bytes() } else { value.to_be_bytes() };
            let width = [4, 8][random.random_range(0..2)];
            let at = if random.random() { at.min(bytes.len() - 8) } else { at % 16 % (bytes.len() - 8) };
            bytes[at..at + width].copy_from_slice(&value[..width]);
        }
        // Digits that become other digits, which keep a text well formed.
        6 => {
            if let Some(digit) = bytes[at..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                *digit = b'0' + random.random_range(0..10);
            }
        }
        _ => {
            let token = TOKENS[random.random_range(0..TOKENS.len())];
            bytes.splice(at..at, token.bytes());
        }
    }
}

#[test]
fn idx_and_gzip() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let file = |kind: Kind, size: usize| {
        [kind.header(if size == 1 { &[3] } else { &[3, 28, 28] }), (0..3 * size).map(|i| (i % 10) as u8).collect()]
            .concat()
    };
    let plain = [file(Kind::Images, MNIST_SHAPE.pixels()), file(Kind::Labels, 1)];
    let seeds = [plain.clone().to_vec(), plain.iter().map(|bytes| gzip(bytes)).collect()].concat();
    // 60,000 images may be claimed and not one be there; a byte of gzip becomes at most 1032.
    read_mutations("IDX and gzip", &seeds, 1032, |bytes| {
        let kind = if bytes.len() % 2 == 0 { Kind::Images } else { Kind::Labels };
        [kind, Kind::Images].into_iter().any(|kind| idx::read(bytes, bytes.len() as u64, kind, 60_000).is_ok())
    });
}

const CONFIG: &str = "dataset = 'digits'\nvalidation = \"holdout:5000\"\ntrain_subset = 0\nepochs = [20, 30]\nbatch = 'full'\nseed = [0, 1, 2]\noptim = [\"adam\", \"snradam\"]\nlr = [1e-3, 0.01]\nweight_decay = 0.0\nbeta1 = 0.9\neps = 1e-8\n[model]\npatch_size = 4\nembed_dim = 64\ndepth = [2, 3]\nnum_heads = 4\nmlp_ratio = 4.0\n";

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[test]
fn configurations() {
    let single = RunSpec::default().to_toml();
    let seeds = [CONFIG.into(), single.into(), b"lr=1\nseed=[1,2]".to_vec(), b"[model]\nmlp_ratio = 1e300".to_vec()];
    // Lists multiply out into runs, each of about a kilobyte.
    read_mutations("configuration", &seeds, 4096, |bytes| {
        let Ok(table) = text(bytes).parse::<toml::Table>() else { return false };
        let resolved = RunSpec::resolve([table.clone()]);
        if let Ok(spec) = &resolved {
            assert_eq!(RunSpec::resolve([spec.to_toml().parse().unwrap()]).unwrap(), *spec);
            assert!(!spec.run_name().is_empty() && spec.num_params() <= 100_000_000);
        }
        config::expand([table]).is_ok() || resolved.is_ok()
    });
}

#[test]
fn assignments() {
    let seeds = ["model.depth=4", "lr = 1e-3", "seed=[1, 2]", "optim=adam", "a.b.c.d={ x = 1 }", "batch=full"];
    read_mutations("--set", &seeds.map(|seed| seed.into()), 4096, |bytes| {
        config::parse_assignment(&text(bytes)).and_then(|table| RunSpec::resolve([table])).is_ok()
    });
}

fn row(epoch: u64) -> Row {
    let loss = (epoch > 0).then_some(0.5);
    Row {
        epoch,
        step: epoch,
        samples_seen: epoch * 10,
        lr: 1e-3,
        train_loss: loss,
        train_accuracy: loss,
        val_loss: 2.5,
        val_accuracy: 0.1,
        grad_norm: loss,
        update_norm: loss,
        param_norm: 8.0,
        epoch_seconds: 0.1,
        wall_seconds: 0.2,
    }
}

/// As `plot` reads it, from a real directory.
#[test]
fn metrics() {
    let dir = shared_memory();
    fs::write(dir.path().join("config.toml"), RunSpec::default().to_toml()).unwrap();
    fs::write(dir.path().join("meta.json"), r#"{"state": "running", "data_hash": "abc"}"#).unwrap();
    let rows: Vec<Row> = (0..4).map(row).collect();
    let seeds = [Row::to_csv(&rows).unwrap().into_bytes(), Row::to_csv(&rows[..1]).unwrap().into_bytes()];
    read_mutations("metrics.csv", &seeds, 32, |bytes| {
        fs::write(dir.path().join("metrics.csv"), bytes).unwrap();
        let Ok(record) = record::read(dir.path()) else { return false };
        assert!(record.rows.iter().enumerate().all(|(i, row)| row.epoch == i as u64));
        true
    });
}

/// A folder in memory where there is one: 100,000 files are written.
fn shared_memory() -> tempfile::TempDir {
    if Path::new("/dev/shm").is_dir() { tempfile::tempdir_in("/dev/shm") } else { tempdir() }.unwrap()
}

fn tiny() -> VitConfig {
    VitConfig { patch_size: 7, embed_dim: 1, depth: 1, num_heads: 1, mlp_ratio: 1.0, ..VitConfig::default() }
}

fn parts() -> (Params, Optimizer<snr_bench::optim::BoxedRule>) {
    let params = Params::init(tiny().layout(MNIST_SHAPE), 0).unwrap();
    let optimizer = Optimizer::new(params.layout().clone(), 0.0, RunSpec::default().rule().unwrap()).unwrap();
    (params, optimizer)
}

fn valid_checkpoint() -> Vec<u8> {
    let dir = tempdir().unwrap();
    let (params, optimizer) = parts();
    let progress = RunProgress {
        config_hash: "c".repeat(64),
        data_hash: "d".repeat(64),
        state: State::Running,
        step: 3,
        samples_seen: 30,
        epoch: EpochProgress { update_norm: f64::NAN, ..Default::default() },
        wall_seconds: 1.5,
        steps_csv: Some(7),
        tensors_csv: 0,
        noise_batches: 0,
        rows: (0..3).map(row).collect(),
    };
    checkpoint::save(&RunDir::lock(dir.path()).unwrap(), &params, &optimizer, &[], &progress).unwrap();
    fs::read(dir.path().join(CHECKPOINT)).unwrap()
}

fn restores(bytes: &[u8]) -> bool {
    let Ok(checkpoint) = Checkpoint::parse(bytes) else { return false };
    let (mut params, mut optimizer) = parts();
    checkpoint.restore(&mut params, &mut optimizer).is_ok()
}

#[test]
fn a_valid_checkpoint_restores_and_any_change_is_found() {
    let valid = valid_checkpoint();
    assert!(restores(&valid));
    let intact = Checkpoint::parse(&valid).unwrap().progress;
    assert!(intact.epoch.update_norm.is_nan() && intact.rows.len() == 3);
    for bit in 0..valid.len() * 8 {
        let mut bytes = valid.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!restores(&bytes), "bit {bit} was flipped unnoticed");
    }
    (0..valid.len()).for_each(|length| assert!(!restores(&valid[..length]), "{length} bytes were enough"));
}

#[test]
fn checkpoints() {
    let seeds = [valid_checkpoint()];
    assert_eq!(read_mutations("checkpoint", &seeds, 64, restores), 0, "a change went unnoticed");
}

/// The checksum put right again, so that what lies behind it is reached.
#[test]
fn checkpoints_with_a_valid_checksum() {
    let valid = valid_checkpoint();
    let length = u64::from_le_bytes(valid[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&valid[8..8 + length]).unwrap();
    let progress = header["__metadata__"]["snr-bench"].as_str().unwrap();
    // The progress, a line, and the rest of the header.
    let mut rest = header.clone();
    rest.as_object_mut().unwrap().remove("__metadata__");
    let seed = format!("{progress}\n{rest}").into_bytes();
    read_mutations("checkpoint with a valid checksum", &[seed], 256, |bytes| {
        let mutated = text(bytes);
        let (progress, rest) = mutated.split_once('\n').unwrap_or((&mutated, "{}"));
        restores(&sealed(progress, rest, &valid[8 + length..]))
    });
}

/// A checkpoint that is intact but absurd: resumed or refused, never a panic.
#[test]
fn absurd_progress_is_no_panic() {
    let dir = tempdir().unwrap();
    common::assert_ok(&common::train(dir.path(), "run", &["--epochs", "1"]));
    let path = dir.path().join("run").join(CHECKPOINT);
    let valid = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(valid[..8].try_into().unwrap()) as usize;
    let mut rest: serde_json::Value = serde_json::from_slice(&valid[8..8 + length]).unwrap();
    let metadata = rest.as_object_mut().unwrap().remove("__metadata__").unwrap();
    let progress: serde_json::Value = serde_json::from_str(metadata["snr-bench"].as_str().unwrap()).unwrap();
    for (key, value) in [
        ("/wall_seconds", serde_json::json!(1e300)),
        ("/wall_seconds", serde_json::json!(-1.0)),
        ("/step", u64::MAX.into()),
        ("/samples_seen", u64::MAX.into()),
        ("/epoch/batches", u64::MAX.into()),
        ("/epoch/totals/samples", u64::MAX.into()),
        ("/rows", "".into()),
    ] {
        let mut absurd = progress.clone();
        *absurd.pointer_mut(key).unwrap() = value;
        fs::write(&path, sealed(&absurd.to_string(), &rest.to_string(), &valid[8 + length..])).unwrap();
        let output = common::snr_bench(dir.path(), &["train", "--resume", "run", "--epochs", "2"]);
        let text = common::stderr(&output);
        assert!(matches!(output.status.code(), Some(0..=3)) && !text.contains("panicked"), "{key}: {text}");
        assert!(!text.contains("checksum"), "{text}");
        let back = fs::read_to_string(dir.path().join("run/config.toml")).unwrap().replace("epochs = 2", "epochs = 1");
        fs::write(dir.path().join("run/config.toml"), back).unwrap();
    }
}

/// A checkpoint file of these parts.
fn sealed(progress: &str, rest: &str, data: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new_with_prefix(progress);
    if let Ok(serde_json::Value::Object(tensors)) = serde_json::from_str(rest) {
        let mut list: Vec<_> = tensors.iter().collect();
        list.sort_by_key(|(name, _)| name.as_str());
        for (name, tensor) in list {
            let at = |i: usize| tensor["data_offsets"][i].as_u64().unwrap_or(0) as usize;
            hash.update(name);
            hash.update(data.get(at(0)..at(1)).unwrap_or_default());
        }
    }
    let sha256: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let metadata = serde_json::json!({ "snr-bench": progress, "sha256": sha256 });
    let rest = rest.trim().strip_prefix('{').unwrap_or(rest);
    let header = format!("{{\"__metadata__\":{metadata},{rest}");
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// One case each that once took all memory, or panicked, or overflowed the stack.
#[test]
fn absurd_settings_are_refused_at_once() {
    let refuse = |text: &str| {
        let mut error = String::new();
        let table: toml::Table = text.parse().unwrap();
        let took = peak(|| error = config::expand([table]).expect_err(text).to_string());
        assert!(took < 8 << 20, "{took} bytes for {text:.60}");
        error
    };
    assert!(refuse("model.depth = 1000000000000000000").contains("more blocks than the 10000"));
    assert!(refuse("model.mlp_ratio = 1e300").contains("million"));
    assert!(refuse("model.mlp_ratio = inf").contains("mlp_ratio"));
    assert!(refuse("model.mlp_ratio = nan").contains("mlp_ratio"));
    // 2^62 squared is 0 in 64 bits.
    assert!(refuse("model.embed_dim = 4611686018427387904").contains("million"));
    assert!(refuse("model.embed_dim = 50000\nmodel.num_heads = 1\nmodel.depth = 9000").contains("million"));
    let list = (0..5000).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    assert!(
        refuse(&format!("seed = [{list}]\nepochs = [{list}]\nlr = [{list}]\nbatch = [{list}]")).contains("10000 runs")
    );
    assert!(refuse(&format!("seed = [{list}]\nunknown = '{}'", "x".repeat(100_000))).contains("unknown"));
    assert!(refuse("batch = '18446744073709551615'").contains("batch"));
    let long = "x".repeat(1_000_000);
    assert!(refuse(&format!("{long} = 1")).contains("unknown setting"));
    let deep = format!("{}=1", vec!["a"; 60_000].join("."));
    assert!(config::parse_assignment(&deep).unwrap_err().to_string().contains("60000 parts"));
}

/// Keys nested as deep as a file can be long: refused, or read and refused.
#[test]
fn deep_files_do_not_exhaust_the_stack() {
    let keys = vec!["a"; 100_000].join(".");
    for text in [
        format!("{keys} = 1"),
        format!("[{keys}]\nb = 1"),
        format!("[[{keys}]]"),
        format!("a = {}", "[".repeat(100_000)),
    ] {
        let dir = tempdir().unwrap();
        let path = dir.path().join("deep.toml");
        fs::write(&path, text).unwrap();
        let outcome = config::read_table(&path).and_then(|table| config::expand([table]));
        assert!(outcome.is_err());
    }
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("meta.json"), "[".repeat(1_000_000)).unwrap();
    assert!(Meta::read(dir.path()).is_err());
}

#[cfg(unix)]
#[test]
fn files_without_end_are_not_read_to_the_end() {
    let mut error = String::new();
    let took = peak(|| error = format!("{:#}", config::read_table(Path::new("/dev/zero")).unwrap_err()));
    assert!(error.contains("longer than 1 MiB") && took < 8 << 20, "{took}: {error}");
}
