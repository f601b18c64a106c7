//! What planned runs can show, in words: said before anything runs.

use super::{log_per_cent, pairs, per_cent};
use crate::analysis::outlook::{EXAMPLE_SD, Outlook};
use crate::number::plain;

/// Where runs were made before any plan.
pub const NO_PLAN: &str = "the folder holds runs that were made without a plan: what is found in it is exploratory; name a new \
    folder with --out for a planned experiment";

/// Runs of a command that the folder's plan does not have.
pub fn beyond_the_plan(runs: usize) -> Option<String> {
    (runs > 0).then(|| {
        let runs = if runs == 1 { "1 run is".to_string() } else { format!("{runs} runs are") };
        format!(
            "{runs} beyond the plan of this folder: shown beside its verdict, which stays that of the planned pairs"
        )
    })
}

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
            "training losses over the run that differ by {}, given the spread of the {} that are there",
            log_per_cent(found * sd),
            pairs(seen)
        ),
        None => format!(
            "a difference of {} standard deviations of the pairs’ log ratios: {} if these deviate by 5%",
            plain(found, 1),
            log_per_cent(found * EXAMPLE_SD)
        ),
    };
    let equivalence = outlook.equivalence_needs.map_or(String::new(), |needed| {
        format!("; ‘no relevant difference’ within {} takes {} then", per_cent(outlook.margin), pairs(needed))
    });
    format!("{title}: {said} can reach a verdict; with 80% power they find {finds}{equivalence}")
}
