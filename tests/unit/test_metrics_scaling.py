"""Mixtures of experts, Quartet and training runs, at the numbers of their papers."""

import math

import numpy as np
import pytest

from paretoserve import quant
from paretoserve.errors import ShapeError
from paretoserve.metrics.scaling.experts import (
    LeverageLaw,
    activation_ratio,
    efficiency_leverage,
    expert_granularity,
    optimal_batch_tokens,
    optimal_granularity,
    optimal_learning_rate,
    optimal_model_and_data,
)
from paretoserve.metrics.scaling.quartet import QuartetLaw, gaussian_grid_error, quartet_loss, training_speedup
from paretoserve.metrics.scaling.training import (
    flops_utilization,
    pipeline_bubble,
    strong_scaling_efficiency,
    training_flops,
    weak_scaling_efficiency,
)


def test_leverage_of_the_abstract():
    assert optimal_granularity() == pytest.approx(11.34, abs=5e-3)
    assert efficiency_leverage(0.031, 12, 1e22) == pytest.approx(7.245, abs=5e-4)
    assert efficiency_leverage(0.031, optimal_granularity(), 1e22) == pytest.approx(7.247, abs=5e-4)


def test_leverage_table():
    assert efficiency_leverage(1, 2, 1e22) == pytest.approx(0.9912, abs=5e-5)
    by_granularity = efficiency_leverage(1 / 32, [1, 2, 4, 8, 12, 16], 1e22)
    assert by_granularity == pytest.approx([3.869, 5.252, 6.439, 7.130, 7.220, 7.132], abs=6e-4)
    by_compute = efficiency_leverage(1 / 32, 12, [1e18, 1e20, 1e21, 1e22])
    assert by_compute == pytest.approx([2.857, 4.542, 5.726, 7.220], abs=6e-4)


def test_the_optimum_is_one():
    best = optimal_granularity()
    middle, *sides = efficiency_leverage(0.05, best * np.array([1, 0.9, 1.1]), 1e21)
    assert middle > max(sides)


def test_ling_mini():
    assert activation_ratio(384, 12, shared=1) == pytest.approx(0.03377, abs=5e-6)
    assert expert_granularity(2048, 384) == pytest.approx(10.67, abs=5e-3)
    assert efficiency_leverage(activation_ratio(384, 12, shared=1), 12, 1e22) == pytest.approx(6.98, abs=5e-3)


