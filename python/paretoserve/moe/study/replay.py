"""A load trace under one planner: the time, the memory and the traffic of every layer of every step."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._integers import BITS_63, check_integer
from paretoserve.errors import DtypeError
from paretoserve.moe._arguments import as_topology
from paretoserve.moe.cost import CostModel
from paretoserve.moe.loads.trace import Loads
from paretoserve.moe.study.planners import Decision, Setting, make_planner

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from paretoserve.moe.topology import Topology

    Table = NDArray[np.float64]
    Counts = NDArray[np.int64]

__all__ = ["Replay", "replay"]


@dataclass(frozen=True, eq=False, repr=False)
class Replay:
    """What `replay` found; arrays have the shape (num_steps, num_layers).

    Attributes
    ----------
    planner : str
        Its name.
    loads : Loads
        The trace.
    time_ns : ndarray of float64
        The slowest rank's work, and the transfers that nothing hides.
    ratio : ndarray of float64
        The slowest rank's work over the mean of ranks that are alive, in tokens at their speed; 1 without tokens.
    transfers : ndarray of int64
        Weights of one expert sent to one rank for this step.
    busiest : ndarray of int64
        Most transfers that one rank sends or receives.
    moves : ndarray of int64
        Weights fetched into slots for a new placement, in the background: their time is not counted.
    peak_tokens, peak_experts : ndarray of int64
        Most tokens that a rank computes, and most experts whose weights a rank holds.
    memory_bytes : ndarray of int64
        Most bytes that a rank needs for both; 0 if their sizes were not given.
    traffic_bytes : ndarray of int64
        Bytes of weights that move, for the step and in the background.
    """

    planner: str
    loads: Loads
    time_ns: Table
    ratio: Table
    transfers: Counts
    busiest: Counts
    moves: Counts
    peak_tokens: Counts
    peak_experts: Counts
    memory_bytes: Counts
    traffic_bytes: Counts
    details: dict[tuple[int, int], tuple[str, Counts]]
    """Reason and what moved (expert, source, destination, tokens; -1 if a placement fetched it) by step and layer."""

    def __repr__(self) -> str:
        return f"Replay({self.planner!r}, {self.loads.num_steps} steps, {self.loads.num_layers} layers)"

    @property
    def step_ns(self) -> Table:
        """Time of each step, all layers one after another."""
        times: Table = self.time_ns.sum(axis=1)
        return times

    def summary(self) -> dict[str, Any]:
        """Return the figures of the trace.

        Returns
        -------
        dict
            Seconds end in ``_s``; counts are per step and layer if they are means.
        """
        seconds = self.step_ns / 1e9
        return {
            "loads": self.loads.name,
            "possible": not self.loads.impossible,
            "planner": self.planner,
            "step_mean_s": float(seconds.mean()),
            "step_p50_s": float(np.percentile(seconds, 50)),
            "step_p99_s": float(np.percentile(seconds, 99)),
            "ratio_mean": float(self.ratio.mean()),
            "ratio_max": float(self.ratio.max()),
            "transfers_mean": float(self.transfers.mean()),
            "busiest_max": int(self.busiest.max()),
            "moves_mean": float(self.moves.mean()),
            "peak_tokens": int(self.peak_tokens.max()),
            "peak_experts": int(self.peak_experts.max()),
            "memory_bytes": int(self.memory_bytes.max()),
            "traffic_bytes": int(self.traffic_bytes.sum()),
        }

    def explain(self, step: int | None = None, layer: int | None = None) -> str:
        """Return the figures in words, or why the experts of one layer and step moved.

        Parameters
        ----------
        step, layer : int, optional
            Which ones; together, or the summary of all.

        Returns
        -------
        str
            One line, and for a layer one more per expert that moved.
        """
        if step is None or layer is None:
            row = self.summary()
            return (
                f"{self.planner}: step {row['step_mean_s'] * 1e3:.4g} ms, p99 {row['step_p99_s'] * 1e3:.4g} ms, "
                f"max/mean {row['ratio_mean']:.3f}, {row['transfers_mean']:.1f} transfers and "
                f"{row['moves_mean']:.1f} moves per layer, "
                f"at most {row['peak_tokens']} tokens and {row['peak_experts']} experts on a rank"
            )
        check_integer("step", step, 0, self.loads.num_steps - 1)
        check_integer("layer", layer, 0, self.loads.num_layers - 1)
        reason, moved = self.details[step, layer]
        counts = self.loads.totals[step, layer]
        mean = max(counts.mean(), 1e-300)
        lines = [
            f"{self.planner}, step {step}, layer {layer}: {reason}, {self.time_ns[step, layer] / 1e3:.1f} us, "
            f"max/mean {self.ratio[step, layer]:.3f}"
        ]
        for expert, source, destination, tokens in moved.tolist():
            why = f"expert {expert} has {counts[expert]} tokens, {counts[expert] / mean:.1f} times the mean"
            what = "a placement fetched it" if tokens < 0 else f"{tokens} of them go"
            lines.append(f"{why}: {what} from rank {source} to rank {destination}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return figures and arrays as plain data.

        Returns
        -------
        dict
            The summary, and each array as a list.
        """
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        return self.summary() | {
            name: array.tolist()
            for name, array in arrays.items()
            if isinstance(array, np.ndarray)
            and name not in ("memory_bytes", "traffic_bytes", "peak_tokens", "peak_experts")
        }


