"""The arguments that the functions of `pareto` share: checked once, with the same messages everywhere."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paretoserve._arrays import is_torch, numpy_values
from paretoserve._integers import shown
from paretoserve._names import one_of
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
    "float_bound",
    "group_codes",
    "is_missing",
    "listed",
    "plain_array",
    "real_number",
    "real_numbers",
    "refuse_nan",
    "seed_number",
    "taking_part",
    "thread_count",
]

Sense: TypeAlias = Literal["min", "max"]
Bounds: TypeAlias = tuple[float | None, float | None]

_LARGEST_BFLOAT16 = (2 - 2**-7) * 2.0**127


def directions(sense: Sense | Sequence[Sense], d: int) -> list[bool]:
    """Return per objective whether larger is better."""
    if not isinstance(sense, str | Sequence | np.ndarray):
        raise DtypeError(f'`sense` must be "min", "max" or {d} of them, got {sense!r:.40}')
    if isinstance(sense, np.ndarray):
        sense = sense.tolist()
    if isinstance(sense, str):
        return [one_of("sense", sense, ("min", "max")) == "max"] * d
    senses = list(sense)
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


def plain_array(argument: str, values: ArrayLike, expected: str) -> NDArray[Any]:
    """Return `values` as an array of its own dtype, or say that lists in it differ in length."""
    try:
        return numpy_values(values, argument) if is_torch(values) else np.asarray(values)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ShapeError(f"`{argument}` must be {expected}, got {values!r:.60}") from error


def listed(argument: str, values: Any, expected: str) -> list[Any]:
    """Return the entries of a sequence, an array or an iterator as a list; text and mappings are none."""
    if not isinstance(values, str | bytes | Mapping):
        try:
            return list(values)
        except TypeError:
            pass
    raise DtypeError(f"`{argument}` must be {expected}, got {type(values).__name__}")


def real_numbers(argument: str, values: ArrayLike, expected: str) -> NDArray[np.float64]:
    """Return real numbers as float64, of any shape; text is not read as a number. `expected` is for the message."""
    array = plain_array(argument, values, expected)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"`{argument}` must be {expected}, got {values!r:.60}")
    return array.astype(np.float64)


def real_number(argument: str, value: float) -> float:
    """Return `value` if it is a number, else raise."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"`{argument}` must be a number, got {value!r:.60}")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(f"`{argument}` must be within float64, got {shown(value)}") from error


def box_sizes(eps: float | Sequence[float], d: int) -> list[float]:
    """Return one box size per objective, finite and not negative."""
    sizes = real_numbers("eps", eps, f"a number or {d} of them")
    if sizes.ndim > 1 or (sizes.ndim == 1 and len(sizes) != d):
        raise ShapeError(f"`eps` must be one number or {d}, one per objective, got shape {sizes.shape}")
    if not (np.isfinite(sizes) & (sizes >= 0)).all():
        raise ValueError(f"`eps` must be finite and not negative, got {eps}")
    return [float(size) for size in np.broadcast_to(sizes, d)]


def boxes(eps: float | Sequence[float] | None, eps_kind: str, d: int) -> tuple[list[float], bool] | None:
    """Return the box sizes and whether they are factors, as the native module takes them; None without boxes."""
    if not isinstance(eps_kind, str) or eps_kind not in ("add", "mult"):
        raise ValueError(
            f'`eps_kind` must be one of "add", "mult", got {shown(eps_kind)}\n'
            "hint: only grids of boxes are offered; a tolerance between pairs of points is not transitive, so what it "
            "keeps would depend on the order of the points"
        )
    return None if eps is None else (box_sizes(eps, d), eps_kind == "mult")


def group_codes(groups: ArrayLike, n: int) -> tuple[NDArray[np.uint32], int]:
    """Return a code per row and a number that all codes are below; not every code needs to occur."""
    labels = _labels(groups)
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


def _labels(groups: ArrayLike) -> NDArray[Any]:
    """Return labels as an array; a list of several types keeps them, so that no NaN becomes the text "nan"."""
    if isinstance(groups, np.ma.MaskedArray) and np.ma.is_masked(groups):
        raise _missing_label("a masked one", int(np.ma.getmaskarray(groups).ravel().argmax()))
    labels = plain_array("groups", groups, "one label per row")
    if isinstance(groups, list | tuple) and labels.ndim == 1 and labels.dtype.kind in "USf":
        return np.fromiter(groups, dtype=object, count=len(groups))
    return labels


