//! Run directories that fail, move or are shared: a clear error, the last checkpoint intact, and the same bits afterwards.
#![cfg(unix)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{Background, TINY, assert_fails, assert_ok, losses, snr_bench, stderr, stdout, train};
use rustix::process::Signal;
use snr_bench::internal::is_temporary;
use snr_bench::run_dir::{FILES, Meta, RunDir, State};
use tempfile::{TempDir, tempdir};

/// A run of `epochs` epochs in `run`, with what it is compared to beside it: one of 8 epochs in `whole`.
fn begun(epochs: &str) -> TempDir {
    let dir = tempdir().unwrap();
    assert_ok(&train(dir.path(), "whole", &["--epochs", "8"]));
    assert_ok(&train(dir.path(), "run", &["--epochs", epochs]));
    dir
}

fn resume(dir: &Path, run: &str) -> Output {
    snr_bench(dir, &["train", "--resume", run, "--epochs", "8"])
}

/// Resumes `run`, which now can be written to, and compares it with the undisturbed one.
#[track_caller]
fn goes_on(dir: &Path, run: &str) {
    assert_ok(&resume(dir, run));
    assert_eq!(losses(&dir.join(run)), losses(&dir.join("whole")));
    assert_eq!(Meta::read(&dir.join(run)).unwrap().state, State::Finished);
}

/// What `show` says of the run's state.
fn shown(dir: &Path, run: &str) -> String {
    let output = snr_bench(dir, &["show", run]);
    assert_ok(&output);
    stdout(&output).lines().find(|line| line.starts_with("state")).unwrap().to_string()
}

#[test]
fn a_file_size_limit_is_told_and_costs_nothing() {
    let dir = begun("3");
    let run = dir.path().join("run");
    let checkpoint = fs::read(run.join("checkpoint.safetensors")).unwrap();
    let limit = checkpoint.len() / 2 / 512;
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -f {limit} && exec \"$0\" train --resume run --epochs 8"))
        .arg(env!("CARGO_BIN_EXE_snr-bench"))
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_fails(&output, 1, &["cannot write run/checkpoint.safetensors", "before is intact", "File too large"]);
    assert!(fs::read(run.join("checkpoint.safetensors")).unwrap() == checkpoint);
    let half_written = |name: &str| FILES.iter().any(|file| is_temporary(name, file));
    let left = |entry: std::io::Result<fs::DirEntry>| half_written(entry.unwrap().file_name().to_str().unwrap());
    assert!(!fs::read_dir(&run).unwrap().any(left));
    let meta = Meta::read(&run).unwrap();
    assert_eq!(meta.state, State::Failed);
    assert!(meta.reason.unwrap().contains("File too large"));
    assert!(shown(dir.path(), "run").contains("failed: cannot write"));
    goes_on(dir.path(), "run");
}

