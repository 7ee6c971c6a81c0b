//! Identities, agreement with LAPACK, and chains that break simpler methods.

use nalgebra::dmatrix;

use super::*;
use crate::linalg::{one_ulp_off, orthonormal_columns, singular_values};

/// Matrices that other programs can reproduce to the bit: a 64-bit congruential generator; an entry is the sum of twelve
/// 16-bit draws, less its mean, in units of 2^-16, which is nearly a standard normal.
pub(super) struct Draws(pub(super) u64);

impl Draws {
    fn entry(&mut self) -> f64 {
        let mut sum = -393_210.0;
        for _ in 0..12 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sum += (self.0 >> 48) as f64;
        }
        sum / 65_536.0
    }

    /// Entries are drawn row by row.
    pub(super) fn matrix(&mut self, rows: usize, columns: usize) -> DMatrix<f64> {
        DMatrix::from_row_iterator(rows, columns, std::iter::repeat_with(|| self.entry()).take(rows * columns))
    }

    fn orthogonal(&mut self, n: usize) -> DMatrix<f64> {
        orthonormal_columns(self.matrix(n, n)).expect("square")
    }
}

pub(super) fn spectrum(factors: &[DMatrix<f64>]) -> LogSingularValues {
    let mut chain = Chain::new(factors[0].ncols());
    for factor in factors {
        chain.push(factor).expect("factors chain and are finite");
    }
    chain.log_singular_values().expect("decompositions converge")
}

/// The accuracy that [`Chain`] promises where one ulp in the entries of the factors changes the value by `change`.
pub(super) fn tolerance(expected: f64, change: f64) -> f64 {
    f64::max(1e-11, 4.0 * f64::EPSILON * expected.abs()).max(10.0 * change)
}

/// Equal to `tolerance`, infinities included.
fn assert_near(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (a, b) in got.iter().zip(expected) {
        assert!(a == b || (a - b).abs() <= tolerance, "{got:?} against {expected:?}");
    }
}

fn condition(matrix: &DMatrix<f64>) -> f64 {
    let values = singular_values(matrix.clone()).expect("finite");
    values[0] / values[values.len() - 1]
}

fn gaussian_chain(seed: u64, widths: &[usize]) -> Vec<DMatrix<f64>> {
    let mut draws = Draws(seed);
    widths.windows(2).map(|pair| draws.matrix(pair[1], pair[0])).collect()
}

const SHAPES: [&[usize]; 6] =
    [&[5, 5, 5, 5], &[3, 8, 4, 6], &[9, 4, 7, 2], &[1, 6, 6], &[6, 1, 6], &[20, 20, 20, 20, 20, 20, 20]];

#[test]
fn short_chains_agree_with_lapack() {
    for widths in SHAPES {
        let factors = gaussian_chain(1, widths);
        let product = factors[1..].iter().fold(factors[0].clone(), |product, factor| factor * product);
        let expected = singular_values(product).expect("finite");
        let got = spectrum(&factors);
        let expected_rank = widths.iter().min().copied().expect("not empty");
        assert_eq!(got.rank(), expected_rank);
        assert_eq!(got.values().len(), widths[0].min(widths[widths.len() - 1]));
        for (ln_value, value) in got.finite().iter().zip(&expected) {
            // LAPACK's error is absolute.
            assert!((ln_value.exp() - value).abs() < 1e-13 * expected[0], "{got:?} against {expected:?}");
        }
    }
}

#[test]
fn logarithms_sum_to_those_of_the_determinants() {
    let factors = gaussian_chain(2, &[12; 201]);
    let determinants: f64 = factors.iter().map(|factor| factor.determinant().abs().ln()).sum();
    let sum: f64 = spectrum(&factors).values().iter().sum();
    assert!((sum - determinants).abs() < 1e-11, "{sum} against {determinants}");
}

#[test]
fn orthogonal_factors_change_nothing() {
    let factors = gaussian_chain(3, &[6; 31]);
    let mut draws = Draws(4);
    let mut turned = Vec::new();
    let mut before = draws.orthogonal(6);
    turned.push(before.clone());
    for factor in &factors {
        let after = draws.orthogonal(6);
        turned.push(&after * factor * before.transpose());
        before = after;
    }
    assert_near(spectrum(&turned).values(), spectrum(&factors).values(), 1e-11);
    let rotations: Vec<_> = (0..300).map(|_| draws.orthogonal(30)).collect();
    assert_near(spectrum(&rotations).values(), &[0.0; 30], 1e-11);
}

