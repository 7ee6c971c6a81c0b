//! What every law promises, held for each line of the registry as its example calls it.

use std::f64::consts::LN_10;

use super::{Entry, Field, LAWS, Law, Parameters, build};
use crate::numeric::integrate;
use crate::stats::Stream;

/// The parameters of an example as the command line reads them.
fn parameters(example: &str) -> Parameters {
    let mut parameters = Parameters::default();
    let words: Vec<&str> = example.split_whitespace().collect();
    for pair in words.chunks(2) {
        let [option, value] = pair else { panic!("{example}: an option without value") };
        let list = || value.split(',');
        match *option {
            "--ratio" => parameters.ratio = Some(value.parse().expect("a number")),
            "--factors" => parameters.factors = Some(value.parse().expect("a number")),
            "--widths" => parameters.widths = list().map(|width| width.parse().expect("a number")).collect(),
            "--ensembles" => parameters.ensembles = list().map(str::to_owned).collect(),
            "--field" => parameters.field = Some(if *value == "complex" { Field::Complex } else { Field::Real }),
            "--sigma-w" => parameters.sigma_w = Some(value.parse().expect("a number")),
            unknown => panic!("{example}: unknown option {unknown}"),
        }
    }
    parameters
}

/// Every law: as its example calls it, and at another scale where it has one.
fn laws() -> Vec<(String, std::sync::Arc<dyn Law>)> {
    let of = |entry: &Entry| {
        let given = parameters(entry.example);
        let mut both = vec![(entry.name.to_owned(), build(entry.name, &given).expect("the example is valid"))];
        if entry.parameters.contains(&super::Parameter::SigmaW) {
            let scaled = Parameters { sigma_w: Some(1.7), ..given };
            both.push((format!("{} at 1.7", entry.name), build(entry.name, &scaled).expect("valid")));
        }
        both
    };
    LAWS.iter().flat_map(of).collect()
}

fn atomic_mass(law: &dyn Law) -> f64 {
    law.atoms().iter().map(|atom| atom.mass).sum()
}

/// Probabilities of the continuous part, in increasing order, as probabilities of the whole law; only for laws whose atoms lie below it.
fn inner(law: &dyn Law) -> Option<Vec<f64>> {
    let atoms = law.atoms();
    let mass = atomic_mass(law);
    let below = atoms.iter().all(|atom| atom.at <= law.support().low);
    (below && mass < 1.0 - 1e-9)
        .then(|| [1e-3, 0.02, 0.2, 0.5, 0.8, 0.98, 0.999].iter().map(|p| mass + (1.0 - mass) * p).collect())
}

#[test]
fn quantiles_invert_distribution_functions() {
    for (name, law) in laws() {
        let Some(probabilities) = inner(&*law) else { continue };
        let mut last = f64::NEG_INFINITY;
        for p in probabilities {
            let x = law.quantile(p);
            assert!((law.cdf(x) - p).abs() < 1e-10, "{name}: cdf(quantile({p})) = {}", law.cdf(x));
            assert!((law.survival(x) - (1.0 - p)).abs() < 1e-10, "{name}: survival at {x}");
            assert!(x > last, "{name}: quantile({p}) = {x} after {last}");
            last = x;
            if law.variable().is_positive() {
                assert!((law.ln_quantile(p) - x.ln()).abs() < 1e-9, "{name}");
                assert!((law.cdf_of_ln(x.ln()) - p).abs() < 1e-10, "{name}");
                assert!((law.pdf_of_ln(x.ln()) / (x * law.pdf(x)) - 1.0).abs() < 1e-8, "{name}: {x}");
            }
        }
    }
}

#[test]
fn densities_integrate_to_probabilities() {
    for (name, law) in laws() {
        let Some(probabilities) = inner(&*law) else { continue };
        let positive = law.variable().is_positive();
        let place = |p: f64| if positive { law.ln_quantile(p) } else { law.quantile(p) };
        for pair in probabilities.windows(2) {
            let integral = integrate(
                |t| [if positive { law.pdf_of_ln(t) } else { law.pdf(t) }],
                &[place(pair[0]), place(pair[1])],
                1e-10,
            );
            assert!(
                (integral.value[0] - (pair[1] - pair[0])).abs() < 2e-9,
                "{name}: {} between the quantiles {pair:?}",
                integral.value[0]
            );
        }
    }
}

