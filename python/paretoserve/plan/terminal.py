"""The front on a terminal: a table, the reason of each point, the picks marked, and what to read next.

What all shown configurations have in common is said once below the table. Reasons stand in the last column where
there is room, else below the table under the number of their row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paretoserve.plan.front import Front, describe
from paretoserve.plan.objectives import OBJECTIVES, amount

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_front", "print_refusals"]

SHOWN = 20
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
    """Join points of the front with equal objectives: (position of the one to show, its row, number of further ones).

    A picked point stands for its group.
    """
    groups: dict[tuple[float, ...], list[tuple[int, int]]] = {}
    for position, row in enumerate(front.rows.tolist()):
        values = tuple(float(front.columns[name][row]) for name in front.objectives)
        groups.setdefault(values, []).append((position, row))
    picked = set(front.picks.values())
    shown = []
    for members in groups.values():
        position, row = next((member for member in members if member[1] in picked), members[0])
        shown.append((position, row, len(members) - 1))
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
    table.add_column("pick", style="bold green", min_width=marks)
    if inside:
        table.add_column("why", style="dim")
    for (position, row, equal), name in zip(shown, names, strict=True):
        text = escape(name) + (f" [dim]+{equal} equal[/]" if equal else "")
        values = (amount(column, float(front.columns[column][row])) for column in front.objectives)
        why = [escape(front.reasons[position])] if inside else []
        table.add_row(str(position), str(front.configurations[row].num_gpus), text, *values, picks.get(row, ""), *why)
    console.print(table)
    if not inside:
        for position, _, _ in shown:
            console.print(f"{position:>3}: {front.reasons[position]}", style="dim", markup=False, highlight=False)
    if common:
        console.print(f"in common: {common}", markup=False, highlight=False)
    if len(shown) < len(groups):
        console.print(f"{len(groups) - len(shown)} more points: see front.parquet or report.html", highlight=False)
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
    """Print how many configurations were refused, by the first line of the reason, the most frequent first."""
    counts: dict[str, int] = {}
    for refusal in front.refused:
        reason = refusal.reason.partition("\n")[0]
        counts[reason] = counts.get(reason, 0) + 1
    for reason, count in sorted(counts.items(), key=lambda pair: -pair[1])[:5]:
        console.print(f"refused {count}: {reason}", markup=False, highlight=False)
    if len(counts) > 5:
        console.print(f"refused for {len(counts) - 5} further reasons; see plan.json", highlight=False)
