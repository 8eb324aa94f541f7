//! Split and spill on any input: every token once, limits kept, nothing slower than before, the same after other steps.

use paretoserve_core::moe::spill::{Options, Reason, Spiller, Tolerance};
use paretoserve_core::moe::split::{Copies, Objective, Splitter};
use paretoserve_core::moe::{Cost, Ranks, WHOLE};
use proptest::prelude::*;

/// Speeds of ranks, the first of them alive.
fn speeds() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(prop_oneof![3 => Just(1000_u32), 1 => 1..3000_u32, 1 => Just(0)], 1..9).prop_map(
        |mut speeds| {
            speeds[0] = speeds[0].max(1);
            speeds
        },
    )
}

fn counts(num_experts: usize) -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![Just(0), 0..20_u64, 0..100_000_u64], num_experts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn spills_keep_their_promises(
        (speeds, node, counts, homes) in (speeds(), 1..4_usize, 1..24_usize).prop_flat_map(|(speeds, node, experts)| {
            (Just(speeds), Just(node), counts(experts), prop::collection::vec(any::<prop::sample::Index>(), experts))
        }),
        tolerance in prop_oneof![Just(None), (0..300_000_u32).prop_map(Some)],
        min_tokens in 1..2000_u64,
        max_foreign in 0..4_u32,
        max_out in 0..5_u32,
        relay: bool,
        token in 0..1000_u64,
    ) {
        let alive: Vec<u32> = (0..speeds.len() as u32).filter(|&rank| speeds[rank as usize] > 0).collect();
        let home: Vec<u32> = homes.iter().map(|place| alive[place.index(alive.len())]).collect();
        let ranks = Ranks::new(&speeds, node).unwrap();
        let cost = Cost { token, expert: 5000, launch: 10, transfer: 700, transfer_inter: 9000, exposed: WHOLE / 2 };
        let options = Options {
            min_tokens,
            max_foreign: vec![max_foreign; speeds.len()],
            max_out,
            relay,
            cost: Some(cost),
            ..Options::unlimited(tolerance.map_or(Tolerance::Auto, Tolerance::Fixed), speeds.len())
        };
        let mut spiller = Spiller::new(&home, ranks.clone(), options).unwrap();
        let outcome = spiller.plan(&counts).unwrap();
        prop_assert!(outcome.after <= outcome.before);
        prop_assert_eq!(matches!(outcome.reason, Reason::Spill(_)), !spiller.transfers().is_empty());
        let mut kept = counts.clone();
        let mut loads = vec![0; speeds.len()];
        let (mut sent, mut received) = (vec![0; speeds.len()], vec![0; speeds.len()]);
        let mut holds: Vec<(u32, u32)> = (0..).zip(home.iter().copied()).collect();
        for transfer in spiller.transfers() {
            prop_assert!(holds.contains(&(transfer.expert, transfer.source)));
            prop_assert!(!holds.contains(&(transfer.expert, transfer.destination)));
            holds.push((transfer.expert, transfer.destination));
            kept[transfer.expert as usize] -= transfer.tokens;
            loads[transfer.destination as usize] += transfer.tokens;
            prop_assert!(speeds[transfer.destination as usize] > 0);
            prop_assert_eq!(transfer.slot, received[transfer.destination as usize]);
            received[transfer.destination as usize] += 1;
            sent[transfer.source as usize] += 1;
        }
        home.iter().zip(&kept).for_each(|(&rank, &tokens)| loads[rank as usize] += tokens);
        prop_assert_eq!(&loads[..], spiller.loads());
        prop_assert!(received.iter().all(|&number| number <= max_foreign));
        prop_assert!(sent.iter().all(|&number| number <= max_out));
        let first = spiller.transfers().to_vec();
        spiller.plan(&vec![1; counts.len()]).unwrap();
        prop_assert_eq!(spiller.plan(&counts).unwrap(), outcome);
        prop_assert_eq!(&first[..], spiller.transfers());
    }

    #[test]
    fn splits_are_whole_and_no_single_token_helps(
        (speeds, counts, slots) in (speeds(), 1..12_usize, 1..5_usize).prop_flat_map(|(speeds, experts, per_rank)| {
            let slots = prop::collection::vec(-1..experts as i64, speeds.len() * per_rank);
            (Just(speeds), counts(experts), slots)
        }),
    ) {
        let per_rank = slots.len() / speeds.len();
        let starts: Vec<u32> = (0..=speeds.len()).map(|rank| (rank * per_rank) as u32).collect();
        let copies = Copies::new(&slots, &starts, counts.len(), Ranks::new(&speeds, 8).unwrap()).unwrap();
        let held: Vec<u64> =
            counts.iter().enumerate().map(|(expert, &count)| if copies.slots(expert).is_empty() { 0 } else { count }).collect();
        let mut splitter = Splitter::new(copies);
        let cost = Cost { token: 100, expert: 5000, launch: 10, transfer: 0, transfer_inter: 0, exposed: 0 };
        let mut slowest = [0.0; 3];
        for (objective, slowest) in [Objective::Tokens, Objective::Active, Objective::Cost(cost)].into_iter().zip(&mut slowest) {
            splitter.split(&held, objective).unwrap();
            let mut loads = vec![0; speeds.len()];
            for (expert, &count) in held.iter().enumerate() {
                prop_assert_eq!(splitter.quota(expert).iter().sum::<u64>(), count);
                for (&slot, &tokens) in splitter.copies().slots(expert).iter().zip(splitter.quota(expert)) {
                    loads[slot as usize / per_rank] += tokens;
                }
            }
            prop_assert_eq!(&loads[..], splitter.loads());
            let time = |(&load, &speed): (&u64, &u32)| if load > 0 { load as f64 / f64::from(speed) } else { 0.0 };
            *slowest = loads.iter().zip(&speeds).map(time).fold(0.0, f64::max);
        }
        prop_assert!(slowest[0] <= slowest[1] && slowest[0] <= slowest[2]);
    }
}
