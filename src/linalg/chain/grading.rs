//! Matrices whose rows or columns are of very different size, by powers of two.

use nalgebra::DMatrix;

use super::wide::{Wide, exponent, power_of_two};

/// Rows whose largest entries differ by more than `2^ROW_RANGE` are decomposed in [`Wide`] arithmetic.
const ROW_RANGE: i64 = 300;

/// Columns whose sizes differ by less than `2^COLUMN_RANGE`, once the rows are scaled, lose no digits that matter.
const COLUMN_RANGE: i64 = 10;

/// Entries within these bounds need no exponents of their own, nor do their squares and quotients.
const FULL_RANGE: (f64, f64) = (1e-60, 1e60);

/// Rounds of the fit of row and column sizes: it is a guide, and two suffice for full matrices.
const MAX_FITS: usize = 20;

/// An m x r matrix `S B`: row i of B times `2^exponents[i]`.
pub(super) struct RowScaled {
    pub(super) rows: DMatrix<f64>,
    pub(super) exponents: Vec<i64>,
}

impl RowScaled {
    /// The matrix of `a_ij * 2^(of_rows[i] + of_columns[j])`, with the largest entry of B in [1, 2), and where the rows
    /// differ too much for `f64`, with the largest entry of each row there.
    pub(super) fn new(matrix: &DMatrix<f64>, of_rows: &[i64], of_columns: &[i64]) -> Self {
        let mut exponents = vec![None; matrix.nrows()];
        for (column, shift) in matrix.column_iter().zip(of_columns) {
            for ((largest, &entry), row_shift) in exponents.iter_mut().zip(column.iter()).zip(of_rows) {
                *largest = (*largest).max(size(entry).map(|size| size + row_shift + shift));
            }
        }
        let largest = exponents.iter().flatten().max().copied().unwrap_or(0);
        let smallest = exponents.iter().flatten().min().copied().unwrap_or(0);
        let alike = largest - smallest <= ROW_RANGE;
        let exponents: Vec<i64> =
            exponents.iter().map(|exponent| if alike { largest } else { exponent.unwrap_or(0) }).collect();
        let rows = DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
            let shift = of_rows[i] + of_columns[j] - exponents[i];
            if shift.abs() <= 1000 {
                matrix[(i, j)] * power_of_two(shift)
            } else {
                Wide::new(matrix[(i, j)]).shifted(shift).to_f64()
            }
        });
        Self { rows, exponents }
    }

    /// The matrix as it is: entries of order 1 need no scaling.
    pub(super) fn of_order_one(matrix: DMatrix<f64>) -> Self {
        Self { exponents: vec![0; matrix.nrows()], rows: matrix }
    }

    /// As [`new`](Self::new) for a matrix of [`full`](Sizes::full) entries, without the search through their exponents.
    pub(super) fn of_full(matrix: &DMatrix<f64>, sizes: Sizes) -> Self {
        Self { rows: matrix * power_of_two(-sizes.largest), exponents: vec![sizes.largest; matrix.nrows()] }
    }

    /// Whether one power of two is common to all rows.
    pub(super) fn is_plain(&self) -> bool {
        self.exponents.windows(2).all(|pair| pair[0] == pair[1])
    }
}

/// Sizes of the entries of a matrix without zeros and without grading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Exponent of the largest entry.
    pub(super) largest: i64,
}

impl Sizes {
    /// `None` for a matrix with zeros, whose entries span more than [`FULL_RANGE`], or whose columns are graded.
    pub(super) fn full(matrix: &DMatrix<f64>) -> Option<Self> {
        if matrix.is_empty() {
            return None;
        }
        let (mut smallest, mut largest) = (f64::INFINITY, 0.0_f64);
        for entry in matrix.iter() {
            smallest = smallest.min(entry.abs());
            largest = largest.max(entry.abs());
        }
        if !(smallest > FULL_RANGE.0 && largest < FULL_RANGE.1) {
            return None;
        }
        // The least-squares fit of `column_grading`, which for full matrices is the mean over each column.
        let mean = |column: &[f64]| {
            column.iter().map(|entry| (entry.to_bits() >> 52) as i64 & 0x7ff).sum::<i64>() / column.len() as i64
        };
        let means = matrix.as_slice().chunks(matrix.nrows().max(1)).map(mean);
        let (low, high) = means.fold((i64::MAX, i64::MIN), |(low, high), mean| (low.min(mean), high.max(mean)));
        (high - low < COLUMN_RANGE - 1).then(|| Self { largest: exponent(largest) })
    }
}

