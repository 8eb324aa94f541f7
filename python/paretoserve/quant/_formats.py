"""The formats by name: what `formats` lists and `format_info` tells. The rules themselves are in the core."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from paretoserve._integers import BITS_64, check_integer, shown
from paretoserve._names import close_names
from paretoserve.errors import UnknownNameError
from paretoserve.quant._custom import float_fields, largest

__all__ = [
    "FORMAT_OF_DTYPE",
    "BlockFormat",
    "ScalarFormat",
    "block_format",
    "block_names",
    "is_block_only",
    "scalar_format",
    "scalar_names",
    "with_group",
]


@dataclass(frozen=True, slots=True)
class ScalarFormat:
    """One number in at most 8 bits.

    Attributes
    ----------
    name : str
        As the standards write it, for example ``e4m3fn``.
    bits : int
        Width of a code.
    kind : {"float", "exponent", "int", "uint"}
        Float codes; a bare power of two (e8m0); two's complement; unsigned.
    exponent_bits, mantissa_bits, bias : int
        Of a float or exponent; 0 for integers.
    signed : bool
        Whether there is a sign.
    special : {"ieee", "nan", "nan_at_negative_zero", "none"}
        What the topmost codes mean: infinity and NaN; NaN only; NaN in place of negative zero; numbers.
    largest : float
        Largest finite value.
    """

    name: str
    bits: int
    kind: Literal["float", "exponent", "int", "uint"]
    exponent_bits: int
    mantissa_bits: int
    bias: int
    signed: bool
    special: Literal["ieee", "nan", "nan_at_negative_zero", "none"]
    largest: float


@dataclass(frozen=True, slots=True)
class BlockFormat:
    """Codes that share a scale.

    Attributes
    ----------
    name : str
        For example ``nvfp4``.
    family : {"mx", "nv", "group", "table", "fp8", "minifloat"}
        Which rules apply: power-of-two scales; two-level scales; float scales of integers; NF4; float scales of FP8;
        the same of FP6 and FP5.
    element : str
        Name of the scalar format of a code, or ``nf4``.
    bits : int
        Width of a code.
    block : tuple of int
        Rows and columns that share a scale; -1 for a whole row.
    scale : {"e8m0", "ue4m3", "ue5m3", "float32", "float16"}
        Format of a scale.
    has_global_scale : bool
        Whether the tensor has one more scale.
    has_zeros : bool
        Whether a group has a zero point.
    bits_per_element : float
        Storage of a large matrix with scales of dtype `scale` and, for groups, zero points of `bits` bits, as
        checkpoints pack them; a scale of a whole row or of the tensor is not counted.
    """

    name: str
    family: Literal["mx", "nv", "group", "table", "fp8", "minifloat"]
    element: str
    bits: int
    block: tuple[int, int]
    scale: Literal["e8m0", "ue4m3", "ue5m3", "float32", "float16"]
    has_global_scale: bool
    has_zeros: bool
    bits_per_element: float


def _float(name: str, e: int, m: int, bias: int, special: str, largest: float, signed: bool = True) -> ScalarFormat:
    return ScalarFormat(name, e + m + signed, "float", e, m, bias, signed, special, largest)  # type: ignore[arg-type]


_SCALARS = {
    each.name: each
    for each in (
        _float("e4m3fn", 4, 3, 7, "nan", 448.0),
        _float("e5m2", 5, 2, 15, "ieee", 57344.0),
        _float("e4m3", 4, 3, 7, "ieee", 240.0),
        _float("e3m4", 3, 4, 3, "ieee", 15.5),
        _float("e4m3fnuz", 4, 3, 8, "nan_at_negative_zero", 240.0),
        _float("e5m2fnuz", 5, 2, 16, "nan_at_negative_zero", 57344.0),
        _float("e4m3b11fnuz", 4, 3, 11, "nan_at_negative_zero", 30.0),
        _float("e2m3", 2, 3, 1, "none", 7.5),
        _float("e3m2", 3, 2, 3, "none", 28.0),
        _float("e2m1", 2, 1, 1, "none", 6.0),
        _float("ue4m3", 4, 3, 7, "nan", 448.0, signed=False),
        _float("ue5m3", 5, 3, 15, "nan", 114688.0, signed=False),
        ScalarFormat("e8m0", 8, "exponent", 8, 0, 127, False, "nan", 2.0**127),
        *(ScalarFormat(f"int{b}", b, "int", 0, 0, 0, True, "none", 2.0 ** (b - 1) - 1) for b in range(1, 9)),
        *(ScalarFormat(f"uint{b}", b, "uint", 0, 0, 0, False, "none", 2.0**b - 1) for b in range(1, 9)),
    )
}


def _mx(name: str, element: str, bits: int) -> BlockFormat:
    return BlockFormat(name, "mx", element, bits, (1, 32), "e8m0", False, False, bits + 8 / 32)


def _nv(name: str, element: str, scale: str) -> BlockFormat:
    return BlockFormat(name, "nv", element, 4, (1, 16), scale, True, False, 4.5)  # type: ignore[arg-type]


def _group(name: str, bits: int, columns: int, zeros: bool) -> BlockFormat:
    element = f"uint{bits}" if zeros else f"int{bits}"
    extra = 0.0 if columns < 0 else (16 + bits * zeros) / columns
    scale = "float32" if columns < 0 else "float16"
    return BlockFormat(name, "group", element, bits, (1, columns), scale, False, zeros, bits + extra)  # type: ignore[arg-type]


_BLOCKS = {
    each.name: each
    for each in (
        _mx("mxfp8_e4m3", "e4m3fn", 8),
        _mx("mxfp8_e5m2", "e5m2", 8),
        _mx("mxfp6_e2m3", "e2m3", 6),
        _mx("mxfp6_e3m2", "e3m2", 6),
        _mx("mxfp4", "e2m1", 4),
        _mx("mxint8", "int8", 8),
        _mx("mxint6", "int6", 6),
        _mx("mxint4", "int4", 4),
        _nv("nvfp4", "e2m1", "ue4m3"),
        _nv("nvfp4_ue5m3", "e2m1", "ue5m3"),
        _nv("nvint4", "int4", "ue4m3"),
        _group("int8", 8, -1, False),
        _group("int8_asym", 8, -1, True),
        *(_group(f"int{b}" + "_asym" * zeros, b, 128, zeros) for b in (7, 6, 5, 4, 3, 2) for zeros in (False, True)),
        BlockFormat("nf4", "table", "nf4", 4, (1, 64), "float32", False, False, 4.5),
        BlockFormat("fp8_block", "fp8", "e4m3fn", 8, (128, 128), "float32", False, False, 8 + 32 / 128**2),
        BlockFormat("fp8_group", "fp8", "e4m3fn", 8, (1, 128), "float32", False, False, 8.25),
        BlockFormat("fp8_row", "fp8", "e4m3fn", 8, (1, -1), "float32", False, False, 8.0),
        BlockFormat("fp6_row", "minifloat", "e3m2", 6, (1, -1), "float16", False, False, 6.0),
        BlockFormat("fp5_row", "minifloat", "e2m2", 5, (1, -1), "float16", False, False, 5.0),
    )
}

# The short names that everybody uses, for the member of the family that everybody means.
_ALIASES = {
    "mxfp8": "mxfp8_e4m3",
    "mxfp6": "mxfp6_e2m3",
    "fp8": "fp8_block",
    "e4m3fnu": "ue4m3",
    "e8m0fnu": "e8m0",
    "ue8m0": "e8m0",
}


# Dtypes of ml_dtypes and torch that hold one code per byte, and the format that they name.
FORMAT_OF_DTYPE = {
    "float8_e4m3fn": "e4m3fn",
    "float8_e5m2": "e5m2",
    "float8_e4m3": "e4m3",
    "float8_e3m4": "e3m4",
    "float8_e4m3fnuz": "e4m3fnuz",
    "float8_e5m2fnuz": "e5m2fnuz",
    "float8_e4m3b11fnuz": "e4m3b11fnuz",
    "float8_e8m0fnu": "e8m0",
    "float6_e2m3fn": "e2m3",
    "float6_e3m2fn": "e3m2",
    "float4_e2m1fn": "e2m1",
    "int2": "int2",
    "int4": "int4",
    "uint2": "uint2",
    "uint4": "uint4",
}


def _canonical(name: str) -> str:
    """Return the name under which a format is listed: case does not matter, and dtypes name theirs."""
    plain = name.lower()
    return _ALIASES.get(plain) or FORMAT_OF_DTYPE.get(plain, plain)


def _find(name: str, known: dict[str, ScalarFormat] | dict[str, BlockFormat], argument: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"`{argument}` must be the name of a format, got {shown(name)}")
    canonical = _canonical(name)
    if canonical not in known:
        hint = close_names(canonical, known)
        raise UnknownNameError(f"`{argument}` must be the name of a format, got {name!r}\nhint: {hint}")
    return canonical


def scalar_format(name: str, argument: str = "to") -> ScalarFormat:
    """Return the scalar format called `name`, else raise UnknownNameError. See `float_fields` for floats not listed."""
    listed = not isinstance(name, str) or _canonical(name) in _SCALARS
    fields = None if listed else float_fields(name.lower())
    if fields is None:
        return _SCALARS[_find(name, _SCALARS, argument)]
    e, m, bias, special, signed = fields
    return _float(name.lower(), e, m, bias, special, largest(e, m, bias, special), signed)


def block_format(name: str, argument: str = "fmt") -> BlockFormat:
    """Return the block format called `name`, else raise UnknownNameError."""
    return _BLOCKS[_find(name, _BLOCKS, argument)]


def with_group(fmt: BlockFormat, group: int) -> BlockFormat:
    """Return `fmt` with another number of columns that share a scale, -1 for a row."""
    if fmt.family not in ("group", "table", "fp8") or fmt.block[0] != 1:
        raise ValueError(f"`group` does not apply to {fmt.name}, got {shown(group)}")
    if group != -1:
        check_integer("group", group, 1, BITS_64)
    extra = {"float32": 32, "float16": 16}[fmt.scale] + fmt.bits * fmt.has_zeros
    return replace(fmt, block=(1, group), bits_per_element=fmt.bits + (0.0 if group == -1 else extra / group))


def scalar_names() -> tuple[str, ...]:
    """Return the names of the scalar formats that are listed; `scalar_format` knows more floats."""
    return tuple(_SCALARS)


def block_names() -> tuple[str, ...]:
    """Return the names of the block formats."""
    return tuple(_BLOCKS)


def is_block_only(name: str) -> bool:
    """Tell whether `name` or what it is short for is a block format and no scalar one."""
    canonical = _canonical(name) if isinstance(name, str) else ""
    return canonical in _BLOCKS and canonical not in _SCALARS
