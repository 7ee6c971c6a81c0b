//! Bisection.

/// The place in `[low, high]` where `above` turns from false to true, to the last bit.
///
/// # Domain and accuracy
///
/// `low < high`, both finite; `above` must be false on the left of one place and true on its right (else one of the turns is found). The
/// result is the smallest double at which `above` was seen to hold, or `high`. At most 64 evaluations where the ends have the same sign
/// and are of one size; about 1,100 at worst.
pub fn bisect(mut low: f64, mut high: f64, above: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = 0.5 * (low + high);
        if !(middle > low && middle < high) {
            return high;
        }
        if above(middle) { high = middle } else { low = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turn_is_found_to_the_last_bit() {
        assert_eq!(bisect(0.0, 2.0, |x| x * x >= 2.0), std::f64::consts::SQRT_2);
        assert_eq!(bisect(-1.0, 1.0, |x| x >= 0.0), 0.0);
        assert_eq!(bisect(0.0, 1.0, |_| false), 1.0);
    }
}
