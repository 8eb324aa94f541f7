"""Codes as planes of bits, for kernels that multiply bit by bit with population counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from paretoserve import _native
from paretoserve._arrays import as_numpy, check_out, dtype_name, empty_beside
from paretoserve._integers import BITS_63, check_integer
from paretoserve._names import one_of
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.quant._arguments import thread_count

if TYPE_CHECKING:
    from paretoserve._arrays import Array

__all__ = ["pack_planes", "unpack_planes"]


def pack_planes(
    x: Array,
    bits: int,
    *,
    layout: Literal["flexq", "abq"] = "flexq",
    chunk: int = 8,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """Pack codes into planes: a word holds one bit of 32 consecutive codes of a row.

    Parameters
    ----------
    x : ndarray or torch.Tensor on the CPU, shape (rows, cols), uint8 or bool
        Codes from 0 to 2**bits - 1; `cols` a multiple of 128 for ``flexq``, of 32 for ``abq``. Not modified.
    bits : int
        Width of a code, 1 to 8.
    layout : {"flexq", "abq"}, default "flexq"
        Order of the words.
    chunk : int, default 8
        For ``flexq``: rows that lie together, up to 1024; the last chunk is padded with zeros.
    out : ndarray or torch.Tensor of int32, optional
        Filled and returned. Its content is undefined after an error about a value.
    threads : int, optional
        Number of threads; by default one per core and 4 MiB. The result never depends on it.

    Returns
    -------
    planes : array of the library of `x`, int32
        Shape (cols / 128, ceil(rows / chunk), bits, chunk, 4) for ``flexq``, (bits, rows, cols / 32) for ``abq``. The
        first of the 32 codes is at the most significant bit.

    Raises
    ------
    ValueError
        If a code does not fit in `bits`; the message says where it is.
    DtypeError, ShapeError
        If `x` or `out` has the wrong dtype or shape.

    See Also
    --------
    unpack_planes : the inverse.

    Notes
    -----
    O(n * bits). The layouts are those of FlexQ and ABQ-LLM.

    References
    ----------
    "FlexQ: Efficient Post-training INT6 Quantization for LLM Serving", 2025.
    "ABQ-LLM: Arbitrary-Bit Quantized Inference Acceleration for Large Language Models", AAAI 2025.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.zeros((1, 32), dtype=np.uint8)
    >>> x[0, 31] = 3
    >>> pack_planes(x, 2, layout="abq").tolist()
    [[[1]], [[1]]]
    """
    bits = check_integer("bits", bits, 1, 8)
    one_of("layout", layout, ("flexq", "abq"))
    chunk = check_integer("chunk", chunk, 1, 1024)
    if dtype_name(x) not in ("uint8", "bool"):
        raise DtypeError(
            f"`x` must be uint8 or bool, got {dtype_name(x)}\nhint: numbers with a sign need an offset first"
        )
    unit = 128 if layout == "flexq" else 32
    if x.ndim != 2 or x.shape[1] % unit:
        raise ShapeError(f"`x` must have shape (rows, a multiple of {unit}) for {layout}, got {tuple(x.shape)}")
    rows, cols = x.shape
    shape = (bits, rows, cols // 32) if layout == "abq" else (cols // 128, -(-rows // chunk), bits, chunk, 4)
    result = empty_beside(x, shape, "int32") if out is None else out
    if out is not None:
        check_out(out, shape, "int32", x)
    codes = np.ascontiguousarray(as_numpy(x)).view(np.uint8)
    target = as_numpy(result).view(np.uint8)
    _native.quant_pack_planes(target, codes, rows, bits, chunk if layout == "flexq" else None, thread_count(threads))
    return result


def unpack_planes(
    planes: Array,
    rows: int | None = None,
    *,
    layout: Literal["flexq", "abq"] = "flexq",
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """Unpack what `pack_planes` packed.

    Parameters
    ----------
    planes : ndarray or torch.Tensor on the CPU, int32 or uint32
        Shape (cols / 128, chunks, bits, chunk, 4) for ``flexq``, (bits, rows, cols / 32) for ``abq``. Not modified.
    rows : int, optional
        For ``flexq``: rows without padding; by default all.
    layout : {"flexq", "abq"}, default "flexq"
        Order of the words.
    out : ndarray or torch.Tensor of uint8, optional
        Filled and returned.
    threads : int, optional
        Number of threads; by default one per core and 4 MiB.

    Returns
    -------
    x : array of the library of `planes`, shape (rows, cols), uint8

    Raises
    ------
    DtypeError, ShapeError
        If `planes` or `out` has the wrong dtype or shape, or cannot have `rows` rows.

    See Also
    --------
    pack_planes : the inverse.

    Notes
    -----
    O(n * bits).

    Examples
    --------
    >>> import numpy as np
    >>> x = (np.arange(5 * 128) % 64).astype(np.uint8).reshape(5, 128)
    >>> planes = pack_planes(x, 6)
    >>> planes.shape, bool((unpack_planes(planes, 5) == x).all())
    ((1, 1, 6, 8, 4), True)
    """
    one_of("layout", layout, ("flexq", "abq"))
    if dtype_name(planes) not in ("int32", "uint32"):
        raise DtypeError(f"`planes` must be int32, got {dtype_name(planes)}")
    shape, words = tuple(planes.shape), ("bits, rows, words" if layout == "abq" else "blocks, chunks, bits, chunk, 4")
    if len(shape) != (3 if layout == "abq" else 5) or (layout == "flexq" and shape[4] != 4):
        raise ShapeError(f"`planes` must have shape ({words}) for {layout}, got {shape}")
    if layout == "abq":
        bits, most, cols, chunk = shape[0], shape[1], shape[2] * 32, None
        least = most
    else:
        bits, cols, chunk = shape[2], shape[0] * 128, check_integer("chunk of `planes`", shape[3], 1, 1024)
        most, least = shape[1] * chunk, max(shape[1] - 1, 0) * chunk + min(shape[1], 1)
    check_integer("bits of `planes`", bits, 1, 8)
    rows = most if rows is None else check_integer("rows", rows, 0, BITS_63)
    if not least <= rows <= most:
        raise ShapeError(f"`rows` must be from {least} to {most} for `planes` of shape {shape}, got {rows}")
    result = empty_beside(planes, (rows, cols), "uint8") if out is None else out
    if out is not None:
        check_out(out, (rows, cols), "uint8", planes)
    source = np.ascontiguousarray(as_numpy(planes)).view(np.uint8)
    _native.quant_unpack_planes(as_numpy(result).view(np.uint8), source, rows, bits, chunk, thread_count(threads))
    return result
