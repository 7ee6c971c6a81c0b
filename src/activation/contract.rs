//! What every activation of the registry keeps: tests over all of them, their parameters and compositions.

use std::sync::Arc;

use super::gaussian::{moments_by_quadrature, pair_moments_by_quadrature};
use super::*;
use crate::numeric::integrate;

/// The registry at its defaults, other parameters, and compositions of either sign.
fn all() -> Vec<Arc<dyn Activation>> {
    let spelled = [
        "leaky_relu(0.1)",
        "leaky_relu(-1)",
        "leaky_relu(-2)",
        "leaky_relu(3)",
        "leaky_relu(1)",
        "elu(0.5)",
        "elu(2)",
        "celu(2)",
        "celu(0.3)",
        "softplus(3)",
        "softshrink(1.5)",
        "2*tanh(0.5*x)",
        "1.7159*tanh(2/3*x)",
        "-1*gelu(x)",
        "silu(x + 1)",
        "0.5*leaky_relu(0.1)(2*x - 1) + 3",
        "-2*leaky_relu(-2)(-1*x)",
        "-1*sin(2*x + 0.3)",
        "hard_swish(-2*x)",
        "-3*relu6(0.5*x + 2) - 1",
        "-1*squared_relu(x)",
        "gaussian(-0.7*x + 1)",
        "-1*elu(1 - 2*x)",
        "0.3*softsign(4*x)",
    ];
    let named = ACTIVATIONS.iter().map(Entry::activation);
    named.chain(spelled.iter().map(|name| by_name(name).expect("a spelling"))).collect()
}

/// Distance of x from the seams of the activation.
fn clearance(phi: &dyn Activation, x: f64) -> f64 {
    phi.seams().iter().map(|seam| (x - seam).abs()).fold(f64::INFINITY, f64::min)
}

/// Finite differences are the oracle: central ones of order four, whose stencil stays clear of seams.
#[test]
fn derivatives_are_the_slopes_of_what_they_derive() {
    for phi in all() {
        let name = phi.name();
        for k in -240..=240 {
            let x = f64::from(k) * 0.0625 + 0.0113;
            let h = 4e-4;
            if clearance(&*phi, x) < 3.0 * h {
                continue;
            }
            let slope =
                |f: &dyn Fn(f64) -> f64| (8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) / (12.0 * h);
            let (value, derivative, second) = (phi.value(x), phi.derivative(x), phi.second_derivative(x));
            // Truncation h^4 sup|phi^(5)| / 30, rounding eps |phi| / h.
            let tolerance = |size: f64| 2e-9 + 2e-13 * size.abs();
            let got = slope(&|x| phi.value(x));
            assert!((derivative - got).abs() < tolerance(value), "{name}' at {x}: {derivative} not {got}");
            let got = slope(&|x| phi.derivative(x));
            assert!((second - got).abs() < tolerance(derivative), "{name}'' at {x}: {second} not {got}");
            let both = phi.value_and_derivative(x);
            assert_eq!(both.0, value, "{name} at {x}");
            // Shared work may round differently in the last places.
            assert!((both.1 - derivative).abs() <= 4.0 * f64::EPSILON * derivative.abs(), "{name} at {x}");
        }
    }
}

#[test]
fn kinks_and_seams_are_where_derivatives_jump() {
    for phi in all() {
        let name = phi.name();
        assert!(phi.kinks().iter().all(|kink| phi.seams().contains(kink)), "{name}");
        assert!(phi.seams().is_sorted_by(|a, b| a < b), "{name}");
        let h = 1e-7;
        for &seam in phi.seams() {
            assert!((phi.value(seam + h) - phi.value(seam - h)).abs() < 1e-4, "{name} is continuous");
            let jump = |f: &dyn Fn(f64) -> f64| (f(seam + h) - f(seam - h)).abs() > 1e-3;
            let kink = jump(&|x| phi.derivative(x));
            assert_eq!(kink, phi.kinks().contains(&seam), "{name} at {seam}");
            assert!(kink || jump(&|x| phi.second_derivative(x)), "{name} has nothing at {seam}");
        }
    }
}

