//! The split of a step: `moe_split.cu`.

use crate::error::Result;
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// Threads of the block: a warp for each expert of a wave.
const THREADS: u32 = 512;

/// What a split is made from.
#[derive(Debug, Clone, Copy)]
pub struct Split {
    /// Most copies of an expert, and rows of counts.
    pub sizes: [u32; 2],
    /// Whether counts have 64 bits, not 32.
    pub wide: bool,
    /// Whether experts touched are to be even, not tokens.
    pub active: bool,
    /// If times are to be even: the thousandths of the unit of speed, most tokens whose times fit, and the times in
    /// picoseconds per token, of weights and per block.
    pub times: Option<[u64; 5]>,
    /// More tokens in all are refused.
    pub most_tokens: u64,
}

/// Bytes of scratch that a split over so many experts, ranks and copies needs: `Splitter::words`.
pub fn scratch_bytes(sizes: [u32; 3]) -> u64 {
    let [experts, ranks, copies] = sizes.map(u64::from);
    8 * (4 * copies + 3 * ranks + 2 * experts + ranks)
}

/// Fill status, quota and loads, with scratch, from counts and the tables of the copies.
pub fn split(at: Stream<'_>, addresses: [u64; 6], split: Split) -> Result<()> {
    let [status, quota, loads, scratch, counts, tables] = addresses.map(Pointer);
    let [columns, sources] = split.sizes.map(U32);
    let objective = if split.times.is_some() { 2 } else { u32::from(split.active) };
    let (wide, objective, most) = (U32(split.wide.into()), U32(objective), U64(split.most_tokens));
    let [unit, most_timed, token, expert, latency] = split.times.unwrap_or_default().map(U64);
    let arguments = [
        status, quota, loads, scratch, counts, tables, columns, sources, wide, objective, most, unit, most_timed,
        token, expert, latency,
    ];
    launch("paretoserve_moe_split", at, Grid::Exact([1, 1, 1], THREADS), &arguments)
}
