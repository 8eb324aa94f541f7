"""Load a trace from a file of any known format.

The format is recognized by the content, the compression too. Base install: numpy only; Parquet and zstd import pyarrow
when used.
"""

import os
from pathlib import Path
from typing import Literal

from paretoserve.sim.readers.assemble import Rules, assemble
from paretoserve.sim.readers.azure import read_azure
from paretoserve.sim.readers.source import read_bytes
from paretoserve.sim.trace import Trace

__all__ = ["load_trace"]


def load_trace(
    source: str | os.PathLike[str],
    *,
    format: str | None = None,
    limit: int | None = None,
    zero: Literal["raise", "drop"] = "raise",
    sort: bool = False,
    seed: int = 0,
) -> Trace:
    """Load a trace."""
    path = Path(source)
    content = read_bytes(path)
    rules = Rules(limit=limit, sort=sort, zero=zero)
    return assemble(read_azure(path.name, content, rules), rules, path.name.split(".")[0])