#[test]
fn homogeneous_activations_scale() {
    for phi in all() {
        let scales = [-2.0, -0.3, 0.7, 5.0].iter().all(|x| {
            let (scaled, value) = (phi.value(3.0 * x), 3.0 * phi.value(*x));
            (scaled - value).abs() <= 1e-12 * value.abs()
        });
        assert_eq!(phi.is_homogeneous(), scales, "{}", phi.name());
    }
}

/// Places dense around the transition and far out.
fn scan(phi: &dyn Activation) -> Vec<f64> {
    let dense = (-80_000..=80_000).map(|k| f64::from(k) * 2.5e-4);
    let far = (0..400).flat_map(|k| {
        let x = 20.0 * 1.05f64.powi(k);
        [-x, x]
    });
    let near = phi.seams().iter().flat_map(|seam| [1e-9, 1e-6].into_iter().flat_map(move |h| [seam - h, seam + h]));
    let near: Vec<f64> = near.collect();
    dense.chain(far).chain(near).collect()
}

#[test]
fn bounds_hold_and_are_attained_where_they_say() {
    for phi in all() {
        let name = phi.name();
        let bounds = phi.derivative_bounds();
        let places = scan(&*phi);
        let slopes: Vec<f64> = places.iter().map(|x| phi.derivative(*x)).collect();
        let smallest = slopes.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = slopes.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let largest = greatest.max(-smallest);
        let second = places
            .iter()
            .filter(|x| clearance(&*phi, **x) > 0.0)
            .map(|x| phi.second_derivative(*x).abs())
            .fold(0.0, f64::max);
        let signed = phi.largest_derivative();
        for (what, bound, found) in [
            ("sup |phi'|", bounds.sup_abs, largest),
            ("sup -phi'", -bounds.inf, -smallest),
            ("sup phi'", signed.value, greatest),
            ("sup |phi''|", bounds.second_sup_abs, second),
        ] {
            if bound.is_infinite() {
                assert!(found > 1e3, "{name}: {what}");
                continue;
            }
            let ulp = 4.0 * f64::EPSILON * bound.abs();
            assert!(found <= bound + ulp, "{name}: {what} is {bound}, found {found}");
            // The scan ends at 1e10; a smooth maximum lies within a step.
            assert!(found >= bound - 3e-6 * (1.0 + bound.abs()), "{name}: {what} is {bound}, found only {found}");
        }
        let derivative = |x: f64| phi.derivative(x);
        let second = |x: f64| phi.second_derivative(x).abs();
        type Claim<'a> = (&'a str, &'a Attained, f64, &'a dyn Fn(f64) -> f64);
        let cases: [Claim<'_>; 4] = [
            ("sup", &bounds.sup_at, bounds.sup_abs, &|x| derivative(x).abs()),
            ("inf", &bounds.inf_at, bounds.inf, &derivative),
            ("largest", &signed.at, signed.value, &derivative),
            ("second", &bounds.second_sup_at, bounds.second_sup_abs, &second),
        ];
        for (what, at, bound, value) in cases {
            let points = match at {
                Attained::At(points) => {
                    assert!(!points.is_empty() && points.is_sorted_by(|a, b| a < b), "{name} {what}");
                    points.clone()
                }
                Attained::On { point, set } => {
                    assert!(!set.is_empty(), "{name} {what}");
                    vec![*point]
                }
                Attained::Nowhere => {
                    let met = places
                        .iter()
                        .filter(|x| x.abs() < 3.0 && clearance(&*phi, **x) > 0.0)
                        .any(|x| bound.is_finite() && value(*x) == bound && bound != 0.0);
                    assert!(!met, "{name}: {what} {bound} is attained");
                    continue;
                }
            };
            for point in points {
                let got = value(point);
                assert!((got - bound).abs() <= 1e-14 * bound.abs(), "{name} {what} at {point}: {got} not {bound}");
            }
        }
    }
}

