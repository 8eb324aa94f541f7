//! Why nothing fits: the split that lacks least memory, and what its devices lack.

use super::Problem;
use super::chain::State;
use super::tables::Tables;

/// A stage that is too large for its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    /// Of the device.
    pub kind: usize,
    /// First block.
    pub start: usize,
    /// Block after the last one.
    pub end: usize,
    /// Bytes that the device has too little.
    pub bytes: u64,
}

/// Bytes lacking in sum, with the end of the first stage and the state after it.
type Cell = (u64, usize, usize);

const NEVER: Cell = (u64::MAX, 0, 0);

/// The stages that do not fit, of the split that lacks fewest bytes in sum; ties go to earlier ends of stages.
pub(super) fn shortfall(problem: &Problem<'_>, tables: &Tables<'_>, states: &[State]) -> Vec<Shortfall> {
    let blocks = tables.blocks;
    let lack = |state: &State, start, end| tables.memory(start, end).saturating_sub(problem.capacity[state.kind]);
    let mut cells = vec![NEVER; states.len() * blocks];
    for (index, state) in states.iter().enumerate() {
        // The best rest for each end of this stage.
        let rest: Vec<(u64, usize)> = (0..blocks)
            .map(|end| {
                let rests = state.followers.iter().map(|&next| (cells[next * blocks + end].0, next));
                rests.min().unwrap_or((u64::MAX, 0))
            })
            .collect();
        for start in 0..blocks {
            let whole = if state.is_end { (lack(state, start, blocks), blocks, 0) } else { NEVER };
            let cut =
                (start + 1..blocks).map(|end| (rest[end].0.saturating_add(lack(state, start, end)), end, rest[end].1));
            cells[index * blocks + start] = cut.fold(whole, Cell::min);
        }
    }
    let fronts = (0..states.len()).filter(|&state| states[state].is_front);
    let Some(mut state) = fronts.min_by_key(|&state| cells[state * blocks]) else { return Vec::new() };
    let (mut start, mut found) = (0, Vec::new());
    while start < blocks {
        let (_, end, next) = cells[state * blocks + start];
        let bytes = lack(&states[state], start, end);
        if bytes > 0 {
            found.push(Shortfall { kind: states[state].kind, start, end, bytes });
        }
        (start, state) = (end, next);
    }
    found
}
