"""Draws of noisy points as the native module takes them: given samples, a normal model, or repeated measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import dtype_name, is_torch, numpy_values
from paretoserve._launch import beside
from paretoserve._names import one_of
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto._arguments import directions, listed, plain_array, refuse_nan, seed_number, thread_count
from paretoserve.pareto._frame_columns import NAMES, is_small_float
from paretoserve.pareto._points import on_cuda

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense

__all__ = ["Origin", "fraction", "from_measurements", "from_model", "on_host", "real_array"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where draws come from; the native module reads these attributes.

    Attributes
    ----------
    kind : {"samples", "normal", "joint", "measured"}
    values : ndarray of float64
        Samples, means or measurements; a torch tensor of any real dtype for samples that stay on their device.
    spread : ndarray of float64 or None
        Standard deviations or roots of covariances.
    offsets : ndarray of int64 or None
        Where the measurements of each row begin.
    quantile : float or None
        Statistic of measurements: None is the mean, -1 the median.
    seed, num_rows, num_draws : int
    maximize : list of bool
    nan : str
    threads : int or None
    """

    kind: str
    values: NDArray[np.float64]
    spread: NDArray[np.float64] | None
    offsets: NDArray[np.int64] | None
    quantile: float | None
    seed: int
    num_rows: int
    num_draws: int
    maximize: list[bool]
    nan: str
    threads: int | None


def real_array(argument: str, values: Any, dimensions: tuple[int, ...]) -> NDArray[np.float64]:
    """Return contiguous float64 of one of so many dimensions."""
    try:
        array = numpy_values(values, argument) if is_torch(values) else np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"`{argument}` must have rows of one length, got some of different lengths") from error
    is_real = array.dtype.name in NAMES and not (is_torch(values) and is_small_float(values))
    _check(argument, array, is_real, getattr(values, "dtype", array.dtype), dimensions)
    return np.asarray(array, dtype=np.float64, order="C")


def _check(argument: str, array: Any, is_real: bool, dtype: Any, dimensions: tuple[int, ...]) -> None:
    if not is_real:
        raise DtypeError(f"`{argument}` must be real numbers of at most 64 bits, got {dtype}")
    if array.ndim not in dimensions:
        expected = " or ".join(str(each) for each in dimensions)
        raise ShapeError(f"`{argument}` must have {expected} dimensions, got shape {tuple(array.shape)}")


def on_host(argument: str, first: Any, **arrays: Any) -> tuple[torch.device | None, dict[str, Any]]:
    """Return the CUDA device of `first`, or None, and the arrays in the memory of the host. `argument` is its name.

    Raises
    ------
    DeviceError
        If `first` is on a CUDA device and a tensor is not on the same one.
    """
    if not on_cuda(first):
        return None, arrays
    origin = first[0] if isinstance(first, list | tuple) else first
    return origin.device, {name: _brought(name, each, argument, origin) for name, each in arrays.items()}


def _brought(name: str, array: Any, argument: str, origin: torch.Tensor) -> Any:
    if isinstance(array, list | tuple):
        return [_brought(f"{name}[{i}]", each, argument, origin) for i, each in enumerate(array)]
    if not is_torch(array):
        return array
    beside(origin, argument, **{name: array})
    return array.detach().cpu()


def _tensor(argument: str, tensor: Any, dimensions: tuple[int, ...]) -> Any:
    """Return a tensor of real numbers and one of so many dimensions as it is."""
    _check(argument, tensor, dtype_name(tensor) in NAMES, tensor.dtype, dimensions)
    return tensor.detach()


