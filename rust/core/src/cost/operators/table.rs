//! Names of the fitted grids, and which weight formats borrow from which.

use super::{
    Collective, DecodeAttention, Exchange, Gemm, MixedAttention, MlaDecode, MlaPrefill, Moe, PrefillAttention,
};
use super::{Kind, Operator};
use crate::cost::{KvFormat, WeightFormat};
use crate::{Error, Result};

/// One fitted grid of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// Matrix product.
    Gemm(WeightFormat),
    /// Attention of prompt chunks.
    Prefill(KvFormat),
    /// Attention of single new tokens.
    Decode(KvFormat),
    /// Routed experts.
    Moe(WeightFormat),
    /// Latent attention module on prompts.
    MlaPrefill(WeightFormat, KvFormat),
    /// Latent attention module on single new tokens.
    MlaDecode(WeightFormat, KvFormat),
    /// Collective over the links of a node.
    Collective(Kind),
    /// Prefill and decode attention in one call, measured on this GPU.
    Mixed,
    /// The same, measured on other GPUs.
    MixedElsewhere,
    /// Tokens to the ranks of their experts.
    Dispatch,
    /// Expert outputs back to the ranks of their tokens.
    Combine,
}

impl Table {
    /// The table called `name` in data files, such as `gemm/fp8_block` or `mla_decode/bf16/fp8`.
    pub fn parse(name: &str) -> Result<Self> {
        let unknown = || Error::value("table", "the name of an operator table", format!("`{name}`"));
        let mut parts = name.split('/');
        let operator = parts.next().ok_or_else(unknown)?;
        let (first, second) = (parts.next(), parts.next());
        let weights = || WeightFormat::parse(first.ok_or_else(unknown)?);
        let kv = |part: Option<&str>| KvFormat::parse(part.ok_or_else(unknown)?);
        Ok(match operator {
            "gemm" => Self::Gemm(weights()?),
            "prefill" => Self::Prefill(kv(first)?),
            "decode" => Self::Decode(kv(first)?),
            "moe" => Self::Moe(weights()?),
            "mla_prefill" => Self::MlaPrefill(weights()?, kv(second)?),
            "mla_decode" => Self::MlaDecode(weights()?, kv(second)?),
            "all_reduce" => Self::Collective(Kind::AllReduce),
            "all_to_all" => Self::Collective(Kind::AllToAll),
            "all_gather" => Self::Collective(Kind::AllGather),
            "reduce_scatter" => Self::Collective(Kind::ReduceScatter),
            "mixed" => Self::Mixed,
            "mixed_elsewhere" => Self::MixedElsewhere,
            "dispatch" => Self::Dispatch,
            "combine" => Self::Combine,
            _ => return Err(unknown()),
        })
    }

    /// How many axes its grid has.
    pub fn axes(self) -> usize {
        match self {
            Self::Gemm(_) => Gemm::AXES,
            Self::Prefill(_) => PrefillAttention::AXES,
            Self::Decode(_) => DecodeAttention::AXES,
            Self::Moe(_) => Moe::AXES,
            Self::MlaPrefill(..) => MlaPrefill::AXES,
            Self::MlaDecode(..) => MlaDecode::AXES,
            Self::Collective(_) => Collective::AXES,
            Self::Mixed | Self::MixedElsewhere => MixedAttention::AXES,
            Self::Dispatch | Self::Combine => Exchange::AXES,
        }
    }
}

/// A format and those whose measured-to-analytic ratio it borrows, the nearest first: formats that run the same kind of
/// kernel, then 16 bit, whose share of the bandwidth a weight-only kernel is taken to reach on its fewer bytes.
pub(super) fn lenders(format: WeightFormat) -> [Option<WeightFormat>; 4] {
    use WeightFormat::{Bf16, Fp8, Fp8Block, Int4, Mxfp4, Nvfp4};
    let others: [Option<WeightFormat>; 3] = match format {
        Bf16 => [None; 3],
        Fp8 => [Some(Fp8Block), Some(Bf16), None],
        Fp8Block => [Some(Fp8), Some(Bf16), None],
        Int4 => [Some(Mxfp4), Some(Bf16), None],
        Mxfp4 => [Some(Int4), Some(Bf16), None],
        Nvfp4 => [Some(Bf16), None, None],
    };
    [Some(format), others[0], others[1], others[2]]
}

/// Bytes of one weight with its share of scales.
pub(super) fn weight_bytes(format: WeightFormat) -> f64 {
    match format {
        WeightFormat::Bf16 => 2.0,
        WeightFormat::Fp8 => 1.0,
        WeightFormat::Fp8Block => 1.0 + 4.0 / (128.0 * 128.0),
        WeightFormat::Int4 => 0.5 + 2.0 / 128.0,
        WeightFormat::Mxfp4 => 0.5 + 1.0 / 32.0,
        WeightFormat::Nvfp4 => 0.5 + 1.0 / 16.0,
    }
}
