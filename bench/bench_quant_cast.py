"""Casts of 64 MiB against a streaming copy, torch and ml_dtypes; targets are fractions of the copy.

Run with ``pytest bench/bench_quant_cast.py --benchmark-enable``, and again with ``PARETOSERVE_SIMD=avx2``.
"""

import numpy as np
import pytest

from _copy import COPY, LEAST_BYTES, compare, within
from paretoserve.quant import cast

ml_dtypes = pytest.importorskip("ml_dtypes")
torch = pytest.importorskip("torch")

# How peers call them, and bytes per number.
NAMES = {"e4m3fn": "float8_e4m3fn", "e5m2": "float8_e5m2", "e8m0": "float8_e8m0fnu", "e2m1": "float4_e2m1fn"}
WIDTH = {"float32": 4, "float16": 2, "bfloat16": 2} | dict.fromkeys(NAMES, 1)
# Source, target, fraction of the copy that we want.
CASTS = [
    ("float32", "e4m3fn", 0.42),
    ("float32", "e5m2", 0.45),
    ("float32", "bfloat16", 0.66),
    ("float32", "e8m0", 0.55),
    ("e4m3fn", "float32", 0.80),
    ("e4m3fn", "bfloat16", 0.65),
    ("e5m2", "float32", 0.85),
    ("e8m0", "float32", 0.85),
    ("bfloat16", "e4m3fn", 0.35),
    ("float32", "e2m1", 0.30),
]


def torch_dtype(name):
    return getattr(torch, NAMES.get(name, name), None)


def by_torch(x, source, to, out):
    """Return a call of torch that does the same into a tensor that is there, or None."""
    if torch_dtype(source) is None or torch_dtype(to) is None:
        return None
    typed = x.view(torch_dtype(source)), out.view(torch_dtype(to))
    return lambda: typed[1].copy_(typed[0])


def by_ml_dtypes(x, source, to):
    """Return a call of ml_dtypes that does the same; it has no outputs to be filled."""
    unsigned = x.view(torch.uint16).numpy() if source == "bfloat16" else x.numpy()
    array = unsigned if source == "float32" else unsigned.view(getattr(ml_dtypes, NAMES.get(source, source)))
    dtype = np.dtype(np.float32) if to == "float32" else np.dtype(getattr(ml_dtypes, NAMES.get(to, to)))
    return lambda: array.astype(dtype)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("source", "to", "target"), CASTS)
def test_cast(benchmark, show, source, to, target, threads):
    torch.set_num_threads(1)
    size = LEAST_BYTES // WIDTH[source]
    x = torch.randn(size, generator=torch.Generator().manual_seed(0))
    x = within(COPY.source, cast(x, source) if source in NAMES else x.to(torch_dtype(source)))
    out = within(COPY.target, torch.zeros(size, dtype=torch.uint8 if to in NAMES else torch_dtype(to)))
    fmt = source if source in NAMES else None
    peers = {"torch": by_torch(x, source, to, out), "ml_dtypes": by_ml_dtypes(x, source, to)}
    benchmark.pedantic(
        compare,
        args=(show, f"{source} -> {to}", size * (WIDTH[source] + WIDTH[to])),
        kwargs={
            "ours": lambda: cast(x, to, fmt=fmt, out=out, threads=threads),
            "peers": {name: call for name, call in peers.items() if call and threads == 1},
            "target": target,
            "threads": threads,
        },
        rounds=1,
    )
