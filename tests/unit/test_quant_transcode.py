"""MXFP4 as NVFP4, one global scale for fused layers, formats quantized anew: exact where provable, else reported."""

from fractions import Fraction

import numpy as np
import pytest

from paretoserve import quant
from paretoserve.quant.layout._tables import E2M1, UE4M3

ALL_CODES = np.arange(16, dtype=np.uint8)[np.r_[0:16, 0:16]]


def packed(codes):
    return codes[..., ::2] | codes[..., 1::2] << 4


def mxfp4(codes, scales):
    codes, scales = np.asarray(codes, np.uint8), np.asarray(scales, np.uint8)
    shape = codes.shape
    return quant.QTensor(packed(codes), scales, None, None, quant.QMeta("mxfp4", shape, 1, (1, 32), "unknown"))


def nvfp4(codes, scales, global_scale):
    meta = quant.QMeta("nvfp4", codes.shape, codes.ndim - 1, (1, 16), "amax")
    return quant.QTensor(packed(codes), scales, None, np.array(global_scale, np.float32), meta)


def nibbles(q):
    codes = np.asarray(q.codes)
    return np.stack([codes & 15, codes >> 4], axis=-1).reshape(*codes.shape[:-1], -1)


def exact(code, scale):
    return Fraction(float(E2M1[code])) * scale


