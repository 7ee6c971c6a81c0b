//! How large the largest of many deviations is by chance.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::normal_tail;

/// Deviations of one number of degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviations {
    /// How many.
    pub count: usize,
    /// Degrees of freedom of their standard errors; infinite for exact ones.
    pub degrees_of_freedom: f64,
}

/// The size that the largest of independent deviations stays below with a probability, in standard errors.
///
/// # Formula
///
/// ```text
/// prod_i (1 - 2 Q_i(z))^(n_i) = probability
/// ```
///
/// Q_i is the upper tail of Student's t with the i-th group's degrees of freedom (of the normal law from 10,000 on), n_i its count. For 0.5 it is the
/// median of the largest. Deviations that depend on each other have a smaller largest one: then it is a bound.
pub fn largest_by_chance(groups: &[Deviations], probability: f64) -> f64 {
    let tails: Vec<(f64, Option<StudentsT>)> = groups
        .iter()
        .filter(|group| group.count > 0)
        .map(|group| {
            let law = (group.degrees_of_freedom < 1e4).then(|| StudentsT::new(0.0, 1.0, group.degrees_of_freedom).ok());
            (group.count as f64, law.flatten())
        })
        .collect();
    if tails.is_empty() {
        return 0.0;
    }
    let target = probability.ln();
    let below = |ln_z: f64| {
        let z = ln_z.exp();
        let tail = |law: &Option<StudentsT>| law.as_ref().map_or_else(|| normal_tail(z), |law| law.sf(z));
        tails.iter().map(|(count, law)| count * (-2.0 * tail(law)).max(-1.0).ln_1p()).sum::<f64>() >= target
    };
    // One degree of freedom has a largest deviation of the order of the count.
    crate::numeric::bisect((1e-6_f64).ln(), (1e12_f64).ln(), below).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: usize, degrees_of_freedom: f64) -> Deviations {
        Deviations { count, degrees_of_freedom }
    }

    #[test]
    fn one_deviation_has_its_own_quantile() {
        assert!((largest_by_chance(&[of(1, f64::INFINITY)], 0.95) - 1.959_963_984_540_054).abs() < 1e-9);
        assert!((largest_by_chance(&[of(1, 29.0)], 0.99) - 2.756_385_9).abs() < 1e-6);
        assert_eq!(largest_by_chance(&[], 0.5), 0.0);
    }

    #[test]
    fn many_deviations_have_a_larger_largest_one() {
        let one = largest_by_chance(&[of(1000, f64::INFINITY)], 0.5);
        let check = (1.0 - 2.0 * normal_tail(one)).powi(1000);
        assert!((check - 0.5).abs() < 1e-9, "{one}");
        assert!((3.3..3.5).contains(&one));
        assert!(largest_by_chance(&[of(1000, 9.0)], 0.5) > 5.0);
        // Groups are put together.
        let halves = largest_by_chance(&[of(500, f64::INFINITY), of(500, 1e9)], 0.5);
        assert!((halves - one).abs() < 1e-9);
    }
}
