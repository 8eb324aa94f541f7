"""The C library of ggml as an oracle: its reference quantizers and decoders by ctypes."""

import ctypes
from functools import cache
from pathlib import Path

import numpy as np
import pytest


class _Parameters(ctypes.Structure):
    _fields_ = (("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


@cache
def _library():
    package = pytest.importorskip("libggml")
    library = ctypes.CDLL(str(Path(package.__file__).parent / "lib64" / "libggml-base.so"), mode=ctypes.RTLD_GLOBAL)
    # The table of float16 is empty until something is initialized.
    library.ggml_init.argtypes, library.ggml_init.restype = [_Parameters], ctypes.c_void_p
    assert library.ggml_init(_Parameters(1 << 16, None, True))
    return library


def _pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


def _name(kind):
    return kind[:-1] + "K" if kind.endswith("_k") else kind


def quantize(x, kind, out):
    """Fill `out` with blocks of `x`."""
    function = getattr(_library(), f"quantize_row_{_name(kind)}_ref")
    function(_pointer(x), _pointer(out), ctypes.c_int64(x.size))
    return out


def dequantize(data, kind, out):
    """Fill `out` with the numbers in `data`."""
    function = getattr(_library(), f"dequantize_row_{_name(kind)}")
    function(_pointer(data), _pointer(out), ctypes.c_int64(out.size))
    return out


def random_blocks(kind, sizes, shape, seed=0):
    """Return random bytes of blocks whose scales are finite."""
    elements, size = sizes
    data = np.random.default_rng(seed).integers(0, 256, (*shape[:-1], shape[-1] // elements, size), dtype=np.uint8)
    # The exponent of a float16 scale; a byte of e8m0 or ue4m3.
    heads = {"q4_1": (1, 3), "q5_1": (1, 3), "q4_k": (1, 3), "q5_k": (1, 3), "q6_k": (209,)}
    for at in heads.get(kind, (1,) if kind[0] == "q" else range({"mxfp4": 1, "nvfp4": 4}[kind])):
        data[..., at] &= 0x3F if kind[0] == "q" else 0x7E
    if kind == "nvfp4":
        data[..., :4] = np.minimum(data[..., :4], 0x7E)
    return data.reshape(*shape[:-1], -1)
