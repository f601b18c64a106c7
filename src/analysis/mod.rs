//! What a folder of runs shows: made once, by [`Analysis::of`], and only written down by terminal, page, figures and files.
//!
//! Two runs with one seed start from the same parameters and see the same batches in the same order, so their difference is
//! the optimizer's. Every two optimizers of a [`Group`] are compared over such pairs, by three endpoints that are fixed for
//! every experiment ([`Endpoint`]); their values are logarithms of losses, so that a difference is a ratio.
//!
//! * Judged are only these three, with Holm's correction for three. Everything else ([`Measure`]) is described.
//! * p and the 95% interval are Student's t of the differences: p ≤ 5% exactly when the interval excludes 0. Where a run failed
//!   it counts as ∞; there is no interval then, and the test is that of Wilcoxon's signed ranks, exactly.
//! * Below [`MIN_PAIRS`] pairs there is no verdict.
//! * A verdict is that of the plan (`plan.toml`, see [`plan`]): none before it is complete, none of pairs added to it. Without a
//!   plan it is exploratory.
//! * Runs whose files disagree, and pairs that did not begin alike, are left out and named.
//! * A tuned experiment is looked at by itself: what was chosen there holds of its own runs.
//! * With several learning rates, optimizers meet at each one that they share, and, without a verdict, each at its best. Where
//!   that was tuned on other seeds and images, it is judged as planned.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `run`, `filter`, `group` | runs, what counts as failed, which of them are looked at and belong together |
//! | `integrity` | whether runs are what they say |
//! | `endpoint`, `probe`, `speedup` | what sums a run up |
//! | `leaderboard` | who comes first, and who shares a place |
//! | `basin` | how wide the range of good learning rates is |
//! | [`tuning`] | what tuning chose, from which trials |
//! | `pairing`, `judge` | from paired runs to judgements |
//! | `batch_size` | whether a gain depends on the batch |
//! | [`factorial`] | the size of a step against its direction |
//! | [`observed`] | what shadows and the noise of batches say |
//! | [`plan`], `outlook` | what was stated before the runs, and what they can show |
//! | `words` | every sentence about results |

mod basin;
mod batch_size;
pub mod endpoint;
pub mod export;
pub mod factorial;
mod filter;
mod group;
mod integrity;
mod judge;
mod leaderboard;
pub mod observed;
mod outlook;
mod pairing;
pub mod plan;
mod probe;
mod run;
mod speedup;
pub mod tuning;
mod types;
pub mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use basin::{AS_GOOD, Basin, basin};
pub use batch_size::{BatchSeries, Gain, Origin};
pub use endpoint::{Endpoint, Measure};
pub use factorial::{Factorial, Matched, Split};
pub use filter::Filter;
pub use group::{Arm, Group, batch, short_hash};
pub use judge::{FIRST_ALPHA, equivalence_needs, least_pairs};
pub use leaderboard::{Entrant, MeanLoss, all_arms, mean_loss};
pub use outlook::{Outlook, outlooks};
pub use pairing::{Variant, has_several_rates, variants};
pub use plan::PlanFile;
pub use run::{Fate, Run};
pub use speedup::{Level, Reached, Speedup, Target, reached};
pub use tuning::Tuning;
pub use types::{
    Basis, Comparison, Contender, Contrast, Criteria, Curve, Description, Effect, Judgement, Loss, MARGIN, Pair,
    PlanState, Point, Reason, Standing, Summary, Test, TestKind, Verdict,
};

use crate::error::Result;
use crate::run_dir::record::TUNE;
use crate::run_dir::{Record, Warning, record};
use crate::usage;

/// The least number of pairs that are judged: below it one unusual pair decides, and the interval covers its 95% only if the
/// differences are normal.
pub const MIN_PAIRS: usize = 6;

/// The probability of a false verdict in a comparison that is accepted.
pub const ALPHA: f64 = 0.05;

/// Everything that is known of a set of runs.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// What was stated before the runs, or now.
    pub criteria: Criteria,
    /// The plans of the folders that hold the runs.
    pub plans: Vec<PlanFile>,
    /// What tuning chose in these folders.
    pub tunings: Vec<Tuning>,
    /// Those with mini-batches first.
    pub groups: Vec<Group>,
    /// What the size of a step does and what its direction, where two optimizers were grafted on each other.
    pub factorials: Vec<Factorial>,
    /// Whether gains depend on the batch, where runs differ in it alone.
    pub batch_series: Vec<BatchSeries>,
    /// What the reader should know of runs and groups that are in no comparison.
    pub warnings: Vec<Warning>,
}

