"""The report of a plan: what goes into the page that `report` renders."""

from __future__ import annotations

import dataclasses

import numpy as np

from paretoserve.plan.front import Front, describe
from paretoserve.plan.objectives import OBJECTIVES
from paretoserve.plan.problem import beyond_context
from paretoserve.plan.report import Axis, render_report

__all__ = ["page", "provenance"]

# What the errors of the operator fits were measured on.
KINDS = {"held_out": "rows held out", "held_out_shapes": "shapes held out"}
# Serving engineers read a front with the user's rate along x and the GPU's along y.
RATES = ("tokens_per_s_per_user", "tokens_per_s_per_gpu")
# Columns that the page shows by other means.
HIDDEN = {"configuration", "meets_slo", "on_front", "pick"}


def page(front: Front) -> str:
    """Return a front as one HTML page that works offline; the same front gives the same bytes.

    Parameters
    ----------
    front : Front
        With at least one configuration. All finite objective columns can be axes; the front is that of its objectives.

    Returns
    -------
    page : str
    """
    on_front = np.zeros(len(front.configurations), dtype=bool)
    on_front[front.rows] = True
    records = front.records("all")
    finite = [name for name in OBJECTIVES if np.isfinite(front.columns[name]).all()]
    first = [name for name in RATES if name in front.objectives]
    axes = list(dict.fromkeys([*first, *front.objectives, *finite]))
    points: dict[str, list[object]] = {
        "configuration": [describe(configuration) for configuration in front.configurations]
    }
    points |= {name: [record[name] for record in records] for name in records[0] if name not in HIDDEN}
    return render_report(
        title=_title(front),
        points=points,
        objectives=[Axis(**dataclasses.asdict(OBJECTIVES[name])) for name in axes],
        front=on_front,
        eligible=[record["meets_slo"] for record in records],
        picks=front.picks,
        notes=_notes(front),
        provenance=provenance(front),
    )


def _title(front: Front) -> str:
    names = {part: front.inputs[part]["name"] for part in ("model", "system", "trace")}
    return f"{names['model']} on {front.inputs['gpus']} x {names['system']} for {names['trace']}"


def _notes(front: Front) -> list[str]:
    directions = ", ".join(f"{name} ({OBJECTIVES[name].sense})" for name in front.objectives)
    notes = [
        f"{len(front)} of {len(front.configurations)} configurations are on the front of {directions}; "
        f"{len(front.refused)} were refused."
    ]
    if front.limits:
        miss = front.miss
        stated = f"SLO: {', '.join(map(str, front.limits))}."
        notes.append(stated if miss is None else f"{stated} No configuration meets it; nearest: {miss}.")
    return notes + beyond_context(front.inputs)


def provenance(front: Front) -> dict[str, str]:
    """Return where the numbers come from, one line per source."""
    inputs = front.inputs
    lines = {"paretoserve": str(inputs["paretoserve"])}
    lines |= {part: f"{inputs[part]['name']} ({inputs[part]['digest'][:12]})" for part in ("model", "system", "trace")}
    counts = {kind: front.step_times.count(kind) for kind in sorted(set(front.step_times))}
    lines["step times"] = ", ".join(f"{kind} for {count} configurations" for kind, count in counts.items())
    for name, errors in inputs["operators"]["mean_absolute_error_percent"].items():
        stated = (f"{error:.1f} % mean error on {KINDS.get(kind, kind)}" for kind, error in errors.items())
        lines[f"operator {name}"] = ", ".join(stated)
    return lines
