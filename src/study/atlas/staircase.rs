//! Lyapunov exponents beside Newman's, and how they settle.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ensemble::Gaussian;
use crate::law::{Law, LyapunovSpectrum, Triangular};
use crate::measure::{DeepProducts, MeasureError, Progress};
use crate::stats::Estimate;

/// Lyapunov exponents of products of square Gaussian matrices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Staircase {
    /// Rows and columns.
    pub width: usize,
    /// Factors of a product.
    pub depth: usize,
    /// Products drawn.
    pub trials: usize,
    /// Measured, descending.
    pub exponents: Vec<Estimate>,
    /// Newman's, exact at this width.
    pub newman: Vec<f64>,
    /// Quantiles of the triangular law, the limit of infinite width.
    pub triangular: Vec<f64>,
    /// Some exponents against the depth at which they are read.
    pub history: Vec<ExponentHistory>,
}

/// One exponent against depth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExponentHistory {
    /// k, from 1.
    pub index: usize,
    /// Its limit.
    pub newman: f64,
    /// (depth, running mean over products).
    pub points: Vec<(usize, Estimate)>,
}

const WIDTH: usize = 50;
const DEPTH: usize = 500;
const TRIALS: usize = 16;
const DEPTHS: [usize; 9] = [1, 2, 5, 10, 20, 50, 100, 200, 500];
const FOLLOWED: [usize; 4] = [1, 20, 40, 48];

impl Staircase {
    pub(super) fn run(seed: u64, progress: &dyn Progress) -> Result<Self, MeasureError> {
        let product = DeepProducts {
            ensemble: Arc::new(Gaussian),
            widths: vec![WIDTH; DEPTH + 1],
            sigma_w: 1.0,
            trials: TRIALS,
            seed,
            experiment: "Lyapunov exponents".to_owned(),
        };
        let measured = product.exponents(WIDTH, &DEPTHS, progress)?;
        let spectrum = LyapunovSpectrum::square(WIDTH, 1).expect("a width of the domain");
        let newman = spectrum.exponents().to_vec();
        let history = FOLLOWED.into_iter().map(|index| ExponentHistory {
            index,
            newman: newman[index - 1],
            points: measured
                .history
                .iter()
                .filter_map(|at| {
                    let running = at.exponents[index - 1];
                    Some((at.depth, Estimate { value: running.mean?, standard_error: running.standard_error? }))
                })
                .collect(),
        });
        Ok(Self {
            width: WIDTH,
            depth: DEPTH,
            trials: TRIALS,
            exponents: measured.exponents.iter().filter_map(|exponent| exponent.exponent).collect(),
            triangular: (0..WIDTH).map(|k| Triangular.quantile(1.0 - (k as f64 + 0.5) / WIDTH as f64)).collect(),
            history: history.collect(),
            newman,
        })
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        let width = self.width;
        let complete = self.exponents.len() == width && self.newman.len() == width && self.triangular.len() == width;
        let followed = |curve: &ExponentHistory| curve.points.iter().all(|(depth, _)| (1..=self.depth).contains(depth));
        if width > 1 && self.depth > 1 && complete && self.history.iter().all(followed) {
            Ok(())
        } else {
            Err("its Lyapunov exponents are not complete")
        }
    }
}
