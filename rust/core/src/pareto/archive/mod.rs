//! A front that grows: points come one by one or in batches, those that another one dominates go.
//!
//! Members lie in slots; an index over their keys finds who dominates a new point and whom it dominates: a sorted list
//! for two objectives (`plane`), a tree of boxes otherwise (`tree`). A large batch is filtered by itself first and then
//! together with the members; the index is built anew when the next single point comes. With box sizes the index holds
//! boxes, of each of which the lexicographically best point stays: the epsilon-Pareto archive of Laumanns, Thiele, Deb
//! and Zitzler 2002, but independent of the order of the points.

mod batch;
mod crowd;
mod index;
mod members;
mod plane;
mod tree;
mod volume;

use super::boxes::float_box;
use super::filter::prefilter::Strong;
use super::keys::key;
use crate::error::{Error, Result};
use index::{Index, Relation};
use members::{Entry, Members};
use volume::Volume;

/// What an archive is made for.
#[derive(Debug, Clone)]
pub struct ArchiveOptions {
    /// Per objective: larger is better.
    pub maximize: Vec<bool>,
    /// Whether all of equal points stay or only the first.
    pub keep_all: bool,
    /// One box size per objective.
    pub eps: Option<Vec<f64>>,
    /// Most members; the most crowded ones go.
    pub capacity: Option<usize>,
    /// Reference point of the hypervolume.
    pub reference: Option<Vec<f64>>,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Points that were offered.
    pub offered: u64,
    /// Points that became members.
    pub kept: u64,
    /// Members that a later point or the capacity removed.
    pub removed: u64,
}

/// Points that none of the others dominates, each with an id.
#[derive(Debug, Clone)]
pub struct Archive {
    options: ArchiveOptions,
    members: Members,
    index: Option<Index>,
    counters: Counters,
    volume: Option<Volume>,
    /// Room for the keys of one point and for the slots that it removes.
    keys: Vec<i64>,
    removed: Vec<u32>,
    /// Points offered before that dominate much of what comes in batches, and after how many others are chosen.
    strong: (Strong<i64>, u64),
}

