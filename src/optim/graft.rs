//! Grafting: steps as long as one optimizer's in the direction of another's, to tell what the size of a step does from what
//! its direction does.
//!
//! ```text
//! u_M, u_D   the updates of the magnitude M and the direction D at the same θ and g, each with its own state and settings
//! θ ← θ − ‖u_M‖ / ‖u_D‖ · u_D        0 where ‖u_D‖ = 0
//! ```
//!
//! The norms are Euclidean, over each tensor or over all parameters ([`Scope`]), summed in f64 in the order of the layout.
//! Written M#D. X#X is X to the bit: the ratio is exactly 1. Weight decay acts outside, on θ before the step, and is in
//! neither norm; only where both rules decay by themselves (LAMB, schedule-free) is it left to them. Parameters for
//! evaluation that differ from those in training are X's in X#X; every other graft evaluates the parameters it trains.
//!
//! Settings of the two stand in tables: `magnitude_settings = { beta2 = 0.99 }`. The state is `magnitude.exp_avg.…` and
//! `direction.exp_avg.…`.
//!
//! Reference: Agarwal et al., *Disentangling Adaptive Gradient Methods from Learning Rates*, 2020,
//! <https://arxiv.org/abs/2002.11803>; as in its algorithm 1, per tensor and globally. Some implementations add a small number
//! to ‖u_D‖, this does not.

use serde::{Deserialize, Serialize};

use super::rule::norm;
use super::{BoxedRule, Entry, Rule, Slot, Step, built_in, find};
use crate::error::Result;
use crate::model::Layout;
use crate::usage;

/// What the two norms are taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Each tensor by itself.
    #[default]
    Tensor,
    /// All parameters together.
    Global,
}

/// Hyperparameters of [grafting](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraftSettings {
    /// Whose size a step has, and whose direction, by name.
    pub magnitude: String,
    pub direction: String,
    pub scope: Scope,
    /// The hyperparameters of the two.
    pub magnitude_settings: toml::Table,
    pub direction_settings: toml::Table,
}

impl GraftSettings {
    /// Those of an optimizer with these hyperparameters; `None` if it is no graft.
    pub fn of(optim: &str, hyper: &toml::Table) -> Option<Self> {
        if optim == NAME { hyper.clone().try_into().ok() } else { None }
    }
}

impl Default for GraftSettings {
    fn default() -> Self {
        Self {
            magnitude: "snradam".into(),
            direction: "adam".into(),
            scope: Scope::Tensor,
            magnitude_settings: toml::Table::new(),
            direction_settings: toml::Table::new(),
        }
    }
}

/// Two rules, grafted.
pub struct GraftRule {
    magnitude: BoxedRule,
    direction: BoxedRule,
    scope: Scope,
    /// Whether they are the same rule with the same settings.
    alike: bool,
}

pub(super) const ENTRY: Entry = Entry {
    name: NAME,
    label: "Graft",
    help: &[
        ("magnitude", "optimizer whose step gives the size; its settings: --set magnitude_settings.beta2=0.99"),
        ("direction", "optimizer whose step gives the direction; its settings: --set direction_settings.beta2=0.99"),
        ("scope", "what the sizes of the steps are measured over: tensor (each by itself) or global (all parameters)"),
        ("magnitude_settings", "settings of the magnitude"),
        ("direction_settings", "settings of the direction"),
    ],
    weight_decay: 0.0,
    defaults: || settings(&toml::Table::new()).expect("the defaults are registered"),
    build: |table| GraftRule::new(table).map(|rule| Box::new(rule) as BoxedRule),
    composed: Some(Composed { defaults: settings, label, in_label: &["magnitude", "direction"] }),
};

const NAME: &str = "graft";

/// What is different about a rule that is made of others.
#[derive(Clone, Copy)]
pub(super) struct Composed {
    /// Its hyperparameters with their defaults, for those that are given.
    pub defaults: fn(&toml::Table) -> Result<toml::Table>,
    /// As charts and reports write it, for a full table of hyperparameters.
    pub label: fn(&toml::Table) -> String,
    /// The hyperparameters that this tells.
    pub in_label: &'static [&'static str],
}

