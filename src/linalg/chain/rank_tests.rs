//! Ranks that fall by structure, by cancellation and between factors, and values that are not determined.

use nalgebra::dmatrix;

use super::tests::{Draws, spectrum};
use super::*;
use crate::linalg::singular_values;

/// The rank of a matrix of whole numbers, by Bareiss' elimination, which stays in whole numbers.
fn exact_rank(matrix: &DMatrix<f64>) -> usize {
    let mut rows: Vec<Vec<i128>> = matrix.row_iter().map(|row| row.iter().map(|&x| x as i128).collect()).collect();
    let (mut rank, mut previous) = (0, 1);
    for j in 0..matrix.ncols() {
        let Some(pivot) = (rank..rows.len()).find(|&i| rows[i][j] != 0) else { continue };
        rows.swap(rank, pivot);
        let (done, rest) = rows.split_at_mut(rank + 1);
        for row in rest {
            let factor = row[j];
            for (x, &p) in row.iter_mut().zip(&done[rank]) {
                *x = (*x * done[rank][j] - factor * p) / previous;
            }
        }
        previous = done[rank][j];
        rank += 1;
    }
    rank
}

/// Values above the zeros, against LAPACK, whose error is absolute.
fn assert_values(matrix: &DMatrix<f64>, got: &LogSingularValues) {
    let expected = singular_values(matrix.clone()).expect("finite");
    for (ln, value) in got.finite().iter().zip(&expected) {
        assert!((ln.exp() - value).abs() < 1e-12 * expected[0], "{got:?} against {expected:?} of {matrix}");
    }
}

/// Hall: three rows that meet only two columns have rank 2 for any values.
#[test]
fn zeros_that_force_a_dependence_lower_the_rank() {
    let mut draws = Draws(100);
    for _ in 0..200 {
        let mut a = draws.matrix(4, 4);
        a.view_mut((0, 2), (3, 2)).fill(0.0);
        for matrix in [a.clone(), a.transpose()] {
            let got = spectrum(std::slice::from_ref(&matrix));
            assert_eq!((got.rank(), got.determined()), (3, 3), "{matrix}");
            assert_values(&matrix, &got);
        }
        // Between others.
        assert_eq!(spectrum(&[draws.matrix(4, 4), a.clone(), draws.matrix(4, 4)]).rank(), 3);
        assert_eq!(spectrum(&[a.clone(), draws.matrix(4, 4), a]).rank(), 3);
    }
}

/// Signs, small integers and sparse matrices: ranks by whole numbers.
#[test]
fn ranks_of_integer_matrices_are_exact() {
    let mut draws = Draws(101);
    let mut singular = 0;
    for n in [2, 3, 5, 6, 8] {
        for case in 0..60 {
            let noise = draws.matrix(n, n);
            let matrix = match case % 3 {
                0 => noise.map(f64::signum),
                1 => noise.map(f64::round),
                _ => noise.map(|x| if x.abs() > 1.0 { (3.0 * x).round() } else { 0.0 }),
            };
            let rank = exact_rank(&matrix);
            singular += usize::from(rank < n);
            let got = spectrum(std::slice::from_ref(&matrix));
            assert_eq!((got.rank(), got.determined()), (rank, rank), "{matrix}");
            assert_values(&matrix, &got);
            let twice = spectrum(&[matrix.clone(), matrix.clone()]);
            let square = &matrix * &matrix;
            assert_eq!(twice.rank(), exact_rank(&square), "{matrix} squared");
            assert_values(&square, &twice);
        }
    }
    assert!((60..240).contains(&singular), "{singular} of 300");
}

#[test]
fn factors_that_vanish_on_what_others_reach() {
    // U V^T with whole numbers, and factors that have U's range as their kernel, in part or whole.
    let u = dmatrix![1.0, 2.0; 3.0, -1.0; 0.0, 1.0; 5.0, 7.0; 2.0, 2.0];
    let v = dmatrix![2.0, -3.0, 1.0, 4.0, 1.0; 1.0, 1.0, -2.0, 0.0, 3.0];
    let kernel_of_first = dmatrix![3.0, -1.0, 2.0, 0.0, 0.0; 0.0, 0.0, 1.0, 2.0, -5.0; 2.0, 1.0, 1.0, -1.0, 0.0];
    let (low, mut draws) = (&u * &v, Draws(102));
    assert_eq!(spectrum(std::slice::from_ref(&low)).rank(), 2);
    assert_eq!(spectrum(&[low.clone(), kernel_of_first.clone()]).rank(), exact_rank(&(&kernel_of_first * &low)));
    let nilpotent = dmatrix![2.0, -1.0, 1.0; 4.0, -2.0, 3.0; 0.0, 0.0, 0.0];
    assert_eq!(spectrum(&[nilpotent.clone(), nilpotent.clone()]).rank(), exact_rank(&(&nilpotent * &nilpotent)));
    assert_eq!(spectrum(&vec![nilpotent; 3]).rank(), 0);
    let cancels = [dmatrix![1.0, 2.0; 3.0, 6.0], dmatrix![3.0, -1.0; 6.0, -2.0]];
    assert_eq!(spectrum(&cancels).rank(), 0);
    // A low rank between factors of full rank stays low.
    for count in [1, 3] {
        let mut factors = vec![draws.matrix(5, 5)];
        (0..count).for_each(|_| factors.extend([low.clone(), draws.matrix(5, 5)]));
        assert_eq!(spectrum(&factors).rank(), 2);
    }
}

