//! Judgements in words, and the answer that comes first.

use super::{further, list, log_per_cent, p_value, pairs, per_cent, seeds};
use crate::analysis::endpoint::Endpoint;
use crate::analysis::judge::least_pairs;
use crate::analysis::types::{Comparison, Contender, Criteria, Judgement, PlanState, Reason, TestKind, Verdict};
use crate::number::{number, plain};

/// Writes the sentence of every judgement, and the answer.
pub fn write(comparison: &mut Comparison, criteria: Criteria) {
    let sentence = |judgement: &Judgement| {
        let verdict = verdict(comparison, judgement);
        let detail = detail(comparison, judgement, criteria);
        format!("{}: {verdict}{detail}", facts(comparison, judgement))
    };
    let sentences: Vec<String> = comparison.judgements.iter().map(sentence).collect();
    let beside: Vec<String> = comparison.with_added.iter().map(sentence).collect();
    let answer = answer(comparison, criteria);
    let write = |judgements: &mut [Judgement], sentences: Vec<String>| {
        judgements.iter_mut().zip(sentences).for_each(|(judgement, sentence)| judgement.sentence = sentence);
    };
    write(&mut comparison.judgements, sentences);
    write(&mut comparison.with_added, beside);
    comparison.answer = answer;
}

/// The verdict as tables show it: "supported", without a plan "supported (exploratory)".
pub fn verdict(comparison: &Comparison, judgement: &Judgement) -> String {
    let n = judgement.pairs.len();
    let said = match judgement.verdict {
        Verdict::NotTestable => format!("not testable with {}", pairs(n)),
        Verdict::Undecided => match judgement.pairs_needed.filter(|needed| *needed > n) {
            Some(needed) => format!("undecided (about {} more pairs)", needed - n),
            None => "undecided".to_string(),
        },
        verdict => verdict.to_string(),
    };
    let exploratory = comparison.standing.state == PlanState::NoPlan && judgement.test.is_some();
    if exploratory { format!("{said} (exploratory)") } else { said }
}

/// "final training loss 6.9% [5.0%, 8.7%] lower, in 10 of 10 pairs, p < 0.001 (Holm < 0.001)".
fn facts(comparison: &Comparison, judgement: &Judgement) -> String {
    let n = judgement.pairs.len();
    let p = judgement.test.map_or(String::new(), |test| {
        let ranks = if test.kind == TestKind::SignedRanks { "; signed ranks" } else { "" };
        let p = p_value(test.p);
        let p = if p.starts_with('<') { p } else { format!("= {p}") };
        format!(", p {p} (Holm {}{ranks})", p_value(test.holm))
    });
    match &judgement.effect {
        _ if n == 0 => format!("{}, no pair has ended", judgement.endpoint.name()),
        Some(effect) => {
            let count = if effect.mean <= 0.0 { judgement.wins } else { n - judgement.wins - judgement.ties };
            format!("{}, in {count} of {}{p}", judgement.endpoint.effect(effect), pairs(n))
        }
        None => {
            let ties = if judgement.ties > 0 { format!(" ({} tied)", judgement.ties) } else { String::new() };
            let failed = failed(comparison);
            let name = judgement.endpoint.name();
            format!("{name} lower in {} of {}{ties}, no mean since {failed}{p}", judgement.wins, pairs(n))
        }
    }
}

/// "1 SNRAdam run and 2 Adam runs failed".
fn failed(comparison: &Comparison) -> String {
    let side = |side: &&Contender| {
        let runs = if side.failed == 1 { "run" } else { "runs" };
        format!("{} {} {runs}", side.failed, side.name)
    };
    let sides = [&comparison.a, &comparison.b];
    list(&sides.iter().filter(|side| side.failed > 0).map(side).collect::<Vec<_>>()) + " failed"
}

