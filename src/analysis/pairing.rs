//! Which runs meet: optimizers of a group, learning rates, seeds.

use super::endpoint::{Endpoint, Measure};
use super::group::{Arm, Group};
use super::integrity::{cautions, one_machine, same_start};
use super::judge::{describe, effect, judge};
use super::plan::PlanFile;
use super::run::{Fate, Run};
use super::speedup::{Speedup, log};
use super::tuning::Tuning;
use super::types::{Basis, Comparison, Contender, Criteria, Curve, Loss, PlanState, Point, Reason, Standing};
use super::{Target, words};
use crate::config::RunSpec;
use crate::run_dir::{Row, Warning};

/// Arms that differ by nothing but the learning rate, in ascending order of it.
pub struct Variant<'a> {
    pub arms: Vec<&'a Arm>,
}

impl<'a> Variant<'a> {
    /// For people, without the learning rate.
    pub fn name(&self) -> &'a str {
        &self.arms[0].name
    }

    /// Ascending.
    pub fn rates(&self) -> Vec<f64> {
        self.arms.iter().map(|arm| arm.spec().lr).collect()
    }

    /// The arm with the lowest final validation loss over its runs that have ended, unless a run of each failed.
    pub fn best(&self) -> Option<&'a Arm> {
        let loss = |arm: &Arm| {
            let ended: Vec<f64> = ended(arm).filter_map(|run| Endpoint::FinalValLoss.of(run)).collect();
            ended.iter().sum::<f64>() / ended.len() as f64
        };
        let losses = self.arms.iter().map(|arm| (*arm, loss(arm))).filter(|(_, loss)| loss.is_finite());
        losses.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(arm, _)| arm)
    }
}

/// Rates that are nearer to each other than by this factor are no trials of rates.
const NEAR: f64 = 1.1;

/// The optimizers of a group, each with its learning rates, but for controls, which match the length of another’s steps.
pub fn variants(group: &Group) -> Vec<Variant<'_>> {
    let mut variants: Vec<Variant> = Vec::new();
    for arm in group.arms.iter().filter(|arm| !is_control(arm, group)) {
        match variants.iter_mut().find(|variant| variant.arms[0].differs_by_rate(arm)) {
            Some(variant) => variant.arms.push(arm),
            None => variants.push(Variant { arms: vec![arm] }),
        }
    }
    variants
}

/// Whether an optimizer of a group was trained at several learning rates.
pub fn has_several_rates(group: &Group) -> bool {
    variants(group).iter().any(|variant| variant.arms.len() > 1)
}

/// Whether an arm stands beside one at nearly the same learning rate, which other optimizers have and it has not: it matches
/// the length of another's steps, and is looked at for that alone.
fn is_control(arm: &Arm, group: &Group) -> bool {
    let lr = arm.spec().lr;
    let shared = |lr: f64| group.arms.iter().any(|other| other.spec().lr == lr && !other.differs_by_rate(arm));
    let near = |other: &Arm| other.spec().lr != lr && (other.spec().lr / lr).ln().abs() < NEAR.ln();
    let siblings = group.arms.iter().filter(|other| other.differs_by_rate(arm));
    !shared(lr) && siblings.into_iter().any(|other| near(other) && shared(other.spec().lr))
}

/// The runs of an arm that are compared.
pub fn ended(arm: &Arm) -> impl Iterator<Item = &Run> {
    arm.runs.iter().filter(|run| run.sound && run.fate.has_ended())
}

