//! JSON: [`Findings`] as they are, with the notes that say how to read them.

use serde::Serialize;

use crate::compare::Findings;
use crate::error::Result;

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    findings: &'a Findings,
    notes: Vec<String>,
}

/// One object, indented; reads back as [`Findings`].
pub fn json(findings: &Findings) -> Result<String> {
    let document = Document { findings, notes: findings.notes() };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
