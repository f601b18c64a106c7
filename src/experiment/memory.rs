//! Whether runs fit into memory, asked before they begin: a process that runs out of it is ended without a word.

use std::collections::HashSet;

use anyhow::bail;

use crate::config::RunSpec;
use crate::error::Result;
use crate::machine::{Machine, available_memory};
use crate::model::{Layout, ModelConfig};
use crate::optim::{self, BoxedRule, Rule, Slot};

/// Bytes, about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Need {
    /// Parameters, optimizer, measurements, and all of them once more for a checkpoint.
    pub state: f64,
    /// The passes through the model.
    pub passes: f64,
}

impl Need {
    /// What a run on `machine` needs beside its data. (A GPU's own memory is not counted; too little of it is an error anyway.)
    ///
    /// # Errors
    /// An optimizer that cannot be built.
    pub fn of(spec: &RunSpec, machine: &Machine) -> Result<Self> {
        let layout = spec.model.layout(spec.dataset.shape());
        let params = layout.len() as f64;
        let mut kept = params + slots(&spec.rule()?, &layout);
        // Gradient, parameters before a step, update.
        let mut more = 3.0 * params;
        for name in spec.observe.shadows() {
            let entry = optim::find(name)?;
            kept += slots(&(entry.build)(&spec.hyper_of_shadow(entry))?, &layout);
            more += params;
        }
        if spec.observe.noise {
            kept += 3.0 * params; // the running mean of the noise, and SNRAdam's moments
            more += 2.0 * params;
        }
        if spec.observe.tensors() {
            more += 3.0 * params;
        }
        // A checkpoint is put together from copies.
        let state = 4.0 * (3.0 * kept + more);
        Ok(Self { state, passes: spec.model.backend_bytes(spec.dataset.shape(), machine) })
    }
}

/// Numbers that a rule keeps.
fn slots(rule: &BoxedRule, layout: &Layout) -> f64 {
    let len = |slot: &Slot| match slot {
        Slot::PerElement(_) => layout.len() as f64,
        Slot::Shaped(_, shape) => shape.iter().map(|n| *n as f64).product(),
    };
    rule.slots(layout).iter().map(len).sum()
}

/// Checks that the data of these runs fit into memory, and beside them any `jobs` of the runs at once.
///
/// # Errors
/// More than is available, in a sentence that says what to make smaller.
pub fn check<'a>(specs: impl IntoIterator<Item = &'a RunSpec>, machine: &Machine, jobs: usize) -> Result<()> {
    let Some(available) = available_memory() else { return Ok(()) };
    let specs: Vec<&RunSpec> = specs.into_iter().collect();
    let share = machine.divided(jobs);
    let mut needs = specs.iter().map(|spec| Need::of(spec, &share)).collect::<Result<Vec<_>>>()?;
    needs.sort_by(|a, b| (b.state + b.passes).total_cmp(&(a.state + a.passes)));
    needs.truncate(jobs);
    let data: HashSet<_> = specs.iter().map(|spec| &spec.dataset).collect();
    let bytes = |(train, test): (usize, usize), pixels: usize| (train + test) as f64 * (pixels + 1) as f64;
    let data: f64 = data.into_iter().map(|kind| bytes(kind.sizes(), kind.shape().pixels())).sum();
    let (state, passes) =
        needs.iter().fold((0.0, 0.0), |(state, passes), need| (state + need.state, passes + need.passes));
    if data + state + passes <= available {
        return Ok(());
    }
    let model = match specs.first().map(|spec| &spec.model) {
        Some(ModelConfig::Mlp(_)) => "smaller model.hidden_dim or model.depth",
        _ => "smaller model.embed_dim or model.depth, larger model.patch_size",
    };
    let mut ways = vec![model.to_string()];
    if machine.threads > 1 {
        ways.insert(0, format!("fewer --threads than {}", machine.threads));
    }
    if jobs > 1 {
        ways.insert(0, format!("fewer --jobs than {jobs}"));
    }
    bail!(
        "this takes about {} of memory, and {} are available: {} for the data, {} for parameters, optimizer and checkpoint, {} \
         for the passes through the model; take {}",
        size(data + state + passes),
        size(available),
        size(data),
        size(state),
        size(passes),
        ways.join(", or ")
    )
}

/// "1.5 GiB".
fn size(bytes: f64) -> String {
    let mib = bytes / f64::from(1 << 20);
    if mib < 1000.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}
