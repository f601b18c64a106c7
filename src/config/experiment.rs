//! Experiments: lists in the settings multiply out into runs.

use super::{RunSpec, layers};
use crate::error::Result;
use crate::usage;

/// Runs of the largest experiment.
const MAX_RUNS: usize = 10_000;

/// The runs that layers of settings describe where any setting may be a list: `optim = ["adam", "snradam"]` and
/// `seed = [0, 1]` make four. Seeds change slowest and optimizers fastest, so that an experiment cut short has pairs: every
/// optimizer with the same seed.
///
/// # Errors
/// An empty list, more than 10,000 runs, or what [`RunSpec::resolve`] says of one of the runs.
pub fn expand(given: impl IntoIterator<Item = toml::Table>) -> Result<Vec<RunSpec>> {
    let mut merged = toml::Table::new();
    for layer in given {
        layers::merge(&mut merged, layer)?;
    }
    let mut lists = Vec::new();
    take_lists(&mut merged, &mut Vec::new(), &mut lists)?;
    lists.sort_by_key(|(path, _)| match path.join(".").as_str() {
        "seed" => 0,
        "optim" => 2,
        _ => 1,
    });
    let runs = lists.iter().try_fold(1usize, |runs, (_, values)| runs.checked_mul(values.len()));
    let Some(runs) = runs.filter(|&runs| runs <= MAX_RUNS) else {
        usage!("the lists multiply out into more than {MAX_RUNS} runs; shorten them");
    };
    // One table at a time: a wrong one ends it before the others take memory.
    let table = |run: usize| {
        let mut table = merged.clone();
        let mut rest = run;
        for (path, values) in lists.iter().rev() {
            insert(&mut table, path, values[rest % values.len()].clone());
            rest /= values.len();
        }
        table
    };
    (0..runs).map(|run| RunSpec::resolve([table(run)])).collect()
}

/// Moves every list out of `table`, with the path to where it stood.
fn take_lists(
    table: &mut toml::Table,
    path: &mut Vec<String>,
    lists: &mut Vec<(Vec<String>, Vec<toml::Value>)>,
) -> Result<()> {
    for (key, value) in table.iter_mut() {
        path.push(key.clone());
        match value {
            toml::Value::Array(values) if values.is_empty() => {
                usage!("{} = [] leaves no run; name at least one value", path.join("."))
            }
            toml::Value::Array(values) => lists.push((path.clone(), std::mem::take(values))),
            toml::Value::Table(inner) => take_lists(inner, path, lists)?,
            _ => {}
        }
        path.pop();
    }
    Ok(())
}

fn insert(table: &mut toml::Table, path: &[String], value: toml::Value) {
    match (path, table.get_mut(&path[0])) {
        ([_, rest @ ..], Some(toml::Value::Table(inner))) if !rest.is_empty() => insert(inner, rest, value),
        _ => drop(table.insert(path[0].clone(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VitConfig;

    fn runs(text: &str) -> Vec<(u64, String, f64, usize)> {
        let specs = expand([text.parse().unwrap()]).unwrap();
        specs.into_iter().map(|s| (s.seed, s.optim, s.lr, VitConfig::from(s.model).depth)).collect()
    }

    #[test]
    fn lists_multiply_out_with_seeds_slowest_and_optimizers_fastest() {
        let runs = runs("optim = ['adam', 'snradam']\nseed = [3, 4]\nlr = [0.1, 0.2]\nmodel.depth = [1, 2]");
        assert_eq!(runs.len(), 16);
        assert_eq!(runs[0], (3, "adam".into(), 0.1, 1));
        assert_eq!(runs[1], (3, "snradam".into(), 0.1, 1));
        assert_eq!(runs[15], (4, "snradam".into(), 0.2, 2));
    }

    #[test]
    fn an_empty_list_is_refused() {
        let error = expand(["seed = []".parse().unwrap()]).unwrap_err();
        assert!(error.to_string().contains("seed = [] leaves no run"), "{error}");
    }
}
