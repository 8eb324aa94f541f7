//! Threads for one call: started for it, gone after it. There is no global pool, because serving stacks fork.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
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
    if parts.len() < 2 {
        return parts.into_iter().map(work).collect();
    }
    let places: Vec<Mutex<(Option<T>, Option<R>)>> =
        parts.into_iter().map(|part| Mutex::new((Some(part), None))).collect();
    // Each place is locked by one thread only.
    let lock = |index: usize| places[index].lock().unwrap_or_else(PoisonError::into_inner);
    on_threads(places.len(), &|index| {
        let part = lock(index).0.take();
        let result = part.map(&work);
        lock(index).1 = result;
    });
    places.into_iter().filter_map(|place| place.into_inner().unwrap_or_else(PoisonError::into_inner).1).collect()
}

/// Call `work` with every number below `count`, each on its own thread; the first on the caller's.
///
/// Not generic: threads and their panics take much code, which is here once for all callers.
fn on_threads(count: usize, work: &(dyn Fn(usize) + Sync)) {
    thread::scope(|scope| {
        let others: Vec<_> = (1..count).map(|index| scope.spawn(move || work(index))).collect();
        work(0);
        for other in others {
            if let Err(panic) = other.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
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
    fn a_panic_comes_back_as_it_was() {
        let caught = std::panic::catch_unwind(|| {
            each(vec![0, 1, 2], |part| if part == 1 { std::panic::panic_any(part) } else { part })
        });
        assert_eq!(caught.expect_err("a part panicked").downcast_ref(), Some(&1));
    }

    #[test]
    fn small_work_stays_on_one_thread() {
        assert_eq!(num_threads(None, 1000), 1);
        assert_eq!(num_threads(NonZeroUsize::new(7), 1000), 7);
    }
}
