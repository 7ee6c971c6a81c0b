//! The tree of an expression, and its canonical spelling.

use std::fmt;

use super::function::{Constant, Entry};

/// Of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

impl Operator {
    /// Larger binds tighter; a sign stands between products and powers.
    pub(super) fn precedence(self) -> u8 {
        match self {
            Self::Add | Self::Subtract => 1,
            Self::Multiply | Self::Divide => 2,
            Self::Power => 4,
        }
    }

    fn spelling(self) -> &'static str {
        match self {
            Self::Add => " + ",
            Self::Subtract => " - ",
            Self::Multiply => " * ",
            Self::Divide => " / ",
            Self::Power => "^",
        }
    }
}

/// How tightly a sign binds: `-x^2` is `-(x^2)`, and `-x * y` is `(-x) * y`.
pub(super) const SIGN_PRECEDENCE: u8 = 3;

const ATOM: u8 = 5;

/// An expression in x.
#[derive(Debug, Clone)]
pub(super) enum Syntax {
    /// Not negative: signs are nodes.
    Number(f64),
    Constant(&'static Constant),
    Variable,
    Negate(Box<Self>),
    Binary(Operator, Box<Self>, Box<Self>),
    Call(&'static Entry, Vec<Self>),
}

impl PartialEq for Syntax {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::Constant(a), Self::Constant(b)) => a == b,
            (Self::Variable, Self::Variable) => true,
            (Self::Negate(a), Self::Negate(b)) => a == b,
            (Self::Binary(p, a, b), Self::Binary(q, c, d)) => p == q && a == c && b == d,
            (Self::Call(f, a), Self::Call(g, b)) => f.function == g.function && a == b,
            _ => false,
        }
    }
}

impl Syntax {
    fn precedence(&self) -> u8 {
        match self {
            Self::Binary(operator, ..) => operator.precedence(),
            Self::Negate(_) => SIGN_PRECEDENCE,
            _ => ATOM,
        }
    }

    /// With parentheses if it binds less than `least`.
    fn write(&self, f: &mut fmt::Formatter<'_>, least: u8) -> fmt::Result {
        if self.precedence() < least {
            f.write_str("(")?;
            self.write(f, 0)?;
            return f.write_str(")");
        }
        match self {
            Self::Number(value) if *value != 0.0 && !(1e-5..1e16).contains(value) => write!(f, "{value:e}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Constant(constant) => f.write_str(constant.name),
            Self::Variable => f.write_str("x"),
            Self::Negate(operand) => {
                f.write_str("-")?;
                operand.write(f, SIGN_PRECEDENCE)
            }
            Self::Binary(operator, left, right) => {
                let own = operator.precedence();
                // Powers group to the right, and their exponent may begin with a sign.
                let (least_left, least_right) =
                    if *operator == Operator::Power { (own + 1, SIGN_PRECEDENCE) } else { (own, own + 1) };
                left.write(f, least_left)?;
                f.write_str(operator.spelling())?;
                right.write(f, least_right)
            }
            Self::Call(entry, arguments) => {
                write!(f, "{}(", entry.name)?;
                for (k, argument) in arguments.iter().enumerate() {
                    if k > 0 {
                        f.write_str(", ")?;
                    }
                    argument.write(f, 0)?;
                }
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}