def _codes_by_hash(labels: NDArray[Any]) -> tuple[NDArray[np.uint32], int]:
    """Return codes of text or other objects in the order in which they first occur; sorting them takes far longer."""
    codes_of: dict[Any, int] = {}
    try:
        own = (codes_of.setdefault(label, len(codes_of)) for label in labels.tolist())
        codes = np.fromiter(own, dtype=np.uint32, count=len(labels))
    except TypeError as error:
        raise DtypeError("`groups` must be numbers or strings, got labels that cannot be told apart by hash") from error
    for label, code in codes_of.items():
        if is_missing(label):
            raise _missing_label(label, int((codes == code).argmax()))
    return codes, len(codes_of)


def is_missing(value: object) -> bool:
    """Tell whether a label is None, NaN, or what pandas has for them."""
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):
        return True


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
        if isinstance(where, np.ndarray):
            where = where.tolist()
        if len(where) != d:
            raise ShapeError(f"`where` must have {d} entries, one per objective, got {len(where)}")
        bounds = {column: limits for column, limits in enumerate(where) if limits is not None}
    for column, limits in bounds.items():
        if isinstance(column, bool) or not isinstance(column, (int, np.integer)) or column not in range(d):
            raise ValueError(f"`where` names objective {column!r}, but there are only 0 to {d - 1}")
        try:
            low, high = limits
        except (TypeError, ValueError) as error:
            raise ValueError(f"`where` must give (low, high) for objective {column}, got {limits!r}") from error
        for bound in (low, high):
            if bound is not None and not (_is_real(bound) and bound == bound):
                raise ValueError(f"`where` must give numbers or None for objective {column}, got {bound!r}")
    return bounds


def taking_part(
    points: Points, groups: ArrayLike | None, where: Mapping[int, Bounds] | Sequence[Bounds | None] | None
) -> tuple[NDArray[np.uint32] | None, int, NDArray[np.uint8] | None]:
    """Return a group code per row, a number above all codes, and 1 per row inside the bounds, as native code wants."""
    codes, num_groups = (None, 0) if groups is None else group_codes(groups, points.n)
    return codes, num_groups, None if where is None else allowed_rows(where, points)


def seed_number(seed: int) -> int:
    """Return `seed` if 64 bits hold it, else raise."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"`seed` must be a whole number, got {seed!r:.60}")
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"`seed` must be from 0 to 2^64 - 1, got {seed}")
    return int(seed)


def refuse_nan(argument: str, values: NDArray[np.float64], axes: Sequence[str], hint: str = "") -> None:
    """Raise for the first NaN in `values`, whose axes have these names."""
    places = np.argwhere(np.isnan(values))
    if len(places):
        place = ", ".join(f"{axis} {index}" for axis, index in zip(axes, places[0], strict=True))
        raise ValueError(f"`{argument}` must be free of NaN, got NaN in {place}" + (f"\nhint: {hint}" if hint else ""))


def _is_real(bound: object) -> bool:
    """Tell whether a bound is a real number: also a Fraction or a Decimal, but neither text nor a date."""
    return isinstance(bound, (numbers.Real, Decimal, np.bool_))


def allowed_rows(where: Mapping[int, Bounds] | Sequence[Bounds | None], points: Points) -> NDArray[np.uint8]:
    """Return 1 for the rows inside all bounds, both ends included, else 0."""
    allowed = np.ones(points.n, dtype=np.bool_)
    for column, (low, high) in bounds_of(where, points.d).items():
        values, dtype = points.column(column), points.dtype(column)
        if low is not None:
            allowed &= values >= _bound(low, dtype, math.ceil)
        if high is not None:
            allowed &= values <= _bound(high, dtype, math.floor)
    return allowed.view(np.uint8)


def float_bound(bound: float, dtype: np.dtype[Any]) -> Any:
    """Return a bound rounded to a dtype of floats, never to infinity; for bfloat16 as float32, as its columns are."""
    largest = _LARGEST_BFLOAT16 if dtype.name == "bfloat16" else float(np.finfo(dtype).max)
    try:
        near = float(bound)
    except OverflowError:
        near = largest if bound > 0 else -largest
    rounded = dtype.type(near if math.isinf(near) else min(max(near, -largest), largest))
    return np.float32(rounded) if dtype.name == "bfloat16" else rounded


def _bound(bound: float, dtype: np.dtype[Any], towards: Any) -> Any:
    """Return a bound as values of `dtype` compare with it exactly: whole for integers, rounded for floats."""
    if dtype.kind == "f" or dtype.name == "bfloat16":
        return float_bound(bound, dtype)
    return bound if bound in (math.inf, -math.inf) else towards(bound)
