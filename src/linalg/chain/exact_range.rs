//! The range of a product of the entries as exact numbers, for its rank.

use std::sync::LazyLock;

use nalgebra::DMatrix;
use pulp::Arch;

use super::super::gemm_blocks;

/// Safe primes: 2 has an order of at least `(p - 1) / 2` for them, more than `f64` has exponents. Below 2^24, so that sums of [`BLOCK`]
/// products of balanced residues are exact in `f64`.
const PRIMES: [u64; 2] = [16_776_899, 16_775_723];

/// `BLOCK (p/2)^2 < 2^53`.
const BLOCK: usize = 128;

/// The range of a product `W_l ... W_1` of matrices of `f64`, taken as the exact numbers they are.
///
/// A finite `f64` is a whole number times a power of two. It has a residue modulo every odd prime, and products of residues are residues of
/// products. The rank of the residues is never above that of the product, and below it only if the prime divides all largest minors that are
/// not zero: once in 10^7 for entries that were not made for it, and once in 10^14 for both primes. So a rank that falls, by the pattern of
/// the zeros, by cancellation, or because a factor vanishes on what the others reach, is told from one that is merely hard to see.
#[derive(Debug, Clone)]
pub(super) struct ExactRange {
    rows: usize,
    span: Span,
}

#[derive(Debug, Clone)]
enum Span {
    /// All vectors with zeros outside these coordinates, which increase: where most products are, and nothing needs to be computed.
    Coordinates(Vec<usize>),
    /// The columns, by prime.
    Columns([DMatrix<f64>; 2]),
}

impl ExactRange {
    /// All vectors of length `rows`.
    pub(super) fn whole(rows: usize) -> Self {
        Self::coordinates(rows, (0..rows).collect())
    }

    pub(super) fn coordinates(rows: usize, coordinates: Vec<usize>) -> Self {
        Self { rows, span: Span::Coordinates(coordinates) }
    }

    /// Its dimension, if the columns are independent, as after [`reduced`](Self::reduced).
    pub(super) fn rank(&self) -> usize {
        match &self.span {
            Span::Coordinates(coordinates) => coordinates.len(),
            Span::Columns(columns) => columns.iter().map(DMatrix::ncols).fold(0, usize::max),
        }
    }

    /// Its image under a factor.
    pub(super) fn image(&self, factor: &DMatrix<f64>) -> Self {
        let columns = match &self.span {
            Span::Coordinates(kept) => {
                let factor = factor.select_columns(kept);
                [0, 1].map(|k| residues(&factor, k))
            }
            Span::Columns(columns) => [0, 1].map(|k| times(&residues(factor, k), &columns[k], PRIMES[k] as f64)),
        };
        Self { rows: factor.nrows(), span: Span::Columns(columns) }
    }

    /// Its image under the diagonal of zeros and ones, with ones where `kept`.
    pub(super) fn masked(&self, kept: &[bool]) -> Self {
        let span = match &self.span {
            Span::Coordinates(coordinates) => {
                Span::Coordinates(coordinates.iter().copied().filter(|&i| kept[i]).collect())
            }
            Span::Columns(columns) => Span::Columns(columns.clone().map(|mut columns| {
                for mut column in columns.column_iter_mut() {
                    column.iter_mut().zip(kept).filter(|(_, kept)| !**kept).for_each(|(entry, _)| *entry = 0.0);
                }
                columns
            })),
        };
        Self { rows: self.rows, span }
    }

    /// With independent columns.
    pub(super) fn reduced(self) -> Self {
        let span = match self.span {
            Span::Columns([first, second]) => {
                let [p, q] = PRIMES.map(|prime| prime as f64);
                Span::Columns([independent(first, p), independent(second, q)])
            }
            coordinates @ Span::Coordinates(_) => coordinates,
        };
        Self { rows: self.rows, span }
    }
}

/// The residue of a whole number up to 2^53, between -p/2 and p/2; exactly 0 for multiples of p.
#[inline(always)]
fn reduce(x: f64, p: f64, inverse: f64) -> f64 {
    // Adding and subtracting it rounds to a whole number, and unlike `round` it vectorises everywhere.
    const ROUND: f64 = 1.5 * (1u64 << 52) as f64;
    x - ((x * inverse + ROUND) - ROUND) * p
}

