//! Activations by their spelling: a name, a name with parameters, or one of these with scales and shifts around it.

use std::sync::Arc;

use super::composed::{Composed, Scales};
use super::registry::{Domain, Entry, entry};
use super::{Activation, ActivationError, Expression};
use crate::names::Call;

/// The activation of the given spelling.
///
/// # Grammar
///
/// ```text
/// name            relu, Hard-Tanh             case, underscores and hyphens do not count
/// name(p)         leaky_relu(0.1)             parameters; without them their defaults
/// a*f(b*x+c)+d    1.7159*tanh(2/3*x)          f either of the above: 0.5*leaky_relu(0.1)(2*x - 1) + 3
/// expr: formula   expr: x*tanh(log(1+exp(x)))  any formula in x, see [`Expression::parse`]
/// ```
///
/// # Errors
///
/// [`ActivationError`], one line that says what to write.
///
/// # Example
///
/// ```
/// let sigmoid = gradspectra::activation::by_name("Sigmoid")?;
/// assert_eq!(sigmoid.derivative_bounds().sup_abs, 0.25);
/// let scaled = gradspectra::activation::by_name("2 * tanh(x/2)")?;
/// assert_eq!(scaled.name(), "2*tanh(0.5*x)");
/// # Ok::<(), gradspectra::activation::ActivationError>(())
/// ```
pub fn by_name(given: &str) -> Result<Arc<dyn Activation>, ActivationError> {
    let text = given.trim();
    if let Some((prefix, _)) = text.split_once(':')
        && prefix.trim().eq_ignore_ascii_case("expr")
    {
        return Ok(Arc::new(Expression::parse(text)?));
    }
    // What has no x and no operator is a name with parameters, even if hyphenated.
    let simple = Call::parse(text);
    if let Ok(call) = &simple
        // A leading hyphen is a sign.
        && !text.starts_with('-')
        && (entry(call.name).is_ok() || !looks_composed(text))
        && !call.arguments.iter().any(|argument| mentions_x(argument))
    {
        return registered(given, call);
    }
    if let Err(error) = simple
        && !looks_composed(text)
        && text.matches('(').count() < 2
    {
        return Err(error.into());
    }
    composition(given, text)
}

fn mentions_x(text: &str) -> bool {
    let letter = |c: char| c.is_alphabetic() || c == '_';
    text.split(|c: char| !letter(c)).any(|word| word.eq_ignore_ascii_case("x"))
}

/// Whether the text is meant as a formula: it has x as a word of its own, or an operator beside a digit or a blank.
fn looks_composed(text: &str) -> bool {
    let outside: String = text.split('(').next().unwrap_or(text).to_owned();
    let signed = text.starts_with(['+', '-']) || outside.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    mentions_x(text)
        || outside.contains(['*', '/', '+'])
        || signed
        || text.contains(")(")
        || text
            .rsplit(')')
            .next()
            .is_some_and(|after| text.contains(')') && after.trim_start().starts_with(['+', '-', '*', '/']))
}

fn registered(given: &str, call: &Call<'_>) -> Result<Arc<dyn Activation>, ActivationError> {
    let entry = entry(call.name)?;
    Ok((entry.make)(&parameters(given, entry, &call.arguments)?))
}

fn parameters(given: &str, entry: &Entry, arguments: &[&str]) -> Result<Vec<f64>, ActivationError> {
    if arguments.len() > entry.parameters.len() {
        return Err(ActivationError::count(entry, given, arguments.len()));
    }
    let mut values = entry.defaults();
    for ((value, parameter), argument) in values.iter_mut().zip(entry.parameters).zip(arguments) {
        *value = argument.parse().ok().filter(|number| parameter.domain.contains(*number)).ok_or_else(|| {
            ActivationError::Parameter {
                given: given.to_owned(),
                value: (*argument).to_owned(),
                parameter: parameter.name,
                domain: parameter.domain.describe().to_owned(),
                example: entry.example,
            }
        })?;
    }
    Ok(values)
}

fn composition(given: &str, text: &str) -> Result<Arc<dyn Activation>, ActivationError> {
    let wrong = |problem: String| ActivationError::Composition { given: given.to_owned(), problem };
    let mut inner = None;
    let outer = Affine::parse(text, &mut |word, rest| {
        let entry = entry(word)?;
        let unclosed = || wrong(format!("has no closing parenthesis behind `{word}`"));
        // Two groups: parameters and argument. Numbers alone are parameters; without an argument it is x.
        let (arguments, argument, rest) = match group(rest) {
            Some((first, after)) => match group(after) {
                Some((second, rest)) => (Some(first), second, rest),
                None if first.split(',').all(|part| part.trim().parse::<f64>().is_ok()) => (Some(first), "x", after),
                None => (None, first, after),
            },
            None if rest.trim_start().starts_with('(') => return Err(unclosed()),
            None => (None, "x", rest),
        };
        let listed = format!("{word}({})", arguments.unwrap_or_default());
        let values = parameters(given, entry, &Call::parse(&listed)?.arguments)?;
        let affine = Affine::parse(argument, &mut |word, rest| {
            if word.eq_ignore_ascii_case("x") {
                return Ok(rest.len());
            }
            Err(wrong(format!("has `{word}` where x should stand")))
        })
        .map_err(|error| error.placed(&wrong, "its argument"))?;
        if inner.replace(((entry.make)(&values), affine)).is_some() {
            return Err(wrong("has more than one activation".to_owned()));
        }
        Ok(rest.len())
    })
    .map_err(|error| error.placed(&wrong, "it"))?;
    let (activation, argument) = inner.ok_or_else(|| wrong("has no activation".to_owned()))?;
    let scales = Scales { output: outer.scale, input: argument.scale, shift: argument.offset, lift: outer.offset };
    for (value, place) in [(scales.output, "the activation"), (scales.input, "x")] {
        if !Domain::Positive.contains(value.abs()) {
            return Err(wrong(format!("multiplies {place} by {value}, which must lie between 1e-6 and 1e6 in size")));
        }
    }
    for value in [scales.shift, scales.lift] {
        if !Domain::Real.contains(value) {
            return Err(wrong(format!("adds {value}, which must lie between -1e6 and 1e6")));
        }
    }
    Ok(if scales == Scales::IDENTITY { activation } else { Arc::new(Composed::new(activation, scales)) })
}

