//! Apache Parquet: typed columns, in groups of rows that fit in memory.

use std::io::Write;
use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::{Type, TypePtr};

use super::columns::{Cell, Column, Kind, columns, lines};
use crate::sweep::SweepResults;

/// Rows of a group: some tens of megabytes in memory.
const GROUP: usize = 65_536;

pub(super) fn write(results: &SweepResults, out: impl Write + Send) -> Result<(), ParquetError> {
    let columns = columns(results);
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(out, schema(&columns)?, properties)?;
    let mut buffers: Vec<Buffer> = columns.iter().map(Buffer::new).collect();
    let (mut cells, mut waiting) = (Vec::new(), 0);
    for line in lines(results) {
        line.fill(results, &columns, &mut cells);
        for (buffer, cell) in buffers.iter_mut().zip(&cells) {
            buffer.push(cell);
        }
        waiting += 1;
        if waiting == GROUP {
            flush(&mut writer, &mut buffers)?;
            waiting = 0;
        }
    }
    if waiting > 0 {
        flush(&mut writer, &mut buffers)?;
    }
    writer.close()?;
    Ok(())
}

fn schema(columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let field = |column: &Column| {
        let (physical, logical) = match column.kind {
            Kind::Natural => (Physical::INT64, Some(LogicalType::integer(64, false))),
            Kind::Integer => (Physical::INT64, None),
            Kind::Float => (Physical::DOUBLE, None),
            Kind::Flag => (Physical::BOOLEAN, None),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let builder = Type::primitive_type_builder(&column.name, physical).with_repetition(repetition);
        builder.with_logical_type(logical).build().map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    Type::group_type_builder("sweep").with_fields(fields).build().map(Arc::new)
}

/// Values of a column that are not nothing.
enum Values {
    Whole(Vec<i64>),
    Floats(Vec<f64>),
    Flags(Vec<bool>),
    Texts(Vec<ByteArray>),
}

/// A column of a group.
struct Buffer {
    values: Values,
    /// 1 where there is a value; `None` where there always is.
    levels: Option<Vec<i16>>,
}

impl Buffer {
    fn new(column: &Column) -> Self {
        let values = match column.kind {
            Kind::Natural | Kind::Integer => Values::Whole(Vec::new()),
            Kind::Float => Values::Floats(Vec::new()),
            Kind::Flag => Values::Flags(Vec::new()),
            Kind::Text => Values::Texts(Vec::new()),
        };
        Self { values, levels: column.nullable.then(Vec::new) }
    }

    fn push(&mut self, cell: &Cell<'_>) {
        let mut present = true;
        match (&mut self.values, cell) {
            // The bits of the unsigned number: the column says that it is one.
            (Values::Whole(values), Cell::Natural(number)) => values.push(*number as i64),
            (Values::Whole(values), Cell::Integer(number)) => values.push(*number),
            (Values::Floats(values), Cell::Float(number)) => values.push(*number),
            (Values::Flags(values), Cell::Flag(flag)) => values.push(*flag),
            (Values::Texts(values), Cell::Text(text)) => values.push(ByteArray::from(text.as_bytes().to_vec())),
            _ => present = false,
        }
        if let Some(levels) = &mut self.levels {
            levels.push(i16::from(present));
        }
    }

    /// Writes the column and empties the buffer.
    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = self.levels.as_deref();
        match &mut self.values {
            Values::Whole(values) => {
                writer.typed::<Int64Type>().write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Floats(values) => {
                writer.typed::<DoubleType>().write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Flags(values) => {
                writer.typed::<BoolType>().write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Texts(values) => {
                writer.typed::<ByteArrayType>().write_batch(values, levels, None)?;
                values.clear();
            }
        }
        if let Some(levels) = &mut self.levels {
            levels.clear();
        }
        Ok(())
    }
}

fn flush<W: Write + Send>(writer: &mut SerializedFileWriter<W>, buffers: &mut [Buffer]) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for buffer in buffers {
        // As many columns as buffers: the schema is made from the same list.
        if let Some(mut column) = group.next_column()? {
            buffer.write(&mut column)?;
            column.close()?;
        }
    }
    group.close()?;
    Ok(())
}
