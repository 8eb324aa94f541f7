"""Load a trace: a file of any known format, or a built-in workload profile.

The format is recognized by the content, the compression too. CSV and JSON lines need numpy only; Parquet and zstd
import pyarrow when used.
"""

import os
from pathlib import Path
from typing import Literal

import numpy as np

from paretoserve._files import file_error, read_bytes
from paretoserve._integers import BITS_63, check_integer
from paretoserve._names import close_names
from paretoserve.errors import DtypeError, UnknownNameError
from paretoserve.sim.profile import PROFILES, generate
from paretoserve.sim.readers.assemble import Rules, assemble
from paretoserve.sim.readers.azure import COLUMNS as AZURE_COLUMNS
from paretoserve.sim.readers.azure import read_azure
from paretoserve.sim.readers.mooncake import read_mooncake
from paretoserve.sim.readers.parquet import read_parquet
from paretoserve.sim.trace import Trace

__all__ = ["FORMATS", "load_trace"]

FORMATS = ("azure", "mooncake", "parquet")
_SUFFIXES = {".gz", ".xz", ".zst", ".zstd", ".bz2", ".csv", ".jsonl", ".json", ".parquet"}


def load_trace(
    source: str | os.PathLike[str],
    *,
    format: Literal["azure", "mooncake", "parquet"] | None = None,
    limit: int | None = None,
    duration_s: float | None = None,
    zero: Literal["raise", "drop"] = "raise",
    sort: bool = False,
    seed: int = 0,
) -> Trace:
    """Load a trace file or generate a trace from a built-in profile.

    Parameters
    ----------
    source : path or str
        An Azure CSV, a Mooncake JSONL or a Parquet file of `write_trace`, plain or gz, xz, zst; or the name of a
        profile such as ``"azure-chat"``. A name of a profile wins over a file of that name; write ``./azure-chat`` for
        the file.
    format : {"azure", "mooncake", "parquet"}, optional
        Format of the file; recognized by its content if not given. A profile takes none.
    limit : int, optional
        Take this many requests from the start. Of a file, later rows are not checked; a profile generates exactly as
        many.
    duration_s : float, optional
        Keep what arrives in the first `duration_s` seconds. A profile generates that long, by default 600 s.
    zero : {"raise", "drop"}, default "raise"
        What a row without prompt or output tokens does.
    sort : bool, default False
        Sort the rows of a file by time (stable) instead of refusing a time that decreases.
    seed : int, default 0
        Seed of a profile, 0 to 2**63 - 1. Files do not use it.

    Returns
    -------
    trace : Trace
        The first request arrives at 0 ns.

    Raises
    ------
    DataError
        If the file is missing, empty, cut, or has a broken value; the message names file, row and column.
    UnknownNameError
        If `source` is neither a file nor a profile; close names are suggested.
    ValueError
        If an option is out of range.

    Notes
    -----
    O(n); 100,000 rows of CSV take about 0.2 CPU seconds. The whole file is held in memory.

    Examples
    --------
    >>> load_trace("azure-chat", limit=1000, seed=1)
    Trace(name='azure-chat', num_requests=1000, duration_s=...)
    """
    _check_options(format, limit, duration_s, zero)
    check_integer("seed", seed, 0, BITS_63)
    if isinstance(source, str) and source in PROFILES:
        if format is not None:
            raise ValueError(f"`format` is for files, got `{format}` with the profile `{source}`")
        return generate(source, seed=seed, limit=limit, duration_s=duration_s)
    path = Path(source)
    if isinstance(source, str) and not os.path.exists(source):
        _refuse_unknown_name(source)
    trace = _read(path, format, Rules(limit=limit, sort=sort, zero=zero))
    if duration_s is not None:
        trace = trace.head(int(np.searchsorted(trace.arrival_ns, round(duration_s * 1e9), side="left")))
    return trace


def _check_options(format: str | None, limit: int | None, duration_s: float | None, zero: str) -> None:
    if format is not None and format not in FORMATS:
        raise ValueError(f"`format` must be one of {', '.join(FORMATS)}, got `{format}`")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | np.integer)):
        raise DtypeError(f"`limit` must be an integer, got {type(limit).__name__}")
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be at least 1, got {limit}")
    if duration_s is not None and not 0 < duration_s < 9e9:
        raise ValueError(f"`duration_s` must be above 0 and below 9e9 seconds, got {duration_s}")
    if zero not in ("raise", "drop"):
        raise ValueError(f'`zero` must be "raise" or "drop", got `{zero}`')


def _refuse_unknown_name(source: str) -> None:
    """Raise for a text that looks like a misspelled profile rather than a path; a path is left to the reader."""
    if os.sep in source or Path(source).suffix.lower() in _SUFFIXES:
        return
    raise UnknownNameError(f"`{source}` is neither a file nor a profile\nhint: {close_names(source, PROFILES)}")


def _read(path: Path, format: str | None, rules: Rules) -> Trace:
    file = str(path)
    content = read_bytes(path)
    format = format or _recognize(file, content)
    name: str | None = None
    if format == "parquet":
        columns, name = read_parquet(file, content, rules)
    elif format == "mooncake":
        columns = read_mooncake(file, content, rules)
    else:
        columns = read_azure(file, content, rules)
    return assemble(columns, rules, name if name is not None else _stem(path))


def _stem(path: Path) -> str:
    while path.suffix.lower() in _SUFFIXES:
        path = path.with_suffix("")
    return path.name


def _recognize(file: str, content: bytes) -> str:
    suffixes = {suffix.lower() for suffix in Path(file).suffixes}
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if content.startswith(b"PAR1"):
        return "parquet"
    if ".parquet" in suffixes:
        raise file_error(file, f"is not Parquet as its name says; it starts with {content[:6]!r}")
    if start.startswith(b"{") or suffixes & {".jsonl", ".json"}:
        return "mooncake"
    header = start.split(b"\n", 1)[0]
    if ".csv" in suffixes or any(name.encode() in header for name in AZURE_COLUMNS):
        return "azure"
    hint = f"Azure CSV starts with {','.join(AZURE_COLUMNS)}, Mooncake JSONL with {{, Parquet with PAR1"
    raise file_error(file, f"is of no known format; it starts with {content[:16]!r}", hint=hint)
