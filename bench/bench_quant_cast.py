"""Casts of 16 M numbers against a streaming copy, torch and ml_dtypes; targets are fractions of the copy."""

import os
import warnings

import ml_dtypes
import numpy as np
import pytest
from _copy import compare

from paretoserve.quant import cast

torch = pytest.importorskip("torch")

SIZE = 1 << 24
DTYPES = {"e4m3fn": "float8_e4m3fn", "e5m2": "float8_e5m2", "e8m0": "float8_e8m0fnu"}
WIDTH = {"float32": 4, "float16": 2, "bfloat16": 2, "e4m3fn": 1, "e5m2": 1, "e8m0": 1, "e2m1": 1, "int8": 1}
# Source, target, fraction of the copy.
ENCODE = [
    ("float32", "e4m3fn", 0.42),
    ("float32", "e5m2", 0.45),
    ("float32", "bfloat16", 0.66),
    ("float32", "e8m0", 0.55),
    ("float32", "float16", 0.66),
    ("bfloat16", "e4m3fn", 0.35),
    ("float32", "e2m1", 0.30),
]
DECODE = [
    ("e4m3fn", "float32", 0.80),
    ("e4m3fn", "bfloat16", 0.65),
    ("e5m2", "float32", 0.85),
    ("e8m0", "float32", 0.85),
]


def torch_dtype(name):
    return getattr(torch, DTYPES.get(name, name), None)


def numbers(dtype):
    x = torch.randn(SIZE, generator=torch.Generator().manual_seed(0))
    return x.to(torch_dtype(dtype))


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def peers_of(x, out, to):
    """Return torch and ml_dtypes doing the same; ml_dtypes on a 64th of the numbers would say the same more quickly."""
    peers = {}
    if torch_dtype(to) is not None:
        typed = out.view(torch_dtype(to))
        peers["torch"] = lambda: typed.copy_(x)
    return peers


@pytest.mark.parametrize(("source", "to", "target"), ENCODE)
@pytest.mark.parametrize("threads", [1, 2])
def test_encode(show, source, to, target, threads):
    x = numbers(source)
    out = torch.zeros(SIZE, dtype=torch.uint8 if to not in WIDTH or WIDTH[to] == 1 else torch_dtype(to))
    num_bytes = SIZE * (WIDTH[source] + WIDTH[to])
    ours = lambda: cast(x, to, out=out, threads=threads)  # noqa: E731
    compare(show, f"{source} -> {to}", num_bytes, ours, peers_of(x, out, to) if threads == 1 else {}, target=target, threads=threads)


@pytest.mark.parametrize(("source", "to", "target"), DECODE)
def test_decode(show, source, to, target):
    x = cast(numbers("float32"), source).view(torch_dtype(source))
    out = torch.zeros(SIZE, dtype=torch_dtype(to))
    compare(show, f"{source} -> {to}", SIZE * (1 + WIDTH[to]), lambda: cast(x, to, out=out, threads=1), {"torch": lambda: out.copy_(x)}, target=target)
