//! Layers of settings as TOML tables.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};

use crate::error::{Result, nearest};
use crate::usage;

/// Parts of the longest key that is looked up: enough for a helpful error, too few to exhaust the stack.
const MAX_DEPTH: usize = 8;
/// Largest configuration and `meta.json` that are read: 1 MiB, a thousand times what a run writes.
pub const MAX_SETTINGS: u64 = 1 << 20;

/// Reads a text file of at most `limit` bytes, such as those of a run directory.
///
/// # Errors
/// What cannot be read, is no file, is longer, or is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    let file = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    // Asked first: opening a named pipe waits for its other end.
    if !file.is_file() || file.len() > limit {
        bail!("{} is not a file of at most {} MiB; no run writes a larger one", path.display(), limit >> 20);
    }
    read_up_to(path, limit)
}

/// Reads text to its end, which may be that of a pipe.
fn read_up_to(path: &Path, limit: u64) -> Result<String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_string(&mut text))
        .with_context(|| format!("cannot read {}", path.display()))?;
    if text.len() as u64 > limit {
        bail!("{} is longer than {} MiB", path.display(), limit >> 20);
    }
    Ok(text)
}

/// Reads a configuration file.
///
/// # Errors
/// A file that cannot be read, or is not TOML (with the line).
pub fn read_table(path: &Path) -> Result<toml::Table> {
    let text = read_up_to(path, MAX_SETTINGS).context("the configuration")?;
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
    if parts.len() > MAX_DEPTH {
        usage!("--set {:.40}… is a key of {} parts, and no setting has more than 2", key.trim(), parts.len());
    }
    let Some(last) = parts.pop().filter(|k| !k.is_empty()) else {
        usage!("--set {text} has no key before '='");
    };
    let value = value.trim();
    let parsed =
        format!("v = {value}").parse::<toml::Table>().ok().filter(|t| t.len() == 1).and_then(|mut t| t.remove("v"));
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
