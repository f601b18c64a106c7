//! What an experiment would do, and how long it would take.

use super::console::clock;
use crate::config::Study;
use crate::experiment::tuning::rounds;
use crate::experiment::{Estimate, Plan, Planned, RunStatus, Work};
use crate::machine::Machine;
use crate::run_dir::State;

/// The runs with where they stand, what is left of them, and the time of that.
pub fn text(plan: &Plan, estimate: &Estimate, machine: &Machine, jobs: usize) -> String {
    let directory = |run: &Planned| run.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let width = |text: &dyn Fn(&Planned) -> String| plan.runs.iter().map(|run| text(run).len()).max().unwrap_or(0);
    let (wide, titles, states) = (width(&directory), width(&|run| run.title.clone()), width(&state));
    let mut text = format!("{} in {}\n\n", counts(plan), plan.folder.display());
    for (run, seconds) in plan.runs.iter().zip(&estimate.seconds) {
        let time = if *seconds > 0.0 { clock(*seconds).to_string() } else { String::new() };
        let line = format!("{:<wide$}  {:<titles$}  {:<states$}  {time:>12}", directory(run), run.title, state(run));
        text += &format!("{}\n", line.trim_end());
    }
    text + "\n" + &forecast(plan, estimate, machine, jobs)
}

/// Which round of tuning it is, where the grid has grown.
pub fn round(round: u32) -> String {
    if round == 0 { String::new() } else { format!(", grown {round} times").replace("1 times", "once") }
}

/// What growth could add to the runs of tuning that are known; `None` where the grid cannot grow further.
pub fn growth(study: &Study, round: u32) -> Option<String> {
    let left = rounds(study).checked_sub(round).filter(|left| *left > 0)?;
    let keys = study.growing();
    let axis = study.arms[0].axes.iter().find(|axis| axis.key == *keys.first().unwrap_or(&""))?;
    let trials = study.arms[0].trials(study).ok()?.len() / axis.list().len();
    let runs = trials * study.arms.len() * study.tuning_seeds.len();
    let times = if left == 1 { "once".to_string() } else { format!("{left} times") };
    Some(format!(
        "The grid grows at most {times}, where a best value of {} lies at an edge, by {runs} runs or more each time; the time \
         above is without them.",
        keys.join(" or ")
    ))
}

/// How many runs there are and where they stand: "24 runs: 3 done, 1 begun, 20 new".
pub fn counts(plan: &Plan) -> String {
    if plan.runs.is_empty() {
        return "no run of its own".to_string();
    }
    let count = |kind: fn(&RunStatus) -> bool| plan.runs.iter().filter(|run| kind(&run.status)).count();
    let kinds = [
        (count(|s| matches!(s, RunStatus::Ended(_))), "done"),
        (count(|s| matches!(s, RunStatus::Begun(_))), "begun"),
        (count(|s| matches!(s, RunStatus::New)), "new"),
        (count(|s| matches!(s, RunStatus::Elsewhere)), "in work elsewhere"),
        (count(|s| matches!(s, RunStatus::Blocked(_))), "blocked"),
    ];
    let kinds = kinds.iter().filter(|(n, _)| *n > 0).map(|(n, kind)| format!("{n} {kind}"));
    let runs = if plan.runs.len() == 1 { "run" } else { "runs" };
    format!("{} {runs}: {}", plan.runs.len(), kinds.collect::<Vec<_>>().join(", "))
}

/// How long the rest takes, and what that was computed from.
pub fn forecast(plan: &Plan, estimate: &Estimate, machine: &Machine, jobs: usize) -> String {
    let rates = plan.runs.iter().zip(&estimate.costs).filter(|(run, _)| run.left.trained > 0).map(|(run, cost)| {
        let Work { trained, steps, .. } = run.left;
        trained as f64 / (cost.trained * trained as f64 + cost.step * steps as f64)
    });
    let (slowest, fastest) = rates.fold((f64::INFINITY, 0.0), |(low, high), rate: f64| (rate.min(low), rate.max(high)));
    if fastest == 0.0 {
        return "nothing is left to train".to_string();
    }
    let rates =
        if fastest < 1.02 * slowest { format!("{fastest:.0}") } else { format!("{slowest:.0} to {fastest:.0}") };
    format!(
        "about {} for what is left, {}\n(measured just now: training at {rates} images/s{})",
        clock(estimate.total),
        how(machine, jobs),
        if jobs > 1 { " a run" } else { "" }
    )
}

/// How the runs share the machine.
pub fn how(machine: &Machine, jobs: usize) -> String {
    let threads = machine.divided(jobs).threads;
    let threads = if threads == 1 { "1 thread".to_string() } else { format!("{threads} threads") };
    if jobs == 1 { format!("one run at a time on {threads}") } else { format!("{jobs} runs at once, {threads} each") }
}

fn state(run: &Planned) -> String {
    match &run.status {
        RunStatus::New => "new".to_string(),
        RunStatus::Begun(so_far) => format!("resumes after {so_far}"),
        RunStatus::Ended(State::Diverged) => "done: diverged".to_string(),
        RunStatus::Ended(_) => "done".to_string(),
        RunStatus::Elsewhere => "in work elsewhere".to_string(),
        RunStatus::Blocked(why) => format!("cannot run: {}", why.lines().next().unwrap_or_default()),
    }
}
