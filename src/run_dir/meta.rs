//! `meta.json`: what ran where, for the reader who wants to check or repeat a run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{META, Provenance};
use crate::config::{MAX_SETTINGS, RunSpec};
use crate::data::Dataset;
use crate::error::Result;
use crate::file::read_text;
use crate::machine::Machine;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Under way; or ended by something that left no time to say so, such as `kill -9`.
    Running,
    /// Trained for all its epochs.
    Finished,
    /// Ended because a loss became NaN or infinite.
    Diverged,
    /// Ended by Ctrl-C or SIGTERM; resumable.
    Interrupted,
    /// Ended by an error; resumable from its last checkpoint.
    Failed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            State::Running => "running",
            State::Finished => "finished",
            State::Diverged => "diverged",
            State::Interrupted => "interrupted",
            State::Failed => "failed",
        })
    }
}

/// The contents of `meta.json`. State and data hash must be there; what an older or foreign file lacks is empty.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Meta {
    /// Where the run stands.
    pub state: State,
    /// The error that ended it, where `state` is failed; the loss that ended it, where diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The data set's name.
    #[serde(default)]
    pub dataset: String,
    /// The data set's hash, see [`Dataset::hash`](crate::data::Dataset::hash).
    pub data_hash: String,
    /// SHA-256 of its four files, see [`Dataset::files`](crate::data::Dataset::files).
    #[serde(default)]
    pub data_files: BTreeMap<String, String>,
    /// SHA-256 of the settings, see [`RunSpec::hash`].
    #[serde(default)]
    pub config_hash: String,
    /// All settings, as in `config.toml`; `None` where another version wrote others.
    #[serde(default, deserialize_with = "settings_if_known")]
    pub config: Option<RunSpec>,
    /// SHA-256 of the files that the run left, by name; empty while it is under way, and where an older version wrote none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sealed: BTreeMap<String, String>,
    /// The sessions that trained it, in their order. Of an older version only the last.
    pub sessions: Vec<Provenance>,
}

impl Meta {
    /// That of a run which begins now, in this process on this machine.
    pub fn new(spec: &RunSpec, dataset: &Dataset, machine: &Machine) -> Self {
        Self {
            state: State::Running,
            reason: None,
            dataset: dataset.kind.name(),
            data_hash: dataset.hash.clone(),
            data_files: dataset.files.clone(),
            config_hash: spec.hash(),
            config: Some(spec.clone()),
            sealed: BTreeMap::new(),
            sessions: vec![Provenance::now(machine)],
        }
    }

    /// Says that this process only goes on with the run, which came to `step` in `earlier` sessions.
    pub fn go_on(&mut self, mut earlier: Vec<Provenance>, step: u64) {
        earlier.iter_mut().last().into_iter().for_each(|session| session.to_step = Some(step));
        self.sessions.iter_mut().for_each(|session| session.from_step = Some(step));
        self.sessions.splice(..0, earlier);
    }

    /// Says that this process ends its work on the run, after `step`. Where it trained nothing, an earlier one did it all.
    pub fn end(&mut self, step: u64) {
        let trained = self.sessions.last().is_none_or(|session| session.from_step != Some(step));
        if !trained && self.sessions.len() > 1 {
            self.sessions.pop();
        } else if let Some(session) = self.sessions.last_mut() {
            session.end(step);
        }
    }

    /// What the sessions say of themselves, each value once: "Xeon, AVX-512, 2 threads; then EPYC, AVX2, 8 threads".
    pub fn told(&self, of: impl Fn(&Provenance) -> String) -> String {
        let mut told: Vec<String> = Vec::new();
        self.sessions.iter().map(of).for_each(|value| {
            if !told.contains(&value) {
                told.push(value)
            }
        });
        told.join("; then ")
    }

    /// Whether it was continued on another machine.
    pub fn has_moved(&self) -> bool {
        self.sessions.windows(2).any(|pair| pair[0].is_elsewhere(&pair[1]))
    }

    /// Reads the `meta.json` of a run directory.
    ///
    /// # Errors
    /// One that is missing, too large, damaged or not ours.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(META);
        let text = read_text(&path, MAX_SETTINGS)?;
        let read = serde_json::from_str(&text).map(with_sessions).and_then(serde_json::from_value);
        read.with_context(|| format!("{} is not what a run writes; repeat the run", path.display()))
    }
}

/// Versions before sessions told of the last one only, beside everything else.
fn with_sessions(mut meta: Value) -> Value {
    let flat = meta.clone();
    if let Some(meta) = meta.as_object_mut() {
        meta.entry("sessions").or_insert_with(|| [flat].into());
    }
    meta
}

/// What is said of a value; an older or foreign `meta.json` may lack it.
pub fn recorded(text: &str) -> String {
    if text.is_empty() { "not recorded".to_string() } else { text.to_string() }
}

fn settings_if_known<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<Option<RunSpec>, D::Error> {
    Ok(toml::Table::deserialize(Value::deserialize(d)?).ok().and_then(|table| RunSpec::stored(table).ok()))
}