#[test]
fn a_transposed_chain_has_the_same_spectrum() {
    for seed in 0..20 {
        for widths in SHAPES {
            let mut factors = gaussian_chain(5 + seed, widths);
            // One draw in a hundred has a condition of 1e5, and costs the digits that the documentation says.
            if factors.iter().any(|factor| condition(factor) > 1e4) {
                continue;
            }
            // Graded by rows and by columns over 2^(+-64).
            for (l, factor) in factors.iter_mut().enumerate() {
                for i in 0..factor.nrows() {
                    for j in 0..factor.ncols() {
                        factor[(i, j)] *= 2f64.powi((i * 37 + l * 11) as i32 % 64 - (j * 23) as i32 % 64);
                    }
                }
            }
            let transposed: Vec<_> = factors.iter().rev().map(DMatrix::transpose).collect();
            // Two errors, each of which may be 1e-11.
            assert_near(spectrum(&transposed).values(), spectrum(&factors).values(), 2e-11);
        }
    }
}

#[test]
fn scales_and_groupings_do_not_matter() {
    let factors = gaussian_chain(30, &[7, 9, 8, 6, 6]);
    let expected = spectrum(&factors);
    let scaled: Vec<_> = factors.iter().map(|factor| factor * 2f64.powi(-900)).collect();
    let shifted: Vec<f64> = expected.values().iter().map(|value| value - 3600.0 * 2f64.ln()).collect();
    assert_near(spectrum(&scaled).values(), &shifted, 1e-12);
    let grouped = [&factors[1] * &factors[0], &factors[3] * &factors[2]];
    assert_near(spectrum(&grouped).values(), expected.values(), 1e-12);
}

#[test]
fn every_partial_product_can_be_asked_for() {
    let factors = gaussian_chain(31, &[4, 6, 3, 5]);
    let mut chain = Chain::new(4);
    assert_eq!(chain.log_singular_values().expect("identity").values(), [0.0; 4]);
    for count in 1..=factors.len() {
        chain.push(&factors[count - 1]).expect("chains");
        assert_eq!((chain.rows(), chain.columns()), (factors[count - 1].nrows(), 4));
        assert_eq!(chain.log_singular_values().expect("converges"), spectrum(&factors[..count]));
    }
}

#[test]
fn nilpotent_products_vanish_exactly() {
    let shift = DMatrix::from_fn(5, 5, |i, j| if j == i + 1 { 3.0 } else { 0.0 });
    for power in 1..8_usize {
        let got = spectrum(&vec![shift.clone(); power]);
        let rank = 5_usize.saturating_sub(power);
        assert_eq!(got.rank(), rank);
        assert_near(got.finite(), &vec![power as f64 * 3f64.ln(); rank], 1e-13);
    }
    // Two nilpotent factors whose product grows: eigenvalues say nothing about it.
    let up = dmatrix![0.0, 4.0; 0.0, 0.0];
    let down = up.transpose();
    let alternating: Vec<_> = (0..2000).map(|l| if l % 2 == 0 { up.clone() } else { down.clone() }).collect();
    assert_near(spectrum(&alternating).values(), &[2000.0 * 4f64.ln(), f64::NEG_INFINITY], 1e-11);
}

#[test]
fn dead_units_lower_the_rank_exactly() {
    let mut draws = Draws(40);
    let mut factors: Vec<_> = (0..30).map(|_| draws.matrix(12, 12)).collect();
    for (l, factor) in factors.iter_mut().enumerate() {
        for unit in 0..l % 6 {
            factor.row_mut((unit * 5 + l) % 12).fill(0.0);
        }
    }
    assert_eq!(spectrum(&factors).rank(), 7);
    let transposed: Vec<_> = factors.iter().rev().map(DMatrix::transpose).collect();
    assert_eq!(spectrum(&transposed).rank(), 7);
    assert_near(spectrum(&transposed).values(), spectrum(&factors).values(), 1e-11);
}

