//! How much there is to compute in a run, and what that costs.

use crate::config::{RunSpec, Validation};
use crate::error::Result;
use crate::run_dir::State;
use crate::train::checkpoint::RunProgress;
use crate::train::training_images;

/// What there is to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Images through forward and backward pass.
    pub trained: u64,
    /// Optimizer steps.
    pub steps: u64,
    /// Images through the forward pass alone, for validation.
    pub validated: u64,
}

impl Work {
    /// What is left of a run that came as far as `progress`, or was not begun: nothing if it diverged there.
    ///
    /// # Errors
    /// A split that the data set cannot give.
    pub fn left(spec: &RunSpec, progress: Option<&RunProgress>) -> Result<Self> {
        let (train, test) = spec.dataset.sizes();
        let extent = spec.extent(training_images(spec, train)?);
        if progress.is_some_and(|progress| progress.state == State::Diverged) {
            return Ok(Self::default());
        }
        let validation = match spec.validation {
            Validation::Test => test as u64,
            Validation::Holdout(n) => n as u64,
        };
        let (samples_seen, step, rows) = progress.map_or((0, 0, 0), |p| (p.samples_seen, p.step, p.rows.len() as u64));
        Ok(Self {
            trained: extent.samples.saturating_sub(samples_seen),
            steps: extent.steps.saturating_sub(step),
            // Before training, and after each epoch; the probe after each step.
            validated: extent
                .epochs
                .saturating_add(1)
                .saturating_sub(rows)
                .saturating_mul(validation)
                .saturating_add(extent.steps.saturating_sub(step).saturating_mul(spec.observe.probe as u64)),
        })
    }
}

/// What a unit of each kind of work costs: in seconds where measured, else in any one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Of an image through forward and backward pass.
    pub trained: f64,
    /// Of an optimizer step.
    pub step: f64,
    /// Of an image through the forward pass alone.
    pub validated: f64,
}

impl Cost {
    /// Nothing.
    pub const NONE: Self = Self { trained: 0.0, step: 0.0, validated: 0.0 };

    /// In floating-point operations of the matrix products, beside which those of a step are few.
    pub fn in_flops(spec: &RunSpec) -> Self {
        let (model, input) = (&spec.model, spec.dataset.shape());
        let trained = model.training_flops(input).executed as f64;
        Self { trained, step: 0.0, validated: model.evaluation_flops(input).executed as f64 }
    }

    /// What `work` costs.
    pub fn of(&self, work: Work) -> f64 {
        let Work { trained, steps, validated } = work;
        self.trained * trained as f64 + self.step * steps as f64 + self.validated * validated as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> RunSpec {
        RunSpec::resolve([text.parse().unwrap()]).unwrap()
    }

    #[test]
    fn of_the_articles_run() {
        let work = Work::left(&spec(""), None).unwrap();
        assert_eq!(work, Work { trained: 20 * 60_000, steps: 20 * 15, validated: 21 * 10_000 });
        let work = Work::left(&spec("batch = 'full'\nvalidation = 'holdout:5000'"), None).unwrap();
        assert_eq!(work, Work { trained: 20 * 55_000, steps: 20, validated: 21 * 5000 });
    }

    #[test]
    fn an_impossible_split_is_refused() {
        assert!(Work::left(&spec("train_subset = 60001"), None).unwrap_err().to_string().contains("60001"));
    }
}
