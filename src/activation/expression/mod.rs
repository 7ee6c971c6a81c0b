//! Activations that people write: `expr: x * tanh(log(1 + exp(x)))`.
//!
//! ```text
//! text ──token, parser──► syntax (tree) ──compile──► program ──► jet on scalar
//!                                                      │
//!          domain, seams, bounds, enclosure ◄──────────┘
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | `token`, `parser`, `syntax` | the grammar; the canonical spelling |
//! | `function` | the registry of functions and constants |
//! | `compile` | equal parts once, constants folded, forms that lose digits replaced |
//! | `program` | runs the instructions, on doubles and, where these leave their range, on wider numbers |
//! | `jet`, `scalar` | value, first and second derivative, over doubles, [`Extended`](crate::numeric::Extended), [`Interval`](crate::numeric::Interval) |
//! | `domain` | refuses what has no value somewhere |
//! | `seams` | where the branch changes, and which of these places are kinks |
//! | `bounds` | sup and inf of the derivatives by a scan |
//! | `enclosure` | the same supremum with a proof |
//!
//! The parser is ours because `exmex` reports errors as text without a place in the expression, and the differentiation is ours
//! because `num-dual` has neither error functions nor intervals nor numbers beyond the doubles.
//!
//! # Grammar
//!
//! Numbers (`1e-3`, `.5`), `x`, `pi`, `e`, `+ - * /`, `^` or `**` (groups to the right and binds tighter than a sign: `-x^2` is
//! `-(x^2)`), parentheses, and the functions `exp`, `log` (`ln`), `log1p`, `expm1`, `sqrt`, `abs`, `sign`, `step` (`heaviside`),
//! `relu`, `sin`, `cos`, `tan`, `arctan` (`atan`), `sinh`, `cosh`, `tanh`, `erf`, `erfc`, `Phi` (the normal distribution function),
//! `sigmoid`, `softplus`, `gelu`, `silu`, `max(a, b)`, `min(a, b)`, `pow(a, b)`, `clamp(u, low, high)`.
//!
//! # Slopes at kinks
//!
//! As PyTorch has them: `abs` and `relu` have slope 0 at 0, `max` and `min` the mean of both slopes where their operands are
//! equal (`torch.maximum`), `clamp` the slope inside at its ends (`torch.clamp`). `sign(0)` and `step(0)` are 0.

mod bounds;
mod compile;
mod domain;
mod enclosure;
mod error;
mod function;
mod grid;
mod jet;
mod parser;
mod program;
mod scalar;
mod seams;
mod syntax;
mod token;

#[cfg(test)]
mod tests;

pub use enclosure::{Enclosure, derivative_enclosure};
pub use error::ExpressionError;

use self::bounds::scan;
use self::program::Program;
use self::seams::Seams;
use super::{Activation, Attained, DerivativeBounds};

/// What an expression begins with, where a name could stand as well.
const PREFIX: &str = "expr:";

/// An activation given as a formula.
#[derive(Debug, Clone)]
pub struct Expression {
    name: String,
    program: Program,
    seams: Seams,
    bounds: DerivativeBounds,
    centre: f64,
    is_homogeneous: bool,
}

