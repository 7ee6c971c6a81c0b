//! Against closed forms, identities and pinned multiprecision values.

use super::super::{Activation, Erf, Linear, Relu, Sigmoid, Tanh, by_name};
use super::test_functions::*;
use super::*;

/// Relative to E|f|, for each of the five expectations and E phi''.
fn assert_close(name: &str, q: f64, a: &GaussianMoments, b: &GaussianMoments) {
    let scale = |square: f64| square.sqrt();
    for (label, x, y, size) in [
        ("phi", a.phi, b.phi, scale(b.phi2)),
        ("phi2", a.phi2, b.phi2, b.phi2),
        ("dphi", a.dphi, b.dphi, b.dphi),
        ("dphi2", a.dphi2, b.dphi2, b.dphi2),
        ("dphi4", a.dphi4, b.dphi4, b.dphi4),
        ("phi2_dphi2", a.phi2_dphi2, b.phi2_dphi2, b.phi2_dphi2),
        ("ddphi", a.ddphi.expect("q > 0"), b.ddphi.expect("q > 0"), (b.dphi2 / q).sqrt()),
        ("phi2_slope", a.phi2_slope.expect("q > 0"), b.phi2_slope.expect("q > 0"), (b.phi2_dphi2 / q).sqrt()),
    ] {
        assert!((x - y).abs() <= 1e-12 * size, "{name} {label} at q = {q}: {x:e} against {y:e}");
    }
}

#[test]
fn quadrature_meets_the_closed_forms() {
    for q in [1e-6, 1e-3, 0.25, 1.0, 4.0, 21.0, 1e3, 1e6] {
        for phi in [&Relu as &dyn Activation, &Erf, &Linear] {
            assert_close(
                phi.name(),
                q,
                &moments_by_quadrature(phi, q).expect("exists"),
                &phi.moments(q).expect("exists"),
            );
        }
    }
}

#[test]
fn bivariate_quadrature_meets_the_closed_forms() {
    for (q1, q2) in [(1e-4_f64, 1e-4_f64), (1.0, 1.0), (0.3, 25.0), (1e4, 1.0), (1e5, 1e5)] {
        for c in [-1.0, -0.7, 0.0, 0.3, 0.99, 0.999_999, 1.0] {
            let pair = GaussianPair { q1, q2, covariance: c * (q1 * q2).sqrt() };
            for phi in [&Relu as &dyn Activation, &Erf, &Linear] {
                let (got, exact) =
                    (pair_moments_by_quadrature(phi, pair).expect("exists"), phi.pair_moments(pair).expect("exists"));
                let (a, b) = (phi.moments(q1).expect("exists"), phi.moments(q2).expect("exists"));
                let scales = [a.phi2 * b.phi2, a.dphi2 * b.dphi2, a.phi2_dphi2 * b.phi2_dphi2].map(f64::sqrt);
                let values = [(got.phi, exact.phi), (got.dphi, exact.dphi), (got.aligned, exact.aligned)];
                for ((x, y), size) in values.into_iter().zip(scales) {
                    assert!((x - y).abs() <= 1e-12 * size, "{} {pair:?}: {x:e} against {y:e}", phi.name());
                }
            }
        }
    }
}

/// Symmetries of the two activations without closed forms: E sigma = 1/2, and sigma(x) = (1 + tanh(x/2)) / 2 ties
/// their second moments together across different q.
#[test]
fn sigmoid_and_tanh_are_tied_by_their_identity() {
    for q in [1e-6, 0.5, 20.944_603_704_582_4, 1e4, 1e6] {
        let sigmoid = Sigmoid.moments(q).expect("exists");
        let tanh = Tanh.moments(q / 4.0).expect("exists");
        assert!((sigmoid.phi - 0.5).abs() < 1e-13);
        assert!((sigmoid.phi2 - (0.25 + 0.25 * tanh.phi2)).abs() < 1e-13);
        assert!((sigmoid.dphi2 * 16.0 - tanh.dphi2).abs() < 1e-12 * tanh.dphi2);
        assert_eq!((sigmoid.ddphi, tanh.ddphi), (Some(0.0), Some(0.0)));
        assert!(sigmoid.error < 1e-12 && tanh.error < 1e-12);
    }
}