impl Archive {
    /// An empty archive.
    ///
    /// # Errors
    /// If there is no objective, an option has not one entry per objective, or a number is out of range.
    pub fn new(options: ArchiveOptions) -> Result<Self> {
        let d = options.maximize.len();
        if d == 0 {
            return Err(Error::value("num_objectives", "1 or more", 0));
        }
        for (argument, values) in [("eps", &options.eps), ("ref", &options.reference)] {
            if let Some(values) = values.as_ref().filter(|values| values.len() != d) {
                return Err(Error::shape(argument, format!("({d},)"), format!("({},)", values.len())));
            }
        }
        if let Some(bad) = options.eps.iter().flatten().find(|size| !(size.is_finite() && **size >= 0.0)) {
            return Err(Error::value("eps", "finite and not negative", bad));
        }
        if options.reference.iter().flatten().any(|value| value.is_nan()) {
            return Err(Error::value("ref", "free of NaN", "NaN"));
        }
        if options.capacity == Some(0) {
            return Err(Error::value("capacity", "1 or more", 0));
        }
        let volume = options.reference.as_ref().map(|reference| Volume::new(reference, &options.maximize));
        let (members, index) = (Members::new(d), Some(Index::new(d)));
        let counters = Counters::default();
        Ok(Self {
            options,
            members,
            index,
            counters,
            volume,
            keys: vec![0; d],
            removed: Vec::new(),
            strong: Default::default(),
        })
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Set the counters, as a copy has them.
    pub fn set_counters(&mut self, counters: Counters) {
        self.counters = counters;
    }

    /// Offer a point; whether it is a member now. Without an id it gets the number of points offered before it.
    ///
    /// # Errors
    /// If it has not one value per objective or has a NaN.
    #[inline]
    pub fn add(&mut self, point: &[f64], id: Option<i64>) -> Result<bool> {
        self.check("point", point, 1)?;
        let serial = self.counters.offered;
        self.counters.offered += 1;
        Ok(self.offer(point, Entry::new(id, serial)))
    }

    /// For each row of a C-order matrix: 1 if some member dominates it.
    ///
    /// # Errors
    /// If a length does not fit or a value is NaN.
    pub fn dominated(&mut self, out: &mut [u8], points: &[f64]) -> Result<()> {
        let d = self.options.maximize.len();
        self.check("points", points, out.len())?;
        if self.options.eps.is_some() {
            // The index knows boxes only; the members are few.
            let mut index = Index::new(d);
            let mut exact = vec![0; d];
            for slot in self.members.slots() {
                directed(&mut exact, self.members.values(slot), &self.options.maximize);
                index.offer(&exact, slot, &mut Vec::new());
            }
            self.dominated_by(out, points, &mut index);
            return Ok(());
        }
        self.ensure_index();
        let mut index = self.index.take().expect("built above");
        self.dominated_by(out, points, &mut index);
        self.index = Some(index);
        Ok(())
    }

    fn dominated_by(&self, out: &mut [u8], points: &[f64], index: &mut Index) {
        let d = self.options.maximize.len();
        let mut keys = vec![0; d];
        for (out, point) in out.iter_mut().zip(points.chunks_exact(d)) {
            directed(&mut keys, point, &self.options.maximize);
            *out = u8::from(matches!(index.relation(&keys), Relation::Dominated));
        }
    }

    /// The members' points, ids and how many points had been offered before each; lexicographically best first, equal
    /// ones in the order they came in.
    pub fn front(&self) -> (Vec<f64>, Vec<i64>, Vec<u64>) {
        let d = self.options.maximize.len();
        let mut sorted: Vec<(u64, u32, i64)> = Vec::with_capacity(self.len());
        for slot in self.members.slots() {
            sorted.extend(self.members.entries(slot).map(|entry| (entry.serial(), slot, entry.id)));
        }
        let mut keys = vec![0; self.members.num_all_slots() * d];
        for slot in self.members.slots() {
            directed(&mut keys[slot as usize * d..][..d], self.members.values(slot), &self.options.maximize);
        }
        let of = |slot: u32| &keys[slot as usize * d..][..d];
        sorted.sort_unstable_by(|a, b| of(a.1).cmp(of(b.1)).then(a.0.cmp(&b.0)));
        let points = sorted.iter().flat_map(|&(_, slot, _)| self.members.values(slot)).copied().collect();
        let ids = sorted.iter().map(|&(_, _, id)| id).collect();
        (points, ids, sorted.iter().map(|&(serial, _, _)| serial).collect())
    }

    /// The volume between the members and the reference point.
    ///
    /// # Errors
    /// If it was made without a reference point, or once `stop`, asked now and then, says true.
    pub fn hypervolume(&mut self, stop: &(dyn Fn() -> bool + Sync)) -> Result<f64> {
        let Some(volume) = &mut self.volume else {
            let expected = "given when the archive is made, for a hypervolume";
            return Err(Error::value("ref", expected, "None"));
        };
        volume.total(&self.members, stop)
    }

    #[inline]
    fn check(&self, argument: &'static str, values: &[f64], num_rows: usize) -> Result<()> {
        // All are looked at, as vectors: almost always there is none.
        let holes = values.iter().fold(false, |any, value| any | value.is_nan());
        if holes || values.len() != num_rows * self.options.maximize.len() {
            return Err(self.refusal(argument, values, num_rows));
        }
        Ok(())
    }

    #[cold]
    fn refusal(&self, argument: &'static str, values: &[f64], num_rows: usize) -> Error {
        let d = self.options.maximize.len();
        if values.len() != num_rows * d {
            return Error::shape(argument, format!("({num_rows}, {d})"), format!("({},)", values.len()));
        }
        let at = values.iter().position(|value| value.is_nan()).unwrap_or(0);
        let row = if num_rows > 1 { format!(" in row {}", at / d) } else { String::new() };
        let hint = "hint: leave such points out, or give a missing value a number worse than all";
        Error::value(argument, "free of NaN", format!("NaN{row}\n{hint}"))
    }

    /// The keys that the index compares: of the values or of their boxes.
    #[inline]
    fn index_keys(keys: &mut [i64], point: &[f64], options: &ArchiveOptions) {
        directed(keys, point, &options.maximize);
        if let Some(eps) = &options.eps {
            for (((key, &value), &maximize), &eps) in keys.iter_mut().zip(point).zip(&options.maximize).zip(eps) {
                if eps > 0.0 {
                    let number = float_box(value, eps);
                    *key = if maximize { !number } else { number };
                }
            }
        }
    }

    #[inline]
    fn ensure_index(&mut self) {
        if self.index.is_none() {
            self.build_index();
        }
    }

    fn build_index(&mut self) {
        let mut index = Index::new(self.options.maximize.len());
        for slot in self.members.slots().collect::<Vec<_>>() {
            Self::index_keys(&mut self.keys, self.members.values(slot), &self.options);
            if let Relation::Equal(first) = index.offer(&self.keys, slot, &mut self.removed) {
                self.members.absorb(first, slot);
            }
        }
        self.index = Some(index);
    }

    fn offer(&mut self, point: &[f64], entry: Entry) -> bool {
        self.ensure_index();
        Self::index_keys(&mut self.keys, point, &self.options);
        let index = self.index.as_mut().expect("built above");
        self.removed.clear();
        let stays = match index.offer(&self.keys, self.members.next_slot(), &mut self.removed) {
            Relation::Dominated => return false,
            Relation::Equal(slot) => self.settle(slot, point, entry),
            Relation::Free => {
                let slot = self.members.push(point, entry);
                if let Some(volume) = &mut self.volume {
                    if self.options.eps.is_some() && !self.removed.is_empty() {
                        // A member whose box is dominated may itself reach beyond the new one.
                        volume.forget();
                    } else {
                        volume.inserted(&self.members, index, &self.keys, slot, &self.removed);
                    }
                }
                for &slot in &self.removed {
                    self.counters.removed += self.members.remove(slot) as u64;
                }
                true
            }
        };
        self.counters.kept += u64::from(stays);
        match self.options.capacity {
            Some(capacity) if stays && self.members.len() > capacity => self.shrink() != Some(entry),
            _ => stays,
        }
    }

    /// A point equals a member, or lies in its box: the better one stays, or both.
    fn settle(&mut self, slot: u32, point: &[f64], entry: Entry) -> bool {
        let (mut own, mut other) = (vec![0; point.len()], vec![0; point.len()]);
        directed(&mut own, point, &self.options.maximize);
        directed(&mut other, self.members.values(slot), &self.options.maximize);
        if own == other {
            if self.options.keep_all {
                self.members.push_equal(slot, entry);
            }
            return self.options.keep_all;
        }
        if own > other {
            return false;
        }
        if let Some(volume) = &mut self.volume {
            volume.forget();
        }
        self.counters.removed += self.members.replace(slot, point, entry) as u64;
        true
    }

    /// Remove the most crowded member.
    fn shrink(&mut self) -> Option<Entry> {
        let slot = crowd::most_crowded(&self.members, self.options.maximize.len())?;
        self.counters.removed += 1;
        if let Some(equal) = self.members.pop_equal(slot) {
            return Some(equal);
        }
        if let Some(volume) = &mut self.volume {
            volume.forget();
        }
        let entry = self.members.entries(slot).next();
        Self::index_keys(&mut self.keys, self.members.values(slot), &self.options);
        if let Some(index) = &mut self.index {
            index.remove(&self.keys);
        }
        self.members.remove(slot);
        entry
    }
}

/// The keys of a point with the directions folded in.
#[inline]
fn directed(keys: &mut [i64], point: &[f64], maximize: &[bool]) {
    for ((out, &value), &maximize) in keys.iter_mut().zip(point).zip(maximize) {
        *out = key(value, maximize);
    }
}
