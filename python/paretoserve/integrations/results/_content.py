"""Content of result files: JSON objects, and rows whose figures are checked as they are put in."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from paretoserve._files import file_error, read_bytes, shown_bytes

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Row", "number", "objects", "section"]

Sense = Literal["min", "max"]


@dataclass
class Row:
    """One run: its figures by column, with their units and directions."""

    file: str
    model: str = ""
    tool: str = ""
    values: dict[str, float] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    senses: dict[str, Sense] = field(default_factory=dict)

    def put(self, name: str, value: float, unit: str, sense: Sense | None = None) -> None:
        """Note a figure; NaN is one that the tool did not write."""
        self.values[name] = value
        self.units[name] = unit
        if sense is not None:
            self.senses[name] = sense


def objects(path: Path) -> list[dict[str, Any]]:
    """Return the JSON objects of a file: one, or one per line."""
    file, content = str(path), read_bytes(path)
    try:
        found = json.loads(content)
        places = [""]
        parts = [found]
    except (ValueError, RecursionError) as whole:
        lines = [line for line in content.splitlines() if line.strip()]
        parts, places = [], [f"row {number}" for number in range(1, len(lines) + 1)]
        for place, line in zip(places, lines, strict=True):
            try:
                parts.append(json.loads(line))
            except (ValueError, RecursionError):
                # A file of one object over several lines breaks in its first line; the error of the whole is the use.
                where = place if len(parts) else ""
                reason = getattr(whole, "msg", None) or str(whole)
                raise file_error(file, f"must be JSON, got {shown_bytes(line)} ({reason})", at=where or None) from None
    for place, part in zip(places, parts, strict=True):
        if not isinstance(part, dict):
            raise file_error(file, f"must be a JSON object, got {type(part).__name__}", at=place or None)
    return parts


def section(file: str, content: Any, name: str, at: str | None = None) -> dict[str, Any]:
    """Return an object within an object; DataError if it is missing or something else."""
    found = content.get(name) if isinstance(content, dict) else None
    if not isinstance(found, dict):
        got = "nothing" if found is None else type(found).__name__
        raise file_error(file, f"must be a JSON object, got {got}", at=at, column=name)
    return found


def number(
    file: str, value: Any, column: str, at: str | None = None, *, low: float = 0.0, high: float = math.inf
) -> float:
    """Return a finite number within bounds, or NaN for null."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise file_error(
            file, f"must be a finite number, got {shown_bytes(json.dumps(value).encode())}", at=at, column=column
        )
    if not low <= value <= high:
        bounds = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        raise file_error(file, f"must be {bounds}, got {value}", at=at, column=column)
    return float(value)
