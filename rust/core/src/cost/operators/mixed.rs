//! Prompt chunks and decoding requests in one attention call, from separate estimates of both.
//!
//! The correction was measured on two GPUs only (RTX PRO 6000 and RTX 4090, `FlashAttention` 2, three head shapes);
//! elsewhere it is transferred. A machine's own table is better: [`crate::cost::MixedTable`].

use super::{Estimate, Features, Operator, Operators, Table};
use crate::cost::Peak;

/// One attention call with both kinds of work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MixedAttention {
    /// Nanoseconds of the chunks alone.
    pub prefill_ns: f64,
    /// Nanoseconds of the decoding requests alone.
    pub decode_ns: f64,
    /// New prompt tokens.
    pub prefill_tokens: f64,
    /// Decoding requests.
    pub num_decodes: f64,
    /// Tokens each of them attends to.
    pub context: f64,
    /// Query heads per key-value head.
    pub group: f64,
}

impl MixedAttention {
    fn is_mixed(&self) -> bool {
        self.prefill_ns > 0.0 && self.decode_ns > 0.0 && self.prefill_tokens > 0.0 && self.num_decodes > 0.0
    }
}

impl Operator for MixedAttention {
    /// Logarithms of prefill over decode time, prompt tokens, decoding requests, their context (counted from 16) and
    /// group size.
    const AXES: usize = 5;

    fn features(&self, _peak: &Peak) -> Features {
        Features {
            analytic_ns: self.prefill_ns + self.decode_ns,
            point: [
                (self.prefill_ns / self.decode_ns).log2(),
                self.prefill_tokens.log2(),
                self.num_decodes.log2(),
                (1.0 + self.context / 16.0).log2(),
                self.group.log2(),
                0.0,
            ],
        }
    }

    fn tables(&self) -> [Option<Table>; 4] {
        if self.is_mixed() { [Some(Table::Mixed), Some(Table::MixedElsewhere), None, None] } else { [None; 4] }
    }
}

impl Operators {
    /// Time of one call that does the work of both estimates; the sum where one of them is nothing.
    pub fn mixed(&self, prefill: Estimate, decode: Estimate, call: &MixedAttention) -> Estimate {
        let call = MixedAttention { prefill_ns: prefill.ns, decode_ns: decode.ns, ..*call };
        let provenance = prefill.provenance.max(decode.provenance);
        if !call.is_mixed() {
            return Estimate { ns: prefill.ns + decode.ns, provenance };
        }
        let estimate = self.estimate(&call);
        Estimate { provenance: estimate.provenance.max(provenance), ..estimate }
    }
}
