//! Threads for one call: started for it, gone after it. There is no global pool, because serving stacks fork.

use std::num::NonZeroUsize;
use std::thread;

/// Fewer bytes than this per thread are not worth starting one.
const BYTES_PER_THREAD: usize = 4 << 20;

/// How many threads to use: `requested`, or one per core and 4 MiB of data.
pub fn num_threads(requested: Option<NonZeroUsize>, bytes: usize) -> usize {
    requested.map_or_else(
        || {
            let most = (bytes / BYTES_PER_THREAD).max(1);
            if most == 1 { 1 } else { thread::available_parallelism().map_or(1, NonZeroUsize::get).min(most) }
        },
        NonZeroUsize::get,
    )
}

/// Do `work` on every part, each on its own thread; the first on the caller's.
///
/// Returns what the parts returned, in their order, so that no result depends on the number of threads.
pub fn each<T: Send, R: Send>(parts: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return Vec::new() };
    thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let mut results = vec![work(first)];
        for other in others {
            match other.join() {
                Ok(result) => results.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_parts() {
        assert_eq!(each((0..5).collect(), |part| part * part), [0, 1, 4, 9, 16]);
        assert!(each(Vec::<i32>::new(), |part| part).is_empty());
    }

    #[test]
    fn small_work_stays_on_one_thread() {
        assert_eq!(num_threads(None, 1000), 1);
        assert_eq!(num_threads(NonZeroUsize::new(7), 1000), 7);
    }
}
