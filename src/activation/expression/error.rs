//! What is wrong with an expression.

/// An expression that is not an activation. Columns count characters of the expression from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExpressionError {
    /// No text.
    #[error("the expression is empty: write phi(x), as in `x*tanh(log(1+exp(x)))`")]
    Empty,
    /// Text beyond the limit.
    #[error("the expression has {length} characters, and at most {limit} are read: name its parts as a shorter one")]
    TooLong {
        /// Characters given.
        length: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// A character that means nothing here.
    #[error("column {column}: `{found}` has no meaning in an expression")]
    UnexpectedCharacter {
        /// Where.
        column: usize,
        /// The character.
        found: char,
    },
    /// `1.2.3`, `1e`.
    #[error("column {column}: `{given}` is not a number")]
    MalformedNumber {
        /// Where.
        column: usize,
        /// As written.
        given: String,
    },
    /// `1e999`.
    #[error("column {column}: `{given}` is beyond the largest double, 1.8e308")]
    NumberOutOfRange {
        /// Where.
        column: usize,
        /// As written.
        given: String,
    },
    /// A name before a parenthesis that is no function.
    #[error("column {column}: unknown function `{given}`: {suggestion}")]
    UnknownFunction {
        /// Where.
        column: usize,
        /// As written.
        given: String,
        /// What may have been meant.
        suggestion: String,
    },
    /// A name that is neither the variable nor a constant.
    #[error("column {column}: unknown variable `{given}`: {suggestion}")]
    UnknownVariable {
        /// Where.
        column: usize,
        /// As written.
        given: String,
        /// What may have been meant.
        suggestion: String,
    },
    /// `tanh x`.
    #[error("column {column}: `{name}` is a function: write `{name}(...)`")]
    FunctionWithoutArguments {
        /// Where.
        column: usize,
        /// The function.
        name: &'static str,
    },
    /// `tanh(x, 1)`.
    #[error("column {column}: `{name}` takes {expected} argument{}, not {given}", if *expected == 1 { "" } else { "s" })]
    WrongArgumentCount {
        /// Where.
        column: usize,
        /// The function.
        name: &'static str,
        /// Arguments it takes.
        expected: usize,
        /// Arguments it was given.
        given: usize,
    },
    /// Something is missing before the column.
    #[error("column {column}: expected {expected}, found {found}")]
    Expected {
        /// Where.
        column: usize,
        /// What could stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A parenthesis without its partner.
    #[error("column {column}: this `(` is never closed: add a `)`")]
    Unclosed {
        /// Where it opens.
        column: usize,
    },
    /// Parentheses within parentheses beyond the limit.
    #[error("column {column}: more than {limit} levels of parentheses, powers and signs: write it flatter")]
    TooDeep {
        /// Where the limit is passed.
        column: usize,
        /// Levels allowed.
        limit: usize,
    },
    /// A constant part such as `log(-1)`.
    #[error("`{part}` is {value}: it must be a finite number")]
    ConstantNotFinite {
        /// The part.
        part: String,
        /// Its value.
        value: f64,
    },
    /// A network of constant units passes no gradient at all: there is nothing to predict.
    #[error("phi(x) = {value} does not depend on x: its derivative is 0 everywhere, and no gradient passes")]
    Constant {
        /// The value.
        value: f64,
    },
    /// Outside the domain of a function.
    #[error("phi(x) is not a number at x = {x}: an activation needs a value for every x")]
    NotANumber {
        /// Such a place, a short number if there is one.
        x: f64,
    },
    /// A pole.
    #[error("phi(x) is infinite at x = {x}: an activation needs a value for every x")]
    Infinite {
        /// The place, to rounding.
        x: f64,
    },
    /// Backprop sees the slopes beside a jump, never the jump.
    #[error("phi(x) jumps at x = {x}, from {left} to {right}: backprop has no derivative there; make it continuous")]
    Jump {
        /// The place, to rounding.
        x: f64,
        /// phi just below.
        left: f64,
        /// phi just above.
        right: f64,
    },
}
