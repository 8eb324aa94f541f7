//! The members of an archive in slots: their values, their ids and, rarely, further members with equal values.

use std::collections::HashMap;
use std::num::NonZeroU64;

/// A member's id and its place among the points that were offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: i64,
    /// From 1 on, so that no entry takes no more room than one.
    place: NonZeroU64,
}

impl Entry {
    /// Of a point before which `serial` were offered; without an id it gets that number.
    #[inline]
    pub(super) fn new(id: Option<i64>, serial: u64) -> Self {
        Self { id: id.unwrap_or(serial as i64), place: NonZeroU64::MIN.saturating_add(serial) }
    }

    /// How many points were offered before it.
    #[inline]
    pub(super) fn serial(self) -> u64 {
        self.place.get() - 1
    }
}

/// Slots that share an allocation.
const PART: usize = 1024;
/// Those for which the first one has room from the start.
const FIRST: usize = 64;

/// The members of some slots.
#[derive(Debug, Clone)]
struct Part {
    values: Vec<f64>,
    /// The first member of each slot; none in a free one.
    entries: Vec<Option<Entry>>,
}

/// Slots of members; a free one is used again. What is there never moves when more come in.
#[derive(Debug, Clone)]
pub(super) struct Members {
    d: usize,
    parts: Vec<Part>,
    num_all_slots: usize,
    /// Further members of a slot, in the order they came in.
    equals: HashMap<u32, Vec<Entry>>,
    free: Vec<u32>,
    len: usize,
}

/// The part of a slot, and its place there.
#[inline]
fn place(slot: u32) -> (usize, usize) {
    (slot as usize / PART, slot as usize % PART)
}

impl Members {
    pub(super) fn new(d: usize) -> Self {
        Self { d, parts: Vec::new(), num_all_slots: 0, equals: HashMap::new(), free: Vec::new(), len: 0 }
    }

    /// Number of members, equal ones counted each.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Number of slots in use.
    pub(super) fn num_slots(&self) -> usize {
        self.num_all_slots - self.free.len()
    }

    /// Number of slots, free ones too.
    pub(super) fn num_all_slots(&self) -> usize {
        self.num_all_slots
    }

    /// The slots in use, rising.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        let entries = self.parts.iter().flat_map(|part| &part.entries);
        (0..).zip(entries).filter(|(_, entry)| entry.is_some()).map(|(slot, _)| slot)
    }

    pub(super) fn values(&self, slot: u32) -> &[f64] {
        let (part, at) = place(slot);
        &self.parts[part].values[at * self.d..][..self.d]
    }

    /// The members of a slot in the order they came in.
    pub(super) fn entries(&self, slot: u32) -> impl Iterator<Item = Entry> {
        let further = self.equals.get(&slot).into_iter().flatten().copied();
        let (part, at) = place(slot);
        self.parts[part].entries[at].into_iter().chain(further)
    }

    /// The slot of the next new member.
    pub(super) fn next_slot(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.num_all_slots as u32)
    }

    /// A new member; its slot.
    #[inline]
    pub(super) fn push(&mut self, point: &[f64], entry: Entry) -> u32 {
        self.len += 1;
        if let Some(slot) = self.free.pop() {
            let (part, at) = place(slot);
            let part = &mut self.parts[part];
            part.values[at * self.d..][..self.d].copy_from_slice(point);
            part.entries[at] = Some(entry);
            return slot;
        }
        let slot = self.num_all_slots;
        self.num_all_slots += 1;
        if slot.is_multiple_of(PART) {
            // Small archives take little.
            let room = if slot == 0 { FIRST } else { PART };
            self.parts.push(Part { values: Vec::with_capacity(room * self.d), entries: Vec::with_capacity(room) });
        }
        if let Some(part) = self.parts.last_mut() {
            part.values.extend_from_slice(point);
            part.entries.push(Some(entry));
        }
        slot as u32
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
        let (part, at) = place(slot);
        self.parts[part].entries[at] = None;
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
