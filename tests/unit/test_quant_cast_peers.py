"""`quant.cast` against ml_dtypes, torch and gfloat: all 16-bit values, random float32, and where peers differ."""

import numpy as np
import pytest

from _casts import DTYPES, IN_TORCH, by_ml_dtypes, by_torch, random_patterns
from paretoserve.quant import cast, format_info

ml_dtypes = pytest.importorskip("ml_dtypes")
torch = pytest.importorskip("torch")

EVERY_16 = np.arange(2**16, dtype=np.uint16)
SOURCES = {
    "float16": EVERY_16.view(np.float16),
    "bfloat16": EVERY_16.view(ml_dtypes.bfloat16),
    "float32": random_patterns(1 << 22, seed=1),
}


def array(*values):
    return np.array(values, dtype=np.float32)


def code(value, name, **options):
    return int(cast(array(value), name, **options)[0])


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", DTYPES)
def test_ml_dtypes_rule_equals_ml_dtypes(name, source):
    x = SOURCES[source]
    ours, theirs = cast(x, name, rule="ml_dtypes"), by_ml_dtypes(x, name)
    different = np.flatnonzero(ours != theirs)
    assert not len(different), [(x[i], ours[i], theirs[i]) for i in different[:5]]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", IN_TORCH)
def test_torch_rule_equals_torch(name, source):
    x = SOURCES[source]
    ours, theirs = cast(x, name, rule="torch"), by_torch(x, name)
    different = np.flatnonzero(ours != theirs)
    assert not len(different), [(x[i], ours[i], theirs[i]) for i in different[:5]]


@pytest.mark.parametrize("name", DTYPES)
def test_our_rule_differs_from_ml_dtypes_in_specials_only(name):
    x = SOURCES["float32"]
    limit = 2.0**127 if name == "e8m0" else format_info(name).largest
    # Where no peer has a choice: numbers in range; for e8m0, which knows positive ones only, those.
    plain = (np.abs(x) <= limit) & ((x > 0) | (name != "e8m0"))
    assert (cast(x[plain], name) == by_ml_dtypes(x[plain], name)).all()
    assert plain.sum() > 1 << 18


@pytest.mark.parametrize("name", DTYPES)
def test_decoding_equals_ml_dtypes(name):
    codes = np.arange(2 ** format_info(name).bits, dtype=np.uint8)
    theirs = codes.view(getattr(ml_dtypes, DTYPES[name]))
    for to, dtype in [("float32", np.float32), ("bfloat16", ml_dtypes.bfloat16)]:
        np.testing.assert_array_equal(
            cast(codes, to, fmt=name).astype(np.float64), theirs.astype(dtype).astype(np.float64)
        )
    with np.errstate(over="ignore", under="ignore"):
        half = theirs.astype(np.float32).astype(np.float16)
    np.testing.assert_array_equal(cast(codes, "float16", fmt=name), half)


@pytest.mark.parametrize("name", ["e4m3fn", "e5m2", "e3m4", "e4m3fnuz", "e2m3", "e3m2", "e2m1", "ue5m3"])
@pytest.mark.parametrize("rounding", ["rne", "half_away"])
def test_gfloat_rounds_alike(name, rounding):
    gfloat = pytest.importorskip("gfloat")
    fmt = format_info(name)
    special = {"ieee": (2**fmt.mantissa_bits - 1, True), "nan": (1, False)}.get(fmt.special, (0, False))
    info = gfloat.FormatInfo(
        name,
        k=fmt.bits,
        precision=fmt.mantissa_bits + 1,
        bias=fmt.bias,
        has_nz=fmt.signed and fmt.special != "nan_at_negative_zero",
        domain=gfloat.Domain.Extended if special[1] else gfloat.Domain.Finite,
        num_high_nans=special[0],
        has_subnormals=True,
        is_signed=fmt.signed,
        is_twos_complement=False,
    )
    values = cast(np.arange(2**fmt.bits, dtype=np.uint8), "float32", fmt=name).astype(np.float64)
    finite = np.unique(values[np.isfinite(values)])
    middles = (finite[1:] + finite[:-1]) / 2
    near = np.concatenate([middles, finite, np.nextafter(middles, 1e9), np.random.default_rng(0).normal(size=500)])
    x = np.clip(near, finite[0], finite[-1]).astype(np.float32)
    mode = gfloat.RoundMode.TiesToEven if rounding == "rne" else gfloat.RoundMode.TiesToAway
    theirs = gfloat.round_ndarray(info, x.astype(np.float64), mode, sat=True)
    np.testing.assert_array_equal(cast(cast(x, name, rounding=rounding), "float32", fmt=name), theirs)


