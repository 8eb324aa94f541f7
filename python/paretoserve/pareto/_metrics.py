"""Objectives that know their better direction: metrics, columns of plans, or anything with a name and a sense.

Neither `metrics` nor `plan` is imported before somebody names one of theirs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from paretoserve._names import one_of
from paretoserve.errors import DtypeError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paretoserve.pareto._arguments import Sense

__all__ = ["Directed", "MetricLike", "metric_senses", "with_metrics"]


class Directed(Protocol):
    """What has the name of a column and the direction that is better there."""

    @property
    def name(self) -> str:
        """The column."""

    @property
    def sense(self) -> Any:
        """The direction, "min" or "max"; None if neither is better."""


MetricLike: TypeAlias = str | Callable[..., Any] | Directed


def metric_senses(
    metrics: MetricLike | Sequence[MetricLike], *, otherwise: str = 'objectives={{"{}": "min"}}'
) -> dict[str, Sense]:
    """Return per metric, in order, its column and its better direction.

    Parameters
    ----------
    metrics : str, function, object with `name` and `sense`, or sequence of such
        Functions of `paretoserve.metrics` or their names, names of `paretoserve.plan.OBJECTIVES`, or objects.
    otherwise : str
        How the caller takes a column with its direction, for a message.

    Returns
    -------
    senses : dict from str to {"min", "max"}

    Raises
    ------
    DtypeError
        If something is none of these.
    UnknownNameError
        If a name or a function is not known.
    ValueError
        If there is no metric, one comes twice, or one has no better direction.
    """
    alone = isinstance(metrics, str) or callable(metrics) or hasattr(metrics, "sense")
    if not alone and not isinstance(metrics, Sequence):
        raise DtypeError(f"`metrics` must be a sequence of metrics, got {metrics!r:.60}")
    items: list[Any] = [metrics] if alone else list(metrics)  # type: ignore[arg-type]
    if not items:
        raise ValueError("`metrics` must have 1 metric or more, got none")
    senses: dict[str, Sense] = {}
    for item in items:
        metric = item if hasattr(item, "name") and hasattr(item, "sense") else _looked_up(item)
        if metric.sense is None:
            hint = "say one with " + otherwise.format(metric.name)
            raise ValueError(f"metric `{metric.name}` has no better direction, so it is no objective\nhint: {hint}")
        if metric.name in senses:
            raise ValueError(f"`metrics` must be distinct, got `{metric.name}` twice")
        one_of(f"{metric.name}.sense", metric.sense, ("min", "max"))
        senses[metric.name] = metric.sense
    return senses


def with_metrics(
    objectives: Mapping[str, Sense] | None, metrics: MetricLike | Sequence[MetricLike] | None
) -> Mapping[str, Sense]:
    """Return objectives, and after them the columns of metrics with their directions."""
    if metrics is None:
        return {} if objectives is None else objectives
    senses = metric_senses(metrics)
    if objectives is None:
        return senses
    twice = [name for name in senses if name in objectives]
    if twice:
        raise ValueError(f"`{twice[0]}` must be in `objectives` or in `metrics`, got it in both")
    return {**objectives, **senses}


def _looked_up(item: Any) -> Directed:
    """Return the metric, or the column of plans, that a function or a name means."""
    if not isinstance(item, str) and not callable(item):
        expected = "functions of paretoserve.metrics, names, or objects with `name` and `sense`"
        raise DtypeError(f"`metrics` must be {expected}, got {item!r:.60}")
    known = importlib.import_module("paretoserve.metrics")
    try:
        found: Directed = known.find(item)
        return found
    except UnknownNameError as error:
        if isinstance(item, str):
            column = _column_of_plans(item)
            if column is not None:
                return column
        raise error from None


def _column_of_plans(name: str) -> Directed | None:
    try:
        columns: dict[str, Directed] = importlib.import_module("paretoserve.plan.objectives").OBJECTIVES
    except ModuleNotFoundError:
        return None  # Plans need more libraries than fronts; without them nobody has such columns.
    return columns.get(name)
