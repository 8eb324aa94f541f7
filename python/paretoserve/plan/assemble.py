"""From the outcome of every configuration to the result: refusals, the front, reasons and picks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paretoserve import pareto
from paretoserve.plan.front import Front, Refusal
from paretoserve.plan.measure import not_finite
from paretoserve.plan.objectives import OBJECTIVES
from paretoserve.plan.picks import knee_row, slo_row
from paretoserve.plan.slo import Limit, meets, nearest_row
from paretoserve.plan.why import reasons
from paretoserve.sim import Configuration

__all__ = ["assemble"]


def assemble(
    configurations: Sequence[Configuration],
    outcomes: Sequence[dict[str, Any]],
    names: tuple[str, ...],
    limits: tuple[Limit, ...],
    inputs: dict[str, Any],
) -> Front:
    """Build the result from what each configuration gave.

    Parameters
    ----------
    configurations : sequence of Configuration
        In the order of the space.
    outcomes : sequence of dict
        What `evaluate` gave per configuration.
    names : tuple of str
        Objectives.
    limits : tuple of Limit
        The SLO.
    inputs : dict
        Plain data for `Front.inputs`.

    Returns
    -------
    front : Front
    """
    kept: list[tuple[Configuration, dict[str, float], str]] = []
    refused: list[Refusal] = []
    needed = tuple(dict.fromkeys((*names, *(limit.name for limit in limits))))
    for configuration, outcome in zip(configurations, outcomes, strict=True):
        reason = outcome.get("refused")
        if reason is None:
            columns = {name: np.nan if value is None else value for name, value in outcome["columns"].items()}
            reason = not_finite(columns, needed)
        if reason is None:
            kept.append((configuration, columns, outcome["provenance"]))
        else:
            refused.append(Refusal(configuration, reason))
    table = {name: np.array([columns[name] for _, columns, _ in kept]) for name in (kept[0][1] if kept else OBJECTIVES)}
    rows = _front_rows(table, names, limits, len(kept))
    points = np.stack([table[name][rows] for name in names], axis=1)
    return Front(
        objectives=names,
        limits=limits,
        configurations=tuple(configuration for configuration, _, _ in kept),
        columns=table,
        step_times=tuple(provenance for _, _, provenance in kept),
        rows=rows,
        reasons=tuple(reasons(points, names)),
        picks=_picks(table, points, rows, names, limits),
        refused=tuple(refused),
        inputs=inputs,
    )


def _front_rows(
    table: dict[str, NDArray[np.float64]], names: tuple[str, ...], limits: tuple[Limit, ...], count: int
) -> NDArray[np.int64]:
    if count == 0:
        return np.empty(0, dtype=np.int64)
    meeting = np.array([meets({name: table[name][row] for name in table}, limits) for row in range(count)])
    candidates = np.flatnonzero(meeting) if meeting.any() else np.arange(count)
    points = np.stack([table[name][candidates] for name in names], axis=1)
    senses = [OBJECTIVES[name].sense for name in names]
    rows = candidates[pareto.mask(points, senses)]
    signed = points[np.searchsorted(candidates, rows)] * [1.0 if sense == "min" else -1.0 for sense in senses]
    # Best first in the first objective, then in the next; equal points in the order of the space.
    order = np.lexsort((rows, *signed.T[::-1]))
    return rows[order].astype(np.int64)


def _picks(
    table: dict[str, NDArray[np.float64]],
    points: NDArray[np.float64],
    rows: NDArray[np.int64],
    names: tuple[str, ...],
    limits: tuple[Limit, ...],
) -> dict[str, int]:
    if not len(rows):
        return {}
    picks = {"knee": int(rows[knee_row(points, [OBJECTIVES[name].sense for name in names])])}
    if not limits:
        return picks
    nearest, excess, _ = nearest_row(table, limits)
    if excess > 0:
        return {"nearest": nearest} | picks
    return {"slo": slo_row(table, np.sort(rows), limits)} | picks