def test_companion_laws():
    assert optimal_learning_rate(1e20) == pytest.approx(1.0129e-3, rel=5e-5)
    assert optimal_batch_tokens(1e20) == pytest.approx(1.347e6, rel=4e-4)
    for kind, ratio in (("moe", 1.0002), ("dense", 0.9994)):
        best = optimal_model_and_data(np.array([1e18, 1e22]), kind=kind)
        assert best.flops_per_token * best.tokens / [1e18, 1e22] == pytest.approx([ratio] * 2, abs=5e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: efficiency_leverage(0, 12, 1e22), "`activation` must be finite numbers above 0 and at most 1, got 0"),
        (lambda: efficiency_leverage([0.5, 1.5], 12, 1e22), "`activation` .* got 1.5 in row 1"),
        (lambda: efficiency_leverage(0.5, -1, 1e22), "`granularity`"),
        (lambda: efficiency_leverage(0.5, 1, 0), "`compute`"),
        (lambda: activation_ratio([8, 8], [4, 9]), r"`active` must be at most `experts`, 8.0, got 9.0 in row 1"),
        (lambda: optimal_granularity(law=LeverageLaw(gamma=0)), "`gamma` above 0, got 0"),
        (lambda: optimal_model_and_data(1e20, kind="sparse"), "`kind` must be one of moe, dense"),
        (lambda: optimal_learning_rate(np.nan), "`compute`"),
    ],
)
def test_bad_input_of_the_experts(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_speed_of_training():
    assert training_speedup([2, 1, 2, 1], [1, 2, 2, 1]) == pytest.approx([1.2, 1.5, 2.0, 1.0])
    with pytest.raises(ValueError, match="`backward`"):
        training_speedup(1, 0)


LAW = QuartetLaw(a=1.52e5, alpha=0.589, b=5.25e5, beta=0.544, gamma=0.274, floor=1.35)


def test_efficiencies_shrink_model_and_data():
    assert quartet_loss(1e8, 1e10, law=LAW) == pytest.approx(2.892, abs=5e-4)
    low = quartet_loss(1e8, 1e10, law=LAW, parameter_efficiency=0.64, data_efficiency=0.94)
    assert low == pytest.approx(quartet_loss(0.64e8, 0.94e10, law=LAW))
    with pytest.raises(TypeError, match="law"):
        quartet_loss(1e8, 1e10)
    with pytest.raises(ValueError, match="`parameter_efficiency` must be finite numbers above 0 and at most 1"):
        quartet_loss(1e8, 1e10, law=LAW, parameter_efficiency=1.1)


@pytest.mark.parametrize(
    ("bits", "error", "half_range"),
    [
        (1, 0.3633802, 0.79788),
        (2, 0.1188460, 1.49353),
        (3, 0.0374397, 2.05107),
        (4, 0.0115429, 2.51393),
        (5, 0.0034952, 2.91609),
        (6, 0.0010400, 3.27660),
        (7, 0.00030437, 3.60104),
        (8, 0.00008782, 3.88500),
    ],
)
def test_errors_of_uniform_grids(bits, error, half_range):
    grid = np.linspace(-1, 1, 2**bits)
    printed = gaussian_grid_error(grid, scale=half_range)
    assert printed.error == pytest.approx(error, abs=6e-8 if bits < 7 else 6e-9)
    # From 6 bits on the printed half-range is short of the minimum, by 1 % of it at 8 bits.
    fit = gaussian_grid_error(grid)
    assert fit.scale == pytest.approx(half_range, rel=5e-5 if bits < 6 else 1e-2)
    assert printed.error * (1 - 2e-3) < fit.error <= printed.error
    for factor in (0.99, 1.01):
        assert gaussian_grid_error(grid, scale=fit.scale * factor).error > fit.error


def test_errors_of_other_grids():
    ternary = gaussian_grid_error([-1, 0, 1])
    assert (ternary.error, ternary.scale) == (pytest.approx(0.1901740, abs=6e-8), pytest.approx(1.22401, abs=1e-5))
    assert gaussian_grid_error([-1, 1]).error == pytest.approx(1 - 2 / math.pi)
    assert gaussian_grid_error([5, -5, 0, 0]).scale == pytest.approx(ternary.scale / 5)
    with pytest.raises(ValueError, match="`scale`"):
        gaussian_grid_error([-1, 1], scale=0)
    for levels, error in (([0, 0], ValueError), ([], ShapeError), ([1, np.inf], ValueError), (3.0, ShapeError)):
        with pytest.raises(error, match="`grid`"):
            gaussian_grid_error(levels)


def test_fp4_of_quant_has_the_error_of_its_grid():
    half = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    fit = gaussian_grid_error(np.concatenate([-half, half]))
    assert (fit.error, fit.scale) == (pytest.approx(0.0126849, abs=6e-8), pytest.approx(0.487079, abs=1e-6))
    values = np.random.default_rng(0).normal(size=2**20).astype(np.float32)
    scale = np.float32(fit.scale)
    back = quant.cast(quant.cast(values / scale, "e2m1"), "float32", fmt="e2m1") * scale
    # The standard error of the mean squared error of a million values is 2e-5.
    assert np.mean((values - back) ** 2) == pytest.approx(fit.error, abs=8e-5)


def test_frontier_runs():
    used = flops_utilization(np.array([73.5, 69.2, 61.2]) * 1e12, 191.5e12)
    assert (100 * used).round(2).tolist() == [38.38, 36.14, 31.96]
    assert training_flops(1e12, 20e12) == 1.2e26
    assert training_flops(1e12, 20e12) / 1e18 == pytest.approx(120e6)
    assert strong_scaling_efficiency(100 / (8 * 0.89), 1024, 100, 128) == pytest.approx(0.89)
    assert weak_scaling_efficiency(100 / 0.87, 100) == pytest.approx(0.87)
    assert pipeline_bubble([1, 8], [4, 8]).tolist() == [0, 7 / 15]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: flops_utilization(1, 0), "`peak`"),
        (lambda: flops_utilization([1, -1], 1), "`achieved` .* row 1"),
        (lambda: weak_scaling_efficiency(0, 1), "`seconds`"),
        (lambda: strong_scaling_efficiency(1, 0, 1, 1), "`devices`"),
        (lambda: strong_scaling_efficiency(1, 1.5, 1, 1), "`devices` must be whole"),
        (lambda: pipeline_bubble(0, 1), "`stages`"),
        (lambda: training_flops(np.nan, 1), "`parameters`"),
    ],
)
def test_bad_input_of_training_runs(call, words):
    with pytest.raises(ValueError, match=words):
        call()
