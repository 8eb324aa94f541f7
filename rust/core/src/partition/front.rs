//! The front itself: run the search, keep what no other split beats, and follow the labels to their stages.

use super::chain::states;
use super::labels::{NONE, Search};
use super::missing::{Shortfall, shortfall};
use super::tables::Tables;
use super::{Options, Problem};
use crate::Result;
use crate::order::sort_by;

/// Blocks `start` to before `end`, on `replicas` devices of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Of the devices.
    pub kind: usize,
    /// First block.
    pub start: usize,
    /// Block after the last one.
    pub end: usize,
    /// Devices that share the requests.
    pub replicas: u64,
}

/// Stages from the first to the last block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// In the order of the blocks.
    pub stages: Vec<Stage>,
    /// Nanoseconds of one request alone.
    pub latency: u64,
    /// Nanoseconds between requests when many are on their way.
    pub bottleneck: u64,
    /// Nanojoules of a request.
    pub energy: u64,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The front, by latency (or energy, if latency does not count) and then period, and how many labels it took.
    Front(Vec<Split>, usize),
    /// Nothing fits; of the split that lacks least what is missing where.
    TooLarge(Vec<Shortfall>),
}

/// Find the splits that no other one beats; of splits with equal objectives one.
///
/// # Errors
/// If the numbers do not fit each other or are too large, there are more stages than blocks, or the front too large.
pub fn split_front(problem: &Problem<'_>, options: &Options) -> Result<Outcome> {
    problem.check(options)?;
    let states = states(problem.count, options)?;
    let tables = Tables::new(problem, options);
    let mut search = Search::new(problem, options, &tables, &states);
    search.run()?;
    let mut ends: Vec<usize> =
        (0..states.len()).filter(|&state| states[state].is_front).flat_map(|state| search.cell(state, 0)).collect();
    if ends.is_empty() {
        return Ok(Outcome::TooLarge(shortfall(problem, &tables, &states)));
    }
    let key = |end: usize| (search.labels[end].first, search.labels[end].bottleneck, search.labels[end].third, end);
    sort_by(&mut ends, &|a, b| key(a).cmp(&key(b)));
    let mut kept: Vec<usize> = Vec::new();
    for end in ends {
        let (_, bottleneck, third, _) = key(end);
        let beaten = |&other: &usize| {
            let other = &search.labels[other];
            other.bottleneck <= bottleneck && other.third <= third
        };
        if !kept.iter().rev().any(beaten) {
            kept.push(end);
        }
    }
    let stages = |end: usize| {
        let mut stages: Vec<Stage> = Vec::new();
        let mut at = end as u32;
        while at != NONE {
            let label = &search.labels[at as usize];
            let state = &states[label.state as usize];
            let start = label.start as usize;
            if let Some(last) = stages.last_mut() {
                last.end = start;
            }
            stages.push(Stage { kind: state.kind, start, end: tables.blocks, replicas: state.replicas });
            at = label.next;
        }
        stages
    };
    let splits = kept.into_iter().map(|end| evaluate(problem, &tables, options.overlap, stages(end))).collect();
    Ok(Outcome::Front(splits, search.labels.len()))
}

/// The objectives of a split, those that do not count included.
fn evaluate(problem: &Problem<'_>, tables: &Tables<'_>, overlap: bool, stages: Vec<Stage>) -> Split {
    let (mut latency, mut bottleneck, mut energy) = (0, 0, 0);
    for (index, stage) in stages.iter().enumerate() {
        let time = tables.time_before(stage.kind, stage.end) - tables.time_before(stage.kind, stage.start);
        let mut busy = time;
        if let Some(next) = stages.get(index + 1) {
            let (transfer, hold) = tables.transfer(stage.kind, next.kind, stage.end);
            latency += transfer;
            busy += if overlap { 0 } else { transfer };
            bottleneck = bottleneck.max(hold.div_ceil(stage.replicas.min(next.replicas)));
            energy += tables.send(stage.kind, stage.end);
        }
        latency += time;
        bottleneck = bottleneck.max(busy.div_ceil(stage.replicas));
        let row = &problem.energy[stage.kind * tables.blocks..];
        energy += row[stage.start..stage.end].iter().sum::<u64>();
    }
    Split { stages, latency, bottleneck, energy }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Options = Options {
        max_replicas: 1,
        free_order: false,
        use_all: true,
        overlap: true,
        objectives: [true; 3],
        epsilon: 0.0,
        max_labels: 1000,
    };

    /// Two kinds; the second twice as fast, at three times the energy.
    fn solve(transfer: &[u64], capacity: &[u64], options: &Options) -> Outcome {
        let (time, energy) = ([20, 30, 40, 10, 10, 15, 20, 5], [2, 3, 4, 1, 6, 9, 12, 3]);
        let transfer = transfer.repeat(4);
        let problem = Problem {
            time: &time,
            energy: &energy,
            memory: &[1; 4],
            transfer: &transfer,
            hold: &transfer,
            send: &[0; 8],
            count: &[1, 1],
            capacity,
        };
        split_front(&problem, options).unwrap()
    }

    fn values(outcome: Outcome) -> Vec<(u64, u64, u64)> {
        let Outcome::Front(splits, _) = outcome else { panic!("{outcome:?}") };
        splits.iter().map(|split| (split.latency, split.bottleneck, split.energy)).collect()
    }

    #[test]
    fn the_vector_of_paretopipe() {
        let transfer = [85, 37, 21, 0];
        let two = Options { objectives: [true, true, false], ..ALL };
        assert_eq!(values(solve(&transfer, &[9, 9], &two)), [(112, 50, 20)]);
        // With energy the last cut counts too; left out, the fast device alone or the thrifty one.
        assert_eq!(values(solve(&transfer, &[9, 9], &ALL)), [(112, 50, 20), (116, 90, 12)]);
        let free = Options { use_all: false, ..ALL };
        assert_eq!(
            values(solve(&transfer, &[9, 9], &free)),
            [(50, 50, 30), (100, 100, 10), (112, 50, 20), (116, 90, 12)]
        );
        // Two blocks need 37 more while they send.
        assert_eq!(values(solve(&transfer, &[9, 9], &Options { overlap: false, ..two })), [(112, 87, 20)]);
    }

    #[test]
    fn what_lacks_least_is_told() {
        let short = Shortfall { kind: 1, start: 2, end: 4, bytes: 1 };
        assert_eq!(solve(&[0; 4], &[2, 1], &ALL), Outcome::TooLarge(vec![short]));
        let outcome = solve(&[0; 4], &[0, 0], &ALL);
        let Outcome::TooLarge(stages) = outcome else { panic!("{outcome:?}") };
        assert_eq!(stages.iter().map(|stage| stage.bytes).sum::<u64>(), 4);
    }

    #[test]
    fn too_many_labels_are_refused() {
        let time: Vec<u64> = (0..80).map(|block| 100 + block * block % 37).collect();
        let problem = Problem {
            time: &time,
            energy: &[0; 80],
            memory: &[0; 40],
            transfer: &[0; 160],
            hold: &[0; 160],
            send: &[0; 80],
            count: &[1, 1],
            capacity: &[1, 1],
        };
        let refused = split_front(&problem, &Options { max_labels: 10, ..ALL }).unwrap_err().to_string();
        assert!(refused.starts_with("`epsilon` must be larger"), "{refused}");
        let no_front = split_front(&problem, &Options { epsilon: f64::NAN, ..ALL });
        assert!(no_front.is_err());
    }
}
