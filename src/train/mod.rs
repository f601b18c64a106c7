//! One run: from a resolved [`RunSpec`](crate::config::RunSpec) to a run directory.

mod metrics;
pub mod record;

pub use metrics::Row;
