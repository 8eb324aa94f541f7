//! Batches of points for an archive: their own front first, then that of the batch and the members together.
//!
//! A small batch goes through the index point by point; after a large one the index is built anew when it is needed.

use std::num::NonZeroUsize;

use super::super::boxes::{Boxes, Grid};
use super::super::filter::front_of_keys;
use super::super::keys::key;
use super::super::{Column, Keep, NanPolicy, Options, Table, Values, mask};
use super::Archive;
use super::members::Entry;
use crate::error::{Error, Result};

/// A batch that is smaller than this share of the members is inserted point by point.
const SMALL_BATCH: usize = 16;

impl Archive {
    /// Offer rows of a C-order matrix; `kept[i]` becomes 1 if row `i` is a member at the end.
    ///
    /// # Errors
    /// If a length does not fit or a value is NaN.
    pub fn add_many(
        &mut self,
        kept: &mut [u8],
        points: &[f64],
        ids: Option<&[i64]>,
        threads: Option<NonZeroUsize>,
    ) -> Result<()> {
        let (n, d) = (kept.len(), self.options.maximize.len());
        self.check("points", points, n)?;
        if let Some(ids) = ids.filter(|ids| ids.len() != n) {
            return Err(Error::shape("ids", format!("({n},)"), format!("({},)", ids.len())));
        }
        let first = self.counters.offered;
        let entry = |row: usize| {
            let serial = first + row as u64;
            Entry { id: ids.map_or(serial as i64, |ids| ids[row]), serial }
        };
        self.batch_front(kept, points, threads)?;
        let rows = kept.iter().enumerate().filter(|(_, kept)| **kept != 0);
        let rows: Vec<(usize, Entry)> = rows.map(|(row, _)| (row, entry(row))).collect();
        let one_by_one = self.options.capacity.is_some() || self.options.eps.is_some();
        if one_by_one || rows.len() * SMALL_BATCH < self.members.num_slots() {
            for &(row, entry) in &rows {
                kept[row] = u8::from(self.offer(&points[row * d..][..d], entry));
            }
        } else {
            self.join(kept, points, &rows, threads);
        }
        if self.options.capacity.is_some() {
            // A member of this batch may have gone again.
            let mut left: Vec<u64> =
                self.members.slots().flat_map(|slot| self.members.entries(slot)).map(|entry| entry.serial).collect();
            left.sort_unstable();
            for (row, entry) in rows {
                kept[row] = u8::from(left.binary_search(&entry.serial).is_ok());
            }
        }
        self.counters.offered += n as u64;
        Ok(())
    }

    /// Mark the rows of the front of a batch.
    fn batch_front(&self, kept: &mut [u8], points: &[f64], threads: Option<NonZeroUsize>) -> Result<()> {
        let d = self.options.maximize.len();
        let columns = self.options.maximize.iter().enumerate().map(|(k, &maximize)| Column {
            values: Values::F64(points.get(k..).unwrap_or(&[])),
            stride: d,
            maximize,
        });
        let table = Table::new(columns.collect(), kept.len())?;
        let keep = if self.options.keep_all { Keep::All } else { Keep::First };
        let options = Options {
            keep,
            nan: NanPolicy::Worst,
            eps: self.options.eps.as_deref().map(|sizes| Boxes { sizes, kind: Grid::Add }),
            groups: None,
            num_groups: 0,
            allowed: None,
            threads,
        };
        mask(kept, &table, &options).map(|_| ())
    }

    /// Take in the front of a large batch: filter it together with the members, and leave the index for later.
    fn join(&mut self, kept: &mut [u8], points: &[f64], rows: &[(usize, Entry)], threads: Option<NonZeroUsize>) {
        let d = self.options.maximize.len();
        let slots: Vec<u32> = self.members.slots().collect();
        let mut stays = vec![slots.is_empty() || rows.is_empty(); slots.len() + rows.len()];
        if !stays.first().is_none_or(|&stays| stays) {
            let mut columns = vec![Vec::with_capacity(stays.len()); d];
            let members = slots.iter().map(|&slot| self.members.values(slot));
            for point in members.chain(rows.iter().map(|&(row, _)| &points[row * d..][..d])) {
                for ((column, &value), &maximize) in columns.iter_mut().zip(point).zip(&self.options.maximize) {
                    column.push(key(value, maximize));
                }
            }
            let columns: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
            let keep = if self.options.keep_all { Keep::All } else { Keep::First };
            for position in front_of_keys(&columns, keep, threads.map_or(1, NonZeroUsize::get)) {
                stays[position as usize] = true;
            }
        }
        let (old, new) = stays.split_at(slots.len());
        for (&slot, _) in slots.iter().zip(old).filter(|(_, stays)| !**stays) {
            self.counters.removed += self.members.remove(slot) as u64;
        }
        for (&(row, entry), &stays) in rows.iter().zip(new) {
            kept[row] = u8::from(stays);
            if stays {
                self.members.push(&points[row * d..][..d], entry);
                self.counters.kept += 1;
            }
        }
        if !rows.is_empty() {
            self.index = None;
            if let Some(volume) = &mut self.volume {
                volume.forget();
            }
        }
    }
}
