//! Eigenvalues of products: the limit of large matrices, and complex matrices of finite size.

use nalgebra::DMatrix;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::super::joint::{JointShift, conclude_jointly};
use super::super::number::{Heading, LEVEL, Part};
use super::super::{Claim, ClaimError, ClaimResult, ControlResult};
use super::{SEED, mean};
use crate::ensemble::{Ensemble, Gaussian};
use crate::law::{Law, ProductEigenvalues};
use crate::linalg::{ScaledProduct, single_threaded_blas};
use crate::measure::{MeasureError, Progress};
use crate::stats::{Estimate, Stream};

/// `|lambda|^(2/L)` is uniform.
pub(super) struct Moduli;

const WIDTHS: [usize; 3] = [16, 32, 64];
const TRIALS: [usize; 3] = [2000, 700, 200];
const FACTORS: [usize; 2] = [2, 5];
const SHARES: [f64; 3] = [0.25, 0.5, 0.75];

/// Of a share; the law of one factor more or less is 0.06 away at five factors.
const ALLOWED: f64 = 0.025;

/// Logarithms of eigenvalue moduli of independent products, trial by trial.
fn log_moduli(
    name: &str,
    trials: usize,
    progress: &dyn Progress,
    draw: impl Fn(Stream) -> Result<ScaledProduct, MeasureError> + Sync,
) -> Result<Vec<Vec<f64>>, MeasureError> {
    let _guard = single_threaded_blas();
    let stream = Stream::new(SEED, name);
    progress.begin(name, trials as u64);
    let found = (0..trials as u64)
        .into_par_iter()
        .map(|trial| {
            if progress.interrupted() {
                return Err(MeasureError::Interrupted);
            }
            let moduli = draw(stream.trial(trial))?.log_eigenvalue_moduli()?;
            progress.advance(1);
            Ok(moduli)
        })
        .collect();
    progress.end();
    found
}

fn real(n: usize, factors: usize, stream: Stream) -> Result<ScaledProduct, MeasureError> {
    let mut product = ScaledProduct::new(n);
    for index in 0..factors as u64 {
        product.push(&Gaussian.sample(n, n, (n as f64).sqrt().recip(), &mut stream.layer(index))?)?;
    }
    Ok(product)
}

/// Complex `A + iB` as the real matrix `[A -B; B A]`, whose eigenvalues are those of `A + iB` and their conjugates.
fn complex(n: usize, factors: usize, stream: Stream) -> Result<ScaledProduct, MeasureError> {
    let mut product = ScaledProduct::new(2 * n);
    for index in 0..factors as u64 {
        let generator = &mut stream.layer(index);
        let std = (2.0 * n as f64).sqrt().recip();
        let halves: Vec<DMatrix<f64>> = (0..2)
            .map(|_| {
                DMatrix::from_fn(n, n, |_, _| {
                    let z: f64 = StandardNormal.sample(generator);
                    std * z
                })
            })
            .collect();
        let entry = |i: usize, j: usize| match (i < n, j < n) {
            (true, true) | (false, false) => halves[0][(i % n, j % n)],
            (true, false) => -halves[1][(i, j - n)],
            (false, true) => halves[1][(i - n, j)],
        };
        product.push(&DMatrix::from_fn(2 * n, 2 * n, entry))?;
    }
    Ok(product)
}

impl Claim for Moduli {
    fn id(&self) -> String {
        "product-eigenvalue-moduli".to_owned()
    }

