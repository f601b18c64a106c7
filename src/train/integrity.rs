//! Whether a run directory is what it says: its files against each other, and against its name.

use std::path::Path;

use super::checkpoint::{Checkpoint, RunProgress};
use crate::config::RunSpec;
use crate::run_dir::{CHECKPOINT, CONFIG, META, METRICS, Meta, Row, SEALED, State, seal_of};

/// In what the files of a run directory contradict each other, as a sentence about it; `None` where they tell one run. What is
/// missing or damaged contradicts nothing: `rows` are those of `metrics.csv`, where it can be read.
pub fn contradiction(dir: &Path, spec: &RunSpec, meta: Option<&Meta>, rows: Option<&[Row]>) -> Option<String> {
    let saved = Checkpoint::read(&dir.join(CHECKPOINT)).ok().map(|checkpoint| checkpoint.progress);
    settings(dir, spec, meta, saved.as_ref()).or_else(|| measured(dir, spec, meta, rows, saved.as_ref()))
}

/// Whose settings they are.
fn settings(dir: &Path, spec: &RunSpec, meta: Option<&Meta>, saved: Option<&RunProgress>) -> Option<String> {
    let hash = spec.hash();
    let recorded = meta.is_some_and(|meta| {
        let other = meta.config.as_ref().is_some_and(|config| config.hash() != hash);
        other || !meta.config_hash.is_empty() && meta.config_hash != hash
    });
    if recorded {
        return Some(format!("its {CONFIG} is not what {META} says that ran; restore it, or repeat the run"));
    }
    if saved.is_some_and(|saved| saved.config_hash != hash) {
        return Some(format!("its {CHECKPOINT} belongs to other settings than its {CONFIG}; restore them"));
    }
    if saved.zip(meta).is_some_and(|(saved, meta)| saved.data_hash != meta.data_hash) {
        return Some(format!("its {CHECKPOINT} was trained on other data than {META} says; restore them"));
    }
    let name = dir.file_name().and_then(|name| name.to_str()).and_then(named_hash);
    name.filter(|name| !hash.starts_with(name)).map(|_| {
        format!("its name belongs to other settings than its {CONFIG}, which would be {}; restore it", spec.run_name())
    })
}

/// The start of a hash at the end of a name that a run was given by its settings: `…-s0-d4a2ea`.
fn named_hash(name: &str) -> Option<&str> {
    let (rest, hash) = name.rsplit_once('-')?;
    let (_, seed) = rest.rsplit_once("-s")?;
    let is_hash = hash.len() == 6 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (is_hash && !seed.is_empty() && seed.bytes().all(|b| b.is_ascii_digit())).then_some(hash)
}

/// Whether the rows are those that were measured.
fn measured(
    dir: &Path,
    spec: &RunSpec,
    meta: Option<&Meta>,
    rows: Option<&[Row]>,
    saved: Option<&RunProgress>,
) -> Option<String> {
    let rows = rows?;
    if let Some(saved) = saved {
        // The checkpoint is written first: it may have rows that metrics.csv lacks, but not the other way round.
        let differs = rows.iter().enumerate().find(|(i, row)| saved.rows.get(*i).is_none_or(|there| !same(row, there)));
        if let Some((_, row)) = differs {
            return Some(format!(
                "its {METRICS} differs from its checkpoint in epoch {}; restore it, or delete {METRICS} and resume the run to \
                 write it anew from the checkpoint",
                row.epoch
            ));
        }
    }
    let last = rows.last().map_or(0, |row| row.epoch);
    if spec.steps.is_none() && last > spec.epochs {
        return Some(format!("its {METRICS} has {last} epochs and its {CONFIG} {}; restore them", spec.epochs));
    }
    let meta = meta?;
    let ended = matches!(meta.state, State::Finished | State::Diverged);
    // A file that was cut is told by its reader: what it still holds is true, and a resumed run goes on with that.
    let is_cut = |name: &str, length: u64| match name {
        METRICS => saved.is_some_and(|saved| rows.len() < saved.rows.len()),
        _ => saved.and_then(|saved| saved.steps_csv).is_some_and(|whole| length < whole),
    };
    let mut sealed = SEALED.into_iter().filter_map(|name| Some((name, meta.sealed.get(name)?)));
    let changed = sealed.find(|(name, seal)| {
        let path = dir.join(name);
        let length = std::fs::metadata(&path).ok().filter(|file| file.is_file()).map(|file| file.len());
        length.is_some_and(|length| !is_cut(name, length)) && seal_of(&path).is_ok_and(|found| found != **seal)
    });
    let (name, _) = changed.filter(|_| ended)?;
    Some(format!("its {name} was changed after the run had ended; restore it, or repeat the run"))
}

/// Bit for bit, with NaN equal to itself; seconds may differ after a resume.
pub fn same(a: &Row, b: &Row) -> bool {
    let bits = |row: &Row| {
        let of = |x: Option<f64>| x.map(f64::to_bits);
        let own = [row.lr, row.val_loss, row.val_accuracy, row.param_norm].map(f64::to_bits);
        let trained = [row.train_loss, row.train_accuracy, row.grad_norm, row.update_norm].map(of);
        (row.epoch, row.step, row.samples_seen, own, trained)
    };
    bits(a) == bits(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_ours_end_in_seed_and_hash() {
        assert_eq!(named_hash("mnist-adam-b4096-lr1e-5-s10-d4a2ea"), Some("d4a2ea"));
        for name in ["mine", "adam-2", "adam-s0", "adam-s0-backup", "a-sx-d4a2ea", "adam-s1-D4A2EA", "adam-d4a2ea"] {
            assert_eq!(named_hash(name), None, "{name}");
        }
    }
}