#[test]
fn equal_pairs_reduce_to_the_univariate_moments() {
    for phi in [&Sigmoid as &dyn Activation, &Tanh, &Erf, &Relu, &Linear] {
        for q in [0.01, 1.0, 21.0] {
            let pair = phi.pair_moments(GaussianPair { q1: q, q2: q, covariance: q }).expect("exists");
            let single = phi.moments(q).expect("exists");
            assert!((pair.phi - single.phi2).abs() < 1e-12 * single.phi2, "{}", phi.name());
            assert!((pair.dphi - single.dphi2).abs() < 1e-12 * single.dphi2, "{}", phi.name());
            assert!((pair.aligned - single.phi2_dphi2).abs() < 1e-12 * single.phi2_dphi2, "{}", phi.name());
        }
    }
}

#[test]
fn zero_variance_is_a_constant() {
    let pair = Sigmoid.pair_moments(GaussianPair { q1: 0.0, q2: 2.0, covariance: 0.0 }).expect("exists");
    assert!((pair.phi - 0.25).abs() < 1e-14);
    assert_eq!(Relu.moments(0.0).expect("exists").dphi2, 0.0);
    assert_eq!(Tanh.moments(0.0).expect("exists").dphi2, 1.0);
    assert!((Erf.moments(1e-300).expect("exists").phi2 / (4e-300 / std::f64::consts::PI) - 1.0).abs() < 1e-12);
}

fn moments(phi: &dyn Activation, q: f64) -> GaussianMoments {
    moments_by_quadrature(phi, q).unwrap_or_else(|error| panic!("{error}"))
}

/// E phi, E phi^2, E phi'^2, E phi'^4, each relative to the expectation of its absolute value (for phi: at most sqrt E phi^2).
fn assert_moments(phi: &dyn Activation, q: f64, exact: [f64; 4]) {
    let m = moments(phi, q);
    let sizes = [exact[1].sqrt(), exact[1], exact[2], exact[3]];
    for ((got, exact), size) in [m.phi, m.phi2, m.dphi2, m.dphi4].into_iter().zip(exact).zip(sizes) {
        assert!((got - exact).abs() <= 1e-12 * size, "{} at {q}: {got:e} against {exact:e}", phi.name());
    }
    for (ln, value) in [(m.ln_phi2, m.phi2), (m.ln_dphi2, m.dphi2), (m.ln_dphi4, m.dphi4)] {
        assert!((ln - value.ln()).abs() < 1e-13 * (1.0 + ln.abs()), "{} at {q}", phi.name());
    }
}

#[test]
fn smooth_functions_meet_their_closed_forms() {
    for q in [1e-12, 1e-6, 1e-3, 0.25, 1.0, 4.0, 100.0, 1e4, 1e6] {
        let f = |x: f64| x.powf(-0.5);
        assert_moments(
            &BELL,
            q,
            [
                f(1.0 + 2.0 * q),
                f(1.0 + 4.0 * q),
                4.0 * q * (1.0 + 4.0 * q).powf(-1.5),
                48.0 * q * q * (1.0 + 8.0 * q).powf(-2.5),
            ],
        );
        let angle = (q / (1.0 + q)).asin() / (2.0 * std::f64::consts::PI);
        let (a, b) = (0.25 + angle, q / (2.0 * std::f64::consts::PI * (1.0 + q) * (1.0 + 2.0 * q).sqrt()));
        let m = moments(&GELU, q);
        let exact_slope = a + 2.0 * b + q / (2.0 * std::f64::consts::PI * (1.0 + 2.0 * q).powf(1.5));
        assert!((m.phi2 / (q * (a + 2.0 * b)) - 1.0).abs() < 1e-12, "gelu at {q}");
        assert!((m.dphi2 / exact_slope - 1.0).abs() < 1e-12, "gelu at {q}");
        let size = m.phi2.sqrt();
        assert!((m.phi - q / (2.0 * std::f64::consts::PI * (1.0 + q)).sqrt()).abs() < 1e-12 * size, "gelu at {q}");
        let decay = (-2.0 * q).exp();
        if q <= 1e4 {
            let fourth = (3.0 + 4.0 * decay + (-8.0 * q).exp()) / 8.0;
            assert_moments(&SIN, q, [0.0, -0.5 * (-2.0 * q).exp_m1(), 0.5 * (1.0 + decay), fourth]);
        }
    }
}

