//! Chains against a multiprecision reference.
//!
//! Reference: the product formed and decomposed (QR iteration) with 600 to 6000 decimal digits, and again with twice as
//! many, which agreed to 1e-360; Python 3 and mpmath 1.4.1, whose digits were rounded to `f64`. Both sides draw the same matrices, with entries that are
//! integers times powers of two.

use nalgebra::DMatrix;

use super::tests::{Draws, spectrum};

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

/// Within max(1e-11, 4 ulp), the accuracy that [`Chain`](super::Chain) promises.
fn assert_agrees(factors: impl Iterator<Item = DMatrix<f64>>, expected: &[f64]) {
    let got = spectrum(&factors.collect::<Vec<_>>());
    assert_eq!(got.rank(), expected.len());
    for (value, reference) in got.finite().iter().zip(expected) {
        let tolerance = f64::max(1e-11, 4.0 * f64::EPSILON * reference.abs());
        assert!((value - reference).abs() <= tolerance, "{value} against {reference}: off by {:e}", value - reference);
    }
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
