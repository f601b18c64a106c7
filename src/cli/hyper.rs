//! A flag for every hyperparameter that an optimizer has, made from the registry.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::args::{names, numbers};
use crate::config::written;
use crate::optim;

/// The hyperparameters that were given, as a layer of settings.
#[derive(Clone, Debug, Default)]
pub struct HyperArgs(pub toml::Table);

const HEADING: &str = "Hyperparameters of optimizers";

/// What flags say of one hyperparameter.
#[derive(Default)]
struct Hyperparameter {
    /// Whether it takes a number: the others take a name.
    is_number: bool,
    /// "added to the root in the denominator [default: 1e-8]", and the optimizers of which that is true.
    meanings: Vec<(String, Vec<&'static str>)>,
}

/// Every hyperparameter of any optimizer, by name.
fn hyperparameters() -> BTreeMap<String, Hyperparameter> {
    let mut all: BTreeMap<String, Hyperparameter> = BTreeMap::new();
    for entry in optim::entries() {
        for (name, default) in (entry.defaults)() {
            let help = entry.help.iter().find(|(of, _)| *of == name).map_or("", |(_, help)| help);
            let text = format!("{help} [default: {}]", written(&default));
            let known = all.entry(name).or_default();
            known.is_number = !default.is_str();
            match known.meanings.iter_mut().find(|(other, _)| *other == text) {
                Some((_, optimizers)) => optimizers.push(entry.name),
                None => known.meanings.push((text, vec![entry.name])),
            }
        }
    }
    all
}

impl Hyperparameter {
    fn help(&self) -> String {
        let each: Vec<String> = self.meanings.iter().map(|(text, of)| format!("{}: {text}", of.join(", "))).collect();
        each.join("; ")
    }
}

impl Args for HyperArgs {
    fn augment_args(command: Command) -> Command {
        hyperparameters().into_iter().fold(command, |command, (name, known)| {
            let arg = Arg::new(name.clone()).long(name.replace('_', "-")).help(known.help()).help_heading(HEADING);
            command.arg(match known.is_number {
                true => arg.value_name("X").value_parser(numbers).allow_hyphen_values(true),
                false => arg.value_name("NAME").value_parser(names),
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
