"""SharpeRatio@k: the curves of SCOPE-RL's documentation with both divisors and tie rules, errors of estimates."""

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.policies import (
    normalized_squared_error,
    rank_correlation,
    sharpe_ratio_at_k,
    top_policies,
)

# Example 1 of the documentation: policies with true values, two estimators, a baseline of 8.
TRUE = [1, 3, 4, 5, 6, 7, 8, 9, 10, 12]
X = [1, 3, 4, 5, 6, 7, 8, 2, 2, 12]
Y = [1, 11, 11, 5, 6, 7, 8, 9, 10, 12]
CURVE_X = [1.4142, 1.5119, 1.5209, 1.4805, 1.4142, 1.3369, 1.3139, 1.3631, 1.1853]
CURVE_Y = [0.7071, 0.8109, 0.9039, 1.0226, 1.1421, 1.2472, 1.3242, 1.3631, 1.1853]
KS = np.arange(2, 11)


def by_hand(true, order, baseline, k, ddof):
    top = [true[i] for i in order[:k]]
    mean = sum(top) / k
    std = (sum((value - mean) ** 2 for value in top) / (k - ddof)) ** 0.5
    return max(0, max(top) - baseline) / std


def test_published_curves():
    assert sharpe_ratio_at_k(TRUE, X, 8, KS) == pytest.approx(CURVE_X, abs=5e-5)
    assert sharpe_ratio_at_k(TRUE, Y, 8, KS) == pytest.approx(CURVE_Y, abs=5e-5)


def test_the_tie_rule_matters_at_one_k_only():
    first = sharpe_ratio_at_k(TRUE, X, 8, KS, ties="first")
    last = sharpe_ratio_at_k(TRUE, X, 8, KS, ties="last")
    assert first[KS == 8] == pytest.approx(1.3720, abs=5e-5)
    assert (first != last).tolist() == (KS == 8).tolist()


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("ties", ["first", "last"])
def test_curves_equal_the_formula_by_hand(ddof, ties):
    for estimate in (X, Y):
        sign = -1 if ties == "last" else 1
        order = sorted(range(10), key=lambda i: (-estimate[i], sign * i))
        expected = [by_hand(TRUE, order, 8, k, ddof) for k in KS]
        assert sharpe_ratio_at_k(TRUE, estimate, 8, KS, ddof=ddof, ties=ties) == pytest.approx(expected, abs=1e-12)


def test_the_documentations_divisor_gives_another_curve():
    ratio = sharpe_ratio_at_k(TRUE, X, 8, KS, ddof=0) / sharpe_ratio_at_k(TRUE, X, 8, KS)
    assert ratio == pytest.approx(np.sqrt(KS / (KS - 1)))


def test_errors_of_the_example_are_equal_but_risks_are_not():
    for estimate in (X, Y):
        assert rank_correlation(TRUE, estimate) == pytest.approx(0.413, abs=5e-4)
        assert normalized_squared_error(TRUE, estimate) * (12 - 1) ** 2 == pytest.approx(11.3)
    assert np.all(sharpe_ratio_at_k(TRUE, X, 8, KS[:7]) != sharpe_ratio_at_k(TRUE, Y, 8, KS[:7]))


def test_one_policy_has_no_spread():
    assert np.isnan(sharpe_ratio_at_k(TRUE, X, 8, 1))
    assert sharpe_ratio_at_k(TRUE, X, 8, 1, ddof=0) == np.inf
    assert sharpe_ratio_at_k(TRUE, X, 8, 1, ddof=0, clip=100) == 100
    assert sharpe_ratio_at_k([5, 5, 1], [3, 2, 1], 5, 2) == 0
    assert sharpe_ratio_at_k([5, 5, 1], [3, 2, 1], 4, 2) == np.inf


def test_a_loss_is_cut_at_zero():
    assert sharpe_ratio_at_k([1, 2, 3], [3, 2, 1], 10, [2, 3]).tolist() == [0, 0]


@pytest.mark.parametrize("seed", range(5))
def test_top_policies_equal_the_obvious_loop(seed):
    random = np.random.default_rng(seed)
    true, estimate = random.normal(size=12), np.round(random.normal(size=12), 1)
    order = sorted(range(12), key=lambda i: (-estimate[i], -i))
    top = top_policies(true, estimate, np.arange(1, 13), safety=0.2)
    for k in range(1, 13):
        chosen = true[order[:k]]
        assert top.best[k - 1] == chosen.max()
        assert top.worst[k - 1] == chosen.min()
        assert top.mean[k - 1] == pytest.approx(chosen.mean())
        assert top.regret[k - 1] == true.max() - chosen.max()
        assert top.violation_rate[k - 1] == np.mean(chosen < 0.2)
    assert np.isnan(top.std[0])
    assert np.isnan(top_policies(true, estimate, 3).violation_rate)
    assert isinstance(top_policies(true, estimate, 3).best, float)


def test_rank_correlation_equals_scipys():
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(7)
    for num in (2, 5, 40):
        true, estimate = random.permutation(num), np.round(random.normal(size=num) * 2)
        estimate[0] += 0.5
        assert rank_correlation(true, estimate) == pytest.approx(stats.spearmanr(true, estimate).statistic)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: sharpe_ratio_at_k([1, 2], [1, 2], 0, 3), ValueError, "`k` must be at most the number of policies, 2"),
        (lambda: sharpe_ratio_at_k([1, 2], [1, 2], 0, 0), ValueError, "`k` .* got 0"),
        (lambda: sharpe_ratio_at_k([1, np.nan], [1, 2], 0, 2), ValueError, "`true` .* got nan in row 1"),
        (lambda: sharpe_ratio_at_k([1, 2], [1, np.inf], 0, 2), ValueError, "`estimated` .* got inf in row 1"),
        (lambda: sharpe_ratio_at_k([1, 2], [1, 2], np.nan, 2), ValueError, "`baseline`"),
        (
            lambda: sharpe_ratio_at_k([1, 2], [1, 2], 0, 2, ddof=2),
            ValueError,
            "`ddof` must be finite numbers of at least 0 and at most 1, got 2",
        ),
        (lambda: sharpe_ratio_at_k([1, 2], [1, 2], 0, 2, ties="random"), ValueError, "`ties` must be"),
        (lambda: sharpe_ratio_at_k([1, 2], [1, 2], 0, 2, clip=0), ValueError, "`clip`"),
        (lambda: sharpe_ratio_at_k([], [], 0, 1), ShapeError, "`true`"),
        (lambda: top_policies([1, 2], [1, 2, 3], 1), ShapeError, "`estimated` must have the shape of `true`"),
        (lambda: rank_correlation([1, 1], [1, 2]), ValueError, "`true` must have two values that differ"),
        (lambda: rank_correlation([1, 2], [3, 3]), ValueError, "`estimated` must have two values that differ"),
        (lambda: normalized_squared_error([1, 1], [1, 2]), ValueError, "`true` must have two values that differ"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
