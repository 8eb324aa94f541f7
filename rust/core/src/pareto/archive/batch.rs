//! Batches of points for an archive: their own front first, then that of the batch and the members together.
//!
//! Points offered before that dominate a lot meet a batch first: on most data they leave little of it. A small front
//! goes through the index point by point; a larger one is merged with the members in the plane, and above it filtered
//! together with them, after which the index is built anew when it is needed.

use std::num::NonZeroUsize;

use super::super::boxes::{Boxes, Grid};
use super::super::filter::{self, front_of_keys, prefilter, spread};
use super::super::keys::key;
use super::super::source::{Columns, Rows};
use super::super::{Column, Keep, NanPolicy, Options, Table, Values, mask};
use super::Archive;
use super::index::Index;
use super::members::Entry;
use super::plane::Place;
use crate::error::{Error, Result};

/// A batch that is smaller than this share of the members is inserted point by point.
const SMALL_BATCH: usize = 16;
/// Strong points are chosen anew when so many times as many points have been offered, from so many.
const STRONG_FOR: u64 = 4;
const STRONG_SAMPLE: usize = 64;
/// Rows whose keys are read at once.
const BLOCK: usize = 256;

/// What a batch offers: its points, whether each is a member, and what they are called.
struct Batch<'a> {
    kept: &'a mut [u8],
    points: &'a [f64],
    ids: Option<&'a [i64]>,
    first: u64,
}

