//! From tree to program: equal subexpressions are computed once, constants folded, and forms that lose digits replaced.
//!
//! The replacements are identities on the whole line, and each serves accuracy:
//!
//! ```text
//! log(1 + u) = log1p(u)          log1p(exp(u)) = softplus(u)              1 / (1 + exp(u)) = sigmoid(-u)
//! exp(u) - 1 = expm1(u)          exp(u) / (1 + exp(u)) = sigmoid(u)       a / (1 + exp(u)) = a sigmoid(-u)
//! 1 + erf(u) = erfc(-u)          sinh(u) / cosh(u) = tanh(u)              exp(u) -+ exp(-u) = 2 sinh(u), 2 cosh(u)
//! 1 + tanh(u) = 2 sigmoid(2 u)   (exp(u) - 1) / (exp(u) + 1) = tanh(u/2)  1 - sigmoid(u) = sigmoid(-u)
//! sqrt(u^2) = abs(u)             log(exp(u)) = u                          u u = u^2
//! ```

use std::collections::HashMap;

use super::error::ExpressionError;
use super::function::Function;
use super::jet::{Jet, Tie};
use super::program::{Instruction, Program, Register, Unary};
use super::syntax::{Operator, Syntax};

/// The program of a tree.
pub(super) fn compile(tree: &Syntax) -> Result<Program, ExpressionError> {
    let mut builder = Builder::default();
    let result = builder.tree(tree)?;
    if let Instruction::Constant(value) = builder.instruction(result) {
        return Err(ExpressionError::Constant { value });
    }
    Ok(builder.program(result))
}

#[derive(Default)]
struct Builder {
    instructions: Vec<Instruction>,
    /// Registers by the spelling of their instruction, whose constants it distinguishes to the last bit.
    known: HashMap<String, Register>,
}

use Instruction as I;

impl Builder {
    fn instruction(&self, register: Register) -> Instruction {
        self.instructions[usize::from(register)]
    }

