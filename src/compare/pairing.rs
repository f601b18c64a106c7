//! Which runs meet: optimizers of a group, learning rates, seeds.

use super::judge::judge;
use super::types::{Basis, Comparison, Contender, Criteria, Findings, GroupFindings};
use super::{Metric, sentence};
use crate::config::Validation;
use crate::group::{Arm, Group, group, short_hash};
use crate::number::number;
use crate::run_dir::{Record, State, Warning};

/// Compares every pair of optimizers in every group of runs.
pub fn compare(records: &[Record], criteria: Criteria) -> Findings {
    let groups = group(records);
    let mut findings = Findings { criteria, groups: Vec::new(), warnings: different_data(&groups) };
    for group in &groups {
        let variants = variants(group);
        match variants.as_slice() {
            [only] => findings.warnings.push(Warning(format!(
                "{} has runs of {} only; train another optimizer with the same settings to compare it with",
                group.title(),
                only.name()
            ))),
            _ => findings.groups.push(findings_of(group, &variants, criteria)),
        }
    }
    findings
}

/// Whether a run can be compared: it was trained for all its epochs, or diverged.
pub fn has_ended(run: &Record) -> bool {
    let whole = run.rows.last().is_some_and(|row| row.epoch == run.spec.epochs);
    run.state == State::Diverged || (run.state == State::Finished && whole)
}

/// The runs of two arms that have ended, paired by seed, in the order of the seeds.
pub fn pairs<'a>(a: &Arm<'a>, b: &Arm<'a>) -> Vec<(&'a Record, &'a Record)> {
    let ended = |arm: &Arm<'a>| arm.runs.iter().copied().filter(|run| has_ended(run)).collect::<Vec<_>>();
    let others = ended(b);
    let partner = |run: &'a Record| others.iter().find(|other| other.spec.seed == run.spec.seed);
    ended(a).into_iter().filter_map(|run| Some((run, *partner(run)?))).collect()
}

/// Arms that differ by nothing but the learning rate, in ascending order of it.
struct Variant<'g, 'a> {
    arms: Vec<&'g Arm<'a>>,
}

impl<'g, 'a> Variant<'g, 'a> {
    fn name(&self) -> &'g str {
        &self.arms[0].name
    }

    fn rates(&self) -> Vec<f64> {
        self.arms.iter().map(|arm| arm.spec().lr).collect()
    }

    /// The arm with the lowest mean final validation loss over its runs that have ended, unless all of them diverged.
    fn best(&self) -> Option<&'g Arm<'a>> {
        let loss = |arm: &Arm| {
            let runs = arm.runs.iter().filter(|run| has_ended(run));
            let losses: Vec<f64> = runs.map(|run| Metric::FinalValLoss.of(run, 0.0).unwrap_or(f64::INFINITY)).collect();
            losses.iter().sum::<f64>() / losses.len() as f64
        };
        let losses = self.arms.iter().map(|arm| (*arm, loss(arm))).filter(|(_, loss)| loss.is_finite());
        losses.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(arm, _)| arm)
    }
}

fn variants<'g, 'a>(group: &'g Group<'a>) -> Vec<Variant<'g, 'a>> {
    let mut variants: Vec<Variant> = Vec::new();
    for arm in &group.arms {
        match variants.iter_mut().find(|variant| variant.arms[0].differs_by_rate(arm)) {
            Some(variant) => variant.arms.push(arm),
            None => variants.push(Variant { arms: vec![arm] }),
        }
    }
    variants
}

fn findings_of(group: &Group, variants: &[Variant], criteria: Criteria) -> GroupFindings {
    let several_rates = variants.iter().any(|variant| variant.rates() != variants[0].rates() || variant.arms.len() > 1);
    let mut warnings = unfinished(group);
    if several_rates {
        warnings.extend(doubts_about_rates(variants));
    }
    let mut comparisons = Vec::new();
    for (i, a) in variants.iter().enumerate() {
        for b in &variants[..i] {
            for (basis, a, b) in meetings(a, b, several_rates) {
                let told = unpaired(a, b).into_iter().filter(|warning| !warnings.contains(warning));
                warnings.extend(told.collect::<Vec<_>>());
                comparisons.push(comparison(basis, several_rates, (a, b), criteria));
            }
        }
    }
    let first = group.first();
    GroupFindings {
        name: group.name.clone(),
        title: group.title(),
        dataset: first.spec.dataset.name().to_string(),
        data_hash: first.data_hash.clone(),
        validation: first.spec.validation.to_string(),
        comparisons,
        warnings,
    }
}

/// The arms of two optimizers that are compared: at every learning rate that both have, and at the best of each.
fn meetings<'g, 'a>(
    a: &Variant<'g, 'a>,
    b: &Variant<'g, 'a>,
    several_rates: bool,
) -> Vec<(Basis, &'g Arm<'a>, &'g Arm<'a>)> {
    let partner = |arm: &Arm| b.arms.iter().copied().find(|other| other.spec().lr == arm.spec().lr);
    let equal = a.arms.iter().filter_map(|arm| Some((Basis::EqualLr, *arm, partner(arm)?)));
    let best = a.best().zip(b.best()).filter(|_| several_rates);
    equal.chain(best.map(|(a, b)| (Basis::BestLr, a, b))).collect()
}

