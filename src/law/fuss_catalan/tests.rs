//! Tests of the law.

use super::*;

fn law(factors: usize) -> FussCatalan {
    FussCatalan::new(factors).expect("allowed")
}

/// Of `x^power` over ln x in panels of one nat; below -60 (L + 1) nats lies 1e-26 of the mass.
fn integral(law: &FussCatalan, power: f64, low: f64, high: f64) -> f64 {
    let edge = law.ln_upper_edge();
    // Square roots at the edge, gone in s = sqrt(edge - ln x).
    let breaks: Vec<f64> = {
        let (a, b) = ((edge - high).max(0.0).sqrt(), (edge - low).sqrt());
        (0..=40).map(|i| a + (b - a) * f64::from(i) / 40.0).collect()
    };
    let integrand = |s: f64| {
        let t = edge - s * s;
        [2.0 * s * law.pdf_of_ln(t) * (power * t).exp()]
    };
    crate::numeric::integrate(integrand, &breaks, 1e-13).value[0]
}

#[test]
fn mass_moments_and_distribution_belong_together() {
    for factors in [1, 2, 3, 10, 100, 5000] {
        let law = law(factors);
        let low = law.ln_quantile(1e-14);
        let whole = integral(&law, 0.0, low, f64::INFINITY);
        assert!((whole - 1.0).abs() < 1e-11, "L = {factors}: {whole}");
        for k in 1..4 {
            let exact = law.moment(k).expect("known");
            let found = integral(&law, f64::from(k), law.ln_upper_edge() - 60.0, f64::INFINITY);
            assert!((found / exact - 1.0).abs() < 1e-10, "L = {factors}, k = {k}: {found} {exact}");
        }
        for p in [1e-3, 0.3, 0.7, 0.999] {
            let t = law.ln_quantile(p);
            assert!((integral(&law, 0.0, low, t) - p).abs() < 1e-11, "L = {factors}, p = {p}");
        }
    }
}

/// Every place of the support is found, on a grid of four thousand: density times step is the rise of the distribution function.
#[test]
fn inversion_never_loses_its_way() {
    for factors in [1, 4, 5000, 1_000_000] {
        let law = law(factors);
        for i in 0..4000 {
            let depth = 10f64.powf(-4.0 + 0.00225 * f64::from(i));
            let point = law.point(depth);
            if point.gamma < 1e-300 {
                continue;
            }
            let allowed = 1e-14 * (depth + law.ln_edge());
            assert!((law.depth(point) - depth).abs() < allowed, "L = {factors}: {depth}");
        }
    }
}

#[test]
fn one_factor_is_marchenko_pastur() {
    let (ours, theirs) = (law(1), super::super::MarchenkoPastur::new(1.0).expect("allowed"));
    for x in [1e-250, 1e-9, 0.3, 1.0, 2.0, 3.9, 4.0 - 1e-9] {
        assert!((ours.pdf(x) / theirs.pdf(x) - 1.0).abs() < 1e-13, "{x}: {} {}", ours.pdf(x), theirs.pdf(x));
        assert!((ours.cdf(x) / theirs.cdf(x) - 1.0).abs() < 1e-13, "{x}");
    }
    // 1 - F near 4: the integral of sqrt(4 - x) / (4 pi) to leading order.
    let d = 1e-9;
    assert!((ours.survival(4.0 - d) / (d.powf(1.5) / (6.0 * PI)) - 1.0).abs() < 1e-6, "{}", ours.survival(4.0 - d));
}

#[test]
fn tails_keep_relative_accuracy() {
    for factors in [1, 7, 1000, 1_000_000] {
        let law = law(factors);
        for p in [1e-300, 1e-100, 1e-9, 0.1, 0.4999, 0.5, 0.9] {
            let back = law.cdf_of_ln(law.ln_quantile(p));
            let at = law.ln_quantile(p);
            // What rounding of ln x alone moves.
            let allowed = 1e-13 + 4.0 * f64::EPSILON * at.abs() * law.pdf_of_ln(at) / p;
            assert!((back / p - 1.0).abs() < allowed, "L = {factors}, p = {p}: {back}");
        }
        for q in [1e-18, 1e-9, 1e-3] {
            let d: f64 = q;
            let x = law.support().high * (1.0 - d.powf(2.0 / 3.0));
            let (one, half) = (law.survival(x), law.survival(x + 0.5 * (law.support().high - x)));
            assert!(one > 0.0 && (one / half / 2f64.powf(1.5) - 1.0).abs() < 0.05, "L = {factors}: {one} {half}");
        }
        // The small-x law F ~ (L+1) sin(pi/(L+1))/pi x^(1/(L+1)).
        let l1 = factors as f64 + 1.0;
        let t = -40.0 * l1;
        let expected = l1 * (PI / l1).sin() / PI * (t / l1).exp();
        assert!((law.cdf_of_ln(t) / expected - 1.0).abs() < 1e-12, "L = {factors}");
    }
}

#[test]
fn ends_and_nonsense() {
    let law = law(3);
    assert_eq!((law.cdf(-1.0), law.cdf(0.0), law.cdf(10.0), law.pdf(-1.0), law.pdf(10.0)), (0.0, 0.0, 1.0, 0.0, 0.0));
    assert_eq!((law.cdf_of_ln(f64::NEG_INFINITY), law.pdf_of_ln(f64::NEG_INFINITY)), (0.0, 0.0));
    assert_eq!((law.survival(-1.0), law.survival(10.0), law.cdf(f64::INFINITY)), (1.0, 0.0, 1.0));
    assert_eq!((law.quantile(0.0), law.quantile(1.0)), (0.0, law.support().high));
    assert!(law.pdf(f64::NAN).is_nan() && law.cdf_of_ln(f64::NAN).is_nan() && law.quantile(-0.1).is_nan());
    assert!(FussCatalan::new(0).is_err() && FussCatalan::new(1_000_001).is_err());
    assert!(
        (self::law(1000).moment(65).expect("known") / self::law(1000).moment(64).expect("known") / 2654.0 - 1.0).abs()
            < 0.02
    );
}
