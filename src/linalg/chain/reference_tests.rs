//! Chains against a multiprecision reference.
//!
//! Short chains: the product formed and decomposed (QR iteration) with 600 to 6000 decimal digits, and again with twice as
//! many, which agreed to 1e-360; Python 3 and mpmath 1.4.1, whose digits were rounded to `f64`. Both sides draw the same matrices, with entries that are
//! integers times powers of two.
//!
//! Long chains ([`LongChain`]): the product P of the integer matrices `2^16 W_l` without any rounding (1.7 million bits an entry for
//! 100,000 factors), by a binary tree; python-flint 0.9.0, FLINT 3.6.0. Candidates for the singular values by two Cholesky factorisations
//! of `P^T P` in ball arithmetic and one-sided Jacobi with 400 bits. Each value given was then proved by Sylvester's law of inertia: the
//! pivots of `P^T P - x I`, in balls of 24,000 (n = 100) or 1.5 million (n = 8) bits that leave no sign open, count the squares below x,
//! for the two x at which `ln sigma` is 1e-20 below and above the candidate. The sum of all is `ln |det P|` from the exact determinants of
//! the factors; that of the candidates agrees with it to 1e-54. The same program reproduces `hundred_gaussian_factors` to the last digit.
//!
//! Spectral radii: enclosures, to 1e-26, of the roots of the exact characteristic polynomial of P, by the same library.

use nalgebra::DMatrix;

use super::super::{ScaledProduct, one_ulp_off};
use super::Chain;
use super::tests::{Draws, spectrum, tolerance};

/// Exponents of the rows of factor l, from 0 down to -bits: row i has `-floor(bits ((5 i + 3 l) mod n) / (n - 1))`.
fn grading(l: usize, n: usize, bits: usize) -> Vec<i32> {
    (0..n).map(|i| -((bits * ((i * 5 + 3 * l) % n) / (n - 1)) as i32)).collect()
}

fn rows_scaled(mut matrix: DMatrix<f64>, exponents: &[i32]) -> DMatrix<f64> {
    for (mut row, exponent) in matrix.row_iter_mut().zip(exponents) {
        row *= 2f64.powi(*exponent);
    }
    matrix
}

fn columns_scaled(matrix: DMatrix<f64>, exponents: &[i32]) -> DMatrix<f64> {
    rows_scaled(matrix.transpose(), exponents).transpose()
}

/// Within max(1e-11, 4 ulp): chains without an ill conditioned factor.
fn assert_agrees(factors: impl Iterator<Item = DMatrix<f64>>, expected: &[f64]) {
    let got = spectrum(&factors.collect::<Vec<_>>());
    assert_eq!(got.rank(), expected.len());
    for (value, reference) in got.finite().iter().zip(expected) {
        let error = value - reference;
        assert!(error.abs() <= tolerance(*reference, 0.0), "{value} against {reference}: off by {error:e}");
    }
}

/// What is known of the product of `length` matrices of size n x n from `Draws(seed)`.
struct LongChain {
    n: usize,
    length: usize,
    seed: u64,
    /// By index, from 1.
    ln_singular_values: &'static [(usize, f64)],
    /// Of the logarithms of all singular values.
    sum: f64,
}

impl LongChain {
    /// Chains with one ulp of every entry changed, each by coins of its own. One alone may leave a value where it is by chance: of 648
    /// values, one moved by 4e-12, by other coins 1e-10 to 2e-10, and was off by 1e-10.
    const PERTURBED: u64 = 3;

    /// One ulp moves no value by more (a factor of condition 1.4e7 among 100,000: 2e-9): else a chain that loses digits at random would
    /// widen its own tolerance.
    const LARGEST_CHANGE: f64 = 1e-8;

    /// What the chain, after all factors as `changed` gives them, has for the known values and the sum.
    fn run(&self, mut chain: Chain, changed: impl Fn(u64, DMatrix<f64>) -> DMatrix<f64>) -> Vec<f64> {
        let mut draws = Draws(self.seed);
        for index in 0..self.length as u64 {
            let factor = changed(index, draws.matrix(self.n, self.n));
            chain.push(&factor).expect("square and finite");
        }
        let got = chain.log_singular_values().expect("converges");
        assert_eq!(got.rank(), self.n);
        let known = self.ln_singular_values.iter().map(|(index, _)| got.values()[index - 1]);
        known.chain([got.values().iter().sum()]).collect()
    }

    /// The largest change of each by one ulp.
    fn changes(&self, values: &[f64]) -> Vec<f64> {
        let mut changes = vec![0.0; values.len()];
        for coin in 0..Self::PERTURBED {
            let salt = |index| index * Self::PERTURBED + coin;
            let moved = self.run(Chain::new(self.n), |index, factor| one_ulp_off(&factor, salt(index)));
            for (change, (moved, value)) in changes.iter_mut().zip(moved.iter().zip(values)) {
                *change = f64::max(*change, (moved - value).abs());
            }
        }
        assert!(changes.iter().all(|&change| change <= Self::LARGEST_CHANGE), "{changes:?}");
        changes
    }