#[test]
fn moments_are_those_of_the_quantiles() {
    for (name, law) in laws() {
        // E X^k = int_0^1 quantile(p)^k dp: the ends are refined, where the integrand may diverge.
        let ends: Vec<f64> = (1..=12).rev().map(|k| 10f64.powi(-k)).collect();
        let mut breaks = vec![0.0];
        breaks.extend(&ends);
        breaks.extend([0.25, 0.5, 0.75]);
        breaks.extend(ends.iter().rev().map(|p| 1.0 - p));
        breaks.push(1.0);
        let mass = atomic_mass(&*law);
        if mass > 0.0 && inner(&*law).is_some() {
            breaks.push(mass);
            breaks.sort_by(f64::total_cmp);
        }
        let atomic = mass > 1.0 - 1e-9;
        let integral = |of: &dyn Fn(f64) -> f64| -> f64 {
            if atomic {
                return law.atoms().iter().map(|atom| atom.mass * of(atom.at)).sum();
            }
            let finite = |p: f64| Some(of(law.quantile(p))).filter(|value| value.is_finite()).unwrap_or(0.0);
            integrate(|p| [finite(p)], &breaks, 1e-7).value[0]
        };
        for k in 1..=2_u32 {
            let Some(moment) = law.moment(k) else { continue };
            let scale = law.moment(2).map_or(moment.abs(), |second| second.powf(0.5 * f64::from(k)));
            let found = integral(&|x| x.powi(k as i32));
            assert!((found - moment).abs() < 1e-6 * scale, "{name}: E x^{k} = {moment}, by quantiles {found}");
        }
        if let Some(mean_log) = law.mean_log() {
            let found = integral(&f64::ln);
            assert!((found - mean_log).abs() < 1e-5 * mean_log.abs().max(1.0), "{name}: E ln x = {mean_log}, {found}");
        }
        assert_eq!(law.moment(0).map(|moment| (moment * 1e12).round()), Some(1e12), "{name}");
    }
}

#[test]
fn nonsense_is_nan_and_outside_is_exact() {
    for (name, law) in laws() {
        assert!(law.pdf(f64::NAN).is_nan() && law.cdf(f64::NAN).is_nan(), "{name}");
        for p in [-0.1, 1.1, f64::NAN] {
            assert!(law.quantile(p).is_nan(), "{name}");
        }
        assert_eq!((law.cdf(f64::NEG_INFINITY), law.cdf(f64::INFINITY)), (0.0, 1.0), "{name}");
        assert_eq!((law.pdf(f64::NEG_INFINITY), law.pdf(f64::INFINITY)), (0.0, 0.0), "{name}");
        let support = law.support();
        assert!(support.low <= support.high, "{name}");
        if support.high.is_finite() {
            let beyond = support.high.abs().max(1.0) * 1e-9 + support.high;
            assert_eq!((law.cdf(beyond), law.pdf(beyond), law.survival(beyond)), (1.0, 0.0, 0.0), "{name}");
        }
        if law.variable().is_positive() {
            assert_eq!((law.cdf(-1.0), law.pdf(-1.0)), (0.0, 0.0), "{name}");
        }
        assert!(!law.title().is_empty() && !law.hypotheses().is_empty() && !law.source().is_empty(), "{name}");
    }
}

/// Kolmogorov-Smirnov: 2,000 draws, alpha = 1e-4 (critical value 2.23 / sqrt n), seed 7. Control: moved by a quarter of the continuous
/// part's interquartile range, the same draws are refuted.
#[test]
fn draws_follow_the_law() {
    let n = 2000;
    for (name, law) in laws() {
        if inner(&*law).is_none() {
            continue;
        }
        let mut generator = Stream::new(7, &name).layer(0);
        let mut draws: Vec<f64> = (0..n).map(|_| law.sample(&mut generator)).collect();
        draws.sort_by(f64::total_cmp);
        let mass = atomic_mass(&*law);
        let atoms = law.atoms();
        let jump = |x: f64| atoms.iter().filter(|atom| atom.at == x).map(|atom| atom.mass).sum::<f64>();
        let share = |count: usize| count as f64 / f64::from(n);
        let distance = |shift: f64| {
            let one = |x: &f64| {
                let (below, to) = (draws.partition_point(|y| y < x), draws.partition_point(|y| y <= x));
                let at = law.cdf(x - shift);
                (share(to) - at).abs().max((share(below) - (at - jump(x - shift))).abs())
            };
            draws.iter().map(one).fold(0.0, f64::max)
        };
        let critical = 2.23 / f64::from(n).sqrt();
        let quartile = |p: f64| law.quantile(mass + (1.0 - mass) * p);
        let (found, control) = (distance(0.0), distance(0.25 * (quartile(0.75) - quartile(0.25))));
        assert!(found < critical, "{name}: {found} against {critical}");
        assert!(control > critical, "{name}: the moved law is not refuted: {control} against {critical}");
    }
}

#[test]
fn deep_products_stay_on_the_logarithmic_scale() {
    for (name, law) in laws() {
        if !law.variable().is_positive() {
            continue;
        }
        let edge = law.ln_upper_edge();
        if edge.is_finite() {
            assert!((edge - law.support().high.ln()).abs() < 1e-9, "{name}");
            assert!((law.cdf_of_ln(edge + 1e-6) - 1.0).abs() < 1e-15, "{name}");
        }
        assert!(
            law.pdf_of_ln(1e6 * LN_10).abs() < 1e-300 && law.cdf_of_ln(-1e9) <= atomic_mass(&*law) + 1e-12,
            "{name}"
        );
    }
}
