//! The table of objectives as Python hands it over: matrices and columns, each with the name of its dtype.

use paretoserve_core::pareto::{Column, Table, Values};
use pyo3::prelude::*;

use crate::arrays::Strided;
use crate::errors::{raise, to_python};

macro_rules! parts {
    ($($name:literal $variant:ident $type:ty),*) => {
        /// A matrix or a column.
        enum Part {
            $($variant(Strided<$type>)),*
        }

        impl Part {
            fn extract(values: &Bound<'_, PyAny>, dtype: &str) -> PyResult<Self> {
                match dtype {
                    $($name => Ok(Self::$variant(values.extract()?)),)*
                    _ => Err(raise(values.py(), "DtypeError", format!("`points` must be real numbers, got {dtype}"))),
                }
            }

            fn layout(&self) -> [usize; 4] {
                match self { $(Self::$variant(values) => values.layout()),* }
            }

            /// The values from element `start` on.
            fn values(&self, start: usize) -> Values<'_> {
                match self {
                    $(Self::$variant(values) => Values::$variant(values.as_slice().get(start..).unwrap_or(&[]))),*
                }
            }
        }
    };
}

parts!(
    "bfloat16" Bf16 u16, "float16" F16 u16, "float32" F32 f32, "float64" F64 f64,
    "int8" I8 i8, "int16" I16 i16, "int32" I32 i32, "int64" I64 i64,
    "uint8" U8 u8, "uint16" U16 u16, "uint32" U32 u32, "uint64" U64 u64
);

/// The parts of a table, side by side; keeps their memory alive.
pub(super) struct Points(Vec<Part>);

impl Points {
    /// From `(array, dtype)` pairs.
    pub(super) fn extract(parts: &[(Bound<'_, PyAny>, String)]) -> PyResult<Self> {
        parts.iter().map(|(values, dtype)| Part::extract(values, dtype)).collect::<PyResult<_>>().map(Self)
    }

    /// As the core takes them, with one direction per objective.
    pub(super) fn table<'a>(&'a self, py: Python<'_>, maximize: &[bool]) -> PyResult<Table<'a>> {
        let mut columns = Vec::with_capacity(maximize.len());
        let mut directions = maximize.iter();
        let num_rows = self.0.first().map_or(0, |part| part.layout()[0]);
        for part in &self.0 {
            let [rows, width, down, across] = part.layout();
            for k in 0..width {
                let (true, Some(&maximize)) = (rows == num_rows, directions.next()) else {
                    return Err(raise(
                        py,
                        "ShapeError",
                        "columns must be equally long, with one direction each".into(),
                    ));
                };
                columns.push(Column { values: part.values(k * across), stride: down, maximize });
            }
        }
        Table::new(columns, num_rows).map_err(|error| to_python(py, &error))
    }
}
