//! Ratios with their intervals, one below the other: what size and direction of a step do, and what every arm does against the
//! first.

use super::axis::{Axis, AxisRow};
use super::caption;
use super::figure::{Figure, Mark, Series, Sign, Style};
use super::{panel, style};
use crate::analysis::{Arm, Comparison, Effect, Endpoint, Factorial, Group, MIN_PAIRS, words};

/// From so many comparisons with the first arm on they are worth a figure of rows.
const MANY: usize = 3;

/// A ratio that is drawn; without an effect only its name.
pub(super) struct Row {
    pub name: String,
    pub effect: Option<Effect>,
    pub style: Style,
    /// Its optimizer, see [`Series::group`].
    pub group: String,
}

impl Row {
    fn note(&self) -> String {
        self.effect.as_ref().map_or("a run failed".to_string(), words::cell)
    }
}

pub(super) const INK: Style = Style { color: (0x26, 0x26, 0x26), dash: None };

/// Draws what the size of a step and what its direction do to the loss over the run: the grafts and the optimizer against the
/// baseline, then the main effects and the interaction. `None` where a run failed, and below [`MIN_PAIRS`] seeds.
pub fn factorial(group: &Group, factorial: &Factorial) -> Option<Figure> {
    let Factorial { a, b, cells, splits, seeds, .. } = factorial;
    let split = splits.first()?;
    let arm = |name: &str| group.arms.iter().find(|arm| arm.name == name);
    let of_arm =
        |name: &str| arm(name).map_or(INK, |arm| Style { dash: None, ..style(&arm.spec().optim, arm.variant) });
    let [size, direction, both] = cells.as_slice() else { return None };
    let row = |name: String, effect: Option<Effect>, style| Row { name, effect, style, group: String::new() };
    let mut rows = vec![
        row(format!("size of {a}, direction of {b}"), size.effect, of_arm(&size.name)),
        row(format!("size of {b}, direction of {a}"), direction.effect, of_arm(&direction.name)),
        row(format!("{a}: both"), both.effect, of_arm(&both.name)),
        row("effect of the size".to_string(), split.size.effect, INK),
        row("effect of the direction".to_string(), split.direction.effect, INK),
        row("interaction".to_string(), split.interaction.effect, INK),
    ];
    if let Some(matched) = &factorial.matched {
        rows.insert(3, row(format!("{a} against {}", matched.name), matched.effect, INK));
    }
    both.effect.filter(|_| seeds.len() >= MIN_PAIRS)?;
    Some(rows_figure(
        Words {
            title: words::factorial_finding(factorial),
            about: caption::runs(group),
            caption: format!(
                "n = {} with all four runs. Dots: geometric mean of the ratio of losses within a seed; lines: its 95% interval \
             (Student’s t). The first rows: against {b}. Effects: averaged over the other factor; they multiply to the ratio of both.",
                if seeds.len() == 1 { "1 seed".to_string() } else { format!("{} seeds", seeds.len()) }
            ),
            x: "ratio of the training loss over the run".to_string(),
        },
        &rows,
    ))
}

/// Draws an endpoint of every arm of a group against its first, each at its best; `None` for fewer than three comparisons.
pub fn effects(group: &Group, endpoint: Endpoint) -> Option<Figure> {
    let comparisons: Vec<&Comparison> =
        group.against_first().into_iter().filter(|comparison| comparison.seeds.len() > 1).collect();
    if comparisons.len() < MANY {
        return None;
    }
    let arms: Vec<&Arm> = comparisons.iter().filter_map(|comparison| group.arm(&comparison.a)).collect();
    let styles = style::of(&arms);
    let effect = |comparison: &Comparison| comparison.judgements.iter().find(|j| j.endpoint == endpoint)?.effect;
    let rows: Vec<Row> = arms
        .iter()
        .zip(&styles)
        .zip(&comparisons)
        .map(|((arm, style), comparison)| Row {
            name: arm.label.clone(),
            effect: effect(comparison),
            style: Style { dash: None, ..*style },
            group: arm.optimizer(),
        })
        .collect();
    rows.iter().find_map(|row| row.effect)?;
    let n: Vec<usize> = comparisons.iter().map(|comparison| comparison.seeds.len()).collect();
    let (least, most) = (n.iter().min()?, n.iter().max()?);
    let n = if least == most { most.to_string() } else { format!("{least} to {most}") };
    let baseline = &comparisons[0].b.name;
    Some(rows_figure(
        Words {
            title: format!("{} of every optimizer by that of {baseline}", words::capital(endpoint.name())),
            about: caption::runs(group),
            caption: format!(
                "n = {n} pairs of runs with the same seed{}. Dots: geometric mean of the ratio within a pair; lines: its 95% interval \
             (Student’s t), for each row by itself; no dot where a run failed.",
                caption::rates(&comparisons)
            ),
            x: format!("ratio of the {}", endpoint.name()),
        },
        &rows,
    ))
}

/// What stands around the rows.
pub(super) struct Words {
    pub title: String,
    pub about: String,
    pub caption: String,
    pub x: String,
}

/// Rows of ratios with their intervals, the first on top.
pub(super) fn rows_figure(words: Words, rows: &[Row]) -> Figure {
    let Words { title, about, caption, x } = words;
    let level = 1.0;
    let end = rows.len() as f64 - 0.5;
    let style = Series::reference(1.0, (0.0, 1.0)).style;
    let mut series =
        vec![Series { style, line: panel::straight((level, -0.5), (level, end)).to_vec(), ..Series::default() }];
    let mut marks = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let Some((mean, interval)) = row.effect.map(|effect| effect.plain()) else { continue };
        let y = i as f64;
        let line = interval.map(|(low, high)| panel::straight((low, y), (high, y)).to_vec()).unwrap_or_default();
        series.push(Series { style: row.style, line, ..Series::default() });
        marks.push(Mark {
            at: (mean, y),
            sign: Sign::Dot,
            label: String::new(),
            group: row.group.clone(),
            style: row.style,
        });
    }
    let names = rows.iter().map(|row| AxisRow { name: row.name.clone(), note: row.note() }).collect();
    Figure {
        title,
        about,
        caption,
        x: Axis { includes: Some(level), ..Axis::log(&x) },
        y: Axis::rows(names),
        sides: None,
        series,
        marks,
    }
}
