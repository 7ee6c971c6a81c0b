//! The words of an expression.

use super::error::ExpressionError;
use super::syntax::Operator;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Name(String),
    Operator(Operator),
    Open,
    Close,
    Comma,
    End,
}

/// A word and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    /// As written.
    pub(super) text: String,
    pub(super) column: usize,
}

/// Splits the text; the last word is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, ExpressionError> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let (start, column) = (at, at + 1);
        let c = characters[at];
        at += 1;
        let next_is = |at: usize, wanted: char| characters.get(at) == Some(&wanted);
        let token = match c {
            c if c.is_whitespace() => continue,
            '+' => Token::Operator(Operator::Add),
            // The typographic minus and dots come with formulas copied from papers.
            '-' | '−' => Token::Operator(Operator::Subtract),
            '*' if next_is(at, '*') => {
                at += 1;
                Token::Operator(Operator::Power)
            }
            '*' | '·' | '×' => Token::Operator(Operator::Multiply),
            '/' => Token::Operator(Operator::Divide),
            '^' => Token::Operator(Operator::Power),
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            c if c.is_ascii_digit() || c == '.' => {
                at = end_of_number(&characters, start);
                let given: String = characters[start..at].iter().collect();
                match given.parse::<f64>() {
                    Ok(value) if value.is_finite() => Token::Number(value),
                    Ok(_) => return Err(ExpressionError::NumberOutOfRange { column, given }),
                    Err(_) => return Err(ExpressionError::MalformedNumber { column, given }),
                }
            }
            c if c.is_alphabetic() || c == '_' => {
                while characters.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                    at += 1;
                }
                Token::Name(characters[start..at].iter().collect())
            }
            found => return Err(ExpressionError::UnexpectedCharacter { column, found }),
        };
        found.push(Placed { token, text: characters[start..at].iter().collect(), column });
    }
    found.push(Placed { token: Token::End, text: String::new(), column: characters.len() + 1 });
    Ok(found)
}

/// Digits, points, and an exponent where digits follow its `e`: in `2exp(x)` the number ends before the `e`.
fn end_of_number(characters: &[char], start: usize) -> usize {
    let is_digit = |at: usize| characters.get(at).is_some_and(char::is_ascii_digit);
    let mut at = start;
    while is_digit(at) || characters.get(at) == Some(&'.') {
        at += 1;
    }
    if matches!(characters.get(at), Some('e' | 'E')) {
        let signed = usize::from(matches!(characters.get(at + 1), Some('+' | '-')));
        if is_digit(at + 1 + signed) {
            at += 1 + signed;
            while is_digit(at) {
                at += 1;
            }
        }
    }
    at
}
