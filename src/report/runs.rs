//! Every run of a group, and its settings.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Page, count, tables};
use crate::analysis::{Arm, Fate, Group, Run};
use crate::number::{number, plain};
use crate::run_dir::State;

/// A table of more runs is folded.
const LONG: usize = 12;

const COLUMNS: [&str; 11] = [
    "optimizer",
    "seed",
    "lr",
    "batch",
    "length",
    "state",
    "training loss",
    "validation loss",
    "accuracy (%)",
    "seconds",
    "directory",
];

/// The runs of a group as a table, then their settings.
pub fn runs(page: &Page, group: &Group) -> Markup {
    let n = group.runs().count();
    html! {
        h3 { "Runs" }
        details open=[(n <= LONG).then_some("")] {
            summary { "All " (count(n, "run")) " of this group" }
            p.aside {
                "Loss and accuracy of the last epoch that was measured. Directories are relative to " (page.paths.base_name) "."
            }
            div.scroll { table.runs {
                thead { tr { @for name in COLUMNS { th scope="col" { (name) } } } }
                tbody { @for arm in &group.arms { @for run in &arm.runs { (row(page, arm, run)) } } }
            } }
        }
        details { summary { "Settings" } (settings(group)) }
    }
}

fn row(page: &Page, arm: &Arm, run: &Run) -> Markup {
    let (last, spec) = (run.last(), &run.spec);
    let length = match spec.is_complete(last.epoch, last.step) {
        true => spec.length(),
        false => spec.so_far(last.epoch, last.step),
    };
    html! {
        tr {
            th scope="row" { (tables::key(arm)) (arm.name) }
            td.number { (spec.seed) }
            td.number { (number(spec.lr)) }
            td.number { (spec.batch) }
            td.number { (length) }
            td { (state(page, run)) }
            td.number { (last.train_loss.map_or("—".to_string(), |loss| value(loss, 4))) }
            td.number { (value(last.val_loss, 4)) }
            // with an infinite loss the accuracy is no result
            td.number { @if last.val_loss.is_finite() { (value(100.0 * last.val_accuracy, 2)) } @else { "—" } }
            td.number { (value(last.wall_seconds, 1)) }
            td.path { code { (page.paths.of(&run.dir)) } }
        }
    }
}

/// The state, and where it is not "finished" why.
fn state(page: &Page, run: &Run) -> Markup {
    let (class, word) = match run.fate {
        _ if !run.sound => ("bad", "left out".to_string()),
        Fate::Finished => ("plain", run.meta.state.to_string()),
        Fate::Diverged => ("bad", "failed: diverged".to_string()),
        Fate::NoBetter => ("bad", "failed: no better than before training".to_string()),
        Fate::Unfinished if run.meta.state == State::Finished => ("open", "cut off".to_string()),
        Fate::Unfinished => ("open", run.meta.state.to_string()),
    };
    html! {
        span.verdict.(class) { (word) }
        // a killed process leaves it so
        @if run.meta.state == State::Running { " " small { "as its meta.json says" } }
        @if run.meta.has_moved() { " " small { "continued on another machine" } }
        @if let Some(reason) = &run.meta.reason { " " small { (page.paths.in_text(reason)) } }
    }
}

fn value(x: f64, decimals: usize) -> String {
    match x {
        x if x.is_nan() => "NaN".to_string(),
        x if x.is_infinite() => if x > 0.0 { "∞" } else { "−∞" }.to_string(),
        x if x.abs() >= 1e7 => number(x),
        x => plain(x, decimals),
    }
}

/// Settings that all runs share, and those that tell the arms apart.
fn settings(group: &Group) -> Markup {
    let of_arm: Vec<BTreeMap<String, String>> = group.arms.iter().map(|arm| arm.spec().settings()).collect();
    let mut keys: Vec<&String> = of_arm.iter().flat_map(BTreeMap::keys).filter(|key| *key != "seed").collect();
    keys.sort();
    keys.dedup();
    let shared = |key: &&String| of_arm.iter().all(|settings| settings.get(*key) == of_arm[0].get(*key));
    let (same, different): (Vec<&String>, Vec<&String>) = keys.into_iter().partition(shared);
    let write = |value: Option<&String>| value.map_or("—".to_string(), String::clone);
    html! {
        p.aside { "Shared by all; seeds are in the table above." }
        p.settings { @for key in same { code { (key) " = " (write(of_arm[0].get(key))) } " " } }
        @if !different.is_empty() {
            div.scroll { table.settings {
                caption { "Settings that differ" }
                thead { tr { th scope="col" { "setting" } @for arm in &group.arms { th scope="col" { (tables::key(arm)) (arm.label) } } } }
                tbody { @for key in different { tr {
                    th scope="row" { code { (key) } }
                    @for settings in &of_arm { td.number { (write(settings.get(key))) } }
                } } }
            } }
        }
    }
}