#[test]
fn extreme_arguments_stay_finite_and_nan_passes() {
    for phi in all() {
        let name = phi.name();
        for x in [-1e300, -1e155, -800.0, -40.0, 40.0, 800.0, 1e155, 1e300] {
            let values = [phi.value(x), phi.derivative(x), phi.second_derivative(x), phi.value_and_derivative(x).0];
            let overflows = name.contains("squared_relu");
            assert!(
                values.iter().all(|v| v.is_finite() || (overflows && v.is_infinite())),
                "{name} at {x}: {values:?}"
            );
        }
        let (value, derivative) = phi.value_and_derivative(f64::NAN);
        let values =
            [value, derivative, phi.value(f64::NAN), phi.derivative(f64::NAN), phi.second_derivative(f64::NAN)];
        assert!(values.iter().all(|v| v.is_nan()), "{name}: {values:?}");
    }
    // Relative accuracy of the tail: sigma'(x) = e^-x to a part in e^-x.
    assert!((Sigmoid.derivative(700.0).ln() + 700.0).abs() < 1e-12);
    assert!((Sigmoid.derivative(-700.0).ln() + 700.0).abs() < 1e-12);
    assert!((Tanh.derivative(300.0).ln() - 4f64.ln() + 600.0).abs() < 1e-12);
}

/// PyTorch and 60-digit values; the file says how it was made.
#[test]
fn values_agree_with_pytorch_and_multiprecision() {
    let text = include_str!("../../tests/data/activations_torch.json");
    let json: serde_json::Value = serde_json::from_str(text).expect("valid JSON");
    let table = json["activations"].as_object().expect("a table");
    let mut compared = 0;
    for entry in ACTIVATIONS {
        assert!(table.contains_key(entry.name), "{} is not compared", entry.name);
    }
    for (name, rows) in table {
        let phi = by_name(name).expect("registered");
        for row in rows.as_array().expect("rows") {
            let row: Vec<f64> = row.as_array().expect("a row").iter().map(|v| v.as_f64().expect("a number")).collect();
            let (x, got) = (row[0], [phi.value(row[0]), phi.derivative(row[0])]);
            for (what, got, torch) in [("phi", got[0], row[1]), ("phi'", got[1], row[2])] {
                // PyTorch loses the digits of tails: absolute. Its slope of hard_sigmoid is 1/6 in single precision.
                let single = name == "hard_sigmoid" && what == "phi'";
                let tolerance = if single { 6e-9 } else { 4e-15 * torch.abs().max(1.0) };
                assert!((got - torch).abs() <= tolerance, "{name} {what}({x}) = {got:e}, PyTorch {torch:e}");
                compared += 1;
            }
            if row.len() < 5 {
                continue;
            }
            for (what, got, exact) in [("phi", got[0], row[3]), ("phi'", got[1], row[4])] {
                // gelu_tanh and the exponentials of a product magnify the rounding of their exponent.
                let ulps = if name == "gelu_tanh" { 1e-12 } else { 2e-15 * (1.0 + 0.1 * x.abs()) };
                // phi' has a root beside which only the absolute error is small.
                let size = if (0.05..3.0).contains(&x.abs()) { exact.abs().max(0.1) } else { exact.abs() };
                assert!((got - exact).abs() <= ulps * size, "{name} {what}({x}) = {got:e}, exact {exact:e}");
                compared += 1;
            }
        }
    }
    assert!(compared > 1500, "{compared}");
}

const VARIANCES: [f64; 8] = [1e-6, 1e-3, 0.25, 1.0, 4.0, 100.0, 1e4, 1e6];

