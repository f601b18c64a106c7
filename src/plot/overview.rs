//! All answers about one pair of optimizers in one figure: at the same rate, each at its best, why, and by batch size.

use super::effects::{INK, Row, Words, rows_figure};
use super::figure::{Figure, Style};
use super::style::style;
use crate::analysis::{Analysis, BatchSeries, Comparison, Effect, Endpoint, Factorial, Group, batch, words};

/// Draws the ratios of the first two optimizers that meet, one row an answer; `None` where there is only one answer, which its
/// own figures show.
pub fn overview(analysis: &Analysis) -> Option<Figure> {
    let first = analysis.groups.iter().find_map(only)?;
    let (a, b) = (first.a.name.as_str(), first.b.name.as_str());
    let mut answers = Answers { color: Style { dash: None, ..style(&first.a.optim, 0) }, ..Answers::default() };
    let is_pair = |c: &Comparison| (&c.a.optim, &c.b.optim) == (&first.a.optim, &first.b.optim);
    let in_series = |group: &Group| analysis.batch_series.iter().any(|series| series.has(group));
    for group in analysis.groups.iter().filter(|group| !in_series(group)) {
        only(group).filter(|comparison| is_pair(comparison)).into_iter().for_each(|c| answers.meeting(group, c));
    }
    let factorials =
        analysis.factorials.iter().filter(|factorial| (factorial.a.as_str(), factorial.b.as_str()) == (a, b));
    factorials.for_each(|factorial| answers.size_and_direction(factorial));
    let series = analysis.batch_series.iter().filter(|series| (series.a.as_str(), series.b.as_str()) == (a, b));
    series.for_each(|series| answers.batch_sizes(&analysis.groups, series));
    let Answers { rows, found, sizes, .. } = answers;
    let found = if found.is_empty() {
        String::new()
    } else {
        format!(": training loss over the run {}", words::list(&found[..found.len().min(2)]))
    };
    (sizes.len() > 1).then(|| {
        let words = Words {
            title: format!("{a} against {b}{found}"),
            about: format!("{}.", analysis.groups[0].spec().dataset.label()),
            caption: format!(
                "n = {}. Ratio of {a}’s loss to {b}’s. Dots: geometric mean over pairs of runs with the same seed; lines: its 95% \
                 interval (Student’s t), for each row by itself. Black: what the size and the direction of {a}’s step do, each \
                 without the other.",
                words::list(&sizes)
            ),
            x: "ratio of losses".to_string(),
        };
        rows_figure(words, &rows)
    })
}

/// What is drawn and said.
#[derive(Default)]
struct Answers {
    color: Style,
    rows: Vec<Row>,
    /// "10% lower at lr 0.001".
    found: Vec<String>,
    /// "12 pairs at lr 0.001".
    sizes: Vec<String>,
}

impl Answers {
    fn meeting(&mut self, group: &Group, comparison: &Comparison) {
        let setting = words::setting(group, comparison);
        let effect = |endpoint| comparison.judgements.iter().find(|judgement| judgement.endpoint == endpoint)?.effect;
        for endpoint in [Endpoint::Speed, Endpoint::FinalValLoss] {
            self.rows.push(row(format!("{setting}: {}", endpoint.short_name()), effect(endpoint), self.color));
        }
        self.sizes.push(format!("{} {setting}", words::pairs(comparison.seeds.len())));
        self.found.extend(effect(Endpoint::Speed).map(|effect| format!("{} {setting}", words::ratio(&effect))));
    }

    fn size_and_direction(&mut self, factorial: &Factorial) {
        let Some(split) = factorial.splits.first() else { return };
        self.rows.push(row("size of the step alone: over the run".to_string(), split.size.effect, INK));
        self.rows.push(row("its direction alone: over the run".to_string(), split.direction.effect, INK));
        self.sizes.push(format!("{} seeds for size and direction", factorial.seeds.len()));
    }

    fn batch_sizes(&mut self, groups: &[Group], series: &BatchSeries) {
        for gain in &series.gains {
            let spec = groups.iter().find(|group| group.name == gain.group).map(Group::spec);
            let name = spec.map_or(String::new(), |spec| format!("{}, {}: over the run", batch(spec), spec.length()));
            self.rows.push(row(name, gain.effect, self.color));
        }
        self.sizes.push(format!("{} at every batch size", words::pairs(series.seeds.len())));
    }
}

/// The only comparison that comes first in a group.
fn only(group: &Group) -> Option<&Comparison> {
    match group.headline().as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

fn row(name: String, effect: Option<Effect>, style: Style) -> Row {
    Row { name, effect, style, group: String::new() }
}