/// All settings, those of the two optimizers at the defaults of these.
fn settings(given: &toml::Table) -> Result<toml::Table> {
    let default = GraftSettings::default();
    let entry = |key: &str, default: &str| match given.get(key) {
        None => part(key, default),
        Some(toml::Value::String(name)) => part(key, name),
        Some(other) => usage!("{key} = {other} is not the name of an optimizer"),
    };
    let magnitude = entry("magnitude", &default.magnitude)?;
    let direction = entry("direction", &default.direction)?;
    Ok(toml::Table::try_from(GraftSettings {
        magnitude: magnitude.name.into(),
        direction: direction.name.into(),
        magnitude_settings: (magnitude.defaults)(),
        direction_settings: (direction.defaults)(),
        ..default
    })?)
}

/// The optimizer of a part. Built-in ones are found without the list, so that it can be made with this.
fn part(key: &str, name: &str) -> Result<&'static Entry> {
    if name == NAME {
        usage!("{key} = \"{name}\" would graft a graft; name another optimizer");
    }
    built_in().iter().find(|entry| entry.name == name).map_or_else(|| find(name), Ok)
}

fn label(settings: &toml::Table) -> String {
    let of = |key| {
        let name = settings.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        find(name).map_or(name, |entry| entry.label)
    };
    format!("{}#{}", of("magnitude"), of("direction"))
}

impl GraftRule {
    fn new(table: &toml::Table) -> Result<Self> {
        let settings: GraftSettings = match table.clone().try_into() {
            Ok(settings) => settings,
            Err(e) => usage!("hyperparameters of {NAME}: {}", e.message()),
        };
        let GraftSettings { magnitude, direction, scope, magnitude_settings, direction_settings } = settings;
        Ok(Self {
            alike: magnitude == direction && magnitude_settings == direction_settings,
            magnitude: (part("magnitude", &magnitude)?.build)(&magnitude_settings)?,
            direction: (part("direction", &direction)?.build)(&direction_settings)?,
            scope,
        })
    }

    /// Slots of the magnitude; those of the direction follow.
    fn of_magnitude(&self, layout: &Layout) -> usize {
        self.magnitude.slots(layout).len()
    }
}

impl Rule for GraftRule {
    fn slots(&self, layout: &Layout) -> Vec<Slot> {
        let named = |part: &str, slot: Slot| match slot {
            Slot::PerElement(name) => Slot::PerElement(format!("{part}.{name}")),
            Slot::Shaped(name, shape) => Slot::Shaped(format!("{part}.{name}"), shape),
        };
        let magnitude = self.magnitude.slots(layout).into_iter().map(|slot| named("magnitude", slot));
        magnitude.chain(self.direction.slots(layout).into_iter().map(|slot| named("direction", slot))).collect()
    }

    fn update(
        &self,
        step: &Step,
        params: &[f32],
        grads: &[f32],
        state: &mut [Vec<f32>],
        update: &mut [f32],
    ) -> Result<()> {
        let mut step = *step;
        if !self.decays() {
            step.weight_decay.rate = 0.0;
        }
        let (of_magnitude, of_direction) = state.split_at_mut(self.of_magnitude(step.layout));
        let mut longer = vec![0.0; update.len()];
        self.magnitude.update(&step, params, grads, of_magnitude, &mut longer)?;
        self.direction.update(&step, params, grads, of_direction, update)?;
        let ranges: Vec<_> = match self.scope {
            Scope::Tensor => step.layout.iter().map(|parameter| parameter.range.clone()).collect(),
            Scope::Global => std::iter::once(0..update.len()).collect(),
        };
        for range in ranges {
            let (size, own) = (norm(&longer[range.clone()]), norm(&update[range.clone()]));
            let ratio = if own == 0.0 { 0.0 } else { (size / own) as f32 };
            update[range].iter_mut().for_each(|u| *u *= ratio);
        }
        Ok(())
    }

    fn decays(&self) -> bool {
        self.magnitude.decays() && self.direction.decays()
    }

    fn evaluation_params(&self, params: &[f32], state: &[Vec<f32>]) -> Option<Vec<f32>> {
        // The direction's state is the second half of that of two rules that are alike.
        self.alike.then(|| self.direction.evaluation_params(params, &state[state.len() / 2..])).flatten()
    }
}