/// E|f| of the univariate expectations, for what quadrature and closed forms are compared relative to.
fn sizes(phi: &dyn Activation, m: &GaussianMoments) -> [f64; 8] {
    let sigma = m.q.sqrt();
    let mean = |f: &dyn Fn(f64) -> f64| {
        let mut breaks: Vec<f64> = phi.seams().iter().map(|seam| seam / sigma).filter(|z| z.abs() < 12.0).collect();
        breaks.extend([-12.0, -4.0, 0.0, 4.0, 12.0]);
        breaks.extend(
            [-64.0, -4.0, -1.0, 1.0, 4.0, 64.0].map(|x| (phi.centre() + x) / sigma).iter().filter(|z| z.abs() < 12.0),
        );
        breaks.sort_by(f64::total_cmp);
        integrate(|z| [(f(sigma * z) * crate::numeric::normal_density(z)).abs()], &breaks, 1e-3).value[0]
    };
    [
        mean(&|x| phi.value(x)),
        m.phi2,
        mean(&|x| phi.derivative(x)),
        m.dphi2,
        m.dphi4,
        m.phi2_dphi2,
        mean(&|x| x * phi.derivative(x)) / m.q,
        mean(&|x| x * phi.derivative(x) * phi.value(x)) / m.q,
    ]
}

fn values(m: &GaussianMoments) -> [f64; 8] {
    let after = [m.ddphi, m.phi2_slope].map(|value| value.expect("q > 0"));
    [m.phi, m.phi2, m.dphi, m.dphi2, m.dphi4, m.phi2_dphi2, after[0], after[1]]
}

#[test]
fn closed_forms_meet_quadrature_to_1e_12() {
    let mut worst = (0.0, String::new());
    for phi in all() {
        for q in VARIANCES {
            let closed = match phi.moments(q) {
                Ok(closed) => closed,
                // A shifted sine is left to quadrature, which says so where it cannot follow thousands of periods.
                Err(error) => {
                    assert!(phi.slope_period().is_some() && q > 1e5, "{error}");
                    continue;
                }
            };
            // Where quadrature does not reach its own tolerance (sin over thousands of periods) it is no oracle.
            let Ok(oracle) = moments_by_quadrature(&*phi, q) else {
                assert!(phi.slope_period().is_some(), "{} at {q}", phi.name());
                continue;
            };
            let scales = sizes(&*phi, &oracle);
            for (k, ((got, exact), size)) in values(&closed).into_iter().zip(values(&oracle)).zip(scales).enumerate() {
                // Beyond 12 standard deviations quadrature sees nothing.
                if size < 1e-30 {
                    continue;
                }
                let error = (got - exact).abs() / size;
                if error > worst.0 {
                    worst = (error, format!("expectation {k} of {} at q = {q}: {got:e}, {exact:e}", phi.name()));
                }
                assert!(error <= 1e-12, "{k} of {} at q = {q}: {got:e} not {exact:e}", phi.name());
            }
        }
    }
    // The closed forms have some digits to spare; 8e-14 when this was written.
    assert!(worst.0 <= 2e-13, "{worst:?}");
}

/// The tail of soft_shrink at small variances, where quadrature sees nothing, by 40-digit arithmetic (mpmath).
#[test]
fn tails_of_piecewise_polynomials_keep_their_digits() {
    let moments = PiecewisePolynomial::soft_shrink(0.5).moments(1e-3).expect("exists");
    for (got, exact) in [(moments.phi2, SHRINK_PHI2), (moments.dphi2, SHRINK_DPHI2)] {
        assert!((got / exact - 1.0).abs() < 1e-12, "{got:e} not {exact:e}");
    }
}

const SHRINK_PHI2: f64 = 2.037_081_692_747_607_3e-61;
const SHRINK_DPHI2: f64 = 2.596_807_039_340_192_6e-56;

