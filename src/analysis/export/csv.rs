//! CSV: one row an endpoint or measure of a comparison, numbers in full, empty where there is none.

use serde::Serialize;

use crate::analysis::tuning::{TunedArm, written};
use crate::analysis::{
    Analysis, Basis, Comparison, Contender, Description, Effect, Endpoint, Group, Judgement, Measure, PlanState,
    Reason, TestKind, Verdict,
};
use crate::error::Result;
use crate::shell::visible;

/// A row. Losses are in nats; `effect` is a ratio A / B, of error rates the difference A − B. `a_tuned` and `b_tuned` are
/// the settings that tuning chose for each by `trials` trials.
#[derive(Serialize)]
struct CsvRow<'a> {
    group: &'a str,
    dataset: String,
    data_hash: &'a str,
    validation: String,
    basis: Basis,
    a: &'a str,
    b: &'a str,
    a_lr: f64,
    b_lr: f64,
    a_tuned: Option<String>,
    b_tuned: Option<String>,
    trials: Option<usize>,
    plan: PlanState,
    pairs: usize,
    a_failed: usize,
    b_failed: usize,
    margin: f64,
    target: Option<f64>,
    endpoint: Option<Endpoint>,
    measure: Option<Measure>,
    a_mean: Option<f64>,
    b_mean: Option<f64>,
    a_missing: usize,
    b_missing: usize,
    effect: Option<f64>,
    ci95_low: Option<f64>,
    ci95_high: Option<f64>,
    log_mean: Option<f64>,
    log_sd: Option<f64>,
    wins: Option<usize>,
    ties: Option<usize>,
    test: Option<TestKind>,
    p: Option<f64>,
    p_holm: Option<f64>,
    detectable: Option<f64>,
    pairs_needed: Option<usize>,
    verdict: Option<Verdict>,
    reason: Option<Reason>,
    sentence: &'a str,
}

impl<'a> CsvRow<'a> {
    /// What all rows of a comparison share.
    fn of(analysis: &Analysis, group: &'a Group, comparison: &'a Comparison) -> Self {
        let Comparison { a, b, .. } = comparison;
        let spec = group.spec();
        let [a_tuned, b_tuned] = [a, b].map(|side| tuned(analysis, group, comparison, side));
        Self {
            group: &group.name,
            dataset: spec.dataset.short_name(),
            data_hash: group.data_hash(),
            validation: spec.validation.to_string(),
            basis: comparison.basis,
            a: &a.name,
            b: &b.name,
            a_lr: a.lr,
            b_lr: b.lr,
            trials: a_tuned.map(|arm| arm.trials.len()),
            a_tuned: a_tuned.map(|arm| written(&arm.chosen)),
            b_tuned: b_tuned.map(|arm| written(&arm.chosen)),
            plan: comparison.standing.state,
            pairs: comparison.seeds.len(),
            a_failed: a.failed,
            b_failed: b.failed,
            margin: analysis.criteria.margin,
            target: group.target.map(|target| target.loss),
            endpoint: None,
            measure: None,
            a_mean: None,
            b_mean: None,
            a_missing: 0,
            b_missing: 0,
            effect: None,
            ci95_low: None,
            ci95_high: None,
            log_mean: None,
            log_sd: None,
            wins: None,
            ties: None,
            test: None,
            p: None,
            p_holm: None,
            detectable: None,
            pairs_needed: None,
            verdict: None,
            reason: None,
            sentence: "",
        }
    }

    fn with_effect(mut self, effect: Option<Effect>) -> Self {
        let Some(effect) = effect else { return self };
        let (mean, interval) = effect.plain();
        self.effect = Some(mean);
        (self.ci95_low, self.ci95_high) = (interval.map(|i| i.0), interval.map(|i| i.1));
        if effect.is_ratio {
            (self.log_mean, self.log_sd) = (Some(effect.mean), effect.sd);
        }
        self
    }

    fn judged(self, judgement: &'a Judgement) -> Self {
        Self {
            endpoint: Some(judgement.endpoint),
            a_mean: judgement.a,
            b_mean: judgement.b,
            a_missing: self.a_failed,
            b_missing: self.b_failed,
            wins: Some(judgement.wins),
            ties: Some(judgement.ties),
            test: judgement.test.map(|test| test.kind),
            p: judgement.test.map(|test| test.p),
            p_holm: judgement.test.map(|test| test.holm),
            detectable: judgement.detectable.map(f64::exp),
            pairs_needed: judgement.pairs_needed,
            verdict: Some(judgement.verdict),
            reason: judgement.reason,
            sentence: &judgement.sentence,
            ..self
        }
        .with_effect(judgement.effect)
    }

    fn described(self, description: &Description) -> Self {
        Self {
            measure: Some(description.measure),
            a_mean: description.a.mean,
            b_mean: description.b.mean,
            a_missing: description.a.missing,
            b_missing: description.b.missing,
            ..self
        }
        .with_effect(description.effect)
    }
}

/// How a side of a tuned comparison was tuned.
fn tuned<'a>(
    analysis: &'a Analysis,
    group: &'a Group,
    comparison: &Comparison,
    side: &Contender,
) -> Option<&'a TunedArm> {
    let arm = group.arm(side).filter(|_| comparison.basis == Basis::Tuned)?;
    let mut arms = analysis.tunings.iter().flat_map(|tuning| tuning.arms_in(group));
    arms.find(|(_, judged)| judged.label == arm.label).map(|(tuned, _)| tuned)
}

/// All judgements and descriptions, under a header line.
///
/// # Errors
/// None in practice: what is written is plain.
pub fn csv(analysis: &Analysis) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (group, comparison) in analysis.comparisons() {
        for judgement in &comparison.judgements {
            writer.serialize(CsvRow::of(analysis, group, comparison).judged(judgement))?;
        }
        for description in &comparison.described {
            writer.serialize(CsvRow::of(analysis, group, comparison).described(description))?;
        }
    }
    let rows = writer.into_inner()?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in csv::ReaderBuilder::new().has_headers(false).from_reader(rows.as_slice()).records() {
        writer.write_record(row?.iter().map(cell))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Text as a cell: visible, and with an apostrophe before what a spreadsheet would take for a formula.
pub(super) fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t']) && text.parse::<f64>().is_err();
    format!("{}{}", if is_formula { "'" } else { "" }, visible(text))
}
