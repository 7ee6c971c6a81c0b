//! A grid of specifications: what a `[sweep]` table says, point by point.
//!
//! ```toml
//! [sweep]
//! axes = { "network.weights.sigma_w" = { from = 0.5, to = 4.0, points = 15 }, "network.depth" = [8, 16, 32, 64] }
//! linked = [["network.depth", "data.batch"]]    # these move together: their lists have one length
//! list = [{ "network.depth" = 8, "train.learning_rate" = 0.1 }]    # places one by one, crossed with the axes
//! sample = { kind = "sobol", points = 256 }     # the ranges are sampled together instead of crossed
//! repeats = 3                                   # every place so often, each time with another seed
//! run = ["predict", "measure", "train"]         # default: phase, predict, spread and measure; train where an axis is one of [train]
//! question = "Where do gradients hold?"
//! ```
//!
//! `run` chooses from `phase` (where the maps of alike layers lead: fixed points, chi_1, depth scales; thousands of points a second), `predict` (this,
//! and root mean squares and other values of every layer by theory: a millisecond or less a layer, more for pairs of samples without a closed form),
//! `spread` (all this, and theory's mean and spread of the logarithms between networks: milliseconds a layer), `measure` and `train`.
//!
//! Any key of the specification can be an axis. Points are numbered with the last axis fastest and the repeats of one place together; they are
//! made when they are asked for ([`Grid::point`]).
//!
//! **Seeds.** The seed of a point follows from the canonical text of its specification (with the seed that the file gives, 1 by default) and from
//! the number of its repeat: not from its number in the grid. A grid with other axes, values or repeats has the same numbers wherever it has
//! the same specification; one that differs in anything, even in the number of trials, draws other networks. An axis `seed` gives the seeds themselves.
//!
//! **Keys.** [`PointKey`] stands for the canonical text with that seed, for what is run, and for [`NUMBERS_VERSION`](super::NUMBERS_VERSION).
//! Theory alone depends on no seed: then the repeats of a place are one and the same.

mod axis;
mod builtin;
mod cost;
mod error;
mod file;
mod read;
mod runs;
mod sobol;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use builtin::{BUILTIN_SWEEPS, BuiltinSweep};
pub use cost::Cost;
pub use error::GridError;
pub use runs::Runs;
pub use sobol::{MOST_DIMENSIONS, Sobol};

use super::result::{Axis, AxisValue, PointKey};
use crate::names;
use crate::spec::{FileCache, Part, Source, Spec, SpecError, Table, document, hash128, read};
use axis::{GridAxis, Values, read_axes};
use read::{check_keys, group, insert, number, read_linked, read_list, sample};
use runs::runs;

/// Points of a sweep at most.
pub const MOST_POINTS: usize = 1_000_000;

/// Repeats of a place at most.
const MOST_REPEATS: u64 = 100_000;

/// Places at which a sweep is checked before it runs.
const CHECKED: usize = 1_000;

/// A valid sweep.
#[derive(Debug)]
pub struct Grid {
    file: PathBuf,
    text: &'static str,
    /// The specification without the sweep.
    base: DeTable<'static>,
    name: String,
    question: Option<String>,
    axes: Vec<GridAxis>,
    /// Number of places along every group of axes that move together, slowest first.
    groups: Vec<usize>,
    repeats: usize,
    runs: Runs,
    files: FileCache,
}

/// One point of a grid.
#[derive(Debug, Clone)]
pub struct Point {
    /// Its number in the grid, from 0.
    pub index: usize,
    /// Number of its place: points that differ in nothing but the seed share it.
    pub place: usize,
    /// Which repeat, from 0.
    pub repeat: usize,
    /// The value of every axis.
    pub coordinates: Vec<AxisValue>,
    /// The specification, with the point's own seed.
    pub spec: Spec,
    /// What its numbers depend on.
    pub key: PointKey,
}

