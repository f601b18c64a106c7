//! How wide the range of learning rates is at which an optimizer is about as good as at its best.

/// How much more than the least loss is as good: 5%.
pub const AS_GOOD: f64 = 0.05;

/// The learning rates around the best one at which the mean loss is within 5% of the least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Basin {
    /// Largest rate of the basin, divided by the smallest.
    pub factor: f64,
    /// Whether it is wider than the rates that were tried, or ends where runs failed: the factor is a lower bound.
    pub is_open: bool,
}

/// The basin of (rate, mean loss), in ascending order of the rate; `None` where no rate has a mean.
///
/// Between two rates the logarithm of the mean loss is interpolated linearly in the logarithm of the rate. The basin ends where
/// that first exceeds the least by ln 1.05. A rate at which a run failed has no mean: the basin then ends, open, at its neighbour.
pub fn basin(means: &[(f64, Option<f64>)]) -> Option<Basin> {
    let points: Vec<(f64, Option<f64>)> = means.iter().map(|(lr, mean)| (lr.ln(), mean.map(f64::ln))).collect();
    let with_mean = points.iter().enumerate().filter_map(|(i, (lr, loss))| Some((i, *lr, (*loss)?)));
    let (best, lr, least) = with_mean.min_by(|a, b| a.2.total_cmp(&b.2))?;
    let level = least + AS_GOOD.ln_1p();
    let (left, left_open) = edge(lr, least, points[..best].iter().rev(), level);
    let (right, right_open) = edge(lr, least, points[best + 1..].iter(), level);
    Some(Basin { factor: (right - left).exp(), is_open: left_open || right_open })
}

/// Where a curve that begins at a point first exceeds a level, and whether it does not.
fn edge<'a>(
    mut lr: f64,
    mut loss: f64,
    points: impl Iterator<Item = &'a (f64, Option<f64>)>,
    level: f64,
) -> (f64, bool) {
    for (next_lr, next_loss) in points {
        match next_loss {
            None => return (lr, true),
            Some(next) if *next > level => return (lr + (next_lr - lr) * (level - loss) / (next - loss), false),
            Some(next) => (lr, loss) = (*next_lr, *next),
        }
    }
    (lr, true)
}
