"""From Python to the driver without a GPU: what is launched, where, and what is left alone.

Driver and compiler are `fake_driver.cpp`: it records calls and runs the shipped kernels on the CPU.
"""

import textwrap

import pytest

pytest.importorskip("torch")

BEGIN = """
import numpy as np
import torch
from _pretend import STREAM, array, launches, record
from paretoserve import _native, cuda, errors, quant
x = np.random.default_rng(0).standard_normal(5000, dtype=np.float32)
t = torch.from_numpy(x)
"""


@pytest.fixture
def run(programs):
    return lambda program, **environment: programs.run(BEGIN + textwrap.dedent(program), **environment)


def test_a_launch_has_the_callers_stream_and_the_arguments_in_order(run):
    run("""
    codes = quant.cast(t, "e4m3fn", saturate=False, rounding="stochastic", seed=2**40 + 7)
    (only,) = launches(record())
    assert only.entry == "paretoserve_quant_encode_f32"
    assert (only.grid, only.block) == ((3, 1, 1), (256, 1, 1)), only  # 5000 numbers, 8 per thread
    assert (only.stream, only.context) == (STREAM, "primary")
    layout = 4 | 3 << 4 | 1 << 8 | 1 << 9 | 8 << 13
    expected = codes.data_ptr(), 0, t.data_ptr(), 5000, layout, 7, 0, 0, 2, 2**40 + 7
    assert only.arguments == tuple(map(str, expected)), only
    """)


def test_large_work_is_strided(run):
    run("""
    big = torch.zeros(2_000_000, dtype=torch.bfloat16)
    quant.cast(big, "e5m2")
    (only,) = launches(record())
    assert only.grid == (4 * 32, 1, 1)  # 4 multiprocessors
    """)


def test_nothing_is_allocated_and_nobody_waits(run):
    run("""
    for _ in range(3):
        quant.cast(quant.cast(t, "e4m3fn"), "bfloat16", fmt="e4m3fn")
    calls = record()
    assert len(launches(calls)) == 6
    assert not [call for call in calls if call.startswith("forbidden")], calls
    # The second round is launches and the exchange of the current context only.
    rest = [call for call in calls[-8:] if not call.startswith("launch")]
    assert set(rest) <= {"cuCtxPushCurrent", "cuCtxPopCurrent"}, rest
    assert [call.split()[0] for call in calls].count("cuModuleLoadData") == 1
    """)


def test_loading_is_exempt_from_a_capture_and_the_mode_is_restored(run):
    run("""
    quant.cast(t, "e4m3fn")
    calls = record()
    relaxed = calls.index("cuThreadExchangeStreamCaptureMode 2")
    back = calls.index("cuThreadExchangeStreamCaptureMode 0")
    assert relaxed < calls.index("cuModuleLoadData") < back
    assert back < next(i for i, call in enumerate(calls) if call.startswith("launch"))
    """)


def test_the_callers_context_is_restored(run):
    run("""
    import ctypes
    driver = ctypes.CDLL("libcuda.so.1")
    quant.cast(t, "e4m3fn")
    current = ctypes.c_void_p()
    driver.cuCtxGetCurrent(ctypes.byref(current))
    assert current.value is None
    """)


def test_an_empty_tensor_launches_nothing(run):
    run("""
    assert quant.cast(t[:0], "e4m3fn").shape == (0,)
    assert not launches(record())
    """)


@pytest.mark.parametrize(
    ("call", "code", "reason"),
    [
        ("cuInit", 3, "CUDA_ERROR_NOT_INITIALIZED"),
        ("cuDevicePrimaryCtxRetain", 2, "CUDA_ERROR_OUT_OF_MEMORY"),
        ("cuModuleLoadData", 209, "CUDA_ERROR_NO_BINARY_FOR_GPU"),
        ("cuModuleGetFunction", 500, "CUDA_ERROR_NOT_FOUND"),
        ("cuLaunchKernel", 700, "CUDA_ERROR_ILLEGAL_ADDRESS"),
    ],
)
def test_errors_of_the_driver_arrive_typed(run, call, code, reason):
    run(
        f"""
    try:
        quant.cast(t, "e4m3fn")
    except errors.DeviceError as error:
        assert str(error) == "the CUDA driver refused `{call}`: {reason}", error
    else:
        raise AssertionError("no error")
    calls = record()
    assert calls.count("cuCtxPushCurrent") == calls.count("cuCtxPopCurrent")
    """,
        FAKE_DRIVER_FAIL=f"{call}={code}",
    )