    /// The errors of the known values and of the sum, in units of the promised tolerance.
    fn errors(&self, values: &[f64], changes: &[f64]) -> Vec<f64> {
        let expected = self.ln_singular_values.iter().map(|&(_, value)| value).chain([self.sum]);
        let pairs = values.iter().zip(expected).zip(changes);
        pairs.map(|((value, expected), &change)| (value - expected) / tolerance(expected, change)).collect()
    }
}

#[test]
fn hundred_thousand_gaussian_factors() {
    let reference = LongChain {
        n: 8,
        length: 100_000,
        seed: 11,
        ln_singular_values: &[
            (1, 97_578.98853909092),
            (2, 90_004.31498146267),
            (3, 80_921.40759239563),
            (4, 69_955.43260316069),
            (5, 56_070.85114113185),
            (6, 36_671.289719900495),
            (7, 6_408.027223606147),
            (8, -63_162.402043927985),
        ],
        sum: 374_447.909_756_820_4,
    };
    let values = reference.run(Chain::new(8), |_, factor| factor);
    let errors = reference.errors(&values, &reference.changes(&values));
    assert!(errors.iter().all(|error| error.abs() <= 1.0), "in units of the tolerance: {errors:?}");
}

#[test]
fn a_thousand_gaussian_factors_of_size_hundred() {
    let reference = LongChain {
        n: 100,
        length: 1000,
        seed: 12,
        ln_singular_values: &[
            (1, 2302.8638384713818),
            (2, 2295.4702353528246),
            (10, 2250.4005712188796),
            (25, 2160.523094375545),
            (50, 1956.5987289676314),
            (75, 1614.538610621042),
            (90, 1160.3156343251746),
            (99, 76.93972573146515),
            (100, -662.6528551763969),
        ],
        sum: 179_069.589_571_881_1,
    };
    let values = reference.run(Chain::new(100), |_, factor| factor);
    let changes = reference.changes(&values);
    let errors = reference.errors(&values, &changes);
    assert!(errors.iter().all(|error| error.abs() <= 1.0), "in units of the tolerance: {errors:?}");
    // Groups of eight factors, multiplied whatever their condition, must be refuted.
    let loose = reference.run(Chain::with_tolerance(100, 1e3), |_, factor| factor);
    let errors = reference.errors(&loose, &changes);
    assert!(errors.iter().any(|error| error.abs() > 10.0), "the comparison has lost its point: {errors:?}");
}

#[test]
fn hundred_gaussian_factors() {
    let expected = [
        99.07050682773932,
        92.98140145342563,
        81.05147541996995,
        64.80528285234959,
        58.87903445744426,
        38.33057974905621,
        6.886922439837041,
        -65.08801262079226,
    ];
    let mut draws = Draws(1);
    assert_agrees((0..100).map(|_| draws.matrix(8, 8)), &expected);
}

#[test]
fn one_factor_two_hundred_times() {
    let expected = [
        256.72631086813163,
        202.97121657076403,
        146.20469498454437,
        80.62057881661747,
        79.91929452938555,
        -21.757221367883727,
        -180.0469327705443,
        -180.8623499030319,
    ];
    let factor = Draws(9).matrix(8, 8);
    assert_agrees((0..200).map(|_| factor.clone()), &expected);
}

#[test]
fn widths_that_shrink_and_grow() {
    let expected = [5.906127250945758, 4.8520835153102055, 3.0086014977242934, 0.9459315135150018];
    let mut draws = Draws(7);
    assert_agrees([6, 9, 4, 12, 5, 7].windows(2).map(|pair| draws.matrix(pair[1], pair[0])), &expected);
}

#[test]
fn rows_over_eighteen_decades() {
    let expected = [
        0.18063989115410062,
        -57.48967237951885,
        -112.78698839649915,
        -169.52692064679715,
        -230.6980365323088,
        -289.47621247747935,
        -343.79742544506183,
        -401.34951932511007,
    ];
    let mut draws = Draws(2);
    assert_agrees((0..10).map(|l| rows_scaled(draws.matrix(8, 8), &grading(l, 8, 60))), &expected);
}

#[test]
fn rows_over_eighteen_decades_sixty_factors() {
    let expected = [
        -14.044891588835629,
        -335.24450038826365,
        -686.9318182849426,
        -1008.6863049948321,
        -1372.427799115028,
        -1721.399221745311,
        -2068.591872577294,
        -2432.155400444586,
    ];
    let mut draws = Draws(2);
    assert_agrees((0..60).map(|l| rows_scaled(draws.matrix(8, 8), &grading(l, 8, 60))), &expected);
}

#[test]
fn the_same_small_rows_in_every_factor() {
    let expected = [
        -7.044811493596262,
        -53.30825223358758,
        -113.64548096454286,
        -161.29815840450314,
        -233.0848075028215,
        -281.8999068764982,
        -346.592913682778,
        -403.44963045634773,
    ];
    let mut draws = Draws(5);
    assert_agrees((0..10).map(|_| rows_scaled(draws.matrix(8, 8), &grading(0, 8, 60))), &expected);
}

