"""Scheduling policies side by side on one trace: the same requests, the same engine, another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paretoserve.errors import DtypeError
from paretoserve.sim.configuration import POLICIES, Configuration
from paretoserve.sim.result import Simulation
from paretoserve.sim.scheduling import missing_for
from paretoserve.sim.simulate import simulate
from paretoserve.sim.trace import Trace

__all__ = ["Comparison", "compare"]

FAR_APART_NS = 10**13
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    rows : tuple of dict
        One per policy: its name and options, then its figures. Seconds end in ``_s``; a slowdown is the time from
        arrival to last token over that of the same request alone in the engine; ``fairness`` is Jain's index of the
        slowdowns, 1 if all are equal and 1 / n if one request has all of it; ``wasted_tokens`` were computed, lost by a
        preemption and computed again.
    simulations : tuple of Simulation
        The runs behind them, in the same order.
    """

    rows: tuple[dict[str, Any], ...]
    simulations: tuple[Simulation, ...]

    def __repr__(self) -> str:
        return f"Comparison({', '.join(row['policy'] for row in self.rows)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the rows as plain values."""
        return {"policies": [dict(row) for row in self.rows]}

    def to_table(self) -> Any:
        """Return a pyarrow Table with one row per policy."""
        import pyarrow

        return pyarrow.Table.from_pylist([dict(row) for row in self.rows])

    def explain(self) -> str:
        """Return one sentence per policy: how it compares with the first one."""
        first = self.rows[0]
        lines = [_sentence(first["policy"], first)]
        for row in self.rows[1:]:
            ratios = [
                f"{name} {row[f'e2e_{name}_s'] / first[f'e2e_{name}_s']:.2f} x" for name in ("mean", "p99", "max")
            ]
            lines.append(f"{_sentence(row['policy'], row)}; end to end {', '.join(ratios)} that of {first['policy']}")
        return "\n".join(lines)


def compare(
    trace: Trace,
    config: Configuration,
    *,
    policies: Sequence[str] | None = None,
    **options: Any,
) -> Comparison:
    """Serve a trace once with every policy.

    Parameters
    ----------
    trace : Trace
        Requests in order of arrival.
    config : Configuration
        The service; its policy and FIFO share are those of policies that do not say otherwise.
    policies : sequence of str, optional
        By default all for which the trace and `scheduler` give what they need. Names, or ``"name:share"`` with a FIFO
        share of its own, such as ``"srpt:0"``.
    **options
        Further arguments of `simulate`: `step_time` and `num_blocks`, or `model` and `system`.

    Returns
    -------
    Comparison

    Raises
    ------
    UnknownNameError, ValueError, DtypeError
        As `Configuration` and `simulate` do; if there is no policy, or all requests are rejected.

    Notes
    -----
    One simulation per policy, and one of the same requests far apart, in which each is alone.

    Examples
    --------
    >>> from paretoserve.cost import StepTime
    >>> trace = Trace(arrival_ns=[0, 0, 0], prompt_tokens=[10] * 3, output_tokens=[100, 5, 5])
    >>> found = compare(trace, Configuration(max_num_seqs=1), policies=["fcfs", "srpt:0"],
    ...                 step_time=StepTime.linear(0.01), num_blocks=100)
    >>> [(row["policy"], round(row["e2e_mean_s"], 3)) for row in found.rows]
    [('fcfs', 1.05), ('srpt:0', 0.417)]
    >>> print(found.explain())
    fcfs: mean 1.05 s, p99 1.099 s, max 1.1 s end to end, slowdown 14.67, fairness 0.70, 0 preemptions
    srpt:0: mean 0.4167 s, p99 1.08 s, max 1.1 s end to end, slowdown 1.37, fairness 0.90, 0 preemptions; end to end \
mean 0.40 x, p99 0.98 x, max 1.00 x that of fcfs
    """
    names = _named(policies, trace, options)
    if not names:
        raise ValueError("`policies` must name at least one policy, got none")
    if not isinstance(config, Configuration):
        raise DtypeError(f"`config` must be a Configuration, got {type(config).__name__}")
    configs = [_configured(config, name) for name in names]
    if options.get("step_time") is None or options.get("num_blocks") is None:
        options = _derived(trace, config, options)
    alone = _alone_s(trace, config, options)
    runs = tuple(simulate(trace, one, **options) for one in configs)
    rows = tuple(_row(name, run, alone) for name, run in zip(names, runs, strict=True))
    return Comparison(rows, runs)


