//! Names with arguments in parentheses: `student_t(5)`.

/// A name and its arguments, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    /// What stands before the parenthesis.
    pub name: &'a str,
    /// What stands between the commas; empty without parentheses, and for `name()`.
    pub arguments: Vec<&'a str>,
}

/// Text that is not a name with arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// `name(1`.
    #[error("`{given}` has no closing parenthesis: write `{name}(...)`")]
    Unclosed {
        /// The text.
        given: String,
        /// The name in it.
        name: String,
    },
    /// `name(1)x`, `name((1))` or `name 1)`.
    #[error("`{given}` has a parenthesis too many: write a name and then its arguments, as in `name(1, 2)`")]
    Unbalanced {
        /// The text.
        given: String,
    },
    /// `name(1,,2)`.
    #[error("`{given}` has an empty argument: remove the comma or write a value")]
    EmptyArgument {
        /// The text.
        given: String,
    },
}

impl<'a> Call<'a> {
    /// Splits `name` or `name(a, b)`. Blanks around the parts do not count.
    ///
    /// # Errors
    ///
    /// [`CallError`] if the parentheses or commas do not fit.
    pub fn parse(given: &'a str) -> Result<Self, CallError> {
        let text = given.trim();
        let unbalanced = || CallError::Unbalanced { given: given.to_owned() };
        let Some((name, rest)) = text.split_once('(') else {
            return if text.contains(')') { Err(unbalanced()) } else { Ok(Self { name: text, arguments: Vec::new() }) };
        };
        let name = name.trim();
        let Some((inside, after)) = rest.split_once(')') else {
            return Err(CallError::Unclosed { given: given.to_owned(), name: name.to_owned() });
        };
        if !after.is_empty() || inside.contains('(') {
            return Err(unbalanced());
        }
        if inside.trim().is_empty() {
            return Ok(Self { name, arguments: Vec::new() });
        }
        let arguments: Vec<&str> = inside.split(',').map(str::trim).collect();
        if arguments.iter().any(|argument| argument.is_empty()) {
            return Err(CallError::EmptyArgument { given: given.to_owned() });
        }
        Ok(Self { name, arguments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arguments_are_told_apart() {
        let parts = |text| Call::parse(text).map(|call| (call.name, call.arguments));
        assert_eq!(parts("gaussian"), Ok(("gaussian", vec![])));
        assert_eq!(parts(" student_t ( 5 ) "), Ok(("student_t", vec!["5"])));
        assert_eq!(parts("f(a,fan_out)"), Ok(("f", vec!["a", "fan_out"])));
        assert_eq!(parts("f()"), Ok(("f", vec![])));
        assert_eq!(parts(""), Ok(("", vec![])));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |text| Call::parse(text).expect_err("not a call").to_string();
        assert_eq!(message("student_t(5"), "`student_t(5` has no closing parenthesis: write `student_t(...)`");
        for text in ["f(1))", "f(1)x", "f((1))", "f 1)"] {
            assert!(message(text).contains("a parenthesis too many"), "{text}");
        }
        assert!(message("f(1,)").contains("an empty argument"));
    }
}
