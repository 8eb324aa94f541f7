"""Scales of the KV cache: what the cache holds must not saturate, or err least."""

import ml_dtypes
import numpy as np
import pytest

from paretoserve.errors import DtypeError, ShapeError, UnknownNameError
from paretoserve.quant import calibrate_kv_scales, cast

F32 = np.float32


@pytest.fixture
def k():
    values = np.random.default_rng(0).standard_t(4, (200, 4, 64)).astype(F32)
    return values * np.array([1, 3, 0.01, 100], F32)[:, None]


def error(x, scale, fmt="e4m3fn"):
    back = cast(cast((x / scale).astype(F32), fmt), "float32", fmt=fmt) * scale
    return np.square(back - x, dtype=np.float64).sum()


@pytest.mark.parametrize(("fmt", "largest"), [("e4m3fn", 448), ("e5m2", 57344), ("e4m3fnuz", 240)])
def test_max_is_the_largest_magnitude(k, fmt, largest):
    k_scale, v_scale = calibrate_kv_scales(k, -2 * k, fmt=fmt)
    assert k_scale.shape == v_scale.shape == (1,)
    assert k_scale[0] == np.abs(k).max() / F32(largest)
    assert v_scale[0] == np.abs(2 * k).max() / F32(largest)
    heads, _ = calibrate_kv_scales(k, k, fmt=fmt, granularity="head")
    np.testing.assert_array_equal(heads, np.abs(k).max((0, 2)) / F32(largest))


def test_percentile_is_a_magnitude_that_occurs(k):
    scales, _ = calibrate_kv_scales(k, k, granularity="head", method="percentile", percentile=99)
    for head, scale in enumerate(scales):
        magnitudes = np.abs(k[:, head])
        limit = np.percentile(magnitudes, 99, method="higher")
        assert scale == limit / F32(448)
        assert 0.009 < (magnitudes > limit).mean() < 0.011
    whole, _ = calibrate_kv_scales(k, k, method="percentile", percentile=100)
    assert whole == calibrate_kv_scales(k, k)[0]


@pytest.mark.parametrize("fmt", ["e4m3fn", "e5m2"])
def test_mse_errs_no_more_than_max_nor_than_any_candidate(k, fmt):
    most, _ = calibrate_kv_scales(k, k, fmt=fmt, granularity="head")
    best, _ = calibrate_kv_scales(k, k, fmt=fmt, granularity="head", method="mse")
    for head in range(4):
        candidates = [error(k[:, head], most[head] * F32(2 ** (-step / 8)), fmt) for step in range(33)]
        assert error(k[:, head], best[head], fmt) <= min(candidates) * (1 + 1e-12)


def test_dtypes_zeros_and_different_sizes():
    v = np.zeros((7, 2, 16), ml_dtypes.bfloat16)
    k = np.ones((7, 2, 24), np.float16)
    k_scale, v_scale = calibrate_kv_scales(k, v, granularity="head", method="mse")
    assert k_scale.dtype == v_scale.dtype == F32
    assert v_scale.tolist() == [1, 1]
    assert (k_scale > 0).all()
    tiny = np.full((1, 1, 1), 1e-45, F32)
    assert calibrate_kv_scales(tiny, tiny)[0] == np.finfo(F32).tiny


def test_torch_tensors_come_back_as_such(k):
    torch = pytest.importorskip("torch")
    k_scale, _ = calibrate_kv_scales(torch.from_numpy(k).bfloat16(), torch.from_numpy(k))
    assert isinstance(k_scale, torch.Tensor)
    assert k_scale.shape == (1,)


def test_bad_inputs_are_refused(k):
    broken = k.copy()
    broken[3, 1, 5] = np.nan
    with pytest.raises(ValueError, match="`v` must be finite, got nan at token 3, head 1, element 5"):
        calibrate_kv_scales(k, broken)
    for bad in (k[0], k[:0], k[..., :0]):
        with pytest.raises(ShapeError, match="num_tokens"):
            calibrate_kv_scales(bad, k)
    with pytest.raises(DtypeError):
        calibrate_kv_scales(k.astype(np.float64), k)
    for options in (
        {"fmt": "e2m1"},
        {"fmt": "int8"},
        {"granularity": "token"},
        {"method": "min"},
        {"percentile": 0},
        {"percentile": 101},
        {"percentile": np.nan},
        {"percentile": True},
    ):
        with pytest.raises(ValueError, match="must be"):
            calibrate_kv_scales(k, k, **options)
    with pytest.raises(UnknownNameError):
        calibrate_kv_scales(k, k, fmt="e4m3x")
