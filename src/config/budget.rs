//! How long a run is to be, in epochs or in steps.

use super::{Batch, RunSpec};

/// How far a whole run goes over a number of training images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Training images.
    pub images: u64,
    /// Optimizer steps of an epoch.
    pub steps_per_epoch: u64,
    /// Optimizer steps.
    pub steps: u64,
    /// Epochs that are begun; with a budget in steps the last one may be cut short.
    pub epochs: u64,
    /// Samples that are trained on.
    pub samples: u64,
}

impl RunSpec {
    /// How far the run goes over so many training images (see [`training_images`](crate::train::training_images)).
    pub fn extent(&self, images: usize) -> Extent {
        let images = images as u64;
        let size = match self.batch {
            Batch::Size(n) => (n as u64).min(images),
            Batch::Full => images,
        };
        let steps_per_epoch = images.div_ceil(size.max(1)).max(1);
        let steps = self.steps.unwrap_or_else(|| self.epochs.saturating_mul(steps_per_epoch));
        let (whole, rest) = (steps / steps_per_epoch, steps % steps_per_epoch);
        let samples = whole.saturating_mul(images).saturating_add((rest * size).min(images));
        Extent { images, steps_per_epoch, steps, epochs: whole + u64::from(rest > 0), samples }
    }

    /// Its budget in words: "20 epochs", "300 steps".
    pub fn length(&self) -> String {
        let (amount, unit) = self.budget();
        let s = if amount == 1 { "" } else { "s" };
        format!("{amount} {unit}{s}")
    }

    /// How far it is after that epoch and step, in words: "3 of 20 epochs", "45 of 300 steps".
    pub fn so_far(&self, epoch: u64, step: u64) -> String {
        let done = if self.steps.is_some() { step } else { epoch };
        format!("{done} of {}", self.length())
    }

    /// Whether it is at its end after that epoch and step.
    pub fn is_complete(&self, epoch: u64, step: u64) -> bool {
        self.steps.map_or(epoch == self.epochs, |steps| step == steps)
    }

    /// Whether it may be trained for more epochs later, to the same bits as if they had been asked for at once.
    pub fn may_grow(&self) -> bool {
        self.steps.is_none() && !self.schedule.needs_end()
    }

    fn budget(&self) -> (u64, &'static str) {
        self.steps.map_or((self.epochs, "epoch"), |steps| (steps, "step"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(text: &str, images: usize) -> Extent {
        RunSpec::resolve([text.parse().unwrap()]).unwrap().extent(images)
    }

    #[test]
    fn a_budget_in_steps_may_end_within_an_epoch() {
        let all = extent("epochs = 3\nbatch = 20", 50);
        assert_eq!(all, Extent { images: 50, steps_per_epoch: 3, steps: 9, epochs: 3, samples: 150 });
        let part = extent("steps = 8\nbatch = 20", 50);
        assert_eq!(part, Extent { images: 50, steps_per_epoch: 3, steps: 8, epochs: 3, samples: 140 });
        assert_eq!(extent("steps = 6\nbatch = 20", 50).epochs, 2);
        assert_eq!(extent("steps = 7\nbatch = 100", 50).samples, 350);
        assert_eq!(extent("steps = 7\nbatch = 'full'", 50).epochs, 7);
        assert_eq!(extent("epochs = 0", 50).steps, 0);
    }
}
