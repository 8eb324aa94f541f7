"""GGUF blocks against a streaming copy, ggml's C library and gguf-py; targets are parts of the copy.

What is decoded is 64 M numbers, what is encoded 16 M. ggml encodes with its reference, whose bytes are ours.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from _copy import COPY, compare, placed

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import _ggml
from paretoserve import quant
from paretoserve.quant import gguf

SIZE = 1 << 26
# gguf-py takes its time: a sixteenth of the numbers says the same.
PART = SIZE // 64
TARGETS = {"q4_0": 0.80, "q8_0": 0.80, "mxfp4": 0.80}


def library():
    return pytest.importorskip("gguf")


@pytest.mark.parametrize("kind", gguf.TYPES)
@pytest.mark.parametrize("threads", [1, 2])
def test_decode(show, kind, threads):
    data = placed(COPY.source, _ggml.random_blocks(kind, gguf.TYPES[kind], (1, SIZE)))
    out, theirs = placed(COPY.target, np.ones((1, SIZE), np.float32)), np.ones((1, SIZE), np.float32)
    peers = {"ggml": lambda: _ggml.dequantize(data, kind, theirs)} if threads == 1 else {}
    compare(
        show,
        f"{kind} to float32",
        data.nbytes + out.nbytes,
        lambda: gguf.dequantize(data, kind, out=out, threads=threads),
        peers,
        target=TARGETS.get(kind, 0.5),
        threads=threads,
    )
    if peers:
        assert (out == theirs).all()


@pytest.mark.parametrize("kind", gguf.ENCODED)
def test_encode(show, kind):
    x = placed(COPY.source, np.random.default_rng(0).standard_normal((1, SIZE // 4), dtype=np.float32))
    out, theirs = gguf.quantize(x, kind), gguf.quantize(x, kind)
    compare(
        show,
        f"float32 to {kind}",
        x.nbytes + out.nbytes,
        lambda: gguf.quantize(x, kind, out=out, threads=1),
        {"ggml reference": lambda: _ggml.quantize(x, kind, theirs)},
        target=0.1,
    )
    assert (out == theirs).all()


@pytest.mark.parametrize("kind", ["q4_0", "q8_0", "mxfp4"])
def test_gguf_py(show, kind):
    quants, dtype = library().quants, library().GGMLQuantizationType[kind.upper()]
    data = _ggml.random_blocks(kind, gguf.TYPES[kind], (16, PART // 16))
    out = np.ones((16, PART // 16), np.float32)
    compare(
        show,
        f"{kind} to float32, 1 M",
        data.nbytes + out.nbytes,
        lambda: gguf.dequantize(data, kind, out=out, threads=1),
        {"gguf-py": lambda: quants.dequantize(data, dtype)},
        target=TARGETS[kind],
    )


def test_convert(show):
    random = np.random.default_rng(0)
    expert = {
        "blocks": random.integers(0, 256, (4096, 256, 16), dtype=np.uint8),
        "scales": random.integers(100, 130, (4096, 256), dtype=np.uint8),
    }
    num_bytes = 2 * sum(array.nbytes for array in expert.values())

    def ours():
        quant.convert(expert, "gpt_oss_mxfp4", "gguf_mxfp4")

    compare(show, "gpt-oss to GGUF MXFP4", num_bytes, ours, {}, target=0.3)
