//! Keys of a column: `pareto_keys.cu`.

use super::suffix;
use crate::error::Result;
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// The dtypes that keys are made of, in the order of the kernels' numbers.
pub const DTYPES: [&str; 12] = [
    "bfloat16", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
    "uint64",
];

/// A column of `n` values, `stride` elements apart.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Index of its dtype in [`DTYPES`].
    pub dtype: u32,
    /// Number of rows.
    pub n: u64,
    /// Distance between rows in elements.
    pub stride: u64,
    /// Larger is better.
    pub maximize: bool,
}

/// Fill the keys of a column; rows that are NaN become 0 in `alive`, unless that is 0 itself.
pub fn keys(at: Stream<'_>, [keys, alive, values]: [u64; 3], column: Column, wide: bool) -> Result<()> {
    let Column { dtype, n, stride, maximize } = column;
    let arguments =
        [Pointer(keys), Pointer(alive), Pointer(values), U64(n), U64(stride), U32(dtype), U32(maximize.into())];
    launch(&format!("paretoserve_pareto_keys_{}", suffix(wide)), at, Grid::Stride(n, 256), &arguments)
}
