"""Prefill token equivalents: the gammas that the paper prints, and trajectories."""

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.prefill_equivalents import (
    HARDWARE_INTENSITY,
    hardware_intensity,
    prefill_equivalents,
    pte_gamma,
    turn_contexts,
)

H100 = HARDWARE_INTENSITY["h100_pcie"]
PRINTED = {
    "qwen2.5-7b": (28, 3584, 6.53e9, 1 / 7, 0.00329),
    "qwen2.5-32b": (64, 5120, 31.0e9, 1 / 5, 0.00320),
    "qwen2.5-72b": (80, 8192, 70e9, 1 / 8, 0.00175),
    "qwen3-32b": (64, 5120, 31.2e9, 1 / 8, 0.00200),
    "llama-3.1-8b": (32, 4096, 8e9, 1 / 4, 0.00625),
    "llama-3.1-70b": (80, 8192, 70.6e9, 1 / 8, 0.00175),
    "qwen3-30b-a3b": (48, 2048, 3.3e9, 1 / 8, 0.00563),
    "qwen3-235b-a22b": (94, 4096, 22e9, 1 / 16, 0.00163),
    "glm-4.5-air": (46, 4096, 12e9, 1 / 12, 0.00200),
    "glm-4.5": (92, 5120, 32e9, 1 / 12, 0.00183),
    "gpt-oss-120b": (36, 2880, 5.1e9, 1 / 8, 0.00388),
}


@pytest.mark.parametrize("model", PRINTED)
def test_eleven_of_twelve_printed_gammas(model):
    layers, width, parameters, ratio, printed = PRINTED[model]
    exact = pte_gamma(layers, width, parameters, H100, kv_ratio=ratio)
    assert exact == pytest.approx(printed, rel=0.016)
    rounded = pte_gamma(layers, width, parameters, H100, kv_ratio=ratio, digits=2)
    # The paper rounds halves up: 0.013 / 8 is 0.001625 and printed as 0.00163.
    assert abs(rounded - printed) <= 5.0001e-6


def test_the_twelfth_gamma_does_not_follow_from_the_formula():
    by_formula = pte_gamma(61, 576, 37e9, H100)
    assert by_formula == pytest.approx(0.00144, abs=5e-6)
    assert by_formula / 2 == pytest.approx(0.00072, abs=5e-6)
    assert by_formula / 2 != pytest.approx(0.00068, rel=0.05)


def test_the_printed_head_ratio_of_one_model_is_a_misprint():
    assert pte_gamma(64, 5120, 31e9, H100, kv_ratio=1 / 2) > 2 * 0.0032


def test_intensities_of_the_paper():
    assert hardware_intensity(1513e12, 2.0e12) == H100
    ratios = {name: value / H100 for name, value in HARDWARE_INTENSITY.items()}
    expected = {"h100_pcie": 1.00, "h200": 0.46, "a100": 0.43, "rtx_4090": 0.43, "v100": 0.18}
    assert ratios == {name: pytest.approx(value, abs=0.005) for name, value in expected.items()}


def test_gamma_scales_with_bytes_and_broadcasts():
    base = pte_gamma(28, 3584, 6.53e9, H100)
    assert pte_gamma(28, 3584, 6.53e9, H100, kv_bytes=1) == pytest.approx(base / 2)
    assert pte_gamma(28, 3584, 6.53e9, list(HARDWARE_INTENSITY.values())).shape == (5,)


def test_a_trajectory_of_two_turns():
    context = turn_contexts(1000, [200, 150], [3000])
    assert context.tolist() == [1000, 4200]
    assert prefill_equivalents(context, [200, 150], 0.00175) == pytest.approx(6652.5)
    assert prefill_equivalents([context, context], [200, 150], 0.00175).shape == (2,)


def test_reuse_saves_what_was_cached():
    context, decoded = [1000, 4200, 2000], [200, 150, 10]
    none = prefill_equivalents(context, decoded, 0.002)
    # The third context is shorter than what was there: all of it was cached.
    assert none - prefill_equivalents(context, decoded, 0.002, reuse=1) == pytest.approx(1200 + 2000)
    assert none - prefill_equivalents(context, decoded, 0.002, reuse=0.25) == pytest.approx(800)
    given = prefill_equivalents(context, decoded, 0.002, reuse=[0, 1, 0.5], cached_tokens=[0, 700, 100])
    assert none - given == pytest.approx(750)


def test_gamma_zero_counts_prefill_only():
    rng = np.random.default_rng(0)
    decoded, returned = rng.integers(1, 100, 6), rng.integers(1, 100, 5)
    context = turn_contexts(50, decoded, returned)
    assert prefill_equivalents(context, decoded, 0) == context.sum()
    assert context[-1] == 50 + decoded[:-1].sum() + returned.sum()
    fresh = prefill_equivalents(context, decoded, 0, reuse=1)
    assert fresh == 50 + returned.sum()


def test_bad_trajectories_are_refused():
    with pytest.raises(ShapeError, match="`context_tokens` must have shape"):
        prefill_equivalents(5, 5, 0.1)
    with pytest.raises(ShapeError, match=r"got \(0,\)"):
        prefill_equivalents([], [], 0.1)
    with pytest.raises(ValueError, match=r"`decode_tokens` .* got -1.0 in row 1"):
        prefill_equivalents([1, 2], [1, -1], 0.1)
    with pytest.raises(ValueError, match=r"`reuse` .* at most 1, got 2"):
        prefill_equivalents([1, 2], [1, 1], 0.1, reuse=2)
    with pytest.raises(ValueError, match=r"`cached_tokens` must be at most `context_tokens`, 2.0, got 3.0 in row 1"):
        prefill_equivalents([1, 2], [1, 1], 0.1, cached_tokens=[0, 3])
    with pytest.raises(ShapeError, match=r"`tool_tokens` must have shape \(1,\)"):
        turn_contexts(1, [1, 2], [1, 2])
    with pytest.raises(ValueError, match=r"`kv_ratio` .* at most 1, got 2"):
        pte_gamma(1, 1, 1, 1, kv_ratio=2)
    with pytest.raises(ValueError, match=r"`active_parameters` .* above 0, got 0.0"):
        pte_gamma(1, 1, 0, 1)
    with pytest.raises(ValueError, match="`digits` must be finite numbers of at least 1 and at most 17, got 0"):
        pte_gamma(1, 1, 1, 1, digits=0)
