use super::super::{FussCatalan, MarchenkoPastur};
use super::*;

const GAUSSIAN: Layer = Layer { weights: Weights::Independent, kept: 1.0 };
const HAAR: Layer = Layer { weights: Weights::Orthogonal, kept: 1.0 };

fn kept(layer: Layer, kept: f64) -> Layer {
    layer.masked(kept).expect("a probability")
}

fn law(widths: &[usize], layers: &[Layer]) -> FreeProduct {
    FreeProduct::new(widths, layers).expect("certified")
}

#[test]
fn square_factors_are_fuss_catalan() {
    for factors in [1, 2, 3, 10, 100, 3000] {
        let (ours, theirs) =
            (law(&vec![1; factors + 1], &vec![GAUSSIAN; factors]), FussCatalan::new(factors).expect("allowed"));
        assert!((ours.ln_upper_edge() - theirs.ln_upper_edge()).abs() < 1e-13);
        for p in [1e-200, 1e-20, 0.01, 0.5, 0.9, 0.99] {
            let t = theirs.ln_quantile(p);
            let allowed = 1e-12 + 4.0 * f64::EPSILON * t.abs();
            assert!((ours.cdf_of_ln(t) / p - 1.0).abs() < allowed, "L = {factors}, p = {p}: {}", ours.cdf_of_ln(t));
            assert!((ours.pdf_of_ln(t) / theirs.pdf_of_ln(t) - 1.0).abs() < allowed, "L = {factors}, p = {p}");
            assert!(
                (ours.ln_quantile(p) - t).abs() < 1e-12 * (1.0 + t.abs()),
                "L = {factors}, p = {p}: {} {t}",
                ours.ln_quantile(p)
            );
        }
        let x = theirs.support().high * (1.0 - 1e-4);
        assert!(
            (ours.survival(x) / theirs.survival(x) - 1.0).abs() < 1e-9,
            "{} {}",
            ours.survival(x),
            theirs.survival(x)
        );
        for k in 1..=5 {
            let (a, b) = (ours.moment(k).expect("known"), theirs.moment(k).expect("known"));
            assert!((a / b - 1.0).abs() < 1e-12);
        }
        assert!((ours.mean_log().expect("known") + factors as f64).abs() < 1e-12 * factors as f64);
    }
}

/// W^T W has the eigenvalues of W W^T; its law is that of the transposed ratio, rescaled.
#[test]
fn one_factor_is_marchenko_pastur() {
    for (before, after) in [(200, 100), (100, 200), (100, 90), (1000, 1)] {
        let ours = law(&[before, after], &[GAUSSIAN]);
        let c = after as f64 / before as f64;
        let theirs = MarchenkoPastur::new(1.0 / c).expect("allowed");
        assert!((ours.cdf(0.0) - theirs.cdf(0.0)).abs() < 1e-15);
        assert!((ours.support().low / c - theirs.support().low).abs() < 1e-13 * theirs.support().high);
        let atom = theirs.cdf(0.0);
        for p in [0.01, 0.2, 0.5, 0.9, 0.99].map(|p| atom + (1.0 - atom) * p) {
            let x = theirs.quantile(p);
            assert!((ours.cdf(c * x) - theirs.cdf(x)).abs() < 1e-12, "{before} -> {after}, p = {p}");
            assert!((ours.pdf(c * x) * c / theirs.pdf(x) - 1.0).abs() < 1e-10, "{before} -> {after}, p = {p}");
        }
    }
}

