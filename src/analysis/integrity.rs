//! Whether runs are what they say, and the runs of a pair against each other.

use super::run::Run;
use super::words;
use crate::config::RunSpec;
use crate::run_dir::{Provenance, Warning};
use crate::train::integrity::{contradiction, same};

/// Marks the runs whose files disagree, and says so.
pub fn check(runs: &mut [Run]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for run in runs.iter_mut() {
        if let Some(why) = contradiction(&run.dir, &run.spec, Some(&run.meta), Some(&run.rows)) {
            run.sound = false;
            warnings.push(words::left_out(&run.dir, &why));
        }
    }
    for i in 1..runs.len() {
        let (before, rest) = runs.split_at_mut(i);
        let run = &mut rest[0];
        if let Some(twin) = before.iter().find(|other| other.sound && run.sound && is_copy(other, run)) {
            run.sound = false;
            warnings.push(words::copy(&twin.dir, &run.dir));
        }
    }
    warnings
}

/// Whether two runs of one optimizer with different seeds have equal rows: one is a copy of the other.
fn is_copy(a: &Run, b: &Run) -> bool {
    let trained = a.rows.len() > 1 && a.rows.len() == b.rows.len();
    // The rows before the settings: those of other seeds part at the first one, and this is asked of every two runs.
    a.spec.seed != b.spec.seed
        && trained
        && a.rows.iter().zip(&b.rows).all(|(a, b)| same(a, b))
        && RunSpec { seed: a.spec.seed, ..b.spec.clone() } == a.spec
        && a.meta.data_hash == b.meta.data_hash
}

/// Whether two runs of a pair began with the same parameters and data: the same evaluation before training, bit for bit.
pub fn same_start(a: &Run, b: &Run) -> bool {
    let start = |run: &Run| [run.rows[0].val_loss, run.rows[0].val_accuracy, run.rows[0].param_norm].map(f64::to_bits);
    start(a) == start(b)
}

/// What differs within pairs beside the optimizer, in words.
pub fn cautions(pairs: &[(&Run, &Run)]) -> Vec<String> {
    let seeds = |holds: &dyn Fn(&Run, &Run) -> bool| {
        let seeds = pairs.iter().filter(|(a, b)| holds(a, b)).map(|(a, _)| a.spec.seed);
        seeds.collect::<Vec<u64>>()
    };
    type Of = fn(&Provenance) -> String;
    let kinds: [(&str, Of); 4] = [
        ("machines", |session| format!("{} {}", session.cpu, session.device)),
        ("vector instructions", |session| session.simd.clone()),
        ("numbers of threads", |session| format!("{:?}", session.threads)),
        ("revisions of the program", |session| session.git.clone().unwrap_or_default()),
    ];
    let mixed = kinds.map(|(what, of)| (what, seeds(&|a, b| a.meta.told(of) != b.meta.told(of))));
    let mixed = mixed.iter().filter(|(_, seeds)| !seeds.is_empty()).map(|(what, seeds)| words::mixed(what, seeds));
    let moved = seeds(&|a, b| a.meta.has_moved() || b.meta.has_moved());
    mixed.chain((!moved.is_empty()).then(|| words::moved(&moved))).collect()
}

/// Whether seconds compare: one machine and one number of threads made all runs.
pub fn one_machine(pairs: &[(&Run, &Run)]) -> bool {
    let mut sessions = pairs.iter().flat_map(|(a, b)| a.meta.sessions.iter().chain(&b.meta.sessions));
    let machine =
        |session: &Provenance| (session.cpu.clone(), session.simd.clone(), session.device.clone(), session.threads);
    let first = sessions.next().map(machine);
    sessions.all(|session| Some(machine(session)) == first)
}
