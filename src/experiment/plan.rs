//! What an experiment has to do: its runs, and where each of them stands.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::session::StoredRun;
use super::work::Work;
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
    /// What is left to compute.
    pub left: Work,
}

/// The runs of an experiment, in the order in which they begin.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Holds the run directories.
    pub folder: PathBuf,
    /// At least one.
    pub runs: Vec<Planned>,
    /// Whether all runs start anew, also those that are finished or begun.
    pub anew: bool,
}

impl Plan {
    /// Looks at the directory of each run below `folder`. Writes nothing.
    ///
    /// # Errors
    /// Two runs that would share a directory; a split that a data set cannot give.
    pub fn new(specs: Vec<RunSpec>, folder: &Path, anew: bool) -> Result<Self> {
        let mut names = BTreeSet::new();
        if let Some(twice) = specs.iter().find(|spec| !names.insert(spec.run_name())) {
            usage!(
                "two runs would share the directory {}: they are equal, or differ in epochs or measurements alone; name each value of a list once, and one number of epochs",
                folder.join(twice.run_name()).display()
            );
        }
        let titles = titles(&specs);
        let plan = |(spec, title): (RunSpec, String)| {
            let dir = folder.join(spec.run_name());
            let all = Work::left(&spec, None)?;
            let (status, left) = status(&spec, &dir, anew, all).unwrap_or_else(|e| {
                // The run itself will say so again, and not stop the others.
                (RunStatus::Blocked(format!("{e:#}")), Work::default())
            });
            Ok(Planned { spec, dir, title, status, left })
        };
        let runs = specs.into_iter().zip(titles).map(plan).collect::<Result<_>>()?;
        Ok(Self { folder: folder.to_path_buf(), runs, anew })
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
        anyhow::bail!("another process is working in it");
    }
    if anew || RunDir::is_empty(dir) {
        return Ok((RunStatus::New, all));
    }
    let stored = StoredRun::read(dir)?;
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
        let label = optim::find(&spec.optim).map_or(spec.optim.clone(), |entry| entry.label_for(&spec.hyper));
        let others = told[2..].iter().filter_map(|name| Some(format!(", {name} {}", settings.get(*name)?)));
        format!("{label}{}, seed {}", others.collect::<String>(), spec.seed)
    };
    specs.iter().zip(&settings).map(title).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn plan(text: &str) -> Result<Plan> {
        Plan::new(config::expand([text.parse().unwrap()]).unwrap(), Path::new("nowhere"), false)
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
