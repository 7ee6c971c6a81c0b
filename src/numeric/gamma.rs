//! The gamma function's logarithmic derivatives, and its logarithm beyond the linear term in the complex plane.

use nalgebra::Complex;

/// B_2, B_4, ..., B_24.
const BERNOULLI: [f64; 12] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43867.0 / 798.0,
    -174_611.0 / 330.0,
    854_513.0 / 138.0,
    -236_364_091.0 / 2730.0,
];

/// From here on ten terms of Stirling's series are good to 1e-16.
const STIRLING: f64 = 7.0;
const TERMS: usize = 10;

/// `psi(x) - ln x`, psi the digamma function, for x > 0.
///
/// # Formula
///
/// `-1/(2x) - sum_k B_2k / (2k x^(2k))` beyond 10, after the recurrence `psi(x) = psi(x + 1) - 1/x`.
///
/// # Accuracy
///
/// 1e-15 absolute below 10; above, where both terms are close, 1e-15 relative.
pub fn digamma_minus_ln(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return f64::NAN;
    }
    let (mut y, mut below) = (x, 0.0);
    while y < 10.0 {
        below += 1.0 / y;
        y += 1.0;
    }
    let inverse = 1.0 / (y * y);
    let series = (0..BERNOULLI.len()).rev().fold(0.0, |sum, k| (sum + BERNOULLI[k] / (2 * (k + 1)) as f64) * inverse);
    let excess = -0.5 / y - series;
    if y == x { excess } else { excess - below + (y / x).ln() }
}

/// The polygamma function `psi^(order)(x)`, the derivative of that order of the digamma function, for x > 0 and orders from 1 to 30.
///
/// # Formula
///
/// With `m = order`, beyond x = 15 + m,
///
/// ```text
/// (-1)^(m+1) psi^(m)(x) = (m-1)!/x^m + m!/(2 x^(m+1)) + sum_k B_2k (2k+m-1)! / ((2k)! x^(2k+m))
/// ```
///
/// after the recurrence `psi^(m)(x) = psi^(m)(x + 1) - (-1)^m m! / x^(m+1)`.
///
/// # Accuracy
///
/// A few ulp.
pub fn polygamma(order: u32, x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 || !(1..=30).contains(&order) {
        return f64::NAN;
    }
    let m = f64::from(order);
    let power = order as i32;
    let (mut y, mut below) = (x, 0.0);
    while y < 15.0 + m {
        below += y.powi(-power - 1);
        y += 1.0;
    }
    // Everything in units of (m - 1)!.
    let mut coefficient = 1.0;
    let mut series = 1.0 + 0.5 * m / y;
    for (k, bernoulli) in BERNOULLI.into_iter().enumerate() {
        let k = (k + 1) as f64;
        coefficient *= (2.0 * k + m - 1.0) * (2.0 * k + m - 2.0) / (2.0 * k * (2.0 * k - 1.0) * y * y);
        series += bernoulli * coefficient;
    }
    let factorial: f64 = (1..order).map(f64::from).product();
    let sign = if order % 2 == 1 { 1.0 } else { -1.0 };
    sign * factorial * (m * below + series * y.powi(-power))
}

/// `ln Gamma(a + z) - ln Gamma(a) - z psi(a)` for a > 0 and complex z, up to a multiple of `2 pi i`: what is left beyond the linear term.
///
/// # Formula
///
/// With `b = a + N`, `r = z/b`, `p(r) = ln(1 + r) - r` and Stirling's coefficients `c_k = B_2k / (2k (2k-1))`,
///
/// ```text
/// b [(1 + r) p(r) + r^2] - p(r)/2 + r^2 sum_k c_k b^(1-2k) g_(2k-1) - sum_{j<N} p(z / (a + j))
/// g_1 = 1/(1 + r),   g_(j+1) = (g_j + j + 1) / (1 + r)
/// ```
///
/// where N takes a and the real part of a + z above 7. No two of the terms cancel: thousands of independent factors leave the sum the accuracy of one.
///
/// # Accuracy
///
/// 1e-15 relative for `|z| < a/10`, else 1e-15 absolute or relative, whatever is larger; away from the poles at `z = -a, -a - 1, ...`.
pub fn ln_gamma_beyond_linear(a: f64, z: Complex<f64>) -> Complex<f64> {
    let near = z.norm() < SERIES * a;
    let (mut b, mut harmonic) = (a, 0.0);
    let mut product = Complex::new(1.0, 0.0);
    let mut below = Complex::new(0.0, 0.0);
    while b < STIRLING || b + z.re < STIRLING {
        if near {
            below += ln_1p_beyond_linear(z / b);
        } else {
            product *= z / b + 1.0;
            harmonic += 1.0 / b;
        }
        b += 1.0;
    }
    if !near && harmonic > 0.0 {
        below = product.ln() - z * harmonic;
    }
    let r = z / b;
    let p = ln_1p_beyond_linear(r);
    // (1 + r) ln(1 + r) - r: the first form cancels for large r, the second one for small r.
    let leading = if r.norm() < 1.0 { p * (r + 1.0) + r * r } else { (p + r) * (r + 1.0) - r };
    let w = (r + 1.0).inv();
    let mut g = w;
    let mut scale = 1.0 / b;
    let mut corrections = Complex::new(0.0, 0.0);
    for (k, bernoulli) in BERNOULLI.into_iter().enumerate().take(TERMS) {
        let j = (2 * k + 1) as f64;
        corrections += g * (scale * bernoulli / (j * (j + 1.0)));
        g = w * (w * (g + (j + 1.0)) + (j + 2.0));
        scale /= b * b;
    }
    leading * b - p * 0.5 + r * r * corrections - below
}

