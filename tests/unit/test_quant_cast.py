"""`quant.cast` by its own rules: thresholds, NaN, overflow, rounding, arguments, memory."""

import dataclasses

import numpy as np
import pytest

from paretoserve.errors import DeviceError, DtypeError, ShapeError, UnknownNameError
from paretoserve.quant import ScalarFormat, cast, format_info, formats

torch = pytest.importorskip("torch")
ml_dtypes = pytest.importorskip("ml_dtypes")

SCALARS = formats("scalar")
FLOATS = [name for name in SCALARS if format_info(name).kind == "float"]
INTEGERS = [name for name in SCALARS if format_info(name).kind in ("int", "uint")]


def array(*values):
    return np.array(values, dtype=np.float32)


def random_bits(count, seed=0):
    return np.random.default_rng(seed).integers(0, 2**32, count, dtype=np.uint32).view(np.float32)


def numbers(name, to="float32"):
    """Return what every code of a format stands for."""
    codes = np.arange(2 ** format_info(name).bits, dtype=np.uint8)
    return codes, cast(codes, to, fmt=name)


def test_thresholds_of_e2m1():
    ties = array(0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5)
    assert cast(ties, "e2m1").tolist() == [0, 2, 2, 4, 4, 6, 6]
    assert cast(np.nextafter(ties, np.float32(9)), "e2m1").tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert cast(np.nextafter(ties, np.float32(0)), "e2m1").tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert cast(-ties, "e2m1", rounding="half_away").tolist() == [9, 10, 11, 12, 13, 14, 15]


def test_fork_of_e4m3fn_beyond_its_largest():
    x = array(448, 464, np.nextafter(np.float32(464), np.float32(999)), np.inf, -np.inf)
    assert cast(x, "e4m3fn").tolist() == [0x7E, 0x7E, 0x7E, 0x7E, 0xFE]
    assert cast(x, "e4m3fn", saturate=False).tolist() == [0x7E, 0x7E, 0x7F, 0x7F, 0xFF]