def test_an_old_driver_is_named_when_it_refuses_the_machine_code(run):
    run(
        """
    try:
        quant.cast(t, "e4m3fn")
    except errors.DeviceError as error:
        assert "knows CUDA 12.8, too old" in str(error), error
    else:
        raise AssertionError("no error")
    """,
        FAKE_DRIVER_FAIL="cuModuleLoadData=209",
        FAKE_DRIVER_VERSION="12080",
    )


def test_a_kernel_that_does_not_compile_shows_its_log(run):
    run(
        """
    from pathlib import Path
    cuda.clear_cache()
    try:
        quant.cast(t, "e4m3fn")
    except errors.CompileError as error:
        first, *log, hint = str(error).splitlines()
        assert first == "kernel `quant_cast.cu` did not compile for sm_90 (NVRTC 13.9)", first
        assert log == [f"  line {i}" for i in range(12)], log
        path = Path(hint.removeprefix("hint: the full log is in "))
        assert path.name == "quant_cast-sm_90.log" and path.read_text().endswith("line 29"), path
    else:
        raise AssertionError("no error")
    """,
        FAKE_NVRTC_LOG="\n".join(f"line {i}" for i in range(30)),
    )


def test_kernels_are_compiled_for_rounding_as_the_standard_says(run):
    run("""
    cuda.clear_cache()
    quant.cast(t, "e4m3fn")
    (options,) = [line.split()[1:] for line in record() if line.startswith("nvrtcCompileProgram")]
    assert options[0] == "-arch=sm_90"
    assert {"--std=c++17", "--fmad=false", "--ftz=false"} <= set(options), options
    """)


def test_a_device_that_is_not_there_is_refused(run):
    run("""
    try:
        _native.cuda_quant_decode((7, 0), (16, 16), "float32", 1, ("float", 8, 4, 3, 7, True, "nan"))
    except errors.DeviceError as error:
        assert str(error) == "`device` must be below 2, the number of CUDA devices, got 7"
    else:
        raise AssertionError("no error")
    """)


def test_threads_may_launch_at_once(run):
    run("""
    from concurrent.futures import ThreadPoolExecutor
    expected = quant.cast(t, "e4m3fn")
    with ThreadPoolExecutor(8) as pool:
        # The runner of kernels is not made for threads, so they launch nothing; loading and checking is what races.
        list(pool.map(lambda _: quant.cast(t[:0], "e5m2"), range(64)))
    assert [call.split()[0] for call in record()].count("cuModuleLoadData") == 1
    """)


def test_kernels_are_compiled_for_the_device_they_run_on(run):
    run("""
    import os
    from pathlib import Path
    quant.cast(t, "e4m3fn")
    names = [path.name for path in Path(os.environ["PARETOSERVE_CACHE_DIR"]).glob("*.cubin")]
    assert any(name.startswith("quant_cast-sm_90-") for name in names), names
    assert [device.arch for device in cuda.devices()] == ["sm_90", "sm_100a"]
    """)


def test_cast_gives_the_bytes_of_the_cpu(run):
    run("""
    import itertools
    for name, rounding in itertools.product(("e4m3fn", "e5m2", "e2m1", "e3m2", "int4", "uint3"), ("rne", "stochastic")):
        got = quant.cast(t, name, rounding=rounding, seed=5, nan="zero")
        assert (array(got) == quant.cast(x, name, rounding=rounding, seed=5, nan="zero")).all(), (name, rounding)
        back = quant.cast(got, "float16", fmt=name)
        assert (array(back) == quant.cast(array(got), "float16", fmt=name)).all(), name
    """)