/// Below this the logarithm is taken from its series.
const SERIES: f64 = 0.1;

/// `ln(1 + r) - r`
fn ln_1p_beyond_linear(r: Complex<f64>) -> Complex<f64> {
    if r.norm() >= SERIES {
        // |1 + r|^2 - 1 = 2 Re r + |r|^2
        let modulus = 0.5 * (2.0 * r.re + r.norm_sqr()).ln_1p();
        return Complex::new(modulus - r.re, r.im.atan2(1.0 + r.re) - r.im);
    }
    // -r^2/2 + r^3/3 - ...
    let series = (2..=17).rev().fold(Complex::new(0.0, 0.0), |sum, k| {
        let sign = if k % 2 == 0 { -1.0 } else { 1.0 };
        sum * r + sign / f64::from(k)
    });
    r * r * series
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 25 digits by mpmath, rounded.
    #[test]
    fn pinned_values() {
        let euler = 0.577_215_664_901_532_9;
        for (x, expected) in [
            (0.5, -euler - 2.0 * 2f64.ln() + 2f64.ln()),
            (1.0, -euler),
            (2.0, 1.0 - euler - 2f64.ln()),
            (1000.0, -0.000_500_083_333_325),
        ] {
            assert!((digamma_minus_ln(x) - expected).abs() < 2e-15 * expected.abs().min(1.0), "{x}");
        }
        let square = std::f64::consts::PI.powi(2);
        for (order, x, expected) in [
            (1, 0.5, 0.5 * square),
            (1, 1.0, square / 6.0),
            (2, 1.0, -2.404_113_806_319_188_6),
            (3, 0.5, square * square),
            (3, 1.0, square * square / 15.0),
            (12, 3.0, -479_001_600.0 * (1.000_122_713_347_578_5 - 1.0 - 0.5f64.powi(13))),
        ] {
            let got = polygamma(order, x);
            // The last one's reference cancels by four digits.
            let allowed = if order == 12 { 1e-10 } else { 2e-15 };
            assert!((got / expected - 1.0).abs() < allowed, "{order} {x}: {got}");
        }
        assert!(digamma_minus_ln(0.0).is_nan() && polygamma(1, -1.0).is_nan() && polygamma(31, 1.0).is_nan());
    }

    /// On the real axis against the logarithm of the gamma function; off it by the reflection `|Gamma(1/2 + iy)|^2 = pi / cosh(pi y)`.
    #[test]
    fn beyond_the_linear_term() {
        let ln_gamma = statrs::function::gamma::ln_gamma;
        for (a, z) in [(0.5, 3.7), (0.5, -0.4), (2.0, -1.9), (30.0, 12.0), (30.0, -29.5), (4.0, 0.1)] {
            let psi = digamma_minus_ln(a) + f64::ln(a);
            let expected = ln_gamma(a + z) - ln_gamma(a) - z * psi;
            let got = ln_gamma_beyond_linear(a, Complex::new(z, 0.0)).re;
            assert!((got - expected).abs() < 2e-14 * (1.0 + ln_gamma(a).abs()), "{a} {z}: {got} {expected}");
        }
        for y in [0.01, 0.049, 0.051, 1.0, 7.0, 30.0] {
            let got = 2.0 * ln_gamma_beyond_linear(0.5, Complex::new(0.0, y)).re;
            // ln cosh t = ln(1 + 2 sinh^2(t/2))
            let expected = -(2.0 * (0.5 * std::f64::consts::PI * y).sinh().powi(2)).ln_1p();
            assert!((got - expected).abs() < 2e-15 * expected.abs().max(0.1), "{y}: {got} {expected}");
        }
    }

    /// The quadratic term is psi'(a)/2: nothing is lost where the remainder is small.
    #[test]
    fn small_steps_keep_relative_accuracy() {
        for a in [0.5, 3.0, 500.0, 1e9] {
            let z = 1e-7 * a;
            let leading = z * z * (0.5 * polygamma(1, a) + z * polygamma(2, a) / 6.0);
            let got = ln_gamma_beyond_linear(a, Complex::new(z, 0.0)).re;
            assert!((got / leading - 1.0).abs() < 1e-13, "{a}");
        }
    }
}
