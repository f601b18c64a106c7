//! The figures of a group of runs, inline.

use maud::{Markup, PreEscaped, html};

use crate::compare::Criteria;
use crate::error::Result;
use crate::group::Group;
use crate::plot::{self, Figure, Metric, Scale, X};

/// Pixels: two stand side by side on a wide page, and one is still readable on a phone.
const WIDTH: f64 = 560.0;

/// Loss curves, paired differences and epochs to the target, as far as the runs allow them.
///
/// # Errors
/// Only if the built-in font is unusable.
pub fn figures(group: &Group, criteria: Criteria) -> Result<Markup> {
    let metrics = [Metric::TrainLoss, Metric::ValLoss];
    let curves = metrics.map(|metric| plot::chart(group, metric, X::Epoch, Scale::Log));
    let differences = metrics.map(|metric| plot::difference(group, metric));
    let reach = plot::reach(group, criteria.target);
    let missing = match (&differences, &reach) {
        ([None, None], _) => "No paired differences by epoch: they take two pairs of finished runs.",
        (_, None) => "No figure of epochs to the target: no run reached it.",
        _ => "",
    };
    let drawn: Vec<Markup> =
        curves.into_iter().chain(differences).chain([reach]).flatten().map(|f| figure(&f)).collect::<Result<_>>()?;
    Ok(html! {
        h3 { "Figures" }
        div.figures { @for figure in drawn { (figure) } }
        @if !missing.is_empty() { p.aside { (missing) } }
    })
}

/// Title and caption are text of the page, so that they can be read, searched and wrapped at any width.
fn figure(figure: &Figure) -> Result<Markup> {
    let svg = plot::render_drawing(figure, WIDTH)?;
    Ok(html! {
        figure {
            h4 { (figure.title) }
            (PreEscaped(svg))
            figcaption { (figure.caption) }
        }
    })
}
