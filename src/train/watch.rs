//! What a run measures beside training: shadows, and the noise of its batches. It changes no bit of the run.

use std::sync::Arc;

use super::noise::{Noise, Part};
use super::tensors::{Ratios, StepView};
use crate::config::RunSpec;
use crate::error::Result;
use crate::model::Layout;
use crate::optim::{self, BoxedRule, Optimizer, StateTensor};
use crate::run_dir::{ALL, Log, StepRow, TensorRow};

/// Another optimizer that sees the run's gradients.
struct Shadow {
    name: String,
    optimizer: Optimizer<BoxedRule>,
}

/// All that a run measures by tensor.
pub struct Watch {
    layout: Arc<Layout>,
    /// Steps from one entry to the next.
    every: u64,
    noise: Option<Noise>,
    shadows: Vec<Shadow>,
    ratios: Ratios,
}

/// A step whose update is known and has not moved the parameters.
pub struct Moment<'a> {
    /// The step's number.
    pub step: u64,
    pub lr: f64,
    pub params: &'a [f32],
    pub grads: &'a [f32],
    pub part: Option<Part<'a>>,
    /// The run's optimizer, after its update: that is exact where the difference of the parameters is rounded.
    pub optimizer: &'a Optimizer<BoxedRule>,
}

impl Watch {
    /// What a run asks for, before its first step; `None` where that is nothing.
    ///
    /// # Errors
    /// A shadow that cannot be built.
    pub fn new(spec: &RunSpec, layout: &Arc<Layout>, images: u64) -> Result<Option<Self>> {
        let observe = &spec.observe;
        if !observe.tensors() {
            return Ok(None);
        }
        let shadow = |name: &str| {
            let entry = optim::find(name)?;
            let rule = (entry.build)(&spec.hyper_of_shadow(entry))?;
            Ok(Shadow { name: name.to_string(), optimizer: Optimizer::new(layout.clone(), 0.0, rule)? })
        };
        // the run's own step is no other's
        let others = observe.shadows().into_iter().filter(|name| *name != spec.optim);
        Ok(Some(Self {
            layout: layout.clone(),
            every: observe.every,
            noise: observe.noise.then(|| Noise::new(spec, layout, images)).transpose()?,
            shadows: others.map(shadow).collect::<Result<_>>()?,
            ratios: Ratios::default(),
        }))
    }

    /// Whether a gradient's part is wanted.
    pub fn wants_part(&self) -> bool {
        self.noise.is_some()
    }

    /// Takes in a step: its noise into `row`, and its tensors into `log`.
    pub fn step(&mut self, now: &Moment, row: &mut StepRow, log: &mut Log) -> Result<()> {
        if let Some(noise) = &mut self.noise {
            let estimate = noise.step(now.grads, now.part)?;
            row.noise_trace = estimate.map(|estimate| estimate.trace);
            row.noise_scale = estimate.and_then(|estimate| estimate.scale());
            row.noise_share = noise.share(0..self.layout.len());
        }
        for shadow in &mut self.shadows {
            shadow.optimizer.update(now.lr, now.params, now.grads)?;
        }
        if !(now.step - 1).is_multiple_of(self.every) {
            return Ok(());
        }
        if self.shadows.is_empty() {
            return self.log(now, None, log);
        }
        (0..self.shadows.len()).try_for_each(|i| self.log(now, Some(i), log))
    }

    /// The rows of one shadow, or of none: the whole model, then each tensor.
    fn log(&mut self, now: &Moment, shadow: Option<usize>, log: &mut Log) -> Result<()> {
        let shadow = shadow.map(|i| &self.shadows[i]);
        let view = StepView {
            params: now.params,
            grads: now.grads,
            own: now.optimizer.last_update(),
            own_moments: now.optimizer.moments(),
            shadow: shadow.map(|shadow| shadow.optimizer.last_update()),
            shadow_moments: shadow.and_then(|shadow| shadow.optimizer.moments()),
        };
        self.ratios.fill(&view);
        let tensors = self.layout.iter().map(|parameter| (parameter.name.as_str(), parameter.range.clone()));
        for (name, at) in [(ALL, 0..self.layout.len())].into_iter().chain(tensors) {
            let row = TensorRow {
                step: now.step,
                tensor: name.to_string(),
                shadow: shadow.map_or(String::new(), |shadow| shadow.name.clone()),
                noise_share: self.noise.as_ref().and_then(|noise| noise.share(at.clone())).map(|share| share as f32),
                ..self.ratios.row(&view, at, name == ALL)
            };
            log.push(&row)?;
        }
        Ok(())
    }

    /// Batches that the noise was measured on, for a checkpoint.
    pub fn noise_batches(&self) -> u64 {
        self.noise.as_ref().map_or(0, Noise::batches)
    }

    /// What it carries from step to step, for a checkpoint.
    pub fn state(&self) -> Vec<StateTensor<'_>> {
        let noise = self.noise.iter().map(|noise| under("noise", noise.state()));
        let shadows = self.shadows.iter().map(|s| under(&format!("shadow.{}", s.name), s.optimizer.state()));
        noise.chain(shadows).flatten().collect()
    }

    /// Continues from a checkpoint after `steps` steps, the noise of so many batches among them.
    ///
    /// # Errors
    /// What `take` returns.
    pub fn restore(
        &mut self,
        steps: u64,
        noise_batches: u64,
        mut take: impl FnMut(&str, &[usize]) -> Result<Vec<f32>>,
    ) -> Result<()> {
        if let Some(noise) = &mut self.noise {
            noise.restore(steps, noise_batches, |name, shape| take(&format!("noise.{name}"), shape))?;
        }
        for Shadow { name: shadow, optimizer, .. } in &mut self.shadows {
            optimizer.restore(steps, |name, shape| take(&format!("shadow.{shadow}.{name}"), shape))?;
        }
        Ok(())
    }
}

