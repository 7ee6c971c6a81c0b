//! The normal distribution to the last places, tails included.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Low part of 1/sqrt 2 beyond [`FRAC_1_SQRT_2`].
const FRAC_1_SQRT_2_LOW: f64 = -4.833_646_656_726_457e-17;

/// Beyond this the density is 0 in double precision.
const REACH: f64 = 1e3;

/// `e^(-x^2)`.
///
/// # Accuracy
///
/// 2 ulp: the rounding error of x^2, which the exponential would magnify by x^2, is carried along.
pub fn exp_minus_square(x: f64) -> f64 {
    let x = x.clamp(-REACH, REACH);
    let square = x * x;
    let rest = x.mul_add(x, -square);
    (-square).exp() * (1.0 - rest)
}

/// Density of the standard normal distribution, `e^(-x^2/2) / sqrt(2 pi)`, to 3 ulp.
pub fn normal_density(x: f64) -> f64 {
    let x = x.clamp(-REACH, REACH);
    let square = x * x;
    let rest = x.mul_add(x, -square);
    (-0.5 * square).exp() * (1.0 - 0.5 * rest) / (2.0 * PI).sqrt()
}

/// Distribution function of the standard normal distribution, `erfc(-x / sqrt 2) / 2`.
///
/// # Accuracy
///
/// A few ulp, in the lower tail too, where `(1 + erf) / 2` cancels and the rounding of `x / sqrt 2` is magnified by x^2.
pub fn normal_cdf(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let x = x.clamp(-REACH, REACH);
    let argument = -x * FRAC_1_SQRT_2;
    let rest = (-x).mul_add(FRAC_1_SQRT_2, -argument) - x * FRAC_1_SQRT_2_LOW;
    0.5 * (libm::erfc(argument) - std::f64::consts::FRAC_2_SQRT_PI * exp_minus_square(argument) * rest)
}

/// Mills' ratio `(1 - F(t)) / f(t)` of the standard normal distribution F with density f.
///
/// # Domain and accuracy
///
/// t > -37; 1e-14 relative. It is `sqrt(pi/2) erfcx(t / sqrt 2)`.
pub fn mills_ratio(t: f64) -> f64 {
    if t < 1.0 { normal_cdf(-t) / normal_density(t) } else { 1.0 / (t + tail_ratio(1, t)) }
}

/// `J_k = int_t^oo (z - t)^k f(z) dz` for k = 0, ..., N - 1, f the standard normal density.
///
/// # Formula
///
/// `J_{k+1} = k J_{k-1} - t J_k` with `J_0 = 1 - F(t)`, `J_1 = f(t) - t J_0`. Upwards it cancels for t > 0, where J is the minimal
/// solution: there the ratios `J_k / J_{k-1} = k / (t + J_{k+1} / J_k)` are taken downwards, without a subtraction.
///
/// # Accuracy
///
/// 1e-14 relative for N <= 8, for every finite t: f(t) underflows before anything else fails.
///
/// # Source
///
/// Gautschi, SIAM Review 9, 24 (1967): repeated integrals of the error function as minimal solutions.
pub fn normal_tail_moments<const N: usize>(t: f64) -> [f64; N] {
    let mut moments = [0.0; N];
    // From here on upwards is exact to 1e-14 and the continued fraction short.
    if t < 0.5 {
        moments[0] = normal_cdf(-t);
        if N > 1 {
            moments[1] = normal_density(t) - t * moments[0];
        }
        for k in 2..N {
            moments[k] = (k as f64 - 1.0) * moments[k - 2] - t * moments[k - 1];
        }
        return moments;
    }
    upper_tail_moments(t, normal_density(t))
}

/// As [`normal_tail_moments`] for t >= 1/2, for a multiple of the density that is `density` at t: tails that underflow themselves have
/// moments of order 1 under a density of order 1.
pub fn upper_tail_moments<const N: usize>(t: f64, density: f64) -> [f64; N] {
    let mut moments = [0.0; N];
    let mut ratios = [0.0; N];
    let mut ratio = tail_ratio(N, t);
    for k in (0..N).rev() {
        // The ratio of J_0 to f.
        ratios[k] = if k == 0 { 1.0 / (t + ratio) } else { k as f64 / (t + ratio) };
        ratio = ratios[k];
    }
    let mut moment = density;
    for (moment_k, ratio) in moments.iter_mut().zip(ratios) {
        moment *= ratio;
        *moment_k = moment;
    }
    moments
}

/// `J_k / J_{k-1}` for k >= 1, t >= 1/2, by the continued fraction `k / (t + (k+1) / (t + ...))`, started at its fixed point.
fn tail_ratio(k: usize, t: f64) -> f64 {
    // The error shrinks by e^(-t / sqrt k) a term.
    let last = k + 12 + (180.0 / (t * t)) as usize;
    let mut ratio = 2.0 * last as f64 / (t + (t * t + 4.0 * last as f64).sqrt());
    for j in (k..last).rev() {
        ratio = j as f64 / (t + ratio);
    }
    ratio
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 50 digits by mpmath, rounded.
    #[test]
    fn pinned_values() {
        for (x, cdf, density) in [
            (-37.0, 5.725_571_222_524_577e-300, 2.120_006_551_524_606e-298),
            (-20.3, 6.429_244_467_698_346e-92, 1.308_288_554_681_529e-90),
            (-5.1, 1.698_267_407_147_601_5e-7, 8.972_435_162_383_344e-7),
            (-0.7, 0.241_963_652_223_073_05, 0.312_253_933_366_761_27),
            (2.5, 0.993_790_334_674_224, 0.017_528_300_493_568_54),
        ] {
            let close = |got: f64, expected: f64| (got / expected - 1.0).abs() < 8e-16;
            assert!(close(normal_cdf(x), cdf), "F({x}) = {:e}", normal_cdf(x));
            assert!(close(normal_density(x), density), "f({x}) = {:e}", normal_density(x));
            if x < 1.0 {
                assert!((mills_ratio(-x) * density / cdf - 1.0).abs() < 5e-15, "Mills at {x}");
            }
        }
        assert!(normal_cdf(f64::NAN).is_nan() && normal_density(f64::NAN).is_nan());
        assert_eq!((normal_cdf(-1e300), normal_cdf(1e300), normal_density(1e300)), (0.0, 1.0, 0.0));
    }

    #[test]
    fn tail_moments_obey_their_recurrence_and_join() {
        for t in [-30.0, -2.0, 0.0, 0.9, 1.0, 1.1, 2.0, 5.0, 20.0, 37.0] {
            let j = normal_tail_moments::<8>(t);
            for k in 1..7 {
                let (left, right) = (j[k + 1] + t * j[k], k as f64 * j[k - 1]);
                assert!((left - right).abs() <= 2e-14 * right.abs().max((t * j[k]).abs()), "k = {k}, t = {t}");
            }
            assert!((j[0] - normal_cdf(-t)).abs() <= 1e-14 * j[0], "J_0 at {t}");
        }
        // The two directions of the recurrence meet at t = 1/2.
        let (below, above) = (normal_tail_moments::<8>(0.5 - 1e-16), normal_tail_moments::<8>(0.5));
        for (b, a) in below.into_iter().zip(above) {
            assert!((b - a).abs() < 3e-14 * a, "{b:e} {a:e}");
        }
        assert_eq!(normal_tail_moments::<3>(1e9), [0.0; 3]);
    }
}
