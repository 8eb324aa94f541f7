//! A submission as rows, and back: one row that all have, and one for each kind of thing that few have.

use super::{CACHED_AT_SUBMIT, CALL, RANGE, Row, SUBMIT, TERMS, broken, optional, time, whole};
use crate::Result;
use crate::sched::request::{Request, RequestIndex};

/// The rows of one submission.
pub(in crate::sched) fn submit_rows(rows: &mut Vec<Row>, index: RequestIndex, request: &Request, cached_tokens: u32) {
    let index = i64::from(index);
    let usual = Request::default();
    let expected = request.expected_output_tokens.map_or(-1, i64::from);
    let prompt = i64::from(request.prompt_tokens);
    rows.push([SUBMIT, index, request.arrival_ns as i64, prompt, expected, i64::from(request.priority)]);
    if cached_tokens > 0 {
        rows.push([CACHED_AT_SUBMIT, index, i64::from(cached_tokens), 0, 0, 0]);
    }
    if (request.output_range, request.distribution) != (usual.output_range, usual.distribution) {
        let (least, most) = request.output_range.map_or((-1, -1), |(least, most)| (i64::from(least), i64::from(most)));
        rows.push([RANGE, index, least, most, i64::from(request.distribution), 0]);
    }
    let terms = |request: &Request| (request.weight, request.tenant, request.deadline_ns, request.rank);
    if terms(request) != terms(&usual) {
        let deadline = request.deadline_ns.map_or(-1, |deadline| deadline as i64);
        rows.push([TERMS, index, request.weight as i64, i64::from(request.tenant), deadline, request.rank as i64]);
    }
    if request.program.is_some() || request.calls_left > 0 {
        let program = request.program.map_or(-1, i64::from);
        rows.push([CALL, index, program, i64::from(request.calls_left), 0, 0]);
    }
}

/// The submission whose rows start at `at`, and its cached tokens.
pub(super) fn submission(rows: &[Row], at: usize) -> Result<(Request, u32)> {
    let [_, handle, arrival, prompt, expected, priority] = rows[at];
    let mut request = Request {
        arrival_ns: time(at, arrival)?,
        prompt_tokens: whole(at, prompt)?,
        expected_output_tokens: optional(at, expected)?,
        priority: i32::try_from(priority).map_err(|_| broken(at, "a 32-bit priority", priority))?,
        ..Request::default()
    };
    let mut cached_tokens = 0;
    for (at, &[kind, owner, a, b, c, d]) in rows.iter().enumerate().skip(at + 1) {
        if owner != handle {
            break;
        }
        match kind {
            CACHED_AT_SUBMIT => cached_tokens = whole(at, a)?,
            RANGE => {
                request.output_range = if a == -1 { None } else { Some((whole(at, a)?, whole(at, b)?)) };
                request.distribution = whole(at, c)?;
            }
            TERMS => {
                (request.weight, request.tenant, request.rank) = (a as u64, whole(at, b)?, d as u64);
                request.deadline_ns = if c == -1 { None } else { Some(time(at, c)?) };
            }
            CALL => (request.program, request.calls_left) = (optional(at, a)?, whole(at, b)?),
            _ => break,
        }
    }
    Ok((request, cached_tokens))
}
