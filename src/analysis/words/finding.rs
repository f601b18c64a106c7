//! What a figure shows, in a line: its title.

use super::{cell, list, ratio};
use crate::analysis::endpoint::{Endpoint, Measure};
use crate::analysis::group::{Arm, Group};
use crate::analysis::leaderboard::mean_loss;
use crate::analysis::types::{Basis, Comparison, Effect, Judgement, Verdict};
use crate::number::{loss, plain};

/// What arms of a group come to in one endpoint: "SNRAdam’s training loss is 8.8% [7.1%, 10.5%] lower than Adam’s"; of more than
/// two, which has the least. `None` where no arm has a mean.
pub fn endpoint(group: &Group, shown: &[&Arm], endpoint: Endpoint) -> Option<String> {
    let what = match endpoint {
        Endpoint::Speed => "training loss over the run",
        other => other.name(),
    };
    if let Some(comparison) = the_two(group, shown) {
        let judgement = comparison.judgements.iter().find(|judgement| judgement.endpoint == endpoint)?;
        return Some(compared(comparison, what, &judgement.effect?));
    }
    let means: Vec<(&Arm, f64)> = shown.iter().filter_map(|arm| Some((*arm, mean_loss(endpoint, arm)?.mean))).collect();
    match endpoint {
        Endpoint::FinalValLoss if shown.len() == group.leaderboard.len() => tied(group, shown, what),
        _ => None,
    }
    .or_else(|| least(shown, means, what, loss))
}

/// Those that share the first place, if several do: "SNRAdam and Adam share the first place: final validation loss 0.128".
fn tied(group: &Group, shown: &[&Arm], what: &str) -> Option<String> {
    let first: Vec<_> = group.leaderboard.iter().filter(|entrant| entrant.place == Some(1)).collect();
    let means = first.iter().filter_map(|entrant| entrant.losses[2]).map(|loss| loss.mean);
    let (lo, hi) = (means.clone().min_by(f64::total_cmp)?, means.max_by(f64::total_cmp)?);
    let who = match first.len() {
        1 => return None,
        2 | 3 => list(&first.iter().map(|entrant| entrant.name.clone()).collect::<Vec<_>>()),
        n if n == shown.len() => format!("All {n}"),
        n => format!("{n} of {}", shown.len()),
    };
    Some(format!("{who} share the first place: {what} {} to {}, within the noise", loss(lo), loss(hi)))
}

