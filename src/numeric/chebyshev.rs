//! Chebyshev series on an interval.

use std::f64::consts::PI;

/// `f(x) = sum_k a_k T_k(y)` on an interval, y in \[-1, 1\].
#[derive(Debug, Clone, PartialEq)]
pub struct Chebyshev {
    centre: f64,
    half: f64,
    coefficients: Vec<f64>,
}

impl Chebyshev {
    /// The `count` places in `[left, right]` at which a function must be known: the roots of `T_count`, from right to left.
    pub fn nodes(left: f64, right: f64, count: usize) -> impl Iterator<Item = f64> {
        let (centre, half) = (0.5 * (left + right), 0.5 * (right - left));
        (0..count).map(move |j| centre + half * (PI * (j as f64 + 0.5) / count as f64).cos())
    }

    /// The series through the values at [`nodes`](Self::nodes).
    pub fn through(left: f64, right: f64, values: &[f64]) -> Self {
        let count = values.len();
        let coefficient = |k: usize| {
            let cosine = |j: usize| (PI * k as f64 * (j as f64 + 0.5) / count as f64).cos();
            let sum: f64 = values.iter().enumerate().map(|(j, value)| value * cosine(j)).sum();
            sum * if k == 0 { 1.0 } else { 2.0 } / count as f64
        };
        Self {
            centre: 0.5 * (left + right),
            half: 0.5 * (right - left),
            coefficients: (0..count).map(coefficient).collect(),
        }
    }

    /// The series with the given coefficients `a_k`, at least one.
    pub fn with_coefficients(left: f64, right: f64, coefficients: Vec<f64>) -> Self {
        debug_assert!(!coefficients.is_empty());
        Self { centre: 0.5 * (left + right), half: 0.5 * (right - left), coefficients }
    }

    /// The left end.
    pub fn left(&self) -> f64 {
        self.centre - self.half
    }

    /// The right end.
    pub fn right(&self) -> f64 {
        self.centre + self.half
    }

    /// The coefficients `a_k`.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// Sum of the series (Clenshaw).
    pub fn at(&self, x: f64) -> f64 {
        let y = (x - self.centre) / self.half;
        let (mut b1, mut b2) = (0.0, 0.0);
        for a in self.coefficients[1..].iter().rev() {
            (b1, b2) = (a + 2.0 * y * b1 - b2, b1);
        }
        self.coefficients[0] + y * b1 - b2
    }

    /// The values at `x` of the polynomials that are 1 at one of the [`nodes`](Self::nodes) and 0 at the others: the weights with which the
    /// values there make the value at x.
    pub fn weights(left: f64, right: f64, count: usize, x: f64) -> Vec<f64> {
        let y = (x - 0.5 * (left + right)) / (0.5 * (right - left));
        let angle = y.clamp(-1.0, 1.0).acos();
        // sum_k' T_k(y_j) T_k(y) 2 / n: cosines are cheap enough for some tens of nodes.
        let polynomials: Vec<f64> = (0..count).map(|k| (k as f64 * angle).cos()).collect();
        let node = |j: usize| PI * (j as f64 + 0.5) / count as f64;
        let sum = |j: usize| (1..count).map(|k| polynomials[k] * (k as f64 * node(j)).cos()).sum::<f64>();
        (0..count).map(|j| (1.0 + 2.0 * sum(j)) / count as f64).collect()
    }

    /// The weighted sum of series on one interval, of equal length.
    pub fn combination<'a>(series: impl IntoIterator<Item = (&'a Self, f64)>) -> Option<Self> {
        let mut series = series.into_iter();
        let (first, weight) = series.next()?;
        let mut sum = Self { coefficients: first.coefficients.iter().map(|a| weight * a).collect(), ..*first };
        for (other, weight) in series {
            for (total, a) in sum.coefficients.iter_mut().zip(&other.coefficients) {
                *total += weight * a;
            }
        }
        Some(sum)
    }

    /// The larger of the last two coefficients: about what the series leaves out, for a function that is smooth on the interval.
    pub fn tail(&self) -> f64 {
        self.coefficients.iter().rev().take(2).fold(0.0, |tail: f64, a| tail.max(a.abs()))
    }

    /// `f'`, as a series: `b_{k-1} = b_{k+1} + 2 k a_k`, the constant halved, per half width of the interval.
    pub fn derivative(&self) -> Self {
        let count = self.coefficients.len();
        let mut b = vec![0.0; count + 1];
        for k in (1..count).rev() {
            b[k - 1] = b.get(k + 1).copied().unwrap_or(0.0) + 2.0 * k as f64 * self.coefficients[k];
        }
        b[0] *= 0.5;
        b.truncate((count - 1).max(1));
        Self { coefficients: b.into_iter().map(|b| b / self.half).collect(), ..*self }
    }

    /// `int_left^x f`, as a series.
    pub fn integral(&self) -> Self {
        let a = |k: usize| self.coefficients.get(k).copied().unwrap_or(0.0);
        let integrated = |k: usize| {
            let before = if k == 1 { 2.0 * a(0) } else { a(k - 1) };
            self.half * (before - a(k + 1)) / (2.0 * k as f64)
        };
        let mut coefficients = vec![0.0];
        coefficients.extend((1..=self.coefficients.len()).map(integrated));
        // Zero at the left end, where T_k = (-1)^k.
        let alternating = coefficients.iter().enumerate().map(|(k, b)| if k % 2 == 0 { *b } else { -b });
        coefficients[0] = -alternating.sum::<f64>();
        Self { coefficients, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smooth_function_and_its_integral_are_known_to_rounding() {
        let values: Vec<f64> = Chebyshev::nodes(-0.5, 1.5, 20).map(f64::exp).collect();
        let series = Chebyshev::through(-0.5, 1.5, &values);
        let integral = series.integral();
        assert!(series.tail() < 1e-14);
        for k in 0..=20 {
            let x = -0.5 + 0.1 * f64::from(k);
            assert!((series.at(x) - x.exp()).abs() < 1e-14);
            assert!((integral.at(x) - (x.exp() - (-0.5f64).exp())).abs() < 1e-14);
            assert!((series.derivative().at(x) - x.exp()).abs() < 1e-12);
            assert!((integral.derivative().at(x) - series.at(x)).abs() < 1e-13);
        }
        let weights = Chebyshev::weights(-0.5, 1.5, 20, 0.3);
        let sum: f64 = weights.iter().zip(&values).map(|(weight, value)| weight * value).sum();
        assert!((sum - 0.3f64.exp()).abs() < 4e-15);
        let twice = Chebyshev::combination([(&series, 0.5), (&series, 1.5)]).expect("two series");
        assert!((twice.at(0.3) - 2.0 * 0.3f64.exp()).abs() < 8e-15);
        assert_eq!((series.left(), series.right()), (-0.5, 1.5));
        assert_eq!(Chebyshev::with_coefficients(0.0, 1.0, vec![3.0]).derivative().at(0.3), 0.0);
        // Six nodes do not do for exp on this interval: the tail says so.
        let short: Vec<f64> = Chebyshev::nodes(-0.5, 1.5, 6).map(f64::exp).collect();
        assert!(Chebyshev::through(-0.5, 1.5, &short).tail() > 1e-5);
    }
}
