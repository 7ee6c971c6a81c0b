//! From text to tree: precedence climbing over the words.

use super::error::ExpressionError;
use super::function::{self, CONSTANTS};
use super::syntax::{Operator, SIGN_PRECEDENCE, Syntax};
use super::token::{Placed, Token, tokens};
use crate::names;

/// Characters read at most.
pub(super) const LONGEST: usize = 4000;

/// Levels of parentheses, signs and powers: the parser recurses once for each, and must not exhaust the stack.
const DEEPEST: usize = 100;

/// The tree of `text`.
pub(super) fn parse(text: &str) -> Result<Syntax, ExpressionError> {
    let length = text.chars().count();
    if length > LONGEST {
        return Err(ExpressionError::TooLong { length, limit: LONGEST });
    }
    if text.trim().is_empty() {
        return Err(ExpressionError::Empty);
    }
    let mut parser = Parser { words: tokens(text)?, at: 0, depth: 0 };
    let tree = parser.expression(0)?;
    let rest = parser.word();
    match rest.token {
        Token::End => Ok(tree),
        Token::Close => Err(ExpressionError::Expected {
            column: rest.column,
            expected: "an operator or the end",
            found: "a `)` without its `(`".to_owned(),
        }),
        _ => Err(expected("an operator", rest)),
    }
}

struct Parser {
    words: Vec<Placed>,
    at: usize,
    depth: usize,
}

fn expected(expected: &'static str, found: &Placed) -> ExpressionError {
    let words = if found.token == Token::End { "the end".to_owned() } else { format!("`{}`", found.text) };
    ExpressionError::Expected { column: found.column, expected, found: words }
}

impl Parser {
    fn word(&self) -> &Placed {
        // The end is a word that is never passed.
        &self.words[self.at.min(self.words.len() - 1)]
    }

    /// The present word, which is passed.
    fn take(&mut self) -> Placed {
        let word = self.word().clone();
        self.at += 1;
        word
    }

