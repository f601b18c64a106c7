//! What the rest of the program knows of an optimizer, and the list of all of them.

use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::graft::Composed;
use super::{Rule, built_in};
use crate::error::{Result, nearest};
use crate::usage;

/// A rule chosen at run time.
pub type BoxedRule = Box<dyn Rule>;

/// A rule that can be chosen by name. Its fields are its hyperparameters: they are read from a configuration and written
/// back, and each is a flag of the command line.
pub trait Registered: Rule + Default + Serialize + DeserializeOwned + 'static {
    /// As `--optim` names it: lower-case letters, digits, `-` and `_`.
    const NAME: &'static str;
    /// As charts and reports write it.
    const LABEL: &'static str;
    /// A help text for each hyperparameter.
    const HELP: &'static [(&'static str, &'static str)];
    /// Decoupled weight decay where none is asked for.
    const WEIGHT_DECAY: f64 = 0.0;
}

/// A registered optimizer.
#[derive(Clone, Copy)]
pub struct Entry {
    /// As `--optim` names it.
    pub name: &'static str,
    /// As charts and reports write it.
    pub label: &'static str,
    /// A help text for each hyperparameter.
    pub help: &'static [(&'static str, &'static str)],
    /// Decoupled weight decay where none is asked for.
    pub weight_decay: f64,
    /// Its hyperparameters with their defaults (beside `lr` and `weight_decay`, which all have).
    pub defaults: fn() -> toml::Table,
    /// The rule for a full table of hyperparameters.
    pub build: fn(&toml::Table) -> Result<BoxedRule>,
    /// Of a rule that is made of others.
    pub(super) composed: Option<Composed>,
}

impl Entry {
    /// The entry of a rule.
    pub const fn of<R: Registered>() -> Self {
        Self {
            name: R::NAME,
            label: R::LABEL,
            help: R::HELP,
            weight_decay: R::WEIGHT_DECAY,
            defaults: defaults::<R>,
            build: build::<R>,
            composed: None,
        }
    }

    /// Its hyperparameters with their defaults where some settings are given: those of a graft depend on its two parts.
    ///
    /// # Errors
    /// A part that is no optimizer.
    pub fn defaults_for(&self, given: &toml::Table) -> Result<toml::Table> {
        self.composed.map_or_else(|| Ok((self.defaults)()), |composed| (composed.defaults)(given))
    }

    /// As charts and reports write it with a full table of hyperparameters.
    pub fn label_for(&self, hyper: &toml::Table) -> String {
        self.composed.map_or_else(|| self.label.to_string(), |composed| (composed.label)(hyper))
    }

    /// Whether [`label_for`](Self::label_for) tells a hyperparameter.
    pub fn label_tells(&self, key: &str) -> bool {
        self.composed.is_some_and(|composed| composed.in_label.contains(&key))
    }
}

fn defaults<R: Registered>() -> toml::Table {
    toml::Table::try_from(R::default()).expect("hyperparameters are a table")
}

fn build<R: Registered>(table: &toml::Table) -> Result<BoxedRule> {
    for (name, value) in table {
        if value.as_float().is_some_and(f64::is_nan) {
            usage!("{name} = NaN is no number; give {} one", R::NAME);
        }
    }
    let rule: R = match table.clone().try_into() {
        Ok(rule) => rule,
        Err(e) => usage!("hyperparameters of {}: {}", R::NAME, e.message()),
    };
    rule.validate()?;
    Ok(Box::new(rule))
}

/// Built-in optimizers, and after them those of the program that uses this library.
static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();

/// Every optimizer, in the order in which charts and tables show them.
pub fn entries() -> &'static [Entry] {
    ENTRIES.get_or_init(|| built_in().to_vec())
}

/// Adds optimizers to the built-in ones, for the rest of this process. Once, and before anything asks for the list: every
/// part of the program must see the same one. [`cli::main_with`](crate::cli::main_with) does it.
///
/// # Errors
/// A name that is taken or no name, default hyperparameters that the rule itself refuses, hyperparameters that are numbers
/// here and text in another optimizer, or a list that has been read already.
pub fn register(own: &[Entry]) -> Result<()> {
    let mut all = built_in().to_vec();
    for entry in own {
        check(entry, &all)?;
        all.push(*entry);
    }
    if ENTRIES.set(all).is_err() {
        usage!("optimizers can be registered once, before anything else is done; register all of them at the start");
    }
    Ok(())
}

fn check(entry: &Entry, others: &[Entry]) -> Result<()> {
    let Entry { name, label, .. } = entry;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b)) {
        usage!("'{name}' cannot name an optimizer; use lower-case letters, digits, '-' and '_'");
    }
    if let Some(other) = others.iter().find(|other| other.name == *name || other.label == *label) {
        usage!("there is an optimizer '{}' ({}) already; give yours another name and label", other.name, other.label);
    }
    let defaults = (entry.defaults)();
    for (key, value) in &defaults {
        let differs =
            |other: &&Entry| (other.defaults)().get(key).is_some_and(|theirs| theirs.type_str() != value.type_str());
        if let Some(other) = others.iter().find(differs) {
            usage!("{key} = {value} of {name} is of another kind than that of {}; call it otherwise", other.name);
        }
    }
    (entry.build)(&defaults).map(drop)
}

/// The optimizer called `name`.
///
/// # Errors
/// A [`UsageError`](crate::error::UsageError) that names the nearest known one.
pub fn find(name: &str) -> Result<&'static Entry> {
    match entries().iter().find(|e| e.name == name) {
        Some(entry) => Ok(entry),
        None => usage!("unknown optimizer '{name}'{}", nearest(name, entries().iter().map(|e| e.name))),
    }
}

/// The place of the optimizer called `name` among [`entries`]; of an unknown one, after all of them.
pub fn place(name: &str) -> usize {
    entries().iter().position(|entry| entry.name == name).unwrap_or(entries().len())
}

/// The names of all optimizers, for a message.
pub fn names() -> String {
    entries().iter().map(|e| e.name).collect::<Vec<_>>().join(", ")
}