def _named(policies: Sequence[str] | None, trace: Trace, options: dict[str, Any]) -> list[str]:
    if policies is None:
        known: Any = options.get("scheduler") or {}
        return [name for name in POLICIES if missing_for(name, trace, known) is None]
    return [policies] if isinstance(policies, str) else list(policies)


def _configured(config: Configuration, name: object) -> Configuration:
    if not isinstance(name, str):
        raise DtypeError(f"`policies` must hold names, got {type(name).__name__}")
    policy, colon, share = name.partition(":")
    try:
        fifo_share = float(share) if colon else config.fifo_share
    except ValueError:
        raise ValueError(f"`policies` must hold names or name:share with a number, got {name!r}") from None
    return replace(config, policy=policy, fifo_share=fifo_share)


def _derived(trace: Trace, config: Configuration, options: dict[str, Any]) -> dict[str, Any]:
    """Fit step time and blocks once for all policies; `simulate` refuses what is missing."""
    if options.get("model") is None or options.get("system") is None:
        return options
    from paretoserve.sim.derive import derive

    step_time, num_blocks = derive(options["model"], options["system"], trace, config)
    found = {"step_time": step_time, "num_blocks": num_blocks}
    return {**options, **{name: value for name, value in found.items() if options.get(name) is None}}


def _alone_s(trace: Trace, config: Configuration, options: dict[str, Any]) -> NDArray[np.float64]:
    """Return how long each request takes alone in the engine, with nothing of it in the cache."""
    n = trace.num_requests
    gap = min(FAR_APART_NS, 2**62 // n)
    apart = Trace(
        arrival_ns=np.arange(n, dtype=np.int64) * gap,
        prompt_tokens=trace.prompt_tokens,
        output_tokens=trace.output_tokens,
    )
    plain = {**options, "record": False, "scheduler": None}
    return simulate(apart, replace(config, policy="fcfs", replicas=1), **plain).e2e_s


def _row(name: str, run: Simulation, alone_s: NDArray[np.float64]) -> dict[str, Any]:
    served = ~run.rejected
    if not served.any():
        raise ValueError("`trace` must hold requests that fit the engine, got none: all are rejected")
    slowdown = run.e2e_s[served] / alone_s[served]
    figures = {
        **_statistics("ttft", run.ttft_s[served], "_s"),
        **_statistics("e2e", run.e2e_s[served], "_s"),
        **_statistics("slowdown", slowdown, ""),
    }
    return {
        "policy": name,
        "fifo_share": run.config.fifo_share if run.config.policy != "fcfs" else None,
        "num_requests": run.trace.num_requests,
        "num_rejected": int(run.rejected.sum()),
        **figures,
        "fairness": float(slowdown.sum() ** 2 / (slowdown.size * (slowdown**2).sum())),
        "preemptions": int(run.preemptions.sum(dtype=np.int64)),
        "wasted_tokens": run.recomputed_tokens,
        "makespan_s": run.makespan_s,
    }


def _statistics(name: str, values: NDArray[np.float64], unit: str) -> dict[str, float]:
    found = {"mean": float(values.mean())}
    found |= {f"p{percent}": float(np.percentile(values, percent)) for percent in PERCENTILES}
    found["max"] = float(values.max())
    return {f"{name}_{statistic}{unit}": value for statistic, value in found.items()}


def _sentence(name: str, row: dict[str, Any]) -> str:
    times = ", ".join(f"{statistic} {row[f'e2e_{statistic}_s']:.4g} s" for statistic in ("mean", "p99", "max"))
    return (
        f"{name}: {times} end to end, slowdown {row['slowdown_mean']:.2f}, fairness {row['fairness']:.2f}, "
        f"{row['preemptions']} preemptions"
    )
