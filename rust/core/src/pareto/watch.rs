//! Ends long computations when the caller wants it: one thread asks now and then and tells the others.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Time between two questions.
const PAUSE: Duration = Duration::from_millis(20);

/// What a caller says that may end a call; one for all threads of a call.
pub(super) struct Stop<'a> {
    ask: &'a (dyn Fn() -> bool + Sync),
    stopped: AtomicBool,
}

impl<'a> Stop<'a> {
    pub(super) fn new(ask: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { ask, stopped: AtomicBool::new(false) }
    }

    /// For threads that may be the caller's; on others the question does no harm.
    pub(super) fn watch(&self) -> Watch<'_> {
        Watch::new(&self.stopped, Some(self.ask))
    }

    /// An error if the call was stopped: what it has computed is not whole then.
    pub(super) fn check(&self) -> Result<()> {
        if self.stopped.load(Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

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