/// What belongs to a verdict: the margin, how many pairs could decide, why there is none.
fn detail(comparison: &Comparison, judgement: &Judgement, criteria: Criteria) -> String {
    let standing = &comparison.standing;
    match (judgement.verdict, judgement.reason) {
        (Verdict::NoRelevantDifference, _) => format!(" (within {})", per_cent(criteria.margin)),
        (Verdict::Undecided | Verdict::NotTestable, _) => {
            let power = judgement.detectable.filter(|_| judgement.test.is_some()).map_or(String::new(), |effect| {
                format!("; {} pairs find {} with 80% power", judgement.pairs.len(), log_per_cent(effect))
            });
            power + &further(judgement).map_or(String::new(), |further| format!("; {further}"))
        }
        (_, Some(Reason::Interim)) => {
            format!(", interim: {} of {} planned pairs missing", standing.missing.len(), standing.planned.len())
        }
        (_, Some(Reason::IdenticalDifferences)) => {
            ": all pairs differ by exactly the same, which shows no spread to judge by".into()
        }
        (_, Some(Reason::ChosenOnTheseSeeds)) => {
            ": learning rates chosen and measured on the same seeds, exploratory".into()
        }
        (_, Some(Reason::Added)) => ": with the pairs that were added after the plan".into(),
        _ => String::new(),
    }
}

/// One or two plain sentences.
fn answer(comparison: &Comparison, criteria: Criteria) -> String {
    let [speed, ends @ ..] = comparison.judgements.as_slice() else { return String::new() };
    let n = comparison.seeds.len();
    let (a, b) = (&comparison.a.name, &comparison.b.name);
    if n == 0 {
        return format!("Nothing can be said of {a} against {b} yet: no pair of runs has ended.");
    }
    let so_far = || match effects(&comparison.judgements).as_str() {
        "" => String::new(),
        effects => format!(" So far: {effects}."),
    };
    let standing = &comparison.standing;
    match speed.reason {
        Some(Reason::TooFewPairs) => {
            let least = pairs(least_pairs(speed.effect.is_some()));
            format!("Not testable with {}: a verdict takes {least}.{}", pairs(n), so_far())
        }
        Some(Reason::Interim) => format!(
            "Interim, no verdict: {} of {} planned pairs are missing.{}",
            standing.missing.len(),
            standing.planned.len(),
            so_far()
        ),
        Some(Reason::ChosenOnTheseSeeds) => format!(
            "Not tested: the learning rates were chosen and measured on the same seeds, so this is exploratory.{}",
            so_far()
        ),
        _ => {
            let exploratory =
                if standing.state == PlanState::NoPlan { "Exploratory, as nothing was planned: " } else { "" };
            let ends: Vec<String> = ends.iter().map(|end| said_of_end(end, criteria)).collect();
            format!("{exploratory}{} {}.", said_of_speed(speed, (a, b), criteria), capital(&list(&ends)))
        }
    }
}

/// "training loss 11% lower on average over the run, final training loss 7% lower and …"; empty where a run failed.
fn effects(judgements: &[Judgement]) -> String {
    let effects = judgements.iter().filter_map(|j| Some(j.endpoint.effect(j.effect.as_ref()?)));
    list(&effects.collect::<Vec<_>>())
}

fn said_of_speed(judgement: &Judgement, (a, b): (&str, &str), criteria: Criteria) -> String {
    let effect = judgement.effect.as_ref().map_or_else(
        || {
            format!(
                "lower training loss in {} of {}, failed runs counted",
                judgement.wins,
                pairs(judgement.pairs.len())
            )
        },
        |effect| judgement.endpoint.effect(effect),
    );
    match judgement.verdict {
        Verdict::Supported => format!("{a} trains faster than {b}: {effect}."),
        Verdict::Contradicted => format!("{a} trains more slowly than {b}: {effect}."),
        Verdict::NoRelevantDifference => {
            format!("{a} trains as fast as {b}, within {}: {effect}.", per_cent(criteria.margin))
        }
        _ => format!("Whether {a} trains faster than {b} is {}: {effect}.", undecided(judgement)),
    }
}

