//! What shadows say, in words.

use crate::analysis::observed::Amplification;
use crate::number::plain;
use crate::run_dir::ALL;

/// A bin of consistency with a smaller share of the elements is not told.
const FEW: f64 = 1e-3;

/// "At the median SNRAdam’s steps are 0.78 to 0.95 times as long as Adam’s"; the first step is the same.
pub fn amplification_finding(amplification: &Amplification) -> String {
    let Amplification { a, b, .. } = amplification;
    let curve = amplification.tensors.iter().find(|(name, _)| name == ALL).map(|(_, curve)| curve.as_slice());
    let later = || curve.unwrap_or_default().iter().filter(|(step, _)| *step > 1).map(|(_, quantiles)| quantiles[2]);
    match (later().min_by(f64::total_cmp), later().max_by(f64::total_cmp)) {
        (Some(least), Some(most)) => {
            format!("At the median {a}’s steps are {} to {} times as long as {b}’s", plain(least, 2), plain(most, 2))
        }
        _ => format!("{a}’s steps by {b}’s"),
    }
}

/// "SNRAdam lengthens the steps of consistent gradients: 1.01 times at c = 0.05, 1.8 times at c = 0.75".
pub fn consistency_finding(amplification: &Amplification) -> String {
    let Amplification { a, b, consistency, .. } = amplification;
    let bins = consistency.iter().enumerate().filter(|(_, (share, _))| *share >= FEW);
    let known: Vec<(usize, f64)> = bins.filter_map(|(i, (_, mean))| Some((i, (*mean)?))).collect();
    match (known.first(), known.last()) {
        (Some((low, least)), Some((high, most))) if low < high => {
            let middle = |bin: &usize| plain(0.1 * *bin as f64 + 0.05, 2);
            let what = if most > least {
                "lengthens the steps of consistent gradients"
            } else {
                "does not lengthen the steps of consistent gradients"
            };
            format!(
                "{a} {what}: {} times {b}’s at c = {}, {} times at c = {}",
                plain(*least, 2),
                middle(low),
                plain(*most, 2),
                middle(high)
            )
        }
        _ => format!("{a}’s steps by {b}’s, by the consistency of the gradient"),
    }
}
