//! One draw after the other, of all rows.

use super::super::keys::key;
use super::Draws;
use super::draws::Scratch;

/// The values and keys of one draw.
pub(super) struct Reader<'a> {
    draws: &'a Draws<'a>,
    scratch: Scratch,
    values: Vec<f64>,
    keys: Vec<i64>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(draws: &'a Draws<'a>) -> Self {
        let size = draws.num_rows * draws.d();
        let (values, keys) = (vec![0.0; size], vec![0; size]);
        Self { draws, scratch: Scratch::default(), values, keys }
    }

    /// Make a draw, objective by objective.
    pub(super) fn read(&mut self, draw: usize) -> &[f64] {
        let (n, d) = (self.draws.num_rows, self.draws.d());
        let (values, keys, maximize) = (&mut self.values, &mut self.keys, self.draws.maximize);
        self.draws.source.draw(draw, n, d, (0..n).map(|row| (row, row)), &mut self.scratch, |row, k, value| {
            values[k * n + row] = value;
            keys[k * n + row] = key(value, maximize[k]);
        });
        &self.values
    }

    /// The keys of the draw, objective by objective.
    pub(super) fn keys(&self) -> &[i64] {
        &self.keys
    }
}
