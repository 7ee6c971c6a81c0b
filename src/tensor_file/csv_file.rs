//! Tables of numbers as text: CSV and its relatives.
//!
//! A reader of its own, because what it is for are the messages: the line of every value, exactly, with CR LF, blank lines and line breaks
//! inside quotes.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// A table of finite numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvTable {
    /// Names of the columns, where the file has a header line.
    pub header: Option<Vec<String>>,
    /// Number of columns.
    pub columns: usize,
    /// Entries, row by row.
    pub values: Vec<f64>,
    /// The line of the file on which each row begins, from 1.
    pub lines: Vec<usize>,
}

/// Why a file is no table of numbers. Every message starts with the file.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The file cannot be opened or read.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No line, or none below the header.
    #[error("{}: {problem}", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
        /// Which of the two.
        problem: &'static str,
    },
    /// Something on one line.
    #[error("{}: line {line}: {problem}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

impl CsvTable {
    /// The column in words: its name, else its number from 1.
    pub fn column_words(&self, column: usize) -> String {
        column_words(self.header.as_deref(), column)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }
}

fn column_words(header: Option<&[String]>, column: usize) -> String {
    match header.and_then(|names| names.get(column)).filter(|name| !name.is_empty()) {
        Some(name) => format!("column `{}`", clipped(name)),
        None => format!("column {}", column + 1),
    }
}

/// A table of numbers from a text file.
///
/// Fields are separated by tabs, semicolons or commas: the first of these that occurs in the first record. They may stand in double quotes (`""` for
/// one inside); blanks around them, blank lines, CR LF and a byte order mark do not count. The first line is a header if not all of its
/// fields are numbers.
///
/// # Errors
///
/// [`CsvError`] with line and column: a row of another length, a field that is no number, NaN or an infinity, a quote that is not closed, bytes that are not UTF-8,
/// a file without rows.
pub fn read_csv(file: &Path) -> Result<CsvTable, CsvError> {
    let io = |source| CsvError::Io { file: file.to_owned(), source };
    // A device or a pipe has no end, or blocks until somebody writes to it.
    if !std::fs::metadata(file).map_err(io)?.is_file() {
        return Err(io(std::io::Error::other("not a regular file")));
    }
    let bytes = std::fs::read(file).map_err(io)?;
    let at = |line, problem: String| CsvError::Line { file: file.to_owned(), line, problem };
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        at(line, "not UTF-8 text: save the table as CSV in UTF-8".to_owned())
    })?;
    parse(text.strip_prefix('\u{feff}').unwrap_or(text)).map_err(|problem| match problem {
        Problem::Empty(problem) => CsvError::Empty { file: file.to_owned(), problem },
        Problem::Line(line, problem) => at(line, problem),
    })
}