#[test]
fn smoothed_closed_forms_meet_quadrature() {
    for phi in all() {
        for spread in [1e-3, 0.3, 2.0, 1e3] {
            for t in [-6.0, -1.0, 0.0, 0.4, 3.0] {
                let mean = spread * t + 0.1;
                let Some(got) = phi.smoothed(mean, spread) else { continue };
                let mut breaks: Vec<f64> = phi
                    .seams()
                    .iter()
                    .chain([&phi.centre()])
                    .map(|x| (x - mean) / spread)
                    .filter(|z| z.abs() < 12.0)
                    .collect();
                let steps = [-64.0, -16.0, -4.0, -1.0, 1.0, 4.0, 16.0, 64.0];
                breaks.extend(steps.map(|x| (phi.centre() + x - mean) / spread).iter().filter(|z| z.abs() < 12.0));
                breaks.extend([-12.0, -4.0, 4.0, 12.0]);
                breaks.sort_by(f64::total_cmp);
                let oracle = integrate(
                    |z| {
                        let (value, slope) = phi.value_and_derivative(mean + spread * z);
                        [value, slope, value * slope].map(|f| f * crate::numeric::normal_density(z))
                    },
                    &breaks,
                    1e-14,
                );
                if oracle.error.iter().zip(oracle.absolute).any(|(error, size)| *error > 1e-12 * size) {
                    continue;
                }
                for (k, got) in got.into_iter().enumerate() {
                    let (exact, size) = (oracle.value[k], oracle.absolute[k]);
                    let close = (got - exact).abs() <= 2e-12 * size + 1e-30;
                    assert!(close, "{} {k} over N({mean}, {spread}^2): {got} not {exact}", phi.name());
                }
            }
        }
    }
}

#[test]
fn closed_forms_of_pairs_meet_quadrature() {
    let mut count = 0;
    for phi in all().into_iter().filter(|phi| phi.has_closed_form_pairs()) {
        for (q1, q2) in [(1e-4_f64, 1e-4_f64), (1.0, 1.0), (0.3, 25.0), (1e3, 1.0)] {
            for c in [-1.0, -0.7, 0.0, 0.3, 0.999_999, 1.0] {
                let pair = GaussianPair { q1, q2, covariance: c * (q1 * q2).sqrt() };
                let exact = phi.pair_moments(pair).expect("exists");
                let got = pair_moments_by_quadrature(&*phi, pair).expect("exists");
                let (a, b) = (phi.moments(q1).expect("exists"), phi.moments(q2).expect("exists"));
                let scales = [a.phi2 * b.phi2, a.dphi2 * b.dphi2, a.phi2_dphi2 * b.phi2_dphi2].map(f64::sqrt);
                let values = [(got.phi, exact.phi), (got.dphi, exact.dphi), (got.aligned, exact.aligned)];
                for ((x, y), size) in values.into_iter().zip(scales) {
                    assert!((x - y).abs() <= 2e-12 * size, "{} {pair:?}: {x:e} against {y:e}", phi.name());
                }
                count += 1;
            }
        }
    }
    assert!(count > 200, "{count}");
}

#[test]
fn names_and_aliases_lead_to_their_activation() {
    for entry in ACTIVATIONS {
        assert_eq!(entry.activation().name(), entry.name);
        assert_eq!(by_name(entry.example).expect("an example").name(), entry.name, "the example has the defaults");
        for spelling in std::iter::once(&entry.name).chain(entry.aliases) {
            for spelling in [spelling.to_uppercase(), spelling.replace('_', "-"), spelling.replace('_', "")] {
                assert_eq!(by_name(&spelling).expect("registered").name(), entry.name);
            }
        }
    }
    for phi in all() {
        let again = by_name(phi.name()).unwrap_or_else(|error| panic!("{}: {error}", phi.name()));
        assert_eq!(again.name(), phi.name());
        for x in [-3.3, -0.1, 0.0, 0.7, 12.0] {
            assert_eq!(again.value_and_derivative(x), phi.value_and_derivative(x), "{}", phi.name());
        }
    }
}