/// The closed form of the distribution function against quadrature of the density.
#[test]
fn the_distribution_is_the_integral_of_the_density() {
    let cases: [(&[usize], Vec<Layer>); 5] = [
        (&[100, 200, 50], vec![GAUSSIAN; 2]),
        (&[784, 512, 256, 10], vec![GAUSSIAN, kept(GAUSSIAN, 0.5), HAAR]),
        (&[3, 3, 3, 3, 3], vec![kept(HAAR, 0.5); 4]),
        (&[3, 3, 3], vec![kept(HAAR, 0.8), kept(HAAR, 0.9)]),
        (&[784, 10, 1000], vec![GAUSSIAN, kept(HAAR, 0.7)]),
    ];
    for (widths, layers) in cases {
        let law = law(widths, &layers);
        let atom = law.null();
        let mass = law.continuous_mass();
        let at: Vec<f64> = [0.1, 0.3, 0.5, 0.8, 0.95].iter().map(|p| law.ln_quantile(atom + mass * p)).collect();
        for pair in at.windows(2) {
            let found = crate::numeric::integrate(|t| [law.pdf_of_ln(t)], pair, 1e-13).value[0];
            let expected = law.cdf_of_ln(pair[1]) - law.cdf_of_ln(pair[0]);
            assert!((found - expected).abs() < 1e-11, "{widths:?}: {found} {expected}");
        }
        for p in [0.1, 0.5, 0.95] {
            let p = atom + mass * p;
            assert!((law.cdf_of_ln(law.ln_quantile(p)) - p).abs() < 1e-13, "{widths:?}");
        }
    }
}

/// Closed forms with masks: the largest x, the atoms, and the mean square.
#[test]
fn masks() {
    for (count, probability) in [(2, 0.5), (8, 0.5), (5, 0.3), (32, 0.5)] {
        let n = vec![1; count + 1];
        let l = count as f64;
        let law = law(&n, &vec![kept(HAAR, probability); count]);
        assert!((law.cdf(0.0) - (1.0 - probability)).abs() < 1e-15);
        assert!((law.moment(1).expect("known").ln() - l * probability.ln()).abs() < 1e-12);
        if l * (1.0 - probability) > 1.0 {
            let m = probability / (l * (1.0 - probability) - 1.0);
            let expected = ((1.0 + m) / m).ln() + l * ((m + probability) / (1.0 + m)).ln();
            assert!((law.ln_upper_edge() - expected).abs() < 1e-12, "L = {count}");
            assert!(law.top().is_none());
        }
    }
    let law = law(&[1; 4], &[kept(HAAR, 0.9); 3]);
    let atoms = law.atoms();
    assert!((atoms[1].mass - 0.7).abs() < 1e-14 && atoms[1].at == 1.0 && (atoms[0].mass - 0.1).abs() < 1e-15);
    assert!((law.cdf(1.0) - 1.0).abs() < 1e-15 && (law.cdf(0.999_999) - 0.3).abs() < 1e-13 && law.support().high < 1.0);
    assert_eq!((law.quantile(0.5), law.quantile(1.0), law.quantile(0.05)), (1.0, 1.0, 0.0));
}

#[test]
fn laws_of_atoms_alone() {
    let square = law(&[7; 6], &[HAAR; 5]);
    assert_eq!(
        (square.atoms(), square.pdf(1.0), square.cdf(0.9), square.cdf(1.0)),
        (vec![Atom { at: 1.0, mass: 1.0 }], 0.0, 0.0, 1.0)
    );
    assert_eq!((square.quantile(0.0), square.quantile(1.0), square.mean_log()), (1.0, 1.0, Some(0.0)));
    // 100 -> 50: rows of norm sqrt(100/100) = 1; 50 -> 200 stretches by 2.
    let funnel = law(&[100, 50, 200], &[HAAR; 2]);
    assert_eq!(funnel.atoms(), [Atom { at: 0.0, mass: 0.5 }, Atom { at: 4.0, mass: 0.5 }]);
    assert!((funnel.moment(2).expect("known") - 8.0).abs() < 1e-13);
    let one = law(&[5, 5], &[kept(HAAR, 0.25)]);
    assert_eq!(one.atoms(), [Atom { at: 0.0, mass: 0.75 }, Atom { at: 1.0, mass: 0.25 }]);
}

