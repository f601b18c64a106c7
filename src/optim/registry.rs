//! The registry of optimizers.

use super::optimizer::Settings;
use super::{AdaBeliefRule, AdamRule, Rule, SgdRule, SnrAdamRule};
use crate::error::{Result, nearest};
use crate::usage;

/// A rule chosen at run time.
pub type BoxedRule = Box<dyn Rule>;

/// What CLI, configurations, tests and charts know of an optimizer.
pub struct Entry {
    /// As `--optim` names it.
    pub name: &'static str,
    /// As charts and reports write it.
    pub label: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    /// Its hyperparameters with their defaults (beside `lr` and `weight_decay`, which all have).
    pub defaults: fn() -> toml::Table,
    /// The rule for a full table of hyperparameters.
    pub build: fn(&toml::Table) -> Result<BoxedRule>,
}

/// Every optimizer, in the order in which charts and tables show them.
pub const REGISTRY: &[Entry] = &[
    entry::<AdamRule>("adam", "Adam", "Kingma & Ba, 2014"),
    entry::<SnrAdamRule>("snradam", "SNRAdam", "Adam over the running variance of the gradient, 2023"),
    entry::<AdaBeliefRule>("adabelief", "AdaBelief", "Zhuang et al., 2020"),
    entry::<SgdRule>("sgd", "SGD", "gradient descent with momentum"),
];

const fn entry<R: Settings>(name: &'static str, label: &'static str, summary: &'static str) -> Entry {
    Entry { name, label, summary, defaults: defaults::<R>, build: build::<R> }
}

fn defaults<R: Settings>() -> toml::Table {
    toml::Table::try_from(R::default()).expect("hyperparameters are a table")
}

fn build<R: Settings>(table: &toml::Table) -> Result<BoxedRule> {
    let rule: R = match table.clone().try_into() {
        Ok(rule) => rule,
        Err(e) => usage!("hyperparameters of the optimizer: {}", e.message()),
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
