"""What benchmarks tell: pass@k by both meanings, signal over noise, decisions of small scales."""

import itertools
import math

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.benchmarks import (
    benchmark_noise,
    benchmark_signal,
    decision_accuracy,
    empirical_pass_at_k,
    signal_to_noise,
    unbiased_pass_at_k,
)


def test_unbiased_pass_at_k_equals_the_binomials():
    num = 40
    for right, k in itertools.product(range(num + 1), range(1, num + 1)):
        exact = 1 - math.comb(num - right, k) / math.comb(num, k)
        assert unbiased_pass_at_k(num, right, k) == pytest.approx(exact, abs=1e-14)


def test_unbiased_pass_at_k_broadcasts_and_grows():
    table = unbiased_pass_at_k(200, np.arange(201)[:, None], np.arange(1, 201))
    assert table.shape == (201, 200)
    assert np.all(np.diff(table, axis=0) >= -1e-15)
    assert np.all(np.diff(table, axis=1) >= -1e-15)
    assert table[0].tolist() == [0.0] * 200
    assert table[200].tolist() == [1.0] * 200
    assert unbiased_pass_at_k(10**9, 5 * 10**8, 5 * 10**8) == 1.0


def test_unbiased_pass_at_k_is_unbiased():
    chance, num, k = 0.3, 8, 3
    counts = np.arange(num + 1)
    share = np.array([math.comb(num, c) * chance**c * (1 - chance) ** (num - c) for c in counts])
    assert (share * unbiased_pass_at_k(num, counts, k)).sum() == pytest.approx(1 - (1 - chance) ** k, abs=1e-14)


def test_empirical_pass_at_k_grows_on_one_set_of_tasks_but_not_across_sets():
    hits = np.random.default_rng(0).random((50, 5)) < 0.3
    curve = [empirical_pass_at_k(hits, k) for k in range(1, 6)]
    assert np.all(np.diff(curve) >= 0)
    assert curve[4] == hits.any(axis=1).mean()
    # The trap of the paper's table: pass@1 over all tasks beside pass@3 over the hard ones.
    hard = ~hits[:, 0]
    assert empirical_pass_at_k(hits[hard], 1) == 0 < curve[0]


def test_published_vectors_of_signal_and_noise():
    assert benchmark_signal([0.4, 0.5, 0.6]) == pytest.approx(0.4)
    assert benchmark_noise([0.58, 0.60, 0.62, 0.60]) == pytest.approx(0.0235702, abs=5e-8)
    assert signal_to_noise([0.4, 0.5, 0.6], [0.58, 0.60, 0.62, 0.60]) == pytest.approx(16.97056, abs=5e-6)
    assert decision_accuracy([0.1, 0.2, 0.3, 0.4], [0.2, 0.1, 0.35, 0.5]) == pytest.approx(0.83333, abs=5e-6)


def test_signal_and_noise_do_not_depend_on_the_scale():
    scores = np.random.default_rng(1).random((4, 30))
    for factor in (0.01, 3.0, -1.0):
        assert benchmark_signal(factor * scores) == pytest.approx(benchmark_signal(scores))
        assert benchmark_noise(factor * scores) == pytest.approx(benchmark_noise(scores))


def test_no_noise_is_an_infinite_ratio():
    assert signal_to_noise([1, 2], [3, 3]) == math.inf
    assert signal_to_noise([2, 2], [3, 4]) == 0


def test_a_tie_counts_as_not_above():
    assert decision_accuracy([1, 1], [1, 2]) == 1
    assert decision_accuracy([1, 1], [2, 1]) == 0
    assert decision_accuracy([1, 2, 3], [3, 2, 1]) == 0


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: unbiased_pass_at_k(5, [3, 6], 1), ValueError, "`num_correct` .* `num_samples`, 5, got 6 in row 1"),
        (lambda: unbiased_pass_at_k(5, 3, 6), ValueError, "`k` must be at most `num_samples`, 5, got 6"),
        (lambda: unbiased_pass_at_k(5, 3, 0), ValueError, "`k`"),
        (lambda: unbiased_pass_at_k(5, 2.5, 1), ValueError, "`num_correct` must be whole numbers"),
        (lambda: unbiased_pass_at_k(10**12, 1, 1), ValueError, "`num_samples` .* at most 1e\\+09"),
        (lambda: unbiased_pass_at_k([5, 6], [1, 2, 3], 1), ShapeError, "must broadcast"),
        (lambda: empirical_pass_at_k([[0, 1]], 3), ValueError, "`k` must be at most the number of samples, 2"),
        (lambda: empirical_pass_at_k([[0, 2]], 1), ValueError, r"`hits` .* got 2.0 at \(0, 1\)"),
        (lambda: empirical_pass_at_k([], 1), ShapeError, "`hits`"),
        (lambda: benchmark_signal([-1, 1]), ValueError, "`scores` must have a mean other than 0"),
        (lambda: benchmark_noise([]), ShapeError, "`scores` must have at least one score"),
        (lambda: signal_to_noise([1, 1], [2, 2]), ValueError, "must not both be all equal"),
        (lambda: decision_accuracy([1], [1]), ValueError, "`small` must have at least 2 models"),
        (lambda: decision_accuracy([1, 2], [1, 2, 3]), ShapeError, "`target` must have the shape of `small`"),
        (lambda: decision_accuracy([1, np.nan], [1, 2]), ValueError, "`small` .* got nan in row 1"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
