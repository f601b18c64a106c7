//! A flag for every hyperparameter that an optimizer has, made from the registry.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::args::{names, numbers};
use crate::config::{RunSpec, written};
use crate::error::Result;
use crate::optim;
use crate::usage;

/// The hyperparameters that were given, as a layer of settings.
#[derive(Clone, Debug, Default)]
pub struct HyperArgs(pub toml::Table);

const HEADING: &str = "Hyperparameters of optimizers";

/// Stands for a name in the help.
const NAME: &str = "NAME";

/// What flags say of one hyperparameter.
#[derive(Default)]
struct Hyperparameter {
    /// What stands for its value in the help: a name, or a number, which is X, or N where it is a whole one.
    value: &'static str,
    /// "added to the root in the denominator", and the optimizers of which that is true with their defaults.
    meanings: Vec<(&'static str, Vec<(&'static str, String)>)>,
}

/// Every hyperparameter of any optimizer, by name, but for tables of settings.
fn hyperparameters() -> BTreeMap<String, Hyperparameter> {
    let mut all: BTreeMap<String, Hyperparameter> = BTreeMap::new();
    for entry in optim::entries() {
        for (name, default) in (entry.defaults)().into_iter().filter(|(_, default)| !default.is_table()) {
            let help = entry.help.iter().find(|(of, _)| *of == name).map_or("", |(_, help)| help);
            let known = all.entry(name).or_default();
            known.value = match default {
                toml::Value::String(_) => NAME,
                toml::Value::Integer(_) => "N",
                _ => "X",
            };
            let optimizer = (entry.name, written(&default));
            match known.meanings.iter_mut().find(|(other, _)| *other == help) {
                Some((_, optimizers)) => optimizers.push(optimizer),
                None => known.meanings.push((help, vec![optimizer])),
            }
        }
    }
    all
}

impl Hyperparameter {
    /// Its meaning, once for all that share it, and their defaults: "… [adam, nadam: 0.9; adabelief: 0.95]".
    fn help(&self) -> String {
        let meanings = self.meanings.iter().map(|(help, optimizers)| {
            let mut defaults: Vec<(&str, Vec<&str>)> = Vec::new();
            for (name, default) in optimizers {
                match defaults.iter_mut().find(|(other, _)| other == default) {
                    Some((_, names)) => names.push(name),
                    None => defaults.push((default, vec![name])),
                }
            }
            let each: Vec<String> = defaults.iter().map(|(of, names)| format!("{}: {of}", names.join(", "))).collect();
            format!("{help} [{}]", each.join("; "))
        });
        meanings.collect::<Vec<_>>().join("; ")
    }
}

/// Checks that no hyperparameter has the name of another setting or flag.
///
/// # Errors
/// The first one that has.
pub fn check(program: Command) -> Result<()> {
    let settings = toml::Table::try_from(RunSpec { hyper: toml::Table::new(), ..RunSpec::default() })?;
    for name in hyperparameters().into_keys() {
        let flag = name.replace('_', "-");
        let is_flag =
            |command: &Command| command.get_arguments().filter(|arg| arg.get_long() == Some(&flag)).count() > 1;
        if settings.contains_key(&name) || program.get_subcommands().any(is_flag) {
            usage!(
                "a hyperparameter cannot be called '{name}': there is a setting or flag of that name; choose another"
            );
        }
    }
    Ok(())
}

impl Args for HyperArgs {
    fn augment_args(command: Command) -> Command {
        hyperparameters().into_iter().fold(command, |command, (name, known)| {
            let arg = Arg::new(name.clone()).long(name.replace('_', "-")).help(known.help()).help_heading(HEADING);
            let arg = arg.value_name(known.value);
            command.arg(match known.value {
                NAME => arg.value_parser(names),
                _ => arg.value_parser(numbers).allow_hyphen_values(true),
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for HyperArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Self::default();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for name in hyperparameters().into_keys() {
            let value = matches.get_one::<toml::Value>(&name).cloned();
            self.0.extend(value.map(|value| (name, value)));
        }
        Ok(())
    }
}