/// The same of the share of the validation set that is classified wrongly, at the end.
pub fn error_rate(group: &Group, shown: &[&Arm]) -> Option<String> {
    let what = "final error rate";
    if let Some(comparison) = the_two(group, shown) {
        let described = comparison.described.iter().find(|d| d.measure == Measure::FinalErrorRate)?;
        return Some(compared(comparison, what, &described.effect?));
    }
    let mean = |arm: &Arm| {
        if arm.failed() > 0 {
            return None;
        }
        let rates: Vec<f64> = arm.averaged().iter().filter_map(|run| Measure::FinalErrorRate.of(run, None)).collect();
        (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
    };
    let means = shown.iter().filter_map(|arm| Some((*arm, mean(arm)?)));
    least(shown, means.collect(), what, |rate| format!("{}%", plain(100.0 * rate, 2)))
}

/// "Of 4, AdaBelief has the lowest mean final validation loss: 0.2702". An arm of which a run failed has no mean.
fn least(shown: &[&Arm], means: Vec<(&Arm, f64)>, what: &str, write: impl Fn(f64) -> String) -> Option<String> {
    let (best, mean) = means.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let (name, mean) = (&best.label, write(*mean));
    Some(match (shown.len(), means.len()) {
        (_, 1) => format!("{name}’s {what} is {mean}"),
        (all, n) if n < all => format!("Of the {n} of which no run failed, {name} has the lowest mean {what}: {mean}"),
        (_, n) => format!("Of {n}, {name} has the lowest mean {what}: {mean}"),
    })
}

/// What the first optimizer of a group comes to beside each of several others: "Against Adam, training loss over the run is lower
/// with AdaBelief (9% [4%, 13%]); higher with NAdam (…)." `None` where nothing is judged, and of
/// grafts, which are a means to say why.
pub fn several(group: &Group) -> Option<String> {
    if group.arms.iter().any(|arm| arm.spec().optim == "graft") {
        return None;
    }
    let with_first = group.against_first();
    let of = |verdict: Verdict| {
        let judged = with_first.iter().filter(|c| c.judgements[0].verdict == verdict);
        list(&judged.map(|c| with_size(c, &c.judgements[0])).collect::<Vec<_>>())
    };
    let kinds = [
        (Verdict::Supported, "lower with"),
        (Verdict::Contradicted, "higher with"),
        (Verdict::NoRelevantDifference, "the same with"),
        (Verdict::Undecided, "undecided with"),
    ];
    let said = kinds.into_iter().map(|(verdict, word)| (word, of(verdict))).filter(|(_, names)| !names.is_empty());
    let said: Vec<String> = said.map(|(word, names)| format!("{word} {names}")).collect();
    let is_tuned = with_first.iter().all(|comparison| comparison.basis == Basis::Tuned);
    let how = if is_tuned { ", each at its best" } else { "" };
    let baseline = &group.arms[0].name;
    (!said.is_empty()).then(|| format!("Against {baseline}{how}, training loss over the run is {}.", said.join("; ")))
}

/// "AdaBelief (9% [4%, 13%])"; which way is told where nothing is decided.
fn with_size(comparison: &Comparison, judgement: &Judgement) -> String {
    let word = match judgement.verdict {
        Verdict::Supported => " lower",
        Verdict::Contradicted => " higher",
        _ => "",
    };
    let size = |effect: &Effect| format!(" ({})", ratio(effect).trim_end_matches(word));
    format!("{}{}", comparison.a.name, judgement.effect.as_ref().map_or(String::new(), size))
}

/// What comparisons with one baseline come to in one endpoint.
pub fn against(comparisons: &[&Comparison], endpoint: Endpoint) -> Option<String> {
    let effect = |c: &Comparison| c.judgements.iter().find(|j| j.endpoint == endpoint).and_then(|j| j.effect);
    let what = match endpoint {
        Endpoint::Speed => "training loss over the run",
        other => other.name(),
    };
    if let [only] = comparisons {
        return Some(compared(only, what, &effect(only)?));
    }
    let effects = comparisons.iter().filter_map(|c| Some((c, effect(c)?)));
    let (best, effect) = effects.min_by(|a, b| a.1.mean.total_cmp(&b.1.mean))?;
    let (name, baseline) = (&best.a.name, &best.b.name);
    if effect.interval.is_some_and(|(_, hi)| hi >= 0.0) {
        return Some(format!("None of {} is shown to be below {baseline} in {what}", comparisons.len()));
    }
    Some(format!("{name} has the lowest {what}: {} of {baseline}’s", cell(&effect)))
}

/// The headline comparison of two arms, if they are two.
fn the_two<'a>(group: &'a Group, shown: &[&Arm]) -> Option<&'a Comparison> {
    let [b, a] = shown else { return None };
    let is = |side: &crate::analysis::Contender, arm: &Arm| side.name == arm.name && side.lr == arm.spec().lr;
    group.headline().into_iter().find(|c| is(&c.a, a) && is(&c.b, b))
}

/// "SNRAdam’s training loss is 8.8% [7.1%, 10.5%] lower than Adam’s"; where the interval includes no difference, that.
fn compared(comparison: &Comparison, what: &str, effect: &Effect) -> String {
    let (a, b) = (&comparison.a.name, &comparison.b.name);
    let no_difference = if effect.is_ratio { 1.0 } else { 0.0 };
    let (mean, interval) = effect.plain();
    match interval {
        Some((lo, hi)) if lo <= no_difference && no_difference <= hi => {
            format!("No difference shown between {a} and {b}: {what}, {} {}", sign(effect), cell(effect))
        }
        _ if !effect.is_ratio => {
            let points = |x: f64| plain(100.0 * x.abs(), 2);
            let interval = interval.map_or(String::new(), |(lo, hi)| {
                let (near, far) = if mean < 0.0 { (hi, lo) } else { (lo, hi) };
                format!(" [{}, {}]", points(near), points(far))
            });
            let word = if mean < 0.0 { "lower" } else { "higher" };
            format!("{a}’s {what} is {}{interval} points {word} than {b}’s", points(mean))
        }
        _ if mean >= 2.0 => format!("{a}’s {what} is {} as {b}’s", ratio(effect)),
        _ => format!("{a}’s {what} is {} than {b}’s", ratio(effect)),
    }
}

fn sign(effect: &Effect) -> &'static str {
    if effect.is_ratio { "ratio" } else { "difference" }
}
