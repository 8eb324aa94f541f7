//! Bytes of stored weights and cached keys by number format, block scales included.
//!
//! What engines keep in bfloat16 stays so: embeddings, the output head, norms and routers in every format, MLA
//! projections in the 4-bit formats, and all attention of expert models in MXFP4 (as the published checkpoints do).

use crate::{Error, Result};

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WeightFormat {
    /// bfloat16.
    Bf16,
    /// FP8 E4M3, one scale per tensor or channel.
    Fp8,
    /// FP8 E4M3, one scale per 128 x 128 block.
    Fp8Block,
    /// 4-bit integer weights, 16-bit activations, groups of 128.
    Int4,
    /// 4-bit float weights with one E8M0 scale per 32.
    Mxfp4,
    /// 4-bit float weights with one E4M3 scale per 16.
    Nvfp4,
}

/// How keys and values are cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KvFormat {
    /// bfloat16.
    Bf16,
    /// FP8 E4M3, one scale per layer.
    Fp8,
}

impl KvFormat {
    /// The format called `name`: `bf16` or `fp8`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "bf16" => Ok(Self::Bf16),
            "fp8" => Ok(Self::Fp8),
            _ => Err(Error::value("kv_format", "`bf16` or `fp8`", format!("`{name}`"))),
        }
    }

    /// The format that is not this one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Bf16 => Self::Fp8,
            Self::Fp8 => Self::Bf16,
        }
    }

    /// Bytes of one cached number.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Bf16 => 2,
            Self::Fp8 => 1,
        }
    }
}

/// What a matrix does, which decides whether a format applies to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Projections of grouped-query attention.
    Attention,
    /// Projections of latent attention.
    LatentAttention,
    /// Dense feed-forward layer or shared expert.
    Dense,
    /// Routed expert.
    Expert,
    /// Router of a mixture of experts.
    Router,
    /// Input or output embedding.
    Embedding,
}

impl WeightFormat {
    /// Every format with its name.
    pub const NAMED: [(&'static str, Self); 6] = [
        ("bf16", Self::Bf16),
        ("fp8", Self::Fp8),
        ("fp8_block", Self::Fp8Block),
        ("int4", Self::Int4),
        ("mxfp4", Self::Mxfp4),
        ("nvfp4", Self::Nvfp4),
    ];

    /// The format called `name`.
    pub fn parse(name: &str) -> Result<Self> {
        Self::NAMED.iter().find(|(known, _)| *known == name).map(|(_, format)| *format).ok_or_else(|| {
            let names: Vec<_> = Self::NAMED.iter().map(|(known, _)| format!("`{known}`")).collect();
            Error::value("weight_format", format!("one of {}", names.join(", ")), format!("`{name}`"))
        })
    }

    /// Columns of a weight that share a scale; a cut through such a block is what engines refuse.
    pub fn block(self) -> u32 {
        match self {
            // Engines pad MXFP4 experts to whole blocks instead of refusing.
            Self::Bf16 | Self::Fp8 | Self::Mxfp4 => 1,
            Self::Fp8Block | Self::Int4 => 128,
            Self::Nvfp4 => 16,
        }
    }

    /// The format in which a matrix of that role is stored when the model is quantized to `self`.
    #[must_use]
    pub fn applied_to(self, role: Role, has_experts: bool) -> Self {
        let four_bits = matches!(self, Self::Int4 | Self::Mxfp4 | Self::Nvfp4);
        match role {
            Role::Embedding | Role::Router => Self::Bf16,
            Role::LatentAttention if four_bits => Self::Bf16,
            Role::Attention if self == Self::Mxfp4 && has_experts => Self::Bf16,
            Role::Attention | Role::LatentAttention | Role::Dense | Role::Expert => self,
        }
    }

    /// Bytes of a matrix of `rows` outputs by `columns` inputs, with its scales.
    pub fn matrix_bytes(self, rows: u64, columns: u64) -> u64 {
        let elements = rows * columns;
        match self {
            Self::Bf16 => 2 * elements,
            // One float32 per output channel.
            Self::Fp8 => elements + 4 * rows,
            // One float32 per 128 x 128 block.
            Self::Fp8Block => elements + 4 * rows.div_ceil(128) * columns.div_ceil(128),
            // One float16 scale and one 4-bit zero point per group of 128.
            Self::Int4 => elements.div_ceil(2) + (5 * rows * columns.div_ceil(128)).div_ceil(2),
            // One byte per 32.
            Self::Mxfp4 => elements.div_ceil(2) + rows * columns.div_ceil(32),
            // One byte per 16 and one float32 per matrix.
            Self::Nvfp4 => elements.div_ceil(2) + rows * columns.div_ceil(16) + 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_counted() {
        let bytes = |format: WeightFormat| format.matrix_bytes(256, 512);
        assert_eq!(bytes(WeightFormat::Bf16), 262_144);
        assert_eq!(bytes(WeightFormat::Fp8), 131_072 + 4 * 256);
        assert_eq!(bytes(WeightFormat::Fp8Block), 131_072 + 4 * 8);
        assert_eq!(bytes(WeightFormat::Int4), 65_536 + 256 * 4 * 5 / 2);
        assert_eq!(bytes(WeightFormat::Mxfp4), 65_536 + 131_072 / 32);
        assert_eq!(bytes(WeightFormat::Nvfp4), 65_536 + 131_072 / 16 + 4);
    }

    #[test]
    fn names_round_trip_and_unknown_names_are_listed() {
        for (name, format) in WeightFormat::NAMED {
            assert_eq!(WeightFormat::parse(name), Ok(format));
        }
        let message = WeightFormat::parse("fp3").unwrap_err().to_string();
        assert_eq!(
            message,
            "`weight_format` must be one of `bf16`, `fp8`, `fp8_block`, `int4`, `mxfp4`, `nvfp4`, got `fp3`"
        );
    }

    #[test]
    fn routers_and_embeddings_stay_in_bfloat16() {
        for (_, format) in WeightFormat::NAMED {
            assert_eq!(format.applied_to(Role::Router, true), WeightFormat::Bf16);
            assert_eq!(format.applied_to(Role::Embedding, false), WeightFormat::Bf16);
            assert_eq!(format.applied_to(Role::Expert, true), format);
        }
    }
}
