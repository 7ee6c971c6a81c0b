//! The largest singular value from shallow to deep products.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ensemble::Gaussian;
use crate::law::{FussCatalan, Growth, Law, LyapunovSpectrum};
use crate::measure::{DeepProducts, MeasureError, Progress};
use crate::stats::Estimate;

/// `ln s_1` of products of square Gaussian matrices against depth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crossover {
    /// Rows and columns.
    pub width: usize,
    /// Products drawn.
    pub trials: usize,
    /// By depth.
    pub points: Vec<CrossoverPoint>,
    /// The limits and the fixed direction at many more depths.
    pub curves: Vec<CrossoverCurve>,
}

/// One depth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CrossoverPoint {
    /// Factors.
    pub depth: usize,
    /// Measured.
    pub ln_largest: Estimate,
}

/// What is predicted at one depth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CrossoverCurve {
    /// Factors.
    pub depth: usize,
    /// The limit of infinite width: the Fuss-Catalan edge.
    pub free: f64,
    /// The limit of infinite depth: `L mu_1` and its offset.
    pub frozen: f64,
    /// Mean of `ln |Jv|` of a fixed direction, exact.
    pub fixed_direction: f64,
}

const WIDTH: usize = 40;
const TRIALS: usize = 100;
const DEPTHS: [usize; 10] = [1, 2, 4, 8, 16, 40, 80, 160, 320, 640];

impl Crossover {
    pub(super) fn run(seed: u64, progress: &dyn Progress) -> Result<Self, MeasureError> {
        let product = DeepProducts {
            ensemble: Arc::new(Gaussian),
            widths: vec![WIDTH; DEPTHS[DEPTHS.len() - 1] + 1],
            sigma_w: 1.0,
            trials: TRIALS,
            seed,
            experiment: "largest singular value".to_owned(),
        };
        let measured = product.log_largest(&DEPTHS, progress)?;
        let points = DEPTHS.into_iter().zip(measured);
        let points = points.filter_map(|(depth, found)| Some(CrossoverPoint { depth, ln_largest: found? })).collect();
        let deepest = DEPTHS[DEPTHS.len() - 1];
        let depths = (1..=24).chain((25..=deepest).step_by(5));
        let curve = |depth: usize| {
            Some(CrossoverCurve {
                depth,
                free: 0.5 * FussCatalan::new(depth).ok()?.ln_upper_edge(),
                frozen: LyapunovSpectrum::square(WIDTH, depth).ok()?.largest(1).mean,
                fixed_direction: Growth::square(WIDTH, depth).ok()?.mean(),
            })
        };
        Ok(Self { width: WIDTH, trials: TRIALS, points, curves: depths.filter_map(curve).collect() })
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.width > 0 && self.points.len() > 1 && self.points.is_sorted_by(|a, b| a.depth < b.depth && a.depth > 0)
        {
            Ok(())
        } else {
            Err("its crossover is not one over growing depth")
        }
    }
}
