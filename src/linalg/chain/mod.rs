//! Singular values of products of many matrices.
//!
//! - [`Chain`]: takes the factors one by one, and gives the spectrum of the product at any time.
//! - [`TriangularChain`]: the same for random factors that are given by their triangular factors.
//! - `product`: what has been accumulated; `banded`: its triangular part.
//! - `graded_qr`: the step that brings in a factor; `householder`: its fallback with pivoting.
//! - `exact_range`: the rank of the product of the entries as exact numbers, where rounding could hide it.
//! - `grading`: factors whose rows or columns are of very different size.
//! - `jacobi`: singular values of what has been accumulated.
//! - `wide`: numbers whose exponent does not run out.

mod banded;
mod exact_range;
mod graded_qr;
mod grading;
mod householder;
mod jacobi;
mod product;
#[cfg(test)]
mod rank_tests;
#[cfg(test)]
mod reference_tests;
mod spectrum;
#[cfg(test)]
mod tests;
mod triangular;
mod wide;

use std::cell::OnceCell;

use nalgebra::DMatrix;

pub use spectrum::LogSingularValues;
pub use triangular::TriangularChain;

use self::exact_range::ExactRange;
use self::graded_qr::{Condition, Exact};
use self::grading::{RowScaled, Sizes, column_grading};
use self::product::{Extended, Product};
use self::wide::Wide;
use super::{LinalgError, Transpose, gemm};

/// The product `J = W_L ... W_2 W_1` of matrices of any number and scale, from which all singular values come out.
///
/// # Formula
///
/// ```text
/// J = Q D T
/// ```
///
/// with orthonormal columns in Q (n_L x k), a positive diagonal D (k x k) held with integer exponents of its own, and
/// rows of order 1 in T (k x n_0). A factor W turns this into
///
/// ```text
/// (W Q) D = Q' D' U    (QR in order of descending |column| d_j, D' = |diag R| D, U = D'^-1 R D)
/// W J     = Q' D' (U T)
/// ```
///
/// D enters no sum: scaling columns commutes with QR. In the end `T^T D = Q' D' U` by the same step, and one-sided Jacobi
/// rotations find the singular values of `D' U`. An explicit product would lose all below `1e-16 s_max`.
///
/// # Shapes and cost
///
/// Each factor is out x in, and as wide as the last one is high; widths may shrink and grow. Memory is O(n^2) whatever
/// L. For n x n factors, [`push`](Self::push) takes about 7 n^3 operations and twice that for graded columns, and
/// [`log_singular_values`](Self::log_singular_values) 10 to 30 n^3. Factors whose rows span more than 90 decades leave the
/// range in which LAPACK is safe, and take fifty times longer.
///
/// # Accuracy
///
/// Each `ln s` is within max(1e-11, 4 ulp, ten times its change by one ulp in every entry of the factors) of the exact value, for factors
/// `R B C` with any positive diagonals R and C, and B without grading, whose directions have no special relation to those of the
/// neighbours. The change is the largest of several [`super::one_ulp_off`] (a single one may leave a value where it is by chance), of the
/// order of eps times the largest condition number of the B. It decides beyond conditions of about 1e4, which one Gaussian 8 x 8 matrix
/// in 800 exceeds; below, max(1e-11, 4 ulp) holds for `D_l W_l` with derivatives of 18 or 300 decades in D_l as well. Measured against
/// exact products:
///
/// | factors | chains | largest condition | largest error | in units of the promise |
/// |---|---|---|---|---|
/// | 10 to 60 graded by 18 or 300 decades, n = 6 and 8 | 7 | | 2e-12 | 0.18 |
/// | 100 Gaussian, n = 8 | 1 | | 2e-12 | 0.18 |
/// | 10,000 times the same Gaussian, n = 8 | 5 | | 4e-12 | 0.4 |
/// | 100,000 Gaussian, n = 8 | 6 | 1e8 | 2e-9 | 0.10 |
/// | 1000 Gaussian, n = 100 | 6 | 4e6 | 3e-10 | 0.18 |
///
/// Factors that return bring back their rounding errors, which add up to as much as eps times condition times L: 68,000 of condition 1024,
/// made for it, cost 1e-9. Then the change to compare with is that by the same ulps in every copy.
///
/// Rounding acts like a relative change of 1e-16 in the entries of each B. Where the singular values of the product react
/// to it by more than their own size, no digits are left:
/// - a factor that undoes the one before it, as `W^-1 W`, leaves an error of up to `1e-16 cond(W)^2`;
/// - entries whose sizes do not follow rows and columns: with a third of zeros and rows of 18 decades, errors of 2e-5
///   occur; entries that differ by 36 decades one by one reach 1e-4.
///
/// # Rank
///
/// Exact zeros are those of the product of the entries as exact numbers, whatever makes the rank fall: widths, dead units, the pattern of
/// the zeros, cancellation as in `[1 1; 1 1]`, a factor that vanishes on what the others reach. Where a pivot is at the level of rounding
/// errors, the rank is found modulo two primes of 24 bits: that is never too high, and too low about once in 10^14 such cases. Values that
/// are not zero but of the size of rounding errors count as not [determined](LogSingularValues::determined); the one-ulp change
/// ([`super::one_ulp_off`]) finds more of them. It costs nothing unless a pivot is small; a chain whose range is no coordinate subspace
/// (dead units of the past, layers that widen) takes up to 60 % longer.
///
/// # Example
///
/// ```
/// use gradspectra::linalg::Chain;
/// use nalgebra::dmatrix;
///
/// let layer = dmatrix![1e-10, 0.0; 0.0, 1e10];
/// let mut chain = Chain::new(2);
/// for _ in 0..1000 {
///     chain.push(&layer)?;
/// }
/// let spectrum = chain.log_singular_values()?;
/// let expected = 10_000.0 * std::f64::consts::LN_10;
/// assert!((spectrum.values()[0] - expected).abs() < 1e-10);
/// assert!((spectrum.values()[1] + expected).abs() < 1e-10);
/// # Ok::<(), gradspectra::linalg::LinalgError>(())
/// ```
///
/// # Source
///
/// Loh et al., Interacting Electrons in Reduced Dimensions, 55 (1989): the factorisation. Powell and Reid (1969); Cox and
/// Higham, BIT 38, 34 (1998): QR with errors by rows. Demmel and Veselic, SIAM J. Matrix Anal. Appl. 13, 1204 (1992);
/// Drmac and Veselic, ibid. 29, 1322 (2008): Jacobi after QR.
#[derive(Debug, Clone)]
pub struct Chain {
    columns: usize,
    rows: usize,
    /// `None` stands for the identity, which needs no n_0 x n_0 matrices.
    product: Option<Product>,
    /// Its range, for its rank.
    range: ExactRange,
    /// Factors that follow, not yet brought in.
    pending: Vec<DMatrix<f64>>,
    groups: Groups,
}

