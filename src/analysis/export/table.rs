//! Tables of an analysis, cell by cell: what terminal, Markdown and page show of them.

use crate::analysis::words::{self, cell, p_value};
use crate::analysis::{Basis, Comparison, Description, Group, Judgement};
use crate::number::{number, plain};

/// A table of texts; the first and the last column hold words.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// What stands above it.
    pub title: String,
    /// One for each column.
    pub header: Vec<String>,
    /// As long as the header.
    pub rows: Vec<Vec<String>>,
}

const NONE: &str = "—";

/// What is judged: one row an endpoint.
pub fn judged(comparison: &Comparison) -> Grid {
    let (a, b) = (&comparison.a.name, &comparison.b.name);
    let (ratio, claim) = (format!("{a} / {b} [95%]"), format!("{a} is lower:"));
    let columns = ["judged", a, b, &ratio, "lower in", "p (Holm)", "finds", &claim];
    Grid {
        title: comparison.title(),
        header: columns.map(String::from).to_vec(),
        rows: comparison.judgements.iter().map(|judgement| judgement_row(comparison, judgement)).collect(),
    }
}

fn judgement_row(comparison: &Comparison, judgement: &Judgement) -> Vec<String> {
    let loss = |mean: Option<f64>| mean.map_or(NONE.to_string(), |mean| plain(mean, 4));
    let test = judgement.test.map(|test| format!("{} ({})", p_value(test.p), p_value(test.holm)));
    vec![
        judgement.endpoint.name().to_string(),
        loss(judgement.a),
        loss(judgement.b),
        judgement.effect.as_ref().map_or(NONE.to_string(), cell),
        format!("{} of {}", judgement.wins, judgement.pairs.len()),
        test.unwrap_or(NONE.to_string()),
        judgement.detectable.map_or(NONE.to_string(), words::log_per_cent),
        words::verdict(comparison, judgement),
    ]
}

/// What is described: one row a measure; `None` where no run has any.
pub fn described(group: &Group, comparison: &Comparison) -> Option<Grid> {
    let columns = ["described", &comparison.a.name, &comparison.b.name, "ratio or difference [95%]"];
    let target = group.target.map(|target| target.loss);
    let row = |description: &Description| {
        let Description { measure, a, b, effect } = description;
        let mean = |side: &crate::analysis::Summary| match side.mean {
            Some(mean) => measure.write(mean),
            None => format!("{NONE} ({} missing)", side.missing),
        };
        vec![measure.name(target), mean(a), mean(b), effect.as_ref().map_or(NONE.to_string(), cell)]
    };
    (!comparison.described.is_empty()).then(|| Grid {
        title: comparison.title(),
        header: columns.map(String::from).to_vec(),
        rows: comparison.described.iter().map(row).collect(),
    })
}

/// For every pair of optimizers that meets at several learning rates: ratio and verdict at each, one column a comparison.
pub fn side_by_side(group: &Group) -> Vec<Grid> {
    let same_pair = |x: &&Comparison, y: &&Comparison| (&x.a.name, &x.b.name) == (&y.a.name, &y.b.name);
    let comparisons: Vec<&Comparison> = group.comparisons.iter().collect();
    comparisons.chunk_by(same_pair).filter(|meetings| meetings.len() > 1).map(overview).collect()
}

fn overview(meetings: &[&Comparison]) -> Grid {
    let rate = |comparison: &Comparison| match comparison.basis {
        Basis::EqualLr => format!("lr {}", number(comparison.a.lr)),
        Basis::BestLr => "each at its best".to_string(),
    };
    let cell = |meeting: &Comparison, i: usize| {
        let judgement = &meeting.judgements[i];
        let ratio = judgement.effect.map_or(NONE.to_string(), |effect| plain(effect.plain().0, 3));
        format!("{ratio} {}", words::verdict(meeting, judgement))
    };
    let rows = (0..meetings[0].judgements.len()).map(|i| {
        let name = meetings[0].judgements[i].endpoint.name().to_string();
        std::iter::once(name).chain(meetings.iter().map(|meeting| cell(meeting, i))).collect()
    });
    let (a, b) = (&meetings[0].a.name, &meetings[0].b.name);
    Grid {
        title: format!("{a} against {b}, side by side: {a} / {b} and verdict"),
        header: std::iter::once("judged".to_string()).chain(meetings.iter().map(|meeting| rate(meeting))).collect(),
        rows: rows.collect(),
    }
}