def test_blocks_give_the_bytes_of_the_cpu(run):
    run("""
    import itertools
    x = x[:4800].reshape(50, 96)
    def same(got, expected, what):
        for name in ("codes", "scales", "global_scale"):
            a, b = getattr(got, name), getattr(expected, name)
            assert (a is None) == (b is None) and (a is None or (array(a) == b).all()), (what, name)
    for fmt, scale, rounding in itertools.product(
        ("mxfp8", "mxfp6", "mxfp4", "mxint8", "nvfp4", "nvint4"), (None, "floor"), ("rne", "stochastic")
    ):
        if fmt.startswith("nv") and scale is not None:
            continue
        for axis in (-1, 0):
            options = dict(scale=scale, rounding=rounding, seed=3, axis=axis, pad="zero")
            got = quant.quantize(torch.from_numpy(x), fmt, **options)
            same(got, quant.quantize(x, fmt, **options), (fmt, options))
            assert got.codes.device == torch.from_numpy(x).device
            back = quant.dequantize(got, "bfloat16")
            expected = quant.dequantize(quant.quantize(x, fmt, **options), "bfloat16")
            assert (array(back) == expected.view(np.uint16)).all(), (fmt, options)
    entries = {launch.entry for launch in launches(record())}
    assert {"paretoserve_quant_mxfp4_f32", "paretoserve_quant_mxfp4_transposed_f32"} <= entries
    """)


def test_groups_and_fp8_give_the_bytes_of_the_cpu(run):
    run("""
    cases = [
        ("int8", {}), ("int4", {}), ("int4", dict(group=32, scale="full")), ("int4_asym", dict(group=64)), ("int6", {}),
        ("int8_asym", dict(scale_dtype="bfloat16")), ("fp8_row", {}), ("fp8_group", dict(scale="rceil")),
        ("fp8_block", {}), ("int4", dict(rounding="stochastic", seed=9)),
    ]
    m = x[:3840].reshape(15, 256)
    for fmt, options in cases:
        got = quant.quantize(torch.from_numpy(m), fmt, **options)
        expected = quant.quantize(m, fmt, **options)
        for name in ("codes", "scales", "zeros"):
            a, b = getattr(got, name), getattr(expected, name)
            assert a is None or (array(a).view(np.uint8) == np.asarray(b).view(np.uint8)).all(), (fmt, options, name)
        back = array(quant.dequantize(got, "float16"))
        assert (back == quant.dequantize(expected, "float16")).all(), (fmt, options)
    """)


def test_rotations_give_the_bytes_of_the_cpu(run):
    run("""
    signs = [1, -1, -1, 1] * 16
    m = x[:3840].reshape(15, 256)
    for axis, inverse in ((-1, False), (0, True)):
        matrix = np.ascontiguousarray(np.moveaxis(m, -1, axis))
        got = quant.hadamard(torch.from_numpy(matrix), 64, signs, axis=axis, inverse=inverse)
        assert (array(got) == quant.hadamard(matrix, 64, signs, axis=axis, inverse=inverse)).all()
    for fmt in ("mxfp4", "nvfp4", "int4"):
        options = dict(hadamard=64, signs=signs, pad="zero")
        got = quant.quantize(torch.from_numpy(m[:, :250]), fmt, **options)
        expected = quant.quantize(m[:, :250], fmt, **options)
        assert (array(got.codes) == expected.codes).all(), fmt
        assert (array(quant.dequantize(got)) == quant.dequantize(expected)).all(), fmt
    """)


def test_rotation_and_quantization_are_one_kernel(run):
    run("""
    import itertools
    from ml_dtypes import bfloat16
    signs = [1, -1, -1, 1] * 8
    wide = x[:4320].reshape(15, 288)
    narrow = wide.astype(bfloat16)
    m = t[:4320].reshape(15, 288)
    cases = itertools.product(("mxfp4", "nvfp4"), (None, signs), ((wide, m), (narrow, m.bfloat16())))
    for fmt, factors, (ours, theirs) in cases:
        for options in (dict(), dict(rounding="stochastic", seed=4), dict(nan="zero"), dict(axis=0, pad="zero")):
            options = dict(hadamard=32, signs=factors) | options
            got, expected = quant.quantize(theirs, fmt, **options), quant.quantize(ours, fmt, **options)
            for name in ("codes", "scales", "global_scale"):
                a, b = getattr(got, name), getattr(expected, name)
                assert (a is None) == (b is None) and (a is None or (array(a) == b).all()), (fmt, options, name)
    entries = {launch.entry.rpartition("_")[0] for launch in launches(record())}
    fused = {f"paretoserve_quant_hadamard_{name}" for name in ("mxfp4", "nvfp4", "amax")}
    assert entries == fused, entries
    """)


