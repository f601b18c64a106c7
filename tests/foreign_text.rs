//! Control characters, marks of direction and formulas in names of folders and in `meta.json`: no command hands them on.

mod common;

use std::fs;
use std::path::Path;

use common::{assert_fails, snr_bench};
use serde_json::json;
use snr_bench::config::RunSpec;
use snr_bench::run_dir::Row;
use tempfile::tempdir;

/// Clears the screen, sets the window's title, reverses letters, is a control character of one byte in Latin-1.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}exe.\u{9b}31m";

/// Six pairs below a folder whose name begins like a flag, with folders that begin like formulas.
fn write_runs(root: &Path) {
    for (optim, factor) in [("adam", 1.0), ("snradam", 0.9)] {
        for seed in 0..6 {
            let settings = toml::toml! { optim = optim seed = seed epochs = 2 };
            let spec = RunSpec::resolve([settings]).unwrap();
            let dir = root.join(format!("={EVIL}-{optim}-{seed}"));
            let meta = json!({
                "state": "finished", "data_hash": EVIL, "cpu": EVIL, "platform": EVIL, "git": EVIL, "version": EVIL,
                "command": [EVIL, "x"], "data_files": {EVIL: EVIL},
            });
            let row = |epoch: u64, loss: f64| Row {
                epoch,
                step: 15 * epoch,
                samples_seen: 60_000 * epoch,
                lr: 1e-3,
                train_loss: (epoch > 0).then_some(loss),
                train_accuracy: None,
                val_loss: loss,
                val_accuracy: 0.5,
                grad_norm: None,
                update_norm: None,
                param_norm: 20.0,
                epoch_seconds: 1.0,
                wall_seconds: epoch as f64,
            };
            let own = (1.0 + 0.01 * seed as f64) * factor;
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("config.toml"), spec.to_toml()).unwrap();
            fs::write(dir.join("meta.json"), meta.to_string()).unwrap();
            fs::write(dir.join("metrics.csv"), Row::to_csv(&[row(0, 2.3), row(1, own), row(2, 0.5 * own)]).unwrap())
                .unwrap();
        }
    }
}

fn assert_visible(what: &str, text: &str) {
    let hidden = |c: char| c == '\u{202e}' || c.is_control() && c != '\n' && c != '\t';
    let found: Vec<String> =
        text.lines().filter(|line| line.contains(hidden)).map(|line| format!("{line:?}")).collect();
    assert!(found.is_empty(), "{what}: {}", found.join("\n"));
}

#[test]
fn no_command_hands_control_characters_on() {
    let dir = tempdir().unwrap();
    write_runs(&dir.path().join("-runs"));
    let one = format!("./-runs/={EVIL}-adam-0");
    let commands: [&[&str]; 11] = [
        &["ls", "./-runs"],
        &["ls", "./-runs", "--csv", "-"],
        &["ls", "./-runs", "--json", "-"],
        &["ls", "./-runs", "--csv", "runs.csv"],
        &["show", &one],
        &["compare", "./-runs", "--all", "--csv", "compare.csv", "--markdown", "compare.md"],
        &["compare", "./-runs", "--json", "-"],
        &["plot", "./-runs", "--out", "figures", "--format", "svg"],
        &["report", "./-runs"],
        &["train", "--resume", &one],
        &["show", EVIL],
    ];
    for command in commands {
        let output = snr_bench(dir.path(), command);
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert_visible(&format!("{command:?}, standard output"), &stdout);
        assert_visible(&format!("{command:?}, standard error"), &stderr);
        if command.contains(&"--json") {
            serde_json::from_str::<serde_json::Value>(&stdout).unwrap_or_else(|e| panic!("{command:?}: {e}\n{stdout}"));
        }
        if command[0] == "show" {
            assert!((stdout + &stderr).contains(r"\u001b"), "{command:?} hides the name instead of showing it");
        }
    }
    let figures = fs::read_dir(dir.path().join("figures")).unwrap().map(|entry| entry.unwrap().path());
    let files = ["-runs/report.html", "compare.csv", "compare.md", "runs.csv"].map(|name| dir.path().join(name));
    for file in figures.chain(files) {
        assert_visible(&file.display().to_string(), &fs::read_to_string(&file).unwrap());
    }
}

#[test]
fn a_cell_is_no_formula_and_a_folder_no_flag() {
    let dir = tempdir().unwrap();
    let folder = dir.path().join("-runs");
    write_runs(&folder);
    let output = snr_bench(&folder, &["ls", ".", "--csv", "-"]);
    let mut table = csv::Reader::from_reader(output.stdout.as_slice());
    let mut rows = 0;
    for row in table.records() {
        let row = row.unwrap();
        let formula = |cell: &&str| cell.starts_with(['=', '+', '-', '@']) && cell.parse::<f64>().is_err();
        assert_eq!(row.iter().find(formula), None);
        rows += 1;
    }
    assert_eq!(rows, 12);
    let resumable = "-a run";
    fs::rename(folder.join(format!("={EVIL}-adam-0")), dir.path().join(resumable)).unwrap();
    assert_fails(
        &snr_bench(dir.path(), &["train", "--epochs", "2", "--out=-a run"]),
        1,
        &["go on with it with --resume './-a run'"],
    );
}
