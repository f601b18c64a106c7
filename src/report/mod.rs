//! One page about a folder of runs: the claim, the verdict, figures, tables, every run, and what produced it.
//!
//! The page is a single file: inline SVG and CSS, no script, nothing from the network; a content security policy in it
//! makes the browser hold it to that. Every text is escaped, as file names and `meta.json` may be anybody's. Every sentence
//! about results comes from [`Findings`], none is written by hand; the same runs give the same bytes.
//!
//! | module | part of the page |
//! | --- | --- |
//! | `verdict` | question, machine and data, verdict of every comparison |
//! | `claims` | what the article claims, and what these runs say of it |
//! | `figures` | the figures of a group of runs |
//! | `tables` | the comparisons in numbers, and how they are computed |
//! | `runs` | every run and its settings |
//! | `origin` | versions, machines, data, commands |
//! | `paths` | run directories without the rest of the machine's |

mod claims;
mod figures;
mod origin;
mod paths;
mod runs;
mod tables;
mod verdict;

use std::path::{self, Path, PathBuf};

use anyhow::Context;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::atomic;
use crate::compare::{Criteria, Findings, GroupFindings, compare};
use crate::error::Result;
use crate::group::{Group, group};
use crate::run_dir::{Record, Warning};
use paths::Paths;

const STYLE: &str = include_str!("style.css");

/// Nothing but the styles within; an empty icon, which browsers would ask the server for.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// What a report needs to know beside the runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Target and margin, as they were stated beforehand.
    pub criteria: Criteria,
    /// The folder below which the runs lie.
    pub root: PathBuf,
}

/// Writes the report of `records` (see [`record::find`](crate::run_dir::record::find), which also gives `warnings`) to `file`.
///
/// Run directories are shown relative to the folder of `file` if the runs lie below it, else to `settings.root`.
///
/// # Errors
/// `file` cannot be written.
pub fn write(records: &[Record], warnings: &[Warning], settings: &Settings, file: &Path) -> Result<()> {
    let file = path::absolute(file).with_context(|| format!("'{}' is no name of a file", file.display()))?;
    let paths = Paths::new(&settings.root, &file);
    let mut told: Vec<String> = warnings.iter().map(|warning| paths.in_text(&warning.0)).collect();
    let shown = records.iter().map(|record| Record { dir: paths.of(&record.dir).into(), ..record.clone() });
    let shown: Vec<Record> = shown.collect();
    let findings = compare(&shown, settings.criteria);
    told.extend(findings.warnings.iter().map(|warning| paths.in_text(&warning.0)));
    let page = Page { groups: group(&shown), findings: &findings, paths: &paths, warnings: told };
    let page = page.html()?.into_string();
    atomic::write(&file, page.as_bytes()).with_context(|| format!("cannot write {}; name another file", file.display()))
}

/// What the parts of the page are made from.
struct Page<'a> {
    groups: Vec<Group<'a>>,
    findings: &'a Findings,
    paths: &'a Paths,
    /// About runs and groups that are in no comparison.
    warnings: Vec<String>,
}

impl<'a> Page<'a> {
    fn html(&self) -> Result<Markup> {
        let question = verdict::question(self);
        let groups: Vec<Markup> = self.groups.iter().map(|group| self.group(group)).collect::<Result<_>>()?;
        Ok(html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    link rel="icon" href="data:,";
                    title { (question) " — snr-bench" }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    (verdict::header(self, &question))
                    main {
                        (verdict::section(self))
                        (claims::section(self))
                        @for group in &groups { (group) }
                        (tables::method(self.findings))
                        (origin::section(self))
                    }
                }
            }
        })
    }

    /// Figures, tables and runs of a group.
    fn group(&self, group: &Group) -> Result<Markup> {
        let findings = self.findings_of(group);
        let figures = figures::figures(group, self.findings.criteria)?;
        Ok(html! {
            section.group id=(group.name) {
                h2 { (group.title()) }
                (figures)
                @if let Some(findings) = findings { (tables::comparisons(group, findings, self.findings.criteria)) }
                (runs::runs(self, group))
            }
        })
    }

    /// What was found in a group, if it allows a comparison.
    fn findings_of(&self, group: &Group) -> Option<&'a GroupFindings> {
        self.findings.groups.iter().find(|findings| findings.name == group.name)
    }

    /// All runs, in the order of the page.
    fn runs(&self) -> impl Iterator<Item = &'a Record> {
        self.groups.iter().flat_map(|group| &group.arms).flat_map(|arm| arm.runs.iter().copied())
    }
}

/// "Adam", "Adam and SNRAdam", "Adam, SNRAdam and SGD".
fn list<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.split_last() {
        Some((last, [])) => last.to_string(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// "1 run", "3 runs".
fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Warnings as a box; nothing where there is none. Folded where they are many.
fn cautions<T: AsRef<str>>(warnings: &[T]) -> Markup {
    let items = html! { ul { @for warning in warnings { li { (warning.as_ref()) } } } };
    html! {
        @match warnings.len() {
            0 => {}
            1..=4 => aside.caution { strong { "Note" } (items) }
            n => aside.caution { details { summary { strong { (count(n, "note")) } } (items) } }
        }
    }
}
