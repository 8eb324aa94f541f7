"""Integer groups, NF4, FP8 tiles and rotations against a streaming copy and peers, in the same process."""

import ctypes
import warnings

import numpy as np
import pytest

from _copy import compare
from paretoserve.quant import dequantize, hadamard, quantize

SHAPE = (4096, 4096)
ELEMENTS = SHAPE[0] * SHAPE[1]


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32)


def ggml_q8_0(x):
    """ggml's AVX2 path, which a dot product takes for its second operand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ggml = pytest.importorskip("ggml")
    # Its tables are made by the first context.
    ggml.ggml_free(ggml.ggml_init(ggml.ggml_init_params(1 << 20, None, False)))
    traits = ggml.ggml_internal_get_type_traits(ggml.GGML_TYPE_Q8_0)
    out = np.empty(x.size // 32 * 34, np.uint8)
    source, target = x.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), ctypes.c_void_p(out.ctypes.data)
    return lambda: traits.from_float(source, target, x.size)


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
def bench_groups(show, x, fmt, group, target):
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
    out = np.empty_like(x)
    compare(show, f"{title} -> f32", x.nbytes + q.nbytes, lambda: dequantize(q, out=out, threads=1), {}, target=0.5)


@pytest.mark.parametrize("n", [16, 32, 64, 128])
def bench_hadamard(show, x, n):
    out = np.empty_like(x)
    compare(show, f"hadamard {n}", 2 * x.nbytes, lambda: hadamard(x, n, out=out, threads=1), {}, target=0.5)
