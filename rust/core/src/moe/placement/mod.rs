//! Which copy of an expert sits in which slot, layer by layer.
//!
//! From nothing: copies by load, packed heaviest first (`scratch`), then swaps (`polish`). From an earlier placement:
//! as few fetched copies as it takes to get below a ratio (`search`). Every layer is planned by itself, so that results
//! do not depend on the number of threads.

mod budget;
mod cell;
mod layer;
mod maps;
mod nodes;
mod polish;
mod resume;
mod scratch;
mod search;
mod sized;

use std::num::NonZeroUsize;

use self::budget::Path;
use self::layer::Worker;
use super::Ranks;
use crate::parallel;
use crate::{Error, Result};

pub use self::maps::{append_moves, changed_slots, count_copies, slots_of_experts};

/// Load of an expert that a layer does not have.
pub const ABSENT: u64 = u64::MAX;

/// Loads of a layer sum to less than this, so that their shares are compared exactly enough.
pub const MOST_LOAD: u64 = 1 << 53;

/// Bytes that placing a slot is worth when choosing the number of threads.
const WORK_PER_SLOT: usize = 512;

/// What is to be placed where.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// Tokens of each expert, layer by layer; [`ABSENT`] where a layer has no such expert.
    pub loads: &'a [u64],
    /// Experts of a layer, absent ones included.
    pub num_experts: usize,
    /// Slots of rank r: `slot_start[r]..slot_start[r + 1]`, in every layer.
    pub slot_start: &'a [usize],
    /// Nodes and speeds.
    pub ranks: &'a Ranks,
    /// A placement to start from, slot by slot; -1 is an empty slot.
    pub previous: Option<&'a [i64]>,
    /// Ratio, in millionths, that is good enough.
    pub target: u64,
    /// Copies that may be fetched, in all layers together; needs `previous`.
    pub max_moves: Option<u64>,
    /// Groups of consecutive experts whose copies stay on one node.
    pub groups: Option<usize>,
    /// Memory that a copy of each expert takes, layer by layer.
    pub sizes: Option<&'a [u64]>,
    /// Memory of each rank for the copies of one layer; needed with `sizes`.
    pub memory: &'a [u64],
}

impl Problem<'_> {
    fn num_layers(&self) -> usize {
        self.loads.len() / self.num_experts
    }

    fn num_slots(&self) -> usize {
        self.slot_start[self.ranks.count()]
    }

    fn layer(&self, layer: usize) -> &[u64] {
        &self.loads[layer * self.num_experts..(layer + 1) * self.num_experts]
    }

    fn previous_layer(&self, layer: usize) -> Option<&[i64]> {
        self.previous.map(|maps| &maps[layer * self.num_slots()..(layer + 1) * self.num_slots()])
    }

    fn sizes_of(&self, layer: usize) -> Option<&[u64]> {
        self.sizes.map(|sizes| &sizes[layer * self.num_experts..(layer + 1) * self.num_experts])
    }

    fn check(&self) -> Result<()> {
        let num_ranks = self.ranks.count();
        if self.num_experts == 0 || !self.loads.len().is_multiple_of(self.num_experts) {
            return Err(Error::shape("load", "(num_layers, num_experts)", self.loads.len()));
        }
        if self.slot_start.len() != num_ranks + 1 || self.slot_start[0] != 0 || !self.slot_start.is_sorted() {
            return Err(Error::shape("slot_start", format!("({},)", num_ranks + 1), self.slot_start.len()));
        }
        let slots = self.num_layers() * self.num_slots();
        if let Some(previous) = self.previous.filter(|previous| previous.len() != slots) {
            return Err(Error::shape("previous", format!("({slots},)"), previous.len()));
        }
        if self.sizes.is_some_and(|sizes| sizes.len() != self.loads.len() || self.memory.len() != num_ranks) {
            return Err(Error::shape("size", format!("({},)", self.loads.len()), "another"));
        }
        if let Some(groups) = self.groups.filter(|&groups| groups == 0 || !self.num_experts.is_multiple_of(groups)) {
            return Err(Error::value("groups", format!("a divisor of {} experts", self.num_experts), groups));
        }
        (0..self.num_layers()).try_for_each(|layer| self.check_layer(layer))
    }

    fn check_layer(&self, layer: usize) -> Result<()> {
        let present = self.layer(layer).iter().filter(|&&load| load != ABSENT);
        let (mut total, mut experts) = (0_u64, 0);
        for &load in present {
            total = total.saturating_add(load);
            experts += 1;
        }
        if total >= MOST_LOAD {
            return Err(Error::value("load", "less than 2^53 in each layer", format!("{total} in layer {layer}")));
        }
        let alive = |rank: &usize| self.ranks.is_alive(*rank);
        let slots: usize = (0..self.ranks.count())
            .filter(alive)
            .map(|rank| (self.slot_start[rank + 1] - self.slot_start[rank]).min(experts))
            .sum();
        if slots < experts {
            let expected = format!("at least {experts} on ranks that are alive, the experts of layer {layer}");
            return Err(Error::value("num_slots", expected, slots));
        }
        Ok(())
    }
}