#[test]
fn compositions_are_read_and_named() {
    for (given, name) in [
        ("hardtanh", "hard_tanh"),
        ("leaky_relu()", "leaky_relu"),
        ("tanh(x)", "tanh"),
        ("1*tanh(1*x + 0) + 0", "tanh"),
        ("-tanh(x)", "-1*tanh(x)"),
        ("-tanh", "-1*tanh(x)"),
        ("2*leaky_relu(0.1)", "2*leaky_relu(0.1)(x)"),
        ("1 - 2*sigmoid", "-2*sigmoid(x) + 1"),
        ("2*Hard-Tanh(x)", "2*hard_tanh(x)"),
        ("2 tanh(x/2)", "2*tanh(0.5*x)"),
        ("tanh(x)/4 - 1e-1", "0.25*tanh(x) - 0.1"),
        ("3 + gelu(-x)", "gelu(-1*x) + 3"),
        ("silu(1 + x)", "silu(x + 1)"),
        ("relu(2x)", "relu(2*x)"),
        ("leaky_relu(0.2)(x)", "leaky_relu(0.2)"),
        ("0.5*leaky(0.1)(2*x-1)+3", "0.5*leaky_relu(0.1)(2*x - 1) + 3"),
        ("1.7159*tanh(2/3*x)", "1.7159*tanh(0.6666666666666666*x)"),
    ] {
        let got = by_name(given).unwrap_or_else(|error| panic!("{given}: {error}"));
        assert_eq!(got.name(), name, "{given}");
    }
    let phi = by_name("-2*leaky_relu(0.1)(-3*x + 1) + 4").expect("a spelling");
    let inner = LeakyRelu::new(0.1);
    assert_eq!(phi.value(2.0), -2.0 * inner.value(-5.0) + 4.0);
    assert!((phi.derivative(2.0) - 6.0 * 0.1).abs() < 1e-15);
    assert_eq!(phi.formula(), "-2*(max((-3*x + 1), 0) + 0.1*min((-3*x + 1), 0)) + 4");
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    for (given, part) in [
        ("sigmod", "unknown activation `sigmod`: did you mean `sigmoid`?"),
        ("leaky_relu(abc)", "`leaky_relu(abc)`: `abc` is not a value of the slope a below 0: write a number between"),
        ("leaky_relu(nan)", "as in `leaky_relu(0.01)`"),
        ("leaky_relu(inf)", "`inf` is not a value"),
        ("leaky_relu(1, 2)", "has 2 parameters: leaky_relu takes one, the slope a below 0 (default 0.01)"),
        ("softplus(0)", "`0` is not a value of beta: write a number between 1e-6 and 1e6, as in `softplus(1)`"),
        ("elu(-1)", "`-1` is not a value of a"),
        ("tanh(2)", "has 1 parameters: tanh takes none, as in `tanh`"),
        ("2*tanh(0.5*y)", "`2*tanh(0.5*y)` has `y` where x should stand"),
        ("2*tahn(x)", "did you mean `tanh`?"),
        ("0*tanh(x)", "multiplies the activation by 0"),
        ("tanh(0*x)", "multiplies x by 0"),
        ("tanh(3*x", "has no"),
        ("tanh(x)*gelu(x)", "`gelu` beside"),
        ("tanh(x) + gelu(x)", "`gelu` beside"),
        ("2*x", "unknown activation `x`"),
        ("-", "cannot be read"),
        ("tanh(x^2)", "has `^`"),
        ("tanh(x/0)", "has a number beyond the range"),
        ("1e300*tanh(x)", "must lie between"),
        ("tanh(x + 1e9)", "adds"),
        ("relu(x))", ""),
        ("", "unknown activation"),
        ("2", "has no activation"),
        ("2*", "cannot be read"),
        ("elu(-1)(x)", "is not a value of a"),
        ("1/tanh(x)", "divides by `tanh`"),
    ] {
        let error = by_name(given).map(|phi| phi.name().to_owned()).expect_err(given).to_string();
        assert!(error.contains(part), "{given}: {error}");
        assert!(!error.contains('\n'), "{given}: {error}");
    }
}