impl Chain {
    /// The error in `ln s` that explicit products of a few factors may cost, unless [`with_tolerance`](Self::with_tolerance) says otherwise.
    pub const TOLERANCE: f64 = 1e-11;

    /// The empty product: the identity of size `columns` (n_0, the width of the input).
    pub fn new(columns: usize) -> Self {
        Self::with_tolerance(columns, Self::TOLERANCE)
    }

    /// As [`new`](Self::new), where an error of `tolerance` in `ln s` is good enough: the larger it is, the more factors are multiplied
    /// before each decomposition. Zero multiplies none.
    ///
    /// The tolerance comes on top of what the product itself is worth: no group helps against a change of `ln s` by one ulp in the entries
    /// ([`super::one_ulp_off`]). Gaussian factors, seeds that chose nothing, largest deviation from a chain with tolerance 0:
    ///
    /// | n | factors | chains | one ulp changes | 1e-11 | 1e-9 | 1e-6 |
    /// |---|---|---|---|---|---|---|
    /// | 64 | 60 | 20 | 2e-11 | 1e-11 | 2e-10 | 1e-7 |
    /// | 100 | 300 | 12 | 3e-11 | 2e-10 | 9e-10 | 2e-7 |
    /// | 100 | 1000 | 4 | 5e-9 | 4e-9 | 2e-8 | 3e-7 |
    /// | 400 | 32 | 6 | 7e-12 | 8e-13 | 9e-11 | 2e-8 |
    pub fn with_tolerance(columns: usize, tolerance: f64) -> Self {
        let (range, groups) = (ExactRange::whole(columns), Groups::new(tolerance));
        Self { columns, rows: columns, product: None, range, pending: Vec::new(), groups }
    }

