"""Conditions on the rows of a table: bounds of numbers, exact for every dtype, and equality of text.

A row without a value in a column meets no condition on it.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._amounts import is_seconds, written_amount
from paretoserve.errors import DtypeError
from paretoserve.pareto._arguments import float_bound
from paretoserve.pareto._frame_columns import column_numbers, is_text
from paretoserve.pareto._labels import column_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.pareto._frame_columns import Numbers, Place

__all__ = ["Condition", "Written", "conditions"]

_CONDITION = re.compile(r"^\s*(?P<column>.+?)\s*(?P<sign><=|>=|==|!=|<|>|=)\s*(?P<value>.+?)\s*$")
_SIGNS = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a column.

    Attributes
    ----------
    column : str
    sign : {"<=", ">=", "<", ">", "==", "!="}
        For texts == or !=.
    value : int, float or tuple of str
        The number, or the texts of which one must be there (==) or none (!=).
    """

    column: str
    sign: str
    value: int | float | tuple[str, ...]

    def __str__(self) -> str:
        """Return the condition as people write it."""
        value = self.value if not isinstance(self.value, tuple) else " or ".join(self.value)
        return f"{self.column} {self.sign} {value}"

    def met(self, place: Place, column: Any) -> NDArray[np.bool_]:
        """Return which rows of the column meet it."""
        if isinstance(self.value, tuple):
            codes, labels = column_labels(place, self.column, column)
            if not all(isinstance(label, str) for label in labels):
                raise place.problem(self.column, f"must be text to be compared with `{self.value[0]}`, holds numbers")
            wanted = np.array([label in self.value for label in labels] + [False], dtype=np.bool_)
            return wanted[codes] if self.sign == "==" else (codes >= 0) & ~wanted[codes]
        numbers = column_numbers(place, self.column, column)
        met = _compared(numbers, self.sign, self.value)
        absent = numbers.absent()
        return met if absent is None else met & ~absent


@dataclass(frozen=True, slots=True)
class Written:
    """A condition as people write it, such as ``ttft_p99_s<=1``: its column says whether it is on a number or a text.

    Attributes
    ----------
    column, sign, value : str
    text : str
        All of it, for messages.
    """

    column: str
    sign: str
    value: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Written:
        """Return the condition; ValueError if it is not `column sign value`."""
        parts = _CONDITION.match(text)
        if parts is None:
            raise ValueError(f"`--where` must be like `ttft_p99_s<=1` (signs: {', '.join(_SIGNS)}), got `{text}`")
        return cls(parts["column"], "==" if parts["sign"] == "=" else parts["sign"], parts["value"], text)

    def __str__(self) -> str:
        """Return the condition as it was written."""
        return self.text

    def met(self, place: Place, column: Any) -> NDArray[np.bool_]:
        """Return which rows of the column meet it."""
        if str(column.type) in ("binary", "large_binary"):
            raise place.problem(self.column, "must be text in UTF-8, holds other bytes", hint="convert the file first")
        if not is_text(column):
            return Condition(self.column, self.sign, self._number()).met(place, column)
        if self.sign not in ("==", "!="):
            what = f"can only test text with == and !=, and `{self.column}` is text, got `{self.text}`"
            raise ValueError(f"`--where` {what}")
        return Condition(self.column, self.sign, (self.value.strip("'\""),)).met(place, column)

    def _number(self) -> int | float:
        for kind in (int, float):
            try:
                number = kind(self.value)
            except ValueError:
                continue
            if not math.isnan(number):
                return number
        timed = is_seconds(self.column)
        seconds = written_amount(self.value, timed=timed)
        if seconds is None:
            expected = "a number or a time such as 40ms" if timed else "a number"
            raise ValueError(f"`--where` must compare with {expected}, got `{self.value}` in `{self.text}`")
        return seconds


def _compared(numbers: Numbers, sign: str, bound: int | float) -> NDArray[np.bool_]:
    values = numbers.values
    if values.dtype.kind not in "iub":
        near = float_bound(bound, values.dtype)
        comparable = values.astype(np.float32) if values.dtype.name == "bfloat16" else values
        return np.asarray(_SIGNS[sign](comparable, near), dtype=np.bool_)
    if isinstance(bound, float) and math.isinf(bound):
        return np.full(len(values), _SIGNS[sign](0, bound))
    exact = _exact(bound, numbers.scale)
    if exact.denominator != 1 and sign in ("==", "!="):
        return np.full(len(values), sign == "!=")
    whole = math.floor(exact) if sign in ("<=", ">") else math.ceil(exact)
    return np.asarray(_SIGNS[sign](values.view(np.uint8) if values.dtype.kind == "b" else values, whole), dtype=bool)


def _exact(bound: int | float, scale: int) -> Fraction:
    # A decimal 0.1 is meant by 0.1, not the binary number beside it.
    return Fraction(repr(bound) if scale and isinstance(bound, float) else bound) * Fraction(10**scale)


def conditions(where: Mapping[str, Any] | None) -> list[Condition]:
    """Return what `where` of a table states: a pair of bounds, a text or several texts per column."""
    if where is None:
        return []
    if not isinstance(where, Mapping):
        raise DtypeError(f"`where` must be a mapping from column to (low, high), got {where!r:.40}")
    found = []
    for column, limits in where.items():
        if isinstance(limits, str):
            limits = [limits]
        if isinstance(limits, list | set | frozenset) and limits and all(isinstance(each, str) for each in limits):
            found.append(Condition(column, "==", tuple(sorted(limits))))
            continue
        if not isinstance(limits, list | tuple | np.ndarray) or len(limits) != 2:
            expected = "must give (low, high), a text or a list of texts"
            raise ValueError(f"`where` {expected} for column `{column}`, got {limits!r:.60}")
        for sign, bound in zip((">=", "<="), limits, strict=True):
            if bound is not None:
                found.append(Condition(column, sign, _number(column, bound)))
    return found


def _number(column: str, bound: Any) -> int | float:
    if isinstance(bound, bool | np.bool_ | int | np.integer):
        return int(bound)
    if isinstance(bound, float | np.floating) and bound == bound:
        return float(bound)
    raise ValueError(f"`where` must give numbers or None for column `{column}`, got {bound!r:.60}")
