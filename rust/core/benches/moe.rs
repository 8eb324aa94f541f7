//! Split and spill of one step in process, in microseconds of one thread.
//!
//! Run with `cargo bench -p paretoserve-core --bench moe`. Targets: spill at most 5 us for 128 experts on 8 ranks and
//! 60 us for 256 on 64; split at most 40 us for 256 experts in 288 slots of 32 ranks. Medians over many loads.

use std::hint::black_box;
use std::time::Instant;

use paretoserve_core::moe::spill::{Options, Spiller, Tolerance};
use paretoserve_core::moe::split::{Copies, Objective, Splitter};
use paretoserve_core::moe::{Cost, Ranks, WHOLE};
use paretoserve_core::random::word;

const COST: Cost = Cost {
    token: 98_000,
    expert: 13_000_000,
    launch: 0,
    transfer: 119_000_000,
    transfer_inter: 119_000_000,
    exposed: WHOLE,
};

/// Zipf loads in an order drawn from the seed.
fn loads(num_experts: usize, num_ranks: usize, seed: u64) -> Vec<u64> {
    let mut order: Vec<usize> = (0..num_experts).collect();
    order.sort_by_key(|&expert| word(seed, expert as u64));
    let weight: f64 = (1..=num_experts).map(|rank| 1.0 / rank as f64).sum();
    let total = (num_ranks * 8192 * 8) as f64;
    let mut counts = vec![0; num_experts];
    for (rank, &expert) in order.iter().enumerate() {
        counts[expert] = (total / weight / (rank + 1) as f64) as u64 + u64::from(word(seed, rank as u64) % 50);
    }
    counts
}

/// Median over 64 loads of the mean of 20 calls each.
fn median(num_experts: usize, num_ranks: usize, mut call: impl FnMut(&[u64])) -> f64 {
    let mut times: Vec<f64> = (0..64)
        .map(|seed| {
            let counts = loads(num_experts, num_ranks, seed);
            call(&counts);
            let start = Instant::now();
            (0..20).for_each(|_| call(black_box(&counts)));
            start.elapsed().as_nanos() as f64 / 20e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[32]
}

fn spill(num_experts: usize, num_ranks: usize, tolerance: Tolerance, cost: Option<Cost>) -> f64 {
    let home: Vec<u32> = (0..num_experts).map(|expert| (expert * num_ranks / num_experts) as u32).collect();
    let options = Options { cost, ..Options::unlimited(tolerance, num_ranks) };
    let mut spiller = Spiller::new(&home, Ranks::equal(num_ranks).expect("ranks"), options).expect("homes");
    median(num_experts, num_ranks, |counts| {
        black_box(spiller.plan(counts).expect("counts"));
    })
}

fn split(num_experts: usize, num_slots: usize, num_ranks: usize, objective: Objective) -> f64 {
    // Every expert once, then those that come first a second time, on ranks drawn at random.
    let mut slots: Vec<i64> = (0..num_slots).map(|slot| (slot % num_experts) as i64).collect();
    let mut order: Vec<usize> = (0..num_slots).collect();
    order.sort_by_key(|&slot| word(1, slot as u64));
    slots = order.iter().map(|&slot| slots[slot]).collect();
    let starts: Vec<u32> = (0..=num_ranks).map(|rank| (rank * num_slots / num_ranks) as u32).collect();
    let copies = Copies::new(&slots, &starts, num_experts, Ranks::equal(num_ranks).expect("ranks")).expect("slots");
    let mut splitter = Splitter::new(copies);
    median(num_experts, num_ranks, |counts| splitter.split(black_box(counts), objective).expect("counts"))
}

fn main() {
    println!("{:<8} {:>10} {:>12} {:>12} {:>12} {:>12}", "spill", "", "exact", "at 1 %", "at 5 %", "sweep");
    for (num_experts, num_ranks) in [(128, 8), (256, 32), (256, 64), (384, 72)] {
        let [exact, one, five] =
            [0, 10_000, 50_000].map(|each| spill(num_experts, num_ranks, Tolerance::Fixed(each), None));
        let sweep = spill(num_experts, num_ranks, Tolerance::Auto, Some(COST));
        println!("{num_experts:>8} {num_ranks:>10} {exact:>9.2} us {one:>9.2} us {five:>9.2} us {sweep:>9.2} us");
    }
    println!("{:<8} {:>10} {:>10} {:>12} {:>12} {:>12}", "split", "", "", "tokens", "active", "cost");
    for (num_experts, num_slots, num_ranks) in [(128, 136, 8), (256, 288, 32), (256, 320, 64), (256, 512, 256)] {
        let [tokens, active, cost] = [Objective::Tokens, Objective::Active, Objective::Cost(COST)]
            .map(|objective| split(num_experts, num_slots, num_ranks, objective));
        println!("{num_experts:>8} {num_slots:>10} {num_ranks:>10} {tokens:>9.2} us {active:>9.2} us {cost:>9.2} us");
    }
}
