//! What a GPU and its links can do at most: the rates that analytic times are made of.

use super::WeightFormat;
use crate::{Error, Result};

/// Peak rates of one GPU and its links.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Dense 16-bit operations per second.
    pub bf16_flops: f64,
    /// Dense FP8 operations per second; 0 without FP8 units.
    pub fp8_flops: f64,
    /// Dense FP4 operations per second; 0 without FP4 units.
    pub fp4_flops: f64,
    /// Bytes per second of device memory.
    pub memory_bandwidth: f64,
    /// Bytes per second of one GPU to its neighbors in the node, one direction.
    pub link_bandwidth: f64,
    /// Bytes per second of one GPU to other nodes, one direction.
    pub network_bandwidth: f64,
    /// GPUs of a node.
    pub gpus_per_node: u32,
    /// Streaming multiprocessors of one GPU.
    pub multiprocessors: u32,
}

impl Peak {
    /// Refuse rates that no time can be computed with.
    pub fn check(&self) -> Result<()> {
        let needed = [
            ("bf16_flops", self.bf16_flops),
            ("memory_bandwidth", self.memory_bandwidth),
            ("link_bandwidth", self.link_bandwidth),
            ("network_bandwidth", self.network_bandwidth),
            ("gpus_per_node", f64::from(self.gpus_per_node)),
            ("multiprocessors", f64::from(self.multiprocessors)),
        ];
        if let Some((argument, rate)) = needed.into_iter().find(|(_, rate)| !(rate.is_finite() && *rate > 0.0)) {
            return Err(Error::value(argument, "finite and above 0", rate));
        }
        let optional = [("fp8_flops", self.fp8_flops), ("fp4_flops", self.fp4_flops)];
        match optional.into_iter().find(|(_, rate)| !(rate.is_finite() && *rate >= 0.0)) {
            Some((argument, rate)) => Err(Error::value(argument, "finite and at least 0", rate)),
            None => Ok(()),
        }
    }

    /// Operations per second with weights in `format`. Integer and 4-bit formats without units of their own compute in
    /// 16 bit, as does FP8 on GPUs before it.
    pub fn flops(&self, format: WeightFormat) -> f64 {
        let own = match format {
            WeightFormat::Bf16 | WeightFormat::Int4 | WeightFormat::Mxfp4 => 0.0,
            WeightFormat::Fp8 | WeightFormat::Fp8Block => self.fp8_flops,
            WeightFormat::Nvfp4 => self.fp4_flops,
        };
        if own > 0.0 { own } else { self.bf16_flops }
    }

    /// Bytes of one activation element that enters a product with weights in `format`.
    pub fn activation_bytes(&self, format: WeightFormat) -> f64 {
        match format {
            WeightFormat::Fp8 | WeightFormat::Fp8Block if self.fp8_flops > 0.0 => 1.0,
            WeightFormat::Nvfp4 if self.fp4_flops > 0.0 => 0.5625,
            _ => 2.0,
        }
    }
}
