"""The dequantize kernels, run on the CPU, give the numbers of `dequantize`."""

import numpy as np
import pytest

from _kernels import DTYPES, NAMES, Kernels, aligned, place, same_numbers
from paretoserve import quant

MX = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "mxint8", "mxint6", "mxint4")
NV = ("nvfp4", "nvfp4_ue5m3", "nvint4")


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    return Kernels("quant_dequantize.cu", tmp_path_factory.mktemp("dequantize"))


def check(kernels, fmt, dtype, shape, offset=0):
    """Compare on codes and scales that are random bytes, so that every one of them comes up."""
    rows, columns = shape
    zeros = np.zeros(shape, np.float32)
    like = quant.quantize(zeros, fmt, pad="zero")
    random = np.random.default_rng(rows)
    codes, scales = (place(random.integers(0, 256, part.size, dtype=np.uint8)) for part in (like.codes, like.scales))
    scale = np.float32([0.75])
    out = aligned(rows * columns + offset, np.float32 if dtype == "f32" else np.uint16)[offset:]
    sources = [codes, scales, scale] if fmt in NV else [codes, scales]
    kernels.launch(f"paretoserve_quant_{fmt}_dequantize_{dtype}", 2, 256, out, *sources, rows, columns)
    parts = codes.reshape(like.codes.shape), scales.reshape(like.scales.shape)
    global_scale = scale.reshape(()) if fmt in NV else None
    q = quant.QTensor(*parts, zeros=None, global_scale=global_scale, meta=like.meta)
    expected = np.ascontiguousarray(quant.dequantize(q, NAMES[dtype])).view(out.dtype).reshape(-1)
    same_numbers(out, expected, dtype)


@pytest.mark.parametrize("fmt", MX + NV)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_code_and_scale(kernels, dtype, fmt):
    check(kernels, fmt, dtype, (64, 96))


@pytest.mark.parametrize("shape", [(0, 32), (1, 1), (3, 50), (2, 31)])
@pytest.mark.parametrize("fmt", ["mxfp8_e4m3", "mxfp6_e2m3", "nvfp4"])
def test_padding_is_left_out(kernels, fmt, shape):
    check(kernels, fmt, "bf16", shape)


def test_odd_addresses(kernels):
    check(kernels, "mxfp4", "f32", (4, 64), offset=1)
