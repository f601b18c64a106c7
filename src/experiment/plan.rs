//! What an experiment has to do: its runs, and where each of them stands.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::session::StoredRun;
use super::share::Share;
use super::work::{Cost, Work};
use crate::config::RunSpec;
use crate::data::{self, Dataset, DatasetKind};
use crate::error::Result;
use crate::run_dir::{CHECKPOINT, RunDir, State};
use crate::train::Start;
use crate::train::checkpoint::Checkpoint;
use crate::{optim, usage};

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Nothing is there that it could go on from.
    New,
    /// It goes on, from so far: "3 of 20 epochs".
    Begun(String),
    /// Finished or diverged: nothing is left to do.
    Ended(State),
    /// Another process works on it.
    Elsewhere,
    /// It cannot run, and why.
    Blocked(String),
}

/// A run of an experiment.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its settings.
    pub spec: RunSpec,
    /// Its directory.
    pub dir: PathBuf,
    /// What tells it from the others, to the reader: "SNRAdam, batch full, seed 3".
    pub title: String,
    /// Where it stands.
    pub status: RunStatus,
    /// Whether it starts anew, though it may be finished or begun.
    pub anew: bool,
    /// What is left to compute.
    pub left: Work,
    /// What all of it costs, in floating-point operations.
    pub cost: f64,
}

/// The runs of an experiment, in the order in which they begin.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Holds the run directories.
    pub folder: PathBuf,
    /// None where a share has none of its own.
    pub runs: Vec<Planned>,
}

impl Plan {
    /// Looks at the directory of each run below `folder`. Those whose names are in `anew` start anew. Writes nothing.
    ///
    /// # Errors
    /// Two runs that would share a directory; a split that a data set cannot give.
    pub fn new(specs: Vec<RunSpec>, folder: &Path, anew: &[String]) -> Result<Self> {
        let mut names = BTreeSet::new();
        if let Some(twice) = specs.iter().find(|spec| !names.insert(spec.run_name())) {
            usage!(
                "two runs would share the directory {}: they are equal, or differ in epochs or measurements alone; name each value of a list once, and one number of epochs",
                folder.join(twice.run_name()).display()
            );
        }
        let titles = titles(&specs);
        let plan = |(spec, title): (RunSpec, String)| {
            let name = spec.run_name();
            let (dir, anew) = (folder.join(&name), anew.contains(&name));
            let all = Work::left(&spec, None)?;
            let (status, left) = status(&spec, &dir, anew, all).unwrap_or_else(|e| {
                // The run itself will say so again, and not stop the others.
                (RunStatus::Blocked(format!("{e:#}")), Work::default())
            });
            let cost = Cost::in_flops(&spec).of(all);
            Ok(Planned { spec, dir, title, status, anew, left, cost })
        };
        let runs = specs.into_iter().zip(titles).map(plan).collect::<Result<_>>()?;
        Ok(Self { folder: folder.to_path_buf(), runs })
    }

    /// The runs that are a share's own.
    pub fn own(mut self, share: Share) -> Self {
        let mut own = share.own(&self.costs()).into_iter();
        self.runs.retain(|_| own.next().unwrap_or(false));
        self
    }

    /// What each run costs as a whole.
    pub fn costs(&self) -> Vec<f64> {
        self.runs.iter().map(|run| run.cost).collect()
    }

    /// The runs that have not ended.
    pub fn open_runs(&self) -> impl Iterator<Item = &Planned> {
        self.runs.iter().filter(|run| !matches!(run.status, RunStatus::Ended(_)))
    }

    /// Loads the data of the runs that have not ended, each set once.
    ///
    /// # Errors
    /// See [`data::load`].
    pub fn load_data(&self, data_dir: Option<&Path>, progress: &dyn Fn(&str)) -> Result<HashMap<DatasetKind, Dataset>> {
        let mut loaded = HashMap::new();
        for kind in self.open_runs().map(|run| run.spec.dataset.clone()).collect::<HashSet<_>>() {
            let data = data::load(&kind, data_dir, progress)?;
            loaded.insert(kind, data);
        }
        Ok(loaded)
    }
}

