//! Matrix product of `m` rows of activations with an `n` x `k` weight.

use super::table::{lenders, weight_bytes};
use super::{Features, Operator, Table, roofline};
use crate::cost::{Peak, WeightFormat};

/// `(m, k) x (k, n)`, weights in `format`, result in 16 bit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gemm {
    /// How weights are stored; activations are quantized to match where the GPU multiplies that format.
    pub format: WeightFormat,
    /// Rows: tokens.
    pub m: f64,
    /// Columns of the result.
    pub n: f64,
    /// Contracted size.
    pub k: f64,
}

const LAUNCH_NS: f64 = 2000.0;

impl Operator for Gemm {
    /// Logarithms of rows, columns and contracted size; 1 where block scales of the rows need a padded copy.
    const AXES: usize = 4;

    fn features(&self, peak: &Peak) -> Features {
        let Self { format, m, n, k } = *self;
        if m * n * k == 0.0 {
            return Features::NONE;
        }
        let flops = 2.0 * m * n * k / peak.flops(format);
        let bytes = n * k * weight_bytes(format) + m * k * peak.activation_bytes(format) + m * n * 2.0;
        let padded = format == WeightFormat::Fp8Block && m % 4.0 != 0.0;
        Features {
            analytic_ns: roofline(LAUNCH_NS, flops, bytes / peak.memory_bandwidth),
            point: [m.log2(), n.log2(), k.log2(), f64::from(u8::from(padded)), 0.0, 0.0],
        }
    }

    fn tables(&self) -> [Option<Table>; 4] {
        lenders(self.format).map(|format| format.map(Table::Gemm))
    }
}