impl Grid {
    /// A sweep from TOML text; `file` names it in messages, and its directory is where relative data paths start.
    ///
    /// # Errors
    ///
    /// [`GridError`], with file, line and axis.
    pub fn parse(text: String, file: &Path) -> Result<Self, GridError> {
        // A process reads one sweep or two: the tables of all points borrow from their text, which stays until the end.
        let text: &'static str = text.leak();
        let file: &'static Path = Box::leak(Box::new(file.to_owned()));
        let source = Source { file, text };
        let document: &'static DeTable<'static> = Box::leak(Box::new(document(source)?));
        let root = Table::new(source, "the specification", 0, document);
        root.only(&["name", "seed", "network", "data", "loss", "measure", "train", "sweep"])?;
        let sweep = root.get("sweep").ok_or_else(|| GridError::NoSweep { file: file.to_owned() })?.table()?;
        sweep.only(&["axes", "linked", "list", "sample", "repeats", "run", "question"])?;
        let sample = sweep.get("sample").map(|value| sample(&value.table()?)).transpose()?;
        let mut axes = Vec::new();
        let mut groups = Vec::new();
        if let Some(list) = sweep.get("list") {
            read_list(&list, text, &mut axes)?;
            groups.push(axes.first().map_or(0, |axis: &GridAxis| axis.values.len()));
        }
        let listed = axes.len();
        if let Some(table) = sweep.get("axes") {
            read_axes(&table.table()?, "", text, sample.is_some(), &mut axes)?;
        }
        if axes.is_empty() {
            let hint = ", for example axes = { \"network.depth\" = [8, 16, 32] }";
            return Err(
                SpecError::MissingKey { place: sweep.place(), table: "[sweep]".to_owned(), key: "axes", hint }.into()
            );
        }
        check_keys(source, &axes)?;
        let linked = match sweep.get("linked") {
            Some(value) => read_linked(&value, &axes[listed..])?,
            None => Vec::new(),
        };
        group(source, &mut axes[listed..], &linked, sample.as_ref(), &mut groups)?;
        let repeats = sweep.get("repeats").map_or(Ok(1), |value| value.integer(1, MOST_REPEATS))? as usize;
        if let Some(axis) = axes.iter().find(|axis| axis.key == "seed" && repeats > 1) {
            let problem = "seeds are given, and `repeats` makes others: keep one".to_owned();
            return Err(GridError::Axis { place: source.place(axis.span.start), axis: axis.key.clone(), problem });
        }
        let runs = runs(&sweep, &root, &axes)?;
        let mut base = document.clone();
        base.remove("sweep");
        let places = groups.iter().fold(1_u128, |product, size| product.saturating_mul(u128::from(*size)));
        let count = places.saturating_mul(repeats as u128);
        let mut grid = Self {
            file: file.to_owned(),
            text,
            base,
            name: String::new(),
            question: sweep.get("question").map(|value| value.string().map(str::to_owned)).transpose()?,
            axes,
            groups: Vec::new(),
            repeats,
            runs,
            files: FileCache::default(),
        };
        if count > MOST_POINTS as u128 {
            return Err(grid.too_many(count));
        }
        match sample {
            Some((points, _)) => grid.draw(points, &root)?,
            None => grid.round(),
        }
        grid.groups = (0..groups.len())
            .map(|group| grid.axes.iter().find(|axis| axis.group == group).map_or(1, |axis| axis.values.len() as usize))
            .collect();
        let first = grid.check()?;
        grid.name = first.name;
        Ok(grid)
    }

    /// Number of points, repeats counted.
    pub fn len(&self) -> usize {
        self.places() * self.repeats
    }

    /// Whether there is no point: there always is one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of places.
    pub fn places(&self) -> usize {
        self.groups.iter().product()
    }

    /// What is done with every point.
    pub fn runs(&self) -> Runs {
        self.runs
    }

    /// Name of the sweep.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The question that it asks.
    pub fn question(&self) -> Option<&str> {
        self.question.as_deref()
    }

    /// Repeats of every place.
    pub fn repeats(&self) -> usize {
        self.repeats
    }

    /// The axes, slowest first.
    pub fn axes(&self) -> Vec<Axis> {
        let several = |group: usize| self.axes.iter().filter(|axis| axis.group == group).count() > 1;
        let axis = |axis: &GridAxis| {
            let values = (0..axis.values.len() as usize).map(|index| axis.coordinate(index, self.text));
            Axis {
                key: axis.key.clone(),
                values: values.collect(),
                scale: axis.scale,
                linked: (several(axis.group) && !axis.sampled).then_some(axis.group),
            }
        };
        self.axes.iter().map(axis).collect()
    }

    /// The value of every axis at a point.
    pub fn coordinates(&self, index: usize) -> Vec<AxisValue> {
        let at = self.positions(index / self.repeats);
        self.axes.iter().map(|axis| axis.coordinate(at[axis.group], self.text)).collect()
    }