/// Oscillations by the thousand: right, or refused; sin(50 x) at q = 1e6 has 2e5 periods.
#[test]
fn fast_oscillations_are_resolved_or_refused() {
    for q in [1.0, 1e4] {
        let square = 0.5 * (1.0 + f64::exp(-5000.0 * q));
        assert_moments(&SIN_50, q, [0.0, 1.0 - square, 2500.0 * square, 50f64.powi(4) * 3.0 / 8.0]);
    }
    assert_moments(&SIN, 1e6, [0.0, 0.5, 0.5, 3.0 / 8.0]);
    match moments_by_quadrature(&SIN_50, 1e6) {
        Ok(m) => assert!((m.phi2 - 0.5).abs() < 1e-12),
        Err(error) => assert!(matches!(error, ExpectationError::Inaccurate { .. }), "{error}"),
    }
}

/// Pinned: mpmath 1.3, 30 digits, tanh-sinh quadrature split around the feature.
#[test]
fn sharp_features_are_found() {
    let steep = [
        (1.0, [-0.997_300_193_001_573_2, 0.999_991_136_274_015_7, 5.909_138_837_920_157, 4_051_977.991_002_518]),
        (1e4, [-0.023_932_946_827_241_383, 0.999_992_024_744_065_1, 5.316_837_290_075_68, 3_645_831.284_656_208]),
    ];
    for (q, exact) in steep {
        assert_moments(&STEEP, q, exact);
        // The step betrays itself: values differ on its two sides.
        assert_moments(&STEEP_UNANNOUNCED, q, exact);
    }
    let bump = [
        (1.0, [3.189_909_799_312_305_7e-4, 0.010_353_155_428_329_208, 20.310_673_834_341_586, 968_947.178_356_799_9]),
        (1e4, [2.356_551_245_917_341_3e-5, 100.000_026_089_538_64, 1.509_700_030_315_995_5, 71_580.334_237_078_82]),
    ];
    for (q, exact) in bump {
        assert_moments(&BUMP, q, exact);
    }
}

/// Pinned: mpmath 1.3, 25 digits; softsign has a jump of phi'' at 0.
#[test]
fn softsign_over_twelve_decades() {
    for (q, phi2, dphi2, dphi4, slope) in [
        (1e-6, 9.968_174_362_992_536e-7, 0.996_818_429_946_049_9, 0.993_652_733_006_252_7, 0.995_230_629_028_616_6),
        (1.0, 0.183_014_021_266_547_5, 0.227_671_340_422_182_5, 0.110_741_500_834_006_75, 0.087_244_899_660_816_79),
        (
            1e6,
            0.989_679_213_536_826_9,
            2.659_613_876_175_484e-4,
            1.139_835_048_866_742_8e-4,
            4.363_997_951_552_192_8e-9,
        ),
    ] {
        assert_moments(&SOFTSIGN, q, [0.0, phi2, dphi2, dphi4]);
        let got = moments(&SOFTSIGN, q).phi2_slope.expect("q > 0");
        assert!((got / slope - 1.0).abs() < 1e-12, "at {q}: {got:e}");
    }
}

