//! Newman's exponents, their fluctuations, and the triangular law.

use statrs::function::gamma::digamma;

use super::super::joint::{JointShift, conclude_jointly};
use super::super::number::{Heading, Part};
use super::super::{Claim, ClaimError, ClaimResult};
use super::{SEED, gaussian, or_nan};
use crate::law::LyapunovSpectrum;
use crate::measure::Progress;

/// mu_k from QR-accumulated products.
pub(super) struct Newman;

/// Width, exponents followed, exponents compared.
const CASES: [(usize, usize, &[usize]); 3] = [(8, 8, &[1, 2, 4, 8]), (20, 20, &[1, 10, 20]), (50, 10, &[1, 10])];
const FACTORS: usize = 200;
const TRIALS: usize = 50;

/// Of the standard error that the rates predict: nine true parts stay inside, which takes 3.3 for the interval.
const ALLOWED: f64 = 7.0;

impl Claim for Newman {
    fn id(&self) -> String {
        "lyapunov-newman".to_owned()
    }

    fn statement(&self) -> String {
        "The Lyapunov exponents of products of n x n Gaussian matrices are Newman\u{2019}s, (ln(2/n) + psi((n-k+1)/2))/2, at n = 8, 20 and 50, some k of each"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let mut parts = Vec::new();
        let (mut index, mut complex, mut sigma_w) = (Vec::new(), Vec::new(), Vec::new());
        for (n, count, shown) in CASES {
            let theory = LyapunovSpectrum::square(n, FACTORS).expect("inside the domain");
            let measured = gaussian(n, FACTORS, TRIALS, "newman").exponents(count, &[], progress)?;
            for &k in shown {
                let predicted = theory.exponents()[k - 1];
                let expected_error = (theory.rate(k) / (FACTORS * TRIALS) as f64).sqrt();
                let found = or_nan(measured.exponents[k - 1].exponent);
                let label = format!("mu_{k} of n = {n}");
                parts.push(Part::at_one_width(label, predicted, found, ALLOWED * expected_error, Vec::new()));
                let other = if k < n { k } else { k - 2 };
                index.push(theory.exponents()[other] - predicted);
                complex.push(0.5 * (digamma((n - k + 1) as f64) - (n as f64).ln()) - predicted);
                sigma_w.push(1.02f64.ln());
            }
        }
        let mistakes = [
            JointShift { mistake: "the index off by one".to_owned(), by: index },
            JointShift { mistake: "complex taken for real matrices".to_owned(), by: complex },
            JointShift { mistake: "sigma_w 2 % too large".to_owned(), by: sigma_w },
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "mu_1 of n = 8, nats a layer".to_owned(),
            setting: format!(
                "matrices drawn and accumulated by QR, {FACTORS} factors, {TRIALS} products each, seed {SEED}; allowed: {ALLOWED} standard \
                 errors as the rates predict them"
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}

/// Var ln R_kk / L.
pub(super) struct Rates;

const RATE_WIDTH: usize = 8;
const RATE_FACTORS: usize = 4;
const RATE_TRIALS: usize = 72_000;

/// Of the rate.
const ALLOWED_RATE: f64 = 0.045;

impl Claim for Rates {
    fn id(&self) -> String {
        "lyapunov-fluctuation-rate".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "The variance of ln R_kk of a product of {RATE_FACTORS} Gaussian matrices of {RATE_WIDTH} x {RATE_WIDTH} is L psi\u{2019}((n-k+1)/2)/4"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let theory = LyapunovSpectrum::square(RATE_WIDTH, RATE_FACTORS).expect("inside the domain");
        let product = gaussian(RATE_WIDTH, RATE_FACTORS, RATE_TRIALS, "rate");
        let measured = product.exponents(RATE_WIDTH, &[], progress)?;
        let complex = LyapunovSpectrum::square(2 * RATE_WIDTH, 1).expect("inside the domain");
        let mut parts = Vec::new();
        let (mut index, mut of_complex, mut leading) = (Vec::new(), Vec::new(), Vec::new());
        for k in [1, 2, 4, 8] {
            let predicted = theory.rate(k);
            let found = or_nan(measured.exponents[k - 1].variance_rate);
            parts.push(Part::at_one_width(format!("rate {k}"), predicted, found, ALLOWED_RATE * predicted, Vec::new()));
            index.push(theory.rate(if k < RATE_WIDTH { k + 1 } else { k - 1 }) - predicted);
            // psi'(n - k + 1)/4: that of 2n - 2k + 2 degrees of freedom.
            of_complex.push(complex.rate(2 * k - 1) - predicted);
            leading.push(0.5 / (RATE_WIDTH - k + 1) as f64 - predicted);
        }
        let only_first = |by: &[f64]| by.iter().enumerate().map(|(i, by)| if i == 0 { *by } else { 0.0 }).collect();
        let mistakes = [
            JointShift { mistake: "the index off by one, first rate alone".to_owned(), by: only_first(&index) },
            JointShift { mistake: "complex taken for real matrices".to_owned(), by: of_complex },
            JointShift { mistake: "the leading order 1/(2n), first rate alone".to_owned(), by: only_first(&leading) },
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "Var ln R_11 / L".to_owned(),
            setting: format!(
                "matrices drawn and accumulated by QR, n = {RATE_WIDTH}, {RATE_FACTORS} factors, {RATE_TRIALS} products, seed {SEED}; allowed: \
                 4.5 % of the rate"
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}

/// The limit of wide matrices.
pub(super) struct Triangle;

const TRIANGLE_WIDTH: usize = 20;
const TRIANGLE_FACTORS: usize = 200;
const TRIANGLE_TRIALS: usize = 110;

impl Claim for Triangle {
    fn id(&self) -> String {
        "lyapunov-triangular".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "The Lyapunov exponents of {TRIANGLE_WIDTH} x {TRIANGLE_WIDTH} matrices follow the triangular law: e^(2 mu_k) is within 0.5/n of 1 - k/n, \
             for all k"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let n = TRIANGLE_WIDTH as f64;
        let product = gaussian(TRIANGLE_WIDTH, TRIANGLE_FACTORS, TRIANGLE_TRIALS, "triangle");
        let measured = product.exponents(TRIANGLE_WIDTH, &[], progress)?;
        let limit = |k: usize| 1.0 - k as f64 / n;
        let part = |k: usize| {
            let mu = or_nan(measured.exponents[k - 1].exponent);
            let square = (2.0 * mu.value).exp();
            let found = crate::stats::Estimate { value: square, standard_error: 2.0 * square * mu.standard_error };
            Part::at_one_width(format!("k = {k}"), limit(k), found, 0.5 / n, Vec::new())
        };
        let parts: Vec<Part> = (1..=TRIANGLE_WIDTH).map(part).collect();
        let by = |wrong: &dyn Fn(f64) -> f64| (1..=TRIANGLE_WIDTH).map(|k| wrong(limit(k)) - limit(k)).collect();
        let mistakes = [
            JointShift { mistake: "sigma_w 2.5 % too large".to_owned(), by: by(&|square| square * 1.025 * 1.025) },
            JointShift { mistake: "sigma_w 2.5 % too small".to_owned(), by: by(&|square| square / (1.025 * 1.025)) },
            JointShift { mistake: "e^mu uniform".to_owned(), by: by(&|square| square * square) },
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "e^(2 mu_1)".to_owned(),
            setting: format!(
                "matrices drawn and accumulated by QR, {TRIANGLE_FACTORS} factors, {TRIANGLE_TRIALS} products, seed {SEED}; allowed: 0.5/n"
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}
