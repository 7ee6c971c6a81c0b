//! Against closed forms, identities and pinned multiprecision values.

use super::super::{Erf, Linear, Relu, Sigmoid, Tanh};
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
                let (got, exact) = (
                    pair_moments_by_quadrature(phi, pair).expect("exists"),
                    phi.pair_moments(pair).expect("exists"),
                );
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