/// Pinned: closed forms in erfc, mpmath 1.3, 60 digits. softshrink: `E phi^2 = 2 q ((1 + a^2) Q(a) - a n(a))`, `E phi'^2 = 2 Q(a)`,
/// a = 1/2 sqrt(q); hard_tanh(x - 3): `E phi'^2 = Q(2 / sqrt q) - Q(4 / sqrt q)`.
#[test]
fn dead_zones_keep_their_logarithms() {
    for (q, ln_phi2, ln_dphi2) in [
        (1e-6, -125_031.992_003_024_89, -125_006.440_403_451_02),
        (1e-4, -1_270.481_449_254_490_1, -1_254.138_213_958_86),
        (1e-3, -139.746_172_431_754_64, -127.990_482_579_117_17),
        (1e-2, -21.672_942_984_879_67, -14.371_851_213_428_78),
    ] {
        let by_quadrature = moments(&SOFTSHRINK, q);
        let closed = moments(&*by_name("softshrink").expect("registered"), q);
        for m in [by_quadrature, closed] {
            for (got, exact) in [(m.ln_phi2, ln_phi2), (m.ln_dphi2, ln_dphi2), (m.ln_dphi4, ln_dphi2)] {
                assert!((got - exact).abs() < 1e-12_f64.max(2e-15 * exact.abs()), "{q}: {got} against {exact}");
            }
            assert!(m.error < 1e-12);
            assert_eq!(m.phi2 == 0.0, ln_phi2 < -746.0);
            assert!(m.phi == 0.0 || m.phi.abs() < 1e-12 * m.phi2.sqrt());
        }
    }
    for (q, ln_dphi2) in [
        (1e-6, -2_000_008.519_841_242_8),
        (1e-4, -20_006.217_280_898_19),
        (1e-3, -2_005.066_213_197_198),
        (1e-2, -203.917_155_371_097_27),
    ] {
        let m = moments(&HARD_TANH, q);
        for got in [m.ln_dphi2, m.ln_dphi4] {
            assert!((got - ln_dphi2).abs() < 1e-12_f64.max(2e-15 * ln_dphi2.abs()), "{q}: {got} against {ln_dphi2}");
        }
        assert!((m.phi2 - 1.0).abs() < 1e-13 && (m.phi + 1.0).abs() < 1e-13);
    }
    let constant = Function { name: "one", value: |_| 1.0, derivative: |_| 0.0, ..BELL };
    let m = moments(&constant, 1.0);
    assert_eq!((m.dphi2, m.ln_dphi2, m.ln_dphi4), (0.0, f64::NEG_INFINITY, f64::NEG_INFINITY));
    assert!((m.phi2 - 1.0).abs() < 1e-13);
}

/// `E e^(k u) = e^(k^2 q / 2)`: at q = 100 the integrand of E phi^2 peaks 20 standard deviations out, and E phi'^4 = e^800.
#[test]
fn exponential_growth_is_followed_or_diverges() {
    for q in [0.1, 1.0, 9.0, 25.0, 100.0] {
        let m = moments(&EXP, q);
        assert!((m.phi / (0.5 * q).exp() - 1.0).abs() < 1e-12, "{q}: {:e}", m.phi);
        assert!((m.phi2 / (2.0 * q).exp() - 1.0).abs() < 1e-12, "{q}: {:e}", m.phi2);
        // Stein: E u phi / q = E phi'; d E phi^2 / dq = 2 E phi^2.
        assert!((m.ddphi.expect("q > 0") / m.phi - 1.0).abs() < 1e-12, "{q}");
        assert!((m.phi2_slope.expect("q > 0") / (2.0 * m.phi2) - 1.0).abs() < 1e-12, "{q}");
        assert!((m.ln_dphi4 - 8.0 * q).abs() < 1e-12_f64.max(1e-14 * 8.0 * q), "{q}: {}", m.ln_dphi4);
        assert_eq!(m.dphi4.is_infinite(), q == 100.0);
    }
    let diverges = |phi: &Function, q: f64| {
        let error = moments_by_quadrature(phi, q).expect_err("infinite");
        assert!(matches!(error, ExpectationError::Diverges { .. }), "{} at {q}: {error}", phi.name());
    };
    diverges(&EXP, 1e4);
    diverges(&EXP, 1e6);
    // E phi^2 = 1 / sqrt(1 - 1.2 q).
    for q in [1.0 / 1.2, 0.9, 2.0, 1e3, 1e6] {
        diverges(&EXP_SQUARE, q);
    }
    for q in [0.1, 0.3, 0.5, 0.7] {
        let m = moments(&EXP_SQUARE, q);
        assert!((m.phi2 * (1.0 - 1.2 * q).sqrt() - 1.0).abs() < 1e-12, "{q}: {:e}", m.phi2);
        assert_eq!(m.dphi4.is_infinite(), q > 1.0 / 2.4, "{q}");
    }
    // Finite, but the integrand can only be followed to |x| = 48, where exp(0.3 x^2) overflows.
    assert!(matches!(moments_by_quadrature(&EXP_SQUARE, 0.833), Err(ExpectationError::Inaccurate { .. })));
}

