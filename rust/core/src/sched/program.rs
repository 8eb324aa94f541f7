//! Programs: agents and other chains of calls of which only the next one is known.
//!
//! A program is a record that its calls share: how old it is, how much work it has received, how large a chunk of work
//! it is in (see `policy/balance.rs`), and until when its KV cache is worth its blocks while no call runs.

use super::request::ProgramIndex;
use crate::{Error, Result};

/// What the calls of a program share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Program {
    /// The sequence of its first call; none yet before it.
    pub age: Option<u64>,
    /// Work received by calls that ended, in millionths of an output token.
    pub attained: u64,
    /// Calls that finished.
    pub num_finished: u32,
    /// Calls that wait or run.
    pub num_live: u32,
    /// The largest class of a call so far, and which start was the last of any call; 0 before the first.
    pub class: u8,
    /// See `class`.
    pub start: u64,
    /// While it is paused: since when, and until when its blocks are worth keeping.
    pub paused: Option<(u64, u64)>,
}

/// All programs.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    pub(super) entries: Vec<Option<Program>>,
    pub(super) free: Vec<ProgramIndex>,
}

impl Programs {
    pub(crate) fn add(&mut self) -> Result<ProgramIndex> {
        if let Some(index) = self.free.pop() {
            self.entries[index as usize] = Some(Program::default());
            return Ok(index);
        }
        let index = ProgramIndex::try_from(self.entries.len())
            .map_err(|_| Error::value("program", "at most 4294967295 at once", self.entries.len()))?;
        self.entries.push(Some(Program::default()));
        Ok(index)
    }

    pub(crate) fn get(&self, index: ProgramIndex) -> Result<&Program> {
        self.entries
            .get(index as usize)
            .and_then(Option::as_ref)
            .ok_or_else(|| Error::value("program", "a live program", index))
    }

    pub(crate) fn get_mut(&mut self, index: ProgramIndex) -> Result<&mut Program> {
        self.entries
            .get_mut(index as usize)
            .and_then(Option::as_mut)
            .ok_or_else(|| Error::value("program", "a live program", index))
    }

    /// Forget a program without live calls.
    pub(crate) fn end(&mut self, index: ProgramIndex) -> Result<()> {
        let live = self.get(index)?.num_live;
        if live > 0 {
            return Err(Error::value("program", "without live calls", format!("{live} that wait or run")));
        }
        self.entries[index as usize] = None;
        self.free.push(index);
        Ok(())
    }

    /// Handles ever given, live or not.
    pub(super) fn num_slots(&self) -> usize {
        self.entries.len()
    }

    /// Whether each program has so many live calls.
    pub(super) fn have_calls(&self, calls: &[u32]) -> bool {
        self.entries.iter().map(|entry| entry.map_or(0, |program| program.num_live)).eq(calls.iter().copied())
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}
