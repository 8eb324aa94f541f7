"""Reader of the Mooncake traces (JSON lines): timestamp in ms, input_length, output_length, hash_ids.

Each hash id stands for a block of 512 prompt tokens from the start of the prompt; requests with equal ids share that
prefix. `hash_ids` may be absent from the whole file. Times may have a fraction; they are rounded to a nanosecond.
Source: Qin et al., Mooncake, FAST 2025.
"""

import json
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paretoserve._files import file_error, shown_bytes
from paretoserve.sim.readers.assemble import Columns, Hashes, Rules
from paretoserve.sim.trace import MAX_TOKENS

__all__ = ["BLOCK_TOKENS", "read_mooncake"]

BLOCK_TOKENS = 512
_TIME, _LENGTHS, _HASHES = "timestamp", ("input_length", "output_length"), "hash_ids"
_NS_PER_MS = 1_000_000
_INT64 = range(-(2**63), 2**63)
# What may follow a time in ms without the nanoseconds leaving 64 bits.
_LAST_MS = 2**63 // _NS_PER_MS - 1


def read_mooncake(file: str, content: bytes, rules: Rules) -> Columns:
    """Read the columns of a Mooncake trace from the bytes of the JSON lines."""
    lines = content.removeprefix(b"\xef\xbb\xbf").rstrip().split(b"\n")
    rows = _parse(file, lines[: rules.limit])
    return Columns(
        file=file,
        arrival_ns=_times(file, rows),
        prompt_tokens=_lengths(file, rows, _LENGTHS[0]),
        output_tokens=_lengths(file, rows, _LENGTHS[1]),
        names=(_TIME, *_LENGTHS),
        first_line=1,
        hashes=_hashes(file, rows),
    )


def _parse(file: str, lines: list[bytes]) -> list[dict[str, Any]]:
    """Parse all lines as one JSON array, which is faster; one by one if that fails, to name the bad line."""
    try:
        rows = json.loads(b"[" + b",".join(lines) + b"]")
        if len(rows) == len(lines) and all(type(row) is dict for row in rows):
            return list(rows)
    except (ValueError, RecursionError):
        pass
    for number, line in enumerate(lines, 1):
        at = f"line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", None) or str(error)
            raise file_error(
                file, f"must be one JSON object per line, got {shown_bytes(line)} ({reason})", at=at
            ) from None
        if type(row) is not dict:
            raise file_error(file, f"must be one JSON object per line, got {shown_bytes(line)}", at=at)
    raise file_error(file, "must be one JSON object per line, got lines that only parse when they are joined")


def _column(file: str, rows: list[dict[str, Any]], column: str) -> list[Any]:
    try:
        return [row[column] for row in rows]
    except KeyError:
        index = next(i for i, row in enumerate(rows) if column not in row)
        what = f"is missing, got only {', '.join(rows[index])[:200] or 'an empty object'}"
        raise file_error(file, what, at=f"line {index + 1}", column=column) from None


def _times(file: str, rows: list[dict[str, Any]]) -> NDArray[np.int64]:
    values = _column(file, rows, _TIME)
    kinds = set(map(type, values))
    # NaN compares false, so that it fails the range as well.
    if not (kinds <= {int, float} and all(0 <= value <= _LAST_MS for value in values)):
        index = next(i for i, v in enumerate(values) if type(v) not in (int, float) or not 0 <= v <= _LAST_MS)
        what = f"must be milliseconds from 0 to {_LAST_MS}, got {_json(values[index])}"
        raise file_error(file, what, at=f"line {index + 1}", column=_TIME)
    return np.array([round(value * _NS_PER_MS) for value in values], dtype=np.int64)


def _lengths(file: str, rows: list[dict[str, Any]], column: str) -> NDArray[np.int64]:
    values = _column(file, rows, column)
    if set(map(type, values)) != {int} or not all(0 <= value <= MAX_TOKENS for value in values):
        index = next(i for i, value in enumerate(values) if type(value) is not int or not 0 <= value <= MAX_TOKENS)
        what = f"must be a whole number from 1 to {MAX_TOKENS}, got {_json(values[index])}"
        raise file_error(file, what, at=f"line {index + 1}", column=column)
    return np.array(values, dtype=np.int64)


def _hashes(file: str, rows: list[dict[str, Any]]) -> Hashes | None:
    if not any(_HASHES in row for row in rows):
        return None
    lists = _column(file, rows, _HASHES)
    if set(map(type, lists)) == {list} and set(map(type, chain.from_iterable(lists))) <= {int}:
        offsets = np.concatenate([[0], np.cumsum(list(map(len, lists)))]).astype(np.int64)
        try:
            ids = np.array(list(chain.from_iterable(lists)), dtype=np.int64)
            return Hashes(offsets, ids, BLOCK_TOKENS, _HASHES)
        except OverflowError:
            pass
    index = next(i for i, ids in enumerate(lists) if not _are_ids(ids))
    what = f"must be a list of 64-bit integers, got {_json(lists[index])}"
    raise file_error(file, what, at=f"line {index + 1}", column=_HASHES)


def _json(value: object) -> str:
    return shown_bytes(json.dumps(value).encode())


def _are_ids(ids: object) -> bool:
    return type(ids) is list and all(type(value) is int and value in _INT64 for value in ids)
