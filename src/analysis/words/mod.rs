//! Every sentence about results: one place for what terminal, page and files say.

mod batch_size;
mod factorial;
pub mod finding;
mod further;
mod look;
mod notes;
mod observed;
mod outlook;
mod tuning;
mod verdict;
mod warning;

use std::ops::RangeInclusive;

pub use batch_size::{NO_BATCH_SERIES, series_answer, series_finding, series_short, series_title};
pub use factorial::{factorial_answer, factorial_finding};
pub use finding::several;
pub use further::{further, level};
pub use look::{EQUAL_RATES, PLACES, headline, remarks, short, sign, signs};
pub use notes::notes;
pub use observed::{amplification_finding, consistency_finding};
pub use outlook::{NO_PLAN, beyond_the_plan, outlook};
pub use tuning::{left_out_choice, tuned_on, tuning};
pub use verdict::{capital, equivalence, more, speedup, standing, verdict, write};
pub use warning::{
    NO_SECONDS, REPAIRED, copy, different_data, doubts_about_rates, left_out, missing_from_plan, mixed, moved,
    only_one, other_start, uneven_probes, unfinished, unpaired,
};

use super::endpoint::{Endpoint, Measure};
use super::group::Group;
use super::run::Fate;
use super::types::{Basis, Comparison, Contender, Effect, PlanState, Verdict};
use crate::config::{Batch, Schedule};
use crate::model::ModelConfig;
use crate::number::{number, plain};

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Verdict::Supported => "supported",
            Verdict::Contradicted => "contradicted",
            Verdict::NoRelevantDifference => "no relevant difference",
            Verdict::Undecided => "undecided",
            Verdict::NotTestable => "not testable",
            Verdict::NotTested => "not tested",
        })
    }
}

impl std::fmt::Display for PlanState {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            PlanState::NoPlan => "no plan",
            PlanState::Complete => "complete",
            PlanState::Interim => "interim",
            PlanState::Extended => "extended",
        })
    }
}

impl Endpoint {
    /// For people: the name of a row.
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::Speed => "training loss over the run",
            Endpoint::FinalTrainLoss => "final training loss",
            Endpoint::FinalValLoss => "final validation loss",
        }
    }

    /// What is claimed of A against B.
    pub fn claim(self, a: &str, b: &str) -> String {
        match self {
            Endpoint::Speed => format!("{a} trains faster than {b}"),
            Endpoint::FinalTrainLoss => format!("{a} ends with a lower training loss than {b}"),
            Endpoint::FinalValLoss => format!("{a} ends with a lower validation loss than {b}"),
        }
    }

    /// "training loss 11% [8%, 13%] lower on average over the run".
    pub fn effect(self, effect: &Effect) -> String {
        let by = ratio(effect);
        match self {
            Endpoint::Speed => format!("training loss {by} on average over the run"),
            other => format!("{} {by}", other.name()),
        }
    }
}

impl Measure {
    /// For people: the name of a row.
    pub fn name(self, target: Option<f64>) -> String {
        let to = || target.map_or("the target".to_string(), |target| format!("validation loss {}", number(target)));
        match self {
            Measure::BestValLoss => "best validation loss".to_string(),
            Measure::FinalErrorRate => "final error rate (%)".to_string(),
            Measure::EpochsToTarget => format!("epochs to {}", to()),
            Measure::StepsToTarget => format!("steps to {}", to()),
            Measure::SecondsToTarget => format!("seconds to {}", to()),
            Measure::Seconds => "seconds of the run".to_string(),
        }
    }

    /// A value of it as a table shows it.
    pub fn write(self, value: f64) -> String {
        match self {
            Measure::BestValLoss => plain(value, 4),
            Measure::FinalErrorRate => plain(100.0 * value, 2),
            Measure::EpochsToTarget => plain(value, 2),
            Measure::StepsToTarget | Measure::SecondsToTarget | Measure::Seconds => plain(value, 1),
        }
    }
}

impl Comparison {
    /// "SNRAdam against Adam", with the learning rates where there are several.
    pub fn title(&self) -> String {
        let (a, b) = (&self.a, &self.b);
        let with_lr = |side: &Contender| format!("{} (lr {})", side.name, number(side.lr));
        match self.basis {
            Basis::Tuned => format!("{} against {}, each at its best, tuned on other seeds", with_lr(a), with_lr(b)),
            Basis::BestLr => format!("{} against {}, each at its best", with_lr(a), with_lr(b)),
            Basis::EqualLr if self.several_rates => format!("{} against {} at lr {}", a.name, b.name, number(a.lr)),
            Basis::EqualLr => format!("{} against {}", a.name, b.name),
        }
    }

    /// "10 pairs (seeds 0–9); failed: 1 of 10 SNRAdam".
    pub fn size(&self) -> String {
        let n = self.seeds.len();
        let size = if n == 0 { "no pairs".to_string() } else { format!("{} ({})", pairs(n), seeds(&self.seeds)) };
        let failed: Vec<String> = [&self.a, &self.b]
            .iter()
            .filter(|side| side.failed > 0)
            .map(|side| format!("{} of {n} {}", side.failed, side.name))
            .collect();
        if failed.is_empty() { size } else { format!("{size}; failed: {}", failed.join(", ")) }
    }
}

