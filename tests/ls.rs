//! `snr-bench ls`: the runs below a folder, and long tables of them.

mod common;

use std::fs;
use std::path::Path;

use common::{assert_fails, assert_ok, snr_bench, stderr, stdout};
use tempfile::TempDir;

/// Two optimizers at two rates, trained for a moment; SGD at 1e30 diverges.
fn trained(root: &Path) {
    let args = ["--dataset", "digits", "--train-subset", "64", "--validation", "holdout:64", "--epochs", "2"];
    let model = ["--set", "model.patch_size=14", "--set", "model.embed_dim=16", "--batch", "32"];
    for (optim, lr) in [("adam", "0.001"), ("adam", "0.003"), ("sgd", "0.001"), ("sgd", "1e30")] {
        let output = snr_bench(
            root,
            &[&["train", "--optim", optim, "--lr", lr, "--out", &format!("out/{optim}-{lr}")], &args[..], &model[..]]
                .concat(),
        );
        assert!(output.status.code() == Some(if lr == "1e30" { 3 } else { 0 }), "{}", stderr(&output));
    }
}

fn csv(text: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.unwrap()).collect()
}

#[test]
fn runs_are_listed_filtered_sorted_and_written_as_one_table() {
    let dir = TempDir::new().unwrap();
    trained(dir.path());
    let ls = |args: &[&str]| snr_bench(dir.path(), &[&["ls", "out"], args].concat());

    let output = ls(&[]);
    assert_ok(&output);
    let text = stdout(&output);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let header = text.lines().next().unwrap();
    for column in ["run", "state", "lr", "optim", "epoch"] {
        assert!(header.contains(column), "{text}");
    }
    assert!(
        !header.contains("eps") && !header.contains("momentum") && !header.contains("seed"),
        "only what differs: {text}"
    );
    assert_eq!((text.matches("finished").count(), text.matches("diverged").count()), (3, 1), "{text}");
    assert!(text.contains("∞") && text.contains("4 runs"), "{text}");

    let adam = stdout(&ls(&["--where", "optim=adam,lr=1e-3"]));
    assert!(adam.contains("1 run") && !adam.contains("sgd"), "{adam}");
    assert!(stdout(&ls(&["--where", "lr=0.001,lr=0.003"])).contains("3 runs"), "one of the values of a key");
    assert!(stdout(&ls(&["--where", "state=diverged"])).contains("1 run"));
    assert_fails(&ls(&["--where", "optimiser=adam"]), 2, &["no run has a setting 'optimiser'", "'optim'"]);
    assert_fails(&ls(&["--where", "lr=7"]), 2, &["no run matches --where lr=7"]);
    assert_fails(&ls(&["--where", "lr"]), 2, &["--where lr is no condition; write KEY=VALUE"]);
    assert_fails(&ls(&["--sort", "los"]), 2, &["there is no such column"]);
    assert_fails(&ls(&["--per", "step"]), 2, &["name one with --csv or --json"]);
    assert_fails(&ls(&["--csv", "-", "--json", "-"]), 2, &["only one format"]);

    let rows = csv(&stdout(&ls(&["--csv", "-", "--sort", "final_val_loss"])));
    let losses: Vec<f64> = rows.iter().map(|row| row["final_val_loss"].parse().unwrap()).collect();
    assert!(losses.len() == 4 && losses.is_sorted() && losses[3] == f64::INFINITY, "{losses:?}");
    assert_eq!((rows[3]["lr"].as_str(), rows[3]["state"].as_str()), ("1e30", "diverged"));
    let down = csv(&stdout(&ls(&["--csv", "-", "--sort=-final_val_loss"])));
    assert_eq!(down[0], rows[3]);

    let epochs = csv(&stdout(&ls(&["--per", "epoch", "--csv", "-", "--where", "optim=adam"])));
    assert_eq!(epochs.len(), 2 * 3, "epochs 0, 1, 2 of two runs");
    let first = epochs.iter().find(|row| row["lr"] == "0.001" && row["epoch"] == "2").unwrap();
    let metrics = fs::read_to_string(Path::new(&dir.path().join(&first["run"])).join("metrics.csv")).unwrap();
    assert!(metrics.lines().last().unwrap().contains(&first["val_loss"]), "as metrics.csv has it");

    assert_ok(&ls(&["--json", "runs.json"]));
    let json: serde_json::Value = serde_json::from_slice(&fs::read(dir.path().join("runs.json")).unwrap()).unwrap();
    let rows = json.as_array().unwrap();
    let failed = rows.iter().find(|row| row["state"] == "diverged").unwrap();
    assert!(rows.len() == 4 && failed["final_val_loss"].is_null() && failed["batch"] == 32, "{failed}");
}

#[test]
fn the_same_filter_chooses_what_is_compared() {
    let dir = TempDir::new().unwrap();
    trained(dir.path());
    let output = snr_bench(dir.path(), &["compare", "out", "--where", "lr=0.001"]);
    assert_ok(&output);
    assert!(stdout(&output).contains("SGD / Adam") && !stdout(&output).contains("0.003"), "{}", stdout(&output));
}
