//! Tables of findings, cell by cell: what terminal, Markdown and report show of them.

use crate::compare::{Basis, Comparison, Criteria, Decimals, GroupFindings, Judgement, Metric, Summary, p_value};
use crate::number::number;

/// A table of texts; the first and the last column hold words.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// What stands above it.
    pub title: String,
    /// What it was made of, without a full stop.
    pub note: String,
    /// One for each column.
    pub header: Vec<String>,
    /// As long as the header.
    pub rows: Vec<Vec<String>>,
}

/// A comparison: one row a metric.
pub fn comparison(comparison: &Comparison, criteria: Criteria) -> Grid {
    let (a, b) = (format!("A: {}", comparison.a.name), format!("B: {}", comparison.b.name));
    let columns = ["metric", &a, &b, "A − B [95%]", "p (Holm)", "P(A better)", "could show", "verdict"];
    Grid {
        title: comparison.title(),
        note: comparison.size(),
        header: columns.map(String::from).to_vec(),
        rows: comparison.judgements.iter().map(|judgement| row(judgement, criteria)).collect(),
    }
}

/// For every pair of optimizers that meets at several learning rates: mean difference and verdict at each, one column a
/// comparison.
pub fn side_by_side(group: &GroupFindings, criteria: Criteria) -> Vec<Grid> {
    let same_pair = |x: &&Comparison, y: &&Comparison| (&x.a.name, &x.b.name) == (&y.a.name, &y.b.name);
    let comparisons: Vec<&Comparison> = group.comparisons.iter().collect();
    comparisons.chunk_by(same_pair).filter(|meetings| meetings.len() > 1).map(|m| overview(m, criteria)).collect()
}

fn overview(meetings: &[&Comparison], criteria: Criteria) -> Grid {
    let rate = |comparison: &Comparison| match comparison.basis {
        Basis::EqualLr => format!("lr {}", number(comparison.a.lr)),
        Basis::BestLr => "each at its best".to_string(),
    };
    let cell = |judgement: &Judgement| match judgement.difference {
        Some(difference) => format!("{} {}", Decimals::of(judgement).write(difference.mean), judgement.verdict),
        None => format!("— {}", judgement.verdict),
    };
    let rows = (0..meetings[0].judgements.len()).map(|i| {
        let metric = name(meetings[0].judgements[i].metric, criteria);
        std::iter::once(metric).chain(meetings.iter().map(|meeting| cell(&meeting.judgements[i]))).collect()
    });
    let (a, b) = (&meetings[0].a.name, &meetings[0].b.name);
    Grid {
        title: format!("{a} against {b}, side by side"),
        note: "mean difference and verdict".to_string(),
        header: std::iter::once("metric".to_string()).chain(meetings.iter().map(|meeting| rate(meeting))).collect(),
        rows: rows.collect(),
    }
}

/// With the unit where it is not the metric's usual one.
fn name(metric: Metric, criteria: Criteria) -> String {
    metric.name(criteria.target) + if metric == Metric::FinalValAccuracy { " (%)" } else { "" }
}

fn row(judgement: &Judgement, criteria: Criteria) -> Vec<String> {
    let none = || "—".to_string();
    let decimals = Decimals::of(judgement);
    let difference = judgement.difference.map_or_else(none, |difference| {
        let interval = difference.interval.map(|(lo, hi)| format!(" [{}, {}]", decimals.write(lo), decimals.write(hi)));
        decimals.write(difference.mean) + &interval.unwrap_or_default()
    });
    vec![
        name(judgement.metric, criteria),
        summary(&judgement.a, decimals),
        summary(&judgement.b, decimals),
        difference,
        judgement.test.map_or_else(none, |test| format!("{} ({})", p_value(test.p.p), p_value(test.holm))),
        judgement.p_better.map_or_else(none, |p| format!("{p:.2}")),
        judgement.detectable.map_or_else(none, |effect| decimals.write(effect)),
        judgement.verdict.to_string(),
    ]
}

/// "0.1594 ± 0.0031"; where there is no mean, how many values are missing.
fn summary(summary: &Summary, decimals: Decimals) -> String {
    let sd = summary.sd.map_or(String::new(), |sd| format!(" ± {}", decimals.write(sd)));
    match (summary.mean, summary.missing) {
        (Some(mean), _) => decimals.write(mean) + &sd,
        (None, 0) => "—".to_string(),
        (None, missing) => format!("— ({missing} missing)"),
    }
}
