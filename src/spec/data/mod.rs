//! The `[data]` table: the batch that is predicted and measured, and the samples that a `[train]` table trains on.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nalgebra::DMatrix;

use super::reader::{Table, Value};
use super::{DataSource, DataSpec, Loss, NetworkSpec, SpecError};
use crate::data::{
    Column, FileRequest, FileSamples, GivenError, TargetShape, Targets, TrainingSet, digit_labels, digits, standardize,
};
use crate::names;

const MAX_BATCH: u64 = 1_000_000;
const MAX_SAMPLES: u64 = 10_000_000;

/// Bytes of drawn samples at most.
const LARGEST_SET: usize = 4 << 30;

/// Size of a mini-batch where the specification has none, if there are as many samples.
const MINI_BATCH: usize = 32;

/// What the samples have to fit.
pub(super) struct Surroundings<'a> {
    pub network: &'a NetworkSpec,
    pub loss: Loss,
    /// Where the loss is named.
    pub loss_place: Option<Value<'a>>,
    /// The `[train]` table.
    pub train: Option<Value<'a>>,
    pub seed: u64,
    /// Where relative paths begin: beside this file.
    pub file: &'a Path,
    /// Files that have been read already.
    pub files: &'a FileCache,
}

/// Files that have been read: of a thousand specifications that share one, the first reads it. What they share is what it held then.
#[derive(Debug, Default)]
pub(crate) struct FileCache {
    read: Mutex<HashMap<FileKey, Arc<FileSamples>>>,
}

/// All that a request for a file depends on.
type FileKey = (PathBuf, Option<PathBuf>, Option<Vec<Column>>, usize);

impl FileCache {
    fn samples(&self, request: &FileRequest<'_>) -> Result<Arc<FileSamples>, GivenError> {
        let owned = |path: &Path| path.to_owned();
        let key = (
            owned(request.file),
            request.targets.map(owned),
            request.target_columns.map(<[Column]>::to_vec),
            request.features,
        );
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(samples) = read.get(&key) {
            return Ok(Arc::clone(samples));
        }
        let samples = Arc::new(request.read()?);
        read.insert(key, Arc::clone(&samples));
        Ok(samples)
    }
}

/// What the table says.
pub(super) struct Data {
    /// The batch.
    pub batch: DataSpec,
    /// All samples, where there is a `[train]` table.
    pub set: Option<TrainingSet>,
}

/// The table, if there is one, key by key.
struct Keys<'a, 'b> {
    table: Option<&'b Table<'a>>,
}