impl Expression {
    /// Reads a formula, with or without `expr:` before it, and studies it: domain, kinks, bounds of the derivatives.
    ///
    /// # Accuracy
    ///
    /// Value and derivatives are those of the formula to a few ulp for each operation of the compiled program, also where
    /// intermediate results exceed the doubles; a formula that cancels (`log(x + sqrt(x^2 + 1))` for x < 0) loses digits as it does
    /// everywhere. Bounds: see [`derivative_enclosure`] for a proof of what the scan found.
    ///
    /// # Errors
    ///
    /// [`ExpressionError`], with the column, if the text is no formula; with x if it has no value there, or jumps; and if it is
    /// constant, as no gradient passes then.
    ///
    /// # Example
    ///
    /// ```
    /// use gradspectra::activation::{Activation, Expression};
    ///
    /// let swish = Expression::parse("expr: x / (1 + exp(-x))")?;
    /// assert_eq!(swish.name(), "expr: x / (1 + exp(-x))");
    /// assert!((swish.derivative_bounds().sup_abs - 1.099_839_320_128_867).abs() < 1e-14);
    /// assert_eq!(swish.derivative(-1e300), 0.0);
    /// let error = Expression::parse("x * tahn(x)").unwrap_err();
    /// assert_eq!(error.to_string(), "column 5: unknown function `tahn`: did you mean `tanh`?");
    /// # Ok::<(), gradspectra::activation::ExpressionError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let text = text.trim_start();
        let tree = parser::parse(text.strip_prefix(PREFIX).unwrap_or(text).trim_start())?;
        let program = compile::compile(&tree)?;
        let grid = grid::graded();
        domain::check(&program, &grid)?;
        let seams = seams::find(&program, &grid)?;
        let bounds = scan(&program, &seams.all, &grid);
        if bounds.sup_abs == 0.0 {
            return Err(ExpressionError::Constant { value: program.jet::<0>(1.0).v });
        }
        let is_homogeneous = bounds.second_sup_abs == 0.0
            && matches!(bounds.second_sup_at, Attained::On { .. })
            && seams.all.iter().all(|seam| *seam == 0.0)
            && program.jet::<0>(0.0).v == 0.0;
        let centre = centre(&program, &seams.all, &bounds);
        Ok(Self { name: format!("{PREFIX} {tree}"), program, seams, bounds, centre, is_homogeneous })
    }
}

/// The mean place of the change of phi': `int x |dphi'| / int |dphi'|` over |x| <= 40, kinks included.
fn centre(program: &Program, seams: &[f64], bounds: &DerivativeBounds) -> f64 {
    let mut points: Vec<f64> = (-2560..=2560).map(|k| f64::from(k) / 64.0).collect();
    // A transition narrower than a cell shows in the extrema and at the seams.
    let extrema = [&bounds.sup_at, &bounds.inf_at, &bounds.second_sup_at].into_iter().flat_map(|at| match at {
        Attained::At(places) => places.as_slice(),
        _ => &[],
    });
    let beside = seams.iter().flat_map(|x| [x - seams::step_aside(*x), x + seams::step_aside(*x)]);
    points.extend(extrema.copied().chain(beside).filter(|x| x.abs() <= 40.0));
    points.sort_by(f64::total_cmp);
    let slopes: Vec<f64> = points.iter().map(|x| program.jet::<1>(*x).d1).collect();
    let (mut moment, mut total) = (0.0, 0.0);
    for (x, slope) in points.windows(2).zip(slopes.windows(2)) {
        let change = (slope[1] - slope[0]).abs();
        moment += 0.5 * (x[0] + x[1]) * change;
        total += change;
    }
    let mean = moment / total;
    // Rounding leaves a symmetric transition beside 0.
    if mean.abs() > 1e-6 { mean } else { 0.0 }
}

impl Activation for Expression {
    fn name(&self) -> &str {
        &self.name
    }

    fn formula(&self) -> &str {
        self.name[PREFIX.len()..].trim_start()
    }

    fn value(&self, x: f64) -> f64 {
        self.program.jet::<0>(x).v
    }

    fn derivative(&self, x: f64) -> f64 {
        self.program.jet::<1>(x).d1
    }

    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        let jet = self.program.jet::<1>(x);
        (jet.v, jet.d1)
    }

    fn second_derivative(&self, x: f64) -> f64 {
        // A seam has a right side; the tie of a maximum has none.
        let right = if self.seams.all.contains(&x) { x + seams::step_aside(x) } else { x };
        self.program.jet::<2>(right).d2
    }

    fn kinks(&self) -> &[f64] {
        &self.seams.kinks
    }

    fn seams(&self) -> &[f64] {
        &self.seams.all
    }

    fn centre(&self) -> f64 {
        self.centre
    }

    fn is_homogeneous(&self) -> bool {
        self.is_homogeneous
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        self.bounds.clone()
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
