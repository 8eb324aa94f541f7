"""Efficiency of generated code: levels that end early, eff@k against all subsets and against the paper's package."""

import itertools
import math

import numpy as np
import pytest

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.metrics.benchmarks import unbiased_pass_at_k
from paretoserve.metrics.code_efficiency import eff_at_k, efficiency_score, hodges_lehmann, level_efficiency

INF = np.inf


def every_subset(scores, k):
    return np.mean([max(subset) for subset in itertools.combinations(scores, k)])


def test_published_vectors():
    scores = [0, 0.2, 0.5, 0.9, 1.1]
    assert [eff_at_k(scores, k) for k in range(1, 6)] == pytest.approx([0.54, 0.83, 0.98, 1.06, 1.10], abs=1e-12)
    assert [eff_at_k([0, 0, 1, 1, 1], k) for k in (1, 2, 3)] == pytest.approx([0.6, 0.9, 1.0], abs=1e-12)
    assert hodges_lehmann([1, 1.2, 5]) == pytest.approx(2.1, abs=1e-12)
    assert level_efficiency([0, 1.25, 1, 1], [1, 1, 1, 1])[1] == pytest.approx(0.75)
    assert efficiency_score([1, 0.75, 0.5, 0]) == 0.375


@pytest.mark.parametrize("seed", range(5))
def test_eff_at_k_is_the_mean_best_of_all_subsets(seed):
    random = np.random.default_rng(seed)
    scores = np.round(random.normal(size=(3, 9)), 1)
    for k in range(1, 10):
        assert eff_at_k(scores, k) == pytest.approx([every_subset(row, k) for row in scores], abs=1e-12)


def test_eff_at_k_of_zeros_and_ones_is_pass_at_k():
    for num, right in ((10, 0), (10, 3), (10, 10), (200, 7)):
        hits = np.arange(num) < right
        for k in (1, 2, num // 2, num):
            assert eff_at_k(hits, k) == pytest.approx(unbiased_pass_at_k(num, right, k), abs=1e-12)


def test_eff_at_k_of_many_samples_is_exact():
    scores = np.sort(np.random.default_rng(3).random(200))
    for k in (1, 2, 100, 199, 200):
        exact = sum(math.comb(r - 1, k - 1) * scores[r - 1] for r in range(k, 201)) / math.comb(200, k)
        assert eff_at_k(scores, k) == pytest.approx(exact, rel=1e-13)
    assert np.isfinite(eff_at_k(np.random.default_rng(4).random(20_000), 10_000))
    assert eff_at_k(np.ones(1000), 500) == pytest.approx(1.0, rel=1e-12)


def test_eff_at_k_takes_any_order_and_grows_with_k():
    scores = np.random.default_rng(5).random(30)
    curve = [eff_at_k(scores, k) for k in range(1, 31)]
    assert np.all(np.diff(curve) > 0)
    assert eff_at_k(scores[::-1], 7) == curve[6]
    assert curve[0] == pytest.approx(scores.mean())
    assert curve[-1] == scores.max()


def test_the_packages_numbers_agree():
    oracle = pytest.importorskip("enam.evaluate")
    random = np.random.default_rng(6)
    for num in (1, 5, 200):
        scores = random.random(num)
        for k in {1, (num + 1) // 2, num}:
            assert eff_at_k(scores, k) == pytest.approx(oracle.calc_eff_at_k(scores, k), rel=1e-12)
            right = int(random.integers(num + 1))
            assert unbiased_pass_at_k(num, right, k) == pytest.approx(oracle.calc_pass_at_k(num, right, k), abs=1e-12)
    for num in (1, 2, 6):
        times = random.random(num)
        assert hodges_lehmann(times) == pytest.approx(oracle.calc_exec_time(times), rel=1e-14)


def test_hodges_lehmann_takes_rows_and_shrugs_off_an_outlier():
    assert hodges_lehmann([[1, 1.2, 5], [2, 2, 2]]) == pytest.approx([2.1, 2.0])
    assert hodges_lehmann([4.0]) == 4.0
    assert hodges_lehmann([1, 1, 1, 1, 1, 100]) == 1.0


def test_levels_after_the_first_that_does_not_end_are_zero():
    reference = [0.1, 1, 2, 4]
    got = level_efficiency([[0.1, 1, INF, 1], [0.1, 9, 1, 1], [INF, 1, 1, 1], [0.1, 8, 2, 4]], reference)
    assert got[0] == pytest.approx([1, 1, 0, 0])
    assert got[1] == pytest.approx([1, 0, 0, 0])
    assert got[2] == pytest.approx([0, 0, 0, 0])
    # Just at the limit: no efficiency, but not stopped either.
    assert got[3] == pytest.approx([1, 0, 1, 1])


def test_a_wrong_program_has_no_efficiency_at_any_level():
    got = level_efficiency([[0, 1, 1, 1], [0, 1, 1, 1]], [1, 1, 1, 1], correct=[True, False])
    assert got.tolist() == [[1, 1, 1, 1], [0, 0, 0, 0]]


def test_a_faster_program_scores_above_one():
    got = level_efficiency([0, 0.5, 0, 1], [1, 1, 1, 1])
    assert got == pytest.approx([1, 1.5, 2, 1])
    assert efficiency_score(got) > 1


def test_a_level_without_weight_sets_no_limit():
    # Level 0 with a reference of 50 s would set a limit of 100 s.
    assert level_efficiency([0.1, 3, 1, 1], [50, 1, 1, 1]) == pytest.approx([1, 0, 0, 0])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: eff_at_k([0.1, 0.2], 3), ValueError, "`k` must be at most the number of samples, 2, got 3"),
        (lambda: eff_at_k([0.1, 0.2], 0), ValueError, "`k` .* at least 1 .*got 0"),
        (lambda: eff_at_k([0.1, np.nan], 1), ValueError, "`score` .* got nan in row 1"),
        (lambda: eff_at_k([], 1), ShapeError, "`score` must have at least one entry"),
        (lambda: eff_at_k(0.5, 1), ShapeError, "`score` must have at least one entry"),
        (lambda: eff_at_k(["fast"], 1), DtypeError, "`score` must be real numbers"),
        (lambda: hodges_lehmann([1, -1]), ValueError, "`times_s` .* got -1.0 in row 1"),
        (lambda: hodges_lehmann([]), ShapeError, "`times_s`"),
        (lambda: level_efficiency([1, 1, 1], [1, 1, 1]), ShapeError, "`time_s` must have one column per weight"),
        (lambda: level_efficiency([1] * 4, [1, 1, 0, 1]), ValueError, "`reference_s` .* above 0.* got 0.0 in row 2"),
        (lambda: level_efficiency([1] * 4, [1] * 4, limit_factor=1), ValueError, "`limit_factor`"),
        (lambda: level_efficiency([1] * 4, [1] * 4, correct=[True, True]), ShapeError, "`correct`"),
        (lambda: efficiency_score([1, 1], hardness=[0, 0]), ValueError, "`hardness` must have a weight above 0"),
        (lambda: efficiency_score([1, 1]), ShapeError, "`efficiency` must have one column per weight, 4"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