def test_values_are_those_of_the_standards():
    assert numbers("e2m1")[1][:8].tolist() == [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    assert numbers("e3m2")[1][24:32].tolist() == [4 * v for v in (2, 2.5, 3, 3.5, 4, 5, 6, 7)]
    assert numbers("ue5m3")[1][-2] == 114688
    assert np.isnan(numbers("ue5m3")[1][-1])
    assert numbers("e8m0")[1][[0, 127, 254]].tolist() == [2.0**-127, 1, 2.0**127]
    assert numbers("int4")[1].tolist() == [*range(8), *range(-8, 0)]
    assert numbers("int1")[1].tolist() == [0, -1]
    for name in FLOATS:
        assert np.nanmax(np.where(np.isinf(numbers(name)[1]), 0, numbers(name)[1])) == format_info(name).largest


@pytest.mark.parametrize(
    "name", [*SCALARS, "e3m3", "e5m1fn", "e4m2fnuz", "ue3m2", "e1m0", "e6m1", "e4m2b9ieee", "e7m0"]
)
def test_every_code_survives_the_way_through_wide_floats(name):
    codes, values = numbers(name)
    kept = ~np.isnan(values)
    for to in ("float32", "bfloat16"):
        wide = numbers(name, to)[1]
        assert (wide.astype(np.float32)[kept] == values[kept]).all()
        again = cast(wide, name, saturate=False, nan="zero")
        assert (again[kept] == codes[kept]).all()


def test_nan_has_the_sign_it_came_with():
    x = array(np.nan, -np.nan)
    assert [cast(x, name).tolist() for name in ("e4m3fn", "e5m2", "e3m4")] == [[0x7F, 0xFF]] * 3
    assert [cast(x, name).tolist() for name in ("e4m3fnuz", "e8m0", "ue5m3", "ue4m3")] == [
        [0x80] * 2,
        [0xFF] * 2,
        [0xFF] * 2,
        [0x7F] * 2,
    ]


@pytest.mark.parametrize("name", ["e2m1", "e2m3", "e3m2", "int4", "uint8", "e3m3"])
def test_nan_without_code_is_named_and_nothing_is_written(name):
    x = np.zeros((100, 100), np.float32)
    x[70, 3] = x[80, 2] = np.nan
    out = np.full(x.shape, 77, np.uint8)
    with pytest.raises(ValueError, match="NaN at flat index 7003"):
        cast(x, name, out=out)
    assert (out == 77).all()
    assert cast(x, name, nan="zero")[70, 3] == 0


def test_negative_numbers_of_unsigned_floats():
    x = array(-1, -0.0, 1)
    assert cast(x, "ue4m3").tolist() == [0x7F, 0, 0x38]
    with pytest.raises(ValueError, match="-1 at flat index 0"):
        cast(x, dataclasses.replace(format_info("ue4m2"), special="none", largest=448.0))
    assert cast(x, "uint4").tolist() == [0, 0, 1]


def test_integers_are_rounded_and_clipped():
    x = array(0.5, 1.5, -2.5, 7.4, 7.6, -8.4, -9, 1e30, -np.inf)
    assert cast(x, "int4").tolist() == [0, 2, 14, 7, 7, 8, 8, 7, 8]
    assert cast(x, "int4", rounding="half_away").tolist() == [1, 2, 13, 7, 7, 8, 8, 7, 8]
    assert cast(x, "uint3").tolist() == [0, 2, 0, 7, 7, 0, 0, 7, 0]


@pytest.mark.parametrize("name", ["e4m3fn", "e2m1", "int6"])
def test_stochastic_rounding_is_unbiased_and_keyed(name):
    x = np.full(1 << 16, 1.3, np.float32)
    codes = cast(x, name, rounding="stochastic", seed=3)
    assert abs(cast(codes, "float32", fmt=name).mean() - 1.3) < 0.01
    assert (codes == cast(x, name, rounding="stochastic", seed=3, threads=3)).all()
    assert (codes != cast(x, name, rounding="stochastic", seed=4)).any()
    assert (codes[::-1][:100] != codes[:100]).any()
    exact = cast(np.arange(2**4, dtype=np.uint8), "float32", fmt="e2m1")
    assert (cast(exact, "e2m1", rounding="stochastic", seed=9) == np.arange(16)).all()


@pytest.mark.parametrize("name", ["e4m3fn", "e8m0", "e2m1", "int4", "ue5m3"])
@pytest.mark.parametrize("rounding", ["rne", "stochastic"])
def test_any_number_of_threads_gives_the_same(name, rounding):
    if name == "e8m0" and rounding != "rne":
        pytest.skip("e8m0 has no modes")
    x = random_bits(1 << 16)
    one = cast(x, name, rounding=rounding, nan="zero", threads=1)
    for threads in (2, 3, 7):
        assert (cast(x, name, rounding=rounding, nan="zero", threads=threads) == one).all()
        assert cast(one, "bfloat16", fmt=name, threads=threads).tobytes() == cast(one, "bfloat16", fmt=name).tobytes()


def test_large_outputs_are_the_same_as_small_ones():
    x = random_bits((5 << 20) + 13)
    codes = cast(x, "e4m3fn", threads=1)
    assert all(
        (codes[at : at + 999] == cast(x[at : at + 999], "e4m3fn")).all() for at in (0, 1 << 20, codes.size - 999)
    )
    wide = cast(codes, "float32", fmt="e4m3fn", out=np.empty(x.size + 1, np.float32)[1:], threads=2)
    assert wide.tobytes() == cast(np.arange(256, dtype=np.uint8), "float32", fmt="e4m3fn")[codes].tobytes()
    assert cast(x, "float32", threads=2).tobytes() == x.tobytes()


def test_wide_floats_become_each_other():
    x = random_bits(1 << 16)
    with np.errstate(over="ignore", invalid="ignore"):
        half = cast(x, "float16")
        same = half == x.astype(np.float16)
        assert (same | np.isnan(x)).all()
        assert np.isnan(half[np.isnan(x)]).all()
        brain = cast(x, "bfloat16")
        assert ((brain == x.astype(ml_dtypes.bfloat16)) | np.isnan(x)).all()
        assert (cast(brain, "float32")[~np.isnan(x)] == brain.astype(np.float32)[~np.isnan(x)]).all()
    assert cast(torch.from_numpy(x), "bfloat16").dtype == torch.bfloat16


def test_shapes_strides_and_empty_inputs():
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert (cast(x.T, "int6") == x.T).all()
    assert (cast(x[::2, ::-1], "int6") == x[::2, ::-1]).all()
    assert cast(np.float32(3.0), "int4").shape == ()
    assert cast(np.empty((0, 3), np.float16), "e5m2").shape == (0, 3)
    assert cast(np.empty(0, np.uint8), "float32", fmt="e5m2").shape == (0,)
    assert (cast(x.astype(">f4"), "int6") == x).all()


def test_inputs_are_not_modified():
    x = random_bits(1000)
    before = x.tobytes()
    x.setflags(write=False)
    codes = cast(x, "e4m3fn")
    cast(codes, "float32", fmt="e4m3fn")
    assert x.tobytes() == before


def test_dtypes_of_ml_dtypes_and_torch_name_their_format():
    x = array(0.3, -2.5, 300)
    for name, dtype in [("e4m3fn", "float8_e4m3fn"), ("e5m2", "float8_e5m2"), ("e8m0", "float8_e8m0fnu")]:
        codes = cast(np.abs(x), name)
        expected = cast(codes, "float32", fmt=name)
        assert (cast(codes.view(getattr(ml_dtypes, dtype)), "float32") == expected).all()
        tensor = torch.from_numpy(codes).view(getattr(torch, dtype))
        assert (cast(tensor, "float32").numpy() == expected).all()
        out = torch.empty(3, dtype=getattr(torch, dtype))
        assert cast(torch.from_numpy(np.abs(x)), name, out=out) is out
        assert (out.view(torch.uint8).numpy() == codes).all()
    assert (cast(np.array([3, -2], ml_dtypes.int4), "float32") == [3, -2]).all()
    assert (cast(np.array([3, -2], np.int8), "float32", fmt="int8") == [3, -2]).all()
    with pytest.raises(ValueError, match="`fmt` must be the format of `x`, e5m2, got e4m3fn"):
        cast(torch.zeros(2, dtype=torch.float8_e5m2), "float32", fmt="e4m3fn")
    with pytest.raises(DtypeError, match="two codes per byte"):
        cast(torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2), "float32")


