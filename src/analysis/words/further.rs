//! What belongs beside numbers where there is no room for a sentence.

use super::{pairs, per_cent};
use crate::analysis::Level;
use crate::analysis::judge::least_pairs;
use crate::analysis::types::{Criteria, Judgement, Verdict};
use crate::number::plain;

/// What could still decide a judgement; nothing where it is decided.
pub fn further(judgement: &Judgement, criteria: Criteria) -> Vec<String> {
    let n = judgement.pairs.len();
    let mut said = Vec::new();
    match judgement.verdict {
        Verdict::NotTestable => {
            said.push(format!("a verdict takes {}", pairs(least_pairs(judgement.effect.is_some()))));
        }
        Verdict::Undecided => {
            let needed = judgement.pairs_needed.filter(|needed| *needed > n);
            said.extend(needed.map(|needed| format!("about {} more, in a new plan of {needed}", needed - n)));
        }
        _ => return said,
    }
    let within = per_cent(criteria.margin);
    said.extend(judgement.equivalence_needs.map(|needed| {
        format!("{} cannot show that a difference lies within {within}: that takes about {needed}", pairs(n))
    }));
    said
}

/// "0.87 [0.84, 0.90]".
pub fn level(level: &Level) -> String {
    let interval = level.interval.map_or(String::new(), |(lo, hi)| format!(" [{}, {}]", plain(lo, 2), plain(hi, 2)));
    format!("{}{interval}", plain(level.ratio, 2))
}
