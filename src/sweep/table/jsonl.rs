//! One JSON object a line, every column in every line.

use std::io::Write;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::columns::{Cell, Column, columns, lines};
use crate::sweep::SweepResults;

/// A line with the names of its columns.
struct Object<'a> {
    columns: &'a [Column],
    cells: &'a [Cell<'a>],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for (column, cell) in self.columns.iter().zip(self.cells) {
            map.serialize_entry(&column.name, cell)?;
        }
        map.end()
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Natural(number) => serializer.serialize_u64(*number),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

pub(super) fn write(results: &SweepResults, mut out: impl Write) -> std::io::Result<()> {
    let columns = columns(results);
    let mut cells = Vec::new();
    for line in lines(results) {
        line.fill(results, &columns, &mut cells);
        serde_json::to_writer(&mut out, &Object { columns: &columns, cells: &cells })?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
