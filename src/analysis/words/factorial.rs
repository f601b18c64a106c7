//! What the size of a step does and what its direction, in words.

use super::{ratio, seeds};
use crate::analysis::factorial::{Factorial, Matched, Split};
use crate::analysis::types::{Contrast, Effect, PlanState, Reason};
use crate::number::{number, plain};

/// What the contrasts on the loss over the run come to.
pub fn factorial_answer(factorial: &Factorial) -> String {
    let Factorial { a, b, splits, .. } = factorial;
    let Some(split) = splits.first() else { return String::new() };
    let head = format!("{a} against {b}, {}, {}", factorial.title, seeds(&factorial.seeds));
    if let Some(missing) = missing(split) {
        return format!("{head}: {missing}");
    }
    let exploratory = if factorial.plan == PlanState::NoPlan { " (exploratory)" } else { "" };
    let whole = split.together.as_ref().filter(|effect| is_shown(effect));
    let said = match (whole, split.size.effect, split.direction.effect) {
        (Some(whole), Some(size), Some(direction)) => {
            let share = |effect: &Effect| format!("{}%", plain(100.0 * effect.mean / whole.mean, 0));
            format!(
                "training loss over the run is {}; {} of that goes with the size of the step, {} with its direction",
                ratio(whole),
                share(&size),
                share(&direction)
            )
        }
        _ => "a difference in the training loss over the run is not shown, so there is nothing to divide".to_string(),
    };
    let each = format!(
        "Size alone: {}; direction alone: {}; interaction: {}.",
        contrast(&split.size),
        contrast(&split.direction),
        contrast(&split.interaction)
    );
    let matched = factorial.matched.as_ref().map_or(String::new(), |matched| format!(" {}", of_matched(a, b, matched)));
    format!("{head}: {said}{exploratory}. {each}{matched}")
}

fn of_matched(a: &str, b: &str, matched: &Matched) -> String {
    let Matched { name, norm_ratio, norm_ratio_matched, effect, pairs, .. } = matched;
    let against = effect.as_ref().map_or("a run failed".to_string(), ratio);
    format!(
        "{a}’s mean update norm is {} times {b}’s; against {name}, where it is {} times, {a}’s loss over the run is {against} ({}).",
        plain(*norm_ratio, 3),
        plain(*norm_ratio_matched, 3),
        super::pairs(*pairs)
    )
}

/// "45% of SNRAdam’s gain goes with the size of its step, 55% with its direction".
pub fn factorial_finding(factorial: &Factorial) -> String {
    let a = &factorial.a;
    let split = factorial.splits.first();
    let shown = split.and_then(|split| {
        let whole = split.together.filter(is_shown)?;
        let share = |contrast: &Contrast| Some(plain(100.0 * contrast.effect?.mean / whole.mean, 0));
        let what = if whole.mean < 0.0 { "gain" } else { "loss" };
        Some(format!(
            "{}% of {a}’s {what} goes with the size of its step, {}% with its direction",
            share(&split.size)?,
            share(&split.direction)?
        ))
    });
    shown.unwrap_or_else(|| format!("Size and direction of {a}’s step"))
}

/// Why there is nothing to say.
fn missing(split: &Split) -> Option<String> {
    Some(match split.size.reason? {
        Reason::NoPairs => "no seed has all four runs.".to_string(),
        Reason::TooFewPairs => format!("too few seeds for a verdict: it takes {}.", crate::analysis::MIN_PAIRS),
        Reason::Interim => "planned runs are missing.".to_string(),
        Reason::RunFailed => "a run of the four failed, so that size and direction cannot be told apart.".to_string(),
        _ => "all seeds differ by the same, which is no basis for a verdict.".to_string(),
    })
}

fn is_shown(effect: &Effect) -> bool {
    effect.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0)
}

fn contrast(contrast: &Contrast) -> String {
    contrast.effect.as_ref().map_or(number(0.0), |effect| format!("{}, {}", ratio(effect), contrast.verdict))
}
