"""What all configurations of a plan share: model, system, trace, limits, and the step times compiled so far.

A problem can be sent to another process; compiled step times stay behind and are made again there.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paretoserve import cost, sim
from paretoserve.cost.lenders import lender
from paretoserve.plan.enumerate import Bounds
from paretoserve.plan.front import Refusal
from paretoserve.plan.slo import Limit, request_limits
from paretoserve.plan.store import digest
from paretoserve.sim import Configuration, ExpertLoad, Trace
from paretoserve.sim.derive import layout, step_time

__all__ = ["Problem", "beyond_context"]

SENT = ("model", "hardware", "trace", "gpus", "limits", "expert_load")


@dataclass(frozen=True, eq=False)
class Problem:
    """What all configurations of a plan share.

    Parameters
    ----------
    model : cost.Model
        Architecture.
    hardware : cost.Hardware
        GPU system.
    trace : sim.Trace
        Workload.
    gpus : int
        GPUs that may be used.
    limits : tuple of Limit
        The SLO; goodput counts requests that meet its latency limits.
    expert_load : sim.ExpertLoad, optional
        How popular the experts of the model are; by default routing is uniform.
    """

    model: cost.Model
    hardware: cost.Hardware
    trace: Trace
    gpus: int
    limits: tuple[Limit, ...]
    expert_load: ExpertLoad | None = None
    _step_times: dict[tuple[Any, ...], cost.StepTime] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def load(
        cls,
        model: Any,
        system: Any,
        trace: Any,
        *,
        gpus: int,
        limits: tuple[Limit, ...],
        seed: int,
        limit: int | None,
        expert_load: Any = None,
    ) -> Problem:
        """Find model, system, trace and load by name or path; raises what their loaders raise."""
        loaded, hardware = cost.load_model(model), cost.hardware(system)
        requests = trace if isinstance(trace, Trace) else sim.load_trace(trace, limit=limit, seed=seed)
        if limit is not None and isinstance(trace, Trace):
            requests = requests.head(limit)
        load = None if expert_load is None else sim.load_experts(expert_load, loaded, seed=seed)
        return cls(loaded, hardware, requests, gpus, limits, load)

    def __getstate__(self) -> dict[str, Any]:
        """Leave compiled step times and the lock behind."""
        return {name: getattr(self, name) for name in SENT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over plain data, with no step times yet."""
        for name, value in (state | {"_step_times": {}, "_lock": threading.Lock()}).items():
            object.__setattr__(self, name, value)

    def step_time(self, configuration: Configuration) -> cost.StepTime:
        """Return the compiled step time of a layout and its formats; made once.

        Raises
        ------
        ValueError
            If the layout cannot cut the model.
        """
        key = (*layout(configuration).values(), configuration.expert_balancer)
        with self._lock:
            if key not in self._step_times:
                self._step_times[key] = step_time(self.model, self.hardware, configuration, self.expert_load)
            return self._step_times[key]

    def head(self, num_requests: int) -> Problem:
        """Return the same problem on the first requests of the trace; compiled step times are shared."""
        return replace(self, trace=self.trace.head(num_requests))

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest request, prompt and output."""
        return int((self.trace.prompt_tokens.astype(np.int64) + self.trace.output_tokens).max())

    @cached_property
    def mean_tokens(self) -> int:
        """Tokens of a mean request, prompt and output: how full sliding windows are."""
        return round(float(self.trace.prompt_tokens.mean() + self.trace.output_tokens.mean()))

    @cached_property
    def expected_output_tokens(self) -> NDArray[np.int32]:
        """What a size-aware policy is told: the mean output of the trace for every request."""
        mean = max(round(float(self.trace.output_tokens.mean())), 1)
        return np.full(self.trace.num_requests, mean, dtype=np.int32)

    def bounds(self) -> Bounds:
        """Return what limits the default space: GPUs, heads, layers, experts and formats."""
        experts = [run.ffn.num_experts for run in self.model.layers if isinstance(run.ffn, cost.Moe)]
        native = self.model.checkpoint_format
        fp8 = self.hardware.fp8_flops is not None
        return Bounds(
            gpus=self.gpus,
            gpus_per_node=self.hardware.gpus_per_node,
            fast_links=self.hardware.intra_node_bandwidth > 2 * self.hardware.pcie_bandwidth,
            num_heads=self.model.layers[0].attention.num_heads,
            num_layers=self.model.num_layers,
            num_experts=min(experts, default=0),
            weight_formats=("bf16", "fp8") if native == "bf16" and fp8 else (native,) if native else (),
            kv_formats=("bf16", "fp8") if fp8 else ("bf16",),
            expert_load=self.expert_load is not None,
        )

    def describe(self) -> dict[str, Any]:
        """Return everything that results depend on, as plain data without paths."""
        model, hardware = self.model.to_dict(), self.hardware.to_dict()
        system = lender(self.hardware)
        operators = cost.Operators.load(system)
        errors = {
            name: {kind: held["mean_absolute_percent"] for kind, held in kinds.items() if isinstance(held, dict)}
            for name, kinds in operators.errors().items()
        }
        return {
            "paretoserve": _version(),
            "model": {"name": self.model.name, "digest": digest(model), "max_context": self.model.max_context},
            "system": {"name": self.hardware.name, "digest": digest(hardware)},
            "trace": self.trace.summary()
            | {"digest": self.trace.digest(), "requests_beyond_context": self._beyond_context()},
            "expert_load": self.expert_load and self.expert_load.to_dict(),
            "request_limits_s": request_limits(self.limits),
            "operators": {
                "system": system,
                "digest": digest([operators.describe(), operators.errors()]),
                "sources": operators.describe()["sources"],
                "mean_absolute_error_percent": errors,
            },
        }

    def _beyond_context(self) -> int:
        """Count the requests that are longer than the model's context; they are simulated like all others."""
        longest = self.model.max_context
        tokens = self.trace.prompt_tokens.astype(np.int64) + self.trace.output_tokens
        return 0 if longest is None else int((tokens > longest).sum())

    def nothing_fits(self, refused: Sequence[Refusal]) -> str:
        """Return the message for a plan without any configuration: the most frequent reasons, and what would fit."""
        counts = Counter(refusal.reason for refusal in refused).most_common(3)
        lines = [
            f"none of {len(refused)} configurations of {self.model.name} on {self.gpus} x {self.hardware.name} can run"
        ]
        lines += [f"  {count} refused: {reason}" for reason, count in counts]
        return "\n".join(lines)


def beyond_context(inputs: dict[str, Any]) -> list[str]:
    """Return what to tell of a problem (as `Problem.describe` has it) whose requests are too long for the model."""
    model, trace = inputs["model"], inputs["trace"]
    if not trace["requests_beyond_context"]:
        return []
    return [
        f"{trace['requests_beyond_context']:,} of {trace['num_requests']:,} requests are longer than the "
        f"{model['max_context']:,} tokens of context of {model['name']}: they are simulated, but an engine refuses "
        "them unless its context is extended."
    ]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("paretoserve")
    except PackageNotFoundError:
        return "source tree"
