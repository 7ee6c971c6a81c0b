//! Histograms on a fixed grid.

use serde::{Deserialize, Serialize};

/// Counts of values in equal cells of `[low, high)`; values outside are counted apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    low: f64,
    high: f64,
    counts: Vec<u64>,
    outside: u64,
}

/// A histogram divided by its total and its cell width: integrates to one minus the share outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Density {
    /// Left end of the grid.
    pub low: f64,
    /// Right end of the grid.
    pub high: f64,
    /// Density in each cell, per unit of the variable.
    pub values: Vec<f64>,
    /// Share of the values that fell outside the grid or were not finite.
    pub outside: f64,
}

impl Histogram {
    /// An empty histogram of `cells` cells.
    pub fn new(low: f64, high: f64, cells: usize) -> Self {
        Self { low, high, counts: vec![0; cells], outside: 0 }
    }

    /// Counts one value.
    pub fn add(&mut self, value: f64) {
        let position = (value - self.low) / (self.high - self.low) * self.counts.len() as f64;
        // NaN fails both comparisons and is counted outside.
        if position >= 0.0 && position < self.counts.len() as f64 {
            self.counts[position as usize] += 1;
        } else {
            self.outside += 1;
        }
    }

    /// Adds the counts of a histogram on the same grid.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.outside += other.outside;
    }

    /// The density; all zero if nothing was counted.
    pub fn density(&self) -> Density {
        let total = (self.counts.iter().sum::<u64>() + self.outside).max(1) as f64;
        let width = (self.high - self.low) / self.counts.len() as f64;
        Density {
            low: self.low,
            high: self.high,
            values: self.counts.iter().map(|&count| count as f64 / (total * width)).collect(),
            outside: self.outside as f64 / total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mass_is_one_with_what_fell_outside() {
        let mut first = Histogram::new(-1.0, 1.0, 4);
        let mut second = first.clone();
        [-1.0, -0.9, 0.0, 0.99].iter().for_each(|&value| first.add(value));
        [1.0, f64::NAN, -3.0, 0.3].iter().for_each(|&value| second.add(value));
        first.merge(&second);
        let density = first.density();
        assert_eq!(density.values, [0.5, 0.0, 0.5, 0.25]);
        assert_eq!(density.outside, 3.0 / 8.0);
        assert_eq!(density.values.iter().sum::<f64>() * 0.5 + density.outside, 1.0);
    }
}
