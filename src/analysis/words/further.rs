//! What belongs beside numbers where there is no room for a sentence.

use crate::analysis::Level;
use crate::analysis::judge::least_pairs;
use crate::analysis::types::{Judgement, Verdict};
use crate::number::plain;

/// What could still decide a judgement; `None` where it is decided, or the number of pairs is out of reach.
pub fn further(judgement: &Judgement) -> Option<String> {
    let n = judgement.pairs.len();
    match judgement.verdict {
        Verdict::NotTestable => Some(format!("a verdict takes {}", least_pairs(judgement.effect.is_some()))),
        Verdict::Undecided => {
            let needed = judgement.pairs_needed.filter(|needed| *needed > n)?;
            Some(format!("a new plan of about {needed} could decide it"))
        }
        _ => None,
    }
}

/// "0.87 [0.84, 0.90]".
pub fn level(level: &Level) -> String {
    let interval = level.interval.map_or(String::new(), |(lo, hi)| format!(" [{}, {}]", plain(lo, 2), plain(hi, 2)));
    format!("{}{interval}", plain(level.ratio, 2))
}
