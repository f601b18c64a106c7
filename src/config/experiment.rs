//! Experiments: lists in the settings multiply out into runs.

use std::collections::HashMap;

use super::{RunSpec, layers};
use crate::error::Result;
use crate::usage;

/// Runs of the largest experiment.
pub(super) const MAX_RUNS: usize = 10_000;

/// The runs that layers of settings describe where any setting may be a list: `optim = ["adam", "snradam"]` and
/// `seed = [0, 1]` make four. `[[arm]]` tables are settings over the shared ones, and each multiplies out its own lists;
/// layers after the one that holds them win over them. Seeds change slowest and arms fastest, so that an experiment cut
/// short has pairs: every optimizer with the same seed.
///
/// # Errors
/// An empty list, more than 10,000 runs, or what [`RunSpec::resolve`] says of one of the runs.
pub fn expand(given: impl IntoIterator<Item = toml::Table>) -> Result<Vec<RunSpec>> {
    let arms = arms(given)?;
    let products = arms.into_iter().map(Product::new).collect::<Result<Vec<_>>>()?;
    let runs = products.iter().try_fold(0usize, |sum, product| sum.checked_add(product.runs()?));
    if runs.is_none_or(|runs| runs > MAX_RUNS) {
        usage!("the lists multiply out into more than {MAX_RUNS} runs; shorten them");
    }
    let mut seeds = Vec::new();
    let mut placed = Vec::new();
    for (arm, product) in products.iter().enumerate() {
        let mut of_seed: HashMap<u64, usize> = HashMap::new();
        // One table at a time: a wrong one ends it before the others take memory.
        for run in 0..product.runs().unwrap_or(0) {
            let spec = RunSpec::resolve([product.table(run)])?;
            let seed = seeds.iter().position(|seed| *seed == spec.seed).unwrap_or_else(|| {
                seeds.push(spec.seed);
                seeds.len() - 1
            });
            let place = of_seed.entry(spec.seed).or_default();
            placed.push(((seed, *place, arm), spec));
            *place += 1;
        }
    }
    placed.sort_by_key(|(place, _)| *place);
    Ok(placed.into_iter().map(|(_, spec)| spec).collect())
}

/// The settings of each arm, lists and all; of one arm where there are no `[[arm]]` tables.
pub(super) fn arms(given: impl IntoIterator<Item = toml::Table>) -> Result<Vec<toml::Table>> {
    let (mut shared, mut over) = (toml::Table::new(), toml::Table::new());
    let mut arms: Option<Vec<toml::Table>> = None;
    for mut layer in given {
        if let Some(value) = layer.remove("arm") {
            layers::merge(&mut shared, std::mem::take(&mut over))?;
            arms = Some(tables(value)?);
            layers::merge(&mut shared, layer)?;
        } else {
            layers::merge(if arms.is_some() { &mut over } else { &mut shared }, layer)?;
        }
    }
    let Some(mut arms) = arms else { return Ok(vec![shared]) };
    if let Some(wanted) = over.get("optim").cloned().filter(|_| arms.iter().any(|arm| arm.contains_key("optim"))) {
        arms = chosen(arms, &wanted)?;
        over.remove("optim");
    }
    let merged = |arm| {
        let mut merged = shared.clone();
        layers::merge(&mut merged, arm)?;
        layers::merge(&mut merged, over.clone())?;
        Ok(merged)
    };
    arms.into_iter().map(merged).collect()
}

fn tables(value: toml::Value) -> Result<Vec<toml::Table>> {
    match value.try_into::<Vec<toml::Table>>() {
        Ok(arms) if !arms.is_empty() => Ok(arms),
        _ => usage!(
            "'arm' is a list of tables: write [[arm]] on a line of its own, and the settings of the arm below it"
        ),
    }
}

/// The arms with the optimizers that a flag names: it cannot give arms another optimizer, whose settings they are not.
fn chosen(arms: Vec<toml::Table>, wanted: &toml::Value) -> Result<Vec<toml::Table>> {
    let list = |value: &toml::Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let names = |arm: &toml::Table| arm.get("optim").map(list).unwrap_or_default();
    let wanted = list(wanted);
    if let Some(missing) = wanted.iter().find(|name| !arms.iter().any(|arm| names(arm).contains(name))) {
        usage!("optim = {missing} has no [[arm]] in this experiment; name optimizers that have one, or add the arm");
    }
    let keep = |mut arm: toml::Table| {
        let kept: Vec<toml::Value> = names(&arm).into_iter().filter(|name| wanted.contains(name)).collect();
        (!kept.is_empty()).then(|| {
            arm.insert("optim".into(), kept.into());
            arm
        })
    };
    Ok(arms.into_iter().filter_map(keep).collect())
}

