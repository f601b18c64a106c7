//! The loss over the run on one fixed sample of training images, from `steps.csv`.

use super::group::Group;
use super::run::Run;
use super::speedup::log;
use super::words;
use crate::run_dir::{Warning, read_steps};

/// Lets the runs of a group be judged by their probe where all that have not failed have one of the same size; with a warning
/// where only some have.
pub fn apply(group: &mut Group) -> Option<Warning> {
    let all = || group.runs().filter(|run| run.sound && run.fate.has_ended());
    let sizes: Vec<usize> = all().map(|run| run.spec.observe.probe).collect();
    let size = sizes.first().copied().filter(|size| *size > 0 && sizes.iter().all(|other| other == size));
    let of_run = |run: &Run| if run.fate.is_failed() { Some(f64::INFINITY) } else { mean_log_loss(run) };
    let Some(size) = size.filter(|_| all().all(|run| of_run(run).is_some())) else {
        return sizes.iter().any(|size| *size > 0).then(|| words::uneven_probes(group));
    };
    group.probe = Some(size);
    for run in group.arms.iter_mut().flat_map(|arm| &mut arm.runs) {
        run.probe = of_run(run);
    }
    None
}

/// Mean over all steps of ln(loss on the sample); `None` where a step has none.
fn mean_log_loss(run: &Run) -> Option<f64> {
    let rows = read_steps(&run.dir).ok()?;
    let losses: Vec<f64> = rows.iter().filter(|row| row.step > 0).filter_map(|row| row.probe_loss).collect();
    let whole = !losses.is_empty() && losses.len() as u64 == run.last().step;
    whole.then(|| losses.iter().map(|loss| log(*loss)).sum::<f64>() / losses.len() as f64)
}
