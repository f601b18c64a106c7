//! Checkpoints: everything that a run needs to continue with the same bits.
//!
//! One safetensors file, written whole or not at all: tensors `model.<parameter>`, `optim.<slot>.<parameter>` and `watch.…`, and the
//! [`RunProgress`] as JSON in the header, under a SHA-256 over all of it. The parameters alone, as timm opens them, are in
//! `model.safetensors` beside it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::RunSpec;
use crate::data::{Dataset, hex};
use crate::error::{Failure, Result};
use crate::file;
use crate::model::{Params, Totals};
use crate::optim::{BoxedRule, Optimizer, StateTensor};
use crate::run_dir::{CHECKPOINT, MODEL, Row, RunDir, State};

/// How far a run is, down to the batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunProgress {
    /// Hash of the settings, see [`RunSpec::hash`](crate::config::RunSpec::hash).
    pub config_hash: String,
    /// Hash of the data set.
    pub data_hash: String,
    /// Whether it goes on from here ([`State::Running`]) or has ended.
    pub state: State,
    /// Optimizer steps done.
    pub step: u64,
    /// Training samples processed.
    pub samples_seen: u64,
    /// The epoch under way.
    pub epoch: EpochProgress,
    /// Seconds since the run began, all its sessions added up.
    pub wall_seconds: f64,
    /// Length of the part of `steps.csv` that belongs to it; `None` from a version that wrote none.
    #[serde(default)]
    pub steps_csv: Option<u64>,
    /// The same of `tensors.csv`.
    #[serde(default)]
    pub tensors_csv: u64,
    /// Batches that the noise was measured on, see [`noise`](super::noise).
    #[serde(default)]
    pub noise_batches: u64,
    /// The rows of `metrics.csv` so far.
    #[serde(with = "rows_as_csv")]
    pub rows: Vec<Row>,
}

impl RunProgress {
    /// That of a run that begins.
    pub(super) fn new(spec: &RunSpec, data: &Dataset) -> Self {
        Self {
            config_hash: spec.hash(),
            data_hash: data.hash.clone(),
            state: State::Running,
            step: 0,
            samples_seen: 0,
            epoch: EpochProgress::default(),
            wall_seconds: 0.0,
            steps_csv: None,
            tensors_csv: 0,
            noise_batches: 0,
            rows: Vec::new(),
        }
    }

    /// Epochs done.
    pub fn epochs(&self) -> u64 {
        self.rows.last().map_or(0, |row| row.epoch)
    }

    /// The same as [`check_settings`](Self::check_settings), and that the data are those that it began with.
    pub(super) fn check_resumable(&self, spec: &RunSpec, data: &Dataset, dir: &RunDir) -> Result<()> {
        ensure!(
            self.data_hash == data.hash,
            "{} was trained on other data (hash {:.12}, here {:.12}); resume it with the files it began with",
            dir.path().display(),
            self.data_hash,
            data.hash
        );
        self.check_settings(spec, dir.path())
    }

    /// Checks that the run in `dir` may go on from here with these settings.
    ///
    /// # Errors
    /// Other settings, or fewer epochs than are begun.
    pub fn check_settings(&self, spec: &RunSpec, dir: &Path) -> Result<()> {
        let path = dir.display();
        ensure!(
            self.config_hash == spec.hash(),
            "the checkpoint in {path} belongs to other settings; resume with the run's own config.toml, or choose another folder with --out"
        );
        let epochs = self.epochs();
        let (begun, part) = match self.epoch.batches {
            0 => (epochs, ""),
            _ => (epochs + 1, " and part of the next"),
        };
        ensure!(
            spec.steps.is_some() || begun <= spec.epochs,
            "{path} has {epochs} epochs already{part}, more than the {} asked for",
            spec.epochs
        );
        Ok(())
    }
}

/// Sums over the part of the current epoch that is done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EpochProgress {
    /// Batches done.
    pub batches: u64,
    /// Loss and hits over their samples.
    pub totals: Totals,
    /// Sum over the steps of the gradient's norm.
    pub grad_norm: f64,
    /// Sum over the steps of the update's norm.
    #[serde(with = "f64_as_text")]
    pub update_norm: f64,
    /// Seconds spent on the epoch.
    pub seconds: f64,
}

/// JSON has no NaN, and the update's norm is that after a step out of the range of f32, which the next step will notice.
mod f64_as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(x: &f64, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(x)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

/// JSON has no NaN, which is what a diverged run's last row holds; CSV has.
mod rows_as_csv {
    use super::Row;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};

    pub fn serialize<S: Serializer>(rows: &[Row], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&Row::to_csv(rows).map_err(S::Error::custom)?)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Row>, D::Error> {
        Row::from_csv(&String::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// A tensor's bytes for safetensors.
struct Bytes<'a> {
    shape: &'a [usize],
    data: Vec<u8>,
}

impl View for &Bytes<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

fn bytes<'a>(shape: &'a [usize], values: &[f32]) -> Bytes<'a> {
    Bytes { shape, data: values.iter().flat_map(|x| x.to_le_bytes()).collect() }
}