    /// An expression whose operators bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Syntax, ExpressionError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(ExpressionError::TooDeep { column: self.word().column, limit: DEEPEST });
        }
        let mut left = self.operand()?;
        while let Token::Operator(operator) = self.word().token {
            let own = operator.precedence();
            if own < least {
                break;
            }
            self.at += 1;
            let right = self.expression(if operator == Operator::Power { own } else { own + 1 })?;
            left = Syntax::Binary(operator, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Syntax, ExpressionError> {
        let word = self.take();
        match word.token {
            Token::Number(value) => Ok(Syntax::Number(value)),
            Token::Operator(Operator::Subtract) => Ok(Syntax::Negate(Box::new(self.expression(SIGN_PRECEDENCE)?))),
            Token::Operator(Operator::Add) => self.expression(SIGN_PRECEDENCE),
            Token::Open => {
                let inside = self.expression(0)?;
                self.close(word.column)?;
                Ok(inside)
            }
            Token::Name(ref name) if self.word().token == Token::Open => self.call(name, word.column),
            Token::Name(ref name) => variable(name, word.column),
            Token::End | Token::Close | Token::Comma | Token::Operator(_) => {
                Err(expected("a number, x, a function or `(`", &word))
            }
        }
    }

    fn call(&mut self, name: &str, column: usize) -> Result<Syntax, ExpressionError> {
        let entry = function::find(name).map_err(|unknown| {
            let (given, suggestion) = (unknown.given, unknown.suggestion);
            if given.eq_ignore_ascii_case("x") || CONSTANTS.iter().any(|constant| constant.name == given) {
                return expected("an operator", self.word());
            }
            ExpressionError::UnknownFunction { column, given, suggestion }
        })?;
        let open = self.take().column;
        let mut arguments = Vec::new();
        if self.word().token != Token::Close {
            arguments.push(self.expression(0)?);
            while self.word().token == Token::Comma {
                self.at += 1;
                arguments.push(self.expression(0)?);
            }
        }
        self.close(open)?;
        if arguments.len() != entry.arguments {
            let (name, expected, given) = (entry.name, entry.arguments, arguments.len());
            return Err(ExpressionError::WrongArgumentCount { column, name, expected, given });
        }
        Ok(Syntax::Call(entry, arguments))
    }

    /// The partner of the parenthesis that opened at `column`.
    fn close(&mut self, column: usize) -> Result<(), ExpressionError> {
        let word = self.take();
        match word.token {
            Token::Close => Ok(()),
            Token::End => Err(ExpressionError::Unclosed { column }),
            _ => Err(expected("an operator or `)`", &word)),
        }
    }
}

/// A name without parentheses.
fn variable(name: &str, column: usize) -> Result<Syntax, ExpressionError> {
    if name.eq_ignore_ascii_case("x") {
        return Ok(Syntax::Variable);
    }
    if let Some(constant) = CONSTANTS.iter().find(|constant| constant.name.eq_ignore_ascii_case(name)) {
        return Ok(Syntax::Constant(constant));
    }
    if name == "π" {
        return Ok(Syntax::Constant(&CONSTANTS[0]));
    }
    if let Ok(entry) = function::find(name) {
        return Err(ExpressionError::FunctionWithoutArguments { column, name: entry.name });
    }
    let known = std::iter::once("x").chain(CONSTANTS.iter().map(|constant| constant.name));
    let suggestion = names::suggestion(name, known);
    Err(ExpressionError::UnknownVariable { column, given: name.to_owned(), suggestion })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::activation::expression::function::FUNCTIONS;

    fn message(text: &str) -> String {
        parse(text).expect_err("malformed").to_string()
    }

    #[test]
    fn operators_bind_as_in_mathematics() {
        for (text, canonical) in [
            ("-x^2", "-x^2"),
            ("(-x)**2", "(-x)^2"),
            ("2^3^x", "2^3^x"),
            ("(2^3)^x", "(2^3)^x"),
            ("1-2-x", "1 - 2 - x"),
            ("1-(2-x)", "1 - (2 - x)"),
            ("x/2*3", "x / 2 * 3"),
            ("x/(2*3)", "x / (2 * 3)"),
            ("2^-x*3", "2^-x * 3"),
            ("-x*3", "-x * 3"),
            ("-(x+.5)", "-(x + 0.5)"),
            ("+x - -1E-3", "x - -0.001"),
            ("LN(1+Exp(X))", "log(1 + exp(x))"),
            ("swish(x)·π", "silu(x) * pi"),
            ("1e300*x + 2*e*x", "1e300 * x + 2 * e * x"),
        ] {
            assert_eq!(parse(text).expect("well formed").to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn messages_point_at_the_column() {
        for (text, start) in [
            ("", "the expression is empty"),
            (" \t", "the expression is empty"),
            ("x * 2 + tahn(x)", "column 9: unknown function `tahn`: did you mean `tanh`?"),
            ("y + 1", "column 1: unknown variable `y`: known: x, pi, e"),
            ("x + tanh", "column 5: `tanh` is a function: write `tanh(...)`"),
            ("x +", "column 4: expected a number, x, a function or `(`, found the end"),
            ("x + * 2", "column 5: expected a number, x, a function or `(`, found `*`"),
            ("(x", "column 1: this `(` is never closed"),
            ("tanh(x", "column 5: this `(` is never closed"),
            ("x)", "column 2: expected an operator or the end, found a `)` without its `(`"),
            ("2 x", "column 3: expected an operator, found `x`"),
            ("2 3", "column 3: expected an operator, found `3`"),
            ("2e*x", "column 2: expected an operator, found `e`"),
            ("2exp(x)", "column 2: expected an operator, found `exp`"),
            ("x(1)", "column 2: expected an operator, found `(`"),
            ("1e999 * x", "column 1: `1e999` is beyond the largest double"),
            ("1.2.3", "column 1: `1.2.3` is not a number"),
            (".", "column 1: `.` is not a number"),
            ("x # 1", "column 3: `#` has no meaning"),
            ("max(x)", "column 1: `max` takes 2 arguments, not 1"),
            ("tanh()", "column 1: `tanh` takes 1 argument, not 0"),
            ("max(x,,1)", "column 7: expected a number"),
            ("(x,1)", "column 3: expected an operator or `)`, found `,`"),
        ] {
            let message = message(text);
            assert!(message.starts_with(start), "{text}: {message}");
            assert!(!message.contains('\n'));
        }
    }

    #[test]
    fn length_and_depth_are_limited() {
        assert!(message(&"x+".repeat(2500)).starts_with("the expression has 5000 characters"));
        for text in ["(".repeat(3999), "-".repeat(3999), "2^".repeat(1999), "abs(".repeat(999)] {
            assert!(message(&text).contains("more than 100 levels"), "{}", message(&text));
        }
        // Sums are deep trees, too, but their depth is that of the text.
        let sum = format!("x{}", "+x".repeat(1999));
        assert_eq!(parse(&sum).expect("fits").to_string().len(), 1 + 4 * 1999);
    }

    /// Trees of every kind of node.
    fn tree() -> impl Strategy<Value = Syntax> {
        let leaf = prop_oneof![
            Just(Syntax::Variable),
            (0usize..CONSTANTS.len()).prop_map(|k| Syntax::Constant(&CONSTANTS[k])),
            (0.0..1e3f64).prop_map(Syntax::Number),
            any::<u64>()
                .prop_map(|bits| f64::from_bits(bits).abs())
                .prop_filter_map("finite", |value| { value.is_finite().then_some(Syntax::Number(value)) }),
        ];
        leaf.prop_recursive(6, 40, 3, |inner| {
            let operators = [Operator::Add, Operator::Subtract, Operator::Multiply, Operator::Divide, Operator::Power];
            prop_oneof![
                inner.clone().prop_map(|operand| Syntax::Negate(Box::new(operand))),
                (proptest::sample::select(operators.to_vec()), inner.clone(), inner.clone())
                    .prop_map(|(operator, a, b)| Syntax::Binary(operator, Box::new(a), Box::new(b))),
                (0..FUNCTIONS.len(), proptest::collection::vec(inner, 3)).prop_map(|(k, mut arguments)| {
                    arguments.truncate(FUNCTIONS[k].arguments);
                    Syntax::Call(&FUNCTIONS[k], arguments)
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_read_or_refused(text in ".{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn arbitrary_words_are_read_or_refused(text in "([-+*/^(), x1.e]|tanh|max|pi){0,40}") {
            if let Ok(tree) = parse(&text) {
                prop_assert_eq!(parse(&tree.to_string()), Ok(tree));
            }
        }

        #[test]
        fn what_is_written_is_read_back(tree in tree()) {
            prop_assert_eq!(parse(&tree.to_string()), Ok(tree));
        }
    }
}