enum Problem {
    Empty(&'static str),
    Line(usize, String),
}

fn parse(text: &str) -> Result<CsvTable, Problem> {
    let mut records = Records { text, at: 0, line: 1, separator: separator(text) };
    let Some((line, first)) = records.next()? else {
        return Err(Problem::Empty("the file is empty; a table has one sample a line"));
    };
    let columns = first.len();
    let mut table = CsvTable { header: None, columns, values: Vec::new(), lines: Vec::new() };
    if first.iter().all(|field| field.parse::<f64>().is_ok()) {
        push(&mut table, line, &first)?;
    } else {
        table.header = Some(first.into_iter().map(Cow::into_owned).collect());
    }
    while let Some((line, fields)) = records.next()? {
        push(&mut table, line, &fields)?;
    }
    if table.lines.is_empty() {
        return Err(Problem::Empty(
            "a header without any line of numbers below it (or a first line that is not all numbers)",
        ));
    }
    Ok(table)
}

fn push(table: &mut CsvTable, line: usize, fields: &[Cow<'_, str>]) -> Result<(), Problem> {
    let wrong = |problem: String| Problem::Line(line, problem);
    if fields.len() != table.columns {
        let of = if table.header.is_some() { "header" } else { "first row" };
        let count = |n: usize| if n == 1 { "1 field".to_owned() } else { format!("{n} fields") };
        return Err(wrong(format!("{}, but the {of} has {}", count(fields.len()), table.columns)));
    }
    for (column, field) in fields.iter().enumerate() {
        let place = || column_words(table.header.as_deref(), column);
        let value: f64 = match field.parse() {
            Ok(value) => value,
            Err(_) if field.is_empty() => {
                return Err(wrong(format!("{} is empty: give every sample all its numbers", place())));
            }
            Err(_) => return Err(wrong(format!("{} holds \"{}\", which is no number", place(), clipped(field)))),
        };
        if !value.is_finite() {
            return Err(wrong(format!("{} holds {}: every value must be finite", place(), clipped(field))));
        }
        table.values.push(value);
    }
    table.lines.push(line);
    Ok(())
}

/// The first of tab, semicolon and comma that the first record has outside quotes.
fn separator(text: &str) -> u8 {
    let mut inside = false;
    let mut seen = [false; 3];
    for byte in text.trim_start_matches([' ', '\r', '\n']).bytes() {
        match byte {
            b'"' => inside = !inside,
            _ if inside => {}
            b'\n' | b'\r' => break,
            b'\t' => seen[0] = true,
            b';' => seen[1] = true,
            b',' => seen[2] = true,
            _ => {}
        }
    }
    match seen {
        [true, ..] => b'\t',
        [_, true, _] => b';',
        _ => b',',
    }
}

/// The line on which a record begins, and its fields.
type Record<'a> = (usize, Vec<Cow<'a, str>>);

/// Splits a text into records, with the line on which each begins.
struct Records<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    separator: u8,
}

impl<'a> Records<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Moves over the end of a line: LF, CR LF, or CR alone.
    fn end_line(&mut self) {
        let carriage = self.peek() == Some(b'\r');
        self.at += 1;
        if carriage && self.peek() == Some(b'\n') {
            self.at += 1;
        }
        self.line += 1;
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) && self.peek() != Some(self.separator) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Result<Option<Record<'a>>, Problem> {
        loop {
            self.skip_blanks();
            match self.peek() {
                None => return Ok(None),
                Some(b'\n' | b'\r') => self.end_line(),
                Some(_) => break,
            }
        }
        let line = self.line;
        let mut fields = Vec::new();
        loop {
            self.skip_blanks();
            fields.push(if self.peek() == Some(b'"') { self.quoted()? } else { self.plain() });
            match self.peek() {
                Some(byte) if byte == self.separator => self.at += 1,
                Some(_) => {
                    self.end_line();
                    break;
                }
                None => break,
            }
        }
        Ok(Some((line, fields)))
    }

    /// Up to the separator or the end of the line.
    fn plain(&mut self) -> Cow<'a, str> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte != self.separator && byte != b'\n' && byte != b'\r') {
            self.at += 1;
        }
        // Separators and line ends are ASCII: never inside a character.
        Cow::Borrowed(self.text[start..self.at].trim_end())
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, Problem> {
        let line = self.line;
        self.at += 1;
        let mut field = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = rest.find('"') else {
                return Err(Problem::Line(line, "a quote is opened and never closed".to_owned()));
            };
            field.push_str(&rest[..end]);
            self.line += rest[..end].matches('\n').count();
            self.at += end + 1;
            if self.peek() != Some(b'"') {
                break;
            }
            field.push('"');
            self.at += 1;
        }
        self.skip_blanks();
        match self.peek() {
            None | Some(b'\n' | b'\r') => {}
            Some(byte) if byte == self.separator => {}
            Some(_) => {
                return Err(Problem::Line(
                    line,
                    format!("something follows the closing quote of \"{}\"", clipped(&field)),
                ));
            }
        }
        Ok(Cow::Owned(field.trim().to_owned()))
    }
}