    /// Columns of the product: n_0.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows of the product: those of the last factor.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Multiplies the product by a factor (out x in) from the left.
    ///
    /// # Errors
    ///
    /// [`LinalgError::NotChained`] if the factor has not as many columns as the product has rows;
    /// [`LinalgError::NotFinite`] for NaN or infinite entries; [`LinalgError::Info`] if LAPACK fails. The product is
    /// then what it was.
    pub fn push(&mut self, factor: &DMatrix<f64>) -> Result<(), LinalgError> {
        let (rows, columns) = factor.shape();
        if columns != self.rows {
            return Err(LinalgError::NotChained { rows, columns, expected: self.rows });
        }
        // Vectorises, where a test of each entry would not: only finite entries give zeros.
        if factor.iter().map(|entry| entry * 0.0).sum::<f64>() != 0.0 {
            return Err(LinalgError::NotFinite { rows, columns });
        }
        if self.groups.size > 1 && Groups::takes(factor) {
            self.pending.push(factor.clone());
            if self.pending.len() >= self.groups.size
                && let Err(error) = self.absorb_pending()
            {
                self.pending.pop();
                return Err(error);
            }
        } else {
            self.absorb_pending()?;
            let step = step(self.product.as_ref(), &self.range, factor)?;
            self.groups.learn(1, step.condition);
            (self.product, self.range) = (Some(step.product), step.range);
        }
        self.rows = rows;
        Ok(())
    }

    /// All min(n_0, n_L) singular values of the product so far; further factors may follow.
    ///
    /// # Errors
    ///
    /// [`LinalgError::Info`] or [`LinalgError::Rotations`] if a decomposition fails; no finite input is known to do so.
    pub fn log_singular_values(&self) -> Result<LogSingularValues, LinalgError> {
        let mut whole = None;
        if !self.pending.is_empty() {
            let mut copy = self.clone();
            copy.absorb_pending()?;
            whole = copy.product;
        }
        let (values, determined) = match whole.as_ref().or(self.product.as_ref()) {
            None => (vec![0.0; self.columns], self.columns),
            Some(product) => {
                let values = product.sizes.singular_values()?.into_iter().map(Wide::ln).collect();
                (values, product.determined)
            }
        };
        Ok(LogSingularValues::padded(values, self.rows.min(self.columns)).determined_to(determined))
    }

    /// Brings the pending factors into the product: as one matrix if its condition allows, else one by one.
    fn absorb_pending(&mut self) -> Result<(), LinalgError> {
        let Some((first, others)) = self.pending.split_first() else { return Ok(()) };
        let count = self.pending.len();
        let together = others.iter().fold(first.clone(), |product, factor| multiply(factor, &product));
        if count > 1
            && let Some(product) = self.with_group(&together)?
        {
            self.product = Some(product);
            for factor in &self.pending {
                // Square and regular: all that it reaches of a whole space is the whole.
                if self.range.rank() < factor.ncols() {
                    self.range = self.range.image(factor);
                }
            }
            self.pending.clear();
            return Ok(());
        }
        let (mut product, mut range) = (None, self.range.clone());
        for factor in &self.pending {
            let step = step(product.as_ref().or(self.product.as_ref()), &range, factor)?;
            (product, range) = (Some(step.product), step.range);
        }
        (self.product, self.range) = (product, range);
        self.pending.clear();
        Ok(())
    }

    /// The product with the explicit product of the pending factors, if its condition allows.
    fn with_group(&mut self, together: &DMatrix<f64>) -> Result<Option<Product>, LinalgError> {
        let Some(sizes) = Sizes::full(together) else { return Ok(None) };
        let scaled = RowScaled::of_full(together, sizes);
        // Where the rank is in doubt, the factors are taken one by one.
        let doubt = OnceCell::new();
        let rank = self.range.rank();
        let exact = || {
            let _ = doubt.set(());
            rank
        };
        let step = extended(self.product.as_ref(), scaled, Exact::of_group(&exact))?;
        let within = self.groups.learn(self.pending.len(), step.condition);
        Ok((within && doubt.get().is_none()).then_some(step.product))
    }
}

/// How many factors are multiplied explicitly before the product is decomposed.
#[derive(Debug, Clone, Copy)]
struct Groups {
    tolerance: f64,
    /// Sum of the squared errors that groups have cost: errors of random sign.
    spent: f64,
    /// Factors of the next group.
    size: usize,
    /// Groups to go before a larger size is tried.
    patience: usize,
}

impl Groups {
    /// Beyond it the decompositions are no longer what takes the time.
    const LARGEST: usize = 8;

    /// Smaller matrices gain nothing: their decompositions are as fast as their products.
    const SMALLEST_MATRIX: usize = 32;

    /// Error of `ln s_min` of an explicit product in units of its condition: sums of n rounding errors of random sign. An estimate; the
    /// tests hold it against chains that multiply nothing.
    const ROUNDING: f64 = f64::EPSILON;

