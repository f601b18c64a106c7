//! The training loss of every step, from `steps.csv`.

use crate::analysis::Run;
use crate::run_dir::read_steps;

/// More points of a curve than this are not told apart.
const MOST: usize = 800;

/// (step, training loss) of a run up to the first loss that is not finite; empty where it has no such file.
pub fn train_losses(run: &Run) -> Vec<(f64, f64)> {
    let rows = read_steps(&run.dir).unwrap_or_default().into_iter();
    let losses = rows.filter_map(|row| Some((row.step as f64, row.train_loss?)));
    losses.take_while(|(_, loss)| loss.is_finite()).collect()
}

/// Of how many steps one is drawn, so that the longest curve is still a curve.
pub fn every(longest: usize) -> usize {
    longest.div_ceil(MOST).max(1)
}