    /// A point.
    ///
    /// # Errors
    ///
    /// [`SpecError`] if the values do not make a valid specification: that point has failed.
    ///
    /// # Panics
    ///
    /// If there is no such point.
    pub fn point(&self, index: usize) -> Result<Point, SpecError> {
        assert!(index < self.len(), "the grid has {} points", self.len());
        let (place, repeat) = (index / self.repeats, index % self.repeats);
        let at = self.positions(place);
        let mut spec = self.spec(&at, None)?;
        if !self.axes.iter().any(|axis| axis.key == "seed") {
            let text = format!("repeat = {repeat}\n{}", spec.canonical(Part::ALL));
            let seed = (hash128(&text) >> 75) as u64;
            // Samples may have been drawn by the seed.
            let drawn = spec.train.is_some() || self.has_regression(&at);
            if drawn {
                spec = self.spec(&at, Some(seed))?;
            }
            spec.seed = seed;
        }
        let key = self.key(&spec);
        Ok(Point { index, place, repeat, coordinates: self.coordinates(index), spec, key })
    }

    /// The key of a specification in this sweep.
    fn key(&self, spec: &Spec) -> PointKey {
        let (version, runs) = (super::NUMBERS_VERSION, self.runs.words());
        PointKey(hash128(&format!("numbers = {version}\nrun = {runs}\n{}", spec.canonical(self.runs.part()))))
    }

    /// What stands for a point that is no valid specification, for the given reason.
    pub fn failed_key(&self, index: usize, reason: &str) -> PointKey {
        let (coordinates, repeat) = (self.coordinates(index), index % self.repeats);
        PointKey(hash128(&format!("invalid {coordinates:?} repeat {repeat}: {reason}")))
    }

