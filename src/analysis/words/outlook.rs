//! What planned runs can show, in words: said before anything runs.

use super::{log_per_cent, pairs, per_cent};
use crate::analysis::outlook::Outlook;
use crate::number::plain;

/// The example of a spread where none was seen yet: 5%.
const EXAMPLE: f64 = 0.05;

/// "MNIST, batch 4096, 20 epochs: 10 pairs can reach a verdict. With 80% power they find …".
pub fn outlook(outlook: &Outlook) -> String {
    let Outlook { title, pairs: n, least, .. } = outlook;
    let said = pairs(*n);
    if n < least {
        return format!(
            "{title}: {said} cannot reach a verdict, {least} can: name {least} seeds or more, such as --seed {}",
            (0..*least).map(|seed| seed.to_string()).collect::<Vec<_>>().join(",")
        );
    }
    let found = outlook.detectable.unwrap_or(f64::INFINITY);
    let finds = match outlook.spread {
        Some((sd, seen)) => format!(
            "a ratio of training losses of {}, given the spread of the {} that are there",
            log_per_cent(found * sd),
            pairs(seen)
        ),
        None => format!(
            "a difference of {} standard deviations of the pairs’ log ratios: {} if these deviate by 5%",
            plain(found, 1),
            log_per_cent(found * EXAMPLE)
        ),
    };
    let equivalence = outlook.equivalence_needs.map_or(String::new(), |needed| {
        format!("; ‘no relevant difference’ within {} takes {} at this spread", per_cent(outlook.margin), pairs(needed))
    });
    format!("{title}: {said} can reach a verdict; with 80% power they find {finds}{equivalence}")
}
