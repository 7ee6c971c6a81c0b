//! Tests of the law.

use statrs::function::gamma::{gamma_lr, gamma_ur, ln_gamma};

use super::*;

fn equal(shape: f64, count: f64) -> LogGammaSum {
    LogGammaSum::new(0.0, vec![Group { shape, count }])
}

/// One gamma variable has closed forms: `(1/2) ln(G / a) <= x` is `G <= a e^(2x)`.
#[test]
fn one_factor_is_the_logarithm_of_a_gamma_variable() {
    for a in [0.5, 1.0, 1.5, 5.0, 25.0, 500.0] {
        let sum = equal(a, 1.0);
        let [mean, width] = sum.centre_and_width();
        for z in [-30.0, -9.0, -4.0, -1.0, -0.1, 0.0, 0.1, 0.7, 2.0, 4.0, 7.0] {
            let x = mean + z * width;
            let g = a * (2.0 * x).exp();
            let ln_pdf = 2f64.ln() + a * g.ln() - g - ln_gamma(a);
            // What the closed form loses itself.
            let allowed = 1e-13 + 2e-15 * (g.abs() + a * g.ln().abs() + ln_gamma(a).abs());
            if ln_pdf > -700.0 {
                assert!((sum.ln_pdf(x) - ln_pdf).abs() < allowed, "a = {a}, z = {z}: {}", sum.ln_pdf(x) - ln_pdf);
            }
            let [lower, upper] = sum.tails(x);
            let (p, q) = (gamma_lr(a, g), gamma_ur(a, g));
            let allowed = 1e-12 + 10.0 * allowed;
            if p > 1e-280 && q > 1e-280 && z.abs() < 8.0 {
                assert!((lower / p - 1.0).abs() < allowed, "a = {a}, z = {z}: {lower:e} {p:e}");
                // The closed form of the far upper tail is a difference.
                if q > 1e-3 {
                    assert!((upper / q - 1.0).abs() < allowed, "a = {a}, z = {z}: {upper:e} {q:e}");
                }
            }
        }
    }
}

/// Several factors against 30 digits by mpmath: shapes and counts, x, density, the smaller tail.
#[test]
fn pinned_densities_and_tails() {
    let two: &[(f64, f64)] = &[(0.5, 2.0)];
    let five: &[(f64, f64)] = &[(1.5, 5.0)];
    let ten: &[(f64, f64)] = &[(5.0, 10.0)];
    let mixed: &[(f64, f64)] = &[(0.5, 1.0), (2.0, 3.0), (10.0, 4.0)];
    for (groups, x, pdf, tail) in [
        (two, -20.12, 2.355_040_325_801_410_7e-8, 2.471_419_466_735_894e-8),
        (two, -5.983, 0.009_789_281_062_132_319, 0.011_394_347_627_169_218),
        (two, -1.27, 0.256_241_599_338_668_46, 0.570_230_222_666_446_2),
        (two, 1.871, 0.003_018_372_243_425_508_7, 0.000_435_942_375_548_924_13),
        (five, -13.89, 7.611_049_081_849_522e-13, 2.846_179_505_129_336_4e-13),
        (five, -4.165, 0.009_115_806_049_129_831, 0.004_793_290_399_516_659),
        (five, -0.9224, 0.370_976_395_244_754_3, 0.526_862_698_433_142),
        (five, 4.482, 3.075_166_766_870_407e-13, 1.892_104_873_218_732_5e-14),
        (ten, -9.443, 3.746_249_451_003_826_6e-20, 4.855_037_882_557_457e-21),
        (ten, 0.9711, 0.068_064_582_926_001_47, 0.018_688_161_911_978_706),
        (ten, 3.203, 6.719_280_086_599_158e-8, 6.566_229_716_553_467e-9),
        (mixed, -17.34, 5.405_718_626_313_723e-8, 5.405_718_626_313_915e-8),
        (mixed, -1.142, 0.311_050_742_227_266_5, 0.553_773_458_956_666_2),
        (mixed, 5.608, 9.532_398_975_403_663e-21, 4.477_083_244_020_692e-22),
    ] {
        let groups = groups.iter().map(|&(shape, count)| Group { shape, count }).collect();
        let sum = LogGammaSum::new(0.0, groups);
        let relative = |got: f64, expected: f64| (got / expected - 1.0).abs();
        let got = sum.tails(x)[usize::from(x >= sum.cumulant(1))];
        assert!(relative(sum.pdf(x), pdf) < 3e-13, "{sum:?} {x}: {:e}", sum.pdf(x) / pdf - 1.0);
        assert!(relative(got, tail) < 3e-13, "{sum:?} {x}: {:e}", got / tail - 1.0);
    }
}

/// Mass, mean, variance and third cumulant of the density by the trapezoid rule, which is exact for densities that fall to zero smoothly.
#[test]
fn the_density_has_its_cumulants() {
    for (shape, count) in [(0.5, 2.0), (0.5, 40.0), (5.0, 3.0), (500.0, 1.0), (25.0, 1e6)] {
        let sum = equal(shape, count);
        let [mean, width] = sum.centre_and_width();
        let (mut sums, step) = ([0.0; 4], 0.05);
        for k in -1200..=300 {
            let z = f64::from(k) * step;
            let mass = sum.pdf(mean + z * width) * width * step;
            sums.iter_mut().enumerate().for_each(|(power, sum)| *sum += mass * z.powi(power as i32));
        }
        let skewness = sum.cumulant(3) / width.powi(3);
        for (got, expected) in sums.into_iter().zip([1.0, 0.0, 1.0, skewness]) {
            assert!((got - expected).abs() < 2e-12, "shape {shape}, count {count}: {sums:?} {skewness}");
        }
    }
}

#[test]
fn quantiles_invert_the_tails() {
    for (shape, count) in [(0.5, 1.0), (0.5, 7.0), (5.0, 10.0), (500.0, 1e6), (5e11, 3.0)] {
        let sum = equal(shape, count);
        for p in [1e-300, 1e-30, 1e-9, 0.02, 0.3, 0.5, 0.77, 0.999_999] {
            let [lower, upper] = sum.tails(sum.quantile(p));
            let off = if p < 0.5 { lower / p - 1.0 } else { upper / (1.0 - p) - 1.0 };
            assert!(off.abs() < 1e-11 * (1.0 - p.ln()), "shape {shape}, count {count}, p {p}: {off:e}");
        }
    }
}

#[test]
fn ends_and_nonsense() {
    for (shape, count) in [(0.5, 1.0), (0.5, 1e9), (5.0, 10.0), (5e11, 1e6)] {
        let sum = equal(shape, count);
        for far in [1e300, f64::INFINITY] {
            assert_eq!(
                (sum.pdf(far), sum.pdf(-far), sum.tails(far), sum.tails(-far)),
                (0.0, 0.0, [1.0, 0.0], [0.0, 1.0])
            );
        }
        assert!(sum.pdf(f64::NAN).is_nan() && sum.tails(f64::NAN)[0].is_nan());
        assert!(sum.quantile(-0.1).is_nan() && sum.quantile(f64::NAN).is_nan());
        assert_eq!((sum.quantile(0.0), sum.quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    }
    // The lower tail of one normal variable is a power law, as far as doubles go.
    let sum = equal(0.5, 1.0);
    assert!((sum.ln_pdf(-700.0) - (-700.0 + 0.5 * (2.0 / PI).ln())).abs() < 1e-9);
    assert!((sum.tails(-700.0)[0] / ((-700f64).exp() * (2.0 / PI).sqrt()) - 1.0).abs() < 1e-9);
    assert_eq!(sum.tails(-760.0)[0], 0.0);
}
