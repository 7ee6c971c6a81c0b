//! A sweep file: a specification with a `[sweep]` table.

use std::path::{Path, PathBuf};

use super::axis::Values;
use super::{BUILTIN_SWEEPS, Grid, GridError};
use crate::names;
use crate::spec::text_of;
use toml::de::DeValue;

impl Grid {
    /// A built-in sweep by name, or a TOML file.
    ///
    /// # Errors
    ///
    /// [`GridError`], with file, line and axis.
    pub fn load(name_or_path: &str) -> Result<Self, GridError> {
        if let Some(builtin) = BUILTIN_SWEEPS.iter().find(|builtin| builtin.name == name_or_path) {
            return Self::parse(builtin.text.to_owned(), Path::new(builtin.name));
        }
        let path = PathBuf::from(name_or_path);
        let looks_like_a_file = path.extension().is_some() || path.components().count() > 1 || path.exists();
        if !looks_like_a_file {
            let known = BUILTIN_SWEEPS.iter().map(|builtin| builtin.name);
            let suggestion = names::suggestion(name_or_path, known);
            return Err(GridError::UnknownBuiltin { given: name_or_path.to_owned(), suggestion });
        }
        Self::parse(text_of(&path)?, &path)
    }

    /// The sweep as a text that means the same wherever it is read: with its name, and with absolute paths of its data.
    pub fn self_contained_text(&self) -> String {
        let mut places = Vec::new();
        let mut note = |value: &toml::Spanned<DeValue<'_>>| {
            if let DeValue::String(path) = value.get_ref() {
                places.push((value.span(), path.to_string()));
            }
        };
        let mut note_table = |value: &DeValue<'_>| {
            if let DeValue::Table(table) = value {
                PATH_KEYS.iter().filter_map(|key| table.get(*key)).for_each(&mut note);
            }
        };
        if let Some(data) = self.base.get("data") {
            note_table(data.get_ref());
        }
        for axis in &self.axes {
            let Values::Listed(values) = &axis.values else { continue };
            if axis.key == "data" {
                values.iter().for_each(|value| note_table(value.get_ref()));
            }
        }
        for axis in &self.axes {
            let Values::Listed(values) = &axis.values else { continue };
            if PATH_KEYS.iter().any(|key| axis.key.strip_prefix("data.") == Some(key)) {
                values.iter().for_each(&mut note);
            }
        }
        places.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        let mut text = self.text.to_owned();
        let beside = self.file.parent().unwrap_or(Path::new(""));
        for (span, path) in places {
            let joined = beside.join(path);
            // Without a current directory there is nothing that a relative path could be relative to.
            let absolute = std::path::absolute(&joined).unwrap_or(joined);
            text.replace_range(span, &quoted(&absolute.to_string_lossy()));
        }
        if self.base.contains_key("name") { text } else { format!("name = {}\n{text}", quoted(&self.name)) }
    }
}

/// Keys of `[data]` that hold paths.
const PATH_KEYS: [&str; 2] = ["path", "targets"];

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
