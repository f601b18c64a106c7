//! What the rest of the program knows of an optimizer.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{REGISTRY, Rule};
use crate::error::{Result, nearest};
use crate::usage;

/// A rule chosen at run time.
pub type BoxedRule = Box<dyn Rule>;

/// A rule that can be chosen by name. Its fields are its hyperparameters: they are read from a configuration and written
/// back, and each is a flag of the command line.
pub trait Registered: Rule + Default + Serialize + DeserializeOwned + 'static {
    /// As `--optim` names it.
    const NAME: &'static str;
    /// As charts and reports write it.
    const LABEL: &'static str;
    /// A help text for each hyperparameter.
    const HELP: &'static [(&'static str, &'static str)];
}

/// A registered optimizer.
pub struct Entry {
    /// As `--optim` names it.
    pub name: &'static str,
    /// As charts and reports write it.
    pub label: &'static str,
    /// A help text for each hyperparameter.
    pub help: &'static [(&'static str, &'static str)],
    /// Its hyperparameters with their defaults (beside `lr` and `weight_decay`, which all have).
    pub defaults: fn() -> toml::Table,
    /// The rule for a full table of hyperparameters.
    pub build: fn(&toml::Table) -> Result<BoxedRule>,
}

pub(super) const fn entry<R: Registered>() -> Entry {
    Entry { name: R::NAME, label: R::LABEL, help: R::HELP, defaults: defaults::<R>, build: build::<R> }
}

fn defaults<R: Registered>() -> toml::Table {
    toml::Table::try_from(R::default()).expect("hyperparameters are a table")
}

fn build<R: Registered>(table: &toml::Table) -> Result<BoxedRule> {
    let rule: R = match table.clone().try_into() {
        Ok(rule) => rule,
        Err(e) => usage!("hyperparameters of {}: {}", R::NAME, e.message()),
    };
    rule.validate()?;
    Ok(Box::new(rule))
}

/// The optimizer called `name`.
///
/// # Errors
/// A [`UsageError`](crate::error::UsageError) that names the nearest known one.
pub fn find(name: &str) -> Result<&'static Entry> {
    match REGISTRY.iter().find(|e| e.name == name) {
        Some(entry) => Ok(entry),
        None => usage!("unknown optimizer '{name}'{}", nearest(name, REGISTRY.iter().map(|e| e.name))),
    }
}

/// The names of all optimizers, for a message.
pub fn names() -> String {
    REGISTRY.iter().map(|e| e.name).collect::<Vec<_>>().join(", ")
}
