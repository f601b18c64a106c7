//! JSON: everything that was found, with the sentences and the notes that say how to read it.

use serde::Serialize;

use crate::analysis::{
    Analysis, BatchSeries, Comparison, Criteria, Entrant, Factorial, Group, PlanFile, Target, words,
};
use crate::error::Result;
use crate::run_dir::Warning;

#[derive(Serialize)]
struct Document<'a> {
    criteria: Criteria,
    plans: &'a [PlanFile],
    groups: Vec<GroupDocument<'a>>,
    factorials: &'a [Factorial],
    batch_series: &'a [BatchSeries],
    warnings: &'a [Warning],
    notes: Vec<String>,
}

/// A group of runs.
#[derive(Serialize)]
struct GroupDocument<'a> {
    name: &'a str,
    title: String,
    dataset: String,
    data_hash: &'a str,
    validation: String,
    probe: Option<usize>,
    target: Option<Target>,
    leaderboard: &'a [Entrant],
    comparisons: &'a [Comparison],
    warnings: &'a [Warning],
}

impl<'a> GroupDocument<'a> {
    fn of(group: &'a Group) -> Self {
        Self {
            name: &group.name,
            title: group.title(),
            dataset: group.spec().dataset.short_name(),
            data_hash: group.data_hash(),
            validation: group.spec().validation.to_string(),
            probe: group.probe,
            target: group.target,
            leaderboard: &group.leaderboard,
            comparisons: &group.comparisons,
            warnings: &group.warnings,
        }
    }
}

/// One object, indented. `effect.mean` and its interval are differences of logarithms where `is_ratio`.
///
/// # Errors
/// None in practice: what is written is plain.
pub fn json(analysis: &Analysis) -> Result<String> {
    let document = Document {
        criteria: analysis.criteria,
        plans: &analysis.plans,
        groups: analysis.groups.iter().map(GroupDocument::of).collect(),
        factorials: &analysis.factorials,
        batch_series: &analysis.batch_series,
        warnings: &analysis.warnings,
        notes: words::notes(analysis.criteria),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
