//! A TOML table that is read key by key, with the place of everything at hand for messages.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::SpecError;
use super::error::Place;
use crate::names;

/// The square of a scale is a normal number of double precision.
pub(super) const SMALLEST_SCALE: f64 = 1e-100;
/// And finite.
pub(super) const LARGEST_SCALE: f64 = 1e100;

/// The text that spans refer to.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub file: &'a Path,
    pub text: &'a str,
}

impl Source<'_> {
    pub fn place(self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        Place { file: self.file.to_owned(), line: before.matches('\n').count() + 1 }
    }
}

/// One table.
pub(crate) struct Table<'a> {
    source: Source<'a>,
    name: String,
    offset: usize,
    table: &'a DeTable<'a>,
}

/// One value with its key, for messages.
pub(crate) struct Value<'a> {
    source: Source<'a>,
    key: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Table<'a> {
    /// `name` as it appears in messages: `the file`, `[network]`, `network.weights`.
    pub fn new(source: Source<'a>, name: &str, offset: usize, table: &'a DeTable<'a>) -> Self {
        Self { source, name: name.to_owned(), offset, table }
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &'static str) -> Option<Value<'a>> {
        let prefix = self.name.trim_start_matches('[').trim_end_matches(']');
        let full = if prefix.contains(' ') { key.to_owned() } else { format!("{prefix}.{key}") };
        self.table.get(key).map(|value| Value { source: self.source, key: full, value })
    }

    /// The value of a key that must be there.
    pub fn require(&self, key: &'static str, hint: &'static str) -> Result<Value<'a>, SpecError> {
        self.get(key).ok_or_else(|| SpecError::MissingKey { place: self.place(), table: self.name.clone(), key, hint })
    }

    /// Every key with its value, in the order of the text.
    pub fn entries(&self) -> Vec<(&'a str, Value<'a>)> {
        let prefix = self.name.trim_start_matches('[').trim_end_matches(']');
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let value = |(key, value): (&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)| {
            let key: &str = key.get_ref();
            (key, Value { source: self.source, key: format!("{prefix}.{key}"), value })
        };
        entries.into_iter().map(value).collect()
    }

    /// Where the table begins.
    pub fn place(&self) -> Place {
        self.source.place(self.offset)
    }

    /// Refuses every key that is not among `known`: called first, so that a mistyped key is named as such and not as the
    /// absence of the key that was meant.
    pub fn only(&self, known: &[&str]) -> Result<(), SpecError> {
        match self.table.iter().find(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            None => Ok(()),
            Some((key, _)) => Err(SpecError::UnknownKey {
                place: self.source.place(key.span().start),
                key: key.get_ref().to_string(),
                table: self.name.clone(),
                suggestion: names::suggestion(key.get_ref(), known.iter().copied()),
            }),
        }
    }
}

impl<'a> Value<'a> {
    /// An error about this value: `message` continues the sentence that begins with the key.
    pub fn wrong(&self, message: impl Into<String>) -> SpecError {
        SpecError::Value { place: self.place(), key: self.key.clone(), message: message.into() }
    }

    pub fn place(&self) -> Place {
        self.source.place(self.value.span().start)
    }

    /// The value as TOML has it.
    pub fn raw(&self) -> &'a Spanned<DeValue<'a>> {
        self.value
    }

    fn mistyped(&self, expected: &str) -> SpecError {
        self.wrong(format!("must be {expected}, not a value of type {}", self.value.get_ref().type_str()))
    }

    pub fn string(&self) -> Result<&'a str, SpecError> {
        self.value.get_ref().as_str().ok_or_else(|| self.mistyped("a string in quotes"))
    }

    pub fn table(&self) -> Result<Table<'a>, SpecError> {
        let name = if self.key.contains('.') { self.key.clone() } else { format!("[{}]", self.key) };
        let table = self.value.get_ref().as_table().ok_or_else(|| self.mistyped("a table"))?;
        Ok(Table::new(self.source, &name, self.value.span().start, table))
    }

    pub fn array(&self) -> Result<Vec<Value<'a>>, SpecError> {
        let array = self.value.get_ref().as_array().ok_or_else(|| self.mistyped("a list in brackets"))?;
        let element = |value: &'a Spanned<DeValue<'a>>| Value { source: self.source, key: self.key.clone(), value };
        Ok(array.iter().map(element).collect())
    }

    /// An integer within `low..=high`.
    pub fn integer(&self, low: u64, high: u64) -> Result<u64, SpecError> {
        let integer = self.value.get_ref().as_integer().ok_or_else(|| self.mistyped("an integer"))?;
        let digits: String = integer.as_str().chars().filter(|c| *c != '_').collect();
        i128::from_str_radix(&digits, integer.radix())
            .ok()
            .and_then(|value| u64::try_from(value).ok())
            .filter(|value| (low..=high).contains(value))
            .ok_or_else(|| self.wrong(format!("is {}; it must be from {low} to {high}", integer.as_str())))
    }

    /// A finite number; integers count.
    pub fn number(&self) -> Result<f64, SpecError> {
        let text = match self.value.get_ref() {
            DeValue::Float(float) => float.as_str(),
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            _ => return Err(self.mistyped("a number")),
        };
        let parsed: Option<f64> = text.chars().filter(|c| *c != '_').collect::<String>().parse().ok();
        parsed.filter(|value| value.is_finite()).ok_or_else(|| self.wrong(format!("is {text}; it must be finite")))
    }

    /// A number within `low..=high`.
    pub fn within(&self, low: f64, high: f64) -> Result<f64, SpecError> {
        let value = self.number()?;
        if (low..=high).contains(&value) {
            Ok(value)
        } else {
            let plain =
                |x: f64| if x == 0.0 || (1e-3..1e4).contains(&x.abs()) { format!("{x}") } else { format!("{x:e}") };
            Err(self.wrong(format!("is {value}; it must be from {} to {}", plain(low), plain(high))))
        }
    }

    pub fn boolean(&self) -> Result<bool, SpecError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.mistyped("true or false"))
    }

    /// A number > 0, small enough that its square is finite.
    pub fn positive(&self) -> Result<f64, SpecError> {
        let value = self.number()?;
        if (SMALLEST_SCALE..=LARGEST_SCALE).contains(&value) {
            Ok(value)
        } else {
            Err(self.wrong(format!("is {value}; it must be from {SMALLEST_SCALE:e} to {LARGEST_SCALE:e}")))
        }
    }

    /// A number >= 0, small enough that its square is finite.
    pub fn non_negative(&self) -> Result<f64, SpecError> {
        if self.number()? == 0.0 { Ok(0.0) } else { self.positive() }
    }
}
