//! What produced the runs: versions, machines, data, commands.

use maud::{Markup, html};

use super::{Page, count, distinct};
use crate::analysis::{Criteria, Run};
use crate::run_dir::{Provenance, recorded};
use crate::shell::quoted;

/// Versions, machines, data and commands of all runs.
pub fn section(page: &Page) -> Markup {
    let all = |of: &dyn Fn(&Provenance) -> String| counted(page.analysis.runs().map(|run| run.meta.told(of)));
    let revisions = all(&Provenance::revision);
    let rows = [
        ("snr-bench", all(&|session| recorded(&session.version))),
        ("git revision", revisions.clone()),
        ("Candle", all(&|session| recorded(&session.candle))),
        ("machine", all(&Provenance::machine)),
        ("platform", all(&|session| recorded(&session.platform))),
        (
            "data, SHA-256",
            counted(page.analysis.runs().map(|run| format!("{} {}", run.spec.dataset.label(), run.meta.data_hash))),
        ),
    ];
    html! {
        section id="origin" {
            h2 { "What produced it" }
            (page.cautions(doubt(&revisions)))
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

/// Runs that no revision can repeat.
fn doubt(revisions: &[(String, usize)]) -> Option<String> {
    let dirty: usize = revisions.iter().filter(|(git, _)| git.contains("-dirty")).map(|(_, n)| n).sum();
    (dirty > 0).then(|| {
        format!(
            "{} made by a build whose sources were changed after its commit (-dirty): no revision has what ran.",
            if dirty == 1 { "1 run was".to_string() } else { format!("{dirty} runs were") }
        )
    })
}

fn data_files(page: &Page) -> Markup {
    let mut files: Vec<(&String, &String)> = page.analysis.runs().flat_map(|run| &run.meta.data_files).collect();
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
    let of_run = |run: &Run| distinct(run.meta.sessions.iter().map(|session| command(page, &session.command)));
    let started = counted(page.analysis.runs().flat_map(of_run));
    let root = match page.paths.in_text(&format!("{}/", page.paths.root.0)).trim_end_matches('/') {
        "" => ".".to_string(),
        shown => quoted(shown),
    };
    let Criteria { margin, target } = page.analysis.criteria;
    html! {
        h3 { "Commands" }
        p { "The runs were started and resumed with:" }
        pre { @for (line, n) in &started { (line) "    # " (count(*n, "run")) "\n" } }
        p {
            "With another --out, an experiment’s command repeats all of its runs; where they lie, those that have ended are
            skipped. A single run repeats to the same losses, bit for bit on a processor with the same vector instructions,
            from the settings in its directory; and this page is made from the runs with:"
        }
        pre {
            "snr-bench train --config DIRECTORY/config.toml --out NEW\n"
            "snr-bench report " (root)
            // those of a plan hold without being named
            @if page.analysis.plans.is_empty() {
                " --margin " (margin)
                @if let Some(target) = target { " --target " (target) }
            }
            "\n"
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
