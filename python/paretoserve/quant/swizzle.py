"""Block scales in the order in which tensor cores read them."""

from __future__ import annotations

import importlib
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._arrays import as_numpy, check_out, dtype_name, empty_beside, is_cuda
from paretoserve._integers import BITS_63, check_integer
from paretoserve._names import one_of
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.quant._arguments import thread_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve._arrays import Array

__all__ = ["swizzle_scales", "unswizzle_scales"]

ROWS, COLS = 128, 4


def swizzle_scales(
    s: Array, layout: Literal["128x4"] = "128x4", *, out: Array | None = None, threads: int | None = None
) -> Array:
    """Lay out block scales in tiles of 128 rows and 4 columns, as cuBLAS, CUTLASS and vLLM read them.

    Parameters
    ----------
    s : ndarray or torch.Tensor on the CPU, shape (..., rows, cols), uint8 or a float of 8 bits
        Scales, one per block; leading axes are separate matrices. Not modified.
    layout : {"128x4"}, default "128x4"
        The order.
    out : ndarray or torch.Tensor, optional
        Filled and returned.
    threads : int, optional
        Number of threads; by default one per core and 4 MiB. The result never depends on it.

    Returns
    -------
    tiled : array of the library and dtype of `s`, shape (..., rows rounded up to 128, cols rounded up to 4)
        Padded with zeros: NaN there would spoil the product. ``reshape(-1)`` is what torchao's ``to_blocked`` returns.

    Raises
    ------
    DtypeError, ShapeError
        If `s` or `out` has the wrong dtype or shape.

    See Also
    --------
    unswizzle_scales : the inverse.

    Notes
    -----
    Scale (r, c) of a tile lies at ``(r % 32) * 16 + r // 32 * 4 + c`` of its 512 bytes; tiles follow each other row by
    row. O(n), at a large fraction of the speed of a copy; few rows are padded up to 128 times.

    Examples
    --------
    >>> import numpy as np
    >>> s = np.arange(1, 9, dtype=np.uint8).reshape(2, 4)
    >>> tiled = swizzle_scales(s)
    >>> tiled.shape, tiled.reshape(-1)[[0, 1, 2, 3, 16, 17, 18, 19]]
    ((128, 4), array([1, 2, 3, 4, 5, 6, 7, 8], dtype=uint8))
    """
    one_of("layout", layout, ("128x4",))
    _check_bytes("s", s)
    if s.ndim < 2:
        raise ShapeError(f"`s` must have shape (..., rows, cols), got {tuple(s.shape)}")
    *lead, rows, cols = s.shape
    shape = (*lead, -(-rows // ROWS) * ROWS, -(-cols // COLS) * COLS)
    result = _result(s, shape, out)
    if is_cuda(s):
        _on_device(result, s, prod(lead), (rows, cols), inverse=False)
        return result
    source, target = _bytes(s, (prod(lead), rows, cols)), _bytes(result, (prod(lead), *shape[-2:]))
    for matrix, tiles in zip(source, target, strict=True):
        _native.quant_swizzle_scales(tiles, matrix, cols, thread_count(threads))
    return result


def unswizzle_scales(
    s: Array,
    rows: int,
    cols: int,
    layout: Literal["128x4"] = "128x4",
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """Take scales in tiles back to a matrix.

    Parameters
    ----------
    s : ndarray or torch.Tensor on the CPU, uint8 or a float of 8 bits
        What `swizzle_scales` returned, in any shape whose last axes hold the padded matrices. Padding is not looked at.
        Not modified.
    rows, cols : int
        Shape of a matrix without padding.
    layout : {"128x4"}, default "128x4"
        The order.
    out : ndarray or torch.Tensor, optional
        Filled and returned.
    threads : int, optional
        Number of threads; by default one per core and 4 MiB.

    Returns
    -------
    s : array of the library and dtype of the tiles, shape (..., rows, cols)
        Leading axes are those of tiles that came with the shape of `swizzle_scales`; otherwise there is one matrix.

    Raises
    ------
    DtypeError, ShapeError
        If the tiles are not those of such a matrix.

    See Also
    --------
    swizzle_scales : the inverse.

    Notes
    -----
    O(n).

    Examples
    --------
    >>> import numpy as np
    >>> s = np.arange(12, dtype=np.uint8).reshape(2, 6)
    >>> unswizzle_scales(swizzle_scales(s), 2, 6)
    array([[ 0,  1,  2,  3,  4,  5],
           [ 6,  7,  8,  9, 10, 11]], dtype=uint8)
    """
    one_of("layout", layout, ("128x4",))
    _check_bytes("s", s)
    rows, cols = check_integer("rows", rows, 0, BITS_63), check_integer("cols", cols, 0, BITS_63)
    padded = (-(-rows // ROWS) * ROWS, -(-cols // COLS) * COLS)
    lead = tuple(s.shape[:-2]) if s.ndim > 2 and tuple(s.shape[-2:]) == padded else ()
    if prod(s.shape) != prod(lead) * padded[0] * padded[1]:
        raise ShapeError(
            f"`s` must hold {padded[0]} x {padded[1]} scales for {rows} rows and {cols} columns, got shape "
            f"{tuple(s.shape)}"
        )
    shape = (*lead, rows, cols)
    result = _result(s, shape, out)
    if is_cuda(s):
        _on_device(result, s, prod(lead), (rows, cols), inverse=True)
        return result
    source, target = _bytes(s, (prod(lead), *padded)), _bytes(result, (prod(lead), rows, cols))
    for tiles, matrix in zip(source, target, strict=True):
        _native.quant_unswizzle_scales(matrix, tiles, cols, thread_count(threads))
    return result


def _check_bytes(argument: str, array: Array) -> None:
    name = dtype_name(array)
    if name != "uint8" and not name.startswith("float8"):
        raise DtypeError(f"`{argument}` must be uint8 or a float of 8 bits, got {name}")


def _bytes(array: Array, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the bytes of an array in another shape; a copy only if it has gaps."""
    return np.ascontiguousarray(as_numpy(array)).view(np.uint8).reshape(shape)


def _on_device(out: Array, s: Array, matrices: int, shape: tuple[int, int], *, inverse: bool) -> None:
    """Fill `out` from a CUDA tensor, one launch per matrix."""
    move = importlib.import_module("paretoserve.quant._cuda").swizzle
    target: Any = out
    source: Any = s
    for result, scales in zip(target.reshape(matrices, -1), source.reshape(matrices, -1), strict=True):
        move(result, scales, *shape, inverse)


def _result(s: Array, shape: tuple[int, ...], out: Array | None) -> Array:
    if out is None:
        return empty_beside(s, shape, "uint8").view(s.dtype)  # type: ignore[arg-type]
    check_out(out, shape, "uint8", s)
    return out
