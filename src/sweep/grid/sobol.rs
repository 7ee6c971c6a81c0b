//! Points that fill a box evenly, however many of its axes matter.

use crate::spec::hash128;

/// Axes that can be sampled together.
pub const MOST_DIMENSIONS: usize = 21;

/// Degree, coefficients and first direction numbers of the primitive polynomials from the second dimension on.
const POLYNOMIALS: [(u32, u32, &[u32]); MOST_DIMENSIONS - 1] = [
    (1, 0, &[1]),
    (2, 1, &[1, 3]),
    (3, 1, &[1, 3, 1]),
    (3, 2, &[1, 1, 1]),
    (4, 1, &[1, 1, 3, 3]),
    (4, 4, &[1, 3, 5, 13]),
    (5, 2, &[1, 1, 5, 5, 17]),
    (5, 4, &[1, 1, 5, 5, 5]),
    (5, 7, &[1, 1, 7, 11, 19]),
    (5, 11, &[1, 1, 5, 1, 1]),
    (5, 13, &[1, 1, 1, 3, 11]),
    (5, 14, &[1, 3, 5, 5, 31]),
    (6, 1, &[1, 3, 3, 9, 7, 49]),
    (6, 13, &[1, 1, 1, 15, 21, 21]),
    (6, 16, &[1, 3, 1, 13, 27, 49]),
    (6, 19, &[1, 1, 1, 15, 7, 5]),
    (6, 22, &[1, 3, 1, 15, 13, 25]),
    (6, 25, &[1, 1, 5, 5, 19, 61]),
    (7, 1, &[1, 3, 7, 11, 23, 15, 103]),
    (7, 4, &[1, 3, 7, 13, 13, 15, 69]),
];

const BITS: usize = 32;

/// A Sobol sequence with a digital shift that follows from a seed.
///
/// # Formula
///
/// Coordinate d of point n (from 0) is the sum modulo 2, digit by digit, of the direction numbers `v_dk` of the digits k that are set in n, and of
/// a random number of 32 digits, in units of 2^-32, half a unit added: inside (0, 1). Any 2^m points from a multiple of 2^m on have
/// exactly one in each of 2^m equal cells of every axis; more points go on where fewer ended.
///
/// # Source
///
/// Direction numbers: S. Joe and F. Y. Kuo, SIAM J. Sci. Comput. 30, 2635 (2008), new-joe-kuo-6.
#[derive(Debug, Clone)]
pub struct Sobol {
    directions: Vec<[u32; BITS]>,
    shifts: Vec<u32>,
}

impl Sobol {
    /// The sequence in so many dimensions, at most [`MOST_DIMENSIONS`].
    pub fn new(dimensions: usize, seed: u64) -> Self {
        let shift = |d: usize| hash128(&format!("sobol shift {seed} {d}")) as u32;
        let dimensions = dimensions.min(MOST_DIMENSIONS);
        Self { directions: (0..dimensions).map(directions).collect(), shifts: (0..dimensions).map(shift).collect() }
    }

    /// A coordinate of a point, in (0, 1).
    pub fn at(&self, point: u32, dimension: usize) -> f64 {
        (f64::from(self.digits(point, dimension) ^ self.shifts[dimension]) + 0.5) * 2f64.powi(-32)
    }

    /// The same without the shift, in units of 2^-32.
    fn digits(&self, point: u32, dimension: usize) -> u32 {
        let directions = &self.directions[dimension];
        (0..BITS).filter(|k| point >> k & 1 == 1).fold(0, |digits, k| digits ^ directions[k])
    }
}

