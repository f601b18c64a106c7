//! Long tables: one row a run, an epoch or a step, as pandas and polars read them.
//!
//! Every row carries the run's directory, state and settings, so that a table needs no other to be grouped and filtered. A
//! setting that a run does not have is empty; `lr` is the setting, `current_lr` that of the epoch or step.

use std::collections::BTreeSet;

use anyhow::Context;
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::csv::cell;
use crate::analysis::{Endpoint, Measure, Run};
use crate::error::Result;
use crate::run_dir::{Row, STEPS};
use crate::usage;

/// What a row of a long table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A run: its endpoints and its last epoch.
    Run,
    /// An epoch, as in `metrics.csv`.
    Epoch,
    /// An optimizer step, as in `steps.csv`; runs without that file have none.
    Step,
}

/// A table of texts, empty where there is no value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Long {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// The columns that are text, whatever they look like.
const TEXTS: [&str; 6] = ["run", "state", "data_hash", "git", "cpu", "version"];

/// Reads a table off runs.
///
/// # Errors
/// Steps of runs of which none has a `steps.csv`, or a damaged one.
pub fn long(runs: &[&Run], per: Per) -> Result<Long> {
    let keys: BTreeSet<String> = runs.iter().flat_map(|run| run.spec.settings().into_keys()).collect();
    let own = |run: &Run| {
        let settings = run.spec.settings();
        let values = keys.iter().map(move |key| settings.get(key).cloned().unwrap_or_default());
        [run.dir.display().to_string(), run.state().to_string()].into_iter().chain(values).collect::<Vec<_>>()
    };
    let mut table = Long {
        columns: ["run", "state"].map(String::from).into_iter().chain(keys.clone()).collect(),
        rows: Vec::new(),
    };
    let of_run = table.columns.len();
    for run in runs {
        let (columns, rows) = match per {
            Per::Run => summary(run),
            Per::Epoch => parsed(&Row::to_csv(&run.rows)?)?,
            Per::Step => steps(run)?,
        };
        table.add(of_run, &own(run), columns, rows);
    }
    if table.rows.is_empty() && per == Per::Step {
        usage!("none of these runs has a {STEPS}; those that are trained from now on write one");
    }
    Ok(table)
}

type Rows = (Vec<String>, Vec<Vec<String>>);

impl Long {
    /// Rows below `columns`, each after what all rows of its run begin with.
    fn add(&mut self, of_run: usize, own: &[String], columns: Vec<String>, rows: Vec<Vec<String>>) {
        let columns: Vec<String> =
            columns.into_iter().map(|name| if name == "lr" { "current_lr".to_string() } else { name }).collect();
        for name in &columns {
            if !self.columns[of_run..].contains(name) {
                self.columns.push(name.clone());
                self.rows.iter_mut().for_each(|row| row.push(String::new()));
            }
        }
        let places: Vec<Option<usize>> =
            self.columns[of_run..].iter().map(|name| columns.iter().position(|other| other == name)).collect();
        for row in rows {
            let values = places.iter().map(|place| place.and_then(|i| row.get(i)).cloned().unwrap_or_default());
            self.rows.push(own.iter().cloned().chain(values).collect());
        }
    }

    /// With a header line; NaN and inf as they are.
    ///
    /// # Errors
    /// None in practice: what is written is plain.
    pub fn csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        self.rows.iter().try_for_each(|row| writer.write_record(row.iter().map(|text| cell(text))))?;
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    /// A list of objects, one a row; what is empty, NaN or infinite is null.
    ///
    /// # Errors
    /// None in practice: what is written is plain.
    pub fn json(&self) -> Result<String> {
        let objects: Vec<Object> = self.rows.iter().map(|row| Object(&self.columns, row)).collect();
        Ok(serde_json::to_string_pretty(&objects)? + "\n")
    }
}

/// A row in the order of its columns.
struct Object<'a>(&'a [String], &'a [String]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().zip(self.1).map(|(name, text)| (name, value(name, text))))
    }
}

fn value(column: &str, text: &str) -> Value {
    let number = || match text.parse::<i64>() {
        Ok(n) => Some(Value::Number(n.into())),
        Err(_) => text.parse::<f64>().ok().map(|x| Number::from_f64(x).map_or(Value::Null, Value::Number)),
    };
    match text {
        "" => Value::Null,
        "true" | "false" if !TEXTS.contains(&column) => Value::Bool(text == "true"),
        _ if TEXTS.contains(&column) => text.into(),
        _ => number().unwrap_or_else(|| text.into()),
    }
}

/// The endpoints of a run as losses in nats (inf where it failed, empty where it has not ended), what is described of it, and
/// its last epoch.
fn summary(run: &Run) -> Rows {
    let ended = run.fate.has_ended();
    let endpoint = |endpoint: Endpoint| endpoint.of(run).filter(|_| ended).map(f64::exp);
    let measure = |measure: Measure| measure.of(run, None).filter(|_| ended);
    let last = run.last();
    let cells: Vec<(&str, String)> = vec![
        ("run_train_loss", written(endpoint(Endpoint::Speed))),
        ("final_train_loss", written(endpoint(Endpoint::FinalTrainLoss))),
        ("final_val_loss", written(endpoint(Endpoint::FinalValLoss))),
        ("best_val_loss", written(measure(Measure::BestValLoss))),
        ("final_error_rate", written(measure(Measure::FinalErrorRate))),
        ("epoch", last.epoch.to_string()),
        ("step", last.step.to_string()),
        ("train_loss", written(last.train_loss)),
        ("val_loss", last.val_loss.to_string()),
        ("val_accuracy", last.val_accuracy.to_string()),
        ("wall_seconds", last.wall_seconds.to_string()),
        ("data_hash", run.meta.data_hash.clone()),
        ("version", run.meta.told(|session| session.version.clone())),
        ("git", run.meta.told(|session| session.git.clone().unwrap_or_default())),
        ("cpu", run.meta.told(|session| session.cpu.clone())),
        ("threads", run.meta.told(|session| session.threads.map_or(String::new(), |n| n.to_string()))),
    ];
    let (columns, row): (Vec<&str>, Vec<String>) = cells.into_iter().unzip();
    (columns.into_iter().map(String::from).collect(), vec![row])
}

fn written(x: Option<f64>) -> String {
    x.map_or(String::new(), |x| x.to_string())
}

fn steps(run: &Run) -> Result<Rows> {
    let path = run.dir.join(STEPS);
    if !path.exists() {
        return Ok((Vec::new(), Vec::new()));
    }
    let text = crate::file::read_text(&path, 1 << 30)?;
    parsed(&text).with_context(|| format!("{} is damaged; repeat the run", path.display()))
}

fn parsed(text: &str) -> Result<Rows> {
    // a row that is being written is shorter
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers()?.iter().map(String::from).collect();
    let rows = reader.records().map(|row| Ok(row?.iter().map(String::from).collect())).collect::<Result<_>>()?;
    Ok((columns, rows))
}