/// What is made of a group: every two of its optimizers, at every learning rate that both have and at the best of each;
/// and what is to be said of runs that are in none of these.
pub fn comparisons(
    group: &Group,
    plans: &[PlanFile],
    tunings: &[Tuning],
    criteria: Criteria,
) -> (Vec<Comparison>, Vec<Warning>) {
    let variants = variants(group);
    let plans: Vec<&PlanFile> = plans.iter().filter(|plan| plan.is_about(group)).collect();
    let several_rates = variants.iter().any(|variant| variant.rates() != variants[0].rates() || variant.arms.len() > 1);
    let mut warnings = words::unfinished(group);
    let tuned = tuned_meetings(group, tunings);
    let is_tuned = |variant: &Variant| {
        tuned.iter().any(|(_, a, b)| variant.arms[0].differs_by_rate(a) || variant.arms[0].differs_by_rate(b))
    };
    if several_rates && variants.len() > 1 && !variants.iter().all(is_tuned) {
        warnings.extend(words::doubts_about_rates(&variants));
    }
    let mut meetings_of_all = tuned.clone();
    for (i, a) in variants.iter().enumerate() {
        for b in &variants[..i] {
            let others = meetings(a, b, several_rates).into_iter().filter(|meeting| !is_replaced(meeting, &tuned));
            meetings_of_all.extend(others);
        }
    }
    let mut comparisons = Vec::new();
    for (basis, a, b) in meetings_of_all {
        let mut told = words::unpaired(&seeds_of(a), &seeds_of(b), (&a.label, &b.label));
        let meeting = Meeting { basis, several_rates, a, b, target: group.target };
        comparisons.push(meeting.comparison(&plans, criteria, &mut told));
        told.retain(|warning| !warnings.contains(warning));
        warnings.extend(told);
    }
    (comparisons, warnings)
}

fn seeds_of(arm: &Arm) -> Vec<u64> {
    ended(arm).map(|run| run.spec.seed).collect()
}

/// The arms of two optimizers that are compared.
fn meetings<'a>(a: &Variant<'a>, b: &Variant<'a>, several_rates: bool) -> Vec<(Basis, &'a Arm, &'a Arm)> {
    let partner = |arm: &Arm| b.arms.iter().copied().find(|other| other.spec().lr == arm.spec().lr);
    let equal = a.arms.iter().filter_map(|arm| Some((Basis::EqualLr, *arm, partner(arm)?)));
    let best = a.best().zip(b.best()).filter(|_| several_rates);
    equal.chain(best.map(|(a, b)| (Basis::BestLr, a, b))).collect()
}

/// Every two arms at the settings that tuning chose for each.
fn tuned_meetings<'a>(group: &'a Group, tunings: &'a [Tuning]) -> Vec<(Basis, &'a Arm, &'a Arm)> {
    let mut meetings = Vec::new();
    for tuning in tunings {
        let arms: Vec<&Arm> = tuning.arms_in(group).into_iter().map(|(_, arm)| arm).collect();
        for (i, a) in arms.iter().enumerate() {
            meetings.extend(arms[..i].iter().map(|b| (Basis::Tuned, *a, *b)));
        }
    }
    meetings
}

/// Whether what tuning chose says the same better: of the same arms, or of the best on these seeds.
fn is_replaced((basis, a, b): &(Basis, &Arm, &Arm), tuned: &[(Basis, &Arm, &Arm)]) -> bool {
    let same = |arm: &Arm, other: &Arm| match basis {
        Basis::BestLr => arm.differs_by_rate(other),
        _ => arm.label == other.label,
    };
    tuned.iter().any(|(_, x, y)| same(a, x) && same(b, y))
}

/// Two arms that are compared.
struct Meeting<'a> {
    basis: Basis,
    several_rates: bool,
    a: &'a Arm,
    b: &'a Arm,
    target: Option<Target>,
}

type Pairs<'a> = Vec<(&'a Run, &'a Run)>;

impl<'a> Meeting<'a> {
    fn comparison(&self, plans: &[&PlanFile], criteria: Criteria, warnings: &mut Vec<Warning>) -> Comparison {
        let all = self.pairs(warnings);
        let seeds: Vec<u64> = all.iter().map(|(run, _)| run.spec.seed).collect();
        let standing = standing(&[self.a, self.b], &seeds, plans);
        let added = |pair: &(&Run, &Run)| standing.added.contains(&pair.0.spec.seed);
        let pairs: Pairs = match standing.state {
            PlanState::NoPlan => all.clone(),
            _ => all.iter().copied().filter(|pair| !added(pair)).collect(),
        };
        let reason = match (self.basis, standing.state) {
            (Basis::BestLr, _) => Some(Reason::ChosenOnTheseSeeds),
            (_, PlanState::Interim) => Some(Reason::Interim),
            _ => None,
        };
        let target = self.target.map(|target| target.loss);
        let timed = one_machine(&pairs);
        let measures = Measure::ALL.into_iter().filter(|measure| timed || !measure.is_time());
        let mut cautions = cautions(&pairs);
        if !timed {
            cautions.push(words::NO_SECONDS.to_string());
        }
        let mut comparison = Comparison {
            basis: self.basis,
            several_rates: self.several_rates,
            a: contender(self.a, pairs.iter().map(|pair| pair.0)),
            b: contender(self.b, pairs.iter().map(|pair| pair.1)),
            seeds: pairs.iter().map(|(run, _)| run.spec.seed).collect(),
            judgements: judge(&pairs, criteria, reason),
            with_added: match standing.state {
                PlanState::Extended => judge(&all, criteria, Some(Reason::Added)),
                _ => Vec::new(),
            },
            described: measures.filter_map(|measure| describe(measure, &pairs, target)).collect(),
            speedup: Speedup::of(&pairs, target),
            curves: [Loss::Training, Loss::Validation].iter().filter_map(|loss| curve(*loss, &pairs)).collect(),
            standing,
            cautions,
            answer: String::new(),
        };
        words::write(&mut comparison, criteria);
        comparison
    }