fn under<'a>(prefix: &str, state: Vec<StateTensor<'a>>) -> Vec<StateTensor<'a>> {
    let named = |tensor: StateTensor<'a>| StateTensor { name: format!("{prefix}.{}", tensor.name), ..tensor };
    state.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::model::{Init, Role};
    use crate::run_dir::{RunDir, read_tensors};

    fn numbers(value: &Value) -> Vec<f32> {
        value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
    }

    /// Found is f32, expected NumPy's f64.
    fn close(found: Option<f64>, expected: &Value, what: &str) {
        match (found, expected.as_f64()) {
            (None, None) => {}
            (Some(found), Some(expected)) if (found - expected).abs() <= 2e-4 * expected.abs() => {}
            other => panic!("{what}: {other:?}"),
        }
    }

    /// Against `scripts/golden_observe.py`.
    #[test]
    fn shadows_and_noise_are_what_numpy_says() {
        let golden: Value = serde_json::from_str(include_str!("../../tests/golden/observe.json")).unwrap();
        let mut layout = Layout::default();
        layout.push("weight", &[4, 6], Role::Matrix, Init::Constant(0.0));
        layout.push("bias", &[6], Role::Bias, Init::Constant(0.0));
        let layout = Arc::new(layout);
        let [lr, beta1, beta2, eps] = ["lr", "beta1", "beta2", "eps"].map(|key| golden[key].as_f64().unwrap());
        let settings = format!("lr = {lr}\nbeta1 = {beta1}\nbeta2 = {beta2}\neps = {eps}\n");
        let observe = "observe = { shadow = 'snradam', noise = true }";
        let spec = RunSpec::resolve([(settings + observe).parse().unwrap()]).unwrap();
        let mut watch = Watch::new(&spec, &layout, golden["images"].as_u64().unwrap()).unwrap().unwrap();
        let mut optimizer = Optimizer::new(layout, 0.0, spec.rule().unwrap()).unwrap();
        let mut params = numbers(&golden["params"]);
        let mut log = Log::new("tensors.csv");
        let steps = golden["steps"].as_array().unwrap();
        for (t, step) in (1..).zip(steps) {
            let (grads, first) = (numbers(&step["grad"]), step["part"].is_array().then(|| numbers(&step["part"])));
            let samples = step["samples"].as_u64().unwrap_or_default();
            let part = first.as_ref().map(|grad| Part { samples, of: step["of"].as_u64().unwrap(), grad });
            optimizer.update(lr, &params, &grads).unwrap();
            let now = Moment { step: t, lr, params: &params, grads: &grads, part, optimizer: &optimizer };
            let mut row = StepRow::default();
            watch.step(&now, &mut row, &mut log).unwrap();
            optimizer.apply(lr, &mut params);
            let noise = &step["noise"];
            close(row.noise_trace, &noise["trace"], "trace");
            close(row.noise_scale, &noise["scale"], "scale");
            close(row.noise_share, &noise["share"], "share");
        }
        let dir = tempfile::tempdir().unwrap();
        log.save(&RunDir::lock(dir.path()).unwrap()).unwrap();
        let rows = read_tensors(dir.path()).unwrap();
        assert_eq!(rows.len(), 3 * steps.len());
        for (found, expected) in rows.chunks(3).zip(steps) {
            for (row, expected) in found.iter().zip(expected["rows"].as_array().unwrap()) {
                check(row, expected);
            }
            let bins = found[0].by_consistency();
            let expected = expected["bins"].as_array().unwrap();
            assert_eq!(bins.len(), expected.len());
            for (bin, expected) in bins.iter().zip(expected) {
                assert_eq!(bin.0, expected[0].as_u64().unwrap());
                close(bin.1, &expected[1], "amplification by consistency");
            }
            assert!(found[1].by_consistency().is_empty());
        }
    }

    fn check(row: &TensorRow, expected: &Value) {
        assert_eq!((row.tensor.as_str(), row.shadow.as_str()), (expected["tensor"].as_str().unwrap(), "snradam"));
        let single = [
            (Some(row.grad_norm), "grad_norm"),
            (Some(row.weight_norm), "weight_norm"),
            (Some(row.update_norm), "update_norm"),
            (row.update_to_weight, "update_to_weight"),
            (row.step_ratio, "step_ratio"),
            (row.cosine, "cosine"),
            (row.eps_share, "eps_share"),
            (row.noise_share, "noise_share"),
        ];
        single.iter().for_each(|(found, key)| close(found.map(f64::from), &expected[*key], key));
        let [a05, a25, a50] = [row.amplification_q05, row.amplification_q25, row.amplification_q50];
        let amplification = [a05, a25, a50, row.amplification_q75, row.amplification_q95];
        let snr = [row.snr_q05, row.snr_q25, row.snr_q50, row.snr_q75, row.snr_q95];
        for (found, key) in [(amplification, "amplification"), (snr, "snr")] {
            found.iter().enumerate().for_each(|(i, x)| close(x.map(f64::from), &expected[key][i], key));
        }
    }
}