    /// After a group that was too ill conditioned, whose work is lost.
    const PATIENCE: usize = 8;

    fn new(tolerance: f64) -> Self {
        Self { tolerance, spent: 0.0, size: 1, patience: 0 }
    }

    /// Whether a factor may be multiplied into a group: square, so that the condition tells all, and full, so that exact zeros (dead units)
    /// stay exact.
    fn takes(factor: &DMatrix<f64>) -> bool {
        factor.is_square() && factor.nrows() >= Self::SMALLEST_MATRIX && Sizes::full(factor).is_some()
    }

    /// Notes the condition of a group of `count` factors and chooses the size of the next; whether this one was within the tolerance.
    ///
    /// One factor more is taken to do what it does to a Gaussian chain, whose condition grows like `n^((count + 1) / 2)`; a group for which
    /// that was wrong is found out here, and done again factor by factor.
    fn learn(&mut self, count: usize, condition: Condition) -> bool {
        let error = Self::ROUNDING * condition.of_square;
        let left = (self.tolerance * self.tolerance - self.spent).max(0.0).sqrt();
        if count > 1 {
            if error > 0.5 * left {
                self.size = count - 1;
                self.patience = Self::PATIENCE;
                return false;
            }
            self.spent += error * error;
        }
        let next = error * condition.of_square.powf(1.0 / (count + 1) as f64);
        if self.patience > 0 {
            self.patience -= 1;
        } else if count >= self.size && 2.0 * next <= left {
            self.size = (count + 1).min(Self::LARGEST);
        }
        true
    }
}

/// The product with one more factor, its range, and how ill conditioned that factor was.
struct Step {
    product: Product,
    range: ExactRange,
    condition: Condition,
}

fn step(product: Option<&Product>, range: &ExactRange, factor: &DMatrix<f64>) -> Result<Step, LinalgError> {
    let (rows, columns) = factor.shape();
    // The range is followed exactly where it has to be: in doubt, or where it is not all that the rows allow.
    let reduced = OnceCell::new();
    let exact = || reduced.get_or_init(|| range.image(factor).reduced()).rank();
    let mut live = vec![true; rows];
    let (scaled, graded) = match Sizes::full(factor) {
        Some(sizes) => (RowScaled::of_full(factor, sizes), None),
        None => {
            live.fill(false);
            for column in factor.column_iter() {
                live.iter_mut().zip(column.iter()).for_each(|(live, &entry)| *live |= entry != 0.0);
            }
            // `W = B C` with a graded diagonal C: the columns of `W Q` would be nearly parallel, but `C Q` is graded by rows,
            // which QR copes with. Columns of zeros go with C, too: there they lower the rank exactly.
            let grading = column_grading(factor);
            let graded = match (&grading, product) {
                (None, _) => None,
                (Some(grading), None) => Some(Product::diagonal(grading)),
                (Some(grading), Some(product)) => {
                    let kept: Vec<bool> = grading.iter().map(Option::is_some).collect();
                    let exact = || range.masked(&kept).reduced().rank();
                    Some(product.scaled(grading, Exact::of_factor(&exact))?.product)
                }
            };
            let exponents = grading.unwrap_or_else(|| vec![None; columns]);
            let undo: Vec<i64> = exponents.into_iter().map(|exponent| -exponent.unwrap_or(0)).collect();
            (RowScaled::new(factor, &vec![0; rows], &undo), graded)
        }
    };
    let Extended { product, condition, full } =
        extended(graded.as_ref().or(product), scaled, Exact::of_factor(&exact))?;
    let live: Vec<usize> = (0..rows).filter(|&row| live[row]).collect();
    let range = match reduced.into_inner() {
        _ if full && product.sizes.d.len() == live.len() => ExactRange::coordinates(rows, live),
        Some(reduced) => reduced,
        None => range.image(factor),
    };
    Ok(Step { product, range, condition })
}

/// The product with one more factor, from the rank by exact arithmetic.
fn extended(product: Option<&Product>, scaled: RowScaled, exact: Exact<'_>) -> Result<Extended, LinalgError> {
    match product {
        None => Product::first(&scaled, exact),
        Some(product) => product.multiplied(scaled, exact),
    }
}

fn multiply(left: &DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    let mut product = DMatrix::zeros(left.nrows(), right.ncols());
    gemm(1.0, (Transpose::No, left), (Transpose::No, right), 0.0, &mut product);
    product
}
