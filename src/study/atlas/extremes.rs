//! Largest and smallest singular values beside their laws.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ensemble::gaussian_singular_values;
use crate::law::{Field, HardEdge, LargestSingularValue, Law, TracyWidom};
use crate::measure::{MeasureError, Progress};
use crate::stats::{Density, EmpiricalDistribution, Histogram, Stream};

/// Both ends of the spectrum of one square Gaussian matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extremes {
    /// Rows and columns.
    pub width: usize,
    /// Matrices drawn.
    pub trials: usize,
    /// The square of the largest singular value, centred and scaled.
    pub largest: Extreme,
    /// n times the smallest singular value.
    pub smallest: Extreme,
}

/// One end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extreme {
    /// Of the matrices drawn.
    pub measured: Density,
    /// The law of real matrices.
    pub law: Vec<(f64, f64)>,
    /// The law of complex matrices.
    pub other: Vec<(f64, f64)>,
    /// Kolmogorov-Smirnov distance of the matrices to the law.
    pub distance: f64,
    /// The same to the law of complex matrices.
    pub other_distance: f64,
}

const WIDTH: usize = 200;
const TRIALS: usize = 4000;
const CELLS: usize = 50;
const LAW_POINTS: usize = 300;

impl Extremes {
    pub(super) fn run(seed: u64, progress: &dyn Progress) -> Result<Self, MeasureError> {
        let stream = Stream::new(seed, "extremes");
        progress.begin("extreme singular values", TRIALS as u64);
        let ends: Result<Vec<[f64; 2]>, MeasureError> = (0..TRIALS as u64)
            .into_par_iter()
            .map(|trial| {
                if progress.interrupted() {
                    return Err(MeasureError::Interrupted);
                }
                // Entries of variance 1.
                let values = gaussian_singular_values(WIDTH, WIDTH, 1.0, &mut stream.trial(trial).layer(0))?;
                progress.advance(1);
                Ok([values[0], values[values.len() - 1]])
            })
            .collect();
        progress.end();
        let ends = ends?;
        let law = LargestSingularValue::new(WIDTH, WIDTH, Field::Real).expect("a width of the domain");
        // Of entries of variance 1/n.
        let (centre, scale) = (law.centre() * WIDTH as f64, law.scale() * WIDTH as f64);
        let largest: Vec<f64> = ends.iter().map(|[largest, _]| (largest * largest - centre) / scale).collect();
        let smallest: Vec<f64> = ends.iter().map(|[_, smallest]| smallest * (WIDTH as f64).sqrt()).collect();
        let laws = |field| -> (TracyWidom, HardEdge) { (TracyWidom::new(field), HardEdge::new(field)) };
        let (real, complex) = (laws(Field::Real), laws(Field::Complex));
        Ok(Self {
            width: WIDTH,
            trials: TRIALS,
            largest: Extreme::new(largest, &real.0, &complex.0, [-5.0, 4.0]),
            smallest: Extreme::new(smallest, &real.1, &complex.1, [0.0, 3.0]),
        })
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        let well_formed = |extreme: &Extreme| {
            extreme.measured.low < extreme.measured.high
                && !extreme.measured.values.is_empty()
                && extreme.law.len() > 1
                && extreme.other.len() > 1
        };
        if well_formed(&self.largest) && well_formed(&self.smallest) {
            Ok(())
        } else {
            Err("its extremes are not complete")
        }
    }
}

impl Extreme {
    fn new(values: Vec<f64>, law: &dyn Law, other: &dyn Law, [low, high]: [f64; 2]) -> Self {
        let mut histogram = Histogram::new(low, high, CELLS);
        values.iter().for_each(|value| histogram.add(*value));
        let curve = |law: &dyn Law| -> Vec<(f64, f64)> {
            let place = |k: usize| low + (high - low) * k as f64 / (LAW_POINTS - 1) as f64;
            (0..LAW_POINTS).map(|k| (place(k), law.pdf(place(k)))).collect()
        };
        let found = EmpiricalDistribution::new(values);
        let distance =
            |law: &dyn Law| found.as_ref().map_or(f64::NAN, |found| found.kolmogorov_smirnov(|x| law.cdf(x)));
        Self {
            measured: histogram.density(),
            law: curve(law),
            other: curve(other),
            distance: distance(law),
            other_distance: distance(other),
        }
    }
}
