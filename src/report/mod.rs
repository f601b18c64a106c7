//! One page about a folder of runs: the answer, figures, numbers, every run, and what produced it.
//!
//! The page is a single file: inline SVG and CSS, no script, nothing from the network; a content security policy
//! makes the browser enforce that. Every text is escaped, as file names and `meta.json` may come from anyone. Everything that it
//! says of results comes from an [`Analysis`], in the words of [`crate::analysis::words`]; the same runs give the same bytes.
//!
//! | module | part of the page |
//! | --- | --- |
//! | `answer` | question and answer of every comparison, what they rest on, and what to know of the runs |
//! | `claims` | what the article claims, and what these runs say of it |
//! | `why` | what size and direction of the step do, where steps are longer, whether the gain depends on the batch |
//! | `tables` | the comparisons in numbers, and how they are computed |
//! | `runs` | every run and its settings |
//! | `origin` | versions, machines, data, commands |
//! | `paths` | run directories without the rest of the machine's |

mod answer;
mod claims;
mod origin;
mod paths;
mod runs;
mod tables;
mod why;

use std::path::{self, Path};

use anyhow::Context;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::analysis::{Analysis, Group, Tuning};
use crate::article::Article;
use crate::error::Result;
use crate::file;
use crate::plot::{self, Figure, Metric, Scale, X};
use crate::shell::visible;
use paths::Paths;

const STYLE: &str = include_str!("style.css");

/// Nothing but the styles within; an empty icon, which browsers would ask the server for.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// Width of a figure in pixels: two stand side by side on a wide page, and one is still readable on a phone.
const WIDTH: f64 = 560.0;

/// Writes the report of the runs below the folder `root` to `file`.
///
/// Run directories are shown relative to the folder of `file` if the runs lie below it, else to `root`.
///
/// # Errors
/// `file` cannot be written.
pub fn write(analysis: &Analysis, root: &Path, file: &Path) -> Result<()> {
    let file = path::absolute(file).with_context(|| format!("'{}' is no name of a file", file.display()))?;
    let page = Page { analysis, paths: Paths::new(root, &file) };
    let html = page.html()?.into_string();
    file::write(&file, visible(&html).as_bytes())
        .with_context(|| format!("cannot write {}; name another file", file.display()))
}

/// What the parts of the page are made from.
struct Page<'a> {
    analysis: &'a Analysis,
    paths: Paths,
}

impl Page<'_> {
    fn html(&self) -> Result<Markup> {
        let question = answer::question(self);
        let why = why::section(self)?;
        let article = Article::of(self.analysis);
        let contents = self.contents(article.is_some(), why.is_some());
        let groups: Vec<Markup> = self.analysis.groups.iter().map(|group| self.group(group)).collect::<Result<_>>()?;
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
                    (answer::header(self, &question, &contents)?)
                    main {
                        @if let Some(article) = &article { (claims::section(article)) }
                        @if let Some(why) = &why { (why) }
                        @for group in &groups { (group) }
                        (tables::method(self.analysis.criteria))
                        (origin::section(self))
                    }
                }
            }
        })
    }

    /// The sections of the page: (id, title).
    fn contents(&self, has_claims: bool, has_why: bool) -> Vec<(String, String)> {
        let own = [("claims", "The article’s claims", has_claims), ("why", "Why", has_why)];
        let last = [("method", "How it is computed", true), ("origin", "What produced it", true)];
        let named = |(id, title, is_there): (&str, &str, bool)| is_there.then(|| (id.to_string(), title.to_string()));
        let groups = self.analysis.groups.iter().map(|group| (group.name.clone(), group.title()));
        own.into_iter().filter_map(named).chain(groups).chain(last.into_iter().filter_map(named)).collect()
    }

    /// Figures, numbers and runs of a group.
    fn group(&self, group: &Group) -> Result<Markup> {
        let curves = plot::curves(group, &[Metric::TrainLoss, Metric::ValLoss], X::Epoch, Scale::Log);
        let (rates, others) = plot::comparisons(group).into_iter().partition(|(stem, _)| stem.starts_with("rates"));
        let drawn: Vec<Figure> = [rates, curves, others].into_iter().flatten().map(|(_, figure)| figure).collect();
        let about = drawn.first().map_or("", |figure| &figure.about);
        let figures: Vec<Markup> = drawn.iter().map(figure).collect::<Result<_>>()?;
        let shown = html! {
            p.aside { (about) }
            div.figures { @for figure in figures { (figure) } }
            (self.tuning(group)?)
            (tables::numbers(group, self.analysis.criteria))
            (runs::runs(self, group))
        };
        Ok(html! {
            section.group id=(group.name) {
                h2 { (group.title()) }
                @if self.is_in_series(group) { details { summary { "Figures, numbers and runs" } (shown) } } @else { (shown) }
            }
        })
    }

    /// Whether a group is one of several batch sizes that are looked at together.
    fn is_in_series(&self, group: &Group) -> bool {
        self.analysis.batch_series.iter().any(|series| series.has(group))
    }

    /// How the arms of a group were tuned; nothing where they were not.
    fn tuning(&self, group: &Group) -> Result<Markup> {
        let tunings: Vec<&Tuning> = self.analysis.tunings.iter().filter(|t| !t.arms_in(group).is_empty()).collect();
        let figures = plot::tuned(group, &self.analysis.tunings);
        let figures: Vec<Markup> = figures.iter().map(|(_, drawn)| figure(drawn)).collect::<Result<_>>()?;
        Ok(html! {
            @for tuning in &tunings { (tables::tuning(group, tuning)) }
            @if !figures.is_empty() { div.figures { @for figure in figures { (figure) } } }
        })
    }

    /// Warnings about runs, without the machine's paths, as a box; nothing where there is none.
    fn cautions<T: ToString>(&self, warnings: impl IntoIterator<Item = T>) -> Markup {
        let told: Vec<String> = warnings.into_iter().map(|warning| self.paths.in_text(&warning.to_string())).collect();
        let items = html! { ul { @for warning in &told { li { (warning) } } } };
        html! {
            @match told.len() {
                0 => {}
                1..=4 => aside.caution { strong { "Note" } (items) }
                n => aside.caution { details { summary { strong { (count(n, "note")) } } (items) } }
            }
        }
    }
}

/// Title and caption are text of the page, so that they can be read, searched and wrapped at any width.
fn figure(figure: &Figure) -> Result<Markup> {
    let is_wide = !figure.panels().is_empty();
    drawn(figure, is_wide)
}

/// The same, as wide as the page or half of it.
fn drawn(figure: &Figure, is_wide: bool) -> Result<Markup> {
    let svg = plot::render_drawing(figure, if is_wide { 2.0 * WIDTH } else { WIDTH })?;
    Ok(html! {
        figure class=[is_wide.then_some("wide")] {
            h3 { (figure.title) }
            (PreEscaped(svg))
            figcaption { (figure.caption) }
        }
    })
}

/// "1 run", "3 runs".
fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Each once, in the order of their first appearance.
fn distinct(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = Vec::new();
    items.for_each(|item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
    });
    seen
}
