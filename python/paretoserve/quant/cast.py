"""One number at a time: scalar formats from and to float32, float16 and bfloat16."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._arrays import as_numpy, check_out, dtype_name, empty_beside, float_bits, is_cuda, is_torch
from paretoserve._integers import shown
from paretoserve._names import one_of
from paretoserve.errors import DtypeError
from paretoserve.quant._arguments import ROUNDINGS, dtype_word, flag, seed_of, thread_count
from paretoserve.quant._custom import check_fields
from paretoserve.quant._formats import (
    FORMAT_OF_DTYPE,
    BlockFormat,
    ScalarFormat,
    block_format,
    block_names,
    is_block_only,
    scalar_format,
    scalar_names,
    with_group,
)

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from paretoserve._arrays import Array

__all__ = ["cast", "format_info", "formats"]

_WIDE = ("float32", "float16", "bfloat16")
_RULES = ("paretoserve", "ml_dtypes", "torch")


def cast(
    x: Array,
    to: str | ScalarFormat,
    *,
    fmt: str | ScalarFormat | None = None,
    saturate: bool = True,
    rounding: Literal["rne", "half_away", "stochastic"] = "rne",
    seed: int = 0,
    nan: Literal["raise", "zero"] = "raise",
    rule: Literal["paretoserve", "ml_dtypes", "torch"] = "paretoserve",
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """Convert numbers to codes of at most 8 bits, codes to numbers, or wide floats to each other.

    Parameters
    ----------
    x : ndarray or torch.Tensor, any shape
        float32, float16 or bfloat16 numbers; or codes: uint8 or int8, one per byte, or a float8, float6, float4 or int4
        dtype of ml_dtypes or torch. Not modified; copied only if it has gaps.
    to : str or ScalarFormat
        A scalar format (`formats`) makes codes of numbers. ``float32``, ``float16`` or ``bfloat16`` makes numbers.
        Case does not matter, and dtypes of ml_dtypes and torch will do, by name or themselves (``float8_e4m3fn``).
        A float that is not listed is named by its bits, ``[u]e<E>m<M>[b<bias>][ieee|fn|fnuz]``: ``e3m3``, ``ue5m3b20``.
        Without suffix, 8 bits with a sign have infinity and NaN, unsigned floats NaN, narrower ones neither; the bias
        is 2^(E-1) - 1, one more for ``fnuz``. A `ScalarFormat` may have any bias that float32 can hold.
    fmt : str or ScalarFormat, optional
        Format of codes `x`; needed for uint8 and int8, else named by the dtype.
    saturate : bool, default True
        Whether infinity and what rounds beyond the largest number become the largest number. Else infinity, else NaN,
        as the format has them, else the largest number all the same. Integers always clip.
    rounding : {"rne", "half_away", "stochastic"}, default "rne"
        To nearest with ties to the even code or away from zero; or up with the probability of the distance from the
        lower code. e8m0 knows the nearest only (half up), and wide floats ties to even only.
    seed : int, default 0
        Of stochastic rounding, 64 bits. Element i in C order uses word i of a Philox sequence, on every device and with
        any number of threads.
    nan : {"raise", "zero"}, default "raise"
        What NaN does where the format has none; so does a negative number where an unsigned float has no NaN.
    rule : {"paretoserve", "ml_dtypes", "torch"}, default "paretoserve"
        Whose codes for NaN and overflow; for peers' rules see the notes. Not for integers.
    out : ndarray or torch.Tensor, optional
        Filled and returned: shape of `x`; uint8 or an 8-bit float dtype for codes, else the dtype `to`.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    ndarray or torch.Tensor
        Shape of `x`, of the same library. Codes are uint8, in the low bits of each byte: sign, exponent, mantissa;
        integers in two's complement. ``codes.view(torch.float8_e4m3fn)`` names them.

    Raises
    ------
    DtypeError
        If `x` is neither numbers nor codes, or `fmt` is missing.
    UnknownNameError
        If there is no such format.
    ShapeError
        If `out` has another shape or gaps.
    ValueError
        If NaN has no code (the message has its index in C order; `out` is not touched), or another argument is not
        among those above.

    Notes
    -----
    O(n), at the speed of memory for large arrays when `out` is given. NaN becomes the code of all ones with its sign;
    0x80 in ``fnuz`` formats; 0xFF in e8m0, as do negative numbers there, while 0 becomes 2^-127.

    ``rule="ml_dtypes"`` never saturates where there is NaN, makes the first quiet NaN, and negative zero where there is
    no NaN; e8m0 takes 0 as NaN. ``rule="torch"`` is that of torch 2.13 and later: e4m3fn saturates, other formats
    overflow; e8m0 drops the sign. Both set `saturate` and `nan` aside.

    References
    ----------
    OCP 8-bit Floating Point Specification (OFP8) 1.0; OCP Microscaling Formats (MX) Specification 1.0.

    Examples
    --------
    >>> x = np.array([0.3, -2.5, 500, np.inf], dtype=np.float32)
    >>> codes = cast(x, "e4m3fn")
    >>> codes
    array([ 42, 194, 126, 126], dtype=uint8)
    >>> cast(codes, "float32", fmt="e4m3fn").tolist()
    [0.3125, -2.5, 448.0, 448.0]
    >>> cast(x, "e4m3fn", saturate=False).tolist(), cast(x, "e5m2", rule="torch").tolist()
    ([42, 194, 127, 127], [53, 193, 96, 124])
    >>> cast(x, "int4").tolist(), cast(x, "int4", rounding="half_away").tolist()
    ([0, 14, 7, 7], [0, 13, 7, 7])
    >>> cast(cast(x, "e3m2", rounding="stochastic", seed=7), "float16", fmt="e3m2").tolist()
    [0.25, -2.5, 28.0, 28.0]
    >>> cast(np.array([1, np.nan], np.float32), "e2m1", nan="zero").tolist()
    [2, 0]
    >>> cast(codes, "float32", fmt="e4m3fn", out=x, threads=1) is x
    True
    """
    to, fmt = dtype_word(to), dtype_word(fmt)
    if isinstance(to, str) and to in _WIDE:
        if rounding != "rne":
            raise ValueError(f'`rounding` must be "rne" for {to}, got {rounding!r}')
        if fmt is None and dtype_name(_array(x)) in _WIDE:
            return _convert(_array(x), to, out, threads)
        return _decode(_array(x), to, fmt, out, threads)
    target = _scalar(to, "to")
    if fmt is not None:
        raise ValueError("`fmt` is the format of codes `x`, which become numbers\nhint: cast to float32 first")
    one_of("rounding", rounding, ROUNDINGS)
    if target.kind == "exponent" and rounding != "rne":
        raise ValueError(f'`rounding` must be "rne" for {target.name}, got {rounding!r}')
    if one_of("rule", rule, _RULES) != "paretoserve" and target.kind in ("int", "uint"):
        raise ValueError(f'`rule` must be "paretoserve" for integers, got {rule!r}')
    options = flag("saturate", saturate), rounding, seed_of(seed), one_of("nan", nan, ("raise", "zero")), rule
    x = _array(x)
    if not (is_cuda(x) and dtype_name(x) in _WIDE):
        bits, dtype = float_bits("x", x)
    if out is None:
        out = empty_beside(x, tuple(x.shape), "uint8")
    else:
        check_out(out, tuple(x.shape), "uint8", x)
    if is_cuda(x):
        _cuda().encode(out, x, _fields(target), *options)
    else:
        _native.quant_encode(_flat(out), bits, dtype, _fields(target), *options, thread_count(threads))
    return out


def formats(kind: Literal["scalar", "block"] | None = None) -> tuple[str, ...]:
    """Return the names of the formats.

    Parameters
    ----------
    kind : {"scalar", "block"}, optional
        One number each, for `cast`; or numbers that share a scale, for `quantize`. Default both, scalar first.

    Returns
    -------
    tuple of str
        Some integers are in both.

    Examples
    --------
    >>> formats("scalar")[:4]
    ('e4m3fn', 'e5m2', 'e4m3', 'e3m4')
    >>> "nvfp4" in formats()
    True
    """
    names = {"scalar": scalar_names(), "block": block_names(), None: scalar_names() + block_names()}
    return names[kind if kind is None else one_of("kind", kind, ("scalar", "block"))]


def format_info(
    name: str, *, kind: Literal["scalar", "block"] | None = None, group: int | None = None
) -> ScalarFormat | BlockFormat:
    """Return what is known of a format.

    Parameters
    ----------
    name : str
        As in `formats`, or a float named by its bits as in `cast`.
    kind : {"scalar", "block"}, optional
        Which one of a name that is both (``int2`` to ``int8``); default the scalar one.
    group : int, optional
        Columns that share a scale, as in `quantize`: for block formats whose groups may have any size; -1 for a row.

    Returns
    -------
    ScalarFormat or BlockFormat

    Raises
    ------
    UnknownNameError
        If there is none of that name; close ones are suggested.
    ValueError
        If `group` does not apply to the format or is neither positive nor -1.

    Examples
    --------
    >>> format_info("e2m1").largest, format_info("nvfp4").block
    (6.0, (1, 16))
    >>> format_info("e3m3")
    ScalarFormat(name='e3m3', bits=7, kind='float', exponent_bits=3, mantissa_bits=3, bias=3, signed=True,
                 special='none', largest=30.0)
    >>> format_info("int4", kind="block").bits_per_element
    4.125
    >>> format_info("int8", kind="block", group=32).bits_per_element
    9.0
    """
    if kind is None:
        kind = "block" if is_block_only(name) else "scalar"
    one_of("kind", kind, ("scalar", "block"))
    if kind == "block":
        found = block_format(name, "name")
        return found if group is None else with_group(found, group)
    if group is not None:
        raise ValueError(f'`group` applies to block formats only, got {shown(group)}\nhint: kind="block"')
    return scalar_format(name, "name")


def _convert(x: Array, to: str, out: Array | None, threads: int | None) -> Array:
    if is_cuda(x):
        out = _wide_out(x, to, out)
        _cuda().convert(out, x)
        return out
    bits, dtype = float_bits("x", x)
    out = _wide_out(x, to, out)
    _native.quant_convert(_flat(out), bits, dtype, to, thread_count(threads))
    return out


def _decode(x: Array, to: str, fmt: str | ScalarFormat | None, out: Array | None, threads: int | None) -> Array:
    source = _format_of_codes(x, fmt)
    out = _wide_out(x, to, out)
    if is_cuda(x):
        _cuda().decode(out, x, _fields(source))
        return out
    codes = np.ascontiguousarray(as_numpy(x)).view(np.uint8)
    _native.quant_decode(_flat(out), codes, to, _fields(source), thread_count(threads))
    return out


def _format_of_codes(x: Array, fmt: str | ScalarFormat | None) -> ScalarFormat:
    """Return the format of codes: what their dtype or else `fmt` says."""
    name = dtype_name(x)
    named = FORMAT_OF_DTYPE.get(name)
    if named is None and name not in ("uint8", "int8"):
        hint = "\nhint: it holds two codes per byte; see unpack_bits" if name.endswith("_x2") else ""
        raise DtypeError(f"`x` must be codes (uint8, int8, or a float8 dtype) or wide floats, got {name}{hint}")
    if named is None and fmt is None:
        raise DtypeError(f'`fmt` must name the format of {name} codes\nhint: for example fmt="e4m3fn"')
    source = _scalar(named if fmt is None or named is not None else fmt, "fmt")
    if named is not None and fmt is not None and _scalar(fmt, "fmt") != source:
        raise ValueError(f"`fmt` must be the format of `x`, {named}, got {fmt}")
    return source


def _wide_out(x: Array, to: str, out: Array | None) -> Array:
    if out is None:
        return empty_beside(x, tuple(x.shape), to)
    check_out(out, tuple(x.shape), to, x)
    return out


def _flat(out: Array) -> NDArray[Any]:
    """Return the memory of a contiguous output as a vector; the native module takes no scalars."""
    return as_numpy(out).reshape(-1)


def _array(x: Any) -> Array:
    if is_torch(x):
        return x  # type: ignore[no-any-return]
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise DtypeError("`x` must not hide values behind a mask\nhint: fill them first")
    return np.asarray(x)


def _scalar(fmt: Any, argument: str) -> ScalarFormat:
    return check_fields(fmt, argument) if isinstance(fmt, ScalarFormat) else scalar_format(fmt, argument)


def _cuda() -> ModuleType:
    return importlib.import_module("paretoserve.quant._cuda")


def _fields(fmt: ScalarFormat) -> tuple[str, int, int, int, int, bool, str]:
    return fmt.kind, fmt.bits, fmt.exponent_bits, fmt.mantissa_bits, fmt.bias, fmt.signed, fmt.special
