"""What a metric says of itself: its unit, the direction that is better, its paper and how sure its formula is.

`declared` notes that beside the function, which stays a plain function. `find` reads it back, so that fronts need no
signs and the page of papers is written from what the package has.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from paretoserve.errors import UnknownNameError
from paretoserve.metrics._other_names import OTHER_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Metric", "declared", "find", "known"]

Grade = Literal["R", "T", "S", "D"]
Formula = TypeVar("Formula", bound="Callable[..., Any]")


@dataclass(frozen=True)
class Metric:
    """What is known of a formula.

    Attributes
    ----------
    name : str
        Of the function; also the column that holds its results.
    module : str
        Of the function, below ``paretoserve.metrics``.
    papers : tuple of str
        Keys of `paretoserve.reference.papers`.
    grade : {"R", "T", "S", "D"}
        Source of the formula: official repository; full text; secondary source; derived here.
    unit : str or None
        Of the result, "1" for a ratio; None if the result is no single quantity.
    sense : {"min", "max"} or None
        The better direction; None if neither is.
    """

    name: str
    module: str
    papers: tuple[str, ...]
    grade: Grade
    unit: str | None
    sense: Literal["min", "max"] | None


_KNOWN: dict[str, Metric] = {}


def declared(
    *papers: str, grade: Grade, unit: str | None = None, sense: Literal["min", "max"] | None = None
) -> Callable[[Formula], Formula]:
    """Note where a function comes from, its unit and its direction; the function stays as it is."""

    def note(function: Formula) -> Formula:
        name, module = function.__name__, function.__module__.removeprefix("paretoserve.metrics.")
        known = _KNOWN.get(name)
        if known is not None and known.module != module:
            raise ValueError(f"two metrics are called `{name}`: in `{known.module}` and in `{module}`")
        _KNOWN[name] = Metric(name, module, papers, grade, unit, sense)
        return function

    return note


def known() -> dict[str, Metric]:
    """Return all formulas of this package by name.

    Returns
    -------
    metrics : dict from str to Metric
        In alphabetical order.

    Examples
    --------
    >>> known()["cost_of_pass"].unit
    'USD'
    """
    return dict(sorted(_KNOWN.items()))


def find(metric: str | Callable[..., Any]) -> Metric:
    """Return what is known of one formula.

    Parameters
    ----------
    metric : str or function
        A function of `paretoserve.metrics` or its name.

    Returns
    -------
    metric : Metric

    Raises
    ------
    UnknownNameError
        If there is none of that name; the message has names that are close, and what a paper's own name is here.

    Examples
    --------
    >>> find("cost_of_pass").sense
    'min'
    """
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", repr(metric))
    known = _KNOWN.get(name)
    # A function of the same name elsewhere is another one.
    if known is None or (not isinstance(metric, str) and metric.__module__ != f"paretoserve.metrics.{known.module}"):
        word = name.lower()
        same, close = OTHER_NAMES.get(word, ()), difflib.get_close_matches(word, _KNOWN, 3)
        close += [known for known in sorted(_KNOWN) if word and word in known and known not in close][: 3 - len(close)]
        hint = f"\nhint: close names are {', '.join(close)}" if close else ""
        hint = f"\nhint: here it is {' and '.join(same)}" if same else hint
        raise UnknownNameError(f"`metric` must be one of paretoserve.metrics, got `{name}`{hint}")
    return known