    fn constant(&self, register: Register) -> Option<f64> {
        match self.instruction(register) {
            I::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The operand, if the register holds the function of one.
    fn operand(&self, function: Unary, register: Register) -> Option<Register> {
        match self.instruction(register) {
            I::Unary(found, a) if found == function => Some(a),
            _ => None,
        }
    }

    /// u, if the register holds 1 + exp(u).
    fn one_plus_exp(&self, register: Register) -> Option<Register> {
        match self.instruction(register) {
            I::Shift(a, 1.0) => self.operand(Unary::Exp, a),
            _ => None,
        }
    }

    fn are_opposite(&mut self, a: Register, b: Register) -> bool {
        self.unary(Unary::Negate, a) == b
    }

    /// The register of an instruction, old or new.
    fn push(&mut self, instruction: Instruction) -> Register {
        // At most 4,000 characters make at most a few instructions each, and registers count to 65,535.
        let next = self.instructions.len() as Register;
        let register = *self.known.entry(format!("{instruction:?}")).or_insert(next);
        if register == next {
            self.instructions.push(instruction);
        }
        register
    }

    fn number(&mut self, value: f64) -> Register {
        self.push(I::Constant(value))
    }

    fn tree(&mut self, tree: &Syntax) -> Result<Register, ExpressionError> {
        let register = match tree {
            Syntax::Number(value) => self.number(*value),
            Syntax::Constant(constant) => self.number(constant.value),
            Syntax::Variable => self.push(I::Variable),
            Syntax::Negate(operand) => {
                let a = self.tree(operand)?;
                self.unary(Unary::Negate, a)
            }
            Syntax::Binary(operator, left, right) => {
                let (a, b) = (self.tree(left)?, self.tree(right)?);
                match operator {
                    Operator::Add => self.add(a, b),
                    Operator::Subtract => self.subtract(a, b),
                    Operator::Multiply => self.multiply(a, b),
                    Operator::Divide => self.divide(a, b),
                    Operator::Power => self.power(a, b),
                }
            }
            Syntax::Call(entry, arguments) => {
                let operands = arguments.iter().map(|argument| self.tree(argument)).collect::<Result<Vec<_>, _>>()?;
                self.call(entry.function, &operands)
            }
        };
        match self.constant(register) {
            Some(value) if !value.is_finite() => {
                Err(ExpressionError::ConstantNotFinite { part: tree.to_string(), value })
            }
            _ => Ok(register),
        }
    }

    /// The parser has counted the operands.
    fn call(&mut self, function: Function, operands: &[Register]) -> Register {
        let a = operands[0];
        let unary = match function {
            Function::Exp => Unary::Exp,
            Function::ExpM1 => Unary::ExpM1,
            Function::Log => Unary::Log,
            Function::Log1p => Unary::Log1p,
            Function::Sqrt => Unary::Sqrt,
            Function::Abs => Unary::Abs,
            Function::Sign => Unary::Sign,
            Function::Step => Unary::Step,
            Function::Relu => Unary::Relu,
            Function::Sin => Unary::Sin,
            Function::Cos => Unary::Cos,
            Function::Tan => Unary::Tan,
            Function::Arctan => Unary::Arctan,
            Function::Sinh => Unary::Sinh,
            Function::Cosh => Unary::Cosh,
            Function::Tanh => Unary::Tanh,
            Function::Erf => Unary::Erf,
            Function::Erfc => Unary::Erfc,
            Function::Phi => Unary::Phi,
            Function::Sigmoid => Unary::Sigmoid,
            Function::Softplus => Unary::Softplus,
            Function::Gelu => {
                let factor = self.unary(Unary::Phi, a);
                return self.multiply(a, factor);
            }
            Function::Silu => {
                let factor = self.unary(Unary::Sigmoid, a);
                return self.multiply(a, factor);
            }
            Function::Max => return self.fold(I::Max(a, operands[1], Tie::Half), &[a, operands[1]]),
            Function::Min => return self.fold(I::Min(a, operands[1], Tie::Half), &[a, operands[1]]),
            Function::Pow => return self.power(a, operands[1]),
            Function::Clamp => {
                let raised = self.fold(I::Max(a, operands[1], Tie::First), &[a, operands[1]]);
                return self.fold(I::Min(raised, operands[2], Tie::First), &[raised, operands[2]]);
            }
        };
        self.unary(unary, a)
    }

    /// The instruction, or its value if all operands are constants.
    fn fold(&mut self, instruction: Instruction, operands: &[Register]) -> Register {
        if operands.iter().any(|operand| self.constant(*operand).is_none()) {
            return self.push(instruction);
        }
        let registers: Vec<Jet<f64>> = self
            .instructions
            .iter()
            .map(|known| Jet::constant(if let I::Constant(c) = known { *c } else { 0.0 }))
            .collect();
        let value = instruction.run::<f64, 0>(Jet::constant(0.0), &registers).v;
        self.number(value)
    }

    fn unary(&mut self, function: Unary, a: Register) -> Register {
        match (function, self.instruction(a)) {
            (Unary::Negate, I::Unary(Unary::Negate, u)) | (Unary::Log, I::Unary(Unary::Exp, u)) => return u,
            (Unary::Negate, I::Scale(u, c)) => return self.push(I::Scale(u, -c)),
            (Unary::Log, I::Shift(u, 1.0)) => return self.unary(Unary::Log1p, u),
            (Unary::Log1p, I::Unary(Unary::Exp, u)) => return self.unary(Unary::Softplus, u),
            (Unary::Sqrt, I::Integer(u, 2)) => return self.unary(Unary::Abs, u),
            _ => {}
        }
        self.fold(I::Unary(function, a), &[a])
    }

    fn add(&mut self, a: Register, b: Register) -> Register {
        if let Some(c) = self.constant(b) {
            return self.shift(a, c);
        }
        if let Some(c) = self.constant(a) {
            return self.shift(b, c);
        }
        if let Some(u) = self.operand(Unary::Negate, b) {
            return self.subtract(a, u);
        }
        if let Some(u) = self.operand(Unary::Negate, a) {
            return self.subtract(b, u);
        }
        if let (Some(u), Some(v)) = (self.operand(Unary::Exp, a), self.operand(Unary::Exp, b))
            && self.are_opposite(u, v)
        {
            let half = self.unary(Unary::Cosh, u);
            return self.scale(half, 2.0);
        }
        self.push(I::Add(a, b))
    }

    fn subtract(&mut self, a: Register, b: Register) -> Register {
        if let Some(c) = self.constant(b) {
            return self.shift(a, -c);
        }
        if let Some(c) = self.constant(a) {
            let minus = self.unary(Unary::Negate, b);
            return self.shift(minus, c);
        }
        if let Some(u) = self.operand(Unary::Negate, b) {
            return self.add(a, u);
        }
        if let (Some(u), Some(v)) = (self.operand(Unary::Exp, a), self.operand(Unary::Exp, b))
            && self.are_opposite(u, v)
        {
            let half = self.unary(Unary::Sinh, u);
            return self.scale(half, 2.0);
        }
        self.push(I::Subtract(a, b))
    }

    /// a + c.
    fn shift(&mut self, a: Register, c: f64) -> Register {
        if c == 0.0 {
            return a;
        }
        // The function, its operand, and whether it is subtracted.
        let (inner, minus) = self.operand(Unary::Negate, a).map_or((a, false), |inner| (inner, true));
        let I::Unary(function, u) = self.instruction(inner) else {
            return self.shifted(a, c);
        };
        let signed = |builder: &mut Self, u: Register, positive: bool| {
            if positive { u } else { builder.unary(Unary::Negate, u) }
        };
        match (function, c, minus) {
            (Unary::Exp, -1.0, false) => self.unary(Unary::ExpM1, u),
            (Unary::Exp, 1.0, true) => {
                let negative = self.unary(Unary::ExpM1, u);
                self.unary(Unary::Negate, negative)
            }
            (Unary::Erf, 1.0, _) => {
                let u = signed(self, u, minus);
                self.unary(Unary::Erfc, u)
            }
            (Unary::Erfc, 1.0, true) => self.unary(Unary::Erf, u),
            (Unary::Tanh, 1.0, _) => {
                let u = signed(self, u, !minus);
                let double = self.scale(u, 2.0);
                let half = self.unary(Unary::Sigmoid, double);
                self.scale(half, 2.0)
            }
            (Unary::Sigmoid | Unary::Phi, 1.0, true) => {
                let u = signed(self, u, false);
                self.unary(function, u)
            }
            _ => self.shifted(a, c),
        }
    }

    fn shifted(&mut self, a: Register, c: f64) -> Register {
        match self.constant(a) {
            Some(value) => self.number(value + c),
            None => self.push(I::Shift(a, c)),
        }
    }

    /// c a.
    fn scale(&mut self, a: Register, c: f64) -> Register {
        match (c, self.constant(a)) {
            (_, Some(value)) => self.number(value * c),
            (1.0, _) => a,
            (0.0, _) => self.number(0.0),
            (-1.0, _) => self.unary(Unary::Negate, a),
            _ => self.push(I::Scale(a, c)),
        }
    }

    fn multiply(&mut self, a: Register, b: Register) -> Register {
        if let Some(c) = self.constant(b) {
            return self.scale(a, c);
        }
        if let Some(c) = self.constant(a) {
            return self.scale(b, c);
        }
        if a == b {
            return self.power_of(a, 2.0);
        }
        self.push(I::Multiply(a, b))
    }

    fn divide(&mut self, a: Register, b: Register) -> Register {
        if let Some(c) = self.constant(b) {
            return match (c, self.constant(a)) {
                (_, Some(value)) => self.number(value / c),
                (1.0, _) => a,
                _ => self.push(I::Quotient(a, c)),
            };
        }
        if let Some(u) = self.operand(Unary::Negate, a) {
            let positive = self.divide(u, b);
            return self.unary(Unary::Negate, positive);
        }
        if let Some(u) = self.one_plus_exp(b) {
            if self.operand(Unary::Exp, a) == Some(u) {
                return self.unary(Unary::Sigmoid, u);
            }
            if self.operand(Unary::ExpM1, a) == Some(u) {
                let half = self.push(I::Quotient(u, 2.0));
                return self.unary(Unary::Tanh, half);
            }
            let minus = self.unary(Unary::Negate, u);
            let factor = self.unary(Unary::Sigmoid, minus);
            return self.multiply(a, factor);
        }
        match (self.instruction(a), self.instruction(b)) {
            (I::Scale(u, c), I::Scale(v, d)) if c == d => self.divide(u, v),
            (I::Unary(Unary::Sinh, u), I::Unary(Unary::Cosh, v)) if u == v => self.unary(Unary::Tanh, u),
            (I::Constant(c), _) => self.push(I::Over(c, b)),
            _ => self.push(I::Divide(a, b)),
        }
    }

    fn power(&mut self, a: Register, b: Register) -> Register {
        if let Some(c) = self.constant(b) {
            return match self.constant(a) {
                Some(value) => self.number(value.powf(c)),
                None => self.power_of(a, c),
            };
        }
        // a^b = e^(b ln a), where a constant a has an exact logarithm if it is e.
        let exponent = match self.constant(a) {
            Some(std::f64::consts::E) => b,
            Some(base) => self.scale(b, base.ln()),
            None => {
                let logarithm = self.unary(Unary::Log, a);
                self.multiply(b, logarithm)
            }
        };
        self.unary(Unary::Exp, exponent)
    }

    /// a^c for a that is not constant.
    fn power_of(&mut self, a: Register, c: f64) -> Register {
        match c {
            0.0 => self.number(1.0),
            1.0 => a,
            -1.0 => {
                let one = self.number(1.0);
                self.divide(one, a)
            }
            0.5 => self.unary(Unary::Sqrt, a),
            _ if c.fract() == 0.0 && c.abs() <= 1024.0 => self.push(I::Integer(a, c as i32)),
            _ => self.push(I::Real(a, c)),
        }
    }

    /// Only what the result needs, in order.
    fn program(&self, result: Register) -> Program {
        let mut needed = vec![false; self.instructions.len()];
        needed[usize::from(result)] = true;
        for k in (0..self.instructions.len()).rev() {
            if needed[k] {
                self.instructions[k].visit(|operand| needed[usize::from(operand)] = true);
            }
        }
        let mut moved = vec![0; needed.len()];
        let mut instructions = Vec::new();
        // The result is the last one that is needed: operands come before their use.
        for (k, instruction) in self.instructions.iter().enumerate().filter(|(k, _)| needed[*k]) {
            moved[k] = instructions.len() as Register;
            instructions.push(instruction.moved(&moved));
        }
        Program { instructions }
    }
}

impl Instruction {
    fn visit(&self, mut operand: impl FnMut(Register)) {
        match *self {
            I::Variable | I::Constant(_) => {}
            I::Unary(_, a)
            | I::Shift(a, _)
            | I::Scale(a, _)
            | I::Quotient(a, _)
            | I::Over(_, a)
            | I::Integer(a, _)
            | I::Real(a, _) => operand(a),
            I::Add(a, b)
            | I::Subtract(a, b)
            | I::Multiply(a, b)
            | I::Divide(a, b)
            | I::Max(a, b, _)
            | I::Min(a, b, _) => {
                operand(a);
                operand(b);
            }
        }
    }

    fn moved(mut self, to: &[Register]) -> Self {
        match &mut self {
            I::Variable | I::Constant(_) => {}
            I::Unary(_, a)
            | I::Shift(a, _)
            | I::Scale(a, _)
            | I::Quotient(a, _)
            | I::Over(_, a)
            | I::Integer(a, _)
            | I::Real(a, _) => *a = to[usize::from(*a)],
            I::Add(a, b)
            | I::Subtract(a, b)
            | I::Multiply(a, b)
            | I::Divide(a, b)
            | I::Max(a, b, _)
            | I::Min(a, b, _) => {
                *a = to[usize::from(*a)];
                *b = to[usize::from(*b)];
            }
        }
        self
    }
}