fn comparison(basis: Basis, several_rates: bool, (a, b): (&Arm, &Arm), criteria: Criteria) -> Comparison {
    let runs = pairs(a, b);
    let contender = |arm: &Arm, side: fn(&(&Record, &Record)) -> State| Contender {
        optim: arm.spec().optim.clone(),
        name: arm.name.clone(),
        lr: arm.spec().lr,
        diverged: runs.iter().filter(|pair| side(pair) == State::Diverged).count(),
    };
    let mut comparison = Comparison {
        basis,
        several_rates,
        a: contender(a, |pair| pair.0.state),
        b: contender(b, |pair| pair.1.state),
        seeds: runs.iter().map(|(run, _)| run.spec.seed).collect(),
        judgements: judge(&runs, a.spec().epochs, criteria),
    };
    sentence::write(&mut comparison, criteria);
    comparison
}

/// The same settings on other data.
fn different_data(groups: &[Group]) -> Vec<Warning> {
    let same = |i: usize, j: usize| groups[i].settings == groups[j].settings;
    let first = |i: &usize| (0..*i).all(|j| !same(j, *i)) && (i + 1..groups.len()).any(|j| same(*i, j));
    (0..groups.len())
        .filter(first)
        .map(|i| {
            let alike = groups.iter().filter(|group| group.settings == groups[i].settings);
            let hashes: Vec<String> = alike.map(|group| short_hash(&group.first().data_hash)).collect();
            Warning(format!(
                "{}: the runs are on different data (hashes {}), and only those on the same data are compared",
                groups[i].title(),
                hashes.join(", ")
            ))
        })
        .collect()
}

/// Runs that have not ended.
fn unfinished(group: &Group) -> Vec<Warning> {
    let runs = group.arms.iter().flat_map(|arm| &arm.runs).filter(|run| !has_ended(run));
    runs.map(|run| {
        let epoch = run.rows.last().map_or(0, |row| row.epoch);
        let state = if run.state == State::Finished { "cut off".to_string() } else { run.state.to_string() };
        let dir = run.dir.display();
        Warning(format!(
            "{dir} is left out: {state} after {epoch} of {} epochs; go on with: snr-bench train --resume {dir}",
            run.spec.epochs
        ))
    })
    .collect()
}

/// Seeds that only one of two arms has.
fn unpaired(a: &Arm, b: &Arm) -> Vec<Warning> {
    let lone = |one: &Arm, other: &Arm| {
        let has = |arm: &Arm, seed| arm.runs.iter().any(|run| run.spec.seed == seed);
        let runs = one.runs.iter().filter(|run| has_ended(run) && !has(other, run.spec.seed));
        let lone: Vec<u64> = runs.map(|run| run.spec.seed).collect();
        (!lone.is_empty()).then(|| {
            Warning(format!(
                "{} of {} left out: {} has none to pair with",
                sentence::seeds(&lone),
                one.label,
                other.label
            ))
        })
    };
    [lone(a, b), lone(b, a)].into_iter().flatten().collect()
}

/// Reasons to doubt that a best learning rate is the best.
fn doubts_about_rates(variants: &[Variant]) -> Vec<Warning> {
    let list = |rates: &[f64]| rates.iter().map(|lr| number(*lr)).collect::<Vec<_>>().join(", ");
    let mut doubts = Vec::new();
    for variant in variants {
        let (name, rates) = (variant.name(), variant.rates());
        let (least, most) = (rates[0], rates[rates.len() - 1]);
        match variant.best().map(|arm| arm.spec().lr) {
            None => doubts.push(format!(
                "{name} has no best learning rate: at each of {} runs diverged or have not ended",
                list(&rates)
            )),
            Some(lr) if rates.len() == 1 => doubts.push(format!(
                "{name} was trained with one learning rate only ({}), which need not be its best",
                number(lr)
            )),
            Some(lr) if lr == least || lr == most => doubts.push(format!(
                "{name}: its best learning rate {} lies at the edge of those tried ({}); try {} ones",
                number(lr),
                list(&rates),
                if lr == least { "smaller" } else { "larger" }
            )),
            Some(_) => {}
        }
    }
    if variants.iter().any(|variant| variant.rates() != variants[0].rates()) {
        let each: Vec<String> = variants.iter().map(|v| format!("{} {}", v.name(), list(&v.rates()))).collect();
        doubts
            .push(format!("the learning rates tried differ ({}): who tried more may have found more", each.join("; ")));
    }
    if variants[0].arms[0].spec().validation == Validation::Test {
        doubts.push(
            "the best learning rates were chosen by the test set, which flatters both; choose them by held-out images: \
             --validation holdout:5000"
                .to_string(),
        );
    }
    doubts.into_iter().map(Warning).collect()
}
