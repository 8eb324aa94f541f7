"""The front on a terminal: a table, the reason of each point, the picks marked, and what to read next.

Points that differ by less than 1 % share a row. What all shown configurations have in common is said once below the
table. Reasons stand in the last column where there is room, else below the table under the number of their row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve.plan.front import Front, describe, falls_behind
from paretoserve.plan.objectives import OBJECTIVES, amount
from paretoserve.plan.problem import beyond_context
from paretoserve.plan.screen import SCREENED

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_front", "print_refusals"]

SHOWN = 20
REASONS = 4
ALIKE = 0.01
WIDE = 150
HEADINGS = {
    "tokens_per_s_per_user": "tok/s/user",
    "tokens_per_s_per_gpu": "tok/s/GPU",
    "goodput_rps": "goodput/s",
    "usd_per_mtok": "$/Mtok",
    "joule_per_token": "J/token",
    "memory_headroom_bytes": "headroom",
}


def _groups(front: Front) -> list[tuple[int, int, int]]:
    """Join points of the front that are alike: (position of the one to show, its row, number of further ones).

    A point joins the first group whose first member it equals within 1 % in every objective: less than the step times
    are sure of. A picked point stands for its group.
    """
    points = np.stack([front.columns[name][front.rows] for name in front.objectives], axis=1)
    groups: list[list[int]] = []
    for position, point in enumerate(points):
        for members in groups:
            if np.allclose(point, points[members[0]], rtol=ALIKE, atol=0.0):
                members.append(position)
                break
        else:
            groups.append([position])
    picked = set(front.picks.values())
    shown = []
    for members in groups:
        best = next((position for position in members if int(front.rows[position]) in picked), members[0])
        shown.append((best, int(front.rows[best]), len(members) - 1))
    return shown


def print_front(front: Front, console: Console, *, limit: int = SHOWN) -> None:
    """Print a front as a table.

    Parameters
    ----------
    front : Front
        The result of a plan.
    console : rich.console.Console
        Where to print.
    limit : int, default 20
        Rows shown at most, beside the picks, which are always shown. A last line says how many more there are.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    groups = _groups(front)
    picks: dict[int, str] = {}
    for name, row in front.picks.items():
        picks[row] = f"{picks[row]}, {name}" if row in picks else name
    shown = groups[:limit] + [group for group in groups[limit:] if group[1] in picks]
    names, common = _short([describe(front.configurations[row]) for _, row, _ in shown])
    inside = console.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    headings = [HEADINGS.get(name, name.removesuffix("_s").replace("_", " ")) for name in front.objectives]
    marks = max((len(mark) for mark in picks.values()), default=0)
    table.add_column("#", justify="right", min_width=2)
    table.add_column("GPUs", justify="right", min_width=4)
    table.add_column("configuration")
    for heading in headings:
        table.add_column(heading, justify="right", min_width=len(heading))
    loaded = front.inputs.get("expert_load") is not None
    if loaded:
        table.add_column("imbalance", justify="right", min_width=9)
    table.add_column("pick", style="bold green", min_width=marks)
    if inside:
        table.add_column("why", style="dim")
    for (position, row, alike), name in zip(shown, names, strict=True):
        text = escape(name) + (f" [dim]+{alike} alike[/]" if alike else "")
        text += " [red]falls behind[/]" if falls_behind(front.row(row)) else ""
        values = (amount(column, float(front.columns[column][row])) for column in front.objectives)
        even = [f"{front.columns['expert_imbalance'][row]:.2f}"] if loaded else []
        why = [escape(front.reasons[position])] if inside else []
        table.add_row(
            str(position), str(front.configurations[row].num_gpus), text, *values, *even, picks.get(row, ""), *why
        )
    console.print(table)
    if not inside:
        for position, _, _ in shown:
            console.print(f"{position:>3}: {front.reasons[position]}", style="dim", markup=False, highlight=False)
    if common:
        console.print(f"in common: {common}", markup=False, highlight=False)
    if loaded:
        console.print(
            "imbalance: expert work of the fullest rank over the mean, in the typical step",
            markup=False,
            highlight=False,
        )
    if len(shown) < len(groups):
        console.print(f"{len(groups) - len(shown)} more rows: see front.parquet or report.html", highlight=False)
    directions = ", ".join(f"{name} ({OBJECTIVES[name].sense})" for name in front.objectives)
    console.print(
        f"{len(front)} of {len(front.configurations)} configurations are on the front of {directions}", highlight=False
    )


def _short(descriptions: list[str]) -> tuple[list[str], str]:
    """Take out the parts that all descriptions share; return the rest of each and what they share."""
    parts = [description.split("  ") for description in descriptions]
    shared = [part for part in parts[0] if all(part in other for other in parts)] if len(parts) > 1 else []
    return ["  ".join(part for part in words if part not in shared) or "the same" for words in parts], ", ".join(shared)


def print_refusals(front: Front, console: Console) -> None:
    """Print how many configurations were refused, by what the reason starts with, the most frequent first.

    Requests that an engine would refuse are told before.
    """
    for line in beyond_context(front.inputs):
        console.print(f"warning: {line}", markup=False, highlight=False)
    groups: dict[str, list[str]] = {}
    for refusal in front.refused:
        reason = refusal.reason.partition("\n")[0]
        groups.setdefault(reason.partition(": ")[0].partition(" on the first")[0], []).append(reason)
    for reasons in sorted(groups.values(), key=len, reverse=True)[:REASONS]:
        lead = f"{len(reasons)} " if reasons[0].startswith(SCREENED) else f"{len(reasons)} refused, for example: "
        console.print(lead + reasons[0], markup=False, highlight=False)
    if len(groups) > REASONS:
        console.print(f"more refused for {len(groups) - REASONS} further reasons: see plan.json", highlight=False)