    /// The runs of both arms that have ended and began alike, paired by seed, in the order of the seeds.
    fn pairs(&self, warnings: &mut Vec<Warning>) -> Pairs<'a> {
        let partner = |run: &Run| ended(self.b).find(|other| other.spec.seed == run.spec.seed);
        let (pairs, unlike): (Pairs, Pairs) =
            ended(self.a).filter_map(|run| Some((run, partner(run)?))).partition(|(a, b)| same_start(a, b));
        warnings.extend(unlike.iter().map(words::other_start));
        pairs
    }
}

/// How the paired seeds of arms stand to the plan: planned are those that it has of every arm.
pub fn standing(arms: &[&Arm], paired: &[u64], plans: &[&PlanFile]) -> Standing {
    let has = |arm: &&Arm, seed: u64| {
        let spec = RunSpec { seed, ..arm.spec().clone() };
        plans.iter().any(|plan| plan.has(&spec))
    };
    let mut planned: Vec<u64> = plans.iter().flat_map(|plan| plan.seeds()).collect();
    planned.sort_unstable();
    planned.dedup();
    planned.retain(|seed| arms.iter().all(|arm| has(arm, *seed)));
    if planned.is_empty() {
        return Standing::default();
    }
    let missing: Vec<u64> = planned.iter().copied().filter(|seed| !paired.contains(seed)).collect();
    let added: Vec<u64> = paired.iter().copied().filter(|seed| !planned.contains(seed)).collect();
    let state = match (missing.is_empty(), added.is_empty()) {
        (false, _) => PlanState::Interim,
        (true, false) => PlanState::Extended,
        (true, true) => PlanState::Complete,
    };
    Standing { state, planned, missing, added }
}

fn contender<'a>(arm: &Arm, runs: impl Iterator<Item = &'a Run>) -> Contender {
    Contender {
        optim: arm.spec().optim.clone(),
        name: arm.name.clone(),
        lr: arm.spec().lr,
        failed: runs.filter(|run| run.fate.is_failed()).count(),
    }
}

/// The difference by epoch over the pairs of which both finished; `None` where there is no such pair.
fn curve(loss: Loss, pairs: &[(&Run, &Run)]) -> Option<Curve> {
    let finished: Pairs =
        pairs.iter().copied().filter(|(a, b)| a.fate == Fate::Finished && b.fate == Fate::Finished).collect();
    let of = |row: &Row| match loss {
        Loss::Training => row.train_loss,
        Loss::Validation => Some(row.val_loss),
    };
    // all runs of a group have the same budget
    let epochs = finished.first()?.0.last().epoch;
    let point = |epoch: u64| {
        let row = |run: &Run| of(&run.rows[epoch as usize]).map(log);
        let differences = finished.iter().map(|(a, b)| Some(row(a)? - row(b)?)).collect::<Option<Vec<f64>>>()?;
        let effect = effect(&differences, true)?;
        Some(Point { epoch, mean: effect.mean, interval: effect.interval, pairs: differences })
    };
    let points: Vec<Point> = (0..=epochs).filter_map(point).collect();
    let seeds = finished.iter().map(|(run, _)| run.spec.seed).collect();
    (!points.is_empty()).then_some(Curve { loss, points, seeds })
}
