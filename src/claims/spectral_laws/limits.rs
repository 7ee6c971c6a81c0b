//! Shares of singular values below the quantiles of a law, in the limit of large matrices.

use std::sync::Arc;

use crate::claims::joint::{JointShift, conclude_jointly};
use crate::claims::number::{Heading, Part};
use crate::claims::{Claim, ClaimError, ClaimResult};
use crate::ensemble;
use crate::law::{self, Law, Parameters};
use crate::measure::{Progress, RandomProduct};
use crate::stats::{Estimate, Stream};

/// A product of random matrices follows a law.
#[derive(Debug, Clone, Copy)]
pub(super) struct LimitLaw {
    id: &'static str,
    statement: &'static str,
    law: Named,
    /// Widths of the smallest products; the others are two and four times as large.
    widths: &'static [usize],
    /// One for all layers, or one for each.
    ensembles: &'static [&'static str],
    tied: bool,
    trials: usize,
    mistakes: &'static [(&'static str, Named)],
}

/// A law by name.
#[derive(Debug, Clone, Copy)]
enum Named {
    MarchenkoPastur(f64),
    /// Factors, sigma_w.
    FussCatalan(usize, f64),
    Free(&'static [usize], &'static [&'static str]),
}

const SEED: u64 = 1;
/// Probabilities of the continuous part at whose quantiles shares are compared.
const LEVELS: [f64; 3] = [0.5, 0.1, 0.9];
/// Allowed of the shift by the nearest mistake.
const ALLOWED: f64 = 0.4;
const MULTIPLES: [usize; 3] = [1, 2, 4];

pub(super) const CASES: [LimitLaw; 8] = [
    marchenko_pastur(
        "marchenko-pastur",
        "Squared singular values of one 1:2 Gaussian matrix follow the Marchenko-Pastur law",
        &["gaussian"],
    ),
    marchenko_pastur(
        "marchenko-pastur-universality",
        "The Marchenko-Pastur law does not depend on the distribution of entries: random signs follow it",
        &["rademacher"],
    ),
    LimitLaw {
        mistakes: &[
            ("one factor less", Named::FussCatalan(1, 1.0)),
            ("one factor more", Named::FussCatalan(3, 1.0)),
            ("sigma_w 2 % off", Named::FussCatalan(2, 1.02)),
        ],
        trials: 500,
        ..fuss_catalan(
            "fuss-catalan-2",
            "The product of 2 square Gaussian matrices follows the Fuss-Catalan law",
            2,
            &[16; 3],
        )
    },
    LimitLaw {
        mistakes: &[
            ("one factor less", Named::FussCatalan(4, 1.0)),
            ("one factor more", Named::FussCatalan(6, 1.0)),
            ("sigma_w 2 % off", Named::FussCatalan(5, 1.02)),
        ],
        trials: 160,
        ..fuss_catalan(
            "fuss-catalan-5",
            "The product of 5 square Gaussian matrices follows the Fuss-Catalan law",
            5,
            &[24; 6],
        )
    },
    LimitLaw {
        mistakes: &[
            ("one factor less", Named::FussCatalan(9, 1.0)),
            ("one factor more", Named::FussCatalan(11, 1.0)),
            ("sigma_w 2 % off", Named::FussCatalan(10, 1.02)),
        ],
        ..fuss_catalan(
            "fuss-catalan-10",
            "The product of 10 square Gaussian matrices follows the Fuss-Catalan law",
            10,
            &[24; 11],
        )
    },
    LimitLaw {
        id: "rectangular-product",
        statement: "A product of rectangular Gaussian matrices follows the law of its widths",
        law: Named::Free(&[20, 30, 16, 24], &["gaussian"]),
        widths: &[20, 30, 16, 24],
        ensembles: &["gaussian"],
        tied: false,
        trials: 300,
        mistakes: &[("the narrowest width 5 % off", Named::Free(&[100, 150, 84, 120], &["gaussian"]))],
    },
    LimitLaw {
        id: "mixed-product",
        statement: "Orthogonal and Gaussian factors multiply their S-transforms, rectangular ones too",
        law: Named::Free(&[20, 30, 16, 24], &["gaussian", "orthogonal", "gaussian"]),
        widths: &[20, 30, 16, 24],
        ensembles: &["gaussian", "orthogonal", "gaussian"],
        tied: false,
        trials: 100,
        mistakes: &[
            ("orthogonal taken for Gaussian", Named::Free(&[20, 30, 16, 24], &["gaussian"])),
            (
                "one Gaussian taken for orthogonal",
                Named::Free(&[20, 30, 16, 24], &["gaussian", "orthogonal", "orthogonal"]),
            ),
        ],
    },
    LimitLaw {
        tied: true,
        mistakes: &[("one factor less", Named::FussCatalan(2, 1.0)), ("one factor more", Named::FussCatalan(4, 1.0))],
        trials: 60,
        ..fuss_catalan(
            "tied-powers",
            "The third power of one Gaussian matrix follows the law of three independent ones",
            3,
            &[24; 4],
        )
    },
];

const fn marchenko_pastur(id: &'static str, statement: &'static str, ensembles: &'static [&'static str]) -> LimitLaw {
    LimitLaw {
        id,
        statement,
        law: Named::MarchenkoPastur(0.5),
        // fan_in, fan_out
        widths: &[32, 16],
        ensembles,
        tied: false,
        trials: 800,
        mistakes: &[
            ("ratio 5 % too large", Named::MarchenkoPastur(0.525)),
            ("ratio 5 % too small", Named::MarchenkoPastur(0.475)),
        ],
    }
}

const fn fuss_catalan(id: &'static str, statement: &'static str, factors: usize, widths: &'static [usize]) -> LimitLaw {
    LimitLaw {
        id,
        statement,
        law: Named::FussCatalan(factors, 1.0),
        widths,
        ensembles: &["gaussian"],
        tied: false,
        trials: 100,
        mistakes: &[],
    }
}

impl Named {
    fn build(self) -> Result<Arc<dyn Law>, ClaimError> {
        let given = Parameters::default();
        let (name, given) = match self {
            Self::MarchenkoPastur(ratio) => ("marchenko_pastur", Parameters { ratio: Some(ratio), ..given }),
            Self::FussCatalan(factors, sigma_w) => {
                ("fuss_catalan", Parameters { factors: Some(factors), sigma_w: Some(sigma_w), ..given })
            }
            Self::Free(widths, ensembles) => {
                let ensembles = ensembles.iter().map(|name| (*name).to_owned()).collect();
                ("free_product", Parameters { widths: widths.to_vec(), ensembles, ..given })
            }
        };
        Ok(law::build(name, &given)?)
    }
}

impl LimitLaw {
    fn product(&self, multiple: usize) -> RandomProduct {
        let widths: Vec<usize> = self.widths.iter().map(|width| multiple * width).collect();
        let named = |layer: usize| {
            let name = self.ensembles[layer.min(self.ensembles.len() - 1)];
            ensemble::by_name(name).expect("a name of the registry")
        };
        let ensembles = (0..widths.len() - 1).map(named).collect();
        RandomProduct { widths, ensembles, tied: self.tied }
    }

