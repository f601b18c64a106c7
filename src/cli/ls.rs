//! `snr-bench ls`: the runs below a folder.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;

use super::args::FilterArgs;
use super::compare::{has_stdout, write};
use super::console::paper;
use super::{print, warn};
use crate::analysis::export::table::{Cell, Grid};
use crate::analysis::export::{Long, Per, long};
use crate::analysis::{self, Endpoint, Run};
use crate::error::{Result, nearest};
use crate::number::loss;
use crate::usage;

const EXAMPLES: &str = "\
Examples:
  snr-bench ls results/
  snr-bench ls results/ --where optim=adam,optim=snradam,lr=0.001 --sort final_val_loss
  snr-bench ls results/ --where state=diverged
  snr-bench ls results/ --csv runs.csv
  snr-bench ls results/ --per epoch --json - | jq '.[0]'

pandas.read_csv and polars.read_csv read the tables. Every row has all settings of its run.";

/// List the runs below a folder: state, the settings that differ, and the endpoints.
///
/// Endpoints are losses in nats: the mean training loss over the run, and the training and validation loss over the last
/// quarter of the epochs. A run that failed has ∞, one that has not ended none.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct LsArgs {
    /// Folder whose runs are listed, however deep they lie
    #[arg(value_name = "DIR", default_value = "results")]
    results: PathBuf,
    #[command(flatten)]
    filter: FilterArgs,
    /// Sort by a column of the table that --csv writes; with a minus before it from the largest on
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    sort: Option<String>,
    /// What a row of --csv and --json is
    #[arg(long, value_enum, value_name = "ROW", default_value_t = Per::Run)]
    per: Per,
    /// Write one long table as CSV, with all settings ('-': to standard output, instead of the list)
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write it as JSON: a list of objects ('-' as above)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

type Exporter = fn(&Long) -> Result<String>;

/// Prints the list on stdout and warnings on stderr; writes the files that are asked for.
///
/// # Errors
/// No usable run, an unknown column, or a file that cannot be written.
pub fn run(args: LsArgs) -> Result<()> {
    let files = [&args.csv, &args.json];
    let to_stdout = has_stdout(&files)?;
    match args.per {
        Per::Epoch | Per::Step if files.iter().all(|path| path.is_none()) => {
            usage!("--per chooses the rows of a file; name one with --csv or --json, or '-' for standard output")
        }
        _ => {}
    }
    let (found, warnings) = analysis::runs(std::slice::from_ref(&args.results), &args.filter.filter()?)?;
    warnings.iter().for_each(|warning| warn(format_args!("warning: {warning}")));
    let mut runs: Vec<&Run> = found.iter().collect();
    match &args.sort {
        Some(column) => sort(&mut runs, column)?,
        None => runs.sort_by(|a, b| a.dir.cmp(&b.dir)),
    }
    if !to_stdout && args.per == Per::Run {
        print(list(&runs, &args.results).trim_end())?;
    }
    if files.iter().all(|path| path.is_none()) {
        return Ok(());
    }
    let table = long(&runs, args.per)?;
    let exports: [(&Option<PathBuf>, Exporter); 2] = [(&args.csv, Long::csv), (&args.json, Long::json)];
    exports.iter().try_for_each(|(path, export)| path.as_deref().map_or(Ok(()), |path| write(path, &export(&table)?)))
}

/// By a column of the table of runs: numbers before words, what is empty last.
fn sort(runs: &mut Vec<&Run>, column: &str) -> Result<()> {
    let (name, down) = column.strip_prefix('-').map_or((column, false), |name| (name, true));
    let Long { columns, rows } = long(runs, Per::Run)?;
    let Some(place) = columns.iter().position(|other| other == name) else {
        usage!("--sort {name}: there is no such column{}", nearest(name, columns.iter().map(String::as_str)));
    };
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by(|i, j| {
        let (a, b) = (rows[*i][place].as_str(), rows[*j][place].as_str());
        let by_value = match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => a.cmp(b),
        };
        a.is_empty().cmp(&b.is_empty()).then(if down { by_value.reverse() } else { by_value })
    });
    *runs = order.into_iter().map(|i| runs[i]).collect();
    Ok(())
}

/// Settings that stand in the names of folders that snr-bench makes.
const IN_NAMES: [&str; 4] = ["optim", "batch", "lr", "seed"];