/// Balanced `2^e mod p` for the exponents of the last digit of an `f64`, by its exponent field: from -1074, which 0 and 1 share.
static POWERS: LazyLock<[Vec<f64>; 2]> = LazyLock::new(|| {
    PRIMES.map(|prime| {
        let p = prime as f64;
        let lowest = (0..1074).fold(1, |power, _| power * prime.div_ceil(2) % prime);
        let powers = std::iter::successors(Some(lowest), |power| Some(power * 2 % prime));
        let powers: Vec<f64> = powers.take(2046).map(|power| reduce(power as f64, p, 1.0 / p)).collect();
        powers[..1].iter().chain(&powers).copied().collect()
    })
});

/// Balanced residues of a matrix of finite entries, by the index of the prime.
fn residues(matrix: &DMatrix<f64>, prime: usize) -> DMatrix<f64> {
    const FRACTION: u64 = (1 << 52) - 1;
    let (powers, p) = (&POWERS[prime][..], PRIMES[prime] as f64);
    let residue = |entry: f64| {
        let bits = entry.to_bits();
        let field = (bits >> 52) as usize & 0x7ff;
        // The digits as a whole number; subnormal numbers have no leading one.
        let whole = f64::from_bits(bits & FRACTION | 1075 << 52) - if field == 0 { (1u64 << 52) as f64 } else { 0.0 };
        let residue = reduce(reduce(whole, p, 1.0 / p) * powers[field], p, 1.0 / p);
        residue * 1f64.copysign(entry)
    };
    let mut result = matrix.clone();
    Arch::new().dispatch(|| result.as_mut_slice().iter_mut().for_each(|entry| *entry = residue(*entry)));
    result
}

/// The product of matrices of balanced residues.
fn times(left: &DMatrix<f64>, right: &DMatrix<f64>, p: f64) -> DMatrix<f64> {
    let (rows, inner, columns) = (left.nrows(), left.ncols(), right.ncols());
    let mut sum = DMatrix::zeros(rows, columns);
    let mut part = DMatrix::zeros(rows, columns);
    let arch = Arch::new();
    for start in (0..inner).step_by(BLOCK) {
        gemm_blocks(left, right, &mut part, 0..rows, start..inner.min(start + BLOCK), 0..columns);
        let (sum, part) = (sum.as_mut_slice(), part.as_slice());
        arch.dispatch(|| {
            for (sum, &part) in sum.iter_mut().zip(part) {
                *sum = reduce(*sum + reduce(part, p, 1.0 / p), p, 1.0 / p);
            }
        });
    }
    sum
}

/// Columns that span what the given ones do, in echelon form.
fn independent(mut columns: DMatrix<f64>, p: f64) -> DMatrix<f64> {
    let (rows, arch, inverse) = (columns.nrows(), Arch::new(), 1.0 / p);
    let mut kept = Vec::new();
    for j in 0..columns.ncols() {
        let (before, after) = columns.as_mut_slice().split_at_mut((j + 1) * rows);
        let pivot = &before[j * rows..];
        let Some(row) = pivot.iter().position(|&entry| entry != 0.0) else { continue };
        kept.push(j);
        let reciprocal = reciprocal(pivot[row], p);
        for column in after.chunks_exact_mut(rows) {
            let (column, pivot) = (&mut column[row..], &pivot[row..]);
            let factor = reduce(column[0] * reciprocal, p, inverse);
            if factor == 0.0 {
                continue;
            }
            arch.dispatch(|| {
                for (entry, &pivot) in column.iter_mut().zip(pivot) {
                    *entry = reduce(*entry - factor * pivot, p, inverse);
                }
            });
        }
    }
    columns.select_columns(&kept)
}