/// What stands between the first parenthesis and its partner, and what follows; `None` if the text starts otherwise.
fn group(text: &str) -> Option<(&str, &str)> {
    let inside = text.trim_start().strip_prefix('(')?;
    let mut depth = 1;
    for (position, c) in inside.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&inside[..position], &inside[position + 1..]));
        }
    }
    None
}

/// `scale * symbol + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Affine {
    scale: f64,
    offset: f64,
}

/// Why a text is no such form.
enum AffineError {
    Symbol(ActivationError),
    Form(String),
}

impl AffineError {
    fn placed(self, wrong: &impl Fn(String) -> ActivationError, place: &str) -> ActivationError {
        match self {
            Self::Symbol(error) => error,
            Self::Form(problem) => wrong(format!("cannot be read, {place} {problem}")),
        }
    }
}

impl Affine {
    /// Sums and differences of products and quotients of numbers with the symbol in at most one factor of a term. `symbol` is called
    /// with a word and what follows it, and returns the length of what it leaves.
    fn parse(
        text: &str,
        symbol: &mut dyn FnMut(&str, &str) -> Result<usize, ActivationError>,
    ) -> Result<Self, AffineError> {
        let form = |problem: &str| AffineError::Form(problem.to_owned());
        let mut sum = Self { scale: 0.0, offset: 0.0 };
        let mut found = false;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(form("is empty"));
        }
        loop {
            // A term, behind its sign.
            let mut coefficient = 1.0;
            let mut symbolic = false;
            while let Some(sign) = rest.chars().next().filter(|c| matches!(c, '+' | '-')) {
                coefficient = if sign == '-' { -coefficient } else { coefficient };
                rest = rest[1..].trim_start();
            }
            let mut divides = false;
            loop {
                if let Some((number, length)) = number(rest) {
                    coefficient = if divides { coefficient / number } else { coefficient * number };
                    rest = rest[length..].trim_start();
                } else if let Some(word) = word(rest) {
                    if divides {
                        return Err(AffineError::Form(format!("divides by `{word}`")));
                    }
                    if symbolic || found {
                        return Err(AffineError::Form(format!("has `{word}` beside another term of its kind")));
                    }
                    let after = &rest[word.len()..];
                    let left = symbol(word, after).map_err(AffineError::Symbol)?;
                    rest = after[after.len() - left..].trim_start();
                    symbolic = true;
                } else {
                    let what = rest.chars().next().map_or("the end".to_owned(), |c| format!("`{c}`"));
                    return Err(AffineError::Form(format!("has {what} where a number or a name should stand")));
                }
                // 2x is a product too.
                let implied = !symbolic && word(rest).is_some();
                match rest.chars().next() {
                    Some(operator @ ('*' | '/')) => {
                        divides = operator == '/';
                        rest = rest[1..].trim_start();
                        while let Some(after) = rest.strip_prefix('-') {
                            coefficient = -coefficient;
                            rest = after.trim_start();
                        }
                    }
                    _ if implied => divides = false,
                    _ => break,
                }
            }
            if symbolic {
                found = true;
                sum.scale += coefficient;
            } else {
                sum.offset += coefficient;
            }
            match rest.chars().next() {
                None => break,
                Some('+' | '-') => {}
                Some(c) => return Err(AffineError::Form(format!("has `{c}` where + or - should stand"))),
            }
        }
        if !sum.offset.is_finite() || !sum.scale.is_finite() {
            return Err(form("has a number beyond the range of f64"));
        }
        Ok(sum)
    }
}

/// The number at the beginning and its length.
fn number(text: &str) -> Option<(f64, usize)> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    let exponent = |at: usize| {
        let signed = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let count = digits((at + 1 + signed).min(bytes.len()));
        (count > 0).then_some(1 + signed + count)
    };
    if end > 0 && matches!(bytes.get(end), Some(b'e' | b'E')) {
        end += exponent(end).unwrap_or(0);
    }
    text[..end].parse().ok().map(|number| (number, end))
}

/// The word at the beginning: letters, digits and underscores, and hyphens between letters.
fn word(text: &str) -> Option<&str> {
    let letter = |c: char| c.is_alphabetic() || c == '_';
    if !text.starts_with(letter) {
        return None;
    }
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    let inside = |k: usize| {
        let (_, c) = characters[k];
        c.is_alphanumeric()
            || c == '_'
            || (c == '-' && characters.get(k + 1).is_some_and(|next| letter(next.1)) && letter(characters[k - 1].1))
    };
    let end = (1..characters.len()).find(|k| !inside(*k)).map_or(text.len(), |k| characters[k].0);
    Some(&text[..end])
}
