//! Columns of requests that are submitted at once.

use paretoserve_core::sched::{Names, Request};
use paretoserve_core::{Error, Result};
use pyo3::prelude::*;

use crate::arrays::Input;

/// `paretoserve.sched._columns.Columns`: one row per request; what is absent has its default everywhere.
#[derive(FromPyObject)]
pub(crate) struct Columns {
    prompt_tokens: Input<u32>,
    expected_output_tokens: Option<Input<u32>>,
    cached_tokens: Option<Input<u32>>,
    priority: Option<Input<i32>>,
    /// Two per row.
    output_range: Option<Input<u32>>,
    /// In millionths.
    weight: Option<Input<u64>>,
    tenant: Option<Input<i64>>,
    deadline_ns: Option<Input<u64>>,
    program: Option<Input<i64>>,
    calls_left: Option<Input<u32>>,
    distribution: Option<Input<u32>>,
    rank: Option<Input<u64>>,
}

/// The same as slices.
pub(crate) struct Rows<'a> {
    prompt_tokens: &'a [u32],
    expected_output_tokens: Option<&'a [u32]>,
    cached_tokens: Option<&'a [u32]>,
    priority: Option<&'a [i32]>,
    output_range: Option<&'a [[u32; 2]]>,
    weight: Option<&'a [u64]>,
    tenant: Option<&'a [i64]>,
    deadline_ns: Option<&'a [u64]>,
    program: Option<&'a [i64]>,
    calls_left: Option<&'a [u32]>,
    distribution: Option<&'a [u32]>,
    rank: Option<&'a [u64]>,
}

impl Columns {
    /// Slices of `num_rows` rows each.
    pub(crate) fn rows(&self, num_rows: usize) -> Result<Rows<'_>> {
        let rows = Rows {
            prompt_tokens: self.prompt_tokens.as_slice(),
            expected_output_tokens: self.expected_output_tokens.as_ref().map(Input::as_slice),
            cached_tokens: self.cached_tokens.as_ref().map(Input::as_slice),
            priority: self.priority.as_ref().map(Input::as_slice),
            output_range: self.output_range.as_ref().map(|bounds| bounds.as_slice().as_chunks().0),
            weight: self.weight.as_ref().map(Input::as_slice),
            tenant: self.tenant.as_ref().map(Input::as_slice),
            deadline_ns: self.deadline_ns.as_ref().map(Input::as_slice),
            program: self.program.as_ref().map(Input::as_slice),
            calls_left: self.calls_left.as_ref().map(Input::as_slice),
            distribution: self.distribution.as_ref().map(Input::as_slice),
            rank: self.rank.as_ref().map(Input::as_slice),
        };
        rows.check(num_rows)?;
        Ok(rows)
    }
}

impl Rows<'_> {
    fn check(&self, num_rows: usize) -> Result<()> {
        let lengths = [
            ("prompt_tokens", Some(self.prompt_tokens.len())),
            ("expected_output_tokens", self.expected_output_tokens.map(<[u32]>::len)),
            ("cached_tokens", self.cached_tokens.map(<[u32]>::len)),
            ("priority", self.priority.map(<[i32]>::len)),
            ("output_range", self.output_range.map(<[[u32; 2]]>::len)),
            ("weight", self.weight.map(<[u64]>::len)),
            ("tenant", self.tenant.map(<[i64]>::len)),
            ("deadline_ns", self.deadline_ns.map(<[u64]>::len)),
            ("program", self.program.map(<[i64]>::len)),
            ("calls_left", self.calls_left.map(<[u32]>::len)),
            ("distribution", self.distribution.map(<[u32]>::len)),
            ("rank", self.rank.map(<[u64]>::len)),
        ];
        for (name, length) in lengths {
            if let Some(length) = length.filter(|&length| length != num_rows) {
                let expected = format!("({num_rows},), as every other array");
                return Err(Error::shape(name, expected, format!("({length},)")));
            }
        }
        Ok(())
    }

    /// One request, its cached tokens and its names.
    pub(crate) fn request(&self, row: usize, now_ns: u64) -> (Request, u32, Names) {
        let usual = Request::default();
        let request = Request {
            arrival_ns: now_ns,
            prompt_tokens: self.prompt_tokens[row],
            expected_output_tokens: self.expected_output_tokens.map(|column| column[row]),
            output_range: self.output_range.map(|column| column[row].into()),
            priority: self.priority.map_or(0, |column| column[row]),
            weight: self.weight.map_or(usual.weight, |column| column[row]),
            deadline_ns: self.deadline_ns.map(|column| column[row]),
            calls_left: self.calls_left.map_or(0, |column| column[row]),
            distribution: self.distribution.map_or(0, |column| column[row]),
            rank: self.rank.map_or(0, |column| column[row]),
            ..usual
        };
        let tenant = self.tenant.map_or(0, |column| column[row]);
        let names = Names { tenant, program: self.program.map(|column| column[row]) };
        (request, self.cached_tokens.map_or(0, |column| column[row]), names)
    }
}
