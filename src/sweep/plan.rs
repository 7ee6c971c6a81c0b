//! Every point of a grid with its key and its cost: what there is to do, what is done, who does it.

use rayon::prelude::*;

use super::grid::{Cost, Grid};
use super::payload;
use super::result::{Outcome, PointKey, PointResult, SweepResults};
use super::rows::Activations;
use super::store::Store;

/// One of several processes that share a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

impl Shard {
    /// The only one.
    pub const WHOLE: Self = Self { index: 0, count: 1 };
}

/// What is known of a point before it runs.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What its numbers depend on.
    pub key: PointKey,
    /// Seed of its specification; 0 where that is none.
    pub seed: u64,
    /// Expected seconds on one core.
    pub seconds: f64,
    /// Expected bytes on one core.
    pub memory: u64,
    /// Why it is no valid specification, if it is none: then there is nothing to run.
    pub invalid: Option<Box<str>>,
}

/// Every point of a grid.
#[derive(Debug)]
pub struct Plan {
    points: Vec<Planned>,
    activations: Activations,
}

/// How far a sweep is, in points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub points: usize,
    /// With numbers.
    pub done: usize,
    /// With an error.
    pub failed: usize,
}

impl Counts {
    /// Neither done nor failed.
    pub fn missing(self) -> usize {
        self.points - self.done - self.failed
    }
}

/// The key under which the error of a point is kept: apart from its numbers, so that they count once there are some.
pub fn failure_key(key: PointKey) -> PointKey {
    PointKey(key.0 ^ 0x6661_696c_6564_2070_6f69_6e74_2121_2121)
}

impl Plan {
    /// Makes every point once.
    pub fn new(grid: &Grid) -> Self {
        let plan = |index: usize| match grid.point(index) {
            Ok(point) => {
                let cost = Cost::of(&point.spec, grid.runs());
                let (key, seed) = (point.key, point.spec.seed);
                let planned = Planned { key, seed, seconds: cost.seconds, memory: cost.memory, invalid: None };
                (planned, Some(point.spec))
            }
            Err(error) => {
                let reason = grid.reason(&error);
                let key = grid.failed_key(index, &reason);
                let invalid = Some(reason.into_boxed_str());
                (Planned { key, seed: 0, seconds: 0.0, memory: 0, invalid }, None)
            }
        };
        // In order: the collection of a fold keeps it.
        let parts: Vec<(Vec<Planned>, Activations)> = (0..grid.len())
            .into_par_iter()
            .fold(
                || (Vec::new(), Activations::default()),
                |(mut points, mut activations), index| {
                    let (planned, spec) = plan(index);
                    if let Some(spec) = spec {
                        activations.add(&spec);
                    }
                    points.push(planned);
                    (points, activations)
                },
            )
            .collect();
        let mut points = Vec::with_capacity(grid.len());
        let mut activations = Activations::default();
        for (part, some) in parts {
            points.extend(part);
            activations = activations.join(some);
        }
        Self { points, activations }
    }

    /// The points, in the order of the grid.
    pub fn points(&self) -> &[Planned] {
        &self.points
    }

    /// The activations of all points.
    pub fn activations(&self) -> &Activations {
        &self.activations
    }

    /// The points of a shard, costly ones first, one for every key. Shards take turns in that order: each has as many of the large ones.
    pub fn shard(&self, shard: Shard) -> Vec<usize> {
        let mut order: Vec<usize> =
            (0..self.points.len()).filter(|&index| self.points[index].invalid.is_none()).collect();
        order.sort_by_key(|&index| (self.points[index].key, index));
        order.dedup_by_key(|index| self.points[*index].key);
        order.sort_by(|&a, &b| self.points[b].seconds.total_cmp(&self.points[a].seconds).then(a.cmp(&b)));
        order.into_iter().skip(shard.index).step_by(shard.count.max(1)).collect()
    }

    /// How far the sweep is.
    pub fn counts(&self, store: &Store) -> Counts {
        let mut counts = Counts { points: self.points.len(), ..Counts::default() };
        for point in &self.points {
            if point.invalid.is_some() {
                counts.failed += 1;
            } else if store.contains(point.key) {
                counts.done += 1;
            } else if store.contains(failure_key(point.key)) {
                counts.failed += 1;
            }
        }
        counts
    }

    /// Everything that the sweep has found so far.
    pub fn results(&self, grid: &Grid, store: &Store) -> SweepResults {
        let result = |(index, planned): (usize, &Planned)| {
            let outcome = match &planned.invalid {
                Some(error) => Outcome::Error(error.to_string()),
                None => outcome(planned.key, store)?,
            };
            let coordinates = grid.coordinates(index);
            let (key, seed, repeat) = (planned.key, planned.seed, index % grid.repeats());
            Some(PointResult { key, index, repeat, seed, coordinates, outcome })
        };
        SweepResults {
            name: grid.name().to_owned(),
            question: grid.question().map(str::to_owned),
            axes: grid.axes(),
            repeats: grid.repeats(),
            planned: grid.len(),
            points: self.points.par_iter().enumerate().filter_map(result).collect(),
        }
    }
}

/// What the store has of a key.
fn outcome(key: PointKey, store: &Store) -> Option<Outcome> {
    if let Some(payload) = store.get(key) {
        // A sound line of another shape is that of a program that does not tell of its change by the version of the numbers.
        return Some(match payload::decode(payload) {
            Ok(rows) => Outcome::Rows(rows),
            Err(error) => Outcome::Error(error.to_string()),
        });
    }
    let payload = store.get(failure_key(key))?;
    Some(Outcome::Error(serde_json::from_str(payload).unwrap_or_else(|_| payload.to_owned())))
}