#[test]
fn zero_empty_and_thin_products() {
    let infinity = f64::NEG_INFINITY;
    assert_eq!(spectrum(&[DMatrix::zeros(3, 4)]).values(), [infinity; 3]);
    let dead = [Draws(1).matrix(6, 4), DMatrix::zeros(3, 6), Draws(2).matrix(5, 3), Draws(3).matrix(5, 5)];
    assert_eq!(spectrum(&dead).values(), [infinity; 4]);
    assert_eq!(spectrum(&[DMatrix::zeros(0, 4), DMatrix::zeros(3, 0)]).values(), [infinity; 3]);
    assert!(spectrum(&[DMatrix::zeros(0, 4)]).values().is_empty());
    assert!(spectrum(&[DMatrix::zeros(4, 0)]).values().is_empty());
    let row = dmatrix![3.0, 0.0, -4.0];
    assert_near(spectrum(std::slice::from_ref(&row)).values(), &[5f64.ln()], 1e-15);
    assert_near(spectrum(&[row.clone(), row.transpose()]).values(), &[25f64.ln(), infinity, infinity], 1e-15);
}

#[test]
fn twenty_thousand_factors_far_from_one() {
    for scale in [1e-10, 1e10] {
        let factors: Vec<_> = gaussian_chain(50, &[4; 51]).iter().map(|factor| factor * scale).collect();
        let mut chain = Chain::new(4);
        let mut determinants = 0.0;
        for factor in factors.iter().cycle().take(20_000) {
            chain.push(factor).expect("square");
        }
        for factor in &factors {
            determinants += 400.0 * factor.determinant().abs().ln();
        }
        let got = chain.log_singular_values().expect("converges");
        let sum: f64 = got.values().iter().sum();
        assert!((sum - determinants).abs() < 1e-14 * determinants.abs(), "{sum} against {determinants}");
        assert_eq!(got.rank(), 4);
    }
}

#[test]
fn diagonals_that_no_single_scale_fits() {
    let diagonal = dmatrix![1e300, 0.0, 0.0; 0.0, 1e-300, 0.0; 0.0, 0.0, 1.0];
    let expected = 300.0 * 300.0 * std::f64::consts::LN_10;
    assert_near(spectrum(&vec![diagonal; 300]).values(), &[expected, 0.0, -expected], 1e-10);
}

#[test]
fn shears_grow_linearly() {
    // [1 n; 0 1] has the singular values exp(+-asinh(n/2)).
    for slope in [1.0, 1e6] {
        let got = spectrum(&vec![dmatrix![1.0, slope; 0.0, 1.0]; 1000]);
        let expected = (500.0 * slope).asinh();
        assert_near(got.values(), &[expected, -expected], 1e-11);
    }
}

#[test]
fn an_explicit_product_would_not_pass() {
    let factors = gaussian_chain(60, &[6; 101]);
    let product = factors[1..].iter().fold(factors[0].clone(), |product, factor| factor * product);
    let explicit: f64 = singular_values(product).expect("finite").iter().map(|value| value.ln()).sum();
    let determinants: f64 = factors.iter().map(|factor| factor.determinant().abs().ln()).sum();
    let sum: f64 = spectrum(&factors).values().iter().sum();
    assert!((sum - determinants).abs() < 1e-11);
    assert!((explicit - determinants).abs() > 1.0, "the comparison has lost its point");
}

#[test]
fn broken_factors_are_refused_and_leave_the_product() {
    let mut chain = Chain::new(2);
    chain.push(&dmatrix![2.0, 0.0; 0.0, 3.0; 0.0, 0.0]).expect("3 x 2");
    let wrong = chain.push(&DMatrix::zeros(2, 2));
    assert_eq!(wrong, Err(LinalgError::NotChained { rows: 2, columns: 2, expected: 3 }));
    let nan = chain.push(&DMatrix::from_element(1, 3, f64::NAN));
    assert_eq!(nan, Err(LinalgError::NotFinite { rows: 1, columns: 3 }));
    let got = chain.log_singular_values().expect("diagonal");
    assert_near(got.values(), &[3f64.ln(), 2f64.ln()], 1e-15);
}

