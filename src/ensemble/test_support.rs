//! What the goodness-of-fit tests of the ensembles share.

use super::Ensemble;
use crate::stats::Stream;

/// 20,000 entries of unit variance.
pub fn entries(ensemble: &dyn Ensemble, seed: u64) -> Vec<f64> {
    let mut generator = Stream::new(seed, ensemble.name()).layer(0);
    ensemble.sample(200, 100, 1.0, &mut generator).expect("no LAPACK involved").as_slice().to_vec()
}

/// Kolmogorov-Smirnov distance to a distribution function without jumps.
pub fn distance(values: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let gap = |(i, &x): (usize, &f64)| {
        let below = cdf(x);
        (below - i as f64 / n).abs().max((below - (i + 1) as f64 / n).abs())
    };
    sorted.iter().enumerate().map(gap).fold(0.0, f64::max)
}

/// The distance that n independent values exceed with probability alpha = 1e-4 at most (Dvoretzky, Kiefer and Wolfowitz; Massart).
pub fn critical_distance(n: usize) -> f64 {
    (0.5 * (2.0 / 1e-4_f64).ln() / n as f64).sqrt()
}

/// Standard score of a count among n against a binomial law.
pub fn z_of_count(count: usize, n: usize, probability: f64) -> f64 {
    let n = n as f64;
    (count as f64 - n * probability) / (n * probability * (1.0 - probability)).sqrt()
}
