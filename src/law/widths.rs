//! Widths of the layers, as the laws of products of rectangular Gaussian matrices need them.

use std::collections::BTreeMap;

use super::log_gamma_sum::{Group, LogGammaSum};
use super::{LawError, Parameters};

/// Widths n_0, ..., n_L.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Widths {
    pub first: usize,
    /// The smallest of all, n_0 included.
    pub smallest: usize,
    pub factors: usize,
    last: usize,
    /// How often each width occurs among n_1, ..., n_L.
    outputs: BTreeMap<usize, usize>,
}

/// Beyond these, rounding of the widths themselves begins to show.
const WIDEST: usize = 1_000_000_000_000;
const DEEPEST: usize = 1_000_000_000;

impl Widths {
    /// `factors` square matrices of size n.
    pub fn equal(n: usize, factors: usize) -> Result<Self, LawError> {
        check(n)?;
        if !(1..=DEEPEST).contains(&factors) {
            return Err(LawError::value("factors", factors, format!("from 1 to {DEEPEST}")));
        }
        Ok(Self { first: n, smallest: n, factors, last: n, outputs: BTreeMap::from([(n, factors)]) })
    }

    /// Widths one by one.
    pub fn of(widths: &[usize]) -> Result<Self, LawError> {
        let (&[first, .., last], factors) = (widths, widths.len().saturating_sub(1)) else {
            let given = super::marchenko_pastur::join(widths);
            return Err(LawError::value("widths", given, "n_0,n_1,...,n_L, two or more"));
        };
        let mut outputs = BTreeMap::new();
        for &n in widths {
            check(n)?;
        }
        for &n in &widths[1..] {
            *outputs.entry(n).or_default() += 1;
        }
        let smallest = widths.iter().copied().min().unwrap_or(first);
        Ok(Self { first, smallest, factors, last, outputs })
    }

    /// A list of widths, or a single one with a number of factors; `default` factors where none is given.
    pub fn from_parameters(law: &'static str, given: &Parameters, default: Option<usize>) -> Result<Self, LawError> {
        match (&given.widths[..], given.factors.or(default)) {
            ([], _) => Err(LawError::Missing {
                law,
                parameter: "widths",
                what: "n_0,n_1,...,n_L, or one width for all with --factors",
                example: "50 --factors 10",
            }),
            (&[n], Some(factors)) => Self::equal(n, factors),
            (&[_], None) => Err(LawError::Missing {
                law,
                parameter: "factors",
                what: "the number of square matrices",
                example: "10",
            }),
            (list, _) => match given.factors {
                Some(factors) if factors + 1 != list.len() => {
                    Err(LawError::value("factors", factors, "left out where all widths are listed"))
                }
                _ => Self::of(list),
            },
        }
    }

    /// In words.
    pub fn describe(&self) -> String {
        let count = self.factors;
        if self.outputs.len() == 1 && self.first == self.last {
            format!("{count} factors of width {}", self.first)
        } else {
            let (low, high) = self.outputs.keys().fold((self.first, self.first), |(l, h), &n| (l.min(n), h.max(n)));
            format!("{count} factors from width {} to {}, widths from {low} to {high}", self.first, self.last)
        }
    }

    /// The number of different widths.
    pub fn different(&self) -> usize {
        self.outputs.len()
    }

    /// Degrees of freedom of the k-th diagonal entry, k from 1 to [`smallest`](Self::smallest), with the number of layers that have them.
    pub fn degrees(&self, k: usize) -> impl Iterator<Item = (f64, f64)> {
        self.outputs.iter().map(move |(&n, &count)| ((n - k + 1) as f64, count as f64))
    }

    /// `sum_l (1/2) ln((n_l - k + 1) / n_(l-1))`: what is left if every chi-square is its mean.
    pub fn deterministic(&self, k: usize) -> f64 {
        let step = |(&n, &count): (&usize, &usize)| count as f64 * (-((k - 1) as f64) / n as f64).ln_1p();
        0.5 * (self.last as f64 / self.first as f64).ln() + 0.5 * self.outputs.iter().map(step).sum::<f64>()
    }

    /// The law of `ln R_kk`.
    pub fn diagonal(&self, k: usize) -> LogGammaSum {
        let groups = self.degrees(k).map(|(degrees, count)| Group { shape: 0.5 * degrees, count });
        LogGammaSum::new(self.deterministic(k), groups.collect())
    }
}

fn check(n: usize) -> Result<(), LawError> {
    let allowed = || format!("from 1 to {WIDEST}, each");
    if (1..=WIDEST).contains(&n) { Ok(()) } else { Err(LawError::value("widths", n, allowed())) }
}