#[test]
fn columns_over_eighteen_decades() {
    let expected = [
        -3.4713065749916963,
        -63.81894814907729,
        -106.18989226375628,
        -168.56071896159483,
        -224.1910180273236,
        -280.83422945838527,
        -346.2042513869784,
        -411.12374505970683,
    ];
    let mut draws = Draws(3);
    assert_agrees((0..10).map(|l| columns_scaled(draws.matrix(8, 8), &grading(l, 8, 60))), &expected);
}

#[test]
fn rows_and_columns_over_eighteen_decades() {
    let expected = [
        -103.91701335187108,
        -199.45768846007834,
        -288.590971272043,
        -380.75169844104846,
        -430.1211230736148,
        -519.8181894542599,
        -611.918096008771,
        -714.7969501433168,
    ];
    let mut draws = Draws(4);
    let graded = |l| columns_scaled(rows_scaled(draws.matrix(8, 8), &grading(l, 8, 60)), &grading(2 * l + 1, 8, 60));
    assert_agrees((0..10).map(graded), &expected);
}

#[test]
fn rows_against_columns() {
    let expected = [
        -197.7148945993696,
        -198.36767208802218,
        -199.99346398855113,
        -200.72890128975337,
        -203.35178488104756,
        -205.16914658348765,
        -209.0215902102585,
        -212.7394126606008,
    ];
    // Even factors shrink directions by up to 2^-60 that odd factors shrink the less.
    let mut draws = Draws(10);
    let rows = grading(0, 8, 60);
    let columns: Vec<i32> = rows.iter().map(|exponent| -60 - exponent).collect();
    let graded = |l: usize| {
        let matrix = draws.matrix(8, 8);
        if l.is_multiple_of(2) { rows_scaled(matrix, &rows) } else { columns_scaled(matrix, &columns) }
    };
    assert_agrees((0..10).map(graded), &expected);
}

#[test]
fn rows_over_three_hundred_decades() {
    let expected = [
        -10.529347354493694,
        -1661.2077205046692,
        -3320.2759154044,
        -4991.954242603334,
        -6642.600499646987,
        -8309.77455209232,
    ];
    let mut draws = Draws(6);
    assert_agrees((0..12).map(|l| rows_scaled(draws.matrix(6, 6), &grading(l, 6, 1000))), &expected);
}

/// Of the explicit product, as [`ScaledProduct`] gives them.
fn ln_eigenvalue_moduli(factors: impl Iterator<Item = DMatrix<f64>>) -> Vec<f64> {
    let mut product: Option<ScaledProduct> = None;
    for factor in factors {
        let product = product.get_or_insert_with(|| ScaledProduct::new(factor.ncols()));
        product.push(&factor).expect("chains");
    }
    let product = product.expect("not empty");
    let moduli = product.log_eigenvalue_moduli().expect("LAPACK works");
    assert_eq!(product.log_spectral_radius(), Ok(moduli.first().copied()));
    moduli
}

#[test]
fn eigenvalues_of_a_hundred_gaussian_factors() {
    // The fourth, 67.5, is below the floor of the explicit product.
    let expected = [98.3113184030535, 89.30920366652497, 81.69595169832324];
    let ln_norm = 99.13951184152755;
    let mut draws = Draws(21);
    let got = ln_eigenvalue_moduli((0..100).map(|_| draws.matrix(8, 8)));
    assert_eq!(got.len(), expected.len());
    for (value, reference) in got.iter().zip(expected) {
        let tolerance = 100.0 * f64::EPSILON * f64::exp(ln_norm - reference);
        assert!((value - reference).abs() <= tolerance, "{value} against {reference}: more than {tolerance:e} apart");
    }
}

#[test]
fn spectral_radius_of_forty_factors_of_size_hundred() {
    // A pair of complex eigenvalues, and a real one.
    let expected = [91.99333562420091, 91.99333562420091, 91.61433108752273];
    let mut draws = Draws(24);
    let got = ln_eigenvalue_moduli((0..40).map(|_| draws.matrix(100, 100)));
    for (value, reference) in got.iter().zip(expected) {
        assert!((value - reference).abs() <= 1e-12, "{value} against {reference}");
    }
}

/// `W^L`: L times the radius of W, and that of the product.
#[test]
fn spectral_radius_of_tied_weights() {
    // The largest eigenvalue is real in the first case, and one of a complex pair in the second.
    for (n, seed, length, expected) in [(8, 9, 1000, 1281.0379143245777), (3, 23, 300, 72.0033534484894)] {
        let factor = Draws(seed).matrix(n, n);
        let one = length as f64 * ln_eigenvalue_moduli(std::iter::once(factor.clone()))[0];
        let product = ln_eigenvalue_moduli(std::iter::repeat_n(factor, length))[0];
        // The same rounding errors in every step may add up.
        let tolerance = 8.0 * f64::EPSILON * length as f64;
        for got in [one, product] {
            assert!((got - expected).abs() <= tolerance, "{got} against {expected}: more than {tolerance:e} apart");
        }
    }
}
