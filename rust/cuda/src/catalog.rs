//! Every kernel: the file it is in, its entry, what it takes. Sources and headers are part of the library.
//!
//! A launch is checked against [`Kernel::parameters`] before the driver sees it; a test checks this list against the
//! files. Order of parameters: outputs, inputs, sizes, options.

/// A kind of parameter, as the driver needs it: eight or four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Address in the device's memory.
    Pointer,
    /// 64-bit integer.
    U64,
    /// 32-bit integer, or a choice.
    U32,
    /// Signed 32-bit integer.
    I32,
    /// 32-bit float.
    F32,
}

/// One `__global__` function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// Name of its file in `cuda/kernels`.
    pub file: &'static str,
    /// Its name.
    pub entry: &'static str,
    /// What it takes.
    pub parameters: &'static [Parameter],
}

/// A file of kernels or a header, by name and text.
pub type Source = (&'static str, &'static str);

macro_rules! embed {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../cuda/", $folder, "/", $name)))),*]
    };
}

/// The kernels' files.
pub const SOURCES: &[Source] = embed!("kernels":
    "moe_remap.cu", "moe_spill.cu", "moe_split.cu",
    "pareto_beaten.cu", "pareto_draws.cu", "pareto_keys.cu", "pareto_members.cu", "pareto_ranks.cu", "pareto_rays.cu",
    "quant_amax.cu", "quant_cast.cu", "quant_dequantize.cu", "quant_fp8.cu", "quant_group.cu", "quant_hadamard.cu",
    "quant_mx.cu", "quant_mx_transposed.cu", "quant_nv.cu", "quant_nv_transposed.cu", "quant_pack.cu",
    "quant_swizzle.cu",
);

/// The headers that they include.
pub const HEADERS: &[Source] = embed!("include":
    "cast.cuh", "columns.cuh", "crew.cuh", "dequantize.cuh", "divider.cuh", "division.cuh", "elements.cuh",
    "formats.cuh", "hadamard.cuh", "integers.cuh", "lanes.cuh", "memory.cuh", "moe_attempt.cuh", "moe_copies.cuh",
    "moe_counts.cuh", "moe_layer.cuh", "moe_level.cuh", "moe_links.cuh", "moe_remap.cuh", "moe_spill.cuh",
    "moe_split.cuh", "moe_timed.cuh", "mx.cuh", "mx_scale.cuh", "native.cuh", "nv.cuh", "packing.cuh", "pareto_dominance.cuh",
    "pareto_draws.cuh", "pareto_keys.cuh", "pareto_rays.cuh", "platform.cuh", "product.cuh", "random.cuh", "rows.cuh",
    "runs.cuh", "shape.cuh", "stochastic.cuh", "swizzle.cuh", "team.cuh", "wide.cuh",
);

/// The kernel with this entry.
pub fn find(entry: &str) -> Option<&'static Kernel> {
    KERNELS.iter().find(|kernel| kernel.entry == entry)
}

/// The text of a file of kernels.
pub fn source(file: &str) -> Option<&'static str> {
    SOURCES.iter().find(|(name, _)| *name == file).map(|(_, text)| *text)
}

use Parameter::{I32, Pointer, U32, U64};

// outcome, transfers, quota, loads, memory, counts, tables | experts, ranks, node_size, sources | wide, tolerance,
// max_in, max_out, relay, min_tokens, most_tokens, timed, token, expert, launch, transfer, transfer_inter, exposed
const SPILL: &[Parameter] = &[
    Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, U32, U32, U32, U32, U32, U32, U32, U32, U32, U64,
    U64, U32, U64, U64, U64, U64, U64, U64,
];
// status, quota, loads, memory, counts, tables | columns, sources | wide, objective, most_tokens, unit, most_timed,
// token, expert, launch
const SPLIT: &[Parameter] =
    &[Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, U32, U32, U32, U32, U64, U64, U64, U64, U64, U64];
// rows, ids | count, experts, chunk | wide
const REMAP_COUNT: &[Parameter] = &[Pointer, Pointer, U64, U32, U32, U32];
// rows, prefix, quota | count, experts, columns, chunk
const REMAP_OFFSETS: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U32, U32, U32];
// out, rows, prefix, ids, targets or null, start or null | count, experts, columns, chunk | wide
const REMAP_PLACE: &[Parameter] = &[Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, U64, U32, U32, U32, U32];

