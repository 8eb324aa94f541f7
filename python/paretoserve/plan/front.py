"""The result of a plan: every configuration with its numbers, which of them are on the front, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paretoserve.plan.objectives import OBJECTIVES, amount, objective_name
from paretoserve.plan.picks import best, knee_row, slo_row
from paretoserve.plan.slo import Limit, meets, nearest_row, parse_slo
from paretoserve.sim import Configuration

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Front", "Miss", "Refusal"]

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Refusal:
    """A configuration that has no numbers, and why."""

    configuration: Configuration
    reason: str


@dataclass(frozen=True)
class Miss:
    """The configuration nearest to limits that nobody meets.

    Parameters
    ----------
    row : int
        Row of the configuration in `Front.configurations`.
    limit : Limit
        The limit it misses most: the one that binds.
    value : float
        What it reaches there.
    excess : float
        The miss as a fraction of the limit.
    """

    row: int
    limit: Limit
    value: float
    excess: float

    def __str__(self) -> str:
        """Return the miss as a sentence fragment."""
        return f"{self.limit} {self.limit.state(self.value)}"


@dataclass(frozen=True, eq=False)
class Front:
    """Configurations that nobody beats, and all others they were compared with.

    Parameters
    ----------
    objectives : tuple of str
        Columns that span the front.
    limits : tuple of Limit
        The SLO; empty without one.
    configurations : tuple of Configuration, length n
        All configurations that were simulated, in the order of the space.
    columns : dict of str to ndarray of float64, shape (n,)
        Objective columns, then further figures (requests, preemptions, utilization).
    step_times : tuple of {"measured", "interpolated", "fitted", "transferred"}, length n
        Worst provenance of the operators that a typical step of the configuration spends its time in.
    rows : ndarray of int64
        Rows of the front, best first in the first objective; equal points are all kept.
    reasons : tuple of str
        Why each row of `rows` is on the front.
    picks : dict of str to int
        ``knee``; with a SLO also ``slo`` (most tokens per second and GPU on the front) or, if nobody meets it,
        ``nearest``.
    refused : tuple of Refusal
        Configurations without numbers.
    inputs : dict
        What the plan was made from, as plain data: model, system, trace, seed, space, versions.

    Notes
    -----
    The front is taken among the configurations that meet the SLO. If none does, `miss` names the nearest one and the
    front is taken among all.
    """

    objectives: tuple[str, ...]
    limits: tuple[Limit, ...]
    configurations: tuple[Configuration, ...]
    columns: dict[str, NDArray[np.float64]]
    step_times: tuple[str, ...]
    rows: NDArray[np.int64]
    reasons: tuple[str, ...]
    picks: dict[str, int]
    refused: tuple[Refusal, ...]
    inputs: dict[str, Any]

    def __len__(self) -> int:
        """Return the number of points on the front."""
        return len(self.rows)

    def row(self, index: int) -> dict[str, float]:
        """Return the columns of one configuration by its row in `configurations`."""
        return {name: float(values[index]) for name, values in self.columns.items()}

    @property
    def miss(self) -> Miss | None:
        """The nearest miss when no configuration meets the limits, else None."""
        if not self.limits or not self.configurations:
            return None
        row, excess, limit = nearest_row(self.columns, self.limits)
        return Miss(row, limit, float(self.columns[limit.name][row]), excess) if excess > 0 else None

    def pick(self, by: str = "knee", *, slo: str | Mapping[str, float | str] | None = None) -> int:
        """Return the row of one configuration of the front.

        Parameters
        ----------
        by : str, default "knee"
            ``knee``, ``slo`` (most tokens per second and GPU among those that meet the plan's SLO) or an objective
            column to be best in.
        slo : str or mapping or None
            Limits that the pick must meet, beside those of the plan.

        Returns
        -------
        row : int
            Index into `configurations`; the first of equal ones.

        Raises
        ------
        ValueError
            If the front is empty or no point meets the limits.
        UnknownNameError
            If `by` names no column.

        Examples
        --------
        ``front.pick("joule_per_token", slo="ttft_p99=1s")``
        """
        limits = parse_slo(slo)
        rows = np.array([row for row in self.rows if meets(self.row(row), limits)], dtype=np.int64)
        if not len(rows):
            wanted = ", ".join(map(str, limits)) or "any point"
            raise ValueError(
                f"`slo` must be met by a point of the front, got {wanted}: none of its {len(self)} points is that good"
            )
        if by == "slo":
            if "slo" not in self.picks:
                raise ValueError("`by` must be `knee` or a column when the plan has no SLO that is met, got `slo`")
            return slo_row(self.columns, np.sort(rows), (*self.limits, *limits))
        if by != "knee":
            name = objective_name(by)
            return best(self.columns[name], OBJECTIVES[name].sense, rows)
        points = np.stack([self.columns[name][rows] for name in self.objectives], axis=1)
        return int(rows[knee_row(points, [OBJECTIVES[name].sense for name in self.objectives])])

    def explain(self, index: int) -> str:
        """Say what one point of the front is, why it is there and what it costs.

        Parameters
        ----------
        index : int
            Position on the front: 0 is the first of `rows`.

        Returns
        -------
        text : str
            Several lines.

        Raises
        ------
        IndexError
            If the front has no such point.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"`index` must be in 0..{len(self) - 1} (points of the front), got {index}")
        row = int(self.rows[index])
        marks = [name for name, picked in self.picks.items() if picked == row]
        lines = [
            describe(self.configurations[row]) + (f"  [{', '.join(marks)}]" if marks else ""),
            f"on the front: {self.reasons[index]}",
            *(
                f"  {name} = {amount(name, float(self.columns[name][row]))}: {OBJECTIVES[name].meaning}"
                for name in self.objectives
            ),
        ]
        lines += [f"  {limit}: {limit.state(float(self.columns[limit.name][row]))}" for limit in self.limits]
        mfu, mbu = (float(self.columns[name][row]) for name in ("mfu", "mbu"))
        use = f"  over the run {mfu:.1%} of peak FLOP/s and {mbu:.1%} of memory bandwidth"
        lines.append(f"{use}; step times {self.step_times[row]}")
        if falls_behind(self.row(row)):
            lines.append(
                "  it falls behind: requests wait longer and longer, so a longer trace would give worse latencies"
            )
        return "\n".join(lines)

    def records(self, which: str = "front") -> list[dict[str, Any]]:
        """Return one flat mapping per configuration: its fields, its columns and its place on the front.

        Parameters
        ----------
        which : {"front", "all"}, default "front"
            The front alone, or every simulated configuration.
        """
        if which not in ("front", "all"):
            raise ValueError(f"`which` must be `front` or `all`, got `{which}`")
        why = dict(zip(self.rows.tolist(), self.reasons, strict=True))
        picks = {row: name for name, row in reversed(self.picks.items())}
        rows = self.rows.tolist() if which == "front" else range(len(self.configurations))
        return [
            {
                "configuration": row,
                **dataclasses.asdict(self.configurations[row]),
                "num_gpus": self.configurations[row].num_gpus,
                **self.row(row),
                "step_time": self.step_times[row],
                "falls_behind": falls_behind(self.row(row)),
                "meets_slo": meets(self.row(row), self.limits),
                "on_front": row in why,
                "pick": picks.get(row, ""),
                "why": why.get(row, ""),
            }
            for row in rows
        ]

    def table(self, which: str = "front") -> pa.Table:
        """Return `records` as an Arrow table; a plan without points gives an empty one."""
        import pyarrow as pa

        return pa.Table.from_pylist(self.records(which))

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data, the content of ``plan.json``: no wall times, no paths."""
        miss = self.miss
        return {
            "schema_version": SCHEMA_VERSION,
            "inputs": self.inputs,
            "objectives": [dataclasses.asdict(OBJECTIVES[name]) for name in self.objectives],
            "slo": [dataclasses.asdict(limit) for limit in self.limits],
            "slo_met": bool(self.configurations) and miss is None,
            "nearest_miss": miss
            and {"configuration": miss.row, "limit": miss.limit.name, "value": miss.value, "excess": miss.excess},
            "counts": {"simulated": len(self.configurations), "refused": len(self.refused), "front": len(self)},
            "front": self.records(),
            "picks": self.picks,
            "refused": [
                {**dataclasses.asdict(refusal.configuration), "reason": refusal.reason} for refusal in self.refused
            ],
        }

    def to_html(self) -> str:
        """Return the interactive report as one HTML page that works offline."""
        from paretoserve.plan.page import page

        return page(self)


def falls_behind(columns: Mapping[str, float]) -> bool:
    """Return whether a configuration is overloaded: TTFT tripled from the first to the last quarter, to over a second.

    Its numbers then depend on how long the trace is; a longer one would make its latencies longer still.
    """
    return columns["ttft_growth"] > 3.0 and columns["ttft_mean_s"] > 1.0


def describe(configuration: Configuration) -> str:
    """Return a configuration in one short line: layout, formats, budgets and policy, separated by two spaces.

    Parameters
    ----------
    configuration : Configuration
        Any.

    Returns
    -------
    text : str

    Examples
    --------
    >>> describe(Configuration(tensor_parallel=2, replicas=4))
    '4 x TP2  bf16  kv bf16  256 seqs  8192 tokens  fcfs'
    """
    c = configuration
    layout = f"TP{c.tensor_parallel}"
    layout += f" PP{c.pipeline_parallel}" if c.pipeline_parallel > 1 else ""
    layout += f" DP{c.data_parallel}" if c.data_parallel > 1 else ""
    layout += " EP" if c.expert_parallel else ""
    layout += f" {c.balance()}" if c.expert_balancer != "none" else ""
    layout = f"{c.replicas} x {layout}" if c.replicas > 1 else layout
    parts = [
        layout,
        c.weight_format,
        f"kv {c.kv_format}",
        f"{c.max_num_seqs} seqs",
        f"{c.max_num_batched_tokens} tokens",
        c.policy,
    ]
    return "  ".join(
        parts + ([] if c.chunked_prefill else ["unchunked"]) + ([] if c.prefix_caching else ["no prefix cache"])
    )
