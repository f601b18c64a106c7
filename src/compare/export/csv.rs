//! CSV: one row a metric of a comparison, numbers in full, empty where there is none.

use serde::Serialize;

use crate::compare::{Basis, Comparison, Criteria, Findings, GroupFindings, Judgement, Metric, TestKind, Verdict};
use crate::error::Result;

/// A row. Losses are in nats, accuracies from 0 to 1; differences are A − B.
#[derive(Serialize)]
struct Line<'a> {
    group: &'a str,
    dataset: &'a str,
    data_hash: &'a str,
    validation: &'a str,
    basis: Basis,
    a: &'a str,
    b: &'a str,
    a_lr: f64,
    b_lr: f64,
    metric: Metric,
    target: f64,
    pairs: usize,
    a_diverged: usize,
    b_diverged: usize,
    a_missing: usize,
    b_missing: usize,
    a_mean: Option<f64>,
    a_sd: Option<f64>,
    b_mean: Option<f64>,
    b_sd: Option<f64>,
    difference: Option<f64>,
    difference_sd: Option<f64>,
    ci95_low: Option<f64>,
    ci95_high: Option<f64>,
    test: Option<TestKind>,
    p: Option<f64>,
    p_holm: Option<f64>,
    wins: usize,
    ties: usize,
    p_better: Option<f64>,
    relative_margin: f64,
    margin: Option<f64>,
    detectable: Option<f64>,
    further_pairs: Option<usize>,
    verdict: Verdict,
    sentence: &'a str,
}

impl<'a> Line<'a> {
    fn new(criteria: Criteria, group: &'a GroupFindings, comparison: &'a Comparison, judgement: &'a Judgement) -> Self {
        let Comparison { a, b, .. } = comparison;
        let difference = judgement.difference;
        let interval = difference.and_then(|d| d.interval);
        Self {
            group: &group.name,
            dataset: &group.dataset,
            data_hash: &group.data_hash,
            validation: &group.validation,
            basis: comparison.basis,
            a: &a.name,
            b: &b.name,
            a_lr: a.lr,
            b_lr: b.lr,
            metric: judgement.metric,
            target: criteria.target,
            pairs: comparison.seeds.len(),
            a_diverged: a.diverged,
            b_diverged: b.diverged,
            a_missing: judgement.a.missing,
            b_missing: judgement.b.missing,
            a_mean: judgement.a.mean,
            a_sd: judgement.a.sd,
            b_mean: judgement.b.mean,
            b_sd: judgement.b.sd,
            difference: difference.map(|d| d.mean),
            difference_sd: difference.and_then(|d| d.sd),
            ci95_low: interval.map(|(lo, _)| lo),
            ci95_high: interval.map(|(_, hi)| hi),
            test: judgement.test.map(|test| test.kind),
            p: judgement.test.map(|test| test.p.p),
            p_holm: judgement.test.map(|test| test.holm),
            wins: judgement.wins,
            ties: judgement.ties,
            p_better: judgement.p_better,
            relative_margin: criteria.margin,
            margin: judgement.margin,
            detectable: judgement.detectable,
            further_pairs: judgement.further_pairs,
            verdict: judgement.verdict,
            sentence: &judgement.sentence,
        }
    }
}

/// All judgements, under a header line.
pub fn csv(findings: &Findings) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for group in &findings.groups {
        for comparison in &group.comparisons {
            for judgement in &comparison.judgements {
                writer.serialize(Line::new(findings.criteria, group, comparison, judgement))?;
            }
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
