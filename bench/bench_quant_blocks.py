"""Blocks against a streaming copy, torchao and ggml's C library; targets are fractions of the copy.

Numbers that are quantized take 64 MiB; what is dequantized is 64 M numbers.
"""

import warnings

import numpy as np
import pytest

import _ggml
from _copy import COPY, LEAST_BYTES, compare, within
from paretoserve.quant import dequantize, quantize

ml_dtypes = pytest.importorskip("ml_dtypes")
torch = pytest.importorskip("torch")

SIZE = 1 << 26
# Format, source, fraction of the copy aimed at; a given amax spares NV formats one read.
QUANTIZE = [
    ("mxfp4", "float32", 0.33),
    ("mxfp4", "bfloat16", 0.26),
    ("mxfp8", "float32", 0.28),
    ("mxfp6", "float32", 0.28),
    ("mxint8", "float32", 0.28),
    ("nvfp4", "float32", 0.19),
    ("nvfp4", "bfloat16", 0.15),
]
DEQUANTIZE = [
    ("mxfp4", "float32", 0.80),
    ("mxfp4", "bfloat16", 0.45),
    ("mxfp8", "float32", 0.50),
    ("nvfp4", "float32", 0.50),
    ("nvfp4", "bfloat16", 0.25),
]


def numbers(dtype, size):
    x = torch.randn(size // 1024, 1024, generator=torch.Generator().manual_seed(0))
    return within(COPY.source, x.to(getattr(torch, dtype)))


def array(x):
    """Return the numpy array over the same memory."""
    return x.view(torch.uint16).numpy().view(ml_dtypes.bfloat16) if x.dtype == torch.bfloat16 else x.numpy()


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def torchao_of(fmt, x):
    """Return torchao doing the same; it takes about a second."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchao.prototype.mx_formats import config, mx_tensor, nvfp4_tensor
    dtypes = {"mxfp4": torch.float4_e2m1fn_x2, "mxfp8": torch.float8_e4m3fn}
    if fmt == "nvfp4":
        scale = torch.tensor(8 / 2688)
        return lambda: nvfp4_tensor.nvfp4_quantize(x, 16, scale)
    if fmt in dtypes:
        return lambda: mx_tensor.to_mx(x, dtypes[fmt], 32, config.ScaleCalculationMode.RCEIL)
    return None


@pytest.mark.parametrize(("fmt", "source", "target"), QUANTIZE)
@pytest.mark.parametrize("threads", [1, 2])
def test_quantize(show, fmt, source, target, threads):
    x = numbers(source, LEAST_BYTES // (4 if source == "float32" else 2))
    options = {"amax": 8.0} if fmt == "nvfp4" else {}
    ours = array(x)
    q = quantize(ours, fmt, **options)
    peers = {}
    theirs = torchao_of(fmt, x) if threads == 1 else None
    if theirs is not None:
        peers["torchao"] = theirs
    if fmt == "mxfp4" and source == "float32" and threads == 1:
        flat, out = x.numpy().ravel(), np.zeros(x.numel() // 32 * 17, np.uint8)
        peers["ggml"] = lambda: _ggml.quantize(flat, "mxfp4", out)
    compare(
        show,
        f"{source} to {fmt}",
        x.nbytes + q.nbytes,
        lambda: quantize(ours, fmt, out=q, threads=threads, **options),
        peers,
        target=target,
        threads=threads,
    )


@pytest.mark.parametrize(("fmt", "to", "target"), DEQUANTIZE)
@pytest.mark.parametrize("threads", [1, 2])
def test_dequantize(show, fmt, to, target, threads):
    q = quantize(array(numbers("float32", SIZE)), fmt)
    out = array(within(COPY.target, torch.zeros(SIZE // 1024, 1024, dtype=getattr(torch, to))))
    peers = {}
    if (fmt, to, threads) == ("mxfp4", "float32", 1):
        blocks = np.zeros(SIZE // 32 * 17, np.uint8)
        _ggml.quantize(numbers("float32", SIZE).numpy().ravel(), "mxfp4", blocks)
        values = np.zeros(SIZE, np.float32)
        peers["ggml"] = lambda: _ggml.dequantize(blocks, "mxfp4", values)
    compare(
        show,
        f"{fmt} to {to}",
        q.nbytes + out.nbytes,
        lambda: dequantize(q, to, out=out, threads=threads),
        peers,
        target=target,
        threads=threads,
    )