#[test]
fn functions_that_leave_the_range_are_refused_in_pairs_too() {
    let pair =
        |phi: &Function, q: f64| pair_moments_by_quadrature(phi, GaussianPair { q1: q, q2: q, covariance: 0.5 * q });
    assert!(matches!(pair(&EXP, 1e4), Err(ExpectationError::Diverges { .. })));
    assert!(matches!(pair(&EXP_SQUARE, 0.9), Err(ExpectationError::Diverges { .. })));
    assert!(pair(&SIN_50, 1e4).is_err());
    // E e^u e^v = e^(q (1 + c)).
    for q in [0.5, 4.0] {
        for c in [-0.9, 0.5, 0.99] {
            let pair = GaussianPair { q1: q, q2: q, covariance: c * q };
            let got = pair_moments_by_quadrature(&EXP, pair).expect("exists");
            assert!((got.phi / (q * (1.0 + c)).exp() - 1.0).abs() < 1e-11, "{q} {c}");
            assert!((got.phi - (q * (1.0 + c)).exp()).abs() < 1e-12 * (2.0 * q).exp(), "{q} {c}");
        }
    }
}

/// `E sin(a u) sin(b v) = e^-(a^2 q1 + b^2 q2)/2 sinh(a b k)`, two different functions; at any correlation.
#[test]
fn two_functions_of_a_pair() {
    let (sine, steeper) = (|x: f64| x.sin(), |x: f64| (2.0 * x).sin());
    let step = |x: f64| f64::from(u8::from(x > 0.0));
    let relu = |x: f64| x.max(0.0);
    let smooth = |evaluate| ScalarFunction { evaluate, seams: &[], transitions: &[] };
    let kinked = |evaluate| ScalarFunction { evaluate, seams: &[0.0], transitions: &[] };
    for (q1, q2) in [(1.0, 1.0), (0.3, 2.5), (1e-6, 4.0)] {
        for c in [-1.0, -0.96, -0.3, 0.0, 0.7, 0.99, 1.0 - 1e-9, 1.0 - 1e-15, 1.0] {
            let k = c * f64::sqrt(q1 * q2);
            let pair = GaussianPair { q1, q2, covariance: k };
            let got = pair_expectation(smooth(&sine), smooth(&steeper), pair).expect("exists");
            let exact = (-0.5 * (q1 + 4.0 * q2)).exp() * (2.0 * k).sinh();
            assert!((got.value - exact).abs() <= 1e-12 * got.scale, "{pair:?}: {} against {exact}", got.value);
            assert!(got.error <= 1e-12 * got.scale);
            // E step(u) relu(v) = sqrt(q2 / 2 pi) (1 + c) / 2.
            let got = pair_expectation(kinked(&step), kinked(&relu), pair).expect("exists");
            let exact = (q2 / (2.0 * std::f64::consts::PI)).sqrt() * 0.5 * (1.0 + c);
            assert!((got.value - exact).abs() <= 1e-12 * got.scale, "{pair:?}: {} against {exact}", got.value);
        }
    }
}

