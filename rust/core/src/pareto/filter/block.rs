//! A block of rows in the first-level cache, column by column, from which strong rows strike what they dominate.

use super::super::keys::Key;

/// Rows that are tested at once; a few vectors of every CPU.
const LANES: usize = 16;

/// Keys of up to `capacity` rows, one column per objective and one with the sum of each row.
pub(super) struct Block<K> {
    capacity: usize,
    d: usize,
    len: usize,
    keys: Vec<K>,
    /// Where each row was when the block was filled.
    places: Vec<u32>,
    /// Rows that are struck, of the list of the others.
    dead: Vec<u8>,
    kept: Vec<u32>,
}

impl<K: Key> Block<K> {
    pub(super) fn new(capacity: usize, d: usize) -> Self {
        let capacity = capacity.next_multiple_of(LANES);
        let keys = vec![K::default(); (d + 1) * capacity];
        Self {
            capacity,
            d,
            len: 0,
            keys,
            places: vec![0; capacity],
            dead: vec![0; capacity],
            kept: Vec::with_capacity(capacity),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Where the rows that are left were at first.
    pub(super) fn places(&self) -> &[u32] {
        &self.places[..self.len]
    }

    pub(super) fn column(&self, k: usize) -> &[K] {
        &self.keys[k * self.capacity..][..self.len]
    }

    /// The keys of one row, and their sum.
    pub(super) fn row(&self, index: usize, out: &mut [K]) {
        for (out, column) in out.iter_mut().zip(self.keys.chunks_exact(self.capacity)) {
            *out = column[index];
        }
    }

    /// Start with `len` rows, whose columns `read` fills.
    #[inline(always)]
    pub(super) fn fill(&mut self, len: usize, mut read: impl FnMut(usize, &mut [K])) {
        self.len = len;
        for k in 0..self.d {
            read(k, &mut self.keys[k * self.capacity..][..len]);
        }
        for (index, place) in self.places[..len].iter_mut().enumerate() {
            *place = index as u32;
        }
        let (keys, sums) = self.keys.split_at_mut(self.d * self.capacity);
        sums[..len].copy_from_slice(&keys[..len]);
        for column in keys.chunks_exact(self.capacity).skip(1) {
            for (sum, &key) in sums[..len].iter_mut().zip(column) {
                *sum = sum.plus(key);
            }
        }
    }

    /// Remove the rows for which column `k` holds `key`; how many they were.
    #[inline(always)]
    pub(super) fn remove_equal(&mut self, k: usize, key: K) -> usize {
        let before = self.len;
        let column = &self.keys[k * self.capacity..][..before];
        // All are compared, as vectors: almost always there is none.
        if column.iter().fold(K::default(), |any, &own| any | K::flag(own == key)) != K::default() {
            let other = |&index: &u32| self.keys[k * self.capacity + index as usize] != key;
            self.kept = (0..before as u32).filter(other).collect();
            self.compress();
        }
        before - self.len
    }

    /// Strike every row that one of the `strong` rows, `d` keys and their sum each, dominates; how many they were.
    ///
    /// A row whose sum equals that of the strong row is spared: it may be the same row. That is cheaper than comparing
    /// for equality, and sums that wrap around only spare more.
    #[inline(always)]
    pub(super) fn strike(&mut self, strong: &[K]) -> usize {
        for start in (0..self.len).step_by(LANES) {
            let struck = self.struck(strong, start);
            for (dead, flag) in self.dead[start..start + LANES].iter_mut().zip(struck) {
                *dead = u8::from(flag != K::default());
            }
        }
        self.bury()
    }

    /// From now on no row is marked.
    pub(super) fn revive(&mut self) {
        self.dead.fill(0);
    }

    /// Mark every row that [`Self::strike`] would strike.
    #[inline(always)]
    pub(super) fn mark(&mut self, strong: &[K]) {
        for start in (0..self.len).step_by(LANES) {
            let struck = self.struck(strong, start);
            for (dead, flag) in self.dead[start..start + LANES].iter_mut().zip(struck) {
                *dead |= u8::from(flag != K::default());
            }
        }
    }

    /// Per row 1 if it is marked, else 0.
    pub(super) fn marks(&self) -> &[u8] {
        &self.dead[..self.len]
    }

    /// Strike the rows that are marked; how many they were.
    #[inline(always)]
    pub(super) fn bury(&mut self) -> usize {
        let before = self.len;
        // Unused lanes count as struck.
        self.dead[before..].iter_mut().take(LANES).for_each(|dead| *dead = 1);
        self.kept.clear();
        let kept = &mut self.kept;
        for_each_zero(&self.dead[..before.next_multiple_of(LANES)], |row| kept.push(row));
        self.compress();
        before - self.len
    }

    #[inline(always)]
    fn struck(&self, strong: &[K], start: usize) -> [K; LANES] {
        const NONE: &str = "columns hold whole vectors";
        let lanes = |k: usize| self.keys[k * self.capacity + start..].first_chunk::<LANES>().expect(NONE);
        let d = self.d;
        let sums = lanes(d);
        let mut struck = [K::default(); LANES];
        for row in strong.chunks_exact(d + 1) {
            let mut worse = [K::flag(true); LANES];
            for (k, &key) in row[..d].iter().enumerate() {
                for (flag, &own) in worse.iter_mut().zip(lanes(k)) {
                    *flag = *flag & K::flag(key <= own);
                }
                if k % 4 == 3 && k + 1 < d && worse.iter().fold(K::default(), |any, &flag| any | flag) == K::default() {
                    break;
                }
            }
            for ((struck, &flag), &own) in struck.iter_mut().zip(&worse).zip(sums) {
                *struck = *struck | (flag & K::flag(own != row[d]));
            }
        }
        struck
    }

    /// Keep the rows in `kept`.
    #[inline(always)]
    fn compress(&mut self) {
        if self.kept.len() < self.len {
            self.len = self.kept.len();
            for column in self.keys.chunks_exact_mut(self.capacity) {
                for (to, &from) in self.kept.iter().enumerate() {
                    column[to] = column[from as usize];
                }
            }
            for (to, &from) in self.kept.iter().enumerate() {
                self.places[to] = self.places[from as usize];
            }
        }
    }
}

/// Call `visit` with the number of each byte that is 0, in rising order.
///
/// Most words of eight bytes have none, so that looking at words is the cheapest way to find them.
#[inline(always)]
pub(super) fn for_each_zero(flags: &[u8], mut visit: impl FnMut(u32)) {
    let (words, _) = flags.as_chunks::<8>();
    for (start, &word) in (0..).step_by(8).zip(words) {
        let mut left = u64::from_le_bytes(word) ^ 0x0101_0101_0101_0101;
        while left != 0 {
            visit(start + left.trailing_zeros() / 8);
            left &= left - 1;
        }
    }
}
