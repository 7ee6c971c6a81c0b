//! Number formats and where they end.

use serde::{Deserialize, Serialize};

/// A floating-point format of training, by the decimal logarithms of where it ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberFormat {
    /// Its name.
    pub name: &'static str,
    /// The smallest number that rounds to infinity.
    pub log10_overflow: f64,
    /// The smallest normal number: below it digits are lost.
    pub log10_normal: f64,
    /// The largest number that rounds to zero.
    pub log10_zero: f64,
}

const LOG10_2: f64 = std::f64::consts::LOG10_2;

/// IEEE half, bfloat16, single and double precision.
pub const FORMATS: [NumberFormat; 4] = [
    // Overflow: the largest number plus half an ulp, 65520 for f16; zero: half the smallest subnormal.
    NumberFormat {
        name: "f16",
        log10_overflow: 4.816_373_888_752_362,
        log10_normal: -14.0 * LOG10_2,
        log10_zero: -25.0 * LOG10_2,
    },
    NumberFormat {
        name: "bf16",
        log10_overflow: 38.530_990_384_148_47,
        log10_normal: -126.0 * LOG10_2,
        log10_zero: -134.0 * LOG10_2,
    },
    NumberFormat {
        name: "f32",
        log10_overflow: 128.0 * LOG10_2,
        log10_normal: -126.0 * LOG10_2,
        log10_zero: -150.0 * LOG10_2,
    },
    NumberFormat {
        name: "f64",
        log10_overflow: 1024.0 * LOG10_2,
        log10_normal: -1022.0 * LOG10_2,
        log10_zero: -1075.0 * LOG10_2,
    },
];

/// The depths at which a gradient leaves a format, if every further layer changes it at one rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormatDepths {
    /// Name of the format.
    pub format: String,
    /// First depth at which an entry of the first layer's gradient overflows; `null` for never.
    pub overflow: Option<f64>,
    /// First depth at which it is subnormal.
    pub subnormal: Option<f64>,
    /// First depth at which it rounds to zero.
    pub zero: Option<f64>,
}

impl NumberFormat {
    /// The depths for an entry of size `10^log10_last` in the last layer that changes by `10^log10_rate` in every layer on its way back.
    pub fn depths(&self, log10_last: f64, log10_rate: f64) -> FormatDepths {
        // Layers below the last until the limit is passed; the last layer itself is depth 1. The tolerance keeps exact ties.
        let reached = |limit: f64| ((limit - log10_last) / log10_rate - 1e-9).ceil().max(0.0) + 1.0;
        let above =
            |limit: f64| if log10_last >= limit { Some(1.0) } else { (log10_rate > 0.0).then(|| reached(limit)) };
        let below =
            |limit: f64| if log10_last <= limit { Some(1.0) } else { (log10_rate < 0.0).then(|| reached(limit)) };
        FormatDepths {
            format: self.name.to_owned(),
            overflow: above(self.log10_overflow),
            subnormal: below(self.log10_normal),
            zero: below(self.log10_zero),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Halving 1 reaches zero after 25 (f16), 134 (bf16), 150 (f32) and 1075 (f64) steps; the hardware agrees for the last two.
    #[test]
    fn halving_reaches_zero_where_the_hardware_does() {
        let steps: Vec<f64> =
            FORMATS.iter().map(|format| format.depths(0.0, -LOG10_2).zero.expect("it falls") - 1.0).collect();
        assert_eq!(steps, [25.0, 134.0, 150.0, 1075.0]);
        let (mut single, mut double) = (1.0_f32, 1.0_f64);
        (0..150).for_each(|_| single *= 0.5);
        (0..1075).for_each(|_| double *= 0.5);
        assert_eq!((single, double), (0.0, 0.0));
        assert!(single == 0.0 && 2f64.powi(-1074) > 0.0 && 2f32.powi(-149) > 0.0);
    }

    #[test]
    fn overflow_is_where_the_formats_end() {
        assert!((65520f64.log10() - FORMATS[0].log10_overflow).abs() < 1e-12);
        // The largest number plus half an ulp: 255/128 2^127 + 2^119.
        let bf16 = half::bf16::MAX.to_f64() * (1.0 + 1.0 / 510.0);
        assert!((bf16.log10() - FORMATS[1].log10_overflow).abs() < 1e-12);
        assert!((f64::from(f32::MAX).log10() - FORMATS[2].log10_overflow).abs() < 1e-6);
        let never = FORMATS[3].depths(0.0, 0.0);
        assert_eq!((never.overflow, never.zero), (None, None));
        let gone = FORMATS[0].depths(-9.0, 0.0);
        assert_eq!((gone.subnormal, gone.zero), (Some(1.0), Some(1.0)));
    }
}
