//! Tidy tables of a sweep: one line is one number, with everything that it takes to know which.
//!
//! The columns ([`columns`]) are the same in every format and documented in `docs/sweep_schema.md`. Writers take any `Write` and hold one
//! line (Parquet: one row group) at a time; [`save`] writes a file that is there whole or not at all.

mod columns;
mod csv;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;

use std::io::{BufWriter, Write};
use std::path::Path;

pub use columns::{Cell, Column, Kind, columns};

use super::SweepResults;

/// The format of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header, RFC 4180.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet with typed columns.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// Every format that is compiled in.
    pub const ALL: &'static [Self] = &[
        Self::Csv,
        Self::Jsonl,
        #[cfg(feature = "parquet")]
        Self::Parquet,
    ];

    /// The usual ending of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        }
    }
}

/// A table that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The place it goes to failed.
    #[error("the table could not be written: {0}")]
    Write(#[from] std::io::Error),
    /// Parquet refused.
    #[cfg(feature = "parquet")]
    #[error("the table could not be written as Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
}

/// Writes the table.
///
/// # Errors
///
/// [`TableError`] if writing fails.
///
/// # Example
///
/// ```
/// use gradspectra::sweep::{SweepResults, table};
///
/// let results = SweepResults { name: "empty".into(), question: None, axes: vec![], repeats: 1, planned: 0, points: vec![] };
/// let mut text = Vec::new();
/// table::write(&results, table::Format::Csv, &mut text)?;
/// assert!(text.starts_with(b"sweep,point,key,repeat,seed,side,quantity,"));
/// # Ok::<(), table::TableError>(())
/// ```
pub fn write(results: &SweepResults, format: Format, out: impl Write + Send) -> Result<(), TableError> {
    match format {
        Format::Csv => csv::write(results, out)?,
        Format::Jsonl => jsonl::write(results, out)?,
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::write(results, out)?,
    }
    Ok(())
}

/// Writes the table under a temporary name beside `file`, and renames it when it is complete and on the disk.
///
/// # Errors
///
/// [`TableError`] if writing fails; `file` is then what it was.
pub fn save(results: &SweepResults, format: Format, file: &Path) -> Result<(), TableError> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(crate::tensor_file::TEMPORARY);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private; a table is as readable as any other file.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut temporary = builder.tempfile_in(directory)?;
    let mut buffered = BufWriter::new(temporary.as_file_mut());
    write(results, format, &mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    temporary.as_file().sync_all()?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, AxisScale, AxisValue, Outcome, PointKey, PointResult, Row, Side, Statistic};
    use super::*;

    pub(super) fn sample() -> SweepResults {
        let axis = |key: &str, values: Vec<AxisValue>, scale| Axis { key: key.into(), values, scale, linked: None };
        let text = |text: &str| AxisValue::Text(text.into());
        let row = Row {
            side: Side::Measured,
            quantity: "gradient_norms".into(),
            statistic: Statistic::Log10Rms,
            layer: Some(1),
            value: Some(0.1 + 0.2),
            standard_error: Some(1e-300),
            stated_error: None,
            trials: Some(10),
            zeros: Some(0),
            non_finite: None,
        };
        let point = |index: usize, coordinates, outcome| PointResult {
            key: PointKey(index as u128),
            index,
            repeat: 0,
            seed: u64::MAX,
            coordinates,
            outcome,
        };
        SweepResults {
            name: "a, \"b\"\nc".into(),
            question: None,
            axes: vec![
                axis("network.width", vec![AxisValue::Integer(8), AxisValue::Integer(16)], AxisScale::Log),
                axis("seed", vec![text("x,y"), text("\u{3c3}")], AxisScale::Category),
            ],
            repeats: 1,
            planned: 3,
            points: vec![
                point(0, vec![AxisValue::Integer(8), text("x,y")], Outcome::Rows(vec![row.clone(), row])),
                point(1, vec![AxisValue::Integer(16), text("\u{3c3}")], Outcome::Error("no \"memory\"".into())),
                point(2, vec![AxisValue::Integer(16), text("x,y")], Outcome::Rows(vec![])),
            ],
        }
    }

    fn text(format: Format) -> String {
        let mut out = Vec::new();
        write(&sample(), format, &mut out).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn csv_quotes_what_it_must_and_keeps_every_digit() {
        let text = text(Format::Csv);
        assert!(text.starts_with("sweep,point,key,repeat,seed,network.width,axis.seed,side,quantity,"), "{text}");
        let first = "\"a, \"\"b\"\"\nc\",0,00000000000000000000000000000000,0,18446744073709551615,8,\"x,y\",measured,gradient_norms,log10_rms,\
                     1,0.30000000000000004,log10,1e-300,,10,0,,\n";
        assert!(text.contains(first), "{text}");
        assert!(text.contains(",16,\u{3c3},,,,,,,,,,,,\"no \"\"memory\"\"\"\n"), "{text}");
        // The point without rows is not lost.
        assert!(text.ends_with(",16,\"x,y\",,,,,,,,,,,,\n"), "{text}");
    }

    #[test]
    fn json_lines_have_every_column_in_order() {
        let text = text(Format::Jsonl);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0]["value"].as_f64(), Some(0.1 + 0.2));
        assert_eq!(lines[0]["seed"].as_u64(), Some(u64::MAX));
        assert_eq!(lines[2]["error"], "no \"memory\"");
        assert!(lines[2]["value"].is_null() && lines[3]["error"].is_null());
        for line in &lines {
            assert_eq!(line.as_object().expect("an object").len(), columns(&sample()).len());
        }
    }

    #[test]
    fn a_file_is_whole_or_what_it_was() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for format in Format::ALL {
            let file = directory.path().join("table").with_extension(format.extension());
            save(&sample(), *format, &file).expect("writable");
            assert!(file.metadata().expect("written").len() > 100);
            save(&sample(), *format, &directory.path().join("missing/table")).expect_err("no such directory");
        }
        let left = std::fs::read_dir(directory.path()).expect("readable").count();
        assert_eq!(left, Format::ALL.len(), "temporary files are left behind");
    }
}
