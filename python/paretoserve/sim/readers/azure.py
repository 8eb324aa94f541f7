"""Reader of the Azure LLM inference traces (CSV): TIMESTAMP, ContextTokens, GeneratedTokens.

Times have 100 ns digits and are kept exactly. Other columns are ignored. The file is cut into cells at once and each
column is checked and converted as a whole; cells are looked at one by one only to name the first bad one. Source: Patel
et al., Splitwise, ISCA 2024 (2023 traces); the 2024 traces have the same columns and times with a zone.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from paretoserve._files import file_error, shown_bytes
from paretoserve.sim.readers.assemble import Columns, Rules
from paretoserve.sim.trace import MAX_TOKENS

__all__ = ["COLUMNS", "read_azure"]

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
# Years outside 1900-2199 would come near the limits of 64-bit nanoseconds, beyond which numpy wraps silently.
_TIME = re.compile(rb"((?:19|20|21)\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:Z|\+00:?00)?")
_MAX_DIGITS = 18


def read_azure(file: str, content: bytes, rules: Rules) -> Columns:
    """Read the columns of an Azure trace from the bytes of the CSV."""
    lines = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").rstrip().split(b"\n")
    header = [cell.strip().decode("utf-8", "replace") for cell in lines[0].split(b",")]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        what = f"must have the columns {', '.join(COLUMNS)}, got {shown_bytes(lines[0])}"
        raise file_error(file, what, at="line 1", column=missing[0])
    rows = lines[1:] if rules.limit is None else lines[1 : rules.limit + 1]
    if not rows:
        raise file_error(file, "has a header but no requests")
    width = len(header)
    commas = [row.count(b",") for row in rows]
    if commas.count(width - 1) != len(rows):
        index = next(i for i, count in enumerate(commas) if count != width - 1)
        what = f"must have {width} cells, got {commas[index] + 1} in {shown_bytes(rows[index])}"
        raise file_error(file, what, at=f"line {index + 2}")
    cells = b",".join(rows).split(b",")
    time, prompt, output = (cells[header.index(name) :: width] for name in COLUMNS)
    return Columns(
        file=file,
        arrival_ns=_times(file, time),
        prompt_tokens=_counts(file, COLUMNS[1], prompt),
        output_tokens=_counts(file, COLUMNS[2], output),
        names=COLUMNS,
        first_line=2,
    )


def _times(file: str, cells: Sequence[bytes]) -> NDArray[np.int64]:
    """Nanoseconds since 1970 of each cell, exact."""
    matches = [_TIME.fullmatch(cell) for cell in cells]
    bad = next((i for i, match in enumerate(matches) if match is None), None)
    if bad is None:
        texts = [match[1].decode() for match in matches if match]
        try:
            return np.array(texts, dtype="datetime64[ns]").astype(np.int64)
        except ValueError:
            bad = next(i for i, text in enumerate(texts) if not _is_date(text))
    what = f"must be a UTC time such as `2023-11-16 18:15:46.6805900`, got {shown_bytes(cells[bad])}"
    raise file_error(file, what, at=f"line {bad + 2}", column=COLUMNS[0])


def _is_date(text: str) -> bool:
    try:
        np.datetime64(text)
    except ValueError:
        return False
    return True


def _counts(file: str, column: str, cells: Sequence[bytes]) -> NDArray[np.int64]:
    if not (all(cells) and b"".join(cells).isdigit() and max(map(len, cells)) <= _MAX_DIGITS):
        bad = next(i for i, cell in enumerate(cells) if not (cell.isdigit() and len(cell) <= _MAX_DIGITS))
        what = f"must be a whole number from 1 to {MAX_TOKENS}, got {shown_bytes(cells[bad])}"
        raise file_error(file, what, at=f"line {bad + 2}", column=column)
    return np.array(list(map(int, cells)), dtype=np.int64)