/// As much of a text as a message can show, on one line.
fn clipped(text: &str) -> String {
    let start: String = text.chars().take(40).collect::<String>().escape_debug().to_string();
    if text.chars().nth(40).is_some() { start + "..." } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Result<CsvTable, CsvError> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("writable");
        read_csv(file.path())
    }

    #[test]
    fn one_table_in_many_spellings() {
        let expected = CsvTable { header: None, columns: 2, values: vec![1.0, -2.5, 3e4, 0.25], lines: vec![1, 2] };
        for text in [
            "1,-2.5\n3e4,0.25\n",
            "1;-2.5\r\n3e4;.25",
            "1\t-2.5\n+3e4\t0.25\n",
            "\u{feff}\"1\" , -2.5 \r30000,\"0.25\"",
        ] {
            assert_eq!(read(text.as_bytes()).expect(text), expected, "{text:?}");
        }
        let named = read(b"\r\n\"a \"\"b\"\"\r\nc\";label\r\n\r\n1;2\r\n \r\n3;4\r\n").expect("valid");
        assert_eq!(named.header, Some(vec!["a \"b\"\r\nc".to_owned(), "label".to_owned()]));
        assert_eq!((named.values, named.lines), (vec![1.0, 2.0, 3.0, 4.0], vec![5, 7]));
        // Commas inside quotes do not make the separator.
        let quoted = read(b"\"x, y\";z\n1;2\n").expect("valid");
        assert_eq!((quoted.columns, quoted.column_words(0).as_str()), (2, "column `x, y`"));
        assert_eq!(read(b"7\n8\n").expect("one column").column_words(0), "column 1");
    }

    #[test]
    fn broken_tables_say_where() {
        let cases: [(&[u8], &str); 12] = [
            (b"", "the file is empty"),
            (b"\n \n", "the file is empty"),
            (b"a,b\n", "a header without any line of numbers"),
            (b"a,b\n1,2\n3\n", "line 3: 1 field, but the header has 2"),
            (b"1,2\n\n3,4,5\n", "line 3: 3 fields, but the first row has 2"),
            (b"a,label\n1,2\n3,cat\n", "line 3: column `label` holds \"cat\", which is no number"),
            (b"1;2\n1;2,5\n", "line 2: column 2 holds \"2,5\", which is no number"),
            (b"a,b\n1,NaN\n", "line 2: column `b` holds NaN: every value must be finite"),
            (b"1,2\n-inf,3\n", "line 2: column 1 holds -inf"),
            (b"1,2\n3,\n", "line 2: column 2 is empty"),
            (b"1,2\n\"3,4\n", "line 2: a quote is opened and never closed"),
            (b"1,2\n3,\xff\n", "line 2: not UTF-8 text"),
        ];
        for (text, expected) in cases {
            let error = read(text).expect_err(expected).to_string();
            assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
        }
        let trailing = read(b"1,2\n\"3\"x,4\n").expect_err("text after a quote").to_string();
        assert!(trailing.contains("line 2: something follows the closing quote of \"3\""), "{trailing}");
    }

    proptest! {
        /// No bytes make the reader panic; what it accepts is rectangular and finite, with two bytes of the file for every number.
        #[test]
        fn any_bytes_are_read_or_refused(text in prop::collection::vec(prop::sample::select(b"01-.e,;\t\"\n\r a\xc3".to_vec()), 0..60)) {
            if let Ok(table) = read(&text) {
                prop_assert_eq!(table.values.len(), table.columns * table.rows());
                prop_assert!(table.values.iter().all(|value| value.is_finite()));
                prop_assert!(2 * table.values.len() <= text.len() + 1);
            }
        }

        /// What is written is read.
        #[test]
        fn numbers_survive(rows in prop::collection::vec((any::<i32>(), -1e300..1e300f64), 1..20), separator in prop::sample::select(vec![',', ';', '\t'])) {
            let text: String = rows.iter().map(|(a, b)| format!("{a}{separator}{b:e}\r\n")).collect();
            let table = read(text.as_bytes()).expect("valid");
            let expected: Vec<f64> = rows.iter().flat_map(|&(a, b)| [f64::from(a), b]).collect();
            prop_assert_eq!(table.values, expected);
        }
    }
}
