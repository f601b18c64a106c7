//! All answers about one pair of optimizers in one figure: at the same rate, each at its best, why, and by batch size.

use super::effects::{INK, Row, Words, rows_figure};
use super::figure::{Figure, Style};
use super::style::style;
use crate::analysis::{Analysis, Comparison, Effect, Endpoint, Group, batch, words};

/// Draws the ratios of the first two optimizers that meet, one row an answer; `None` where there is only one answer, which its
/// own figures show.
pub fn overview(analysis: &Analysis) -> Option<Figure> {
    let answers: Vec<(&Group, &Comparison)> =
        analysis.groups.iter().filter_map(|group| Some((group, only(group)?))).collect();
    let first = answers.first()?.1;
    let (a, b) = (first.a.name.as_str(), first.b.name.as_str());
    let of_pair =
        |c: &Comparison| (c.a.optim.as_str(), c.b.optim.as_str()) == (first.a.optim.as_str(), first.b.optim.as_str());
    let color = Style { dash: None, ..style(&first.a.optim, 0) };
    let in_series = |group: &Group| analysis.batch_series.iter().any(|series| series.has(group));
    let (mut rows, mut found) = (Vec::new(), Vec::new());
    for (group, comparison) in answers.iter().filter(|(group, comparison)| of_pair(comparison) && !in_series(group)) {
        let setting = words::setting(group, comparison);
        for endpoint in [Endpoint::Speed, Endpoint::FinalValLoss] {
            rows.push(row(format!("{setting}: {}", endpoint.short_name()), effect(comparison, endpoint), color));
        }
        found.extend(effect(comparison, Endpoint::Speed).map(|effect| format!("{} {setting}", words::ratio(&effect))));
    }
    let mut sources = rows.len() / 2;
    for factorial in
        analysis.factorials.iter().filter(|factorial| (factorial.a.as_str(), factorial.b.as_str()) == (a, b))
    {
        let Some(split) = factorial.splits.first() else { continue };
        rows.push(row("size of the step alone: over the run".to_string(), split.size.effect, INK));
        rows.push(row("its direction alone: over the run".to_string(), split.direction.effect, INK));
        sources += 1;
    }
    for series in analysis.batch_series.iter().filter(|series| (series.a.as_str(), series.b.as_str()) == (a, b)) {
        for gain in &series.gains {
            let group = analysis.groups.iter().find(|group| group.name == gain.group);
            let name = group.map_or(String::new(), |group| {
                format!("{}, {}: over the run", batch(group.spec()), group.spec().length())
            });
            rows.push(row(name, gain.effect, color));
        }
        sources += 1;
    }
    (sources > 1).then(|| {
        rows_figure(
            Words {
                title: format!("{a} against {b}: training loss over the run {}", words::list(&found)),
                about: format!("{}.", analysis.groups[0].spec().dataset.label()),
                caption: format!(
                    "Ratio of {a}’s loss to {b}’s. Dots: geometric mean over pairs of runs with the same seed; lines: its 95% interval \
                     (Student’s t), each for itself. Black: what the size and the direction of {a}’s step do by themselves."
                ),
                x: "ratio of losses".to_string(),
            },
            &rows,
        )
    })
}

/// The only comparison that comes first in a group.
fn only(group: &Group) -> Option<&Comparison> {
    match group.headline().as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

fn effect(comparison: &Comparison, endpoint: Endpoint) -> Option<Effect> {
    comparison.judgements.iter().find(|judgement| judgement.endpoint == endpoint)?.effect
}

fn row(name: String, effect: Option<Effect>, style: Style) -> Row {
    Row { name, effect, style, group: String::new() }
}
