"""Codes of 1 to 8 bits as dense bit streams, and back."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from paretoserve import _native
from paretoserve._arrays import as_numpy, check_out, dtype_name, empty_beside, is_cuda
from paretoserve._integers import BITS_63, check_integer, shown
from paretoserve._names import one_of
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.quant._arguments import flag, thread_count

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from paretoserve._arrays import Array

__all__ = ["pack_bits", "unpack_bits"]

_WORDS = {8: "uint8", 32: "int32"}


def pack_bits(
    x: Array,
    bits: int,
    *,
    order: Literal["lsb", "msb"] = "lsb",
    word: Literal[8, 32] = 8,
    signed: Literal["offset", "twos"] = "offset",
    row_pad: bool = True,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """Pack small integers, `bits` bits each, without gaps.

    Parameters
    ----------
    x : ndarray or torch.Tensor, shape (..., cols), uint8, int8 or bool
        uint8 holds codes, from 0 to 2**bits - 1; int8 holds numbers, from -2**(bits-1) to 2**(bits-1) - 1. Not
        modified; copied only if it is not C-contiguous.
    bits : int
        Width of a code, 1 to 8.
    order : {"lsb", "msb"}, default "lsb"
        Which end the first code is at. ``lsb``: code i occupies the bits from i * bits on of a little-endian stream, as
        in compressed-tensors and GPTQ. ``msb``: of a big-endian one, as in `numpy.packbits`.
    word : {8, 32}, default 8
        Width of the words of the result, which are stored little-endian. With ``lsb`` it only says where rows end.
    signed : {"offset", "twos"}, default "offset"
        The code of a number q of int8: ``q + 2**(bits-1)``, or the lower bits of its two's complement.
    row_pad : bool, default True
        Whether each row ends at a word, padded with zero bits. Otherwise rows follow each other without gaps and the
        result has one axis.
    out : ndarray or torch.Tensor, optional
        Filled and returned. Its content is undefined after an error about a value.
    threads : int, optional
        Number of threads; by default one per core and 4 MiB. The result never depends on it.

    Returns
    -------
    packed : array of the library of `x`, shape (..., words), uint8 or int32

    Raises
    ------
    ValueError
        If a number does not fit in `bits`; the message says where it is.
    DtypeError, ShapeError
        If `x` or `out` has the wrong dtype or shape.

    See Also
    --------
    unpack_bits : the inverse.

    Notes
    -----
    O(n), at a large fraction of the speed of a copy. Large results are written around the cache. On a CUDA device a
    number that does not fit loses its upper bits: to raise would have to wait for the device.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1, 2, 3, 4, 5, 6, 7, 0]], dtype=np.uint8)
    >>> pack_bits(x, 4)
    array([[ 33,  67, 101,   7]], dtype=uint8)
    >>> pack_bits(x, 4, order="msb")
    array([[ 18,  52,  86, 112]], dtype=uint8)
    >>> pack_bits(x, 4, word=32)
    array([[124076833]], dtype=int32)
    >>> q = np.array([-4, 3, 0], dtype=np.int8)
    >>> pack_bits(q, 3), pack_bits(q, 3, signed="twos")
    (array([56,  1], dtype=uint8), array([28,  0], dtype=uint8))
    """
    bits, width = _layout(bits, order, word)
    one_of("signed", signed, ("offset", "twos"))
    name = dtype_name(x)
    if name not in ("uint8", "int8", "bool"):
        raise DtypeError(
            f"`x` must be uint8, int8 or bool, got {name}\nhint: convert first, for example x.astype('i1')"
        )
    if x.ndim == 0:
        raise ShapeError("`x` must have shape (..., cols), got ()")
    shape, cols = tuple(x.shape), x.shape[-1]
    if flag("row_pad", row_pad):
        shape = (*shape[:-1], _row_words(cols, bits, width))
    else:
        cols = math.prod(shape)
        shape = (_row_words(cols, bits, width),)
    result = empty_beside(x, shape, _WORDS[width]) if out is None else out
    if out is not None:
        check_out(out, shape, _WORDS[width], x)
    coding = signed if name == "int8" else "unsigned"
    if is_cuda(x):
        _cuda().pack(result, x, cols, bits, order, width, coding)
        return result
    codes = np.ascontiguousarray(as_numpy(x)).view(np.uint8)
    _native.quant_pack_bits(_as_bytes(result), codes, cols, bits, order, width, coding, thread_count(threads))
    return result


def unpack_bits(
    packed: Array,
    bits: int,
    cols: int,
    *,
    rows: int | None = None,
    order: Literal["lsb", "msb"] = "lsb",
    word: Literal[8, 32] | None = None,
    signed: Literal["offset", "twos"] | None = None,
    row_pad: bool = True,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """Unpack what `pack_bits` packed.

    Parameters
    ----------
    packed : ndarray or torch.Tensor on the CPU, shape (..., words), uint8, int32 or uint32
        Not modified; copied only if it is not C-contiguous. Padding bits are not looked at.
    bits : int
        Width of a code, 1 to 8.
    cols : int
        Codes of a row; the packed shape alone does not tell.
    rows : int, optional
        Only with ``row_pad=False``: number of rows of the result; without it the result has one axis of `cols`.
    order : {"lsb", "msb"}, default "lsb"
        Which end the first code is at, see `pack_bits`.
    word : {8, 32}, optional
        Width of the words; it must agree with the dtype of `packed`, which is enough.
    signed : {"offset", "twos"}, optional
        Return int8 numbers, their codes being ``q + 2**(bits-1)`` or two's complement. Without it, return the codes as
        uint8.
    row_pad : bool, default True
        Whether each row ends at a word.
    out : ndarray or torch.Tensor, optional
        Filled and returned.
    threads : int, optional
        Number of threads; by default one per core and 4 MiB.

    Returns
    -------
    x : array of the library of `packed`, shape (..., cols), uint8 or int8

    Raises
    ------
    ShapeError
        If rows of `cols` codes do not have as many words as `packed`.
    DtypeError, ValueError
        If another argument is wrong.

    See Also
    --------
    pack_bits : the inverse.

    Notes
    -----
    O(n), at a large fraction of the speed of a copy. Large results are written around the cache.

    Examples
    --------
    >>> import numpy as np
    >>> packed = pack_bits(np.array([[-4, 3, 0], [1, 2, 3]], dtype=np.int8), 3)
    >>> unpack_bits(packed, 3, 3, signed="offset")
    array([[-4,  3,  0],
           [ 1,  2,  3]], dtype=int8)
    >>> unpack_bits(packed, 3, 3)
    array([[0, 7, 4],
           [5, 6, 7]], dtype=uint8)
    """
    words = {"uint8": 8, "int32": 32, "uint32": 32}
    name = dtype_name(packed)
    if name not in words:
        raise DtypeError(f"`packed` must be uint8 or int32, got {name}")
    bits, width = _layout(bits, order, words[name] if word is None else word)
    if width != words[name]:
        raise DtypeError(f"`packed` must be {_WORDS[width]} with word={width}, got {name}")
    coding = "unsigned" if signed is None else one_of("signed", signed, ("offset", "twos"))
    if packed.ndim == 0:
        raise ShapeError("`packed` must have shape (..., words), got ()")
    cols = check_integer("cols", cols, 0, BITS_63)
    if flag("row_pad", row_pad):
        if rows is not None:
            raise ValueError("`rows` must be None unless row_pad=False: the shape of `packed` tells")
        shape = (*packed.shape[:-1], cols)
    else:
        shape = (cols,) if rows is None else (check_integer("rows", rows, 0, BITS_63), cols)
        cols = math.prod(shape)
    needed = _row_words(cols, bits, width)
    if packed.shape[-1] != needed or (not row_pad and packed.ndim != 1):
        expected = f"(..., {needed})" if row_pad else f"({needed},)"
        raise ShapeError(
            f"`packed` must have shape {expected} for {cols} codes of {bits} bits, got {tuple(packed.shape)}\n"
            "hint: check `cols`, `bits` and `row_pad`"
        )
    dtype = "uint8" if signed is None else "int8"
    result = empty_beside(packed, shape, dtype) if out is None else out
    if out is not None:
        check_out(out, shape, dtype, packed)
    if is_cuda(packed):
        _cuda().unpack(result, packed, cols, bits, order, width, coding)
        return result
    values = np.ascontiguousarray(as_numpy(packed))
    _native.quant_unpack_bits(
        _as_bytes(result), values.view(np.uint8), cols, bits, order, width, coding, thread_count(threads)
    )
    return result


def _layout(bits: int, order: str, word: int) -> tuple[int, int]:
    """Return width of codes and words after a look at all three."""
    bits = check_integer("bits", bits, 1, 8)
    one_of("order", order, ("lsb", "msb"))
    if isinstance(word, bool) or not isinstance(word, int | np.integer) or word not in _WORDS:
        raise ValueError(f"`word` must be 8 or 32, got {shown(word)}")
    return bits, int(word)


def _row_words(cols: int, bits: int, word: int) -> int:
    """Return the number of words of `cols` codes."""
    return -(-cols * bits // word)


def _cuda() -> ModuleType:
    return importlib.import_module("paretoserve.quant._cuda")


def _as_bytes(array: Array) -> NDArray[np.uint8]:
    """Return the bytes of a contiguous array."""
    return as_numpy(array).view(np.uint8)
