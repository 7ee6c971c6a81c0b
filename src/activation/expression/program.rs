//! An expression as a flat program: one instruction a distinct subexpression, operands before their use.

use std::cmp::Ordering;

use super::jet::{Jet, Tie};
use super::scalar::Scalar;
use crate::numeric::{Extended, Interval};

/// The number of an instruction, whose result is a register.
pub(super) type Register = u16;

/// A function of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Negate,
    Exp,
    ExpM1,
    Log,
    Log1p,
    Sqrt,
    Abs,
    Sign,
    Step,
    Relu,
    Sin,
    Cos,
    Tan,
    Arctan,
    Sinh,
    Cosh,
    Tanh,
    Erf,
    Erfc,
    Phi,
    Sigmoid,
    Softplus,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Instruction {
    Variable,
    Constant(f64),
    Unary(Unary, Register),
    Add(Register, Register),
    Subtract(Register, Register),
    Multiply(Register, Register),
    Divide(Register, Register),
    /// a + c.
    Shift(Register, f64),
    /// c a.
    Scale(Register, f64),
    /// a / c.
    Quotient(Register, f64),
    /// c / a.
    Over(f64, Register),
    Integer(Register, i32),
    /// a^c for other exponents; a is not negative.
    Real(Register, f64),
    Max(Register, Register, Tie),
    Min(Register, Register, Tie),
}

impl Instruction {
    /// The result, from the registers before it.
    #[inline(always)]
    pub(super) fn run<T: Scalar, const N: usize>(self, x: Jet<T>, registers: &[Jet<T>]) -> Jet<T> {
        let at = |register: Register| registers[usize::from(register)];
        match self {
            Self::Variable => x,
            Self::Constant(value) => Jet::constant(value),
            Self::Add(a, b) => at(a).add(at(b)),
            Self::Subtract(a, b) => at(a).subtract(at(b)),
            Self::Multiply(a, b) => at(a).multiply::<N>(at(b)),
            Self::Divide(a, b) => at(a).divide::<N>(at(b)),
            Self::Shift(a, c) => at(a).shift(c),
            Self::Scale(a, c) => at(a).scale(c),
            Self::Quotient(a, c) => at(a).quotient(c),
            Self::Over(c, a) => at(a).divide_constant::<N>(c),
            Self::Integer(a, n) => at(a).powi::<N>(n),
            Self::Real(a, c) => at(a).powf::<N>(c),
            Self::Max(a, b, tie) => at(a).max(at(b), tie),
            Self::Min(a, b, tie) => at(a).min(at(b), tie),
            Self::Unary(function, a) => {
                let u = at(a);
                match function {
                    Unary::Negate => u.negate(),
                    Unary::Exp => u.exp::<N>(),
                    Unary::ExpM1 => u.exp_m1::<N>(),
                    Unary::Log => u.ln::<N>(),
                    Unary::Log1p => u.ln_1p::<N>(),
                    Unary::Sqrt => u.sqrt::<N>(),
                    Unary::Abs => u.abs(),
                    Unary::Sign => u.sign(),
                    Unary::Step => u.step(),
                    Unary::Relu => u.relu(),
                    Unary::Sin => u.sin::<N>(),
                    Unary::Cos => u.cos::<N>(),
                    Unary::Tan => u.tan::<N>(),
                    Unary::Arctan => u.atan::<N>(),
                    Unary::Sinh => u.sinh::<N>(),
                    Unary::Cosh => u.cosh::<N>(),
                    Unary::Tanh => u.tanh::<N>(),
                    Unary::Erf => u.erf::<N>(),
                    Unary::Erfc => u.erfc::<N>(),
                    Unary::Phi => u.phi::<N>(),
                    Unary::Sigmoid => u.sigmoid::<N>(),
                    Unary::Softplus => u.softplus::<N>(),
                }
            }
        }
    }

    /// Whether a zero or subnormal result stands for a number that is none: `e^-800`, or a product of numbers that are not zero.
    #[cold]
    fn has_underflowed(self, registers: &[Jet<f64>]) -> bool {
        let nonzero = |register: Register| registers[usize::from(register)].v != 0.0;
        match self {
            Self::Multiply(a, b) => nonzero(a) && nonzero(b),
            Self::Divide(a, _) | Self::Scale(a, _) | Self::Quotient(a, _) | Self::Integer(a, _) | Self::Real(a, _) => {
                nonzero(a)
            }
            Self::Over(c, _) => c != 0.0,
            Self::Unary(function, _) => {
                matches!(function, Unary::Exp | Unary::Erfc | Unary::Phi | Unary::Sigmoid | Unary::Softplus)
            }
            _ => false,
        }
    }
}

