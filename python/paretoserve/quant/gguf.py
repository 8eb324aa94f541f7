"""Blocks of GGUF files, the format of llama.cpp: decode, encode, and find them in a file.

Bytes are ggml's: decoding gives the same float32 numbers, encoding the same blocks as its reference. The K-quants are
decoded only, because their bytes come from a search that versions of ggml do differently.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._arrays import as_numpy, check_out, empty_beside, float_bits
from paretoserve._integers import check_integer
from paretoserve.errors import DataError, DtypeError, ShapeError, UnknownNameError
from paretoserve.quant._gguf_header import check_metadata

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

    from paretoserve._arrays import Array

__all__ = ["ENCODED", "TYPES", "GgufTensor", "dequantize", "quantize", "read"]

TYPES = {
    "q4_0": (32, 18),
    "q4_1": (32, 20),
    "q5_0": (32, 22),
    "q5_1": (32, 24),
    "q8_0": (32, 34),
    "q4_k": (256, 144),
    "q5_k": (256, 176),
    "q6_k": (256, 210),
    "mxfp4": (32, 17),
    "nvfp4": (64, 36),
}
"""Elements and bytes of a block, by the name of the type."""

ENCODED = tuple(name for name in TYPES if not name.endswith("_k"))
"""Types that `quantize` writes."""


@dataclass(frozen=True, slots=True, eq=False)
class GgufTensor:
    """One tensor of a GGUF file.

    Attributes
    ----------
    kind : str
        Its type in lower case: ``q4_0``, ``q6_k``, ``f32``.
    shape : tuple of int
        Its logical shape, rows before columns (a GGUF file lists columns first).
    data : ndarray of uint8, shape (..., row_bytes), or of float32, float16
        Its bytes, mapped from the file and read-only.
    """

    kind: str
    shape: tuple[int, ...]
    data: NDArray[Any]


def dequantize(
    data: Array, kind: str, *, dtype: str = "float32", out: Array | None = None, threads: int | None = None
) -> Array:
    """Decode GGUF blocks.

    Parameters
    ----------
    data : ndarray or CPU torch.Tensor of uint8, shape (..., row_bytes)
        Whole blocks per row. Not modified.
    kind : str
        Type of the blocks, a key of `TYPES`.
    dtype : {"float32", "float16", "bfloat16"}, default "float32"
        What to return; the narrow ones are rounded to nearest even from float32.
    out : ndarray or torch.Tensor of `dtype`, optional
        Where to write; allocated if missing, in the library of `data`.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    ndarray or torch.Tensor of `dtype`, shape (..., columns)

    Raises
    ------
    UnknownNameError
        If the type is not known.
    ShapeError
        If a row does not end with a block, as in a truncated file.

    Notes
    -----
    Runs at 80 % of the speed of memory and more. A scale that is NaN (byte 255 of mxfp4, 127 of nvfp4) gives NaN,
    where ggml reads a number. The bytes of nvfp4 do not hold the scale of the tensor: multiply by it.

    Examples
    --------
    >>> import numpy as np
    >>> from paretoserve.quant import gguf
    >>> blocks = gguf.quantize(np.linspace(-8, 7, 32, dtype=np.float32)[None, :], "q4_0")
    >>> gguf.dequantize(blocks, "q4_0")[0, :4]
    array([-8., -8., -7., -7.], dtype=float32)
    """
    elements, bytes_per_block = _sizes(kind, tuple(TYPES))
    values = as_numpy(data)
    if values.dtype != np.uint8:
        raise DtypeError(f"`data` must be uint8, got {values.dtype}")
    if values.ndim == 0 or values.shape[-1] % bytes_per_block:
        raise ShapeError(
            f"`data` must have rows of whole {kind} blocks ({bytes_per_block} bytes), got shape {values.shape}"
        )
    if dtype not in ("float32", "float16", "bfloat16"):
        raise ValueError(f"`dtype` must be 'float32', 'float16' or 'bfloat16', got {dtype!r}")
    shape = (*values.shape[:-1], values.shape[-1] // bytes_per_block * elements)
    result = _output(data, out, shape, dtype)
    _native.quant_gguf_decode(as_numpy(result), dtype, np.ascontiguousarray(values), kind, _threads(threads))
    return result


def quantize(x: Array, kind: str, *, out: Array | None = None, threads: int | None = None) -> Array:
    """Encode numbers as GGUF blocks.

    Parameters
    ----------
    x : ndarray or CPU torch.Tensor, shape (..., columns), float32, float16 or bfloat16
        Columns a multiple of the block. Not modified.
    kind : str
        Type of the blocks, one of `ENCODED`.
    out : ndarray or torch.Tensor of uint8, optional
        Where to write; allocated if missing, in the library of `x`. Unspecified after an error.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    ndarray or torch.Tensor of uint8, shape (..., row_bytes)

    Raises
    ------
    UnknownNameError
        If the type is not known, or is only decoded.
    ShapeError
        If a row does not end with a block.
    ValueError
        If an element is NaN or infinite, or a scale exceeds float16; the message has row and column.

    Notes
    -----
    The bytes of ggml's reference, which rounds half up (q4_0 to q5_1), half away from zero (q8_0), ties toward zero
    (mxfp4, nvfp4). Where ggml takes the exponent of mxfp4 by a float32 logarithm, it is exact here: they differ for
    blocks whose largest magnitude is within a few units of the last place below a power of two.
    nvfp4 blocks reach down to 0.002: divide `x` by a scale of the tensor first, and store that beside.

    Examples
    --------
    >>> import numpy as np
    >>> from paretoserve.quant import gguf
    >>> gguf.quantize(np.ones((2, 64), np.float32), "q8_0").shape
    (2, 68)
    """
    elements, bytes_per_block = _sizes(kind, ENCODED)
    bits, dtype = float_bits("x", x)
    if bits.ndim == 0 or bits.shape[-1] % elements:
        raise ShapeError(f"`x` must have rows of whole {kind} blocks ({elements} elements), got shape {bits.shape}")
    shape = (*bits.shape[:-1], bits.shape[-1] // elements * bytes_per_block)
    result = _output(x, out, shape, "uint8")
    if bits.size:
        _native.quant_gguf_encode(as_numpy(result), bits, dtype, bits.shape[-1], kind, _threads(threads))
    return result


def read(path: str | PathLike[str]) -> dict[str, GgufTensor]:
    """List the tensors of a GGUF file, with their bytes mapped into memory.

    Parameters
    ----------
    path : str or path
        The file; its header is read by the ``gguf`` library.

    Returns
    -------
    dict of str to GgufTensor
        In the order of the file. Nothing is read before `data` is used.

    Raises
    ------
    DataError
        If the file is missing, truncated or corrupt, or big-endian; nothing is returned then.

    Examples
    --------
    >>> import tempfile, gguf as library, numpy as np
    >>> from paretoserve.quant import gguf
    >>> path = tempfile.mkdtemp() + "/tiny.gguf"
    >>> writer = library.GGUFWriter(path, "llama")
    >>> blocks = gguf.quantize(np.ones((4, 64), np.float32), "q8_0")
    >>> writer.add_tensor("w", blocks, raw_dtype=library.GGMLQuantizationType.Q8_0)
    >>> writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file(); writer.close()
    >>> tensor = gguf.read(path)["w"]
    >>> tensor.kind, tensor.shape, float(gguf.dequantize(tensor.data, tensor.kind)[0, 0])
    ('q8_0', (4, 64), 0.99993...)
    """
    try:
        from gguf import GGUFReader
    except ModuleNotFoundError as error:
        raise DataError("reading a GGUF file needs the gguf library\nhint: pip install gguf") from error
    name = str(path)
    if not Path(path).is_file():
        raise DataError(f"{name}: no such file")
    try:
        check_metadata(Path(path))
        with np.errstate(all="ignore"):
            reader = GGUFReader(name, "r")
            tensors = {each.name: _tensor(each) for each in reader.tensors}
    except (ArithmeticError, AttributeError, LookupError, MemoryError, OSError, TypeError, ValueError) as error:
        raise DataError(f"{name}: truncated or corrupt GGUF file: {error}") from error
    if reader.byte_order == "S":
        raise DataError(f"{name}: big-endian GGUF files are not read\nhint: convert it with gguf-convert-endian")
    return tensors


def _tensor(each: Any) -> GgufTensor:
    shape = tuple(int(size) for size in reversed(each.shape))
    return GgufTensor(each.tensor_type.name.lower(), shape, each.data)


def _sizes(kind: str, known: tuple[str, ...]) -> tuple[int, int]:
    if not isinstance(kind, str) or kind not in known:
        decoded = (
            "\nhint: K-quants are decoded only; write them with llama.cpp"
            if isinstance(kind, str) and kind in TYPES
            else ""
        )
        raise UnknownNameError(f"`kind` must be one of {', '.join(known)}, got {kind!r}{decoded}")
    return TYPES[kind]


def _output(origin: Array, out: Array | None, shape: tuple[int, ...], dtype: str) -> Array:
    if out is None:
        return empty_beside(origin, shape, dtype)
    check_out(out, shape, dtype, origin)
    return out


def _threads(threads: int | None) -> int | None:
    return None if threads is None else check_integer("threads", threads, 1, 1024)
