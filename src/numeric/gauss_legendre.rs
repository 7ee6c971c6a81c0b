//! Gauss-Legendre quadrature.

/// Nodes and weights of the n-point Gauss-Legendre rule on \[0, 1\].
///
/// # Formula
///
/// `int_0^1 f = sum_k w_k f(x_k)`, exact for polynomials of degree 2n - 1; nodes are the zeros of the Legendre polynomial by Newton's
/// method from `cos(pi (k - 1/4) / (n + 1/2))`, weights `1 / ((1 - t^2) P_n'(t)^2)` with `x = (1 + t) / 2`. Accurate to a few ulp for n up
/// to some hundreds.
///
/// # Source
///
/// Davis and Rabinowitz, Methods of Numerical Integration, 2nd ed. (1984), sec. 2.7.
pub fn gauss_legendre(n: usize) -> Vec<(f64, f64)> {
    let node = |k: usize| {
        let mut t = (std::f64::consts::PI * (k as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut previous, mut current) = (1.0, t);
            for j in 2..=n {
                let j = j as f64;
                (previous, current) = (current, ((2.0 * j - 1.0) * t * current - (j - 1.0) * previous) / j);
            }
            slope = n as f64 * (t * current - previous) / (t * t - 1.0);
            let step = current / slope;
            t -= step;
            if step.abs() < 1e-16 {
                break;
            }
        }
        (0.5 * (1.0 + t), 1.0 / ((1.0 - t * t) * slope * slope))
    };
    (0..n).map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for n in [1, 2, 7, 20] {
            let rule = gauss_legendre(n);
            for degree in 0..2 * n as i32 {
                let sum: f64 = rule.iter().map(|(x, w)| w * x.powi(degree)).sum();
                assert!((sum - 1.0 / f64::from(degree + 1)).abs() < 1e-14, "n = {n}, degree {degree}");
            }
            let next: f64 = rule.iter().map(|(x, w)| w * (2.0 * x - 1.0).powi(2 * n as i32)).sum();
            assert!((next - 1.0 / (2 * n + 1) as f64).abs() > 1e-13, "degree 2n is not exact: the check can fail");
        }
    }
}