// codes, scales, x | rows, columns | rule, rounding, seed, nan, swizzled
const MX: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U64, U32, U32, U64, U32, U32];
// codes, scales, global_scale, x, given | rows, columns | is_scale, rounding, seed, nan, swizzled, choice
const NV: &[Parameter] = &[Pointer, Pointer, Pointer, Pointer, Pointer, U64, U64, U32, U32, U64, U32, U32, U32];
// out, codes, scales | rows, columns
const MX_DEQUANTIZE: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U64];
// out, codes, scales, global_scale | rows, columns
const NV_DEQUANTIZE: &[Parameter] = &[Pointer, Pointer, Pointer, Pointer, U64, U64];
// codes, first_nan or null, x | count | layout, bias, saturate, rule, rounding, seed
const ENCODE: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U32, I32, U32, U32, U32, U64];
// out, codes | count | layout, bias
const DECODE: &[Parameter] = &[Pointer, Pointer, U64, U32, I32];
// amax, x | count | nan
const AMAX: &[Parameter] = &[Pointer, Pointer, U64, U32];
// codes, scales, zeros or null, x | rows, columns, group | scale_type, bits, rule, rounding, seed, nan
const GROUP: &[Parameter] = &[Pointer, Pointer, Pointer, Pointer, U64, U64, U64, U32, U32, U32, U32, U64, U32];
// out, codes, scales, zeros or null | rows, columns, group | scale_type, bits
const GROUP_DEQUANTIZE: &[Parameter] = &[Pointer, Pointer, Pointer, Pointer, U64, U64, U64, U32, U32];
// codes, scales, x | rows, columns, group | powers, rounding, seed, nan
const RUNS: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U64, U64, U32, U32, U64, U32];
// out, codes, scales | rows, columns, group
const RUNS_DEQUANTIZE: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U64, U64];
// codes, scales, x | batch, rows, columns, tile_rows, tile_columns | powers, rounding, seed, nan
const TILES: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U64, U64, U64, U64, U32, U32, U64, U32];
// out, codes, scales | batch, rows, columns, tile_rows, tile_columns
const TILES_DEQUANTIZE: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U64, U64, U64, U64];
// out, x, signs or null | count | n, inverse
const HADAMARD: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U32, U32];
// amax, x, signs or null | count | n, nan
const HADAMARD_AMAX: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U32, U32];
// codes, scales, x, signs or null | rows, columns | n, rule, rounding, seed, nan, swizzled
const HADAMARD_MX: &[Parameter] = &[Pointer, Pointer, Pointer, Pointer, U64, U64, U32, U32, U32, U64, U32, U32];
// codes, scales, global_scale, x, signs or null, given | rows, columns | n, is_scale, rounding, seed, nan, swizzled,
// choice
const HADAMARD_NV: &[Parameter] =
    &[Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, U64, U64, U32, U32, U32, U64, U32, U32, U32];
// packed, first_bad or null, codes | rows, columns | bits, msb_first, word, coding
const PACK: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U64, U32, U32, U32, U32];
// codes, packed | rows, columns | bits, msb_first, word, coding
const UNPACK: &[Parameter] = &[Pointer, Pointer, U64, U64, U32, U32, U32, U32];
// out, scales | rows, columns
const SWIZZLE: &[Parameter] = &[Pointer, Pointer, U64, U64];

// beaten, keys, others | n, stride, num_others | d, order
const BEATEN: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U64, U64, U32, U32];
// ranks, keys | n, first, count | d
const RANKS: &[Parameter] = &[Pointer, Pointer, U64, U64, U64, U32];
// keys, values, spread or null, offsets or null, maximize | n, first, samples | d, kind, seed, share
const DRAWS: &[Parameter] = &[Pointer, Pointer, Pointer, Pointer, Pointer, U64, U64, U64, U32, U32, U64, U64];
// lengths, distances, orders, multipliers, shifts | n | d, items, first, count
const RAYS: &[Parameter] = &[Pointer, Pointer, Pointer, Pointer, Pointer, U64, U32, U32, U32, U32];
// sums, lengths | d, items, count
const POWERS: &[Parameter] = &[Pointer, Pointer, U32, U32, U32];
// counts, alive or null, keys | n, samples | d
const MEMBERS: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U64, U32];
// keys, alive or null, values | n, stride | dtype, maximize
const KEYS: &[Parameter] = &[Pointer, Pointer, Pointer, U64, U64, U32, U32];

const fn kernel(file: &'static str, entry: &'static str, parameters: &'static [Parameter]) -> Kernel {
    Kernel { file, entry, parameters }
}

// `wide` stands for three entries: of float32, float16 and bfloat16; `keys` for two: of 32 and 64 bits; `one` for
// itself.
macro_rules! kernels {
    (@ [$($done:tt)*]) => { &[$($done)*] };
    (@ [$($done:tt)*] $file:literal wide [$($name:literal)*] $tail:literal $parameters:ident; $($rest:tt)*) => {
        kernels!(@ [$($done)* $(
            kernel($file, concat!("paretoserve_quant_", $name, $tail, "_f32"), $parameters),
            kernel($file, concat!("paretoserve_quant_", $name, $tail, "_f16"), $parameters),
            kernel($file, concat!("paretoserve_quant_", $name, $tail, "_bf16"), $parameters),
        )*] $($rest)*)
    };
    (@ [$($done:tt)*] $file:literal keys [$name:literal] $parameters:ident; $($rest:tt)*) => {
        kernels!(@ [$($done)*
            kernel($file, concat!("paretoserve_pareto_", $name, "_narrow"), $parameters),
            kernel($file, concat!("paretoserve_pareto_", $name, "_wide"), $parameters),
        ] $($rest)*)
    };
    (@ [$($done:tt)*] $file:literal one [$name:literal] $parameters:ident; $($rest:tt)*) => {
        kernels!(@ [$($done)* kernel($file, concat!("paretoserve_", $name), $parameters),] $($rest)*)
    };
}

