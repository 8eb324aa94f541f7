"""Service-level objectives: limits on objective columns, how far a configuration is from them, and which one binds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paretoserve._amounts import written_amount
from paretoserve.errors import DtypeError
from paretoserve.plan.objectives import LATENCIES, OBJECTIVES, amount, objective_name

__all__ = ["Limit", "meets", "nearest_row", "parse_slo", "request_limits", "shortfall"]


@dataclass(frozen=True)
class Limit:
    """One limit: at most `value` for a column that is better small, at least `value` for one that is better large.

    Parameters
    ----------
    name : str
        Objective column.
    value : float
        The limit in the column's unit.
    """

    name: str
    value: float

    def __str__(self) -> str:
        """Return the limit as a reader writes it, for example ``ttft_p99_s <= 1``."""
        return f"{self.name} {'<=' if OBJECTIVES[self.name].sense == 'min' else '>='} {self.value:g}"

    def excess(self, value: float) -> float:
        """Return by which fraction of the limit `value` misses it; 0 or less when it is met.

        Parameters
        ----------
        value : float
            What a configuration reaches.

        Returns
        -------
        excess : float
            ``value / limit - 1`` for a column that is better small, ``1 - value / limit`` otherwise; infinite for NaN.

        Examples
        --------
        >>> Limit("ttft_p99_s", 2.0).excess(3.0)
        0.5
        """
        if math.isnan(value):
            return math.inf
        ratio = value / self.value
        return ratio - 1.0 if OBJECTIVES[self.name].sense == "min" else 1.0 - ratio

    def state(self, value: float) -> str:
        """Say whether `value` meets the limit, and by how much it does not.

        Examples
        --------
        >>> Limit("ttft_p99_s", 2.0).state(3.0)
        'missed by 50.0% (3 s)'
        """
        excess = self.excess(value)
        return (
            f"met ({amount(self.name, value)})"
            if excess <= 0
            else f"missed by {excess:.1%} ({amount(self.name, value)})"
        )


def _number(name: str, text: str) -> float:
    timed = OBJECTIVES[name].unit == "s"
    value = written_amount(text, timed=timed)
    if value is None:
        expected = "a time such as 1s, 40ms or 0.04" if timed else f"a number ({OBJECTIVES[name].unit}, no unit)"
        raise ValueError(f"`slo` limit of `{name}` must be {expected}, got `{text.strip()}`")
    return value


def parse_slo(slo: str | Mapping[str, float | str] | None) -> tuple[Limit, ...]:
    """Return the limits that a text or mapping states.

    Parameters
    ----------
    slo : str or mapping or None
        ``"ttft_p99=1s,tpot_p95=40ms,usd_per_mtok=0.5"`` or ``{"ttft_p99_s": 1.0}``. Times take s, ms, us or min; a
        bare number is seconds.

    Returns
    -------
    limits : tuple of Limit
        In the order given; empty for None or an empty text.

    Raises
    ------
    UnknownNameError
        If a column is unknown; close names are suggested.
    ValueError
        If a value is not a positive finite number with a unit of its column, or a column comes twice.
    DtypeError
        If a value of a mapping is neither a number nor a text.

    Examples
    --------
    >>> [str(limit) for limit in parse_slo("ttft_p99=1s,tpot_p95=40ms")]
    ['ttft_p99_s <= 1', 'tpot_p95_s <= 0.04']
    """
    if slo is None:
        return ()
    pairs: list[tuple[str, float | str]] = []
    if isinstance(slo, str):
        for part in filter(str.strip, slo.split(",")):
            word, equals, text = part.partition("=")
            if not equals:
                raise ValueError(
                    f"`slo` must be written name=value, got `{part.strip()}`\nhint: for example ttft_p99=1s"
                )
            pairs.append((word, text))
    elif isinstance(slo, Mapping):
        pairs = list(slo.items())
    else:
        raise DtypeError(f"`slo` must be text or a mapping of column to limit, got {type(slo).__name__}")
    limits: dict[str, Limit] = {}
    for word, value in pairs:
        name = objective_name(word)
        if isinstance(value, bool) or not isinstance(value, str | int | float | np.number):
            raise DtypeError(f"`slo` limit of `{name}` must be a number or a text, got {type(value).__name__}")
        number = _number(name, value) if isinstance(value, str) else float(value)
        if not (math.isfinite(number) and number > 0):
            raise ValueError(f"`slo` limit of `{name}` must be positive and finite, got `{value}`")
        if name in limits:
            raise ValueError(f"`slo` must limit a column once, got `{name}` twice")
        limits[name] = Limit(name, number)
    return tuple(limits.values())


def request_limits(limits: tuple[Limit, ...]) -> dict[str, float]:
    """Return the seconds that a good request may take at most, per metric (``ttft``, ``tpot``, ``e2e``).

    Of several statistics of one metric the loosest counts: a p99 limit is what nearly every request must meet, a
    tighter p50 limit is about the middle of them.
    """
    result: dict[str, float] = {}
    for limit in limits:
        metric = limit.name.split("_", 1)[0]
        if metric in LATENCIES:
            result[metric] = max(limit.value, result.get(metric, 0.0))
    return result


def meets(row: Mapping[str, float], limits: tuple[Limit, ...]) -> bool:
    """Return whether a configuration's columns meet all limits."""
    return all(limit.excess(row[limit.name]) <= 0.0 for limit in limits)


def shortfall(row: Mapping[str, float], limits: tuple[Limit, ...]) -> tuple[float, Limit | None]:
    """Return the largest excess of a configuration and the limit that has it (None without limits)."""
    return max(
        ((limit.excess(row[limit.name]), limit) for limit in limits), key=lambda pair: pair[0], default=(0.0, None)
    )


def nearest_row(table: Mapping[str, NDArray[np.float64]], limits: tuple[Limit, ...]) -> tuple[int, float, Limit]:
    """Return the configuration with the smallest `shortfall`, that shortfall, and the limit that has it.

    Parameters
    ----------
    table : mapping of str to ndarray of float64, shape (n,), n >= 1
        Columns of all configurations.
    limits : tuple of Limit
        At least one.

    Returns
    -------
    row, excess, limit : int, float, Limit
        The first of equally near ones; `excess` is 0 or less if it meets all limits.
    """
    found = [
        shortfall({limit.name: float(table[limit.name][row]) for limit in limits}, limits)
        for row in range(len(table[limits[0].name]))
    ]
    row = min(range(len(found)), key=lambda index: found[index][0])
    excess, limit = found[row]
    assert limit is not None
    return row, excess, limit
