//! The Tracy-Widom law at the upper edge.

use super::super::joint::{JointShift, conclude_jointly};
use super::super::number::{Heading, Part};
use super::super::{Claim, ClaimError, ClaimResult};
use super::{mean, trials};
use crate::ensemble::gaussian_singular_values;
use crate::law::{Field, LargestSingularValue, Law, TracyWidom};
use crate::measure::Progress;
use crate::stats::{Estimate, extrapolate};

/// The largest singular value, centred and scaled, comes to the Tracy-Widom law.
pub(super) struct Largest {
    pub seed: u64,
}

/// Rows, and the matrices of each size; twice as many columns.
const SIZES: [(usize, usize); 3] = [(20, 12_000), (40, 7_000), (80, 3_500)];
/// Of the mean, in units of the scale: half of what complex entries shift it by.
const ALLOWED_MEAN: f64 = 0.28;
/// Of the second moment about the predicted mean.
const ALLOWED_SECOND: f64 = 0.4;

/// The moments that a mistake predicts for a number of rows, in units of the right law.
type Wrong<'a> = &'a dyn Fn(usize, &LargestSingularValue) -> Result<[f64; 2], ClaimError>;

/// What a law says of the variable that is centred and scaled by the right one: its mean, and its second moment about the right mean.
fn moments(
    of: &LargestSingularValue,
    sigma_w: f64,
    by: &LargestSingularValue,
    field: Field,
) -> Result<[f64; 2], ClaimError> {
    let [mean, variance] = mean_and_variance(field)?;
    let right = mean_and_variance(Field::Real)?[0];
    let square = sigma_w * sigma_w;
    let scale = square * of.scale() / by.scale();
    let mean = (square * of.centre() - by.centre()) / by.scale() + scale * mean;
    Ok([mean, scale * scale * variance + (mean - right).powi(2)])
}

fn mean_and_variance(field: Field) -> Result<[f64; 2], ClaimError> {
    let law = TracyWidom::new(field);
    let moment = |k: u32| law.moment(k).ok_or(ClaimError::NoMoment { law: law.title(), k });
    let mean = moment(1)?;
    Ok([mean, moment(2)? - mean * mean])
}

impl Claim for Largest {
    fn id(&self) -> String {
        "largest-singular-value".to_owned()
    }

    fn statement(&self) -> String {
        "The largest singular value of a real Gaussian matrix, centred and scaled by its sizes, has the mean and the spread of the Tracy-Widom \
         law (beta = 1) in the limit of large matrices"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let right = mean_and_variance(Field::Real)?;
        let mut measured = [const { Vec::new() }; 2];
        let mut laws = Vec::new();
        for (rows, count) in SIZES {
            let columns = 2 * rows;
            let std = (columns as f64).sqrt().recip();
            let experiment = format!("largest singular value, {rows} x {columns}");
            let squares = trials(self.seed, &experiment, count, progress, |generator| {
                gaussian_singular_values(rows, columns, std, generator).map(|values| values[0] * values[0])
            })?;
            let law = LargestSingularValue::new(columns, rows, Field::Real)?;
            let scaled = |square: &f64| (square - law.centre()) / law.scale();
            // The natural variable of the approach is n^(-2/3).
            let size = (rows as f64).powf(2.0 / 3.0);
            measured[0].push((size, mean(&squares, scaled).minus_exact(right[0])));
            measured[1].push((size, mean(&squares, |s| (scaled(s) - right[0]).powi(2)).minus_exact(right[1])));
            laws.push((rows, law));
        }
        // A mistake is what the same fit makes of it.
        let shift = |mistake: &str, wrong: Wrong| {
            let mut by = Vec::new();
            for part in 0..2 {
                let mut shifts = Vec::new();
                for ((rows, law), (size, estimate)) in laws.iter().zip(&measured[part]) {
                    shifts.push((*size, Estimate { value: wrong(*rows, law)?[part] - right[part], ..*estimate }));
                }
                by.push(extrapolate(&shifts)?.limit.value);
            }
            Ok::<_, ClaimError>(JointShift { mistake: mistake.to_owned(), by })
        };
        let mistakes = [
            shift("complex entries (beta = 2)", &|rows, law| {
                moments(&LargestSingularValue::new(2 * rows, rows, Field::Complex)?, 1.0, law, Field::Complex)
            })?,
            shift("sigma_w 2 % too large", &|_, law| moments(law, 1.02, law, Field::Real))?,
            shift("5 % more rows", &|rows, law| {
                moments(&LargestSingularValue::new(2 * rows, rows + rows / 20, Field::Real)?, 1.0, law, Field::Real)
            })?,
        ];
        let parts = [
            Part::in_the_limit("mean", right[0], &measured[0], ALLOWED_MEAN, Vec::new())?,
            Part::in_the_limit("second moment about it", right[1], &measured[1], ALLOWED_SECOND, Vec::new())?,
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "mean of (s_max^2 - centre) / scale, extrapolated in n^(-2/3)".to_owned(),
            setting: format!(
                "(rows, matrices) {SIZES:?}, twice as many columns, seed {}; allowed: half of what complex entries shift the mean by",
                self.seed
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}