/// Every kernel.
pub const KERNELS: &[Kernel] = kernels! { @ []
    "moe_remap.cu" one ["moe_remap_count"] REMAP_COUNT;
    "moe_remap.cu" one ["moe_remap_offsets"] REMAP_OFFSETS;
    "moe_remap.cu" one ["moe_remap_place"] REMAP_PLACE;
    "moe_spill.cu" one ["moe_spill"] SPILL;
    "moe_split.cu" one ["moe_split"] SPLIT;
    "pareto_beaten.cu" keys ["beaten"] BEATEN;
    "pareto_draws.cu" one ["pareto_draws"] DRAWS;
    "pareto_keys.cu" keys ["keys"] KEYS;
    "pareto_members.cu" keys ["members"] MEMBERS;
    "pareto_ranks.cu" keys ["raise"] RANKS;
    "pareto_ranks.cu" keys ["settle"] RANKS;
    "pareto_rays.cu" one ["pareto_rays"] RAYS;
    "pareto_rays.cu" one ["pareto_powers"] POWERS;
    "quant_cast.cu" wide ["encode"] "" ENCODE;
    "quant_cast.cu" wide ["decode"] "" DECODE;
    "quant_mx.cu" wide ["mxfp8_e4m3" "mxfp8_e5m2" "mxfp6_e2m3" "mxfp6_e3m2" "mxfp4" "mxint8" "mxint6" "mxint4"] "" MX;
    "quant_mx_transposed.cu" wide
        ["mxfp8_e4m3" "mxfp8_e5m2" "mxfp6_e2m3" "mxfp6_e3m2" "mxfp4" "mxint8" "mxint6" "mxint4"] "_transposed" MX;
    "quant_nv.cu" wide ["nvfp4" "nvfp4_ue5m3" "nvint4"] "" NV;
    "quant_nv_transposed.cu" wide ["nvfp4" "nvfp4_ue5m3" "nvint4"] "_transposed" NV;
    "quant_amax.cu" wide ["amax"] "" AMAX;
    "quant_dequantize.cu" wide
        ["mxfp8_e4m3" "mxfp8_e5m2" "mxfp6_e2m3" "mxfp6_e3m2" "mxfp4" "mxint8" "mxint6" "mxint4"] "_dequantize"
        MX_DEQUANTIZE;
    "quant_dequantize.cu" wide ["nvfp4" "nvfp4_ue5m3" "nvint4"] "_dequantize" NV_DEQUANTIZE;
    "quant_group.cu" wide ["group"] "" GROUP;
    "quant_group.cu" wide ["group"] "_dequantize" GROUP_DEQUANTIZE;
    "quant_group.cu" wide ["fp8_runs"] "" RUNS;
    "quant_group.cu" wide ["fp8_runs"] "_dequantize" RUNS_DEQUANTIZE;
    "quant_fp8.cu" wide ["fp8_tiles"] "" TILES;
    "quant_fp8.cu" wide ["fp8_tiles"] "_dequantize" TILES_DEQUANTIZE;
    "quant_hadamard.cu" wide ["hadamard"] "" HADAMARD;
    "quant_hadamard.cu" wide ["hadamard"] "_amax" HADAMARD_AMAX;
    "quant_hadamard.cu" wide ["hadamard"] "_mxfp4" HADAMARD_MX;
    "quant_hadamard.cu" wide ["hadamard"] "_nvfp4" HADAMARD_NV;
    "quant_pack.cu" one ["quant_pack_bits"] PACK;
    "quant_pack.cu" one ["quant_unpack_bits"] UNPACK;
    "quant_swizzle.cu" one ["quant_swizzle_scales"] SWIZZLE;
    "quant_swizzle.cu" one ["quant_unswizzle_scales"] SWIZZLE;
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_in_its_file_once() {
        for kernel in KERNELS {
            assert!(source(kernel.file).is_some(), "{} is not embedded", kernel.file);
            assert_eq!(KERNELS.iter().filter(|other| other.entry == kernel.entry).count(), 1, "{}", kernel.entry);
            assert_eq!(find(kernel.entry), Some(kernel));
        }
    }

    #[test]
    fn every_include_is_embedded() {
        for (name, text) in SOURCES.iter().chain(HEADERS) {
            for line in text.lines().filter_map(|line| line.strip_prefix("#include \"")) {
                let header = line.trim_end_matches('"');
                assert!(HEADERS.iter().any(|(known, _)| *known == header), "{name} includes {header}");
            }
        }
    }
}