/// Fill the expert of each slot, -1 where there is none, and the ratio of each layer.
///
/// The ratio is the time of the slowest rank over that of all ranks sharing the load by their speeds.
///
/// # Errors
/// If the arrays do not fit each other, a number is out of range, or experts do not fit; the message has the limit.
pub fn place(
    physical_to_logical: &mut [i64],
    ratio: &mut [f64],
    problem: &Problem<'_>,
    threads: Option<NonZeroUsize>,
) -> Result<()> {
    problem.check()?;
    let (layers, slots) = (problem.num_layers(), problem.num_slots());
    if physical_to_logical.len() != layers * slots || ratio.len() != layers {
        return Err(Error::shape("physical_to_logical", format!("({layers}, {slots})"), physical_to_logical.len()));
    }
    let threads = parallel::num_threads(threads, layers * slots * WORK_PER_SLOT).min(layers).max(1);
    let rows = layers.div_ceil(threads).max(1);
    let parts = physical_to_logical.chunks_mut((rows * slots).max(1)).enumerate().collect();
    let paths = parallel::each(parts, |(part, maps): (usize, &mut [i64])| {
        let mut worker = Worker::default();
        let mut paths = Vec::new();
        for (at, map) in maps.chunks_mut(slots).enumerate() {
            paths.append(&mut worker.layer(map, problem, part * rows + at)?);
        }
        Ok(paths)
    });
    let paths = paths.into_iter().collect::<Result<Vec<Vec<Path>>>>()?.concat();
    if let Some(most) = problem.max_moves {
        follow(physical_to_logical, slots, &paths, most)?;
    }
    for (layer, (map, ratio)) in physical_to_logical.chunks_mut(slots).zip(ratio).enumerate() {
        if let Some(previous) = problem.previous_layer(layer) {
            maps::keep_in_place(map, previous, problem.slot_start);
        }
        *ratio = ratio_of(map, problem, layer);
    }
    Ok(())
}

/// Take those steps that are worth their share of `most` fetched copies.
fn follow(maps: &mut [i64], slots: usize, paths: &[Path], most: u64) -> Result<()> {
    let lost: usize = paths.iter().map(|path| path.lost).sum();
    let Some(left) = most.checked_sub(lost as u64) else {
        let expected = format!("at least {lost}, the experts that no rank that is alive has");
        return Err(Error::value("max_moves", expected, most));
    };
    for (path, steps) in paths.iter().zip(budget::choose(paths, left)) {
        let map = &mut maps[path.layer * slots..(path.layer + 1) * slots];
        for step in &path.steps[..steps] {
            for (&slot, &expert) in step.slots.iter().zip(&step.experts) {
                map[slot] = expert;
            }
        }
    }
    Ok(())
}

