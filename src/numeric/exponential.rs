//! The exponential of a non-positive number, in a form that compilers turn into vector instructions.

/// `e^y` and `1 - e^y`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decay {
    /// `e^y`.
    pub exp: f64,
    /// `1 - e^y`, which keeps its relative accuracy where e^y is near 1.
    pub complement: f64,
}

/// 1.5 * 2^52: adding it rounds to a whole number and leaves that number in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// ln 2 in two parts, the first with 21 trailing zeros: its products with whole numbers up to 2^20 are exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Below it e^y rounds to zero.
const LOWEST: f64 = -760.0;

/// `e^y` and `1 - e^y` for `y <= 0`, to 2 ulp each; subnormal results to half the smallest number.
///
/// # Formula
///
/// ```text
/// k = round(y / ln 2)     r = y - k ln 2     p = r + r^2/2! + ... + r^13/13!     e^y = 2^k (1 + p)     1 - e^y = (1 - 2^k) - 2^k p
/// ```
///
/// There is no branch and no table: a loop over it runs in vector registers, which the system's own exponential does not. Plain
/// multiplications and additions give the same digits on every processor. NaN stays NaN; a positive y is outside the domain.
#[inline(always)]
pub fn decay(y: f64) -> Decay {
    // A comparison that a NaN fails, so that it goes on.
    let y = if y < LOWEST { LOWEST } else { y };
    let rounded = y * std::f64::consts::LOG2_E + ROUNDER;
    let k = rounded - ROUNDER;
    let r = (y - k * LN_2_HIGH) - k * LN_2_LOW;
    // In pairs of pairs (Estrin): Horner's rule would wait for every addition.
    let (r2, r4) = (r * r, (r * r) * (r * r));
    let low = (0.5 + r * (1.0 / 6.0)) + r2 * (1.0 / 24.0 + r * (1.0 / 120.0));
    let middle = (1.0 / 720.0 + r * (1.0 / 5_040.0)) + r2 * (1.0 / 40_320.0 + r * (1.0 / 362_880.0));
    let high =
        (1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0)) + r2 * (1.0 / 479_001_600.0 + r * (1.0 / 6_227_020_800.0));
    let p = r + r2 * (low + r4 * (middle + r4 * high));
    // 2^k as two factors: alone it would be subnormal below -1022, and its exponent bits would mean something else.
    let half = (0.5 * k + ROUNDER) - ROUNDER;
    let (first, second) = (power_of_two(half), power_of_two(k - half));
    let scale = first * second;
    Decay { exp: (first + first * p) * second, complement: (1.0 - scale) - scale * p }
}

/// 2^k for a whole number k from -1022 to 1023.
#[inline(always)]
fn power_of_two(k: f64) -> f64 {
    f64::from_bits((k + (ROUNDER + 1023.0)).to_bits() << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_keep_their_digits_over_the_whole_range() {
        let (mut worst_exp, mut worst_complement) = (0.0_f64, 0.0_f64);
        for step in 0..2_000_000 {
            let y = -f64::from(step).powi(2) * 1.77e-10;
            let Decay { exp, complement } = decay(y);
            worst_exp = worst_exp.max(((exp - y.exp()) / y.exp()).abs());
            if y < 0.0 {
                worst_complement = worst_complement.max(((complement + y.exp_m1()) / y.exp_m1()).abs());
            }
        }
        assert!(worst_exp <= 2.0 * f64::EPSILON, "{worst_exp:e}");
        assert!(worst_complement <= 2.0 * f64::EPSILON, "{worst_complement:e}");
    }

    #[test]
    fn ends_of_the_range() {
        assert_eq!(decay(0.0), Decay { exp: 1.0, complement: 0.0 });
        assert_eq!(decay(-0.0).exp, 1.0);
        assert_eq!(decay(f64::NEG_INFINITY), Decay { exp: 0.0, complement: 1.0 });
        assert!(decay(f64::NAN).exp.is_nan() && decay(f64::NAN).complement.is_nan());
        for y in [-709.0, -720.5, -744.0] {
            let distance = (decay(y).exp - f64::exp(y)).abs();
            assert!(distance <= f64::exp(y) * 2.0 * f64::EPSILON + f64::from_bits(1), "{y}");
        }
        assert_eq!(decay(-746.0).exp, 0.0);
    }
}