def fraction(argument: str, value: float) -> float:
    """Return a number between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
        raise ValueError(f"`{argument}` must be a number from 0 to 1, got {value!r:.40}")
    return float(value)


def from_model(
    samples: ArrayLike | None,
    mean: ArrayLike | None,
    cov: ArrayLike | None,
    std: ArrayLike | None,
    *,
    num_samples: int,
    seed: int,
    sense: Sense | Sequence[Sense],
    nan: str,
    threads: int | None,
    resident: bool = False,
) -> Origin:
    """Return the draws that these arguments describe: `samples`, or `mean` with `cov` or `std`.

    With `resident`, `samples` are a tensor that stays as it is.
    """
    policy = one_of("nan", nan, ("raise", "drop", "worst"))
    if (samples is None) == (mean is None):
        raise ValueError("`samples` or `mean` must be given, got " + ("neither" if mean is None else "both"))
    if samples is not None:
        if cov is not None or std is not None:
            raise ValueError("`cov` and `std` go with `mean`, got one with `samples`")
        values = _tensor("samples", samples, (3,)) if resident else real_array("samples", samples, (3,))
        num_draws, n, d = values.shape
        if not num_draws or not d:
            raise ShapeError(
                f"`samples` must have shape (B, n, d) with B and d of 1 or more, got {tuple(values.shape)}"
            )
        if policy == "raise" and not resident:
            hint = 'nan="drop" leaves such a row out of its draw, nan="worst" ranks NaN last'
            refuse_nan("samples", values, ("draw", "row", "objective"), hint)
        common = (seed_number(seed), n, num_draws, directions(sense, d), policy, thread_count(threads))
        return Origin("samples", values, None, None, None, *common)
    assert mean is not None
    means = real_array("mean", mean, (2,))
    n, d = means.shape
    if not d:
        raise ShapeError(f"`mean` must have shape (n, d) with d of 1 or more, got {means.shape}")
    refuse_nan("mean", means, ("row", "objective"))
    if (cov is None) == (std is None):
        raise ValueError("`cov` or `std` must be given with `mean`, got " + ("neither" if cov is None else "both"))
    common = (seed_number(seed), n, _draws(num_samples), directions(sense, d), policy, thread_count(threads))
    if std is not None:
        spread = real_array("std", std, (0, 1, 2))
        try:
            spread = np.ascontiguousarray(np.broadcast_to(spread, (n, d)))
        except ValueError as error:
            expected = f"must be one number, one per objective ({d},) or one per value ({n}, {d})"
            raise ShapeError(f"`std` {expected}, got {spread.shape}") from error
        if not ((spread >= 0) & np.isfinite(spread)).all():
            row, objective = np.argwhere(~((spread >= 0) & np.isfinite(spread)))[0]
            got = f"got {spread[row, objective]} for row {row}, objective {objective}"
            raise ValueError(f"`std` must be finite and not negative, {got}")
        return Origin("normal", means, spread, None, None, *common)
    return Origin("joint", means, _roots(real_array("cov", cov, (2, 3)), n, d), None, None, *common)


def from_measurements(
    measurements: Any,
    offsets: ArrayLike | None,
    *,
    statistic: str | float,
    num_samples: int,
    seed: int,
    sense: Sense | Sequence[Sense],
    nan: str,
    threads: int | None,
) -> Origin:
    """Return the draws of resampled measurements: one matrix per row, or flat ones with offsets."""
    one_of("nan", nan, ("raise", "drop"))
    if offsets is None:
        rows = listed("measurements", measurements, "a sequence of matrices, one per row, or a matrix with `offsets`")
        parts = [real_array(f"measurements[{row}]", part, (2,)) for row, part in enumerate(rows)]
        widths = {part.shape[1] for part in parts}
        if len(widths) > 1 or not all(widths):
            raise ShapeError(f"`measurements` must have matrices of one width of 1 or more, got {sorted(widths)}")
        values = np.concatenate(parts) if parts else np.empty((0, 1))
        ends = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)
    else:
        values = real_array("measurements", measurements, (2,))
        given = plain_array("offsets", offsets, "n + 1 whole numbers")
        if given.ndim != 1 or not len(given) or given.dtype.kind not in "iu":
            raise ShapeError(f"`offsets` must be n + 1 whole numbers, got {given.dtype} of shape {given.shape}")
        ends = given.astype(np.int64)
    if not values.shape[1]:
        raise ShapeError(f"`measurements` must have 1 objective or more, got shape {values.shape}")
    if nan == "raise":
        refuse_nan("measurements", values, ("measurement", "objective"), 'nan="drop" leaves such a measurement out')
    elif np.isnan(values).any() and len(ends) > 1:
        whole = ~np.isnan(values).any(axis=1)
        ends = np.concatenate([[0], np.cumsum(whole)])[np.clip(ends, 0, len(values))].astype(np.int64)
        values = np.ascontiguousarray(values[whole])
    counts = np.diff(ends)
    if (counts < 1).any():
        row = int((counts < 1).argmax())
        raise ValueError(f"`measurements` must have 1 or more per row, got {int(counts[row])} for row {row}")
    common = (seed_number(seed), len(ends) - 1, _draws(num_samples), directions(sense, values.shape[1]), "raise")
    return Origin("measured", values, None, ends, _statistic(statistic), *common, thread_count(threads))


def _statistic(statistic: str | float) -> float | None:
    if isinstance(statistic, str):
        return {"mean": None, "median": -1.0}[one_of("statistic", statistic, ("mean", "median"))]
    return fraction("statistic", statistic)


def _draws(num_samples: int) -> int:
    if isinstance(num_samples, bool) or not isinstance(num_samples, (int, np.integer)):
        raise TypeError(f"`num_samples` must be a whole number, got {num_samples!r:.40}")
    if not 1 <= num_samples < 2**31:
        raise ValueError(f"`num_samples` must be 1 or more and below 2^31, got {num_samples}")
    return int(num_samples)


def _roots(cov: NDArray[np.float64], n: int, d: int) -> NDArray[np.float64]:
    """Return a lower triangular root per row; covariances may be singular."""
    if cov.shape not in ((d, d), (n, d, d)):
        raise ShapeError(f"`cov` must have shape ({n}, {d}, {d}) or ({d}, {d}), got {cov.shape}")
    if not np.isfinite(cov).all():
        raise ValueError("`cov` must be finite, got NaN or an infinity")
    cov = np.broadcast_to(cov, (n, d, d))
    scale = np.sqrt(np.maximum(np.einsum("nkk->nk", cov), 0))
    scale = scale[:, :, None] * scale[:, None, :]
    if (np.abs(cov - cov.transpose(0, 2, 1)) > 1e-9 * scale).any():
        raise ValueError("`cov` must be symmetric, got other values above the diagonal than below")
    root: NDArray[Any] = np.zeros((n, d, d))
    for j in range(d):
        rest = cov[:, :, j] - np.einsum("nik,nk->ni", root[:, :, :j], root[:, j, :j])
        small = 1e-9 * scale[:, j, j]
        wrong = (rest[:, j] < -small) | (np.abs(cov[:, :, j]) > scale[:, :, j] * (1 + 1e-9)).any(axis=1)
        if wrong.any():
            raise ValueError(f"`cov` must be positive semidefinite, got one that is not in row {int(wrong.argmax())}")
        flat = rest[:, j] <= small
        pivot = np.sqrt(np.where(flat, 1.0, rest[:, j]))
        root[:, j:, j] = np.where(flat[:, None], 0.0, rest[:, j:] / pivot[:, None])
    return root