/// The error that a tolerance buys, against chains that multiply nothing explicitly; without a limit it would be exceeded by far.
#[test]
fn explicit_groups_stay_within_the_tolerance() {
    let factors: Vec<_> = gaussian_chain(80, &[64; 61]).iter().map(|factor| factor * 0.125).collect();
    let run = |tolerance: f64| {
        let mut chain = Chain::with_tolerance(64, tolerance);
        let mut largest = 1;
        for factor in &factors {
            chain.push(factor).expect("chains");
            largest = largest.max(chain.groups.size);
        }
        (chain.log_singular_values().expect("converges"), largest)
    };
    let (exact, alone) = run(0.0);
    assert_eq!(alone, 1);
    let error = |got: &LogSingularValues| {
        got.values().iter().zip(exact.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    for tolerance in [1e-11, 1e-9, 1e-6] {
        let (got, largest) = run(tolerance);
        assert!(error(&got) <= tolerance, "{tolerance:e}: {:e}", error(&got));
        assert!(largest > 1, "{tolerance:e} multiplies nothing");
    }
    let (loose, _) = run(1e3);
    assert!(error(&loose) > 1e-6, "the comparison has lost its point: {:e}", error(&loose));
}

/// A matrix of determinant 1 and its inverse, both of integers: nothing is rounded.
fn unimodular(draws: &mut Draws, n: usize) -> (DMatrix<f64>, DMatrix<f64>) {
    let signs = draws.matrix(n, n).map(|entry| entry.clamp(-1.4, 1.4).round());
    let lower = DMatrix::from_fn(n, n, |i, j| if i > j { signs[(i, j)] } else { f64::from(i == j) });
    let upper = DMatrix::from_fn(n, n, |i, j| if i < j { signs[(i, j)] } else { f64::from(i == j) });
    let inverse = |triangular: &DMatrix<f64>| triangular.clone().try_inverse().expect("regular").map(f64::round);
    let (matrix, inverse) = (&lower * &upper, inverse(&upper) * inverse(&lower));
    assert_eq!(&matrix * &inverse, DMatrix::identity(n, n));
    (matrix, inverse)
}

#[test]
fn the_inverse_has_the_reciprocals() {
    let mut draws = Draws(90);
    let (factors, mut inverses): (Vec<_>, Vec<_>) = (0..80).map(|_| unimodular(&mut draws, 5)).unzip();
    inverses.reverse();
    let got = spectrum(&factors);
    assert!(got.values()[0] - got.values()[4] > 100.0, "an explicit product would do: {got:?}");
    let reciprocals: Vec<f64> = spectrum(&inverses).values().iter().rev().map(|value| -value).collect();
    assert_near(got.values(), &reciprocals, 2e-11);
}

/// `J^T J`, by a chain that returns through its own factors.
#[test]
fn there_and_back_squares_the_values() {
    for widths in SHAPES.into_iter().chain([&[6; 41][..]]) {
        let factors = gaussian_chain(91, widths);
        let both: Vec<_> = factors.iter().cloned().chain(factors.iter().rev().map(DMatrix::transpose)).collect();
        let mut expected: Vec<f64> = spectrum(&factors).finite().iter().map(|value| 2.0 * value).collect();
        expected.resize(widths[0], f64::NEG_INFINITY);
        let (got, rank) = (spectrum(&both), widths.iter().min().copied().expect("not empty"));
        assert_near(got.finite(), &expected[..rank], 2e-11);
        assert_eq!(got.values().len(), expected.len());
    }
}

/// The product of two factors has 41 bits, and is exact.
#[test]
fn chains_may_be_cut_and_joined_anywhere() {
    let factors = gaussian_chain(92, &[6; 61]);
    let pairs: Vec<_> = factors.chunks(2).map(|pair| &pair[1] * &pair[0]).collect();
    let expected = spectrum(&factors);
    for cut in [0, 1, 15, 29] {
        let (before, after) = factors.split_at(2 * cut);
        let pairs_last: Vec<_> = before.iter().chain(&pairs[cut..]).cloned().collect();
        let pairs_first: Vec<_> = pairs[..cut].iter().chain(after).cloned().collect();
        assert_near(spectrum(&pairs_last).values(), expected.values(), 2e-11);
        assert_near(spectrum(&pairs_first).values(), expected.values(), 2e-11);
    }
}

#[test]
fn triangular_nilpotent_products_lose_a_rank_a_factor() {
    let strict = |full: DMatrix<f64>| DMatrix::from_fn(6, 6, |i, j| if j > i { full[(i, j)] } else { 0.0 });
    let mut draws = Draws(95);
    let upper: Vec<_> = (0..7).map(|_| strict(draws.matrix(6, 6))).collect();
    let lower: Vec<_> = upper.iter().rev().map(DMatrix::transpose).collect();
    for count in 1..=7 {
        let rank = 6_usize.saturating_sub(count);
        assert_eq!(spectrum(&upper[..count]).rank(), rank);
        assert_eq!(spectrum(&lower[7 - count..]).rank(), rank);
        assert_near(spectrum(&lower[7 - count..]).values(), spectrum(&upper[..count]).values(), 2e-11);
    }
    // Zero by cancellation: of rounding size, and less with every factor.
    for count in 2..6 {
        let got = spectrum(&vec![dmatrix![1.0, -1.0; 1.0, -1.0]; count]);
        assert!(got.values()[0] < -30.0 * (count - 1) as f64 && got.values()[1] == f64::NEG_INFINITY, "{got:?}");
    }
}

/// Rows and columns in turn: numbers between two vectors, from 10^-120000 to 10^120000.
#[test]
fn widths_of_one_leave_one_value() {
    let mut draws = Draws(93);
    for (exponent, n) in [(-498, 5), (498, 3), (0, 1)] {
        // Positive: sums do not cancel.
        let vectors: Vec<_> = (0..800).map(|_| draws.matrix(n, 1).map(|entry| 0.1 + entry.abs())).collect();
        let factors = vectors.iter().enumerate().map(|(l, vector)| {
            let scaled = vector * 2f64.powi(exponent);
            if l % 2 == 0 { scaled.transpose() } else { scaled }
        });
        let inner: f64 = vectors[1..799].chunks(2).map(|pair| pair[0].dot(&pair[1]).ln()).sum();
        let ends = vectors[0].norm().ln() + vectors[799].norm().ln();
        let expected = f64::from(800 * exponent) * std::f64::consts::LN_2 + (inner + ends);
        let got = spectrum(&factors.collect::<Vec<_>>());
        assert_eq!(got.values().len(), n);
        assert_near(got.finite(), &[expected], tolerance(expected, 0.0));
    }
}

#[test]
fn products_may_leave_every_range_and_return() {
    let factors = gaussian_chain(94, &[5; 1001]);
    // Up to 10^67000, down to 10^-67000 and back, by powers of two: exact.
    let exponent = |l: usize| if (250..750).contains(&l) { -900 } else { 900 };
    let scaled: Vec<_> = factors.iter().enumerate().map(|(l, factor)| factor * 2f64.powi(exponent(l))).collect();
    assert_near(spectrum(&scaled).values(), spectrum(&factors).values(), 1e-11);
}

/// `H_L D^L H_0^T`, by dense factors `H_l D H_{l-1}^T` without rounding: Hadamard matrices and powers of two.
#[test]
fn one_product_between_ten_to_the_hundred_thousand_and_its_inverse() {
    const LENGTH: usize = 112_000;
    let hadamard = |l: usize| {
        DMatrix::from_fn(4, 4, |i, j| if (((i + l) % 4) & j).count_ones().is_multiple_of(2) { 0.5 } else { -0.5 })
    };
    let diagonal = DMatrix::from_diagonal(&nalgebra::dvector![8.0, 2.0, 1.0, 0.125]);
    let factors: Vec<_> = (0..4).map(|l| hadamard(l + 1) * &diagonal * hadamard(l).transpose()).collect();
    let run = |factors: &[DMatrix<f64>]| {
        let mut chain = Chain::new(4);
        factors.iter().cycle().take(LENGTH).for_each(|factor| chain.push(factor).expect("square"));
        chain.log_singular_values().expect("converges").values().to_vec()
    };
    let got = run(&factors);
    // Factors that return bring back the same rounding errors, as they bring back the same change of their entries.
    let moved = [0, 1].map(|coin| {
        run(&factors.iter().zip(0..).map(|(factor, l)| one_ulp_off(factor, 2 * l + coin)).collect::<Vec<_>>())
    });
    for (i, exponent) in [3.0, 1.0, 0.0, -3.0].into_iter().enumerate() {
        let expected = exponent * LENGTH as f64 * std::f64::consts::LN_2;
        let change = moved.iter().map(|moved| (moved[i] - got[i]).abs()).fold(0.0, f64::max);
        let (error, tolerance) = (got[i] - expected, tolerance(expected, change));
        assert!(error.abs() <= tolerance && change < 1e-9, "{error:e} beyond {tolerance:e}");
    }
}
