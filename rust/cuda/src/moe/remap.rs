//! Router ids to physical ids: `moe_remap.cu`.

use crate::error::{Error, Result};
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// Ids of the smallest chunk, and how many chunks there are at most: enough to fill a device.
const CHUNK: u64 = 128;
const MOST_CHUNKS: u64 = 1024;
/// A block's threads and the chunks or experts that it takes.
const THREADS: u32 = 128;
const WARPS: u64 = 4;

/// Ids and the table of quotas that they are looked up in.
#[derive(Debug, Clone, Copy)]
pub struct Remap {
    /// How many ids.
    pub count: u64,
    /// Rows of the table.
    pub num_experts: u32,
    /// Columns of the table.
    pub columns: u32,
    /// Whether ids have 64 bits, not 32.
    pub wide: bool,
}

impl Remap {
    fn chunk(&self) -> u64 {
        CHUNK.max(self.count.div_ceil(MOST_CHUNKS).next_multiple_of(32))
    }

    fn chunks(&self) -> u64 {
        self.count.div_ceil(self.chunk())
    }

    /// Bytes of scratch that a launch needs, at a multiple of 8.
    pub fn scratch_bytes(&self) -> u64 {
        8 * u64::from(self.num_experts) * u64::from(self.columns) + 4 * self.chunks() * u64::from(self.num_experts)
    }
}

/// Fill `out` with where each of `ids` goes, by `quota`, `targets` (0 for none) and `start` (0 for none).
pub fn remap(at: Stream<'_>, [out, scratch, ids, quota, targets, start]: [u64; 6], remap: Remap) -> Result<()> {
    let Remap { count, num_experts, columns, wide } = remap;
    let (chunk, chunks) = (remap.chunk(), remap.chunks());
    if count > u64::from(u32::MAX) {
        let reason = format!("takes at most {} ids, got {count}", u32::MAX);
        return Err(Error::Kernel { name: "paretoserve_moe_remap_count".to_owned(), reason });
    }
    if count == 0 {
        return Ok(());
    }
    let prefix = scratch;
    let rows = scratch + 8 * u64::from(num_experts) * u64::from(columns);
    let grid = |warps: u64| Grid::Exact([warps.div_ceil(WARPS) as u32, 1, 1], THREADS);
    let (count, experts, columns) = (U64(count), U32(num_experts), U32(columns));
    let (chunk, wide) = (U32(chunk as u32), U32(wide.into()));
    let (rows, prefix, ids) = (Pointer(rows), Pointer(prefix), Pointer(ids));
    launch("paretoserve_moe_remap_count", at, grid(chunks), &[rows, ids, count, experts, chunk, wide])?;
    let arguments = [rows, prefix, Pointer(quota), count, experts, columns, chunk];
    launch("paretoserve_moe_remap_offsets", at, grid(num_experts.into()), &arguments)?;
    let (targets, start) = (Pointer(targets), Pointer(start));
    let arguments = [Pointer(out), rows, prefix, ids, targets, start, count, experts, columns, chunk, wide];
    launch("paretoserve_moe_remap_place", at, grid(chunks), &arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_when_there_are_many_ids() {
        let of = |count| Remap { count, num_experts: 10, columns: 3, wide: false };
        assert_eq!((of(1).chunk(), of(1).chunks()), (128, 1));
        assert_eq!((of(131_072).chunk(), of(131_072).chunks()), (128, 1024));
        assert_eq!((of(131_073).chunk(), of(131_073).chunks()), (160, 820));
        assert_eq!(of(129).scratch_bytes(), 8 * 30 + 4 * 20);
    }
}
