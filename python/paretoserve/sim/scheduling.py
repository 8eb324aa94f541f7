"""What the schedulers of a simulation are made of, and what they are told of each request, for the native call."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from paretoserve.sched._arguments import refuse, refuse_types
from paretoserve.sched._rank import RankFunction, rank_of
from paretoserve.sched._terms import MICRO, native_samples, native_weight
from paretoserve.sim.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.sim.trace import Trace

__all__ = ["SchedulerOptions", "Told", "missing_for"]

NEEDED = {"priority": "priority", "wsrpt": "weight", "vtc": "tenant", "edf": "deadline_ns"}
"""The column of `Terms` without which a policy is another one."""


class SchedulerOptions(TypedDict, total=False):
    """Arguments of `sched.Scheduler` that `simulate` takes as ``scheduler``, and `rank`.

    `rank` is for the policy ``external``: the function that `Scheduler` takes as its policy. Without `samples`,
    ``gittins`` gets one distribution: the outputs of the trace.
    """

    preempt_gain: float
    max_preemptions: int
    prefill_weight: float
    unknown_output_tokens: int
    max_wait_ns: int | None
    eps: float
    tenant_fairness: bool
    tenant_weights: Mapping[int, float]
    samples: Sequence[ArrayLike]
    rank: RankFunction


DEFAULTS: SchedulerOptions = {
    "preempt_gain": 2.0,
    "max_preemptions": 2,
    "prefill_weight": 0.02,
    "unknown_output_tokens": 256,
    "max_wait_ns": None,
    "eps": 0.5,
    "tenant_fairness": False,
}


def missing_for(policy: str, trace: Trace, options: SchedulerOptions) -> str | None:
    """Return what a policy needs and is not given, as the name of an argument; None if nothing.

    Examples
    --------
    >>> from paretoserve.sim import Trace
    >>> trace = Trace(arrival_ns=[0], prompt_tokens=[1], output_tokens=[1])
    >>> missing_for("edf", trace, {}), missing_for("srpt", trace, {})
    ('deadline_ns', None)
    """
    given = set() if trace.terms is None else {name for name, _ in trace.terms.columns()}
    if policy == "external":
        return None if "rank" in options else "rank"
    needed = {NEEDED.get(policy), "tenant" if options.get("tenant_fairness") else None} - {None}
    return min((name for name in needed if name is not None and name not in given), default=None)


@dataclass(frozen=True, slots=True)
class Told:
    """Columns and options in the types of the native module; None where all rows have the default."""

    priority: NDArray[np.int32] | None
    output_range: NDArray[np.uint32] | None
    weight: NDArray[np.uint64] | None
    tenant: NDArray[np.uint32] | None
    deadline_ns: NDArray[np.int64] | None
    program: NDArray[np.int64] | None
    calls_left: NDArray[np.uint32] | None
    distribution: NDArray[np.uint32] | None
    rank: NDArray[np.uint64] | None
    tenant_weights: list[tuple[int, int]]
    samples: list[list[int]]
    preempt_gain: float
    max_preemptions: int
    prefill_weight: float
    unknown_output_tokens: int
    max_wait_ns: int | None
    eps: float
    tenant_fairness: bool

    @classmethod
    def checked(
        cls, policy: str, trace: Trace, expected: NDArray[np.int32] | None, options: SchedulerOptions | None
    ) -> Told:
        """Check what `simulate` was given; what is missing for the policy raises ValueError."""
        given = _options({} if options is None else options)
        missing = missing_for(policy, trace, given)
        if missing is not None:
            _refuse_missing(policy, missing)
        if "rank" in given and policy != "external":
            raise ValueError(f'`rank` is for the policy "external", got it with "{policy}"')
        terms = Terms() if trace.terms is None else trace.terms
        tenants, tenant = (None, None) if terms.tenant is None else np.unique(terms.tenant, return_inverse=True)
        values: dict[str, Any] = {**DEFAULTS, **given}
        samples = native_samples(values.pop("samples", None))
        if policy == "gittins" and not samples:
            samples = [trace.output_tokens.tolist()]
        weights = _tenant_weights(values.pop("tenant_weights", {}), tenants)
        function = values.pop("rank", None)
        return cls(
            priority=terms.priority,
            output_range=None if terms.output_range is None else terms.output_range.reshape(-1),
            weight=None if terms.weight is None else np.rint(terms.weight * MICRO).astype(np.uint64),
            tenant=None if tenant is None else tenant.astype(np.uint32),
            deadline_ns=terms.deadline_ns,
            program=terms.program,
            calls_left=terms.calls_left,
            distribution=terms.distribution,
            rank=None if function is None else _ranks(function, trace, terms, expected),
            tenant_weights=weights,
            samples=samples,
            **values,
        )


def _options(options: SchedulerOptions) -> SchedulerOptions:
    refuse_types(dict, "a dictionary of arguments of sched.Scheduler", scheduler=options)
    unknown = options.keys() - SchedulerOptions.__annotations__.keys()
    if unknown:
        known = ", ".join(sorted(SchedulerOptions.__annotations__))
        raise TypeError(f"`scheduler` knows {known}, got {min(unknown, key=str)!r}")
    whole = ("max_preemptions", "unknown_output_tokens", "max_wait_ns")
    refuse(**{name: options[name] for name in whole if name in options})  # type: ignore[literal-required]
    numbers = [name for name in ("preempt_gain", "prefill_weight", "eps") if name in options]
    refuse_types(Real, "a number", **{name: options[name] for name in numbers})
    if "tenant_fairness" in options:
        refuse_types(bool, "True or False", tenant_fairness=options["tenant_fairness"])
    if "rank" in options and not callable(options["rank"]):
        raise TypeError(f"`rank` must be a function, got {type(options['rank']).__name__}")
    return options


def _refuse_missing(policy: str, missing: str) -> None:
    if missing == "rank":
        raise ValueError('`rank` must be given for the policy "external", got none\nhint: scheduler={"rank": function}')
    why = f'the policy "{policy}"' if NEEDED.get(policy) == missing else "`tenant_fairness`"
    raise ValueError(f"`{missing}` must be given for {why}, got none\nhint: Trace(..., terms=sim.Terms({missing}=...))")


def _tenant_weights(weights: Mapping[int, float], tenants: NDArray[np.int64] | None) -> list[tuple[int, int]]:
    """Return weights by the place of the tenant among those of the trace; others never come."""
    places = {} if tenants is None else {tenant: place for place, tenant in enumerate(tenants.tolist())}
    micros = {tenant: native_weight("tenant_weights", weight) for tenant, weight in weights.items()}
    return [(places[tenant], micro) for tenant, micro in micros.items() if tenant in places]


def _ranks(
    function: RankFunction, trace: Trace, terms: Terms, expected: NDArray[np.int32] | None
) -> NDArray[np.uint64]:
    told = (trace.output_tokens if expected is None else expected).tolist()
    lengths = zip(trace.arrival_ns.tolist(), trace.prompt_tokens.tolist(), told, strict=True)
    names = ("arrival_ns", "prompt_tokens", "expected_output_tokens")
    rows = ({"request_id": row, **dict(zip(names, sizes, strict=True))} for row, sizes in enumerate(lengths))
    ranks = [rank_of(function, {**known, **terms.row(row)}) for row, known in enumerate(rows)]
    return np.array(ranks, dtype=np.uint64)
