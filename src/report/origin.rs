//! What produced the runs: versions, machines, data, commands.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use maud::{Markup, html};
use serde::Deserialize;

use super::verdict::distinct;
use super::{Page, cautions, count};
use crate::config::{MAX_SETTINGS, read_text};
use crate::error::Result;
use crate::shell::quoted;

/// The part of `meta.json` that is shown. What an older or foreign one lacks is empty, and shown as not recorded.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Origin {
    pub reason: Option<String>,
    version: String,
    candle: String,
    git: Option<String>,
    cpu: String,
    simd: String,
    platform: String,
    device: String,
    threads: Option<usize>,
    command: Vec<String>,
    data_files: BTreeMap<String, String>,
}

impl Origin {
    /// Reads the `meta.json` of a run directory.
    pub fn read(dir: &Path) -> Result<Self> {
        let text = read_text(&dir.join("meta.json"), MAX_SETTINGS)?;
        serde_json::from_str(&text).context("its meta.json was not written by snr-bench")
    }

    /// "Intel(R) Xeon(R) Processor, AVX-512, 2 threads".
    pub fn machine(&self) -> String {
        let threads = self.threads.map(|n| count(n, "thread")).unwrap_or_default();
        let device = if self.device == "cpu" { "" } else { &self.device };
        let parts: Vec<&str> =
            [&self.cpu, &self.simd, device, &threads].into_iter().filter(|p| !p.is_empty()).collect();
        recorded(&parts.join(", "))
    }

    fn revision(&self) -> String {
        match self.git.as_deref() {
            Some("") => "built outside git".to_string(),
            git => recorded(git.unwrap_or_default()),
        }
    }
}

fn recorded(text: &str) -> String {
    if text.is_empty() { "not recorded".to_string() } else { text.to_string() }
}

/// Versions, machines, data and commands of all runs.
pub fn section(page: &Page) -> Markup {
    let all = |of: &dyn Fn(&Origin) -> String| counted(page.runs().map(|run| of(page.origin(run))));
    let (revisions, machines) = (all(&Origin::revision), all(&Origin::machine));
    let rows = [
        ("snr-bench", all(&|o| recorded(&o.version))),
        ("git revision", revisions.clone()),
        ("Candle", all(&|o| recorded(&o.candle))),
        ("machine", machines.clone()),
        ("platform", all(&|o| recorded(&o.platform))),
        ("data, SHA-256", counted(page.runs().map(|run| format!("{} {}", run.spec.dataset.label(), run.data_hash)))),
    ];
    html! {
        section id="origin" {
            h2 { "What produced it" }
            (cautions(&doubts(&revisions, &machines)))
            table.origin { tbody {
                @for (name, values) in rows { tr {
                    th scope="row" { (name) }
                    td { @for (value, n) in &values {
                        div { (value) @if values.len() > 1 { small { " (" (count(*n, "run")) ")" } } }
                    } }
                } }
            } }
            (data_files(page))
            (commands(page))
        }
    }
}

/// Distinct values with the number of runs that have them, in the order of the page.
fn counted(values: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let values: Vec<String> = values.collect();
    let number = |value: &String| values.iter().filter(|other| *other == value).count();
    distinct(values.iter().cloned()).into_iter().map(|value| (value.clone(), number(&value))).collect()
}

/// What casts doubt on runs that are compared.
fn doubts(revisions: &[(String, usize)], machines: &[(String, usize)]) -> Vec<String> {
    let mut doubts = Vec::new();
    if revisions.len() > 1 {
        doubts.push(format!(
            "The runs come from {} revisions of snr-bench: a difference between them may be a difference between programs.",
            revisions.len()
        ));
    }
    if machines.len() > 1 {
        doubts.push(
            "The runs were made on different machines or numbers of threads: their seconds do not compare.".to_string(),
        );
    }
    let dirty: usize = revisions.iter().filter(|(git, _)| git.ends_with("-dirty")).map(|(_, n)| n).sum();
    if dirty > 0 {
        doubts.push(format!(
            "{} made by a build whose sources were changed after its commit (-dirty): no revision has what ran.",
            if dirty == 1 { "1 run was".to_string() } else { format!("{dirty} runs were") }
        ));
    }
    doubts
}

fn data_files(page: &Page) -> Markup {
    let mut files: Vec<(&String, &String)> = page.runs().flat_map(|run| &page.origin(run).data_files).collect();
    files.sort();
    files.dedup();
    html! {
        @if !files.is_empty() {
            details {
                summary { "SHA-256 of the data files" }
                div.scroll { table.origin { tbody {
                    @for (name, hash) in files { tr { th scope="row" { code { (name) } } td { code { (hash) } } } }
                } } }
            }
        }
    }
}

/// The commands that the runs were started with, and those that repeat one of them and this page.
fn commands(page: &Page) -> Markup {
    let started = counted(page.runs().map(|run| command(page, &page.origin(run).command)));
    let root = match page.paths.in_text(&format!("{}/", page.paths.root.0)).trim_end_matches('/') {
        "" => ".".to_string(),
        shown => quoted(shown),
    };
    let criteria = page.findings.criteria;
    html! {
        h3 { "Commands" }
        p { "The runs were started, or last resumed, with:" }
        pre { @for (line, n) in &started { (line) "    # " (count(*n, "run")) "\n" } }
        p {
            "With another --out, an experiment’s command repeats all of its runs; where they lie, those that have ended are
            skipped. A single run repeats to the same losses, bit for bit on a processor with the same vector instructions,
            from the settings in its directory; and this page is made from the runs with:"
        }
        pre {
            "snr-bench train --config DIRECTORY/config.toml --out NEW\n"
            "snr-bench report " (root) " --target " (criteria.target) " --margin " (criteria.margin) "\n"
        }
        p.aside { "Paths are relative to " (page.paths.base_name) "; of other absolute ones only the name is shown: …/name." }
    }
}

/// A command line as it can be pasted, without the place of the program.
fn command(page: &Page, args: &[String]) -> String {
    let Some((_, rest)) = args.split_first() else { return recorded("") };
    let rest = rest.iter().map(|arg| page.paths.in_text(&quoted(arg)));
    std::iter::once("snr-bench".to_string()).chain(rest).collect::<Vec<_>>().join(" ")
}
