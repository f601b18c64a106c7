//! Who wants to know how a run goes.

use crate::config::Extent;
use crate::model::Totals;
use crate::run_dir::Row;

/// Receives progress events of a run. Methods may be called from any thread; `()` ignores them.
pub trait Observer: Sync {
    /// An epoch begins or goes on: `done` of its training samples are through.
    fn epoch(&self, _epoch: u64, _extent: &Extent, _done: u64) {}
    /// A shard of a training batch is through.
    fn shard(&self, _totals: Totals) {}
    /// A step is done.
    fn step(&self, _step: u64) {}
    /// A shard of the validation images is through.
    fn validated(&self, _totals: Totals) {}
    /// A row of `metrics.csv` is there.
    fn row(&self, _row: &Row) {}
    /// What the reader of its files should know.
    fn note(&self, _text: &str) {}
}

impl Observer for () {}