/// The cheap paths of the nested quadrature against its own product and equal limits at distant variances.
#[test]
fn pairs_of_very_different_variances() {
    for phi in [&Tanh as &dyn Activation, &SOFTSIGN, &ELU, &GELU] {
        for (q1, q2) in [(1e-6, 1e6), (1e-3, 1.0), (1e6, 1e6), (1e4, 1e2)] {
            for c in [-0.999, 0.3, 0.95, 1.0 - 1e-12] {
                let pair = GaussianPair { q1, q2, covariance: c * f64::sqrt(q1 * q2) };
                let swapped = GaussianPair { q1: q2, q2: q1, ..pair };
                let (a, b) = (pair_moments_by_quadrature(phi, pair), pair_moments_by_quadrature(phi, swapped));
                let (a, b) = (a.expect("exists"), b.expect("exists"));
                let (m, n) = (moments(phi, q1), moments(phi, q2));
                for (x, y, size) in [
                    (a.phi, b.phi, m.phi2 * n.phi2),
                    (a.dphi, b.dphi, m.dphi2 * n.dphi2),
                    (a.aligned, b.aligned, m.phi2_dphi2 * n.phi2_dphi2),
                ] {
                    assert!((x - y).abs() <= 1e-12 * size.sqrt(), "{} {pair:?}: {x:e} {y:e}", phi.name());
                }
            }
        }
    }
}

/// Pinned: mpmath 1.3, 20 digits, nested tanh-sinh quadrature split at the seams, q1 = 1, q2 = 9/4.
#[test]
fn kinked_pairs_meet_multiprecision() {
    for (phi, c, value, slope) in [
        (&ELU as &dyn Activation, 0.5, 0.467_825_913_513_477_5, 0.581_043_927_466_091_9),
        (&ELU, 0.99, 0.914_367_052_535_634_3, 0.639_416_522_134_854_4),
        (&SOFTSIGN, 0.5, 0.101_788_856_065_792_59, 0.140_285_607_938_010_44),
        (&SOFTSIGN, 0.99, 0.215_368_180_049_161_7, 0.185_642_935_737_896_1),
    ] {
        let got =
            pair_moments_by_quadrature(phi, GaussianPair { q1: 1.0, q2: 2.25, covariance: 1.5 * c }).expect("exists");
        assert!((got.phi - value).abs() < 1e-12 * value, "{} {c}: {}", phi.name(), got.phi);
        assert!((got.dphi - slope).abs() < 1e-12 * slope, "{} {c}: {}", phi.name(), got.dphi);
    }
}

/// Deep in saturation phi' underflows on a part of the range, or on all of it: what can be given is, and nothing fails. In the tail
/// phi' = 4 e^-2x, so that `E phi'^2 = 16 e^(8 q - 4 shift)` while the saddle at -4 q keeps clear of the transition.
#[test]
fn saturation_down_to_underflow() {
    for k in 0..400 {
        for side in [-1.0, 1.0] {
            let shift = side * 0.5 * 1.04f64.powi(k);
            let shifted = super::super::Shifted::new(&Tanh, shift);
            let m = moments(&shifted, 1.0);
            let pair = pair_moments_by_quadrature(&shifted, GaussianPair { q1: 1.0, q2: 1.0, covariance: 1.0 });
            let pair = pair.expect("exists");
            assert!((pair.phi - m.phi2).abs() < 1e-12 * m.phi2);
            if (50.0..300.0).contains(&shift.abs()) {
                let exact = 16f64.ln() + 8.0 - 4.0 * shift.abs();
                assert!((m.ln_dphi2 - exact).abs() < 1e-12 * exact.abs(), "{shift}: {} not {exact}", m.ln_dphi2);
            }
        }
    }
}
