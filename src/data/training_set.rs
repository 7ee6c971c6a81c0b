//! Samples with what is to be learnt from them.

use nalgebra::DMatrix;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{digit_labels, digits};
use crate::stats::Stream;

/// Samples with what is to be learnt from them.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingSet {
    /// features x N.
    pub inputs: DMatrix<f64>,
    /// What belongs to each sample.
    pub targets: Targets,
    /// Where it comes from, for the reader of a report.
    pub origin: String,
}

/// What belongs to each sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// Nothing: losses that only look at the outputs.
    None,
    /// One of `classes` classes.
    Classes {
        /// The class of every sample, below `classes`.
        labels: Vec<usize>,
        /// How many classes there are.
        classes: usize,
    },
    /// A vector, outputs x N.
    Values(DMatrix<f64>),
}

/// A training set in two parts, by the indices of their samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Samples to train on.
    pub train: Vec<usize>,
    /// Samples kept for testing.
    pub test: Vec<usize>,
}

/// Handwritten digits in the embedded set.
const DIGITS: usize = 1797;

impl TrainingSet {
    /// All 1,797 handwritten digits with their classes, standardised as by [`digits`].
    pub fn digits() -> Self {
        let all = "all digits are embedded: a test reads them";
        Self {
            inputs: digits(DIGITS).expect(all),
            targets: Targets::Classes { labels: digit_labels(DIGITS).expect(all), classes: 10 },
            origin: "handwritten digits".to_owned(),
        }
    }

    /// Standard normal inputs with standard normal targets, or uniform classes: nothing can be learnt but by heart.
    pub fn gaussian(features: usize, samples: usize, targets: TargetShape, seed: u64) -> Self {
        let stream = Stream::new(seed, "training data");
        let inputs = standard_normal(features, samples, &mut stream.layer(0));
        let mut generator = stream.layer(1);
        let targets = match targets {
            TargetShape::None => Targets::None,
            TargetShape::Classes(classes) => {
                Targets::Classes { labels: (0..samples).map(|_| generator.random_range(0..classes)).collect(), classes }
            }
            TargetShape::Values(outputs) => Targets::Values(standard_normal(outputs, samples, &mut generator)),
        };
        Self { inputs, targets, origin: format!("{samples} standard normal samples with random targets") }
    }

    /// A synthetic regression: standard normal inputs x, targets `T = V tanh(U x) + noise` of a teacher with 2 n + 10 hidden units
    /// (U of variance 1/n, V of variance 1/hidden), noise of the given standard deviation.
    pub fn regression(features: usize, outputs: usize, samples: usize, noise: f64, seed: u64) -> Self {
        let stream = Stream::new(seed, "training data");
        let inputs = standard_normal(features, samples, &mut stream.layer(0));
        let hidden = 2 * features + 10;
        let mut teacher = stream.layer(1);
        let first = standard_normal(hidden, features, &mut teacher) / (features as f64).sqrt();
        let second = standard_normal(outputs, hidden, &mut teacher) / (hidden as f64).sqrt();
        let clean = second * (first * &inputs).map(f64::tanh);
        let targets = clean + standard_normal(outputs, samples, &mut stream.layer(2)) * noise;
        let origin = format!("{samples} samples of a random teacher, noise {noise}");
        Self { inputs, targets: Targets::Values(targets), origin }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.inputs.ncols()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.inputs.ncols() == 0
    }

    /// Draws which samples are kept for testing: `round(fraction N)` of them, but at least one stays to train on.
    pub fn split(&self, fraction: f64, seed: u64) -> Split {
        let count = self.len();
        let kept = ((fraction * count as f64).round() as usize).min(count.saturating_sub(1));
        let mut order = shuffled((0..count).collect(), &mut Stream::new(seed, "test split").layer(0));
        let test = order.split_off(count - kept);
        Split { train: order, test }
    }
}

/// What random targets look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetShape {
    /// None.
    None,
    /// One of so many classes.
    Classes(usize),
    /// A vector of so many numbers.
    Values(usize),
}

/// Fisher and Yates: every order is equally likely.
pub fn shuffled(mut items: Vec<usize>, generator: &mut ChaCha8Rng) -> Vec<usize> {
    for last in (1..items.len()).rev() {
        items.swap(last, generator.random_range(0..=last));
    }
    items
}

fn standard_normal(rows: usize, columns: usize, generator: &mut ChaCha8Rng) -> DMatrix<f64> {
    DMatrix::from_fn(rows, columns, |_, _| StandardNormal.sample(generator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_disjoint_and_whole() {
        let set = TrainingSet::digits();
        let split = set.split(0.2, 3);
        assert_eq!(split.test.len(), 359);
        let mut all: Vec<usize> = split.train.iter().chain(&split.test).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..1797).collect::<Vec<_>>());
        assert_ne!(set.split(0.2, 4).test, split.test);
        assert_eq!(set.split(1.0, 3).train.len(), 1);
    }

    /// The teacher explains all but the noise: E tanh^2 of N(0, 1) is 0.394.
    #[test]
    fn a_regression_has_its_signal_and_its_noise() {
        let variance = |noise| {
            let set = TrainingSet::regression(20, 3, 4000, noise, 1);
            let Targets::Values(targets) = set.targets else { panic!("a regression has values") };
            targets.norm_squared() / targets.len() as f64
        };
        let (clean, noisy) = (variance(0.0), variance(0.5));
        assert!((noisy - clean - 0.25).abs() < 0.02, "{clean} {noisy}");
        assert!((0.2..0.6).contains(&clean), "{clean}");
    }
}
