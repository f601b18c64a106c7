//! The images that a run trains on, and those that it is validated on.

use crate::config::{RunSpec, Validation};
use crate::data::{Dataset, Images};
use crate::error::Result;
use crate::usage;

/// How many images a run trains on: the first ones, `0..n`, of the `all` in its training set.
///
/// # Errors
/// More asked for than there are.
pub fn training_images(spec: &RunSpec, all: usize) -> Result<usize> {
    let holdout = match spec.validation {
        Validation::Test => 0,
        Validation::Holdout(n) => n,
    };
    if holdout >= all {
        usage!("validation = holdout:{holdout} leaves nothing of {all} training images to train on; hold fewer out");
    }
    let left = all - holdout;
    let images = spec.train_subset.unwrap_or(left);
    if spec.observe.probe > images {
        usage!("observe.probe = {} is more than the {images} training images there are", spec.observe.probe);
    }
    match spec.train_subset {
        Some(n) if n > left => usage!("train_subset = {n} is more than the {left} training images there are"),
        _ => Ok(images),
    }
}

/// The images that the run is validated on.
pub(super) fn validation<'d>(spec: &RunSpec, data: &'d Dataset) -> (&'d Images, Vec<u32>) {
    match spec.validation {
        Validation::Test => (&data.test, (0..data.test.len() as u32).collect()),
        Validation::Holdout(n) => {
            let all = data.train.len();
            (&data.train, ((all - n) as u32..all as u32).collect())
        }
    }
}
