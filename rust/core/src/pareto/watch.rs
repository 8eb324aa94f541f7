//! Ends long computations when the caller wants it: one thread asks now and then and tells the others.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Time between two questions.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether to go on, as one thread sees it.
pub(super) struct Watch<'a> {
    stopped: &'a AtomicBool,
    /// Asked by the caller's thread only, the one that sees signals.
    ask: Option<&'a (dyn Fn() -> bool + Sync)>,
    asked: Instant,
}

impl<'a> Watch<'a> {
    pub(super) fn new(stopped: &'a AtomicBool, ask: Option<&'a (dyn Fn() -> bool + Sync)>) -> Self {
        Self { stopped, ask, asked: Instant::now() }
    }

    pub(super) fn stops(&mut self) -> bool {
        if let Some(ask) = self.ask
            && self.asked.elapsed() > PAUSE
        {
            self.asked = Instant::now();
            if ask() {
                self.stopped.store(true, Relaxed);
            }
        }
        self.stopped.load(Relaxed)
    }
}
