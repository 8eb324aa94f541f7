"""Planners side by side on the same load traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paretoserve.errors import DtypeError
from paretoserve.moe._arguments import as_topology
from paretoserve.moe.loads.trace import Loads
from paretoserve.moe.study.planners import PLANNERS
from paretoserve.moe.study.replay import Replay, replay

if TYPE_CHECKING:
    from paretoserve.moe.topology import Topology

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    rows : tuple of dict
        One per trace and planner: the summary of the replay, `speedup` over the first planner on the same trace, and
        `slower`, the share of steps and layers that take longer than with the first one.
    replays : tuple of Replay
        The runs behind them, in the same order.
    """

    rows: tuple[dict[str, Any], ...]
    replays: tuple[Replay, ...]

    def __repr__(self) -> str:
        return f"Comparison({len(self.rows)} rows)"

    def to_dict(self) -> dict[str, Any]:
        """Return the rows as plain values."""
        return {"planners": [dict(row) for row in self.rows]}

    def to_table(self) -> Any:
        """Return a pyarrow Table with one row per trace and planner."""
        import pyarrow

        return pyarrow.Table.from_pylist([dict(row) for row in self.rows])

    def explain(self) -> str:
        """Return one line per trace, and one per planner on it."""
        lines: list[str] = []
        last: Loads | None = None
        for row, run in zip(self.rows, self.replays, strict=True):
            if run.loads is not last:
                lines.append(run.loads.explain())
            last = run.loads
            lines.append(f"  {run.explain()}; {row['speedup']:.2f} x as fast")
        return "\n".join(lines)


def compare(loads: Loads | Sequence[Loads], *, planners: Sequence[str] | None = None, **arguments: Any) -> Comparison:
    """Replay each trace under each planner.

    Parameters
    ----------
    loads : Loads or sequence of Loads
        The traces.
    planners : sequence of str, optional
        Names; the first is what the others are compared with. By default all of `PLANNERS`, but "llep" only where the
        ranks divide the experts.
    **arguments
        Of `replay`: `num_ranks`, `cost`, and so on. Options of single planners are not among them.

    Returns
    -------
    Comparison

    Raises
    ------
    DtypeError, ShapeError, ValueError, UnknownNameError
        As `replay` does; if there is no trace or no planner.

    Examples
    --------
    >>> from paretoserve import moe
    >>> traces = [moe.loads.llep_scenario(64, 65_536, 4, share=share, num_hot=4) for share in (0.0, 0.8)]
    >>> cost = moe.CostModel(token_ns=83, expert_ns=12_000, transfer_ns=142_000)
    >>> found = moe.compare(traces, planners=("ep", "spill"), num_ranks=8, cost=cost)
    >>> [(row["loads"], row["planner"], round(row["speedup"], 1)) for row in found.rows]
    [('balanced', 'ep', 1.0), ('balanced', 'spill', 1.0), ('80% into 4', 'ep', 1.0), ('80% into 4', 'spill', 4.7)]
    """
    traces = [loads] if isinstance(loads, Loads) else list(loads)
    names = [planners] if isinstance(planners, str) else list(PLANNERS if planners is None else planners)
    if not traces or not names:
        raise ValueError("`loads` and `planners` must hold at least one each")
    for trace in traces:
        if not isinstance(trace, Loads):
            raise DtypeError(f"`loads` must be a moe.loads.Loads or hold such, got {type(trace).__name__}")
    if not all(isinstance(name, str) for name in names):
        raise DtypeError("`planners` must hold names")
    rows: list[dict[str, Any]] = []
    runs: list[Replay] = []
    for trace in traces:
        fit = [name for name in names if planners is not None or name != "llep" or _divides(trace, **arguments)]
        group = [replay(trace, name, **arguments) for name in fit]
        for run in group:
            first = group[0]
            total = float(run.step_ns.sum())
            speedup = float(first.step_ns.sum()) / total if total else 1.0
            slower = float((run.time_ns > first.time_ns * (1 + 1e-9)).mean())
            rows.append(run.summary() | {"speedup": speedup, "slower": slower})
        runs += group
    return Comparison(tuple(rows), tuple(runs))


def _divides(loads: Loads, *, num_ranks: int | Topology = 1, topology: Topology | None = None, **_: Any) -> bool:
    """Return whether the ranks divide the experts."""
    return loads.num_experts % as_topology(num_ranks, topology).num_ranks == 0