/// One line a run, in the width of the terminal. Where it is too narrow, names of folders are shown by their last letters, or
/// columns of settings are left out: beside whole names first those that they tell.
fn list(runs: &[&Run], root: &Path) -> String {
    let paper = paper();
    let keys = differing(runs);
    let path = |run: &Run| run.dir.strip_prefix(root).unwrap_or(&run.dir).display().to_string();
    let end = |run: &Run| {
        let name = run.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let cut = name.char_indices().rev().nth(5).map_or(0, |(i, _)| i);
        format!("…{}", &name[cut..])
    };
    let fits = |text: &String| {
        let narrow = text.lines().all(|line| console::measure_text_width(line) <= paper.width);
        narrow && text.lines().count() <= runs.len() + 3 // two lines of names above them, and the rule
    };
    let drawn = |n: usize, by_path: bool| {
        let (told, others): (Vec<&str>, Vec<_>) =
            keys.iter().map(String::as_str).partition(|key| IN_NAMES.contains(key));
        let order = if by_path { [told, others] } else { [others, told] }.concat();
        let (hidden, _) = order.split_at(n);
        let shown: Vec<&str> = keys.iter().map(String::as_str).filter(|key| !hidden.contains(key)).collect();
        let text = paper.drawn(&if by_path { grid(runs, &shown, path) } else { grid(runs, &shown, end) });
        (text, hidden.join(", "))
    };
    let fewer = |by_path: bool| (1..=keys.len()).map(move |n| (n, by_path));
    let mut tries = [(0, true), (0, false)].into_iter().chain(fewer(true)).chain(fewer(false));
    let found = tries.find_map(|(n, by_path)| Some(drawn(n, by_path)).filter(|(text, _)| fits(text)));
    let (text, hidden) = found.unwrap_or_else(|| drawn(keys.len(), false));
    let mut count = format!("{} {}", runs.len(), if runs.len() == 1 { "run" } else { "runs" });
    if !hidden.is_empty() {
        count += &format!("; not shown: {hidden} (take a wider terminal, or --csv)");
    }
    text + paper.wrapped("", &count).trim_end()
}

fn grid(runs: &[&Run], keys: &[&str], name: impl Fn(&Run) -> String) -> Grid {
    let row = |run: &&Run| {
        let settings = run.spec.settings();
        let values = keys.iter().map(|key| settings.get(*key).map_or("—".to_string(), String::clone));
        let so_far = match run.spec.steps {
            None => format!("{}/{}", run.last().epoch, run.spec.epochs),
            Some(steps) => format!("step {}/{steps}", run.last().step),
        };
        let endpoint = |endpoint: &Endpoint| match endpoint.of(run).filter(|_| run.fate.has_ended()) {
            Some(log) if log.is_finite() => loss(log.exp()),
            Some(_) => "∞".to_string(),
            None => "—".to_string(),
        };
        let own = [name(run), run.state().to_string()].into_iter().chain(values).chain([so_far]);
        own.chain(Endpoint::ALL.iter().map(endpoint)).map(Cell::from).collect()
    };
    let columns = ["run", "state"].into_iter().chain(keys.iter().copied()).chain(["epoch"]);
    let endpoints = ["train\nloss", "final\ntrain", "final\nval"];
    Grid {
        title: String::new(),
        header: columns.chain(endpoints).map(String::from).collect(),
        rows: runs.iter().map(row).collect(),
        words: vec![0, 1],
    }
}

/// The settings that are not the same in all runs; hyperparameters, whose defaults differ, in all runs of an optimizer.
fn differing(runs: &[&Run]) -> Vec<String> {
    let all: Vec<_> = runs.iter().map(|run| (run, run.spec.settings())).collect();
    let keys: BTreeSet<&String> = all.iter().flat_map(|(_, settings)| settings.keys()).collect();
    let differs = |key: &&String| {
        let is_own = runs.iter().any(|run| run.spec.hyper.contains_key(*key));
        let mut first = BTreeMap::new();
        all.iter().any(|(run, settings)| {
            let of = if is_own { run.spec.optim.as_str() } else { "" };
            *first.entry(of).or_insert(settings.get(*key)) != settings.get(*key)
        })
    };
    keys.into_iter().filter(differs).cloned().collect()
}
