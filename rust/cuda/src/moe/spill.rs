//! The spill plan of a step: `moe_spill.cu`.

use crate::error::Result;
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// Tolerances of a sweep, and orders at each: attempts that are made at once, a warp each.
const TOLERANCES: u64 = 7;
const ATTEMPTS: u64 = 4 * TOLERANCES;
/// Threads with one attempt per warp, and when there is only one tolerance: more than for its attempts, for what comes
/// before them.
const THREADS_OF_SWEEP: u32 = 896;
const THREADS: u32 = 256;

/// Stands for the tolerance that the cost model likes best, and for no limit.
pub const ALL: u32 = u32::MAX;

/// Shape of a layer and what a spill of it may do.
#[derive(Debug, Clone, Copy)]
pub struct Spill {
    /// Experts, ranks, ranks per node, and rows of counts.
    pub sizes: [u32; 4],
    /// Whether counts have 64 bits, not 32.
    pub wide: bool,
    /// Millionths above its share that a rank may stay, or [`ALL`].
    pub tolerance: u32,
    /// Most transfers that a rank receives and sends, or [`ALL`].
    pub most: [u32; 2],
    /// Whether ranks that have received an expert may pass it on.
    pub relay: bool,
    /// Smaller pieces stay at home.
    pub min_tokens: u64,
    /// More tokens in all are refused.
    pub most_tokens: u64,
    /// Token, expert, launch, transfer and inter-node transfer in picoseconds, and the exposed share in millionths.
    pub cost: Option<[u64; 6]>,
}

/// Bytes of scratch that a plan needs, at a multiple of 8: `Room::words` and the ranks of all attempts.
pub fn scratch_bytes(num_experts: u32, num_ranks: u32) -> u64 {
    let (experts, ranks) = (u64::from(num_experts), u64::from(num_ranks));
    let attempt = 4 * ranks + 5 * (experts + ranks) + 6 + 3 * ranks;
    8 * (2 * experts + (3 + TOLERANCES) * ranks + ATTEMPTS * attempt)
}

/// Fill outcome, transfers, quota and loads, with scratch, from counts and the tables of the layer.
pub fn spill(at: Stream<'_>, addresses: [u64; 7], spill: Spill) -> Result<()> {
    let [outcome, transfers, quota, loads, scratch, counts, tables] = addresses.map(Pointer);
    let [experts, ranks, node_size, sources] = spill.sizes.map(U32);
    let [max_in, max_out] = spill.most.map(U32);
    let [token, expert, latency, transfer, transfer_inter, exposed] = spill.cost.unwrap_or_default().map(U64);
    let arguments = [
        outcome,
        transfers,
        quota,
        loads,
        scratch,
        counts,
        tables,
        experts,
        ranks,
        node_size,
        sources,
        U32(spill.wide.into()),
        U32(spill.tolerance),
        max_in,
        max_out,
        U32(spill.relay.into()),
        U64(spill.min_tokens),
        U64(spill.most_tokens),
        U32(spill.cost.is_some().into()),
        token,
        expert,
        latency,
        transfer,
        transfer_inter,
        exposed,
    ];
    let threads = if spill.tolerance == ALL { THREADS_OF_SWEEP } else { THREADS };
    launch("paretoserve_moe_spill", at, Grid::Exact([1, 1, 1], threads), &arguments)
}
