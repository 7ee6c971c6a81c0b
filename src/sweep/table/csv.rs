//! Comma-separated values: a header, quotes where RFC 4180 wants them, nothing for nothing.

use std::io::Write;

use super::columns::{Cell, columns, lines};
use crate::sweep::SweepResults;

pub(super) fn write(results: &SweepResults, out: impl Write) -> std::io::Result<()> {
    let mut writer = ::csv::Writer::from_writer(out);
    let columns = columns(results);
    writer.write_record(columns.iter().map(|column| &column.name))?;
    let (mut cells, mut number) = (Vec::new(), String::new());
    for line in lines(results) {
        line.fill(results, &columns, &mut cells);
        for cell in &cells {
            match cell {
                Cell::Text(text) => writer.write_field(text.as_bytes())?,
                other => {
                    number.clear();
                    plain(other, &mut number);
                    writer.write_field(&number)?;
                }
            }
        }
        // Ends the line.
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

/// The shortest digits that read back as the same number.
fn plain(cell: &Cell<'_>, text: &mut String) {
    use std::fmt::Write as _;
    // Writing to a text does not fail.
    let _ = match cell {
        Cell::Null | Cell::Text(_) => Ok(()),
        Cell::Natural(number) => write!(text, "{number}"),
        Cell::Integer(number) => write!(text, "{number}"),
        Cell::Float(number) => write!(text, "{number:?}"),
        Cell::Flag(flag) => write!(text, "{flag}"),
    };
}