fn digest<'a>(progress: &str, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new();
    hash.update(progress);
    for (name, data) in tensors {
        hash.update(name);
        hash.update(data);
    }
    hex(&hash.finalize())
}

/// Writes the checkpoint of a run; `watch` is the state of what it measures beside training.
///
/// # Errors
/// A full disk, a folder that is gone or read-only.
pub fn save(
    dir: &RunDir,
    params: &Params,
    optimizer: &Optimizer<BoxedRule>,
    watch: &[StateTensor],
    progress: &RunProgress,
) -> Result<()> {
    let mut tensors = BTreeMap::new();
    for (parameter, values) in params.iter() {
        tensors.insert(format!("model.{}", parameter.name), bytes(&parameter.shape, values));
    }
    for StateTensor { name, shape, values } in optimizer.state() {
        tensors.insert(format!("optim.{name}"), bytes(shape, values));
    }
    for StateTensor { name, shape, values } in watch {
        tensors.insert(format!("watch.{name}"), bytes(shape, values));
    }
    let json = serde_json::to_string(progress)?;
    let sha256 = digest(&json, tensors.iter().map(|(name, t)| (name.as_str(), t.data.as_slice())));
    let header = HashMap::from([("snr-bench".to_string(), json), ("sha256".to_string(), sha256)]);
    let file = safetensors::serialize(&tensors, Some(header)).context("cannot serialise the checkpoint")?;
    dir.write(CHECKPOINT, &file)
}

/// Writes the parameters alone, under timm's names.
pub fn save_model(dir: &RunDir, params: &Params) -> Result<()> {
    let tensors = params.iter().map(|(parameter, values)| (&parameter.name, bytes(&parameter.shape, values)));
    let tensors: BTreeMap<_, _> = tensors.collect();
    dir.write(MODEL, &safetensors::serialize(&tensors, None).context("cannot serialise the parameters")?)
}

/// A checkpoint as it was read and checked.
pub struct Checkpoint {
    /// How far the run is.
    pub progress: RunProgress,
    /// Shape and values by name.
    tensors: HashMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Checkpoint {
    /// Reads and checks a checkpoint. Takes no more memory than the file is long.
    ///
    /// # Errors
    /// A file that is missing, cut off, changed, or not a checkpoint of snr-bench.
    pub fn read(path: &Path) -> Result<Self> {
        let file = file::read(path).with_context(|| format!("cannot read the checkpoint {}", path.display()))?;
        Self::parse(&file).map_err(|e| {
            let path = path.display();
            Failure::Damaged(format!(
                "{path} cannot be resumed from; restore the file, or delete the folder of this one run to repeat it: {e:#}"
            ))
            .into()
        })
    }

    /// Reads a checkpoint from the bytes of its file.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(file).context("it is cut off or not a checkpoint")?;
        let header = header.metadata().as_ref().context("it is not a checkpoint of snr-bench")?;
        let (Some(json), Some(sha256)) = (header.get("snr-bench"), header.get("sha256")) else {
            bail!("it is not a checkpoint of snr-bench");
        };
        let views = SafeTensors::deserialize(file).context("it is cut off or not a checkpoint")?;
        let mut list = views.tensors();
        list.sort_by(|a, b| a.0.cmp(&b.0));
        let found = digest(json, list.iter().map(|(name, view)| (name.as_str(), view.data())));
        ensure!(found == *sha256, "its contents do not match its checksum: it was changed or damaged");
        let progress = serde_json::from_str(json).context("it was written by another version of snr-bench")?;
        let tensors = list.iter().map(|(name, view)| {
            ensure!(view.dtype() == Dtype::F32, "tensor '{name}' is not f32");
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            Ok((name.clone(), (view.shape().to_vec(), values)))
        });
        Ok(Self { progress, tensors: tensors.collect::<Result<_>>()? })
    }

    /// Puts parameters and optimizer back to where they were.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape: a checkpoint of another model or optimizer.
    pub fn restore(mut self, params: &mut Params, optimizer: &mut Optimizer<BoxedRule>) -> Result<RunProgress> {
        let layout = params.layout().clone();
        for parameter in layout.iter() {
            let values = self.take(&format!("model.{}", parameter.name), &parameter.shape)?;
            params.values[parameter.range.clone()].copy_from_slice(&values);
        }
        optimizer.restore(self.progress.step, |name, shape| self.take(&format!("optim.{name}"), shape))?;
        Ok(self.progress)
    }

    /// Takes a tensor out of it.
    ///
    /// # Errors
    /// One that is missing or has another shape.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let (found, values) = self.tensors.remove(name).with_context(|| format!("the checkpoint has no '{name}'"))?;
        ensure!(found == shape, "the checkpoint's '{name}' has shape {found:?} where the run has {shape:?}");
        Ok(values)
    }
}
