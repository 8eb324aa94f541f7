//! The members of an archive in slots: their values, their ids and, rarely, further members with equal values.

use std::collections::HashMap;

/// A member's id and how many points were offered before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) serial: u64,
}

/// Slots of members; a free one is used again.
#[derive(Debug, Clone)]
pub(super) struct Members {
    d: usize,
    values: Vec<f64>,
    /// The first member of each slot; none in a free one.
    entries: Vec<Option<Entry>>,
    /// Further members of a slot, in the order they came in.
    equals: HashMap<u32, Vec<Entry>>,
    free: Vec<u32>,
    len: usize,
}

impl Members {
    pub(super) fn new(d: usize) -> Self {
        Self { d, values: Vec::new(), entries: Vec::new(), equals: HashMap::new(), free: Vec::new(), len: 0 }
    }

    /// Number of members, equal ones counted each.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Number of slots in use.
    pub(super) fn num_slots(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Number of slots, free ones too.
    pub(super) fn num_all_slots(&self) -> usize {
        self.entries.len()
    }

    /// The slots in use, rising.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().enumerate().filter(|(_, entry)| entry.is_some()).map(|(slot, _)| slot as u32)
    }

    pub(super) fn values(&self, slot: u32) -> &[f64] {
        &self.values[slot as usize * self.d..][..self.d]
    }

    /// The members of a slot in the order they came in.
    pub(super) fn entries(&self, slot: u32) -> impl Iterator<Item = Entry> {
        let further = self.equals.get(&slot).into_iter().flatten().copied();
        self.entries[slot as usize].into_iter().chain(further)
    }

    /// The slot of the next new member.
    pub(super) fn next_slot(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.entries.len() as u32)
    }

    /// A new member; its slot.
    pub(super) fn push(&mut self, point: &[f64], entry: Entry) -> u32 {
        self.len += 1;
        if let Some(slot) = self.free.pop() {
            self.values[slot as usize * self.d..][..self.d].copy_from_slice(point);
            self.entries[slot as usize] = Some(entry);
            return slot;
        }
        self.values.extend_from_slice(point);
        self.entries.push(Some(entry));
        self.entries.len() as u32 - 1
    }

    /// A member with the values of the one in `slot`.
    pub(super) fn push_equal(&mut self, slot: u32, entry: Entry) {
        self.len += 1;
        self.equals.entry(slot).or_default().push(entry);
    }

    /// Move the members of slot `from` to `to`, whose values are equal and came in earlier.
    pub(super) fn absorb(&mut self, to: u32, from: u32) {
        for entry in self.entries(from).collect::<Vec<_>>() {
            self.push_equal(to, entry);
        }
        self.remove(from);
    }

    /// Remove the last of several equal members of a slot; none if it is alone.
    pub(super) fn pop_equal(&mut self, slot: u32) -> Option<Entry> {
        let further = self.equals.get_mut(&slot)?;
        let last = further.pop();
        if further.is_empty() {
            self.equals.remove(&slot);
        }
        self.len -= usize::from(last.is_some());
        last
    }

    /// Empty a slot; how many members it had.
    pub(super) fn remove(&mut self, slot: u32) -> usize {
        let further =
            if self.equals.is_empty() { 0 } else { self.equals.remove(&slot).map_or(0, |equals| equals.len()) };
        self.entries[slot as usize] = None;
        self.free.push(slot);
        self.len -= 1 + further;
        1 + further
    }

    /// Put a new member in the place of those of a slot; how many they were.
    pub(super) fn replace(&mut self, slot: u32, point: &[f64], entry: Entry) -> usize {
        let removed = self.remove(slot);
        self.push(point, entry);
        removed
    }
}