def test_bad_arguments_are_refused():
    x = array(1, 2)
    codes = np.zeros(2, np.uint8)
    with pytest.raises(DtypeError, match="`x` must be float32, float16 or bfloat16, got float64"):
        cast(np.zeros(2), "e4m3fn")
    with pytest.raises(DtypeError, match="`fmt` must name the format of uint8 codes"):
        cast(codes, "float32")
    with pytest.raises(DtypeError, match="`x` must be codes"):
        cast(np.zeros(2), "float32", fmt="e4m3fn")
    with pytest.raises(UnknownNameError, match="did you mean `e4m3fn"):
        cast(x, "e4m3f")
    with pytest.raises(UnknownNameError, match="`to`"):
        cast(x, "e5m5")
    with pytest.raises(TypeError, match="`to` must be the name of a format"):
        cast(x, 3)
    for option, value in [("rounding", "up"), ("nan", "keep"), ("rule", "numpy"), ("seed", -1), ("seed", 2**64)]:
        with pytest.raises(ValueError, match=f"`{option}` must be"):
            cast(x, "e4m3fn", **{option: value})
    for threads in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="`threads` must be"):
            cast(x, "e4m3fn", threads=threads)
    with pytest.raises(TypeError, match="`saturate` must be"):
        cast(x, "e4m3fn", saturate="no")
    with pytest.raises(ValueError, match="`rounding` must be"):
        cast(x, "e8m0", rounding="stochastic")
    with pytest.raises(ValueError, match="`rounding` must be"):
        cast(x, "bfloat16", rounding="half_away")
    with pytest.raises(ValueError, match="`rule` must be"):
        cast(x, "int4", rule="torch")
    with pytest.raises(ValueError, match="`fmt` is the format of codes"):
        cast(x, "e4m3fn", fmt="e5m2")
    with pytest.raises(DtypeError, match="mask"):
        cast(np.ma.masked_less(x, 2), "e4m3fn")


def test_bad_outputs_are_refused():
    x = np.zeros((4, 4), np.float32)
    with pytest.raises(ShapeError, match="`out` must have shape"):
        cast(x, "e4m3fn", out=np.zeros(16, np.uint8))
    with pytest.raises(DtypeError, match="`out` must be uint8"):
        cast(x, "e4m3fn", out=x.copy())
    with pytest.raises(ShapeError, match="C-contiguous"):
        cast(x, "e4m3fn", out=np.zeros((4, 8), np.uint8)[:, ::2])
    frozen = np.zeros((4, 4), np.uint8)
    frozen.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        cast(x, "e4m3fn", out=frozen)
    with pytest.raises(ValueError, match="overlap"):
        cast(x, "e4m3fn", out=x.view(np.uint8).reshape(-1)[:16].reshape(4, 4))
    with pytest.raises(DtypeError, match="`out` must be float16"):
        cast(np.zeros(2, np.uint8), "float16", fmt="e4m3fn", out=np.zeros(2, np.float32))


def test_custom_floats():
    assert format_info("e3m3") == ScalarFormat("e3m3", 7, "float", 3, 3, 3, True, "none", 30.0)
    assert format_info("e5m1fn").special == "nan"
    assert format_info("e5m2ieee").largest == 57344
    assert format_info("e4m3b10").bias == 10
    assert format_info("e4m3").special == "ieee"
    assert cast(cast(array(1e30), "e6m1"), "float32", fmt="e6m1") == format_info("e6m1").largest == 3221225472
    wide = dataclasses.replace(format_info("e2m1"), bias=2, largest=3.0)
    assert cast(array(3, 0.25), wide).tolist() == [7, 1]
    for change, message in [
        ({"largest": 5.0}, "largest"),
        ({"bits": 5}, "bits"),
        ({"special": "odd"}, "special"),
        ({"exponent_bits": 9}, "exponent_bits"),
        ({"bias": 127, "largest": 6 * 2.0**-126}, "normal in float32"),
    ]:
        with pytest.raises(ValueError, match=message):
            cast(array(1), dataclasses.replace(format_info("e2m1"), **change))


def test_formats_are_listed():
    assert len(set(formats("scalar"))) == len(formats("scalar")) == 29
    assert all(format_info(name).name == name for name in SCALARS)
    assert format_info("int4", kind="block").family == "group"
    assert format_info("mxfp8").name == "mxfp8_e4m3"
    assert format_info("ue8m0").name == "e8m0"
    with pytest.raises(ValueError, match="`kind` must be"):
        formats("all")
    with pytest.raises(UnknownNameError, match="did you mean `nvfp4"):
        format_info("nvfp5", kind="block")


def test_meta_tensors_and_cuda_are_no_memory_of_the_cpu():
    with pytest.raises(DeviceError, match="must be in the memory of the CPU"):
        cast(torch.zeros(2, device="meta"), "e4m3fn")
