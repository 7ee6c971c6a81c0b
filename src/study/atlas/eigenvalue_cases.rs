//! Eigenvalues against singular values: what is said about them, with matrices.

use serde::{Deserialize, Serialize};

use crate::law::{FussCatalan, Law, ProductEigenvalues};
use crate::measure::{
    AlternatingProduct, MeasureError, Progress, TiedPaths, Transient, alternating_products, product_in_the_plane,
    tied_paths, transient,
};

/// Everything that the argument about eigenvalues needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EigenvalueCases {
    /// Seed.
    pub seed: u64,
    /// One matrix and a product, in the plane and by singular values.
    pub plane: Plane,
    /// Two factors in turn.
    pub alternating: Vec<AlternatingProduct>,
    /// Powers of one matrix.
    pub transient: Transient,
    /// (power, ln of the norm) as the Fuss-Catalan edge has it.
    pub transient_law: Vec<(usize, f64)>,
    /// The same matrix at every step, and another one at every step.
    pub tied: TiedPaths,
}

/// Eigenvalues in the plane and singular values of the same matrices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plane {
    /// Rows and columns.
    pub width: usize,
    /// One matrix, then products.
    pub panels: Vec<PlanePanel>,
}

/// One matrix: a product of `factors`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanePanel {
    /// Factors of the product.
    pub factors: usize,
    /// Real and imaginary parts.
    pub eigenvalues: Vec<[f64; 2]>,
    /// In descending order.
    pub singular_values: Vec<f64>,
    /// The i-th largest singular value as the law has it.
    pub singular_value_law: Vec<f64>,
    /// The i-th largest modulus of an eigenvalue as the law has it.
    pub modulus_law: Vec<f64>,
    /// Where the singular values of large matrices end.
    pub edge: f64,
}

impl PlanePanel {
    /// Moduli of the eigenvalues, in descending order.
    pub fn moduli(&self) -> Vec<f64> {
        let mut moduli: Vec<f64> = self.eigenvalues.iter().map(|[re, im]| re.hypot(*im)).collect();
        moduli.sort_by(|a, b| b.total_cmp(a));
        moduli
    }

    /// The largest modulus of an eigenvalue.
    pub fn radius(&self) -> f64 {
        self.moduli().first().copied().unwrap_or(0.0)
    }

    /// The largest singular value.
    pub fn norm(&self) -> f64 {
        self.singular_values.first().copied().unwrap_or(0.0)
    }
}

const PLANE_WIDTH: usize = 200;
const PLANE_FACTORS: [usize; 2] = [1, 5];
const PAIRS: usize = 20;
const TRANSIENT_WIDTH: usize = 200;
const TRANSIENT_SIGMA_W: f64 = 0.9;
const TRANSIENT_MATRICES: usize = 12;
const POWERS: [usize; 14] = [1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40];
const TIED_WIDTH: usize = 50;
const TIED_STEPS: usize = 100;
const TIED_MATRICES: usize = 40;

impl EigenvalueCases {
    /// Draws the matrices.
    pub(in super::super) fn run(seed: u64, progress: &dyn Progress) -> Result<Self, MeasureError> {
        let panels = PLANE_FACTORS.into_iter().map(|factors| PlanePanel::run(factors, seed));
        let transient = transient(TRANSIENT_WIDTH, TRANSIENT_SIGMA_W, &POWERS, TRANSIENT_MATRICES, seed, progress)?;
        let transient_law = (1..=POWERS[POWERS.len() - 1])
            .map(|power| (power, power as f64 * TRANSIENT_SIGMA_W.ln() + 0.5 * fuss_catalan(power).ln_upper_edge()))
            .collect();
        Ok(Self {
            seed,
            plane: Plane { width: PLANE_WIDTH, panels: panels.collect::<Result<_, _>>()? },
            alternating: alternating_products(PAIRS)?,
            transient,
            transient_law,
            tied: tied_paths(TIED_WIDTH, TIED_STEPS, TIED_MATRICES, seed, progress)?,
        })
    }

    pub(in super::super) fn check(&self) -> Result<(), &'static str> {
        let whole = |panel: &PlanePanel| {
            panel.singular_values.len() > 1
                && panel.eigenvalues.len() == panel.singular_values.len()
                && panel.norm() > 0.0
        };
        let tied = &self.tied;
        let paths = || tied.tied.iter().chain(&tied.untied);
        if self.plane.panels.is_empty() || !self.plane.panels.iter().all(whole) {
            Err("its eigenvalues do not belong to its singular values")
        } else if self.alternating.iter().any(|product| product.ln_norms.is_empty()) || self.transient.powers.is_empty()
        {
            Err("its products are empty")
        } else if tied.steps() < 2
            || paths().any(|path| path.len() != tied.steps())
            || tied.ln_radii.len() != tied.tied.len()
            || tied.untied_ln_radii.len() != tied.untied.len()
        {
            Err("its paths are of different lengths")
        } else {
            Ok(())
        }
    }
}

fn fuss_catalan(factors: usize) -> FussCatalan {
    FussCatalan::new(factors).expect("a few factors are allowed")
}

impl PlanePanel {
    fn run(factors: usize, seed: u64) -> Result<Self, MeasureError> {
        let measured = product_in_the_plane(PLANE_WIDTH, factors, seed)?;
        let singular = fuss_catalan(factors);
        let moduli = ProductEigenvalues::new(factors).expect("a few factors are allowed");
        let at = |law: &dyn Law, share: f64| -> Vec<f64> {
            (0..PLANE_WIDTH)
                .map(|i| (share * law.ln_quantile(1.0 - (i as f64 + 0.5) / PLANE_WIDTH as f64)).exp())
                .collect()
        };
        Ok(Self {
            factors,
            eigenvalues: measured.eigenvalues,
            singular_values: measured.singular_values,
            singular_value_law: at(&singular, 0.5),
            modulus_law: at(&moduli, 1.0),
            edge: (0.5 * singular.ln_upper_edge()).exp(),
        })
    }
}
