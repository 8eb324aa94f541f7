"""A front as one HTML page that works offline: a chart of any two objectives and a sortable table beside it.

The page holds plotly.js, the data as JSON and the small script in ``assets/``; it loads nothing, which its own content
policy enforces. The same input gives the same bytes.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.pareto import staircase

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Axis", "render_report", "write_report"]

ASSETS = Path(__file__).parent / "assets"

MAX_OTHER_POINTS = 5000
"""Points off the front that a page holds at most; a browser gets slow with many more."""


@dataclass(frozen=True)
class Axis:
    """An objective as the report shows it.

    Parameters
    ----------
    name : str
        Column of the points.
    sense : {"min", "max"}
        Which direction is better.
    unit : str, default ""
        Unit of the values; seconds and bytes are shown in handy multiples.
    meaning : str, default ""
        One sentence, shown when the pointer rests on the column's heading.
    """

    name: str
    sense: Literal["min", "max"]
    unit: str = ""
    meaning: str = ""


def write_report(path: str | Path, **content: Any) -> None:
    """Write `render_report` of the keyword arguments to `path`.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    Path(path).write_text(render_report(**content), encoding="utf-8")


def render_report(
    *,
    title: str,
    points: Mapping[str, ArrayLike] | pa.Table,
    objectives: Sequence[Axis],
    front: ArrayLike,
    others: Sequence[Axis] = (),
    eligible: ArrayLike | None = None,
    picks: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
    provenance: Mapping[str, str] | None = None,
) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    title : str
        Heading of the page.
    points : mapping of str to array_like of shape (n,), or pyarrow.Table
        Columns of all points. Those that an axis names are numbers; the rest describes the configuration: in the hover
        text and the table, whose first column is the first of them, or once below the title where all points agree.
    objectives : sequence of Axis
        What spans the front: shown in the hover text, in the table and on the axes, the first two at the start.
    front : array_like of bool, shape (n,)
        Which points no other point beats in all objectives.
    others : sequence of Axis
        More numbers that the axes can show; beside a point only while they do.
    eligible : array_like of bool, shape (n,), optional
        Which points meet the limits; the others are drawn as crosses and no staircase goes through them. Default: all.
    picks : mapping of str to int, optional
        Rows to mark, by the name of the mark, for example ``{"knee": 3}``.
    notes : sequence of str
        Lines below the title.
    provenance : mapping of str to str, optional
        Where the numbers come from; shown at the foot.

    Returns
    -------
    page : str
        About 5 MB, nearly all of it plotly.js.

    Raises
    ------
    ShapeError
        If columns and masks differ in length.
    ValueError
        If there is no objective, or one is not among the columns.

    Notes
    -----
    NaN and infinities have no place on an axis: such a point is left out of the chart (the page says how many) and
    shows n/a in the table. Beyond 5,000 points off the front, every k-th of them is kept and the page says so.

    Examples
    --------
    >>> page = render_report(
    ...     title="two points",
    ...     points={"batch": [1, 8], "latency_s": [0.1, 0.5], "tokens_per_s": [30.0, 150.0]},
    ...     objectives=[Axis("latency_s", "min", "s"), Axis("tokens_per_s", "max", "tokens/s")],
    ...     front=[True, True],
    ... )
    >>> page.startswith("<!DOCTYPE html>")
    True
    """
    from plotly.offline import get_plotlyjs

    columns = {name: np.asarray(values) for name, values in _columns(points).items()}
    masks = {"front": np.asarray(front, dtype=bool)}
    masks["eligible"] = (
        np.ones(len(masks["front"]), dtype=bool) if eligible is None else np.asarray(eligible, dtype=bool)
    )
    for name, values in {**columns, **masks}.items():
        if values.shape != masks["front"].shape:
            raise ShapeError(
                f"`{name}` must have shape {masks['front'].shape}, one entry per point, got {values.shape}"
            )
    if not objectives:
        raise ValueError("`objectives` must name at least one column, got none")
    axes = [*objectives, *others]
    for axis in axes:
        if axis.name not in columns:
            raise ValueError(f"`objectives` names `{axis.name}`, which is not a column of `points`")
    names = {axis.name for axis in axes}
    described = {
        name: [_plain(value) for value in values.tolist()] for name, values in columns.items() if name not in names
    }
    same = {name: values[0] for name, values in described.items() if len(values) > 1 and len(set(values)) == 1}
    fields = {name: values for name, values in described.items() if name not in same}
    rows, thinned = _shown_rows(masks["front"], picks or {})
    data = {
        "title": title,
        "axes": [vars(axis) for axis in axes],
        "num_objectives": len(objectives),
        "fields": list(fields) or ["point"],
        "picks": list(picks or {}),
        "points": [_point(int(row), axes, columns, fields, masks, picks or {}) for row in rows],
        "staircases": _staircases(axes, columns, rows[masks["eligible"][rows]]),
    }
    lines = [
        *notes,
        *([f"the same for all: {', '.join(f'{name} {value}' for name, value in same.items())}"] if same else []),
    ]
    if thinned:
        lines.append(f"{thinned} of {len(masks['front'])} points are off the front and not in this page")
    return Template((ASSETS / "report.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        css=(ASSETS / "report.css").read_text(encoding="utf-8"),
        notes="\n".join(f"<p>{html.escape(line)}</p>" for line in lines),
        provenance=_definitions(provenance or {}),
        plotly=get_plotlyjs(),
        # A "<" could end the script element; JSON may write it as an escape.
        data=json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        js=(ASSETS / "report.js").read_text(encoding="utf-8"),
    )


def _columns(points: Mapping[str, ArrayLike] | pa.Table) -> Mapping[str, ArrayLike]:
    if isinstance(points, Mapping):
        return points
    return {name: points.column(name).to_numpy() for name in points.column_names}


def _shown_rows(front: NDArray[np.bool_], picks: Mapping[str, int]) -> tuple[NDArray[np.int64], int]:
    """Return the rows that the page holds, in order, and how many it leaves out."""
    kept = front.copy()
    kept[list(picks.values())] = True
    others = np.flatnonzero(~kept)
    kept[others[:: max(1, math.ceil(len(others) / MAX_OTHER_POINTS))]] = True
    return np.flatnonzero(kept), int((~kept).sum())


def _point(
    row: int,
    axes: Sequence[Axis],
    columns: Mapping[str, NDArray[Any]],
    fields: Mapping[str, list[str]],
    masks: Mapping[str, NDArray[np.bool_]],
    picks: Mapping[str, int],
) -> dict[str, Any]:
    values = [float(columns[axis.name][row]) for axis in axes]
    return {
        "index": row,
        "values": [value if math.isfinite(value) else None for value in values],
        "texts": [_amount(value, axis.unit) for value, axis in zip(values, axes, strict=True)],
        "fields": [values[row] for values in fields.values()] or [str(row)],
        "front": bool(masks["front"][row]),
        "eligible": bool(masks["eligible"][row]),
        "picks": [name for name, picked in picks.items() if picked == row],
    }


def _staircases(
    axes: Sequence[Axis], columns: Mapping[str, NDArray[Any]], rows: NDArray[np.int64]
) -> dict[str, list[list[list[float]]]]:
    """Return the line of the front of every two axes; for logarithmic ones those of positive values as well.

    The key is the two positions, the smaller one first. The list holds the line, and where values are not positive, the
    lines with the first axis, the second and both logarithmic.
    """
    values = np.array([columns[axis.name][rows] for axis in axes], dtype=np.float64)
    finite, positive = np.isfinite(values), values > 0
    found = {}
    for x in range(len(axes)):
        for y in range(x, len(axes)):
            both = finite[x] & finite[y]
            kept = [both, both & positive[x], both & positive[y], both & positive[x] & positive[y]]
            if (kept[3] == both).all():
                kept = kept[:1]
            senses = [axes[x].sense, axes[y].sense]
            found[f"{x} {y}"] = [staircase(values[[x, y]][:, rows].T, senses).tolist() for rows in kept]
    return found


def _plain(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


def _amount(value: float, unit: str) -> str:
    """Return a value with its unit, four significant digits, thousands separated."""
    if not math.isfinite(value):
        return "n/a"
    if unit == "s" and 0 < abs(value) < 1:
        value, unit = value * 1e3, "ms"
    elif unit == "bytes":
        value, unit = value / 1e9, "GB"
    digits = 0 if abs(value) >= 1e4 else 3 - math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:,.0f}" if digits <= 0 else f"{value:.4g}"
    return f"{text} {unit}".rstrip()


def _definitions(pairs: Mapping[str, str]) -> str:
    items = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in pairs.items())
    return f"<dl>{items}</dl>" if items else ""
