"""Requests instead of tokens, prompts read by a smaller model, stages of a server, and saturation."""

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.first_token import kv_prediction_flops, kv_prediction_ratio, prompt_share
from paretoserve.metrics.saturation import SaturationCurve, fit_saturation, saturation_concurrency
from paretoserve.metrics.serving import (
    accuracy_retention,
    improves_along_frontier,
    request_efficiency,
    requests_per_second,
)
from paretoserve.metrics.stages import amdahl_speedup, stage_breakdown, throughput_loss


def test_tokens_that_are_twice_as_many_and_twice_as_fast_gain_nothing():
    assert request_efficiency(2000, 800, 1000, 400) == 1.0
    assert request_efficiency(1.63, 1.2636, 1, 1) == pytest.approx(1.2900, abs=5e-5)
    direct = requests_per_second(1630, 1263.6) / requests_per_second(1000, 1000)
    assert request_efficiency(1630, 1263.6, 1000, 1000) == pytest.approx(direct)
    assert request_efficiency([1, 2], [[1], [2], [4]], 1, 1).shape == (3, 2)
    np.testing.assert_allclose(accuracy_retention([0.504, 0.541], 0.5), [1.008, 1.082])


@pytest.mark.parametrize("position", range(4))
def test_rates_and_lengths_must_be_positive(position):
    arguments = [1.0] * 4
    arguments[position] = 0
    with pytest.raises(ValueError, match=r"above 0, got 0.0"):
        request_efficiency(*arguments)


def test_along_the_frontier_means_dominated_at_no_effort():
    reference = np.array([[1.0, 0.80], [2.0, 0.70]])
    assert improves_along_frontier(reference, reference), "equal points do not dominate each other"
    assert improves_along_frontier([[1.5, 0.75]], reference)
    assert not improves_along_frontier([[1.5, 0.75], [2.0, 0.699]], reference)
    rng = np.random.default_rng(4)
    for _ in range(100):
        new, old = rng.integers(0, 4, (2, 3, 2))
        by_hand = not any((o >= n).all() and (o > n).any() for n in new for o in old)
        assert improves_along_frontier(new, old) == by_hand
    with pytest.raises(ShapeError, match=r"`points` must have shape \(n, 2\)"):
        improves_along_frontier([[1, 2, 3]], reference)
    with pytest.raises(ShapeError, match="`reference` must have 2 dimensions and not be empty"):
        improves_along_frontier(reference, [])


def test_a_predicted_cache_costs_the_ratio_of_parameters():
    assert kv_prediction_flops(1000, 1.08e9, 0.27e9) == 2 * 1000 * 0.27e9 + 2 * 1.08e9
    more = kv_prediction_flops(1000, 1.08e9, 0.27e9, predictor_parameters=1e6) - kv_prediction_flops(
        1000, 1.08e9, 0.27e9
    )
    assert more == 2 * 1000 * 1e6
    ratios = kv_prediction_ratio([1, 10, 1000, 10**6], 1.08e9, 0.27e9)
    assert (np.diff(ratios) < 0).all()
    assert ratios[-1] == pytest.approx(0.25, abs=1e-5)
    with pytest.raises(ValueError, match=r"`prompt_tokens` .* got 0.0"):
        kv_prediction_ratio(0, 1, 1)


def test_the_prompt_dominates_short_answers():
    assert prompt_share(4.8, 4.8 / 12, 2) == pytest.approx(0.923, abs=5e-4)
    assert prompt_share(4.8, 0.4, 1) == 1
    with pytest.raises(ValueError, match=r"`output_tokens` .* got 0.0"):
        prompt_share(1, 1, 0)


def test_stages_of_a_server():
    breakdown = stage_breakdown([3.0, 1.5, 1.0, 4.5])
    np.testing.assert_allclose(breakdown.shares, [0.30, 0.15, 0.10, 0.45])
    assert (breakdown.bottleneck, breakdown.serial_throughput) == (3, pytest.approx(0.1))
    assert breakdown.pipelined_throughput == pytest.approx(0.2222, abs=5e-5)
    assert amdahl_speedup(0.45, 10) == pytest.approx(1.6807, abs=5e-5)
    assert amdahl_speedup(0.45, np.inf) == pytest.approx(1.8182, abs=5e-5)
    assert throughput_loss(0.1, 1 / 4.5) == pytest.approx(0.55)


def test_the_published_overhead_limits_what_faster_inference_gains():
    assert amdahl_speedup(1 - 0.56, np.inf) == pytest.approx(1.786, abs=5e-4)
    assert amdahl_speedup(1, np.inf) == np.inf
    assert amdahl_speedup([0, 1], 7).tolist() == [1, 7]


def test_replicas_move_the_bottleneck():
    breakdown = stage_breakdown([[3.0, 4.5], [1.0, 1.0]], replicas=[1, 3])
    assert breakdown.bottleneck.tolist() == [0, 0]
    np.testing.assert_allclose(breakdown.pipelined_throughput, [1 / 3, 1])
    np.testing.assert_allclose(breakdown.serial_throughput, [1 / 7.5, 0.5])


def test_bad_stages_are_refused():
    with pytest.raises(ValueError, match="`seconds` must not be 0 in all stages"):
        stage_breakdown([[1, 2], [0, 0]])
    with pytest.raises(ShapeError, match="`seconds` must have shape"):
        stage_breakdown([])
    with pytest.raises(ValueError, match=r"`replicas` .* got 0.0 in row 1"):
        stage_breakdown([1, 2], replicas=[1, 0])
    with pytest.raises(ValueError, match=r"`share` .* got 1.5"):
        amdahl_speedup(1.5, 2)
    with pytest.raises(ValueError, match=r"`factor` must be numbers above 0, got 0.0"):
        amdahl_speedup(0.5, 0)


def test_the_knee_of_a_saturating_curve():
    curve = SaturationCurve(1000, 8)
    assert curve.concurrency(0.95) == pytest.approx(152)
    users = np.arange(1, 65)
    assert saturation_concurrency(users, curve.predict(users), fraction=0.8, peak=curve.peak) == 32
    assert saturation_concurrency(users, curve.predict(users), fraction=1) == 64
    fitted = fit_saturation(users, curve.predict(users))
    assert (fitted.peak, fitted.half) == (pytest.approx(1000), pytest.approx(8))
    assert fitted.predict(0) == 0


def test_a_curve_that_dips_counts_where_it_first_gets_there():
    assert saturation_concurrency([1, 2, 4, 8], [10, 96, 50, 100]) == 2


def test_bad_curves_are_refused():
    with pytest.raises(ValueError, match="`concurrency` must rise, got 2 after 2 in row 2"):
        saturation_concurrency([1, 2, 2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"`throughput` must reach 0.95 of 100, got at most 3"):
        saturation_concurrency([1, 2, 3], [1, 2, 3], peak=100)
    with pytest.raises(ShapeError, match="`throughput` must have 2 rows"):
        saturation_concurrency([1, 2], [1])
    with pytest.raises(ValueError, match=r"`throughput` .* got nan in row 1"):
        saturation_concurrency([1, 2], [1, np.nan])
    with pytest.raises(ValueError, match="must rise with concurrency and level off"):
        fit_saturation([1, 2, 4], [1, 3, 9])
    with pytest.raises(ValueError, match="`throughput` must be finite numbers above 0"):
        fit_saturation([1, 2], [0, 1])
    with pytest.raises(ShapeError, match="2 rows or more"):
        fit_saturation([1], [1])
    with pytest.raises(ValueError, match="`fraction` must be below 1"):
        SaturationCurve(1, 1).concurrency(1)
