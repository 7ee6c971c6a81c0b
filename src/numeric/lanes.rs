//! Sums in vector registers.

/// A sum in sixteen parts, which compilers keep in vector registers; one part would wait for the latency of every addition. The order of the
/// additions is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Lanes([f64; 16]);

impl Lanes {
    /// Adds numbers.
    #[inline(always)]
    pub fn add(&mut self, values: &[f64]) {
        let (blocks, rest) = values.as_chunks::<16>();
        // A copy stays in registers where a reference, which might point into the values, is written back at every turn.
        let mut lanes = self.0;
        for block in blocks {
            lanes.iter_mut().zip(block).for_each(|(lane, x)| *lane += x);
        }
        lanes.iter_mut().zip(rest).for_each(|(lane, x)| *lane += x);
        self.0 = lanes;
    }

    /// Adds the products of two slices' entries, as many as the shorter one has.
    #[inline(always)]
    pub fn add_products(&mut self, a: &[f64], b: &[f64]) {
        let (blocks_a, rest_a) = a.as_chunks::<16>();
        let (blocks_b, rest_b) = b.as_chunks::<16>();
        let mut lanes = self.0;
        for (a, b) in blocks_a.iter().zip(blocks_b) {
            lanes.iter_mut().zip(a).zip(b).for_each(|((lane, a), b)| *lane += a * b);
        }
        lanes.iter_mut().zip(rest_a).zip(rest_b).for_each(|((lane, a), b)| *lane += a * b);
        self.0 = lanes;
    }

    /// The whole sum, in the order of a tree: four additions wait for each other, not fifteen.
    #[inline(always)]
    pub fn pairwise_total(&self) -> f64 {
        let mut parts = self.0;
        for half in [8, 4, 2, 1] {
            for k in 0..half {
                parts[k] += parts[k + half];
            }
        }
        parts[0]
    }

    /// The whole sum.
    #[inline(always)]
    pub fn total(&self) -> f64 {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_summed_exactly_whatever_their_count() {
        for count in [0, 1, 15, 16, 17, 100] {
            let values: Vec<f64> = (1..=count).map(f64::from).collect();
            let (mut sum, mut squares) = (Lanes::default(), Lanes::default());
            sum.add(&values);
            squares.add_products(&values, &values);
            let n = f64::from(count);
            assert_eq!([sum.total(), sum.pairwise_total()], [n * (n + 1.0) / 2.0; 2]);
            assert_eq!(squares.total(), n * (n + 1.0) * (2.0 * n + 1.0) / 6.0);
        }
    }
}