/// A mount that ends with the test.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    /// `None`, with a word on standard error, where mounting is not allowed.
    fn new(args: &[&str], at: &'a Path) -> Option<Self> {
        let output = Command::new("mount").args(args).arg(at).output();
        if output.is_ok_and(|output| output.status.success()) {
            return Some(Self(at));
        }
        eprintln!("skipped: mounting is not possible here (it needs root)");
        None
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_costs_nothing() {
    let dir = tempdir().unwrap();
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let Some(_mount) = Mount::new(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"], &disk) else { return };
    assert_ok(&train(dir.path(), "whole", &["--epochs", "8"]));
    assert_ok(&train(dir.path(), "disk/run", &["--epochs", "3"]));
    let checkpoint = fs::read(disk.join("run/checkpoint.safetensors")).unwrap();
    // From a disk without a free page to one on which half the checkpoint has room.
    for free in [0, checkpoint.len() / 2] {
        let filler = disk.join("filler");
        let room = vec![0u8; 4096];
        let mut file = fs::File::create(&filler).unwrap();
        while std::io::Write::write_all(&mut file, &room).is_ok() {}
        file.set_len(file.metadata().unwrap().len() - free as u64).unwrap();
        assert_fails(
            &resume(dir.path(), "disk/run"),
            1,
            &["cannot write disk/run/", "before is intact", "No space left"],
        );
        assert!(fs::read(disk.join("run/checkpoint.safetensors")).unwrap() == checkpoint);
        let state = shown(dir.path(), "disk/run");
        assert!(state.contains("failed") || state.contains("finished"), "{state}");
        fs::remove_file(filler).unwrap();
    }
    goes_on(dir.path(), "disk/run");
}

/// A run that goes on for long, stopped by what happens to its folder after its first checkpoint.
fn long_run(dir: &Path) -> Background {
    let args = [&["train", "--out", "run", "--epochs", "1000000"], &TINY[..]].concat();
    let mut process = Background::start(dir, &args);
    process.until(|| dir.join("run/metrics.csv").exists());
    process
}

/// Resumes the long run to two epochs more than it has, and compares it with an undisturbed one.
#[track_caller]
fn long_run_goes_on(dir: &Path) {
    let epochs = (losses(&dir.join("run")).len() - 2 + 2).to_string();
    assert_ok(&snr_bench(dir, &["train", "--resume", "run", "--epochs", &epochs]));
    assert_ok(&train(dir, "whole", &["--epochs", &epochs]));
    assert_eq!(losses(&dir.join("run")), losses(&dir.join("whole")));
}

#[test]
fn a_folder_that_becomes_read_only_is_told_and_costs_nothing() {
    let dir = tempdir().unwrap();
    let run = dir.path().join("run");
    let process = long_run(dir.path());
    // For root permissions are no obstacle, a read-only view of the folder is; made elsewhere, where nobody writes.
    let view = dir.path().join("view");
    fs::create_dir(&view).unwrap();
    let view_mount = Mount::new(&["-o", "bind,ro", run.to_str().unwrap()], &view);
    let mount = view_mount.as_ref().and_then(|_| Mount::new(&["--bind", view.to_str().unwrap()], &run));
    match mount {
        Some(mount) => {
            assert_fails(&process.end(), 1, &["cannot write run/", "before is intact", "Read-only"]);
            assert!(shown(dir.path(), "run").contains("no process holds its lock"));
            assert_fails(&snr_bench(dir.path(), &["train", "--resume", "run"]), 1, &["cannot write to", "run"]);
            drop(mount);
        }
        None if rustix::process::geteuid().is_root() => return,
        None => {
            let permit = |mode| fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            permit(0o555);
            assert_fails(&process.end(), 1, &["cannot write run/", "before is intact", "Permission denied"]);
            permit(0o755);
        }
    }
    long_run_goes_on(dir.path());
}

#[test]
fn a_folder_that_is_moved_away_is_told_and_costs_nothing() {
    let dir = tempdir().unwrap();
    let process = long_run(dir.path());
    fs::rename(dir.path().join("run"), dir.path().join("elsewhere")).unwrap();
    assert_fails(&process.end(), 1, &["cannot write run/", "moved or removed", "put it back"]);
    assert!(!dir.path().join("run").exists());
    fs::rename(dir.path().join("elsewhere"), dir.path().join("run")).unwrap();
    long_run_goes_on(dir.path());
}

#[test]
fn a_folder_that_is_removed_is_told() {
    let dir = tempdir().unwrap();
    let process = long_run(dir.path());
    while fs::remove_dir_all(dir.path().join("run")).is_err() {} // it may be written to meanwhile
    assert_fails(&process.end(), 1, &["cannot write run/", "moved or removed"]);
    assert!(!dir.path().join("run").exists());
}

#[test]
fn a_run_does_not_write_into_the_folder_of_another_that_took_its_place() {
    let dir = tempdir().unwrap();
    let process = long_run(dir.path());
    fs::rename(dir.path().join("run"), dir.path().join("elsewhere")).unwrap();
    assert_ok(&train(dir.path(), "run", &["--epochs", "2", "--seed", "1"]));
    assert_fails(&process.end(), 1, &["moved or removed"]);
    assert_eq!(losses(&dir.path().join("run")).len(), 4);
    assert_eq!(Meta::read(&dir.path().join("run")).unwrap().config.unwrap().seed, 1);
}

#[test]
fn the_lock_dies_with_its_process_only() {
    let dir = tempdir().unwrap();
    let run = dir.path().join("run");
    let mut process = long_run(dir.path());
    for args in [&["train", "--resume", "run"][..], &["train", "--out", "run", "--force", "--dataset", "digits"]] {
        assert_fails(&snr_bench(dir.path(), args), 1, &["another process is working in run"]);
    }
    assert!(RunDir::is_locked(&run) && shown(dir.path(), "run").ends_with(" running"));
    process.signal(Signal::KILL);
    assert!(stderr(&process.end()).is_empty());
    assert!(!RunDir::is_locked(&run));
    assert_eq!(Meta::read(&run).unwrap().state, State::Running);
    assert!(shown(dir.path(), "run").contains("was running, but no process holds its lock: interrupted"));
    assert_ok(&snr_bench(dir.path(), &["plot", "run", "--format", "svg", "--out", "figures"]));
    for figure in fs::read_dir(dir.path().join("figures")).unwrap() {
        let caption = fs::read_to_string(figure.unwrap().path()).unwrap();
        assert!(caption.contains("Unfinished: 1 of 1 Adam") && !caption.contains("unning"), "{caption}");
    }
    long_run_goes_on(dir.path());
}

#[test]
fn two_runs_beside_each_other_do_not_disturb_each_other() {
    let dir = tempdir().unwrap();
    let args = |out, seed| [&["train", "--out", out, "--epochs", "30", "--seed", seed], &TINY[..]].concat();
    for (out, seed) in [("alone/0", "0"), ("alone/1", "1")] {
        assert_ok(&snr_bench(dir.path(), &args(out, seed)));
    }
    let both = [("both/0", "0"), ("both/1", "1")].map(|(out, seed)| Background::start(dir.path(), &args(out, seed)));
    both.into_iter().for_each(|process| assert_ok(&process.end()));
    for run in ["0", "1"] {
        assert_eq!(losses(&dir.path().join("both").join(run)), losses(&dir.path().join("alone").join(run)));
    }
}

/// `--force` costs the old run only when the new one begins.
#[test]
fn force_keeps_the_old_run_until_the_new_one_can_begin() {
    let dir = begun("2");
    let before = losses(&dir.path().join("run"));
    let no_data = ["train", "--out", "run", "--force", "--data-dir", "/nonexistent/data"];
    let mut command = common::program(dir.path());
    let output =
        command.args(no_data).env("HF_ENDPOINT", "http://127.0.0.1:9").env("HF_HOME", dir.path()).output().unwrap();
    assert_fails(&output, 1, &["MNIST is missing"]);
    assert_fails(
        &snr_bench(dir.path(), &["train", "--out", "run", "--force", "--dataset", "digits", "--train-subset", "60001"]),
        2,
        &["60001"],
    );
    assert_eq!(losses(&dir.path().join("run")), before);
    goes_on(dir.path(), "run");
}

/// The program with a time limit, which ends it with 124: it must not wait for what never comes.
fn limited(dir: &Path, args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_snr-bench");
    Command::new("timeout").arg("60").arg(program).args(args).current_dir(dir).output().unwrap()
}

/// A named pipe waits for its other end, a device never ends.
#[test]
fn no_pipe_or_device_is_read_in_place_of_a_file() {
    let dir = tempdir().unwrap();
    assert_ok(&train(dir.path(), "base/run", &["--epochs", "1"]));
    let (base, run) = (dir.path().join("base/run"), dir.path().join("results/run"));
    for name in FILES.into_iter().chain([".lock"]) {
        for device in [false, true] {
            let _ = fs::remove_dir_all(&run);
            fs::create_dir_all(&run).unwrap();
            for file in fs::read_dir(&base).unwrap().map(|file| file.unwrap().file_name()) {
                fs::copy(base.join(&file), run.join(&file)).unwrap();
            }
            let _ = fs::remove_file(run.join(name));
            if device {
                std::os::unix::fs::symlink("/dev/zero", run.join(name)).unwrap();
            } else {
                assert!(Command::new("mkfifo").arg(run.join(name)).status().unwrap().success());
            }
            let longer = ["train", "--resume", "results/run", "--epochs", "2"];
            for args in [&["show", "results/run"][..], &["ls", "results"], &["plot", "results"], &longer] {
                let output = limited(dir.path(), args);
                let text = stderr(&output);
                assert!(matches!(output.status.code(), Some(0 | 1)), "{name} {args:?}: {output:?}");
                let needed = name == "checkpoint.safetensors" || name == ".lock" || name == "metrics.csv";
                if args == longer && needed {
                    assert!(text.contains("it is no file but a pipe, a socket or a device"), "{name}: {text}");
                }
            }
        }
    }
}

#[test]
fn data_and_settings_from_pipes_and_devices() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    for (name, _) in snr_bench::data::files::FILES {
        assert!(Command::new("mkfifo").arg(dir.path().join("data").join(name)).status().unwrap().success());
    }
    let output = limited(dir.path(), &["train", "--dataset", "idx:data"]);
    assert_fails(&output, 1, &["labels-idx1-ubyte cannot be read (it is no file but a pipe"]);
    assert_fails(&limited(dir.path(), &["train", "--config", "/dev/zero"]), 1, &["/dev/zero is longer than 1 MiB"]);
    assert_fails(&limited(dir.path(), &["train", "--config", "data"]), 1, &["cannot read data: Is a directory"]);
    // A pipe with settings is as good as a file.
    let piped = "printf 'seed = 7' | \"$0\" train --config /dev/stdin --dry-run";
    let output = Command::new("sh").args(["-c", piped, env!("CARGO_BIN_EXE_snr-bench")]).output().unwrap();
    assert_ok(&output);
    assert!(stdout(&output).contains("seed = 7"));
}
