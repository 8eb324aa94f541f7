"""The arguments that the functions of `pareto` share: checked once, with the same messages everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paretoserve.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from paretoserve.pareto._points import Points

__all__ = [
    "Bounds",
    "Sense",
    "allowed_rows",
    "bounds_of",
    "box_sizes",
    "boxes",
    "directions",
    "group_codes",
    "one_of",
    "thread_count",
]

Sense: TypeAlias = Literal["min", "max"]
Bounds: TypeAlias = tuple[float | None, float | None]


def one_of(argument: str, value: str, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`, else raise ValueError."""
    if value not in choices:
        listed = ", ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f"`{argument}` must be one of {listed}, got {value!r}")
    return value


def directions(sense: Sense | Sequence[Sense], d: int) -> list[bool]:
    """Return per objective whether larger is better."""
    if not isinstance(sense, str | Sequence | np.ndarray):
        raise DtypeError(f'`sense` must be "min", "max" or {d} of them, got {sense!r:.40}')
    senses = [sense] * d if isinstance(sense, str) else list(sense)
    if len(senses) != d:
        raise ShapeError(f"`sense` must have {d} entries, one per objective, got {len(senses)}")
    return [one_of("sense", each, ("min", "max")) == "max" for each in senses]


def thread_count(threads: int | None) -> int | None:
    """Return `threads` if it is None or a positive whole number, else raise."""
    if threads is None:
        return None
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise TypeError(f"`threads` must be a whole number or None, got {threads!r}")
    if threads < 1:
        raise ValueError(f"`threads` must be 1 or more, got {threads}")
    return min(int(threads), 1024)


def box_sizes(eps: float | Sequence[float], d: int) -> list[float]:
    """Return one box size per objective, finite and not negative."""
    try:
        sizes = np.asarray(eps, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DtypeError(f"`eps` must be a number or {d} of them, got {eps!r}") from error
    if sizes.ndim > 1 or (sizes.ndim == 1 and len(sizes) != d):
        raise ShapeError(f"`eps` must be one number or {d}, one per objective, got shape {sizes.shape}")
    if not (np.isfinite(sizes) & (sizes >= 0)).all():
        raise ValueError(f"`eps` must be finite and not negative, got {eps}")
    return [float(size) for size in np.broadcast_to(sizes, d)]


def boxes(eps: float | Sequence[float] | None, eps_kind: str, d: int) -> tuple[list[float], bool] | None:
    """Return the box sizes and whether they are factors, as the native module takes them; None without boxes."""
    if eps_kind not in ("add", "mult"):
        raise ValueError(
            f'`eps_kind` must be one of "add", "mult", got {eps_kind!r}\n'
            "hint: only grids of boxes are offered; a tolerance between pairs of points is not transitive, so what it "
            "keeps would depend on the order of the points"
        )
    return None if eps is None else (box_sizes(eps, d), eps_kind == "mult")


def group_codes(groups: ArrayLike, n: int) -> tuple[NDArray[np.uint32], int]:
    """Return a code per row and a number that all codes are below; not every code needs to occur."""
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise ShapeError(f"`groups` must have shape ({n},), one label per row, got {labels.shape}")
    if labels.dtype.kind in "iub" and n:
        low, high = labels.min(), labels.max()
        span = int(high) - int(low) + 1
        if span <= 4 * n + 1024:
            if labels.dtype.kind == "b":
                return labels.astype(np.uint32), 2
            # All numbers wrap around in 32 bits, so that the differences, which are small, are right.
            return np.subtract(labels, low, dtype=np.uint32, casting="unsafe"), span
    if labels.dtype.kind in "OUS":
        return _codes_by_hash(labels)
    missing = np.asarray(labels != labels)
    if missing.any():
        raise _missing_label(labels[missing][0], int(missing.argmax()))
    unique, codes = np.unique(labels, return_inverse=True)
    return codes.astype(np.uint32), len(unique)


def _codes_by_hash(labels: NDArray[Any]) -> tuple[NDArray[np.uint32], int]:
    """Return codes of text or other objects in the order in which they first occur; sorting them takes far longer."""
    codes_of: dict[Any, int] = {}
    try:
        numbers = (codes_of.setdefault(label, len(codes_of)) for label in labels.tolist())
        codes = np.fromiter(numbers, dtype=np.uint32, count=len(labels))
    except TypeError as error:
        raise DtypeError("`groups` must be numbers or strings, got labels that cannot be told apart by hash") from error
    for label, code in codes_of.items():
        if label is None or label != label:
            raise _missing_label(label, int((codes == code).argmax()))
    return codes, len(codes_of)


def _missing_label(label: object, row: int) -> ValueError:
    return ValueError(
        f"`groups` must have a label for every row, got {label} in row {row}\n"
        "hint: give such rows a label of their own or leave them out"
    )


def bounds_of(where: Mapping[int, Bounds] | Sequence[Bounds | None], d: int) -> dict[int, Bounds]:
    """Return (low, high) by objective, checked."""
    if isinstance(where, Mapping):
        bounds = dict(where)
    else:
        if not isinstance(where, Sequence | np.ndarray):
            raise DtypeError(f"`where` must be a mapping or {d} pairs of (low, high), got {where!r:.40}")
        if len(where) != d:
            raise ShapeError(f"`where` must have {d} entries, one per objective, got {len(where)}")
        bounds = {column: limits for column, limits in enumerate(where) if limits is not None}
    for column, limits in bounds.items():
        if column not in range(d):
            raise ValueError(f"`where` names objective {column!r}, but there are only 0 to {d - 1}")
        try:
            low, high = limits
        except (TypeError, ValueError) as error:
            raise ValueError(f"`where` must give (low, high) for objective {column}, got {limits!r}") from error
        for bound in (low, high):
            number = bound is None or (np.isscalar(bound) and not np.iscomplexobj(bound) and bound == bound)
            if not number or isinstance(bound, (str, bytes)):
                raise ValueError(f"`where` must give numbers or None for objective {column}, got {bound!r}")
    return bounds


def allowed_rows(where: Mapping[int, Bounds] | Sequence[Bounds | None], points: Points) -> NDArray[np.uint8]:
    """Return 1 for the rows inside all bounds, both ends included, else 0."""
    allowed = np.ones(points.n, dtype=np.bool_)
    for column, (low, high) in bounds_of(where, points.d).items():
        values = points.column(column)
        if low is not None:
            allowed &= values >= _bound(low, values.dtype, math.ceil)
        if high is not None:
            allowed &= values <= _bound(high, values.dtype, math.floor)
    return allowed.view(np.uint8)


def _bound(bound: float, dtype: np.dtype[Any], towards: Any) -> Any:
    """Return a bound as `dtype` compares exactly: whole for integers, rounded but never to infinity for floats."""
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        return dtype.type(bound if math.isinf(bound) else min(max(float(bound), -largest), largest))
    return bound if math.isinf(bound) else towards(bound)