/// Time of the slowest rank over the least possible, if each copy gets an equal share of its expert's load.
fn ratio_of(map: &[i64], problem: &Problem<'_>, layer: usize) -> f64 {
    let loads = problem.layer(layer);
    let mut copies = vec![0_u32; loads.len()];
    for &expert in map.iter().filter(|&&expert| expert >= 0) {
        copies[expert as usize] += 1;
    }
    let share = |&expert: &i64| loads[expert as usize] as f64 / f64::from(copies[expert as usize]);
    let (mut most, mut speeds) = (0.0_f64, 0.0);
    for rank in (0..problem.ranks.count()).filter(|&rank| problem.ranks.is_alive(rank)) {
        let held = &map[problem.slot_start[rank]..problem.slot_start[rank + 1]];
        let load: f64 = held.iter().filter(|&&expert| expert >= 0).map(share).sum();
        let speed = f64::from(problem.ranks.speed(rank));
        most = most.max(load / speed);
        speeds += speed;
    }
    let total: u64 = loads.iter().filter(|&&load| load != ABSENT).sum();
    if total == 0 { 1.0 } else { most / (total as f64 / speeds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        loads: Vec<u64>,
        num_experts: usize,
        slot_start: Vec<usize>,
        ranks: Ranks,
    }

    impl Case {
        fn new(loads: &[u64], num_experts: usize, per_rank: usize, num_ranks: usize) -> Self {
            let slot_start = (0..=num_ranks).map(|rank| rank * per_rank).collect();
            Self { loads: loads.to_vec(), num_experts, slot_start, ranks: Ranks::equal(num_ranks).unwrap() }
        }

        fn problem(&self) -> Problem<'_> {
            Problem {
                loads: &self.loads,
                num_experts: self.num_experts,
                slot_start: &self.slot_start,
                ranks: &self.ranks,
                previous: None,
                target: 1_000_000,
                max_moves: None,
                groups: None,
                sizes: None,
                memory: &[],
            }
        }
    }

    fn placed(problem: &Problem<'_>) -> Result<(Vec<i64>, Vec<f64>)> {
        let layers = problem.loads.len() / problem.num_experts;
        let mut maps = vec![0; layers * problem.num_slots()];
        let mut ratio = vec![0.0; layers];
        place(&mut maps, &mut ratio, problem, None).map(|()| (maps, ratio))
    }

    #[test]
    fn copies_follow_the_load() {
        let case = Case::new(&[90, 30, 30, 30], 4, 2, 3);
        assert_eq!(placed(&case.problem()).unwrap(), (vec![0, 1, 0, 2, 0, 3], vec![1.0]));
    }

    #[test]
    fn a_further_copy_that_could_only_go_beside_the_first_goes_to_a_cold_expert() {
        // Three slots on two ranks would put both halves of one hot expert beside the other, or share one of them.
        let case = Case::new(&[1000, 1000, 1], 3, 2, 2);
        let (map, ratio) = placed(&case.problem()).unwrap();
        assert_eq!(map.iter().filter(|&&expert| expert == 2).count(), 2, "{map:?}");
        assert!((ratio[0] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn fast_ranks_get_more() {
        let mut case = Case::new(&[30, 30, 30], 3, 2, 2);
        case.ranks = Ranks::new(&[2000, 1000], 2).unwrap();
        let problem = case.problem();
        let (map, ratio) = placed(&problem).unwrap();
        let share = |expert: i64| 30.0 / map.iter().filter(|&&held| held == expert).count() as f64;
        let load = |held: &[i64]| held.iter().filter(|&&expert| expert >= 0).map(|&expert| share(expert)).sum::<f64>();
        let (fast, slow) = (load(&map[..2]), load(&map[2..]));
        assert!(fast > slow && (ratio[0] - 1.0).abs() < 1e-12, "{map:?} {ratio:?}");
    }

    #[test]
    fn a_balanced_layer_stays_and_another_takes_few_steps() {
        let case = Case::new(&[10, 10, 10, 10, 40, 10, 10, 10], 4, 2, 2);
        let before = [0, 1, 2, 3, 0, 1, 2, 3];
        let problem = Problem { previous: Some(&before), target: 1_050_000, ..case.problem() };
        let (map, _) = placed(&problem).unwrap();
        assert_eq!(map[..4], before[..4]);
        let limited = placed(&Problem { max_moves: Some(0), ..problem }).unwrap();
        assert_eq!(limited.0, before);
        let again = Problem { previous: Some(&map), ..problem };
        assert_eq!(placed(&again).unwrap().0, map, "a plan is its own successor");
    }

    #[test]
    fn messages_name_the_limit() {
        let case = Case::new(&[1, 1, 1], 3, 1, 2);
        let message = placed(&case.problem()).unwrap_err().to_string();
        assert!(message.starts_with("`num_slots` must be at least 3 on ranks that are alive"), "{message}");
        let case = Case::new(&[1, 1, 1], 3, 2, 2);
        let sized = Problem { sizes: Some(&[4, 9, 1]), memory: &[8, 8], ..case.problem() };
        let message = placed(&sized).unwrap_err().to_string();
        assert!(message.contains("`capacity`") && message.contains("expert 1 of layer 0"), "{message}");
        let lost = Problem { previous: Some(&[0, -1, -1, -1]), max_moves: Some(1), ..case.problem() };
        assert!(placed(&lost).unwrap_err().to_string().starts_with("`max_moves` must be at least 2"));
    }

    #[test]
    fn threads_do_not_change_the_plan() {
        let loads: Vec<u64> = (0..7 * 16).map(|index| index * index % 97).collect();
        let case = Case::new(&loads, 16, 5, 4);
        let mut maps = vec![0; 7 * 20];
        let mut ratio = vec![0.0; 7];
        for threads in [1, 2, 7, 50] {
            place(&mut maps, &mut ratio, &case.problem(), NonZeroUsize::new(threads)).unwrap();
            assert_eq!((maps.clone(), ratio.clone()), placed(&case.problem()).unwrap());
        }
    }
}