/// The zero of `[1 1; 1 1]` beside a much smaller value that is exact: the noise of the first must not take the place of the second.
#[test]
fn small_values_survive_beside_a_rank_that_falls() {
    let graded = dmatrix![1e20, 0.0, 0.0; 0.0, 1e20, 0.0; 0.0, 0.0, 1.0];
    let ones = dmatrix![1.0, 1.0, 0.0; 1.0, 1.0, 0.0; 0.0, 0.0, 3.0];
    for (factors, expected) in
        [(vec![graded.clone(), ones.clone()], [2e20_f64, 3.0]), (vec![ones.clone(), graded, ones], [4e20, 9.0])]
    {
        let got = spectrum(&factors);
        assert_eq!((got.rank(), got.determined()), (2, 2));
        assert!(got.finite().iter().zip(expected).all(|(a, b)| (a - b.ln()).abs() < 1e-12), "{got:?}");
    }
}

/// Regular, but by one ulp: no zero, and no digits either.
#[test]
fn what_rounding_hides_is_not_determined() {
    for (a, b) in [(1.0_f64, 1.0), (0.1, 0.3), (3.7, 0.2)] {
        let got = spectrum(&[dmatrix![a, b; a, b.next_up()]]);
        assert_eq!((got.rank(), got.determined()), (2, 1), "{got:?}");
        assert!(got.values()[1] < -30.0 + got.values()[0], "{got:?}");
        let chained = spectrum(&[dmatrix![a, b; a, b.next_up()], Draws(3).matrix(2, 2)]);
        assert_eq!((chained.rank(), chained.determined()), (2, 1));
    }
    // A Hilbert matrix of 12 rows has a condition of 2e16: as rounded to `f64` it is regular.
    let hilbert = DMatrix::from_fn(12, 12, |i, j| 1.0 / (i + j + 1) as f64);
    let got = spectrum(std::slice::from_ref(&hilbert));
    assert!(got.rank() == 12 && (8..12).contains(&got.determined()), "{got:?}");
}

/// Large enough to be multiplied in groups: a singular factor among regular ones, and one that is regular by an ulp.
#[test]
fn groups_do_not_hide_a_rank_that_falls() {
    let n = 40;
    let mut draws = Draws(103);
    let mut factors: Vec<_> = (0..30).map(|_| draws.matrix(n, n)).collect();
    assert_eq!(spectrum(&factors).rank(), n);
    let copy = factors[20].column(3).into_owned();
    factors[20].set_column(11, &copy);
    let got = spectrum(&factors);
    assert_eq!((got.rank(), got.determined()), (n - 1, n - 1));
    factors[20][(5, 11)] = factors[20][(5, 11)].next_up();
    let got = spectrum(&factors);
    assert_eq!((got.rank(), got.determined()), (n, n - 1));
    let mut loose = Chain::with_tolerance(n, 1e3);
    factors.iter().for_each(|factor| loose.push(factor).expect("chains"));
    assert_eq!(loose.log_singular_values().expect("converges").rank(), n);
}

/// Patterns of zeros, dead units and widths at random: two chains of the same pattern and independent entries have the same rank, and one
/// of the two is found without any rounding.
#[test]
fn patterns_and_widths_bound_the_rank() {
    let mut draws = Draws(104);
    for case in 0..40 {
        let widths: Vec<usize> = (0..6).map(|l| 3 + (case * 7 + l * 5) % 8).collect();
        let pattern = |draws: &mut Draws, l: usize| {
            let mut keep = draws.matrix(widths[l + 1], widths[l]).map(|x| f64::from(u8::from(x > 0.6)));
            keep.row_mut(case % widths[l + 1]).fill(0.0);
            keep
        };
        let patterns: Vec<_> = (0..5).map(|l| pattern(&mut draws, l)).collect();
        let fill = |draws: &mut Draws| -> Vec<DMatrix<f64>> {
            patterns.iter().map(|keep| draws.matrix(keep.nrows(), keep.ncols()).component_mul(keep)).collect()
        };
        let (one, other) = (fill(&mut draws), fill(&mut draws));
        let range = one.iter().fold(ExactRange::whole(widths[0]), |range, factor| range.image(factor));
        assert_eq!(spectrum(&other).rank(), range.reduced().rank(), "{patterns:?}");
    }
}
