//! Layers of settings as TOML tables.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::Context;

use crate::error::{Result, nearest};
use crate::{file, usage};

/// Parts of the longest key that is looked up: enough for a helpful error, too few to exhaust the stack.
const MAX_DEPTH: usize = 8;
/// Largest configuration and `meta.json` that are read: 1 MiB, a thousand times what a run writes.
pub const MAX_SETTINGS: u64 = 1 << 20;

/// Reads a configuration file, which may be a pipe: `--config <(…)`.
///
/// # Errors
/// A file that cannot be read, or is not TOML (with the line).
pub fn read_table(path: &Path) -> Result<toml::Table> {
    let text = file::read_text_from(File::open(path), path, MAX_SETTINGS).context("the configuration")?;
    match text.parse() {
        Ok(table) => Ok(table),
        Err(e) => usage!("{} is not TOML: {e}", path.display()),
    }
}

/// The layer that `key=value` makes; a dotted key reaches into a table (`model.depth=4`). The value is as in
/// [`parse_value`].
///
/// # Errors
/// No `=`, an empty key, or an empty value in a list.
pub fn parse_assignment(text: &str) -> Result<toml::Table> {
    let Some((key, value)) = text.split_once('=') else {
        usage!("--set {text} has no '='; write --set key=value, such as --set model.depth=4");
    };
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    if parts.len() > MAX_DEPTH {
        usage!("--set {:.40}… is a key of {} parts, and no setting has more than 2", key.trim(), parts.len());
    }
    let Some(last) = parts.pop().filter(|k| !k.is_empty()) else {
        usage!("--set {text} has no key before '='");
    };
    let value = match parse_value(value.trim()) {
        Ok(value) => value,
        Err(why) => usage!("--set {text}: {why}"),
    };
    let mut table = toml::Table::from_iter([(last.to_string(), value)]);
    for part in parts.into_iter().rev() {
        table = toml::Table::from_iter([(part.to_string(), toml::Value::Table(table))]);
    }
    Ok(table)
}

/// The value that the text of a flag gives: TOML where it can be read as that, else a number as `.5`, else a string, so
/// that names need no quotes. Commas make a list of such values, which makes several runs: `1e-3,3e-3`, `64,full`.
///
/// # Errors
/// An empty value in a list, in words that stand after the name of the flag.
pub fn parse_value(text: &str) -> std::result::Result<toml::Value, String> {
    if let Some(value) = as_toml(text) {
        return Ok(value);
    }
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let elements: Vec<&str> = inner.unwrap_or(text).split(',').map(str::trim).collect();
    if elements.len() > 1 && elements.contains(&"") {
        return Err(format!("a value is missing in the list {text}"));
    }
    match elements.as_slice() {
        [only] if inner.is_none() => Ok(parse_scalar(only)),
        several => Ok(several.iter().map(|element| parse_scalar(element)).collect::<Vec<_>>().into()),
    }
}

fn parse_scalar(text: &str) -> toml::Value {
    let number = || text.parse::<f64>().ok().map(toml::Value::Float);
    as_toml(text).or_else(number).unwrap_or_else(|| text.into())
}

fn as_toml(text: &str) -> Option<toml::Value> {
    format!("v = {text}").parse::<toml::Table>().ok().filter(|t| t.len() == 1).and_then(|mut t| t.remove("v"))
}

/// Puts the settings of `over` over those of `base`.
pub(super) fn merge(base: &mut toml::Table, over: toml::Table) -> Result<()> {
    if over.contains_key("dataset") {
        base.remove("images"); // they describe the data set that is no longer asked for
    }
    // a budget in steps replaces one in epochs, and the other way round
    let given = |key: &str| over.get(key).filter(|value| **value != toml::Value::Integer(0));
    match (given("steps"), given("epochs")) {
        (Some(steps), Some(epochs)) => {
            usage!("steps = {steps} and epochs = {epochs} are two budgets for one run; name one of them")
        }
        (Some(_), None) => drop(base.insert("epochs".into(), 0.into())),
        (None, _) if over.contains_key("epochs") => drop(base.insert("steps".into(), 0.into())),
        (None, _) => {}
    }
    merge_tables(base, over)
}

/// Puts the settings of `given` over the defaults, whose kinds of numbers they must have.
pub(super) fn over_defaults(defaults: &mut toml::Table, mut given: toml::Table) -> Result<()> {
    number_kinds(defaults, &mut given)?;
    merge(defaults, given)
}

/// Makes 1 a 1.0 where a default is one, and refuses 1.0 where a whole number is meant.
fn number_kinds(defaults: &toml::Table, given: &mut toml::Table) -> Result<()> {
    for (key, value) in given {
        match (defaults.get(key), &mut *value) {
            (Some(toml::Value::Table(defaults)), toml::Value::Table(given)) => number_kinds(defaults, given)?,
            (Some(toml::Value::Integer(_)), toml::Value::Float(_)) => {
                usage!("{key} = {value} is impossible; it must be a whole number")
            }
            (Some(toml::Value::Float(_)), toml::Value::Integer(n)) => *value = toml::Value::Float(*n as f64),
            _ => {}
        }
    }
    Ok(())
}

/// Puts the values of `over` into `base`, table by table.
fn merge_tables(base: &mut toml::Table, over: toml::Table) -> Result<()> {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => merge_tables(inner, value)?,
            (Some(toml::Value::Table(_)), value) => {
                usage!("{key} = {value} is a group of settings, write {key}.NAME = …")
            }
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

/// Takes the value of a dotted key out of `table`, if it is there.
pub(super) fn remove(table: &mut toml::Table, key: &str) {
    match key.split_once('.') {
        None => drop(table.remove(key)),
        Some((group, rest)) => {
            if let Some(toml::Value::Table(inner)) = table.get_mut(group) {
                remove(inner, rest);
            }
        }
    }
}

/// The values of `table` under dotted keys.
pub fn flatten(table: &toml::Table) -> BTreeMap<String, toml::Value> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_flag_is_a_value_or_a_list() {
        let values = [
            ("1e-3", "0.001"),
            (".5", "0.5"),
            ("adam", "\"adam\""),
            ("1e-3,3e-3", "[0.001, 0.003]"),
            ("64, full", "[64, \"full\"]"),
            ("[1, 2]", "[1, 2]"),
            ("[adam, sgd]", "[\"adam\", \"sgd\"]"),
            ("\"adam,sgd\"", "\"adam,sgd\""),
            ("holdout:5000", "\"holdout:5000\""),
        ];
        for (text, value) in values {
            assert_eq!(parse_value(text).unwrap().to_string(), value, "{text}");
        }
        assert_eq!(parse_value("1,,2").unwrap_err(), "a value is missing in the list 1,,2");
    }
}
