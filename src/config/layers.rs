//! Layers of settings as TOML tables.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use crate::error::{Result, nearest};
use crate::usage;

/// Reads a configuration file.
///
/// # Errors
/// A file that cannot be read, or is not TOML (with the line).
pub fn read_table(path: &Path) -> Result<toml::Table> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the configuration {}", path.display()))?;
    match text.parse() {
        Ok(table) => Ok(table),
        Err(e) => usage!("{} is not TOML: {e}", path.display()),
    }
}

/// The layer that `key=value` makes; a dotted key reaches into a table (`model.depth=4`). The value is TOML where it can
/// be read as that, else a string, so that `optim=adam` needs no quotes.
///
/// # Errors
/// No `=`, or an empty key.
pub fn parse_assignment(text: &str) -> Result<toml::Table> {
    let Some((key, value)) = text.split_once('=') else {
        usage!("--set {text} has no '='; write --set key=value, such as --set model.depth=4");
    };
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let Some(last) = parts.pop().filter(|k| !k.is_empty()) else {
        usage!("--set {text} has no key before '='");
    };
    let value = value.trim();
    let parsed = format!("v = {value}").parse::<toml::Table>().ok().and_then(|mut t| t.remove("v"));
    let mut table = toml::Table::from_iter([(last.to_string(), parsed.unwrap_or_else(|| value.into()))]);
    for part in parts.into_iter().rev() {
        table = toml::Table::from_iter([(part.to_string(), toml::Value::Table(table))]);
    }
    Ok(table)
}

/// Puts the values of `over` into `base`, table by table.
pub(super) fn merge(base: &mut toml::Table, over: toml::Table) -> Result<()> {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => merge(inner, value)?,
            (Some(toml::Value::Table(_)), value) => {
                usage!("{key} = {value} is a group of settings, write {key}.NAME = …")
            }
            // 1 where 1.0 is meant
            (Some(slot @ toml::Value::Float(_)), toml::Value::Integer(n)) => *slot = toml::Value::Float(n as f64),
            (_, value) => drop(base.insert(key, value)),
        }
    }
    Ok(())
}

/// Refuses keys of `given` that `known` lacks.
pub(super) fn check_known(given: &toml::Table, known: &toml::Table, context: &str) -> Result<()> {
    for (key, value) in given {
        match (known.get(key), value) {
            (None, _) => usage!("unknown setting '{key}'{context}{}", nearest(key, known.keys().map(String::as_str))),
            (Some(toml::Value::Table(known)), toml::Value::Table(given)) => {
                check_known(given, known, &format!(" in {key}"))?
            }
            _ => {}
        }
    }
    Ok(())
}

/// The values of `table` under dotted keys.
pub(super) fn flatten(table: &toml::Table) -> BTreeMap<String, toml::Value> {
    let mut flat = BTreeMap::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => {
                flat.extend(flatten(inner).into_iter().map(|(sub, value)| (format!("{key}.{sub}"), value)));
            }
            value => drop(flat.insert(key.clone(), value.clone())),
        }
    }
    flat
}