impl Batch<'_> {
    fn entry(&self, row: u32) -> Entry {
        Entry::new(self.ids.map(|ids| ids[row as usize]), self.first + u64::from(row))
    }

    fn point(&self, row: u32, d: usize) -> &[f64] {
        &self.points[row as usize * d..][..d]
    }
}

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
        let n = kept.len();
        self.check("points", points, n)?;
        if let Some(ids) = ids.filter(|ids| ids.len() != n) {
            return Err(Error::shape("ids", format!("({n},)"), format!("({},)", ids.len())));
        }
        let mut batch = Batch { kept, points, ids, first: self.counters.offered };
        let table = self.table(points, n)?;
        if self.options.capacity.is_some() || self.options.eps.is_some() {
            self.offer_front(&mut batch, &table, threads)?;
        } else {
            let threads = threads.map_or_else(|| super::super::automatic_threads(points.len()), NonZeroUsize::get);
            if self.counters.offered >= self.strong.1.max(STRONG_SAMPLE as u64) && n >= STRONG_SAMPLE {
                self.choose_strong(&table);
            }
            self.take_in(&mut batch, &table, threads);
        }
        self.counters.offered += n as u64;
        Ok(())
    }

    fn table<'a>(&self, points: &'a [f64], n: usize) -> Result<Table<'a>> {
        let d = self.options.maximize.len();
        let columns = self.options.maximize.iter().enumerate().map(|(k, &maximize)| Column {
            values: Values::F64(points.get(k..).unwrap_or(&[])),
            stride: d,
            maximize,
        });
        Table::new(columns.collect(), n)
    }

    fn keep(&self) -> Keep {
        if self.options.keep_all { Keep::All } else { Keep::First }
    }

    /// Boxes or a capacity: offer the front of a batch point by point.
    fn offer_front(&mut self, batch: &mut Batch<'_>, table: &Table<'_>, threads: Option<NonZeroUsize>) -> Result<()> {
        let options = Options {
            keep: self.keep(),
            nan: NanPolicy::Worst,
            eps: self.options.eps.as_deref().map(|sizes| Boxes { sizes, kind: Grid::Add }),
            groups: None,
            num_groups: 0,
            allowed: None,
            threads,
        };
        mask(batch.kept, table, &options)?;
        let rows: Vec<u32> = (0..).zip(&*batch.kept).filter(|(_, kept)| **kept != 0).map(|(row, _)| row).collect();
        self.offer_each(batch, &rows);
        if self.options.capacity.is_some() {
            // A member of this batch may have gone again.
            let mut left: Vec<u64> =
                self.members.slots().flat_map(|slot| self.members.entries(slot)).map(Entry::serial).collect();
            left.sort_unstable();
            for row in rows {
                batch.kept[row as usize] = u8::from(left.binary_search(&batch.entry(row).serial()).is_ok());
            }
        }
        Ok(())
    }

    fn offer_each(&mut self, batch: &mut Batch<'_>, rows: &[u32]) {
        for &row in rows {
            let stays = self.offer(batch.point(row, self.options.maximize.len()), batch.entry(row));
            batch.kept[row as usize] = u8::from(stays);
        }
    }

    /// Take in the front of a batch where every point counts as it is.
    fn take_in(&mut self, batch: &mut Batch<'_>, table: &Table<'_>, threads: usize) {
        batch.kept.fill(0);
        let all = Rows::Span { first: 0, count: batch.kept.len() as u32 };
        // What they dominate some member dominates, even if they went meanwhile.
        let left = prefilter::meet::<i64>(table, all, &[], &self.strong.0, threads).rows;
        let most = self.members.num_slots();
        let is_small = |count: usize| count * SMALL_BATCH < most;
        let mut rows = if matches!(self.index, Some(Index::Plane(_))) {
            let sorted = self.sorted(batch, table, left.rows(), threads);
            if !is_small(sorted.len()) {
                return self.merge(batch, sorted);
            }
            sorted.iter().map(|place| place.2).collect()
        } else {
            filter::front::<i64>(table, left.rows(), self.keep(), threads)
        };
        rows.sort_unstable();
        if is_small(rows.len()) {
            self.offer_each(batch, &rows);
        } else if !rows.is_empty() {
            self.join(batch, &rows, threads);
        }
    }

    /// The front of `rows` for two objectives, sorted.
    fn sorted(&self, batch: &Batch<'_>, table: &Table<'_>, rows: Rows<'_>, threads: usize) -> Vec<Place> {
        let left = prefilter::survivors::<i64>(table, rows, &[], threads).rows;
        let rows = left.rows();
        let firsts = |visit: &mut dyn FnMut(&[i64])| {
            let mut keys = [0; BLOCK];
            for start in (0..rows.len()).step_by(BLOCK) {
                let part = rows.part(start, BLOCK);
                part.read(table, 0, &mut keys[..part.len()]);
                visit(&keys[..part.len()]);
            }
        };
        let mut sorted = spread::sorted(rows.len(), &firsts, |place, first| {
            let row = rows.at(place);
            (first, key(batch.point(row, 2)[1], self.options.maximize[1]), row)
        });
        let mut last = None;
        sorted.retain(|&(first, second, _)| match last {
            Some((own, best)) if best <= second => self.options.keep_all && (own, best) == (first, second),
            _ => {
                last = Some((first, second));
                true
            }
        });
        sorted
    }

    /// Choose the points that a batch meets first, among the members and the batch that comes now.
    fn choose_strong(&mut self, table: &Table<'_>) {
        self.strong.1 = self.counters.offered * STRONG_FOR;
        let every = |count: usize| (0..count).step_by(count.div_ceil(STRONG_SAMPLE).max(1));
        let slots: Vec<u32> = self.members.slots().collect();
        let rows: Vec<u32> = every(table.num_rows()).map(|row| row as u32).collect();
        let mut columns: Vec<Vec<i64>> = table.columns_of(&rows);
        for slot in every(slots.len()).map(|place| slots[place]) {
            for ((column, &value), &maximize) in
                columns.iter_mut().zip(self.members.values(slot)).zip(&self.options.maximize)
            {
                column.push(key(value, maximize));
            }
        }
        let count = columns[0].len() as u32;
        let columns: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
        self.strong.0 = prefilter::strong_among(&Columns(&columns), (0..count).collect());
    }

    /// Merge the sorted front of a batch into the members of two objectives.
    fn merge(&mut self, batch: &mut Batch<'_>, sorted: Vec<Place>) {
        let Some(Index::Plane(plane)) = &mut self.index else { return };
        let (members, counters) = (&mut self.members, &mut self.counters);
        self.removed.clear();
        let (keep_all, before) = (self.options.keep_all, counters.kept);
        plane.merge(sorted, &mut self.removed, |row, equal| {
            let entry = batch.entry(row);
            let slot = match equal {
                Some(slot) if !keep_all => return slot,
                Some(slot) => {
                    members.push_equal(slot, entry);
                    slot
                }
                None => members.push(batch.point(row, 2), entry),
            };
            batch.kept[row as usize] = 1;
            counters.kept += 1;
            slot
        });
        for &slot in &self.removed {
            counters.removed += members.remove(slot) as u64;
        }
        if let Some(volume) = self.volume.as_mut().filter(|_| counters.kept > before) {
            volume.forget();
        }
    }

    /// Take in the front of a large batch: filter it together with the members, and leave the index for later.
    fn join(&mut self, batch: &mut Batch<'_>, rows: &[u32], threads: usize) {
        let d = self.options.maximize.len();
        let slots: Vec<u32> = self.members.slots().collect();
        let mut stays = vec![slots.is_empty(); slots.len() + rows.len()];
        if !slots.is_empty() {
            let mut columns = vec![Vec::with_capacity(stays.len()); d];
            let members = slots.iter().map(|&slot| self.members.values(slot));
            for point in members.chain(rows.iter().map(|&row| batch.point(row, d))) {
                for ((column, &value), &maximize) in columns.iter_mut().zip(point).zip(&self.options.maximize) {
                    column.push(key(value, maximize));
                }
            }
            let columns: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
            for position in front_of_keys(&columns, self.keep(), threads) {
                stays[position as usize] = true;
            }
        }
        let (old, new) = stays.split_at(slots.len());
        for (&slot, _) in slots.iter().zip(old).filter(|(_, stays)| !**stays) {
            self.counters.removed += self.members.remove(slot) as u64;
        }
        for (&row, &stays) in rows.iter().zip(new) {
            batch.kept[row as usize] = u8::from(stays);
            if stays {
                self.members.push(batch.point(row, d), batch.entry(row));
                self.counters.kept += 1;
            }
        }
        self.index = None;
        if let Some(volume) = &mut self.volume {
            volume.forget();
        }
    }
}