/// The direction numbers of a dimension, from the recurrence of its polynomial.
fn directions(dimension: usize) -> [u32; BITS] {
    let mut v = [0; BITS];
    let Some(&(degree, coefficients, first)) = dimension.checked_sub(1).and_then(|index| POLYNOMIALS.get(index)) else {
        return std::array::from_fn(|k| 1 << (31 - k));
    };
    let degree = degree as usize;
    for k in 0..BITS {
        v[k] = if k < degree {
            first[k] << (31 - k)
        } else {
            let start = v[k - degree] ^ (v[k - degree] >> degree);
            (1..degree).filter(|i| coefficients >> (degree - 1 - i) & 1 == 1).fold(start, |sum, i| sum ^ v[k - i])
        };
    }
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points without a shift, in binary order: those of Joe and Kuo's own program, which walks in Gray code, are the same set.
    #[test]
    fn the_first_points_are_known() {
        let sobol = Sobol::new(3, 0);
        let plain = |point: u32, d: usize| f64::from(sobol.digits(point, d)) * 2f64.powi(-32);
        let known = [
            [0.0, 0.0, 0.0],
            [0.5, 0.5, 0.5],
            [0.25, 0.75, 0.75],
            [0.75, 0.25, 0.25],
            [0.125, 0.625, 0.375],
            [0.625, 0.125, 0.875],
            [0.375, 0.375, 0.625],
            [0.875, 0.875, 0.125],
        ];
        for (point, expected) in known.iter().enumerate() {
            let found: Vec<f64> = (0..3).map(|d| plain(point as u32, d)).collect();
            assert_eq!(found, expected, "point {point}");
        }
        // SciPy 1.17, qmc.Sobol(21, scramble=False, bits=32), whose first 256 points are these in all dimensions: rows 100 and 201 of its Gray order.
        let sobol = Sobol::new(MOST_DIMENSIONS, 0);
        let last = |point: u32| [10, 19, 20].map(|d| f64::from(sobol.digits(point, d)) * 2f64.powi(-32));
        assert_eq!(last(86), [0.460_937_5, 0.335_937_5, 0.757_812_5]);
        assert_eq!(last(173), [0.496_093_75, 0.675_781_25, 0.863_281_25]);
    }

    /// Every dimension puts 2^m points into 2^m cells, one in each; and the direction numbers are odd and small enough.
    #[test]
    fn every_cell_of_every_axis_has_one_point() {
        let sobol = Sobol::new(MOST_DIMENSIONS, 7);
        for (k, first) in POLYNOMIALS.iter().flat_map(|(_, _, first)| first.iter().enumerate()) {
            assert!(first % 2 == 1 && *first < 1 << (k + 1));
        }
        for dimension in 0..MOST_DIMENSIONS {
            for m in [4, 8] {
                let count = 1u32 << m;
                let mut hit = vec![0; count as usize];
                // Any block: the second one here.
                (count..2 * count).for_each(|n| hit[(sobol.at(n, dimension) * f64::from(count)) as usize] += 1);
                assert!(hit.iter().all(|hits| *hits == 1), "dimension {dimension}, {count} points: {hit:?}");
            }
        }
    }

    /// The first two dimensions are a (0, m, 2)-net: every elementary rectangle of area 2^-m has one of 2^m points. Control: two copies of
    /// one dimension are none.
    #[test]
    fn every_rectangle_has_one_point() {
        let sobol = Sobol::new(2, 3);
        let even = |x: usize, y: usize| {
            (0..=6).all(|m| {
                let (columns, rows) = (1 << m, 1 << (6 - m));
                let mut hit = vec![0; 64];
                for n in 0..64 {
                    let column = (sobol.at(n, x) * f64::from(columns)) as usize;
                    let row = (sobol.at(n, y) * f64::from(rows)) as usize;
                    hit[row * columns as usize + column] += 1;
                }
                hit.iter().all(|hits| *hits == 1)
            })
        };
        assert!(even(0, 1) && !even(0, 0));
    }

    /// The integral of prod (1/2 + x_d) over eight axes is 1. With 4096 random points the mean misses it by 0.0148 (root mean square); over eight
    /// shifts the sequence does five times better.
    #[test]
    fn integrals_converge_faster_than_by_chance() {
        let miss = |seed: u64| {
            let sobol = Sobol::new(8, seed);
            let value = |n: u32| (0..8).map(|d| 0.5 + sobol.at(n, d)).product::<f64>();
            (0..4096).map(value).sum::<f64>() / 4096.0 - 1.0
        };
        let rms = ((0..8).map(|seed| miss(seed).powi(2)).sum::<f64>() / 8.0).sqrt();
        assert!(rms < 0.0148 / 5.0, "{rms}");
    }
}
