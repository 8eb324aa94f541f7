"""The rules that all trace formats share: ranges, order and zero lengths.

Readers deliver columns; the checks that need neither text nor format live here, so that every format refuses the same
things in the same words: file, row and column, what came and what was expected.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paretoserve._files import file_error
from paretoserve.sim.terms import Terms
from paretoserve.sim.trace import MAX_TOKENS, Trace

__all__ = ["Columns", "Hashes", "Rules", "assemble"]


@dataclass(frozen=True)
class Rules:
    """What a reader does with rows that are well-formed but unusual.

    Parameters
    ----------
    limit : int or None
        Read this many requests from the start of the file; what follows is not looked at.
    sort : bool
        Sort rows by time (stable) instead of refusing a time that decreases.
    zero : {"raise", "drop"}
        What a request without prompt or output tokens does.
    """

    limit: int | None = None
    sort: bool = False
    zero: str = "raise"


@dataclass(frozen=True)
class Hashes:
    """Block hashes as ragged rows: int64 `offsets` of shape (n + 1,) into int64 `ids`."""

    offsets: NDArray[np.int64]
    ids: NDArray[np.int64]
    block_tokens: int
    column: str

    def take(self, rows: NDArray[np.int64]) -> "Hashes":
        """Return the hashes of these rows in this order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        source = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return Hashes(offsets, self.ids[source], self.block_tokens, self.column)


@dataclass(frozen=True)
class Columns:
    """The columns of a file before the shared checks, int64 of shape (n,), and how the file calls and counts them."""

    file: str
    arrival_ns: NDArray[np.int64]
    prompt_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    names: tuple[str, str, str]
    first_line: int
    counted: str = "line"
    hashes: Hashes | None = None
    terms: Terms | None = None

    def at(self, index: int) -> str:
        """Return where request `index` stands in the file, as the user counts, for example ``line 4``."""
        return f"{self.counted} {index + self.first_line}"


def assemble(columns: Columns, rules: Rules, name: str) -> Trace:
    """Check the columns, apply the rules and return the trace, shifted so that the first request arrives at 0."""
    keep = np.arange(columns.arrival_ns.size)
    for column, values in zip(columns.names[1:], (columns.prompt_tokens, columns.output_tokens), strict=True):
        _refuse_outside(columns, column, values, rules.zero)
    if rules.zero == "drop":
        keep = keep[(columns.prompt_tokens > 0) & (columns.output_tokens > 0)]
        if keep.size == 0:
            raise file_error(columns.file, "has no request with prompt and output tokens")
    if rules.sort:
        keep = keep[np.argsort(columns.arrival_ns[keep], kind="stable")]
    arrival = columns.arrival_ns[keep]
    _refuse_unordered(columns, arrival, keep)
    hashes = columns.hashes
    if hashes is not None:
        _refuse_excess_hashes(columns, hashes)
        hashes = hashes.take(keep)
    terms = None if columns.terms is None else columns.terms.take(keep).moved(arrival, arrival - arrival[0])
    return Trace(
        arrival_ns=arrival - arrival[0],
        prompt_tokens=columns.prompt_tokens[keep].astype(np.int32),
        output_tokens=columns.output_tokens[keep].astype(np.int32),
        hash_offsets=None if hashes is None else hashes.offsets,
        hash_ids=None if hashes is None else hashes.ids,
        hash_block_tokens=512 if hashes is None else hashes.block_tokens,
        name=name,
        terms=terms,
    )


def _refuse_outside(columns: Columns, column: str, values: NDArray[np.int64], zero: str) -> None:
    least = 0 if zero == "drop" else 1
    outside = np.flatnonzero((values < least) | (values > MAX_TOKENS))
    if outside.size == 0:
        return
    index = int(outside[0])
    hint = (
        'load_trace(..., zero="drop") leaves such requests out, write_trace keeps the result'
        if values[index] == 0
        else ""
    )
    what = f"must be from {least} to {MAX_TOKENS} tokens, got {values[index]}"
    raise file_error(columns.file, what, at=columns.at(index), column=column, hint=hint)


def _refuse_unordered(columns: Columns, arrival: NDArray[np.int64], keep: NDArray[np.int64]) -> None:
    earlier = np.flatnonzero(arrival[1:] < arrival[:-1])
    if earlier.size == 0:
        return
    index = int(earlier[0]) + 1
    gap = (int(arrival[index - 1]) - int(arrival[index])) * 1e-9
    what = f"must not decrease, got a time {gap:g} s before the one above"
    hint = "load_trace(..., sort=True) sorts the rows by time, write_trace keeps the result"
    raise file_error(columns.file, what, at=columns.at(int(keep[index])), column=columns.names[0], hint=hint)


def _refuse_excess_hashes(columns: Columns, hashes: Hashes) -> None:
    given = np.diff(hashes.offsets)
    excess = np.flatnonzero(given > -(-columns.prompt_tokens // hashes.block_tokens))
    if excess.size == 0:
        return
    index = int(excess[0])
    what = (
        f"must hold at most one id per {hashes.block_tokens} prompt tokens, "
        f"got {given[index]} for {columns.prompt_tokens[index]} tokens"
    )
    raise file_error(columns.file, what, at=columns.at(index), column=hashes.column)
