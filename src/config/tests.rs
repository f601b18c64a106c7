//! What settings mean: budgets, names of runs, measurements.

use std::path::Path;

use super::*;
use crate::run_dir::read_config;

fn resolve(layers: &[&str]) -> Result<RunSpec> {
    RunSpec::resolve(layers.iter().map(|text| text.parse().unwrap()))
}

/// Those of the runs in results/: their folders are named after them.
#[test]
fn runs_of_earlier_versions_keep_their_hash_and_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let inside = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    let runs = inside(&root).flat_map(|study| inside(&study).collect::<Vec<_>>());
    let runs: Vec<_> = runs.filter(|dir| dir.join("config.toml").exists()).collect();
    assert!(runs.len() > 30);
    for dir in runs {
        let spec = read_config(&dir).unwrap();
        assert_eq!(spec.run_name(), dir.file_name().unwrap().to_str().unwrap());
        let meta = crate::run_dir::Meta::read(&dir).unwrap();
        assert_eq!((spec.hash(), Some(spec)), (meta.config_hash, meta.config));
    }
}

#[test]
fn a_number_of_the_wrong_kind_is_quoted_as_it_was_given() {
    let error = |layers: &[&str]| resolve(layers).unwrap_err().to_string();
    assert_eq!(resolve(&["batch = 1.0", "batch = 64"]).unwrap().batch, Batch::Size(64), "the later one wins");
    assert_eq!(error(&["batch = 64", "batch = 1.0"]), "batch = 1.0 is impossible; it must be a whole number");
    assert_eq!(error(&["epochs = 2.5"]), "epochs = 2.5 is impossible; it must be a whole number");
    assert_eq!(resolve(&["lr = 1"]).unwrap().lr, 1.0);
}

#[test]
fn the_name_tells_runs_apart_that_train_differently() {
    let name = |text: &str| resolve(&[text]).unwrap().run_name();
    let ways = ["", "steps = 300", "steps = 301", "schedule = 'cosine'", "schedule = 'linear'", "warmup_steps = 5"];
    let names: std::collections::BTreeSet<_> = ways.iter().map(|text| name(text)).collect();
    assert_eq!(names.len(), ways.len());
    assert_eq!(name("epochs = 40"), name(""), "it may be trained for more epochs");
    assert_ne!(name("schedule = 'cosine'\nepochs = 40"), name("schedule = 'cosine'"), "every step differs");
    let measured = "observe = { shadow = 'snradam', noise = true, probe = 100, every = 5 }";
    assert_eq!(name(measured), name(""));
    assert_eq!(resolve(&[measured]).unwrap().settings(), resolve(&[""]).unwrap().settings());
}

#[test]
fn a_run_has_one_budget_and_the_last_layer_names_it() {
    let budget = |layers: &[&str]| resolve(layers).map(|spec| (spec.epochs, spec.steps));
    assert_eq!(budget(&["steps = 300"]).unwrap(), (0, Some(300)));
    assert_eq!(budget(&["epochs = 5", "steps = 300"]).unwrap(), (0, Some(300)));
    assert_eq!(budget(&["steps = 300", "epochs = 5"]).unwrap(), (5, None));
    assert_eq!(budget(&["steps = 300", "epochs = 0"]).unwrap(), (0, None));
    assert_eq!(budget(&["steps = 0"]).unwrap(), (20, None));
    let text = budget(&["steps = 300\nepochs = 5"]).unwrap_err().to_string();
    assert!(text.contains("steps = 300 and epochs = 5"), "{text}");
    for text in ["steps = 300\nschedule = 'cosine'\nwarmup_steps = 7", "observe.probe = 3", "epochs = 0"] {
        let spec = resolve(&[text]).unwrap();
        assert_eq!(resolve(&[&spec.to_toml()]).unwrap(), spec);
    }
}

#[test]
fn impossible_measurements_are_refused_by_name() {
    for (text, part) in [
        ("observe.shadow = 'adm'", "adm"),
        ("observe.shadow = 'adam, adam'", "twice"),
        ("observe.every = 0", "observe.every"),
        ("observe.shadows = 'adam'", "shadows"),
        ("schedule = 'cosin'", "cosin"),
    ] {
        let text = resolve(&[text]).unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_shadow_shares_what_the_runs_own_optimizer_has_by_name() {
    let spec = resolve(&["optim = 'adam'\nbeta2 = 0.99\neps = 1e-6\nobserve.shadow = 'snradam'"]).unwrap();
    let hyper = spec.hyper_of_shadow(optim::find("snradam").unwrap());
    let expected = "beta1 = 0.9\nbeta2 = 0.99\ncentering = 'previous'\neps = 1e-6".parse::<toml::Table>().unwrap();
    assert_eq!(hyper, expected);
}
