"""What schedulers are told about the requests of a trace beyond their lengths."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._integers import BITS_63, integer_array
from paretoserve.errors import ShapeError
from paretoserve.sched._columns import INTEGERS, range_array, weight_array
from paretoserve.sched._terms import MICRO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Terms"]

NONE = -1
OPTIONAL = ("deadline_ns", "program")
"""What a request may lack."""


@dataclass(frozen=True, eq=False, repr=False)
class Terms:
    """Columns of a `Trace` with one row per request, as the arguments of the same names of `sched.Scheduler.submit`.

    Parameters
    ----------
    priority : array_like of int, shape (n,), optional
        For ``priority``: smaller runs earlier. All are 0 if absent.
    weight : array_like of float, shape (n,), optional
        For ``wsrpt``: 0.000001 to 1000, kept in steps of a millionth. All are 1 if absent.
    tenant : array_like of int, shape (n,), optional
        For ``vtc`` and ``tenant_fairness``: who pays, any 64-bit integer. All are 0 if absent.
    deadline_ns : array_like of int, shape (n,), optional
        For ``edf``: when each should be done, in the time of the trace; -1 for none.
    program : array_like of int, shape (n,), optional
        Of which program each is a call, from 0 on; -1 for none. The calls arrive when the trace says so.
    calls_left : array_like of int, shape (n,), optional
        For ``srpt``: calls that its program makes after it. All are 0 if absent.
    output_range : array_like of int, shape (n, 2), optional
        For ``a_min``: the least and the most output tokens it can have. The expected output if absent.
    distribution : array_like of int, shape (n,), optional
        For ``gittins``: which of the samples its output follows. All are 0 if absent.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        If a column has the wrong shape, type or range, or columns differ in length.

    Notes
    -----
    Arrays are copied and read-only.

    Examples
    --------
    >>> from paretoserve.sim import Trace
    >>> terms = Terms(tenant=[7, 7, 8], deadline_ns=[10**9, -1, 2 * 10**9])
    >>> trace = Trace(arrival_ns=[0, 0, 0], prompt_tokens=[10] * 3, output_tokens=[5] * 3, terms=terms)
    >>> trace.terms
    Terms(tenant, deadline_ns)
    >>> trace.head(2).terms.deadline_ns
    array([1000000000,         -1])
    """

    priority: NDArray[np.int32] | None = None
    weight: NDArray[np.float64] | None = None
    tenant: NDArray[np.int64] | None = None
    deadline_ns: NDArray[np.int64] | None = None
    program: NDArray[np.int64] | None = None
    calls_left: NDArray[np.uint32] | None = None
    output_range: NDArray[np.uint32] | None = None
    distribution: NDArray[np.uint32] | None = None

    def __post_init__(self) -> None:
        length: int | None = None
        for name, values in self.columns():
            given = np.asarray(values)
            length = len(given) if length is None and given.ndim else length
            column = np.array(_checked(name, given, length))
            column.setflags(write=False)
            object.__setattr__(self, name, column)

    def __repr__(self) -> str:
        return f"Terms({', '.join(name for name, _ in self.columns())})"

    def columns(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Iterate over names and columns that are given, in the order of the fields."""
        for field in fields(self):
            values = getattr(self, field.name)
            if values is not None:
                yield field.name, values

    def check_length(self, length: int) -> None:
        """Raise ShapeError if there are columns of another length."""
        for name, values in self.columns():
            if len(values) != length:
                raise ShapeError(f"`{name}` must have {length} rows as `arrival_ns`, got {len(values)}")

    def take(self, rows: slice | NDArray[np.int64]) -> Terms:
        """Return the terms of these rows, in this order."""
        return replace(self, **{name: values[rows] for name, values in self.columns()})

    def moved(self, before: NDArray[np.int64], after: NDArray[np.int64]) -> Terms:
        """Return the terms of requests that arrive `after` and not `before`: each keeps the time it has."""
        if self.deadline_ns is None:
            return self
        slack = self.deadline_ns - before
        latest = np.where(slack > BITS_63 - after, BITS_63, after + np.minimum(slack, BITS_63 - after))
        return replace(self, deadline_ns=np.where(self.deadline_ns == NONE, NONE, np.maximum(latest, 0)))

    def row(self, row: int) -> dict[str, Any]:
        """Return what is known about one request, in the words and units of `Scheduler.submit`."""
        known: dict[str, Any] = {name: values[row].tolist() for name, values in self.columns()}
        if "output_range" in known:
            known["output_range"] = tuple(known["output_range"])
        return {name: value for name, value in known.items() if value != NONE or name not in OPTIONAL}


def _checked(name: str, values: NDArray[Any], length: int | None) -> NDArray[Any]:
    if name == "output_range":
        bounds = range_array(values, length)
        turned = np.flatnonzero(bounds[:, 1] < bounds[:, 0])
        if turned.size:
            row = int(turned[0])
            raise ValueError(f"`output_range` must be (least, most), got {bounds[row].tolist()} in row {row}")
        return bounds
    if name == "weight":
        return weight_array(values, length) / MICRO
    if name in OPTIONAL:
        return integer_array(name, values, np.int64, NONE, BITS_63, length)
    return integer_array(name, values, *INTEGERS[name], length)