def test_an_output_that_overlaps_an_input_is_refused(run):
    run("""
    room = torch.zeros(64)
    bytes = room.view(torch.uint8)
    quant.cast(room[:32], "e4m3fn", out=bytes[128:160])  # the next byte
    quant.cast(room[16:48], "e4m3fn", out=bytes[32:64])
    quant.cast(room[:0], "e4m3fn", out=bytes[:0])
    for x, out in ((room[:32], bytes[127:159]), (room[16:48:4], bytes[160:168]), (room[16:48], bytes[64:96])):
        try:
            quant.cast(x, "e4m3fn", out=out)
        except ValueError as error:
            assert str(error) == "`out` must not overlap an input", error
        else:
            raise AssertionError("no error")
    """)


def test_streams_of_bits_give_the_bytes_of_the_cpu(run):
    run("""
    codes = np.random.default_rng(1).integers(0, 256, (9, 77), dtype=np.uint8)
    for bits in range(1, 9):
        few = codes >> (8 - bits)
        for options in (dict(), dict(order="msb"), dict(word=32), dict(row_pad=False)):
            packed = quant.pack_bits(torch.from_numpy(few), bits, **options)
            assert (array(packed) == quant.pack_bits(few, bits, **options)).all(), (bits, options)
            rows = dict(rows=9) if options.get("row_pad") is False else {}
            back = quant.unpack_bits(packed, bits, 77, **{k: v for k, v in options.items() if k != "word"}, **rows)
            assert (array(back) == few).all(), (bits, options)
    """)


def test_tiles_of_scales_give_the_bytes_of_the_cpu(run):
    run("""
    for shape in ((130, 6), (2, 3, 5)):
        scales = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)
        tiles = quant.swizzle_scales(torch.from_numpy(scales))
        assert (array(tiles) == quant.swizzle_scales(scales)).all(), shape
        assert (array(quant.unswizzle_scales(tiles, *shape[-2:])) == scales).all(), shape
    """)


def test_what_no_kernel_knows_is_refused(run):
    run("""
    m = torch.from_numpy(x[:128].reshape(2, 64))
    for fmt, options, error in (
        ("nf4", {}, errors.DeviceError), ("int4", dict(scale="quest", group=64), errors.DeviceError),
        ("mxfp4", dict(scale="quest"), errors.DeviceError), ("mxfp4", dict(nan="raise"), ValueError),
    ):
        try:
            quant.quantize(m, fmt, **options)
        except error as found:
            assert "hint: " in str(found)
        else:
            raise AssertionError(fmt)
    """)


def test_largest_magnitudes_and_scales_may_lie_on_the_device(run):
    run("""
    x = x[:1600].reshape(50, 32)
    for name in ("amax", "global_scale"):
        expected = quant.quantize(x, "nvfp4", **{name: 3.5}, four_over_six="mse")
        for value in (3.5, torch.tensor(3.5), torch.tensor([3.5], dtype=torch.bfloat16)):
            got = quant.quantize(torch.from_numpy(x), "nvfp4", **{name: value}, four_over_six="mse")
            assert (array(got.codes) == expected.codes).all() and (array(got.scales) == expected.scales).all()
            assert array(got.global_scale) == expected.global_scale
    """)


def test_nothing_of_a_quantized_tensor_is_waited_for(run):
    run("""
    m = torch.from_numpy(x[:4096].reshape(64, 64))
    q = quant.quantize(m, "nvfp4")
    out = torch.empty(64, 64)
    quant.quantize(m, "nvfp4", out=q)
    assert quant.dequantize(q, out=out) is out
    calls = record()
    assert not [call for call in calls if call.startswith("forbidden")], calls
    assert {launch.stream for launch in launches(calls)} == {STREAM}
    """)


def test_an_option_that_would_wait_is_refused_with_the_reason(run):
    run("""
    try:
        quant.cast(t, "e2m1")
    except ValueError as error:
        assert "wait for the device" in str(error), error
    else:
        raise AssertionError("no error")
    """)