def nv_value(q, row, column):
    scale = Fraction(float(UE4M3[q.scales[row, column // 16]])) * Fraction(float(q.global_scale))
    return exact(nibbles(q)[row, column], scale)


@pytest.mark.parametrize("top", [0, 1, 8, 17, 30, 127, 200, 254])
def test_mxfp4_is_nvfp4_if_and_only_if_scales_are_at_most_2_to_the_17_apart(top):
    # Every code under every scale beside the largest, in exact arithmetic.
    for below in range(min(top, 40) + 1):
        q = mxfp4(np.stack([ALL_CODES, ALL_CODES]), [[top], [top - below]])
        # Scales below 2^-126 of the tensor cost range at the lower end only.
        lowest = max(top - 127 - 8, -126) - 9
        if top - below - 127 < lowest:
            assert below > 17
            with pytest.raises(ValueError, match=r"at most 2\^17 apart.*at \[1, 0\].*1 blocks"):
                quant.mxfp4_to_nvfp4(q)
            continue
        assert below <= 17
        new, report = quant.mxfp4_to_nvfp4(q)
        assert (report.exact, report.blocks_lossy, report.max_abs_err) == (True, 0, 0.0)
        assert (new.codes == q.codes).all()
        for row, byte in enumerate((top, top - below)):
            for column in range(32):
                assert nv_value(new, row, column) == exact(ALL_CODES[column], Fraction(2) ** (byte - 127))


def test_blocks_too_far_below_are_rounded_and_reported():
    for below in (18, 19, 20, 21, 30):
        q = mxfp4(np.stack([ALL_CODES, ALL_CODES, ALL_CODES * 0]), [[200], [200 - below], [3]])
        new, report = quant.mxfp4_to_nvfp4(q, strict=False)
        step = Fraction(2) ** (200 - 127 - 17)
        errors = []
        for column in range(32):
            true = exact(ALL_CODES[column], Fraction(2) ** (200 - below - 127))
            got = nv_value(new, 1, column)
            # The nearest of what the smallest scale gives.
            assert abs(got - true) == min(abs(exact(code, step) - true) for code in range(16))
            errors.append(abs(got - true))
        assert (report.exact, report.blocks_lossy) == (False, 1)
        assert report.max_abs_err == float(max(errors))
    halves = ALL_CODES % 8 // 4 * 4 + ALL_CODES // 8 * 8
    new, report = quant.mxfp4_to_nvfp4(mxfp4(np.stack([ALL_CODES, halves]), [[200], [181]]), strict=False)
    assert report.exact, "codes 0 and 2 under a quarter of the scale are still codes"


def test_blocks_of_zeros_and_nan_do_not_count():
    codes = np.stack([ALL_CODES, ALL_CODES & 8, ALL_CODES])
    new, report = quant.mxfp4_to_nvfp4(mxfp4(codes, [[100], [254], [255]]))
    assert report.exact
    assert new.scales.tolist() == [[120, 120], [120, 120], [127, 127]]
    assert (new.codes == packed(codes)).all()
    zeros, report = quant.mxfp4_to_nvfp4(mxfp4(np.zeros((2, 32)), [[0], [0]]))
    assert report.exact
    assert np.isfinite(zeros.global_scale)
    assert zeros.global_scale > 0


def test_convert_goes_from_mxfp4_to_nvfp4_by_itself():
    expert = {"weight_packed": packed(np.stack([ALL_CODES] * 2)), "weight_scale": np.array([[120], [117]], np.uint8)}
    written, report = quant.convert(expert, "ct_mxfp4", "modelopt_nvfp4")
    assert report.exact
    assert written["weight_scale_2"] == 2.0 ** (120 - 127 - 8)
    expert["weight_scale"][1] = 102
    with pytest.raises(ValueError, match="strict=False"):
        quant.convert(expert, "ct_mxfp4", "modelopt_nvfp4")
    _, report = quant.convert(expert, "ct_mxfp4", "modelopt_nvfp4", strict=False)
    assert report.blocks_lossy == 1
    with pytest.raises(ValueError, match="must be mxfp4"):
        quant.mxfp4_to_nvfp4(nvfp4(np.zeros((1, 16), np.uint8), np.zeros((1, 1), np.uint8), 1.0))


def layers(ratios, seed=0):
    random = np.random.default_rng(seed)
    return [
        nvfp4(
            random.integers(0, 16, (4, 64), dtype=np.uint8),
            random.integers(1, 127, (4, 4), dtype=np.uint8),
            3e-4 * ratio,
        )
        for ratio in ratios
    ]


def test_fused_layers_get_the_largest_global_scale():
    qs = layers([1, 0.73, 0.11])
    results, report = quant.requant_global_scale(qs)
    assert {float(q.global_scale) for q in results} == {float(qs[0].global_scale)}
    assert (results[0].scales == qs[0].scales).all()
    lossy, largest = 0, 0.0
    for before, after in zip(qs, results, strict=True):
        assert (before.codes == after.codes).all()
        for row, block in np.ndindex(before.scales.shape):
            old = float(UE4M3[before.scales[row, block]]) * float(before.global_scale)
            candidates = UE4M3[:127].astype(np.float64) * float(after.global_scale)
            new = candidates[after.scales[row, block]]
            assert abs(new - old) == np.abs(candidates - old).min()
            most = np.abs(E2M1[nibbles(before)[row, block * 16 : block * 16 + 16]]).max()
            lossy += bool(most * abs(new - old))
            largest = max(largest, most * abs(new - old))
    assert (report.exact, report.blocks_lossy) == (False, lossy)
    assert np.isclose(report.max_abs_err, largest, rtol=1e-12)


def test_equal_or_power_of_two_global_scales_lose_nothing_that_stays_normal():
    qs = layers([1, 1])
    results, report = quant.requant_global_scale(qs)
    assert report.exact
    assert all((a.scales == b.scales).all() for a, b in zip(qs, results, strict=True))
    low, high = layers([1, 4])
    low.scales[...] |= 64
    low.scales[low.scales == 127] = 126
    _, report = quant.requant_global_scale([low, high])
    assert report.exact


def test_impossible_layers_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        quant.requant_global_scale([])
    with pytest.raises(ValueError, match="must be nvfp4, got mxfp4 at index 1"):
        quant.requant_global_scale([*layers([1]), mxfp4(ALL_CODES[None], [[127]])])
    with pytest.raises(ValueError, match="positive and finite"):
        quant.requant_global_scale(layers([0]))


def test_mxfp4_to_fp8_is_not_lossless_and_says_so():
    random = np.random.default_rng(0)
    narrow = mxfp4(random.integers(0, 16, (4, 64)), random.integers(120, 124, (4, 2)))
    assert quant.requantize(narrow, "mxfp8")[1].exact
    wide = mxfp4(random.integers(0, 16, (4, 64)), [[127, 100]] * 4)
    _, report = quant.requantize(wide, "fp8_row")
    assert not report.exact
    assert report.blocks_lossy > 0
    assert report.max_abs_err > 0


def test_fp8_blocks_are_mxfp8_if_their_scales_are_powers_of_two():
    random = np.random.default_rng(0)
    x = random.standard_normal((128, 256)).astype(np.float32)
    rounded = quant.quantize(x, "fp8_block", scale="rceil")
    assert quant.requantize(rounded, "mxfp8")[1].exact
    new, report = quant.requantize(quant.quantize(x, "fp8_block"), "mxfp8")
    assert not report.exact
    assert report.max_abs_err > 0
    with pytest.raises(ValueError, match='hint: requantize="mxfp8_e4m3"'):
        quant.convert(rounded, "qtensor", "ct_mxfp8")
    written, report = quant.convert(rounded, "qtensor", "ct_mxfp8", requantize="mxfp8")
    assert report.exact
    assert (np.asarray(written["weight_scale"]).shape) == (128, 8)
    with pytest.raises(ValueError, match="`requantize` must be mxfp8_e4m3 for ct_mxfp8, got 'int4'"):
        quant.convert(rounded, "qtensor", "ct_mxfp8", requantize="int4")
    assert new.meta.fmt == "mxfp8_e4m3"
