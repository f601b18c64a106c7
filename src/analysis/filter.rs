//! Which runs are looked at: `--where optim=adam,lr=0.001`.

use std::collections::BTreeSet;

use super::run::{Fate, Run};
use crate::error::{Result, nearest};
use crate::run_dir::State;
use crate::usage;

/// Conditions on runs. Those with different keys must all hold; of those with the same key one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// A key and its accepted values.
    conditions: Vec<(String, Vec<String>)>,
}

impl Filter {
    /// From `KEY=VALUE` each. Keys are settings as `config.toml` names them (`lr`, `model.depth`), and `state`, see
    /// [`Run::state`].
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError): no `=`, or nothing beside it.
    pub fn parse(texts: &[String]) -> Result<Self> {
        let mut filter = Self::default();
        for text in texts {
            match text.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
                Some((key, value)) if !key.is_empty() && !value.is_empty() => filter.add(key, value),
                _ => usage!("--where {text} is no condition; write KEY=VALUE, such as lr=0.001 or state=finished"),
            }
        }
        Ok(filter)
    }

    fn add(&mut self, key: &str, value: &str) {
        match self.conditions.iter_mut().find(|(known, _)| known == key) {
            Some((_, values)) => values.push(value.to_string()),
            None => self.conditions.push((key.to_string(), vec![value.to_string()])),
        }
    }

    /// The runs of which it is true.
    ///
    /// # Errors
    /// A [`UsageError`](crate::error::UsageError): a key that no run has, or no run left.
    pub fn apply(&self, mut runs: Vec<Run>) -> Result<Vec<Run>> {
        let mut known: BTreeSet<String> = runs.iter().flat_map(|run| run.spec.settings().into_keys()).collect();
        known.insert("state".to_string());
        if let Some((key, _)) = self.conditions.iter().find(|(key, _)| !known.contains(key)) {
            usage!("--where {key}=… : no run has a setting '{key}'{}", nearest(key, known.iter().map(String::as_str)));
        }
        runs.retain(|run| self.is_true_of(run));
        if runs.is_empty() {
            usage!("no run matches --where {self}; 'snr-bench ls' lists those that are there");
        }
        Ok(runs)
    }

    fn is_true_of(&self, run: &Run) -> bool {
        let settings = run.spec.settings();
        self.conditions.iter().all(|(key, values)| {
            let own = if key == "state" { Some(run.state()) } else { settings.get(key).map(String::as_str) };
            own.is_some_and(|own| values.iter().any(|value| same(own, value)))
        })
    }
}

impl std::fmt::Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let each: Vec<String> = self
            .conditions
            .iter()
            .flat_map(|(key, values)| values.iter().map(move |value| format!("{key}={value}")))
            .collect();
        f.write_str(&each.join(","))
    }
}

/// Whether two values are the same text or the same number: 1e-3 and 0.001.
fn same(a: &str, b: &str) -> bool {
    a == b || a.parse::<f64>().is_ok_and(|a| b.parse() == Ok(a))
}

impl Run {
    /// Its state in a word, for tables and `--where state=…`: finished, diverged, no-better, left-out, cut-off, running,
    /// interrupted, failed (by an error).
    pub fn state(&self) -> &'static str {
        match (self.fate, self.meta.state) {
            _ if !self.sound => "left-out",
            (Fate::Finished, _) => "finished",
            (Fate::Diverged, _) => "diverged",
            (Fate::NoBetter, _) => "no-better",
            (_, State::Running) => "running",
            (_, State::Interrupted) => "interrupted",
            (_, State::Failed) => "failed",
            (_, State::Finished | State::Diverged) => "cut-off",
        }
    }
}
