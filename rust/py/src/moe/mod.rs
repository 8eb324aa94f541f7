//! Bindings of `paretoserve_core::moe`; documented in `python/paretoserve/moe`.

use paretoserve_core::moe::Cost;

pub(crate) mod cuda;
pub(crate) mod llep;
pub(crate) mod placement;
pub(crate) mod remap;
pub(crate) mod spill;
pub(crate) mod split;

/// Token, expert, launch, transfer and inter-node transfer in picoseconds, and the exposed share in millionths.
type CostRow = [u64; 6];

fn cost([token, expert, launch, transfer, transfer_inter, exposed]: CostRow) -> Cost {
    Cost { token, expert, launch, transfer, transfer_inter, exposed }
}