    /// Eigenvalues per trial: of W W^T for Marchenko and Pastur, of J^T J, zeros included, for products.
    fn dimension(&self, multiple: usize) -> usize {
        multiple * if matches!(self.law, Named::MarchenkoPastur(_)) { self.widths[1] } else { self.widths[0] }
    }
}

impl Claim for LimitLaw {
    fn id(&self) -> String {
        self.id.to_owned()
    }

    fn statement(&self) -> String {
        self.statement.to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let law = self.law.build()?;
        let null = law.cdf_of_ln(f64::NEG_INFINITY);
        let places = LEVELS.map(|level| law.ln_quantile(null + (1.0 - null) * level));
        let shares = |law: &dyn Law| places.map(|place| law.cdf_of_ln(place));
        let right = shares(&*law);
        let mut mistakes = Vec::new();
        for (what, wrong) in self.mistakes {
            let wrong = shares(&*wrong.build()?);
            let by = wrong.iter().zip(right).map(|(wrong, right)| wrong - right).collect();
            mistakes.push(JointShift { mistake: (*what).to_owned(), by });
        }
        let reach = |mistake: &JointShift| mistake.by.iter().fold(0.0, |most: f64, by| most.max(by.abs()));
        let allowed = ALLOWED * mistakes.iter().map(reach).fold(f64::INFINITY, f64::min);
        let mut differences = [const { Vec::new() }; LEVELS.len()];
        for multiple in MULTIPLES {
            let stream = Stream::new(SEED, &format!("{} {multiple}", self.id));
            let spectra = self.product(multiple).spectra(self.trials, stream, progress)?;
            let dimension = self.dimension(multiple) as f64;
            for ((differences, place), right) in differences.iter_mut().zip(places).zip(right) {
                let share = |spectrum: &Vec<f64>| {
                    let above = spectrum.iter().filter(|ln_s| 2.0 * **ln_s > place).count();
                    1.0 - above as f64 / dimension
                };
                let values: Vec<f64> = spectra.iter().map(share).collect();
                let mean = Estimate::of_mean(&values).expect("more than one trial");
                // Shares that do not vary still come in steps.
                let resolution = 1.0 / (dimension * (self.trials as f64).sqrt() * 12f64.sqrt());
                differences.push((dimension, mean.at_least(resolution).minus_exact(right)));
            }
        }
        let label = |level: f64| format!("share below the {level} quantile");
        let parts = LEVELS.iter().zip(right).zip(&differences).map(|((level, right), differences)| {
            Part::in_the_limit(label(*level), right, differences, allowed, Vec::new())
        });
        let parts: Vec<Part> = parts.collect::<Result<_, _>>()?;
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: format!("{}, in the limit of large matrices", label(LEVELS[0])),
            setting: format!(
                "widths {:?} times 1, 2 and 4, {} trials each, seed {SEED}; allowed: {allowed:.4}, two fifths of what the nearest mistake \
                 shifts",
                self.widths, self.trials
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}