/// The critical mask: a mass of exactly 0 at the top, where the density diverges; and masks on both sides of it.
#[test]
fn near_the_atom_that_appears() {
    for probability in [0.9, 0.899_999_999, 0.900_000_001, 0.89, 0.91] {
        let law = law(&[1; 11], &[kept(HAAR, probability); 10]);
        let total = law.continuous_mass() + law.null() + law.top().map_or(0.0, |(_, mass)| mass);
        assert!((total - 1.0).abs() < 1e-14);
        assert!((law.cdf(0.5) - 0.6581).abs() < 0.01 + 6.0 * (probability - 0.9_f64).abs(), "{}", law.cdf(0.5));
    }
}

#[test]
fn extremes_work_or_are_refused() {
    let increasing: Vec<usize> = (0..=32).map(|l| 100 + 7 * l).collect();
    let cases: Vec<(Vec<usize>, Vec<Layer>)> = vec![
        (increasing.clone(), vec![GAUSSIAN; 32]),
        (increasing.iter().rev().copied().collect(), vec![kept(HAAR, 0.7); 32]),
        (vec![784, 10, 1000], vec![GAUSSIAN; 2]),
        (vec![1_000_000, 1, 1_000_000], vec![GAUSSIAN, HAAR]),
        (vec![1, 1_000_000_000, 1], vec![GAUSSIAN; 2]),
        (vec![1000, 1001, 1002], vec![GAUSSIAN; 2]),
        ((0..=2000).map(|l| 500 + l % 37).collect(), vec![GAUSSIAN; 2000]),
        ((0..=2000).map(|l| 500 + l % 37).collect(), vec![kept(GAUSSIAN, 0.5); 2000]),
        (vec![1; 2001], vec![kept(HAAR, 0.5); 2000]),
        (vec![1; 5], vec![HAAR, GAUSSIAN, HAAR, kept(GAUSSIAN, 1e-6)]),
        (vec![1; 100_001], vec![GAUSSIAN; 100_000]),
    ];
    for (widths, layers) in cases {
        let law = FreeProduct::new(&widths, &layers).unwrap_or_else(|error| panic!("{}: {error}", shorten(&widths)));
        let (null, mass) = (law.null(), law.continuous_mass());
        let mut last = f64::NEG_INFINITY;
        for p in [0.001, 0.1, 0.5, 0.9, 0.999] {
            let t = law.ln_quantile(null + mass * p);
            assert!(
                t > last && (law.cdf_of_ln(t) - null - mass * p).abs() < 1e-11,
                "{}: {p} {t} {}",
                law.title(),
                law.cdf_of_ln(t)
            );
            last = t;
        }
    }
    assert!(FreeProduct::new(&[5, 0], &[GAUSSIAN]).is_err());
    assert!(FreeProduct::new(&[5, 5], &[GAUSSIAN; 2]).is_err());
    assert!(FreeProduct::new(&[1, 10_000_000_000], &[GAUSSIAN]).is_err());
}

#[test]
fn outside_and_nonsense() {
    let law = law(&[100, 200, 50], &[GAUSSIAN; 2]);
    let Support { low, high } = law.support();
    assert!(low > 0.0 && law.pdf(0.5 * low) == 0.0 && law.cdf(0.5 * low) == 0.5 && law.survival(0.5 * low) == 0.5);
    assert_eq!((law.pdf(-1.0), law.cdf(-1.0), law.survival(-1.0)), (0.0, 0.0, 1.0));
    assert_eq!((law.pdf(2.0 * high), law.cdf(high), law.survival(high)), (0.0, 1.0, 0.0));
    assert_eq!((law.cdf(f64::INFINITY), law.quantile(0.5), law.quantile(0.2)), (1.0, 0.0, 0.0));
    assert!(law.pdf(f64::NAN).is_nan() && law.cdf(f64::NAN).is_nan() && law.quantile(2.0).is_nan());
    assert!((law.quantile(1.0) - high).abs() < 1e-15 * high);
}