/// The balanced inverse of a residue that is not zero: `x^(p - 2)`.
fn reciprocal(x: f64, p: f64) -> f64 {
    let (mut power, mut result, mut exponent) = (x, 1.0, p as u64 - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = reduce(result * power, p, 1.0 / p);
        }
        power = reduce(power * power, p, 1.0 / p);
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use nalgebra::dmatrix;

    use super::super::tests::Draws;
    use super::*;

    fn rank(factors: &[DMatrix<f64>]) -> usize {
        let whole = ExactRange::whole(factors[0].ncols());
        factors.iter().fold(whole, |range, factor| range.image(factor)).reduced().rank()
    }

    /// The largest product of residues is met to the bit by a sum in whole numbers.
    #[test]
    fn products_of_residues_are_exact() {
        for (k, prime) in PRIMES.into_iter().enumerate() {
            let p = prime as f64;
            let worst = ((prime - 1) / 2) as f64;
            let mut a = residues(&Draws(3).matrix(5, 300), k);
            let mut b = residues(&Draws(4).matrix(300, 4), k);
            a.row_mut(0).fill(worst);
            b.column_mut(0).fill(-worst);
            assert!(a.amax() <= worst && b.amax() <= worst);
            let got = times(&a, &b, p);
            let modulo = |x: f64| (x as i64).rem_euclid(prime as i64) as i128;
            for i in 0..5 {
                for j in 0..4 {
                    let sum: i128 = (0..300).map(|l| modulo(a[(i, l)]) * modulo(b[(l, j)])).sum();
                    assert_eq!(modulo(got[(i, j)]), sum.rem_euclid(i128::from(prime)));
                }
            }
            assert!(a.iter().all(|&x| x == 0.0 || reduce(x * reciprocal(x, p), p, 1.0 / p) == 1.0));
        }
    }

    #[test]
    fn residues_are_those_of_the_exact_number() {
        for (k, prime) in PRIMES.into_iter().enumerate() {
            let p = prime as f64;
            // 3/8 times 8 is 3, also where the number is subnormal, and the largest number is (2^53 - 1) 2^971.
            let values = residues(&dmatrix![0.375, 8.0, 3.0, 5e-324, f64::MIN_POSITIVE, f64::MAX, -0.0, p], k);
            assert_eq!(reduce(values[0] * values[1], p, 1.0 / p), values[2]);
            let (mut smallest, mut largest) = (values[3], ((1u64 << 53) - 1) % prime);
            (0..52).for_each(|_| smallest = reduce(2.0 * smallest, p, 1.0 / p));
            assert_eq!(smallest, values[4]);
            (0..971).for_each(|_| largest = largest * 2 % prime);
            assert_eq!(values[5].rem_euclid(p), largest as f64);
            assert_eq!((values[6], values[7]), (0.0, 0.0));
        }
    }

    #[test]
    fn ranks_are_those_of_the_exact_product() {
        let mut draws = Draws(5);
        assert_eq!(rank(&[draws.matrix(7, 5)]), 5);
        assert_eq!(rank(&[draws.matrix(150, 160), draws.matrix(140, 150)]), 140);
        assert_eq!(rank(&[DMatrix::from_element(4, 4, 0.1)]), 1);
        assert_eq!(rank(&[DMatrix::zeros(3, 4)]), 0);
        // A last place more, and the rank is whole.
        assert_eq!(rank(&[dmatrix![0.1, 0.1; 0.1, 0.1f64.next_up()]]), 2);
        // The second factor vanishes on what the first one reaches.
        assert_eq!(rank(&[dmatrix![1.0, 2.0; 3.0, 6.0], dmatrix![3.0, -1.0; 6.0, -2.0]]), 0);
        // 2^-1000 and 2^1000 beside each other.
        assert_eq!(rank(&[dmatrix![2f64.powi(-1000), 2f64.powi(500); 2f64.powi(-500), 2f64.powi(1000)]]), 1);
        assert_eq!(rank(&[dmatrix![2f64.powi(-1000), 2f64.powi(500); 2f64.powi(-500), 2f64.powi(999)]]), 2);
    }

    #[test]
    fn coordinates_are_a_range_like_others() {
        let factor = Draws(6).matrix(6, 6);
        let kept = [true, false, true, true, false, false];
        let coordinates = ExactRange::whole(6).masked(&kept);
        assert_eq!((coordinates.rank(), coordinates.image(&factor).reduced().rank()), (3, 3));
        let columns = ExactRange::whole(6).image(&factor).masked(&kept).reduced();
        assert_eq!(columns.rank(), 3);
    }
}
