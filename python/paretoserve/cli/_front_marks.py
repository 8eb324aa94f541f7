"""What `paretoserve front` says beside the rows: the knee, a choice under limits, the volume, why a row is off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._amounts import is_seconds, written_amount
from paretoserve.errors import UnmetSloError
from paretoserve.pareto._frame_columns import column_numbers
from paretoserve.pareto._frames import as_frame
from paretoserve.pareto._labels import column_labels, group_codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from paretoserve.cli._table import Table
    from paretoserve.pareto._table_rows import Question

__all__ = ["by_objective", "explanation", "knees", "limits_of", "objectives_of", "picks_of", "volumes"]


def objectives_of(question: Question, rows: pa.Table) -> dict[str, NDArray[np.float64]]:
    """Return the objectives of rows as float64, NaN where there is none."""
    frame = as_frame(rows)
    return {name: column_numbers(frame, name, frame.column(name)).floats() for name in question.maximize}


def by_objective(option: str, texts: Sequence[str], question: Question) -> dict[str, float]:
    """Return numbers by objective from texts like ``ttft_p99_s=1``; a column of seconds takes 40ms as well."""
    found: dict[str, float] = {}
    for text in texts:
        name, equals, amount = (part.strip() for part in text.rpartition("="))
        if not equals or name not in question.maximize:
            listed = ", ".join(question.maximize)
            raise ValueError(f"`{option}` must be OBJECTIVE=NUMBER, got `{text}`\nhint: the objectives are {listed}")
        timed = is_seconds(name)
        value = written_amount(amount, timed=timed)
        if value is None:
            expected = "a time such as 1s, 40ms or 0.04" if timed else "a number without a unit"
            raise ValueError(f"`{option}` of `{name}` must be {expected}, got `{amount}`")
        if name in found:
            raise ValueError(f"`{option}` must be given once per objective, got `{name}` twice")
        found[name] = value
    return found


def limits_of(question: Question, limits: Mapping[str, float]) -> dict[int, tuple[float | None, float | None]]:
    """Return bounds by position: what is better small stays below its limit, what is better large above."""
    names = list(question.maximize)
    return {
        names.index(name): (limit, None) if question.maximize[name] else (None, limit) for name, limit in limits.items()
    }


def _fronts(question: Question, rows: pa.Table) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.float64]]]:
    """Yield per group what it is called in a message, its positions in `rows` and its objectives."""
    points = np.column_stack(list(objectives_of(question, rows).values()))
    if not question.by or len(points) == 0:
        yield "", np.arange(len(points)), points
        return
    frame = as_frame(rows)
    codes = group_codes(frame, {name: frame.column(name) for name in question.by})[0]
    for code in np.unique(codes).tolist():
        members = np.flatnonzero(codes == code)
        labels = [column_labels(frame, name, frame.column(name)) for name in question.by]
        name = ", ".join(str(values[of[members[0]]]) for of, values in labels)
        yield f" of {name}", members, points[members]


def knees(question: Question, rows: pa.Table, method: str) -> tuple[list[str], list[str]]:
    """Return a mark per row, and what to tell about fronts without a knee."""
    from paretoserve import pareto

    senses: Any = list(question.senses.values())
    marks, notes = [""] * rows.num_rows, []
    for name, members, points in _fronts(question, rows):
        if not np.isfinite(points).all():
            notes.append(f"no knee{name}: an objective of the front is missing or infinite")
            continue
        best = pareto.knee(points, senses, method=method)  # type: ignore[arg-type]
        if best is not None:
            marks[members[best]] = "knee"
    return marks, notes


def picks_of(
    question: Question, rows: pa.Table, best: str | None, limits: Mapping[str, float], interpolate: str | None
) -> tuple[list[str], list[str]]:
    """Return a mark per row of the best one within limits, and what to tell about it.

    Raises
    ------
    UnmetSloError
        If no front has a row that meets the limits; the nearest one is named.
    """
    from paretoserve import pareto

    names, senses = list(question.maximize), list(question.senses.values())
    if best is not None and best not in names:
        raise ValueError(f"`--pick` must name an objective, got `{best}`\nhint: they are {', '.join(names)}")
    free = [name for name in names if name not in limits]
    target = best or (free or names)[0]
    if interpolate and not (len(names) == 2 and len(limits) == 1 and target not in limits):
        raise ValueError(
            "`--interpolate` needs two objectives and one --slo, on the other one than is picked, "
            f"got {len(names)} objectives, --slo of {', '.join(limits)} and --pick {target}"
        )
    options: dict[str, Any] = {"best": names.index(target), "where": limits_of(question, limits), "nan": "drop"}
    marks, notes, missed = [""] * rows.num_rows, [], []
    for name, members, points in _fronts(question, rows):
        choice = pareto.pick(points, senses, interpolate=interpolate or False, **options)  # type: ignore[arg-type]
        if choice.index is None:
            missed.append(_miss(name, names, points, choice))
            continue
        values = ", ".join(f"{each} {value:.6g}" for each, value in zip(names, choice.values, strict=True))
        notes.append(f"pick{name}: {values}")
        for row, share in choice.mixture:
            marks[members[row]] = "pick" if share == 1 else f"pick {share:.1%}"
    if not any(marks):
        raise UnmetSloError("\n".join(missed))
    return marks, notes + missed


def _miss(name: str, names: list[str], points: NDArray[np.float64], choice: Any) -> str:
    if choice.nearest is None:
        return f"no row{name} meets the limits: the front is empty"
    amounts = ", ".join(f"{names[k]} by {excess:.6g}" for k, excess in choice.missed_by.items() if excess)
    values = ", ".join(f"{each} {value:.6g}" for each, value in zip(names, points[choice.nearest], strict=True))
    return f"no row{name} meets the limits\nhint: the nearest misses {amounts}; it has {values}"


def volumes(question: Question, rows: pa.Table, ref: Mapping[str, float]) -> list[str]:
    """Return in words the volume that each front dominates before the reference point."""
    from paretoserve import pareto

    missing = [name for name in question.maximize if name not in ref]
    if missing:
        raise ValueError(f"`--ref` must be given for every objective, got none for `{missing[0]}`")
    senses: Any = list(question.senses.values())
    point = [ref[name] for name in question.maximize]
    lines = []
    for name, members, points in _fronts(question, rows):
        volume = pareto.hypervolume(points, point, senses, nan="drop", threads=question.threads)
        outside = f", {volume.num_outside} of {len(members)} points outside" if volume.num_outside else ""
        lines.append(f"hypervolume{name}: {float(volume):.12g}{outside}")
    return lines


def explanation(question: Question, table: Table, row: int) -> Any:
    """Return why a row, counted from 1, is on the front or not; its dominators are counted from 1 as well."""
    from paretoserve import pareto

    if not 1 <= row <= table.num_rows:
        raise ValueError(f"`--explain` must be a row from 1 to {table.num_rows}, got {row}")
    for condition in question.where:
        if not condition.met(table, table.column(condition.column))[row - 1]:
            return f"row {row} takes no part: it does not meet {condition}"
    taken = np.ones(table.num_rows, dtype=np.bool_)
    for condition in question.where:
        taken &= condition.met(table, table.column(condition.column))
    columns: dict[str, Any] = {}
    for name in question.maximize:
        numbers = column_numbers(table, name, table.column(name))
        absent = numbers.absent()
        if absent is not None and question.nan == "drop":
            if absent[row - 1]:
                return f"row {row} takes no part: it has no `{name}`"
            taken &= ~absent
        # Floats where a missing value is ranked; as they are where it is left out.
        ranked = numbers.scale or (numbers.missing is not None and question.nan == "worst")
        columns[name] = numbers.floats() if ranked else numbers.values
    rows = np.flatnonzero(taken)
    groups = group_codes(table, {name: table.column(name) for name in question.by})[0][rows] if question.by else None
    found = pareto.explain(
        {name: values[rows] for name, values in columns.items()},
        int(np.searchsorted(rows, row - 1)),
        list(question.senses.values()),
        nan="worst" if question.nan == "worst" else "raise",
        groups=groups,
    )
    return replace(found, index=row, dominators=tuple((rows[list(found.dominators)] + 1).tolist()))