impl<'a> Keys<'a, '_> {
    fn get(&self, key: &'static str) -> Option<Value<'a>> {
        self.table.and_then(|table| table.get(key))
    }

    fn refuse(&self, keys: &[&'static str], reason: &str) -> Result<(), SpecError> {
        match keys.iter().find_map(|key| self.get(key)) {
            Some(value) => Err(value.wrong(reason)),
            None => Ok(()),
        }
    }

    fn batch(&self) -> Result<Option<usize>, SpecError> {
        self.get("batch").map(|value| value.integer(1, MAX_BATCH).map(|batch| batch as usize)).transpose()
    }
}

/// Reads the table, or what holds without one.
pub(super) fn data(table: Option<&Table<'_>>, around: &Surroundings<'_>) -> Result<Data, SpecError> {
    let keys = Keys { table };
    if let Some(table) = table {
        table.only(&["kind", "path", "targets", "target_columns", "standardize", "batch", "samples", "noise"])?;
    }
    let kind = keys.get("kind");
    let name = kind.as_ref().map(|kind| kind.string().map(names::canonical)).transpose()?;
    let data = match (name.as_deref(), &kind, keys.get("path")) {
        (None | Some("file"), _, Some(path)) => from_file(&keys, &path, around)?,
        (Some(kind), _, Some(path)) => {
            return Err(path.wrong(format!("does not go with kind = \"{kind}\": remove one")));
        }
        (None | Some("gaussian" | "normal"), _, None) => gaussian(&keys, around)?,
        (Some("regression"), Some(kind), None) => regression(&keys, kind, around)?,
        (Some("digits"), Some(kind), None) => all_digits(&keys, kind, around)?,
        (Some("file"), Some(kind), None) => return Err(kind.wrong("is \"file\": give its `path`")),
        (Some(other), Some(kind), None) => {
            let suggestion = names::suggestion(other, ["gaussian", "digits", "regression", "file"]);
            return Err(kind.wrong(format!("is the unknown source \"{other}\": {suggestion}")));
        }
        (Some(_), None, None) => unreachable!("a kind name comes from a kind"),
    };
    check_classes(around, &data)?;
    Ok(data)
}

fn outputs(around: &Surroundings<'_>) -> usize {
    around.network.blocks.last().map_or(around.network.input, |block| block.fan_out)
}

/// Samples that are drawn are not larger than memory.
fn check_size(place: &Value<'_>, samples: usize, numbers: usize) -> Result<(), SpecError> {
    let bytes = samples.saturating_mul(numbers).saturating_mul(size_of::<f64>());
    if bytes > LARGEST_SET {
        return Err(place.wrong(format!(
            "is {samples}: so many samples take {} GiB, more than {}",
            bytes >> 30,
            LARGEST_SET >> 30
        )));
    }
    Ok(())
}

const OF_A_FILE: &str = "is for files: it goes with `path`";

/// New samples in every trial; to train on, as many as are asked for.
fn gaussian(keys: &Keys<'_, '_>, around: &Surroundings<'_>) -> Result<Data, SpecError> {
    keys.refuse(&["targets", "target_columns", "standardize"], OF_A_FILE)?;
    keys.refuse(&["noise"], "is that of the targets of kind = \"regression\"")?;
    let batch = keys.batch()?.unwrap_or(1);
    let Some(train) = &around.train else {
        let reason =
            "is for samples that are kept: Gaussian ones are drawn anew in every trial unless there is a [train] table";
        keys.refuse(&["samples"], reason)?;
        return Ok(Data { batch: DataSpec { batch, source: DataSource::Gaussian }, set: None });
    };
    let given = keys.get("samples");
    let samples = given.as_ref().map_or(Ok(batch as u64), |value| value.integer(1, MAX_SAMPLES))? as usize;
    let shape = match around.loss {
        Loss::Sum | Loss::Random => TargetShape::None,
        Loss::Mse => TargetShape::Values(outputs(around)),
        Loss::CrossEntropy => TargetShape::Classes(outputs(around)),
    };
    check_size(given.as_ref().unwrap_or(train), samples, around.network.input.saturating_add(outputs(around)))?;
    let set = TrainingSet::gaussian(around.network.input, samples, shape, around.seed);
    Ok(Data { batch: DataSpec { batch, source: DataSource::Gaussian }, set: Some(set) })
}

/// Samples of a random teacher, the same in every trial.
fn regression(keys: &Keys<'_, '_>, kind: &Value<'_>, around: &Surroundings<'_>) -> Result<Data, SpecError> {
    keys.refuse(&["targets", "target_columns", "standardize"], OF_A_FILE)?;
    let wanted = matches!(around.loss, Loss::Sum | Loss::Random) && around.train.is_none();
    if around.loss != Loss::Mse && !wanted {
        return Err(kind.wrong("is \"regression\", whose targets are numbers: it needs loss.kind = \"mse\""));
    }
    let batch = keys.batch()?;
    let noise = keys.get("noise").map_or(Ok(0.1), |value| value.non_negative())?;
    let given = keys.get("samples");
    let default = batch.unwrap_or(1).max(1024) as u64;
    let samples = given.as_ref().map_or(Ok(default), |value| value.integer(1, MAX_SAMPLES))? as usize;
    // The teacher's hidden units are held for all samples at once.
    let numbers = around.network.input.saturating_mul(3).saturating_add(outputs(around)).saturating_add(10);
    check_size(given.as_ref().unwrap_or(kind), samples, numbers)?;
    let set = TrainingSet::regression(around.network.input, outputs(around), samples, noise, around.seed);
    kept(keys, set, batch, around)
}

/// The handwritten digits.
fn all_digits(keys: &Keys<'_, '_>, kind: &Value<'_>, around: &Surroundings<'_>) -> Result<Data, SpecError> {
    keys.refuse(&["samples"], "does not go with the digits, of which all 1797 are used: remove it")?;
    keys.refuse(&["noise"], "is that of the targets of kind = \"regression\"")?;
    keys.refuse(&["standardize"], "does not go with the digits, which are standardised already: remove it")?;
    keys.refuse(&["targets", "target_columns"], OF_A_FILE)?;
    if let (Some(train), Loss::Sum | Loss::Random | Loss::Mse) = (&around.train, around.loss) {
        return Err(train.wrong("on the digits needs loss.kind = \"cross_entropy\": their targets are classes"));
    }
    if around.train.is_some() {
        let set = TrainingSet::digits();
        fits(set.inputs.nrows(), "pixels per digit", kind, around)?;
        let batch = keys.batch()?;
        return kept(keys, set, batch, around);
    }
    let batch = keys.batch()?.unwrap_or(1);
    let inputs = digits(batch).ok_or_else(|| {
        keys.get("batch").as_ref().unwrap_or(kind).wrong(format!("is {batch}; there are 1797 digits"))
    })?;
    fits(inputs.nrows(), "pixels per digit", kind, around)?;
    let origin = "handwritten digits".to_owned();
    let labels = digit_labels(batch).map(Arc::new);
    let source = DataSource::Given { inputs: Arc::new(inputs), labels, targets: None, origin };
    Ok(Data { batch: DataSpec { batch, source }, set: None })
}

/// The user's samples.
fn from_file(keys: &Keys<'_, '_>, path: &Value<'_>, around: &Surroundings<'_>) -> Result<Data, SpecError> {
    keys.refuse(&["samples"], "does not go with a file, of which all samples are used: remove it")?;
    keys.refuse(&["noise"], "is that of the targets of kind = \"regression\"")?;
    let text = path.string()?;
    let beside = |text: &str| around.file.parent().unwrap_or(Path::new("")).join(text);
    let file = beside(text);
    let extension = |wanted: &[&str]| {
        file.extension().is_some_and(|extension| wanted.iter().any(|wanted| extension.eq_ignore_ascii_case(wanted)))
    };
    if !extension(&["npy"]) {
        let reason = "goes with a .npy file: a safetensors file holds its targets as tensor `y`, a table as columns";
        keys.refuse(&["targets"], reason)?;
    }
    if !extension(&["csv", "tsv", "txt"]) {
        keys.refuse(&["target_columns"], "goes with a table (.csv, .tsv, .txt): tensors have no columns")?;
    }
    let second = keys.get("targets").map(|value| value.string().map(beside)).transpose()?;
    let columns = keys.get("target_columns").map(|value| columns(&value)).transpose()?;
    let request = FileRequest {
        file: &file,
        targets: second.as_deref(),
        target_columns: columns.as_deref(),
        features: around.network.input,
    };
    let wrong = |source| SpecError::Data { place: path.place(), source: Box::new(source) };
    let samples = around.files.samples(&request).map_err(wrong)?;
    fits(samples.inputs.nrows(), &format!("features per sample{}", samples.columns_note), path, around)?;
    let outputs = outputs(around);
    let targets = match (around.loss, &samples.targets) {
        (Loss::Sum | Loss::Random, _) => Targets::None,
        (Loss::CrossEntropy, Some(targets)) => {
            Targets::Classes { labels: targets.labels(outputs).map_err(wrong)?, classes: outputs }
        }
        (Loss::Mse, Some(targets)) => Targets::Values(targets.numbers(outputs).map_err(wrong)?.clone()),
        (Loss::CrossEntropy | Loss::Mse, None) if around.train.is_some() => {
            let how = if extension(&["npy"]) {
                "give them in a second file, `targets = \"y.npy\"`"
            } else if extension(&["csv", "tsv", "txt"]) {
                "one column more than network.input, or `target_columns`"
            } else {
                "add a tensor `y`"
            };
            return Err(path.wrong(format!(
                "has no targets to train on, which loss.kind = \"{}\" wants: {how}",
                around.loss.name()
            )));
        }
        (Loss::CrossEntropy | Loss::Mse, None) => Targets::None,
    };
    let mut set = TrainingSet { inputs: samples.inputs.clone(), targets, origin: text.to_owned() };
    if keys.get("standardize").map_or(Ok(false), |value| value.boolean())? {
        let by = if around.train.is_some() {
            set.split(test_fraction(around)?, around.seed).train
        } else {
            (0..set.len()).collect()
        };
        standardize(&mut set.inputs, &by);
    }
    let batch = match (keys.batch()?, &around.train) {
        (None, None) => Some(set.len()),
        (batch, _) => batch,
    };
    kept(keys, set, batch, around)
}

/// Names in quotes, or numbers from 1.
fn columns(list: &Value<'_>) -> Result<Vec<Column>, SpecError> {
    let column = |value: &Value<'_>| match value.string() {
        Ok(name) => Ok(Column::Name(name.trim().to_owned())),
        Err(_) => {
            let number = value.integer(1, u64::from(u32::MAX));
            let number =
                number.map_err(|_| value.wrong("holds names of columns in quotes, or their numbers from 1"))?;
            Ok(Column::Number(number as usize))
        }
    };
    list.array()?.iter().map(column).collect()
}

