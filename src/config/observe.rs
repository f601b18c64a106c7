//! What a run measures beside training.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::RunSpec;
use crate::error::Result;
use crate::optim::{self, Entry};
use crate::usage;

/// The `[observe]` table: what a run measures beside training. It changes no bit of the run and is no part of its
/// [`hash`](RunSpec::hash): runs that differ in it alone are the same run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Observe {
    /// Names of optimizers, with commas between them, that see the run's gradients and never move a parameter;
    /// the run's own is left out, so that one list serves runs of several optimizers.
    pub shadow: String,
    /// Whether the noise of the mini-batches is measured.
    pub noise: bool,
    /// Training images of one fixed sample that is evaluated before training and after every step; 0: none.
    pub probe: usize,
    /// Steps from one entry of `tensors.csv` to the next.
    pub every: u64,
}

impl Default for Observe {
    /// Nothing.
    fn default() -> Self {
        Self { shadow: String::new(), noise: false, probe: 0, every: 1 }
    }
}

impl Observe {
    /// The names of the shadows.
    pub fn shadows(&self) -> Vec<&str> {
        self.shadow.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
    }

    /// Whether `tensors.csv` is written.
    pub fn tensors(&self) -> bool {
        self.noise || !self.shadows().is_empty()
    }
}

impl RunSpec {
    /// The hyperparameters that an optimizer has as this run's shadow: its defaults, but what the run's own optimizer has
    /// under the same name (β1, β2, ε …) is the run's, so that the two are compared like for like.
    pub fn hyper_of_shadow(&self, shadow: &Entry) -> toml::Table {
        let mut hyper = (shadow.defaults)();
        for (key, value) in &mut hyper {
            if let Some(own) = self.hyper.get(key).filter(|own| own.same_type(value)) {
                *value = own.clone();
            }
        }
        hyper
    }

    /// Checks the `[observe]` table.
    pub(super) fn validate_observe(&self) -> Result<()> {
        let shadows = self.observe.shadows();
        for name in &shadows {
            let entry = optim::find(name)?;
            (entry.build)(&self.hyper_of_shadow(entry))?;
        }
        if shadows.iter().collect::<BTreeSet<_>>().len() < shadows.len() {
            usage!("observe.shadow = {} names an optimizer twice; name each once", self.observe.shadow);
        }
        if self.observe.every == 0 {
            usage!("observe.every = 0 is impossible; it must be a number of steps, 1 or more");
        }
        Ok(())
    }
}
