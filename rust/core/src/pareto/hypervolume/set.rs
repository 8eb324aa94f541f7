//! Points stored objective by objective in blocks of eight, for the vector code of `passes`.

use crate::simd::{Avx512, Level};

/// Points compared at once.
pub(super) const LANES: usize = 8;
/// One value of each point of a block.
pub(super) type Block = [f64; LANES];

/// Points; lanes behind the last one hold infinity, which is worse than anything.
#[derive(Default)]
pub(super) struct Set {
    /// Proof that the passes of `wide` may run.
    pub(super) wide: Option<Avx512>,
    d: usize,
    len: usize,
    /// Blocks that a column has room for.
    room: usize,
    blocks: Vec<Block>,
}

impl Set {
    /// An empty set whose passes run on `level`.
    pub(super) fn new(level: Level) -> Self {
        Self { wide: Avx512::at(level), ..Self::default() }
    }

    /// Forget all points and take points of `d` objectives.
    pub(super) fn clear(&mut self, d: usize) {
        (self.d, self.len) = (d, 0);
        self.room = self.blocks.len() / d;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn d(&self) -> usize {
        self.d
    }

    /// Objective `k` in blocks.
    #[inline(always)]
    pub(super) fn column(&self, k: usize) -> &[Block] {
        &self.blocks[k * self.room..][..self.len.div_ceil(LANES)]
    }

    #[inline(always)]
    pub(super) fn get(&self, point: usize, k: usize) -> f64 {
        self.blocks[k * self.room + point / LANES][point % LANES]
    }

    #[inline(always)]
    pub(super) fn push(&mut self, values: &[f64]) {
        let (block, lane) = (self.len / LANES, self.len % LANES);
        if block == self.room {
            self.grow();
        }
        for (k, &value) in values.iter().enumerate() {
            let own = &mut self.blocks[k * self.room + block];
            if lane == 0 {
                *own = [f64::INFINITY; LANES];
            }
            own[lane] = value;
        }
        self.len += 1;
    }

    /// Copy the values of one point.
    #[inline(always)]
    pub(super) fn copy_point(&self, point: usize, row: &mut [f64]) {
        for (k, value) in row.iter_mut().enumerate() {
            *value = self.get(point, k);
        }
    }

    /// Have room for `count` points; for an empty set.
    pub(super) fn reserve(&mut self, count: usize) {
        if self.room * LANES < count {
            self.room = count.div_ceil(LANES);
            self.blocks.resize(self.blocks.len().max(self.room * self.d), [f64::INFINITY; LANES]);
        }
    }

    /// Objective `k` with all its room.
    #[inline(always)]
    pub(super) fn room_mut(&mut self, k: usize) -> &mut [f64] {
        self.blocks[k * self.room..][..self.room].as_flattened_mut()
    }

    /// The first `len` places hold points now.
    pub(super) fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    /// Fill the lanes behind the last point.
    #[inline(always)]
    pub(super) fn pad(&mut self) {
        if !self.len.is_multiple_of(LANES) {
            for k in 0..self.d {
                self.blocks[k * self.room + self.len / LANES][self.len % LANES..].fill(f64::INFINITY);
            }
        }
    }

    /// Put the last point in the place of `point`.
    pub(super) fn swap_remove(&mut self, point: usize) {
        self.len -= 1;
        for k in 0..self.d {
            let column = k * self.room;
            let last = &mut self.blocks[column + self.len / LANES][self.len % LANES];
            let value = std::mem::replace(last, f64::INFINITY);
            if point < self.len {
                self.blocks[column + point / LANES][point % LANES] = value;
            }
        }
    }

    /// Give `point` other values.
    pub(super) fn put(&mut self, point: usize, values: &[f64]) {
        for (k, &value) in values.iter().enumerate() {
            self.blocks[k * self.room + point / LANES][point % LANES] = value;
        }
    }

    /// Exchange two objectives.
    pub(super) fn swap_columns(&mut self, a: usize, b: usize) {
        for block in 0..if a == b { 0 } else { self.len.div_ceil(LANES) } {
            self.blocks.swap(a * self.room + block, b * self.room + block);
        }
    }

    fn grow(&mut self) {
        let room = (self.room * 2).max(4);
        let mut blocks = vec![[f64::INFINITY; LANES]; room * self.d];
        for k in 0..self.d {
            blocks[k * room..][..self.room].copy_from_slice(&self.blocks[k * self.room..][..self.room]);
        }
        (self.blocks, self.room) = (blocks, room);
    }
}