fn status(spec: &RunSpec, dir: &Path, anew: bool, all: Work) -> Result<(RunStatus, Work)> {
    if RunDir::is_locked(dir) {
        return Ok((RunStatus::Elsewhere, Work::default()));
    }
    if anew || RunDir::is_empty(dir) {
        return Ok((RunStatus::New, all));
    }
    let stored = StoredRun::read(dir)?;
    stored.check()?;
    if let Some(state) = stored.ended(spec) {
        return Ok((RunStatus::Ended(state), Work::default()));
    }
    match stored.where_to_start(spec)? {
        Start::Fresh => Ok((RunStatus::New, all)),
        Start::Resume => {
            let progress = Checkpoint::read(&dir.join(CHECKPOINT))?.progress;
            progress.check_settings(spec, dir)?;
            let so_far = spec.so_far(progress.epochs(), progress.step);
            Ok((RunStatus::Begun(so_far), Work::left(spec, Some(&progress))?))
        }
    }
}

/// A title for each run: optimizer, seed, and as few other settings as tell the runs apart.
pub(super) fn titles(specs: &[RunSpec]) -> Vec<String> {
    let settings: Vec<_> = specs.iter().map(RunSpec::settings).collect();
    let names: BTreeSet<&str> = settings.iter().flat_map(|settings| settings.keys()).map(String::as_str).collect();
    let mut told = vec!["optim", "seed"];
    // These first: what follows from them need not be told.
    for name in ["batch", "lr", "model.kind"].into_iter().chain(names) {
        let kinds = |names: &[&str]| {
            let kind = |settings| names.iter().map(|name| BTreeMap::get(settings, *name)).collect::<Vec<_>>();
            settings.iter().map(kind).collect::<BTreeSet<_>>().len()
        };
        if kinds(&[&told[..], &[name]].concat()) > kinds(&told) {
            told.push(name);
        }
    }
    let title = |(spec, settings): (&RunSpec, &BTreeMap<String, String>)| {
        let entry = optim::find(&spec.optim).ok();
        let label = entry.map_or(spec.optim.clone(), |entry| entry.label_for(&spec.hyper));
        let others = told[2..].iter().filter(|name| !entry.is_some_and(|entry| entry.label_tells(name)));
        let others = others.filter_map(|name| Some(format!(", {name} {}", settings.get(*name)?)));
        format!("{label}{}, seed {}", others.collect::<String>(), spec.seed)
    };
    specs.iter().zip(&settings).map(title).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn plan(text: &str) -> Result<Plan> {
        Plan::new(config::expand([text.parse().unwrap()]).unwrap(), Path::new("nowhere"), &[])
    }

    #[test]
    fn titles_tell_what_differs() {
        let title = |text: &str| plan(text).unwrap().runs.into_iter().map(|run| run.title).collect::<Vec<_>>();
        assert_eq!(title("optim = ['adam', 'sgd']"), ["Adam, seed 0", "SGD, seed 0"]);
        let lrs = title("optim = ['adam', 'sgd']\nlr = [0.1, 0.2]\nmodel.depth = [1]\nbatch = [64, 'full']");
        assert_eq!(lrs[0], "Adam, batch 64, lr 0.1, seed 0");
        assert_eq!(lrs[7], "SGD, batch full, lr 0.2, seed 0");
        assert_eq!(title("lr = [1e30, 1]\neps = 1e-8")[0], "Adam, lr 1e30, seed 0");
        let models = title("model = { patch_size = [4, 7], depth = [1, 2] }");
        assert_eq!(models[1], "Adam, model.depth 1, model.patch_size 7, seed 0");
        assert_eq!(title("model.kind = ['vit', 'mlp']")[1], "Adam, model.kind mlp, seed 0");
        assert_eq!(title("model.init = ['pytorch', 'timm']")[1], "Adam, model.init timm, seed 0");
    }

    #[test]
    fn runs_that_would_share_a_directory_are_refused() {
        for text in ["seed = [0, 1, 0]", "epochs = [1, 2]"] {
            let error = plan(text).unwrap_err().to_string();
            assert!(error.contains("nowhere/mnist-adam-b4096") && error.contains("epochs"), "{error}");
        }
    }

    #[test]
    fn an_impossible_split_is_told_before_anything_runs() {
        assert!(plan("train_subset = [10, 70000]").unwrap_err().is::<crate::error::UsageError>());
    }
}