    /// Why a point is no valid specification, without the file and line: the sweep may be read from another place, and the point is the same.
    pub fn reason(&self, error: &SpecError) -> String {
        let text = error.to_string();
        let place = text.strip_prefix(&*self.file.to_string_lossy());
        let reason = place.map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':').trim_start());
        reason.map_or_else(|| text.clone(), str::to_owned)
    }

    /// Where a place lies along every group of axes.
    fn positions(&self, place: usize) -> Vec<usize> {
        let mut rest = place;
        let mut at = vec![0; self.groups.len()];
        for (position, size) in at.iter_mut().zip(&self.groups).rev() {
            *position = rest % size;
            rest /= size;
        }
        at
    }

    /// The specification at these positions.
    fn spec(&self, at: &[usize], seed: Option<u64>) -> Result<Spec, SpecError> {
        let made: Vec<Option<String>> = self.axes.iter().map(|axis| axis.made(at[axis.group])).collect();
        let seed = seed.map(|seed| seed.to_string());
        let source = Source { file: &self.file, text: self.text };
        let mut table: DeTable<'_> = self.base.clone();
        for (axis, made) in self.axes.iter().zip(&made) {
            let value = match (made, &axis.values) {
                (Some(text), _) => number(text, axis.span.clone(), source)?,
                (None, Values::Listed(values)) => values[at[axis.group]].clone(),
                (None, _) => continue,
            };
            insert(&mut table, &axis.key, axis.span.clone(), value).map_err(|message| SpecError::Value {
                place: source.place(axis.span.start),
                key: axis.key.clone(),
                message,
            })?;
        }
        if let Some(seed) = &seed {
            table.insert(Spanned::new(0..0, "seed".into()), number(seed, 0..0, source)?);
        }
        read(source, &table, &self.files)
    }

    fn has_regression(&self, at: &[usize]) -> bool {
        let is = |value: &DeValue<'_>| value.as_str().is_some_and(|kind| names::canonical(kind) == "regression");
        let kind_of = |value: &DeValue<'_>| {
            value.as_table().and_then(|table| table.get("kind")).is_some_and(|kind| is(kind.get_ref()))
        };
        let varied = self.axes.iter().any(|axis| match &axis.values {
            Values::Listed(values) if axis.key == "data" => kind_of(values[at[axis.group]].get_ref()),
            Values::Listed(values) if axis.key == "data.kind" => is(values[at[axis.group]].get_ref()),
            _ => false,
        });
        varied || self.base.get("data").is_some_and(|data| kind_of(data.get_ref()))
    }

    /// Looks at the first place and at its neighbours along every group of axes: a key that does not exist is a mistake of the whole
    /// sweep, and so is a specification that is valid nowhere.
    fn check(&self) -> Result<Spec, GridError> {
        let mut first_error = None;
        let mut valid = None;
        let neighbours = self.groups.iter().enumerate().flat_map(|(group, size)| (1..*size).map(move |k| (group, k)));
        let places = std::iter::once((0, 0)).chain(neighbours).take(CHECKED);
        let mut tried = 0;
        for (group, position) in places {
            let mut at = vec![0; self.groups.len()];
            at[group] = position;
            tried += 1;
            match self.spec(&at, None) {
                Ok(spec) if spec.measure.product_spectrum => {
                    let message = "holds \"product_spectrum\", which sweeps do not record: remove it".to_owned();
                    let place = Source { file: &self.file, text: self.text }.place(0);
                    return Err(SpecError::Value { place, key: "measure.quantities".to_owned(), message }.into());
                }
                Ok(spec) => valid = valid.or(Some(spec)),
                Err(error @ SpecError::UnknownKey { .. }) => return Err(self.unknown_key(error)),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        match (valid, first_error) {
            (Some(spec), _) if self.runs.train && spec.train.is_none() => {
                let source = Source { file: &self.file, text: self.text };
                Err(SpecError::MissingKey {
                    place: source.place(0),
                    table: "a sweep that trains".to_owned(),
                    key: "train",
                    hint: ": a table with learning_rate and steps",
                }
                .into())
            }
            (Some(spec), _) => Ok(spec),
            (None, Some(problem)) => Err(GridError::NoPoint { tried, problem: Box::new(problem) }),
            (None, None) => unreachable!("the first place is either valid or not"),
        }
    }

    /// An unknown key, told as that of its axis if it is one's.
    fn unknown_key(&self, error: SpecError) -> GridError {
        let SpecError::UnknownKey { key, suggestion, place, table } = &error else { return error.into() };
        // It stands in the axis's own key, or in a table that is one of its values.
        let table = table.trim_matches(['[', ']']);
        let is_owner = |axis: &&GridAxis| axis.key.split('.').any(|part| part == key) || axis.key == table;
        let owner = self.axes.iter().find(is_owner);
        let Some(axis) = owner else { return error.into() };
        let (axis, place) = (axis.key.clone(), place.clone());
        GridError::Axis { place, axis, problem: format!("unknown key `{key}`: {suggestion}") }
    }

    fn too_many(&self, count: u128) -> GridError {
        // The first place may be a costly one or a cheap one: the cheapest point takes about as long as this.
        let at: Vec<usize> = vec![0; self.axes.iter().map(|axis| axis.group + 1).max().unwrap_or(1)];
        let (seconds, bytes) = self.spec(&at, None).map_or((1e-4, 500.0), |spec| {
            let cost = Cost::of(&spec, self.runs);
            (cost.seconds, cost.row_bytes as f64)
        });
        let threads = rayon::current_num_threads() as f64;
        GridError::TooMany {
            file: self.file.clone(),
            count,
            most: MOST_POINTS,
            time: cost::time_in_words(seconds * count as f64 / threads),
            size: cost::size_in_words(bytes * count as f64),
        }
    }

    /// Writes out the whole numbers of ranges: each once, where an axis moves alone.
    fn round(&mut self) {
        let mut members = vec![0; self.axes.iter().map(|axis| axis.group + 1).max().unwrap_or(0)];
        self.axes.iter().for_each(|axis| members[axis.group] += 1);
        self.axes.iter_mut().for_each(|axis| axis.round(members[axis.group] == 1));
    }

    /// Puts the points of a sample in the place of the ranges.
    fn draw(&mut self, points: u64, root: &Table<'_>) -> Result<(), GridError> {
        let seed = root.get("seed").map_or(Ok(1), |value| value.integer(0, i64::MAX as u64))?;
        let is_range = |axis: &&mut GridAxis| matches!(axis.values, Values::Range(_));
        let count = self.axes.iter_mut().filter(is_range).count();
        let sobol = Sobol::new(count, seed);
        for (dimension, axis) in self.axes.iter_mut().filter(is_range).enumerate() {
            let Values::Range(range) = axis.values else { continue };
            let numbers = (0..points as u32).map(|point| range.at(sobol.at(point, dimension)));
            axis.sampled = true;
            axis.values = if axis.is_whole() {
                Values::Whole(numbers.map(|value| value.round().max(0.0) as u64).collect())
            } else {
                Values::Numbers(numbers.collect())
            };
        }
        Ok(())
    }
}
