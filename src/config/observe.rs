//! What a run measures beside training.

use serde::{Deserialize, Serialize};

/// The `[observe]` table: what a run measures beside training. It changes no bit of the run and is no part of its
/// [`hash`](super::RunSpec::hash): runs that differ in it alone are the same run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Observe {
    /// Training images of one fixed sample that is evaluated before training and after every step; 0: none.
    pub probe: usize,
}
