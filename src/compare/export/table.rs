//! The table of a comparison, cell by cell: what terminal, Markdown and report show of it.

use crate::compare::{Comparison, Criteria, Decimals, Judgement, Metric, Summary, p_value};

/// The columns; A and B stand for the names of the optimizers.
pub const HEADER: [&str; 8] = ["metric", "A", "B", "A − B [95%]", "p (Holm)", "P(A better)", "could show", "verdict"];

/// One row a metric.
pub fn rows(comparison: &Comparison, criteria: Criteria) -> Vec<[String; 8]> {
    comparison.judgements.iter().map(|judgement| row(judgement, criteria)).collect()
}

/// The header of a comparison's table.
pub(super) fn header(comparison: &Comparison) -> [String; 8] {
    let mut header = HEADER.map(String::from);
    (header[1], header[2]) = (format!("A: {}", comparison.a.name), format!("B: {}", comparison.b.name));
    header
}

fn row(judgement: &Judgement, criteria: Criteria) -> [String; 8] {
    let none = || "—".to_string();
    let decimals = Decimals::of(judgement);
    let percent = if judgement.metric == Metric::FinalValAccuracy { " (%)" } else { "" };
    let difference = judgement.difference.map_or_else(none, |difference| {
        let interval = difference.interval.map(|(lo, hi)| format!(" [{}, {}]", decimals.write(lo), decimals.write(hi)));
        decimals.write(difference.mean) + &interval.unwrap_or_default()
    });
    [
        judgement.metric.name(criteria.target) + percent,
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
        (None, missing) => format!("— ({missing} × ∞)"),
    }
}
