//! The number formats in which a network can be run.

use serde::{Deserialize, Serialize};

/// A floating-point format in which the network is run.
///
/// Numbers are drawn in f64 and rounded once; elementwise functions are evaluated in f64 and rounded once; matrix products of the
/// 16-bit formats accumulate in f32 and are rounded once, as tensor cores do ([`crate::linalg::Real`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// IEEE double precision.
    F64,
    /// IEEE single precision.
    F32,
    /// bfloat16: the range of single precision with 8 bits of significand.
    Bf16,
    /// IEEE half precision: 11 bits of significand, from 6e-8 to 65504.
    F16,
}

/// Evaluates an expression with a type name standing for the scalar type of a [`Precision`]:
/// `with_real!(precision, T => run::<T>(spec))`. The one place where the two meet: a new format is one line here and one row in
/// [`Precision`]'s table. Methods of [`crate::linalg::Real`] are called as `<T as Real>::from_f64` here: `half` has its own of that name, which round twice.
macro_rules! with_real {
    ($precision:expr, $scalar:ident => $body:expr) => {
        match $precision {
            $crate::spec::Precision::F64 => {
                type $scalar = f64;
                $body
            }
            $crate::spec::Precision::F32 => {
                type $scalar = f32;
                $body
            }
            $crate::spec::Precision::Bf16 => {
                type $scalar = ::half::bf16;
                $body
            }
            $crate::spec::Precision::F16 => {
                type $scalar = ::half::f16;
                $body
            }
        }
    };
}
pub(crate) use with_real;

/// What is told about a format.
struct Row {
    name: &'static str,
    aliases: &'static [&'static str],
    words: &'static str,
    rounding: f64,
}

impl Precision {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::F64, Self::F32, Self::Bf16, Self::F16];

    const fn row(self) -> Row {
        match self {
            Self::F64 => {
                Row { name: "f64", aliases: &["double", "float64"], words: "double precision", rounding: 1e-10 }
            }
            Self::F32 => {
                Row { name: "f32", aliases: &["float", "single", "float32"], words: "single precision", rounding: 1e-5 }
            }
            Self::Bf16 => Row { name: "bf16", aliases: &["bfloat16"], words: "bfloat16, emulated", rounding: 1e-2 },
            Self::F16 => {
                Row { name: "f16", aliases: &["half", "float16"], words: "half precision, emulated", rounding: 1e-3 }
            }
        }
    }

    /// Name in the specification.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Name in a report.
    pub fn words(self) -> &'static str {
        self.row().words
    }

    /// The format of a name or of one of its aliases, in canonical spelling.
    pub(super) fn by_canonical_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name || format.row().aliases.contains(&name))
    }

    /// How well a decimal logarithm of a norm is known after many layers of rounding: what claims take for the least standard error.
    pub fn rounding(self) -> f64 {
        self.row().rounding
    }

    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        with_real!(self, T => size_of::<T>())
    }

    /// The nearest value of the format.
    pub fn round(self, value: f64) -> f64 {
        use crate::linalg::Real;
        with_real!(self, T => <T as Real>::from_f64(value).to_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::FORMATS;

    #[test]
    fn the_table_agrees_with_the_types() {
        for precision in Precision::ALL {
            let format =
                FORMATS.iter().find(|format| format.name == precision.name()).expect("every format has its ends");
            // f64 has no number beyond its own ends.
            if precision != Precision::F64 {
                let overflow = 10f64.powf(format.log10_overflow);
                assert_eq!(precision.round(1.000_001 * overflow), f64::INFINITY, "{}", format.name);
                assert!(precision.round(0.999_999 * overflow).is_finite(), "{}", format.name);
                let zero = 10f64.powf(format.log10_zero);
                assert!(precision.round(1.000_001 * zero) > 0.0, "{}", format.name);
                assert_eq!(precision.round(0.999_999 * zero), 0.0, "{}", format.name);
            }
            assert_eq!(Precision::by_canonical_name(precision.name()), Some(precision));
        }
        assert_eq!(Precision::ALL.map(Precision::bytes), [8, 4, 2, 2]);
    }
}
