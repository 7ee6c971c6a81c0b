//! Maximisation on an interval.

/// Where a function is largest on an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Maximum {
    /// The place.
    pub at: f64,
    /// The largest value found.
    pub value: f64,
}

/// Largest value of `function` on `[left, right]`: a scan over `cells` equal cells, then golden-section search around the
/// best scan point.
///
/// # Domain and accuracy
///
/// `left < right`, `cells >= 1`; `cells + 160` evaluations. The value of a smooth maximum is good to rounding, its place to about the square root of it. A maximum narrower than a
/// cell may be missed: choose `cells` by the function's scale.
pub fn maximize(function: impl Fn(f64) -> f64, left: f64, right: f64, cells: usize) -> Maximum {
    let step = (right - left) / cells as f64;
    let mut best = Maximum { at: left, value: function(left) };
    for k in 1..=cells {
        let at = left + step * k as f64;
        let value = function(at);
        if value > best.value {
            best = Maximum { at, value };
        }
    }
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    let (mut low, mut high) = ((best.at - step).max(left), (best.at + step).min(right));
    // 80 golden steps shrink the bracket by 1e-17.
    for _ in 0..80 {
        let (x1, x2) = (high - golden * (high - low), low + golden * (high - low));
        let (f1, f2) = (function(x1), function(x2));
        for (at, value) in [(x1, f1), (x2, f2)] {
            if value > best.value {
                best = Maximum { at, value };
            }
        }
        if f1 >= f2 { high = x2 } else { low = x1 }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interior_and_boundary_maxima() {
        let interior = maximize(|x| -(x - 0.3) * (x - 0.3), -1.0, 1.0, 10);
        assert!((interior.at - 0.3).abs() < 1e-7 && interior.value.abs() < 1e-14);
        let boundary = maximize(|x| x, 0.0, 2.0, 7);
        assert_eq!(boundary.value, 2.0);
    }
}
