//! The queue of the scheduler beside `BTreeSet`: change of a key, pop and push, in nanoseconds of one thread.
//!
//! Run with `cargo bench -p paretoserve-core --bench sched_queue`. Targets: change of a key at most 250 ns and pop at
//! most 500 ns with 100,000 entries. Each figure is the median of nine rounds.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

use paretoserve_core::random::word;
use paretoserve_core::sched::queue::Queue;

type Key = (u64, u64);

fn key(seed: u64, request: u32) -> Key {
    (u64::from(word(seed, u64::from(request)) % 1_000_000), u64::from(request))
}

fn median(mut round: impl FnMut(u64) -> f64) -> f64 {
    let mut times: Vec<f64> = (0..9).map(&mut round).collect();
    times.sort_by(f64::total_cmp);
    times[4]
}

fn each(calls: u32, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn full(n: u32) -> Queue<Key> {
    let mut queue = Queue::new();
    (0..n).for_each(|request| queue.set(request, key(0, request)));
    queue
}

fn main() {
    println!("{:>9} {:>22} {:>22} {:>12}", "entries", "change key (BTreeSet)", "pop (BTreeSet)", "push");
    for n in [1_000, 10_000, 100_000] {
        let calls = 20_000.min(n / 2);
        let victims: Vec<u32> = (0..calls).map(|call| word(1, u64::from(call)) % n).collect();
        let (mut queue, mut keys) = (full(n), (0..n).map(|request| key(0, request)).collect::<Vec<_>>());
        let change = median(|seed| {
            each(calls, || victims.iter().for_each(|&request| queue.set(request, key(seed + 2, request))))
        });
        let mut set: BTreeSet<Key> = keys.iter().copied().collect();
        let change_set = median(|seed| {
            each(calls, || {
                for &request in &victims {
                    let (old, new) = (keys[request as usize], key(seed + 2, request));
                    keys[request as usize] = new;
                    set.remove(&old);
                    set.insert(new);
                }
            })
        });
        let pop = median(|_| {
            let mut queue = full(n);
            each(calls, || {
                for _ in 0..calls {
                    black_box(queue.pop());
                }
            })
        });
        let pop_set = median(|_| {
            let mut set: BTreeSet<Key> = (0..n).map(|request| key(0, request)).collect();
            each(calls, || {
                for _ in 0..calls {
                    black_box(set.pop_first());
                }
            })
        });
        let push = median(|_| each(n, || drop(black_box(full(n)))));
        println!("{n:>9} {change:>9.0} ns ({change_set:>5.0} ns) {pop:>9.0} ns ({pop_set:>5.0} ns) {push:>9.0} ns");
    }
}