fn said_of_end(judgement: &Judgement, criteria: Criteria) -> String {
    let name = judgement.endpoint.name();
    let by = judgement.effect.as_ref().map(super::ratio);
    let of = |word: &str| by.clone().unwrap_or_else(|| word.to_string());
    match judgement.verdict {
        Verdict::Supported => format!("{name} is {}", of("lower")),
        Verdict::Contradicted => format!("{name} is {}", of("higher")),
        Verdict::NoRelevantDifference => {
            format!("{name} is the same within {} ({})", per_cent(criteria.margin), of(""))
        }
        _ => format!("{name} is {}{}", undecided(judgement), by.map_or(String::new(), |by| format!(" ({by})"))),
    }
}

/// "undecided with 10 pairs".
fn undecided(judgement: &Judgement) -> String {
    match judgement.verdict {
        Verdict::Undecided | Verdict::NotTestable => {
            format!("{} with {}", judgement.verdict, pairs(judgement.pairs.len()))
        }
        verdict => verdict.to_string(),
    }
}

/// As a sentence begins.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// How the pairs stand to the plan.
pub fn standing(comparison: &Comparison) -> String {
    let standing = &comparison.standing;
    let planned = standing.planned.len();
    match standing.state {
        PlanState::NoPlan => {
            "No plan was made before these runs; 'snr-bench run' and 'reproduce' make one.".to_string()
        }
        PlanState::Complete => format!("Complete: all {planned} planned pairs have ended."),
        // the answer says how many
        PlanState::Interim => format!("Missing of the {planned} planned pairs: {}.", seeds(&standing.missing)),
        PlanState::Extended => format!(
            "Extended: {} ({}) added to the plan of {planned}. The verdict is that of the planned ones: pairs that are added \
             after a look at the results make a false verdict more likely than 5%, so no p is given over all of them. Over all \
             {}: {}.",
            pairs(standing.added.len()),
            seeds(&standing.added),
            pairs(planned + standing.added.len()),
            effects(&comparison.with_added)
        ),
    }
}

/// Where ‘no relevant difference’ is out of reach of so many pairs, and how many it takes; `None` where it is not.
pub fn equivalence(comparison: &Comparison, criteria: Criteria) -> Option<String> {
    let needs = |judgement: &Judgement| {
        let needed = judgement.equivalence_needs.filter(|_| judgement.test.is_some())?;
        Some(format!("{needed} in {}", judgement.endpoint.name()))
    };
    let needs: Vec<String> = comparison.judgements.iter().filter_map(needs).collect();
    (!needs.is_empty()).then(|| {
        format!(
            "With {} and the spread that was seen, ‘no relevant difference’ within {} is out of reach; it takes about {}.",
            pairs(comparison.seeds.len()),
            per_cent(criteria.margin),
            list(&needs)
        )
    })
}

/// How many pairs could decide what is open; `None` where nothing is.
pub fn more(comparison: &Comparison) -> Option<String> {
    let open = comparison.judgements.iter().filter(|judgement| judgement.verdict == Verdict::Undecided);
    let needed = open.filter_map(|judgement| judgement.pairs_needed).max().filter(|n| *n > comparison.seeds.len())?;
    Some(format!(
        "A new plan of about {needed} pairs could decide what is undecided; pairs that are added to these after a look at the \
         results make a false verdict more likely than 5%."
    ))
}

/// "SNRAdam needs 0.87 [0.84, 0.90] of Adam’s steps to validation loss 0.3."; `None` where not all pairs reach it.
pub fn speedup(comparison: &Comparison) -> Option<String> {
    let level = comparison.speedup.as_ref()?.at_target.as_ref()?;
    let interval = level.interval.map_or(String::new(), |(lo, hi)| format!(" [{}, {}]", plain(lo, 2), plain(hi, 2)));
    Some(format!(
        "{} needs {}{interval} of {}’s steps to validation loss {}.",
        comparison.a.name,
        plain(level.ratio, 2),
        comparison.b.name,
        number(level.loss)
    ))
}

impl Judgement {
    /// The claim that it judges.
    pub fn claim(&self, comparison: &Comparison) -> String {
        Endpoint::claim(self.endpoint, &comparison.a.name, &comparison.b.name)
    }
}