/// How two optimizers meet: "at lr 0.001", "each at its best (lr 0.004 and 0.002)", and what model or batch is not the usual one.
pub fn setting(group: &Group, comparison: &Comparison) -> String {
    let at = match comparison.basis {
        Basis::EqualLr => format!("at lr {}", number(comparison.a.lr)),
        Basis::BestLr | Basis::Tuned if comparison.a.lr == comparison.b.lr => {
            format!("each at its best (lr {})", number(comparison.a.lr))
        }
        Basis::BestLr | Basis::Tuned => {
            format!("each at its best (lr {} and {})", number(comparison.a.lr), number(comparison.b.lr))
        }
    };
    let spec = group.spec();
    let kind = (spec.model.kind() != ModelConfig::default().kind()).then(|| spec.model.label().to_string());
    let full = (spec.batch == Batch::Full).then(|| "full batch".to_string());
    let unusual = spec.model.unusual().into_iter().map(|unusual| unusual.text);
    let schedule =
        group.arm(&comparison.a).map(|arm| arm.spec().schedule).filter(|schedule| *schedule != Schedule::Constant);
    let schedule = schedule.map(|schedule| schedule.name().to_string());
    [at].into_iter().chain(schedule).chain(kind).chain(unusual).chain(full).collect::<Vec<_>>().join(", ")
}

/// "6.9% [5.0%, 8.7%] lower"; from twice as high on "2.4 [2.1, 2.8] times as high".
pub fn ratio(effect: &Effect) -> String {
    let (mean, interval) = effect.plain();
    if mean >= 2.0 {
        let decimals = if mean < 10.0 { 2 } else { 0 };
        let interval =
            interval.map_or(String::new(), |(lo, hi)| format!(" [{}, {}]", plain(lo, decimals), plain(hi, decimals)));
        return format!("{}{interval} times as high", plain(mean, decimals));
    }
    let lower = mean < 1.0;
    let per_cent = |r: f64| 100.0 * if lower { 1.0 - r } else { r - 1.0 };
    let width = interval.map_or(per_cent(mean).abs(), |(lo, hi)| 100.0 * (hi - lo));
    let decimals = match width {
        w if w >= 4.0 => 0,
        w if w >= 0.4 => 1,
        w if w >= 0.04 => 2,
        _ => 3,
    };
    let write = |r: f64| unsigned_zero(per_cent(r), decimals) + "%";
    let interval = interval.map_or(String::new(), |(lo, hi)| {
        let (near, far) = if lower { (hi, lo) } else { (lo, hi) };
        format!(" [{}, {}]", write(near), write(far))
    });
    let word = if mean == 1.0 {
        "different"
    } else if lower {
        "lower"
    } else {
        "higher"
    };
    format!("{}{interval} {word}", write(mean))
}

/// What is rounded to zero has no sign.
fn unsigned_zero(x: f64, decimals: usize) -> String {
    let text = plain(x, decimals);
    if text == plain(-0.0, decimals) { plain(0.0, decimals) } else { text }
}

/// A ratio as a table shows it: "0.931 [0.913, 0.950]"; a difference of shares in points: "−0.12 [−0.20, −0.04] points".
pub fn cell(effect: &Effect) -> String {
    let (mean, interval) = effect.plain();
    let write = |x: f64| match effect.is_ratio {
        true if x >= 100.0 => number(x.round()),
        true => plain(x, 3),
        false => unsigned_zero(100.0 * x, 2),
    };
    let interval = interval.map_or(String::new(), |(lo, hi)| format!(" [{}, {}]", write(lo), write(hi)));
    format!("{}{interval}{}", write(mean), if effect.is_ratio { "" } else { " points" })
}

/// "2%", "0.5%".
pub fn per_cent(share: f64) -> String {
    format!("{}%", number((share * 1e4).round() / 1e2))
}

/// A difference of logarithms as a share: "3.1%".
pub fn log_per_cent(log: f64) -> String {
    let share = 100.0 * log.exp_m1();
    format!(
        "{}%",
        plain(
            share,
            if share >= 9.95 {
                0
            } else if share >= 0.995 {
                1
            } else {
                2
            }
        )
    )
}

/// How a run counts, beside its last row: "  FAILED: diverged"; nothing where it finished.
pub fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Finished => "",
        Fate::Diverged => "  FAILED: diverged",
        Fate::NoBetter => "  FAILED: no better than before training",
        Fate::Unfinished => "  unfinished",
    }
}

/// "1 pair", "6 pairs".
pub fn pairs(n: usize) -> String {
    if n == 1 { "1 pair".to_string() } else { format!("{n} pairs") }
}

/// Below this a p-value is only said to be small.
const SMALL_P: f64 = 0.0005;

/// "0.012", "< 0.001".
pub fn p_value(p: f64) -> String {
    if p < SMALL_P { "< 0.001".to_string() } else { format!("{p:.3}") }
}

/// "seed 3", "seeds 0–9, 12" of ascending seeds.
pub fn seeds(seeds: &[u64]) -> String {
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    for &seed in seeds {
        match ranges.last_mut() {
            Some(range) if range.end().checked_add(1) == Some(seed) => *range = *range.start()..=seed,
            _ => ranges.push(seed..=seed),
        }
    }
    let write = |range: &RangeInclusive<u64>| match range.end() - range.start() {
        0 => range.start().to_string(),
        1 => format!("{}, {}", range.start(), range.end()),
        _ => format!("{}–{}", range.start(), range.end()),
    };
    let list = ranges.iter().map(write).collect::<Vec<_>>().join(", ");
    format!("{} {list}", if seeds.len() == 1 { "seed" } else { "seeds" })
}

/// "a", "a and b", "a, b and c".
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