fn test_fraction(around: &Surroundings<'_>) -> Result<f64, SpecError> {
    let Some(train) = &around.train else { return Ok(0.0) };
    super::train::parse::test_fraction(&train.table()?)
}

fn fits(rows: usize, what: &str, place: &Value<'_>, around: &Surroundings<'_>) -> Result<(), SpecError> {
    let input = around.network.input;
    if rows == input {
        return Ok(());
    }
    Err(place.wrong(format!("gives {rows} {what}, but network.input is {input}: make them equal")))
}

/// The first samples as the batch of every trial, and all of them to train on.
fn kept(
    keys: &Keys<'_, '_>,
    set: TrainingSet,
    batch: Option<usize>,
    around: &Surroundings<'_>,
) -> Result<Data, SpecError> {
    let batch = match batch {
        Some(batch) => batch,
        None if around.train.is_some() => {
            let trained = set.split(test_fraction(around)?, around.seed).train.len();
            trained.min(MINI_BATCH)
        }
        None => 1,
    };
    if let Some(value) = keys.get("batch").filter(|_| batch > set.len()) {
        let holds = if keys.get("path").is_some() { "the file holds" } else { "there are" };
        return Err(value.wrong(format!("is {batch}, but {holds} {} samples", set.len())));
    }
    let first = |matrix: &DMatrix<f64>| Arc::new(matrix.columns(0, batch).into_owned());
    let (labels, targets) = match &set.targets {
        Targets::None => (None, None),
        Targets::Classes { labels, .. } => (Some(Arc::new(labels[..batch].to_vec())), None),
        Targets::Values(values) => (None, Some(first(values))),
    };
    let source = DataSource::Given { inputs: first(&set.inputs), labels, targets, origin: set.origin.clone() };
    Ok(Data { batch: DataSpec { batch, source }, set: around.train.is_some().then_some(set) })
}

/// A cross-entropy has an output for each class.
fn check_classes(around: &Surroundings<'_>, data: &Data) -> Result<(), SpecError> {
    let Some(place) = around.loss_place.as_ref().filter(|_| around.loss == Loss::CrossEntropy) else { return Ok(()) };
    let labels: &[usize] = match (&data.set, &data.batch.source) {
        (Some(TrainingSet { targets: Targets::Classes { labels, .. }, .. }), _) => labels,
        (None, DataSource::Given { labels: Some(labels), .. }) => labels,
        _ => &[],
    };
    let classes = labels.iter().max().map_or(2, |label| (label + 1).max(2));
    let outputs = outputs(around);
    if outputs < classes {
        return Err(place.wrong(format!(
            "needs an output for each of the {classes} classes, and the network has {outputs}: set network.output = {classes} or more"
        )));
    }
    Ok(())
}