# One test per line of the table in which peers disagree.


def test_e4m3fn_beyond_464():
    assert code(465, "e4m3fn") == code(465, "e4m3fn", rule="torch") == by_torch(array(465), "e4m3fn")[0] == 0x7E
    assert code(465, "e4m3fn", rule="ml_dtypes") == by_ml_dtypes(array(465), "e4m3fn")[0] == 0x7F


def test_e4m3fn_of_infinity():
    assert [code(x, "e4m3fn", rule="torch") for x in (np.inf, -np.inf)] == [0x7E, 0xFE]
    assert [code(x, "e4m3fn", rule="ml_dtypes") for x in (np.inf, -np.inf)] == [0x7F, 0xFF]


def test_e4m3fn_of_nan():
    for rule in ("paretoserve", "torch", "ml_dtypes"):
        assert cast(array(np.nan, -np.nan), "e4m3fn", rule=rule).tolist() == [0x7F, 0xFF]


def test_e5m2_overflow():
    assert code(61440, "e5m2", rule="torch") == code(61440, "e5m2", rule="ml_dtypes") == 0x7C
    assert (code(61440, "e5m2"), code(61440, "e5m2", saturate=False)) == (0x7B, 0x7C)


def test_e5m2_of_nan():
    x = array(np.nan, -np.nan)
    assert cast(x, "e5m2", rule="torch").tolist() == cast(x, "e5m2").tolist() == [0x7F, 0xFF]
    assert cast(x, "e5m2", rule="ml_dtypes").tolist() == [0x7E, 0xFE]


def test_e4m3fnuz_specials():
    x = array(np.nan, np.inf, 1e9, -0.0)
    for rule in ("torch", "ml_dtypes"):
        assert cast(x, "e4m3fnuz", rule=rule).tolist() == [0x80, 0x80, 0x80, 0]
    assert cast(x, "e4m3fnuz").tolist() == [0x80, 0x7F, 0x7F, 0]


def test_e8m0_of_zero_and_negative_numbers():
    x = array(0, -0.0, -2)
    assert cast(x, "e8m0", rule="torch").tolist() == [0, 0, 128]
    assert cast(x, "e8m0", rule="ml_dtypes").tolist() == [255, 255, 255]
    assert cast(x, "e8m0").tolist() == [0, 0, 255]


def test_e8m0_ties_go_up():
    x = array(1.5, 3, 1.5 * 2.0**127)
    for rule in ("torch", "ml_dtypes"):
        assert cast(x, "e8m0", rule=rule).tolist() == [128, 129, 255]
    assert cast(x, "e8m0").tolist() == [128, 129, 254]
    # 2^-127 itself, where half up in the bits would go wrong.
    assert cast(array(2.0**-127), "e8m0").tolist() == [0]


def test_nan_of_formats_without():
    assert code(np.nan, "e2m1", rule="ml_dtypes") == 8
    assert [code(np.nan, name, rule="ml_dtypes") for name in ("e2m3", "e3m2")] == [0x20, 0x20]
    assert code(np.nan, "e2m1", nan="zero") == 0
    with pytest.raises(ValueError, match="NaN at flat index 0"):
        code(np.nan, "e2m1")