/// Settings of which any may be a list, as the runs that these multiply out into.
pub(super) struct Product {
    settings: toml::Table,
    lists: Vec<(Vec<String>, Vec<toml::Value>)>,
}

impl Product {
    pub(super) fn new(mut settings: toml::Table) -> Result<Self> {
        let mut lists = Vec::new();
        take_lists(&mut settings, &mut Vec::new(), &mut lists)?;
        lists.sort_by_key(|(path, _)| match path.join(".").as_str() {
            "seed" => 0,
            "optim" => 2,
            _ => 1,
        });
        Ok(Self { settings, lists })
    }

    /// Their number; `None` beyond what can be counted.
    pub(super) fn runs(&self) -> Option<usize> {
        self.lists.iter().try_fold(1usize, |runs, (_, values)| runs.checked_mul(values.len()))
    }

    pub(super) fn table(&self, run: usize) -> toml::Table {
        let mut table = self.settings.clone();
        let mut rest = run;
        for (path, values) in self.lists.iter().rev() {
            insert(&mut table, path, values[rest % values.len()].clone());
            rest /= values.len();
        }
        table
    }
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

/// Puts a value where a path leads, through tables that are made on the way.
pub(super) fn insert(table: &mut toml::Table, path: &[String], value: toml::Value) {
    let [key, rest @ ..] = path else { return };
    if rest.is_empty() {
        table.insert(key.clone(), value);
        return;
    }
    let inner = table.entry(key.clone()).or_insert_with(|| toml::Table::new().into());
    match inner {
        toml::Value::Table(inner) => insert(inner, rest, value),
        other => *other = value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelConfig;

    fn runs(text: &str) -> Vec<(u64, String, f64, usize)> {
        let specs = expand([text.parse().unwrap()]).unwrap();
        let depth = |model| match model {
            ModelConfig::Vit(vit) => vit.depth,
            other => panic!("{other:?}"),
        };
        specs.into_iter().map(|s| (s.seed, s.optim, s.lr, depth(s.model))).collect()
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
    fn arms_have_settings_of_their_own_and_change_fastest() {
        let file = "seed = [3, 4]\n[[arm]]\noptim = 'adam'\n[[arm]]\noptim = 'sgd'\nmomentum = 0.5\nlr = [0.1, 0.2]";
        let of = |specs: Vec<RunSpec>| {
            specs.into_iter().map(|s| format!("{} {} {} {:?}", s.seed, s.optim, s.lr, s.hyper.get("momentum")))
        };
        let runs: Vec<String> = of(expand([file.parse().unwrap()]).unwrap()).collect();
        let sgd = |seed, lr| format!("{seed} sgd {lr} Some(Float(0.5))");
        let all = |seed| [format!("{seed} adam 0.001 None"), sgd(seed, 0.1), sgd(seed, 0.2)];
        assert_eq!(runs, [all(3), all(4)].concat());
        let flags = "optim = 'sgd'\nlr = 0.3\nseed = 5".parse().unwrap();
        let runs: Vec<String> = of(expand([file.parse().unwrap(), flags]).unwrap()).collect();
        assert_eq!(runs, [sgd(5, 0.3)], "flags win over arms, and --optim chooses among them");
    }

    #[test]
    fn arms_that_are_none_are_refused() {
        let error =
            |text: &str, flags: &str| expand([text.parse().unwrap(), flags.parse().unwrap()]).unwrap_err().to_string();
        assert!(error("[arm]\noptim = 'adam'", "").contains("write [[arm]]"));
        assert!(error("[[arm]]\noptim = 'adam'", "optim = 'sgd'").contains("optim = \"sgd\" has no [[arm]]"));
        assert!(error("[[arm]]\nmomentum = 0.9", "").contains("momentum"));
    }

    #[test]
    fn an_empty_list_is_refused() {
        let error = expand(["seed = []".parse().unwrap()]).unwrap_err();
        assert!(error.to_string().contains("seed = [] leaves no run"), "{error}");
    }
}