/// Exponent of an entry that is not zero.
fn size(entry: f64) -> Option<i64> {
    (entry != 0.0).then(|| Wide::new(entry).exponent())
}

/// Binary exponents c of the sizes of the columns, and `None` for columns of zeros; nothing if all columns are of about
/// the same size.
///
/// The least-squares fit `log2 |a_ij| = r_i + c_j` over the entries that are not zero, by alternating means (Curtis and
/// Reid 1972): with the largest entries instead, a sparse matrix mixes the grading of its columns into its rows.
pub(super) fn column_grading(matrix: &DMatrix<f64>) -> Option<Vec<Option<i64>>> {
    let mut sizes = Vec::with_capacity(matrix.len());
    for (j, column) in matrix.column_iter().enumerate() {
        sizes.extend(column.iter().enumerate().filter_map(|(i, &entry)| Some((i, j, size(entry)? as f64))));
    }
    let mut of_columns = vec![0.0; matrix.ncols()];
    let (mut in_row, mut in_column) = (vec![0.0; matrix.nrows()], vec![0.0; matrix.ncols()]);
    for &(i, j, _) in &sizes {
        in_row[i] += 1.0;
        in_column[j] += 1.0;
    }
    for _ in 0..MAX_FITS {
        let mut residual = vec![0.0; matrix.nrows()];
        sizes.iter().for_each(|&(i, j, size)| residual[i] += size - of_columns[j]);
        let of_rows: Vec<f64> = residual.iter().zip(&in_row).map(|(sum, count)| sum / f64::max(*count, 1.0)).collect();
        let mut residual = vec![0.0; matrix.ncols()];
        sizes.iter().for_each(|&(i, j, size)| residual[j] += size - of_rows[i]);
        let mut change = 0.0_f64;
        for ((column, sum), count) in of_columns.iter_mut().zip(residual).zip(&in_column) {
            let mean = sum / f64::max(*count, 1.0);
            change = change.max((mean - *column).abs());
            *column = mean;
        }
        if change < 1.0 {
            break;
        }
    }
    let exponents: Vec<Option<i64>> =
        of_columns.iter().zip(&in_column).map(|(size, &count)| (count > 0.0).then_some(size.round() as i64)).collect();
    let largest = exponents.iter().flatten().max()?;
    let smallest = exponents.iter().flatten().min()?;
    (largest - smallest > COLUMN_RANGE || exponents.contains(&None)).then_some(exponents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(of_rows: [i32; 5], of_columns: [i32; 4]) -> DMatrix<f64> {
        DMatrix::from_fn(5, 4, |i, j| (1.0 + ((i * 3 + j * 5) % 4) as f64) * 2f64.powi(of_rows[i] + of_columns[j]))
    }

    #[test]
    fn gradings_are_found_and_undone() {
        assert_eq!(column_grading(&graded([0; 5], [0; 4])), None);
        // Rows may be of any size: they are none of the columns' business.
        assert_eq!(column_grading(&graded([0, -300, 200, 7, 70], [0; 4])), None);
        let columns = [0, 40, -200, 300];
        let found = column_grading(&graded([0, -300, 200, 7, 70], columns)).expect("columns differ");
        let offset = found[0].expect("not a column of zeros");
        assert!(
            found
                .iter()
                .zip(columns)
                .all(|(found, set)| { (found.expect("not a column of zeros") - offset - i64::from(set)).abs() <= 2 })
        );
    }

    #[test]
    fn columns_of_zeros_are_found() {
        let mut matrix = graded([0; 5], [0; 4]);
        matrix.column_mut(2).fill(0.0);
        let found = column_grading(&matrix).expect("a column of zeros counts");
        assert_eq!(found.iter().position(Option::is_none), Some(2));
        assert_eq!(column_grading(&DMatrix::zeros(3, 2)), None);
    }

    #[test]
    fn scaling_is_exact() {
        for (spread, plain) in [([0, -40, 10, 3, 9], true), ([0, -900, 10, 3, 9], false)] {
            let matrix = graded(spread, [0; 4]);
            let scaled = RowScaled::new(&matrix, &[0; 5], &[0; 4]);
            assert_eq!(scaled.is_plain(), plain);
            let largest = scaled.rows.amax();
            assert!((1.0..2.0).contains(&largest));
            let back = DMatrix::from_fn(5, 4, |i, j| scaled.rows[(i, j)] * power_of_two(scaled.exponents[i]));
            assert_eq!(back, matrix);
        }
    }
}
