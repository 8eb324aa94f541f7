"""On a GPU: bytes equal to the CPU's, on the caller's stream, in a graph, without waiting."""

import pytest

torch = pytest.importorskip("torch")
quant = pytest.importorskip("paretoserve.quant")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

DTYPES = ("float32", "float16", "bfloat16")
SCALARS = ("e4m3fn", "e5m2", "e4m3", "e3m4", "e4m3fnuz", "e5m2fnuz", "e8m0", "ue5m3", "e2m3", "e3m2", "e2m1", "int4")
MX = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "mxint8", "mxint6", "mxint4")
NV = ("nvfp4", "nvfp4_ue5m3", "nvint4")
GROUPS = ("int8", "int8_asym", "int6", "int4", "int4_asym", "fp8_row", "fp8_group", "fp8_block")


def numbers(shape, dtype="float32", *, special=False):
    """Return numbers of every size, on the CPU; some NaN and infinite if `special`."""
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(shape, generator=generator) * torch.exp2(torch.randint(-12, 12, (shape[0], 1), generator=generator))
    if special:
        x[::5, ::97] = float("nan")
        x[1::5, ::89] = float("inf")
    return x.to(getattr(torch, dtype))


def same(got, expected):
    """Compare bits; NaN may have any."""
    got = got.cpu()
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    if got.dtype.is_floating_point:
        nan = expected.isnan()
        assert bool((got.isnan() == nan).all())
        got, expected = got[~nan], expected[~nan]
    assert torch.equal(got.contiguous().view(torch.uint8), expected.contiguous().view(torch.uint8))


def same_tensor(got, expected):
    for name in ("codes", "scales", "zeros", "global_scale"):
        ours, theirs = getattr(got, name), getattr(expected, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            same(ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fmt", SCALARS)
@pytest.mark.parametrize("rounding", ["rne", "stochastic"])
def test_casts(fmt, dtype, rounding):
    if fmt == "e8m0" and rounding != "rne":
        pytest.skip("e8m0 knows the nearest only")
    x = numbers((101, 1003), dtype, special=True)
    codes = quant.cast(x.cuda(), fmt, rounding=rounding, seed=11, nan="zero")
    same(codes, quant.cast(x, fmt, rounding=rounding, seed=11, nan="zero"))
    same(quant.cast(codes, dtype, fmt=fmt), quant.cast(codes.cpu(), dtype, fmt=fmt))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fmt", MX + NV + GROUPS)
@pytest.mark.parametrize("rounding", ["rne", "half_away", "stochastic"])
@pytest.mark.parametrize("axis", [-1, 0])
def test_blocks(fmt, dtype, rounding, axis):
    x = numbers((384, 1024), dtype, special=True)
    options = {"rounding": rounding, "seed": 3, "axis": axis}
    got, expected = quant.quantize(x.cuda(), fmt, **options), quant.quantize(x, fmt, **options)
    same_tensor(got, expected)
    for wide in DTYPES:
        same(quant.dequantize(got, wide), quant.dequantize(expected, wide))


@pytest.mark.parametrize("fmt", ["mxfp8", "mxfp4", "nvfp4", "int4"])
@pytest.mark.parametrize("columns", [1, 31, 33, 250, 1000])
def test_rows_that_are_no_whole_blocks(fmt, columns):
    x = numbers((37, columns), "bfloat16")
    got, expected = quant.quantize(x.cuda(), fmt, pad="zero"), quant.quantize(x, fmt, pad="zero")
    same_tensor(got, expected)
    same(quant.dequantize(got), quant.dequantize(expected))


@pytest.mark.parametrize("scale", ["floor", "rceil", "ceil", "even"])
@pytest.mark.parametrize("nan", ["scale", "zero"])
def test_scale_rules(scale, nan):
    x = numbers((64, 2048), special=True)
    for fmt in MX:
        same_tensor(quant.quantize(x.cuda(), fmt, scale=scale, nan=nan), quant.quantize(x, fmt, scale=scale, nan=nan))


@pytest.mark.parametrize("choice", ["mse", "mae", "absmax"])
def test_four_over_six(choice):
    x = numbers((64, 2048), "bfloat16")
    same_tensor(
        quant.quantize(x.cuda(), "nvfp4", four_over_six=choice), quant.quantize(x, "nvfp4", four_over_six=choice)
    )


@pytest.mark.parametrize("n", [16, 32, 64, 128])
@pytest.mark.parametrize("fmt", ["mxfp4", "nvfp4", "int4"])
def test_rotations(fmt, n):
    x, signs = numbers((64, 1024), "bfloat16"), [(-1) ** (i * i // 3) for i in range(n)]
    same(quant.hadamard(x.cuda(), n, signs), quant.hadamard(x, n, signs))
    options = {"hadamard": n, "signs": signs}
    got, expected = quant.quantize(x.cuda(), fmt, **options), quant.quantize(x, fmt, **options)
    same_tensor(got, expected)
    same(quant.dequantize(got), quant.dequantize(expected))


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("options", [{}, {"order": "msb"}, {"word": 32}], ids=str)
def test_streams_of_bits(bits, options):
    codes = torch.randint(0, 2**bits, (65, 1003), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    packed = quant.pack_bits(codes.cuda(), bits, **options)
    same(packed, quant.pack_bits(codes, bits, **options))
    order = {key: value for key, value in options.items() if key == "order"}
    same(quant.unpack_bits(packed, bits, 1003, **order), codes)


def test_the_callers_stream_is_used_and_nothing_waits():
    x = numbers((4096, 4096)).cuda()
    q = quant.quantize(x, "mxfp4")
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(200_000_000)  # keeps the stream busy while the call returns
        quant.quantize(x, "mxfp4", out=q)
        assert not stream.query(), "the call waited for its stream"
        assert torch.cuda.default_stream().query(), "the kernel went to another stream"
    stream.synchronize()


@pytest.mark.parametrize("fmt", ["mxfp8", "nvfp4", "int4"])
def test_a_graph_replays_what_was_captured(fmt):
    x = numbers((256, 1024), "bfloat16").cuda()
    q, out = quant.quantize(x, fmt), torch.empty_like(x)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        quant.quantize(x, fmt, out=q)
        quant.dequantize(q, "bfloat16", out=out)
    x.copy_(x.flip(0))
    graph.replay()
    torch.cuda.synchronize()
    expected = quant.quantize(x.cpu(), fmt)
    same_tensor(q, expected)
    same(out, quant.dequantize(expected, "bfloat16"))


def test_the_current_device_and_context_stay():
    before = torch.cuda.current_device()
    last = torch.cuda.device_count() - 1
    codes = quant.cast(numbers((8, 64)).to(f"cuda:{last}"), "e4m3fn")
    assert codes.device.index == last
    assert torch.cuda.current_device() == before


def test_tensors_on_different_devices_are_refused():
    from paretoserve.errors import DeviceError

    x = numbers((8, 64))
    with pytest.raises(DeviceError):
        quant.cast(x.cuda(), "e4m3fn", out=torch.empty((8, 64), dtype=torch.uint8))