def replay(
    loads: Loads,
    planner: str | Callable[[Counts], Any] = "spill",
    *,
    num_ranks: int | Topology,
    cost: CostModel,
    topology: Topology | None = None,
    num_slots: int | None = None,
    interval: int = 16,
    expert_bytes: int = 0,
    token_bytes: int = 0,
    **options: Any,
) -> Replay:
    """Run a load trace through a planner and price every layer of every step.

    Parameters
    ----------
    loads : Loads
        The trace.
    planner : {"ep", "eplb", "placement", "split", "llep", "spill"} or callable, default "spill"
        "ep" moves nothing. "eplb", "placement" and "split" place copies every `interval` steps from the counts of the
        interval before, the first time for equal loads: anew with equal shares of the copies, going on from the
        previous placement, and with exact shares besides. "llep" and "spill" send weights for the step at hand. A
        callable gets the counts of a layer, shape (num_experts,), and returns a plan with `quota` and `transfers`, or
        None.
    num_ranks : int or Topology
        Ranks of the group.
    cost : CostModel
        What a step costs.
    topology : Topology, optional
        Nodes and speeds; equal ranks on one node by default.
    num_slots : int, optional
        Slots of all ranks for those that place; by default as many on each rank as an eighth more slots than experts
        need on those that are alive.
    interval : int, default 16
        Steps between placements.
    expert_bytes, token_bytes : int, default 0
        Sizes of an expert's weights and of what a token needs while it is computed.
    **options
        Of `plan_spill`, `plan_placement` or `compat.llep.compute_plan`; the latter's published rule without repairs by
        default, and with `threshold` (default 1.3), the imbalance of ranks below which nothing moves.

    Returns
    -------
    Replay
        Same loads and options, same result.

    Raises
    ------
    DtypeError, ShapeError, ValueError, UnknownNameError
        If an argument is wrong, or a rank that is dead would have to compute.

    Notes
    -----
    The time of a layer is that of its slowest rank, plus the share of the weights' transfers that nothing hides; tokens
    travel in all cases alike and are left out, and so is the time of background moves.

    Examples
    --------
    >>> from paretoserve import moe
    >>> trace = moe.loads.hot_rank(64, 16_384, 8, num_ranks=8, share=0.5)
    >>> cost = moe.CostModel(token_ns=98, expert_ns=13_000, transfer_ns=119_000)
    >>> before, after = (moe.replay(trace, name, num_ranks=8, cost=cost) for name in ("ep", "spill"))
    >>> bool(after.step_ns.sum() < 0.5 * before.step_ns.sum()), int(after.transfers.sum()) > 0
    (True, True)
    """
    if not isinstance(loads, Loads):
        raise DtypeError(f"`loads` must be a moe.loads.Loads, got {type(loads).__name__}")
    if not isinstance(cost, CostModel):
        raise DtypeError(f"`cost` must be a CostModel, got {type(cost).__name__}")
    ranks = as_topology(num_ranks, topology)
    experts, steps, layers = loads.num_experts, loads.num_steps, loads.num_layers
    if num_slots is None:
        alive = int((ranks.thousandths > 0).sum())
        num_slots = -(-(experts + -(-experts // 8)) // alive) * ranks.num_ranks
    sizes = [check_integer(name, size, 0, BITS_63 // 2**32) for name, size in
             (("expert_bytes", expert_bytes), ("token_bytes", token_bytes))]  # fmt: skip
    setting = Setting(experts, layers, ranks, cost, num_slots, check_integer("interval", interval, 1, BITS_63))
    chosen = make_planner(planner, setting, options)
    table = np.zeros((9, steps, layers))
    details = {}
    for step, totals in enumerate(loads.totals):
        for layer, decision in enumerate(chosen.decide(totals)):
            table[:, step, layer] = _priced(decision, cost, ranks, *sizes)
            details[step, layer] = (decision.reason, _moved(decision))
    name = planner if isinstance(planner, str) else getattr(planner, "__name__", type(planner).__name__)
    transfers, busiest, moves, tokens, held, memory, traffic = table[2:].astype(np.int64)
    figures = (transfers, busiest, moves, tokens, held, memory, traffic)
    return Replay(name, loads, table[0], table[1], *figures, details)


def _priced(decision: Decision, cost: CostModel, ranks: Topology, expert_bytes: int, token_bytes: int) -> list[float]:
    """Return the figures of one layer in the order of `Replay`'s arrays."""
    quota, speed = decision.quota, ranks.thousandths / 1000
    tokens = quota.sum(axis=0)
    if tokens[speed == 0].any():
        rank = int(np.flatnonzero((speed == 0) & (tokens > 0))[0])
        raise ValueError(
            f"rank {rank} is dead but would have to compute {tokens[rank]} tokens\nhint: choose a planner that places"
        )
    blocks = np.where(quota > 0, cost.launch_ns + np.maximum(cost.expert_ns, quota * cost.token_ns), 0.0)
    alive = speed > 0
    work = blocks.sum(axis=0)[alive] / speed[alive]
    sent, received, links = (np.zeros(len(speed)) for _ in range(3))
    inter = cost.transfer_ns if cost.transfer_inter_ns is None else cost.transfer_inter_ns
    _, source, destination, _ = decision.transfers.T
    same = source // ranks.node_size == destination // ranks.node_size
    times = np.where(same, cost.transfer_ns, inter)
    for end, count in ((source, sent), (destination, received)):
        np.add.at(count, end, 1)
        total = np.zeros(len(speed))
        np.add.at(total, end, times)
        links = np.maximum(links, total)
    mean = tokens.sum() / speed.sum()
    ratio = float((tokens[alive] / speed[alive]).max() / mean) if mean else 1.0
    moving = len(decision.transfers) + len(decision.fetched)
    return [
        work.max() + (1 - cost.overlap) * links.max(),
        ratio,
        len(decision.transfers),
        max(sent.max(), received.max()),
        len(decision.fetched),
        tokens.max(),
        decision.experts.max(),
        (decision.experts * expert_bytes + tokens * token_bytes).max(),
        moving * expert_bytes,
    ]


def _moved(decision: Decision) -> Counts:
    """Return expert, source, destination and tokens of what moved; -1 tokens for what a placement fetched."""
    transfers, fetched = decision.transfers[:, :3], decision.fetched[:, :3]
    tokens = decision.quota[transfers[:, 0], transfers[:, 2]]
    rows = [np.column_stack([transfers, tokens]), np.column_stack([fetched, np.full(len(fetched), -1)])]
    return np.concatenate(rows).astype(np.int64)