/// Where a program takes another branch: where its sign changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Switch {
    /// Of the register itself.
    Sign(Register),
    /// Of the difference of two.
    Difference(Register, Register),
}

/// Instructions in order; the last one is the result.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Program {
    pub(super) instructions: Vec<Instruction>,
}

/// Registers that need no allocation; the smaller number takes less time to clear.
const FEW: usize = 8;
const MORE: usize = 24;

impl Program {
    /// Runs it on any scalar; `registers` has one place for every instruction.
    #[inline]
    fn fill<T: Scalar, const N: usize>(&self, x: T, registers: &mut [Jet<T>]) -> Jet<T> {
        let x = Jet::variable(x);
        let mut last = x;
        for (k, instruction) in self.instructions.iter().enumerate() {
            last = instruction.run::<T, N>(x, registers);
            registers[k] = last;
        }
        last
    }

    fn run<T: Scalar, const N: usize>(&self, x: T) -> Jet<T> {
        let mut registers = vec![Jet::constant(0.0); self.instructions.len()];
        self.fill::<T, N>(x, &mut registers)
    }

    /// phi and its derivatives on doubles, or `None` if an intermediate result leaves their range.
    #[inline]
    fn fast<const N: usize>(&self, x: f64, registers: &mut [Jet<f64>]) -> Option<Jet<f64>> {
        let x = Jet::variable(x);
        let mut last = x;
        for (k, instruction) in self.instructions.iter().enumerate() {
            last = instruction.run::<f64, N>(x, registers);
            // Zero unless one of them is infinite or NaN.
            let mut doubt = last.v * 0.0;
            if N >= 1 {
                doubt += last.d1 * 0.0;
            }
            if N >= 2 {
                doubt += last.d2 * 0.0;
            }
            if doubt != 0.0 || last.v.abs() < f64::MIN_POSITIVE && instruction.has_underflowed(registers) {
                return None;
            }
            registers[k] = last;
        }
        Some(last)
    }

    /// phi and its derivatives up to order N.
    pub(super) fn jet<const N: usize>(&self, x: f64) -> Jet<f64> {
        let length = self.instructions.len();
        let zero = Jet { v: 0.0, d1: 0.0, d2: 0.0 };
        let fast = if length <= FEW {
            self.fast::<N>(x, &mut [zero; FEW])
        } else if length <= MORE {
            self.fast::<N>(x, &mut [zero; MORE])
        } else {
            self.fast::<N>(x, &mut vec![Jet::constant(0.0); length])
        };
        fast.unwrap_or_else(|| self.slow::<N>(x))
    }

    #[cold]
    fn slow<const N: usize>(&self, x: f64) -> Jet<f64> {
        let Jet { v, d1, d2 } = self.extended::<N>(x);
        Jet { v: v.to_f64(), d1: d1.to_f64(), d2: d2.to_f64() }
    }

    /// The same where doubles do not reach.
    pub(super) fn extended<const N: usize>(&self, x: f64) -> Jet<Extended> {
        self.run::<Extended, N>(Extended::new(x))
    }

    /// Intervals that contain phi and its derivatives up to order N on all of x.
    pub(super) fn enclose<const N: usize>(&self, x: Interval) -> Jet<Interval> {
        self.run::<Interval, N>(x)
    }

    /// Every change of branch, those included that lead to the same slope.
    pub(super) fn switches(&self) -> Vec<Switch> {
        self.instructions
            .iter()
            .filter_map(|instruction| match *instruction {
                Instruction::Unary(Unary::Abs | Unary::Sign | Unary::Step | Unary::Relu | Unary::Sqrt, a)
                | Instruction::Real(a, _) => Some(Switch::Sign(a)),
                Instruction::Max(a, b, _) | Instruction::Min(a, b, _) => Some(Switch::Difference(a, b)),
                _ => None,
            })
            .collect()
    }

    /// The signs of the switches at x, in the order of [`Program::switches`]; `None` for NaN.
    pub(super) fn signs(&self, x: f64, switches: &[Switch]) -> Vec<Option<Ordering>> {
        let mut registers = vec![Jet::constant(0.0); self.instructions.len()];
        self.fill::<Extended, 0>(Extended::new(x), &mut registers);
        let at = |register: Register| registers[usize::from(register)].v;
        switches
            .iter()
            .map(|switch| match *switch {
                Switch::Sign(a) => at(a).order(Extended::ZERO),
                Switch::Difference(a, b) => at(a).order(at(b)),
            })
            .collect()
    }
}