impl Analysis {
    /// Of all runs below some folders.
    ///
    /// # Errors
    /// No usable run; criteria that are not those of a folder's plan.
    pub fn of(folders: &[PathBuf], target: Option<f64>, margin: Option<f64>) -> Result<Self> {
        Self::matching(folders, &Filter::default(), target, margin)
    }

    /// Of those of them that a filter takes.
    ///
    /// # Errors
    /// As above; a filter that takes no run, or asks for a setting that none has.
    pub fn matching(folders: &[PathBuf], filter: &Filter, target: Option<f64>, margin: Option<f64>) -> Result<Self> {
        let (mut records, mut warnings) = record::find_all(folders)?;
        let parents = records.iter().flat_map(|record| [record.dir.parent(), record.study()]).flatten();
        let holders: BTreeSet<PathBuf> =
            folders.iter().map(PathBuf::as_path).chain(parents).map(Path::to_path_buf).collect();
        let mut criteria: Option<(Criteria, &Path)> = None;
        let (mut plans, mut tunings) = (Vec::new(), Vec::new());
        for folder in &holders {
            let Some(plan) = PlanFile::read(folder)? else { continue };
            let own = plan::criteria(Some(&plan), folder, target, margin)?;
            let asked_for = folders.iter().any(|asked| asked.starts_with(folder.join(TUNE)));
            if plan.tune.is_some() && !asked_for {
                tunings.extend(Tuning::take(folder, &plan, &mut records, &mut warnings));
            }
            match criteria {
                Some((other, first)) if other != own => usage!(
                    "{} and {} were planned with different criteria; name one of them",
                    first.display(),
                    folder.display()
                ),
                _ => criteria = Some((own, folder)),
            }
            plans.push(plan);
        }
        let criteria = criteria.map_or_else(|| Criteria::checked(target, margin), |(criteria, _)| Ok(criteria))?;
        let (runs, warnings) = checked(records, warnings, &plans);
        Ok(Self::made(filter.apply(runs)?, warnings, plans, tunings, criteria))
    }

    /// Of records that were read already, with the warnings of that.
    pub fn new(records: Vec<Record>, warnings: Vec<Warning>, plans: Vec<PlanFile>, criteria: Criteria) -> Self {
        let (runs, warnings) = checked(records, warnings, &plans);
        Self::made(runs, warnings, plans, Vec::new(), criteria)
    }

    fn made(
        runs: Vec<Run>,
        mut warnings: Vec<Warning>,
        plans: Vec<PlanFile>,
        tunings: Vec<Tuning>,
        criteria: Criteria,
    ) -> Self {
        let mut groups = group::group(runs);
        warnings.extend(words::different_data(&groups));
        for group in &mut groups {
            warnings.extend(probe::apply(group));
            group.target = Target::of(group.runs(), criteria.target);
            group.leaderboard = leaderboard::leaderboard(group);
            (group.comparisons, group.warnings) = pairing::comparisons(group, &plans, &tunings, criteria);
            if pairing::variants(group).len() == 1 {
                warnings.push(words::only_one(group));
            }
        }
        let factorials = groups.iter().flat_map(|group| factorial::factorials(group, criteria)).collect();
        let batch_series = batch_size::series(&groups, criteria);
        Self { criteria, plans, tunings, groups, factorials, batch_series, warnings }
    }

    /// All runs, in the order of the groups.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.groups.iter().flat_map(Group::runs)
    }

    /// All comparisons, each with its group.
    pub fn comparisons(&self) -> impl Iterator<Item = (&Group, &Comparison)> {
        self.groups.iter().flat_map(|group| group.comparisons.iter().map(move |comparison| (group, comparison)))
    }

    /// All that the reader of any result should know.
    pub fn all_warnings(&self) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().chain(self.groups.iter().flat_map(|group| &group.warnings))
    }
}

/// The runs below some folders that a filter takes, and what the reader should know of them.
///
/// # Errors
/// No usable run; a filter that takes no run, or asks for a setting that none has.
pub fn runs(folders: &[PathBuf], filter: &Filter) -> Result<(Vec<Run>, Vec<Warning>)> {
    let (records, warnings) = record::find_all(folders)?;
    let (runs, warnings) = checked(records, warnings, &[]);
    Ok((filter.apply(runs)?, warnings))
}

/// Runs with what their files say of them, and of the plans.
fn checked(records: Vec<Record>, mut warnings: Vec<Warning>, plans: &[PlanFile]) -> (Vec<Run>, Vec<Warning>) {
    let mut runs: Vec<Run> = records.into_iter().map(Run::new).collect();
    warnings.extend(integrity::check(&mut runs));
    warnings.extend(words::missing_from_plan(plans, &runs));
    (runs, warnings)
}
