"""Integer groups, NF4, FP8 tiles and rotations against a streaming copy and peers, in the same process."""

import ctypes
import warnings
from pathlib import Path

import numpy as np
import pytest

from _copy import COPY, compare, placed
from paretoserve.quant import dequantize, hadamard, quantize


class Parameters(ctypes.Structure):
    """ggml's struct of that name."""

    _fields_ = (("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


SHAPE = (4096, 4096)
ELEMENTS = SHAPE[0] * SHAPE[1]


@pytest.fixture
def x():
    return placed(COPY.source, np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32))


def ggml_q8_0(x):
    """ggml's AVX2 path, which a dot product takes for its second operand."""
    package = pytest.importorskip("libggml")
    folder = Path(package.__file__).parent / "lib64"
    base = ctypes.CDLL(str(folder / "libggml-base.so"), mode=ctypes.RTLD_GLOBAL)
    # Its table of float16 is made by the first context: size, buffer, no_alloc.
    base.ggml_init.argtypes, base.ggml_init.restype = [Parameters], ctypes.c_void_p
    assert base.ggml_init(Parameters(1 << 16, None, True))
    function = ctypes.CDLL(str(folder / "libggml-cpu.so")).quantize_row_q8_0
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    out = np.empty(x.size // 32 * 34, np.uint8)
    return lambda: function(x.ctypes.data, out.ctypes.data, x.size)


def torch_peers(x):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    tensor = torch.from_numpy(x)

    def rows():
        scale = tensor.abs().amax(1, keepdim=True) / 127
        return torch.clamp(torch.round(tensor / scale), -127, 127).to(torch.int8)

    def whole():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.quantize_per_tensor(tensor, 0.03, 0, torch.qint8)

    return {"torch per row": rows, "torch per tensor, scale given": whole}


@pytest.mark.parametrize(
    ("fmt", "group", "target"),
    [
        ("int8", -1, 0.51),
        ("int8", 128, 0.51),
        ("int8", 32, 0.51),
        ("int8_asym", -1, 0.4),
        ("int6", 128, 0.3),
        ("int4", 128, 0.3),
        ("int4_asym", 128, 0.2),
        ("nf4", 64, 0.1),
        ("fp8_block", None, 0.25),
        ("fp8_group", None, 0.25),
        ("fp8_row", None, 0.25),
    ],
)
def test_groups(show, x, fmt, group, target):
    options = {} if group is None else {"group": group}
    if fmt.startswith("int"):
        options["scale_dtype"] = "float32"
    q = quantize(x, fmt, threads=1, **options)
    peers = torch_peers(x) if (fmt, group) == ("int8", -1) else {}
    if (fmt, group) == ("int8", 32):
        peers["ggml AVX2 q8_0"] = ggml_q8_0(x)
    title = f"{fmt} {group or ''}"
    compare(
        show,
        f"f32 -> {title}",
        x.nbytes + q.nbytes,
        lambda: quantize(x, fmt, threads=1, out=q, **options),
        peers,
        target=target,
    )
    out = placed(COPY.target, x)
    compare(show, f"{title} -> f32", x.nbytes + q.nbytes, lambda: dequantize(q, out=out, threads=1), {}, target=0.5)


@pytest.mark.parametrize("n", [16, 32, 64, 128])
def test_hadamard(show, x, n):
    out = placed(COPY.target, x)
    compare(show, f"hadamard {n}", 2 * x.nbytes, lambda: hadamard(x, n, out=out, threads=1), {}, target=0.5)
