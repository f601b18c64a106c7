//! The training loss of every step, from `steps.csv`.

use crate::analysis::Run;
use crate::config::read_text;
use crate::run_dir::STEPS;

/// More points of a curve than this are not told apart.
const MOST: usize = 800;

/// (step, training loss) of a run up to the first loss that is not finite; empty where it has no such file.
pub fn train_losses(run: &Run) -> Vec<(f64, f64)> {
    let Ok(text) = read_text(&run.dir.join(STEPS), 1 << 30) else { return Vec::new() };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let Ok(header) = reader.headers() else { return Vec::new() };
    let place = |name: &str| header.iter().position(|other| other == name);
    let Some((step, loss)) = place("step").zip(place("train_loss")) else { return Vec::new() };
    let rows = reader.records().map_while(|row| {
        let row = row.ok()?;
        let loss: f64 = row.get(loss)?.parse().ok()?;
        Some((row.get(step)?.parse().ok()?, loss)).filter(|_| loss.is_finite())
    });
    rows.collect()
}

/// Of how many steps one is drawn, so that the longest curve is still a curve.
pub fn every(longest: usize) -> usize {
    longest.div_ceil(MOST).max(1)
}