    fn statement(&self) -> String {
        "Of the eigenvalues of a product of L large matrices |lambda|^(2/L) is uniform on [0, 1], at L = 2 and 5"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let mut parts = Vec::new();
        let (mut more, mut less) = (Vec::new(), Vec::new());
        for factors in FACTORS {
            let law = |factors| ProductEigenvalues::new(factors).expect("inside the domain");
            let theory = law(factors);
            let mut differences = [const { Vec::new() }; SHARES.len()];
            for (n, trials) in WIDTHS.into_iter().zip(TRIALS) {
                let name = format!("moduli {factors} {n}");
                let found = log_moduli(&name, trials, progress, |stream| real(n, factors, stream))?;
                for (differences, share) in differences.iter_mut().zip(SHARES) {
                    let quantile = theory.ln_quantile(share);
                    // Those below rounding are left out of the list, and are below.
                    let below =
                        |moduli: &Vec<f64>| 1.0 - moduli.iter().filter(|ln| **ln > quantile).count() as f64 / n as f64;
                    let shares: Vec<f64> = found.iter().map(below).collect();
                    differences.push((n as f64, mean(&shares).minus_exact(share)));
                }
            }
            for (differences, share) in differences.iter().zip(SHARES) {
                let label = format!("L = {factors}, below the quantile {share}");
                parts.push(Part::in_the_limit(label, share, differences, ALLOWED, Vec::new())?);
                let quantile = theory.ln_quantile(share);
                more.push(law(factors + 1).cdf_of_ln(quantile) - share);
                less.push(law(factors - 1).cdf_of_ln(quantile) - share);
            }
        }
        let deep_only =
            |by: &[f64]| by.iter().enumerate().map(|(i, by)| if i < SHARES.len() { 0.0 } else { *by }).collect();
        let mistakes = [
            JointShift { mistake: "L one too large, at L = 5 alone".to_owned(), by: deep_only(&more) },
            JointShift { mistake: "L one too small, at L = 5 alone".to_owned(), by: deep_only(&less) },
            JointShift { mistake: "L one too large".to_owned(), by: more },
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "share of eigenvalues below the first quartile, L = 2, extrapolated to infinite width".to_owned(),
            setting: format!("real matrices, widths {WIDTHS:?}, {TRIALS:?} products, seed {SEED}; allowed {ALLOWED}"),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}

/// E ln rho at finite n.
pub(super) struct ComplexRadius;

const RADIUS_WIDTH: usize = 20;
const RADIUS_FACTORS: usize = 5;
const RADIUS_TRIALS: usize = 3000;

/// Nats; the infinite matrix is 0.06 away.
const ALLOWED_RADIUS: f64 = 0.02;

impl Claim for ComplexRadius {
    fn id(&self) -> String {
        "complex-product-radius".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "The mean logarithm of the spectral radius of {RADIUS_FACTORS} complex {RADIUS_WIDTH} x {RADIUS_WIDTH} Gaussian matrices is that of independent \
             products of gamma variables, to 0.02"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let radius = |n: usize| {
            let law = ProductEigenvalues::with_width(RADIUS_FACTORS, n).expect("inside the domain");
            law.complex_log_radius().expect("with a width")
        };
        let theory = radius(RADIUS_WIDTH);
        let largest = |found: Vec<Vec<f64>>| -> Vec<f64> {
            found.iter().map(|moduli| moduli.first().copied().unwrap_or(f64::NAN)).collect()
        };
        let draw = |stream| complex(RADIUS_WIDTH, RADIUS_FACTORS, stream);
        let found = largest(log_moduli("complex radius", RADIUS_TRIALS, progress, draw)?);
        let parts = [Part::at_one_width("E ln rho", theory.mean, mean(&found), ALLOWED_RADIUS, Vec::new())];
        let mistakes = [JointShift { mistake: "the radius 1 of infinite matrices".to_owned(), by: vec![-theory.mean] }];
        let draw = |stream| real(RADIUS_WIDTH, RADIUS_FACTORS, stream);
        let measured = mean(&largest(log_moduli("real radius", RADIUS_TRIALS, progress, draw)?));
        let of_real = Part::at_one_width("real", theory.mean, measured, ALLOWED_RADIUS, Vec::new());
        let Estimate { value, .. } = measured;
        let others = vec![ControlResult {
            mistake: format!("real taken for complex matrices, whose mean is {value:.3}"),
            predicted: theory.mean,
            verdict: of_real.verdict_if_shifted(0.0, LEVEL),
            power: of_real.power_against(value - theory.mean, LEVEL),
        }];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "E ln rho".to_owned(),
            setting: format!(
                "complex matrices as real ones of twice the size, {RADIUS_TRIALS} products, seed {SEED}; allowed {ALLOWED_RADIUS}"
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, others))
    }
}
