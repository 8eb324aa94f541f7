"""Dominance of noisy pairs, and the measurement that tells most, against numpy and closed forms."""

import math

import numpy as np
import pytest

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto import dominance_probability, front_probability, most_informative


def dominates(a, b):
    return (a <= b).all(axis=-1) & (a < b).any(axis=-1)


@pytest.mark.parametrize("d", [1, 2, 4])
def test_pairs_are_counted(d):
    generator = np.random.default_rng(d)
    for n in (1, 5, 130):
        samples = generator.integers(0, 4, (20, n, d)).astype(float)
        expected = np.mean([dominates(draw[:, None], draw[None]) for draw in samples], axis=0)
        assert np.array_equal(dominance_probability(samples), expected)
        assert np.array_equal(dominance_probability(-samples, sense="max", threads=3), expected)
        rows, others = generator.integers(0, n, 4), generator.integers(0, n, 3)
        assert np.array_equal(dominance_probability(samples, rows=rows, others=others), expected[rows][:, others])
        assert dominance_probability(samples, rows=0, others=n - 1) == expected[0, n - 1]
    samples[generator.random(samples.shape) < 0.1] = np.nan
    whole = ~np.isnan(samples).any(axis=2)
    pairs = whole[:, :, None] & whole[:, None] & dominates(samples[:, :, None], samples[:, None])
    assert np.array_equal(dominance_probability(samples, nan="drop"), pairs.mean(axis=0))
    filled = np.nan_to_num(samples, nan=1e9)
    assert np.array_equal(dominance_probability(samples, nan="worst"), dominance_probability(filled))


def test_normal_pairs_are_exact():
    generator = np.random.default_rng(0)
    mean, std = generator.normal(size=(12, 3)), generator.random((12, 3))
    std[3] = 0
    mean[4], std[4] = mean[3], 0
    own = dominance_probability(mean=mean, std=std, sense=["min", "max", "min"])
    signs = np.array([1, -1, 1])
    for i in range(12):
        for j in range(12):
            spread = np.hypot(std[i], std[j])
            gap = (mean[j] - mean[i]) * signs
            if i == j or {i, j} == {3, 4}:
                assert own[i, j] == 0
                continue
            expected = math.prod(0.5 * math.erfc(-a / b / math.sqrt(2)) for a, b in zip(gap, spread, strict=True))
            assert own[i, j] == pytest.approx(expected, rel=1e-13, abs=1e-300)
    drawn = dominance_probability(
        mean=mean, cov=np.einsum("nk,kl->nkl", std**2, np.eye(3)), sense=["min", "max", "min"], num_samples=20_000
    )
    assert np.abs(drawn - own).max() < 0.02
    certain = dominance_probability(mean=[[0, 0], [0, 1], [0, 0]], std=[[0, 0]] * 3)
    assert certain.tolist() == [[0, 1, 0], [0, 0, 0], [0, 1, 0]]
    partly = dominance_probability(mean=[[0, 0], [0, 0]], std=[[0, 1], [0, 1]])
    assert partly.tolist() == [[0, 0.5], [0.5, 0]]
    assert dominance_probability(mean=[[-np.inf], [0.0]], std=1.0).tolist() == [[0, 1], [0, 0]]


def explained(samples, on):
    """What regression on each row's values explains of all memberships, less chance; in plain numpy."""
    num_draws, n, d = samples.shape
    gain = np.zeros(n)
    for row in range(n):
        if not on[:, row].any():
            continue
        x = np.column_stack([np.ones(num_draws), samples[:, row]])
        for other in range(n):
            y = on[:, other]
            if 0 < y.mean() < 1:
                rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
                share = 1 - rest.var() / y.var()
                gain[row] += y.var() * max(0.0, 1 - (1 - share) * (num_draws - 1) / (num_draws - 1 - d))
    return gain


@pytest.mark.parametrize("d", [1, 2, 3])
def test_gain_is_what_regression_explains(d):
    from paretoserve import pareto

    generator = np.random.default_rng(d)
    samples = generator.random((15, d)) + generator.normal(0, 0.2, (200, 15, d))
    on = np.array([pareto.mask(draw) for draw in samples]).astype(float)
    measured = generator.integers(1, 9, 15)
    result = most_informative(samples, measured=measured)
    expected = explained(samples, on) / (1 + measured)
    assert result.gain == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert np.array_equal(result.probability, on.mean(axis=0))
    assert result.doubt == pytest.approx((on.mean(axis=0) * (1 - on.mean(axis=0))).sum())
    assert np.array_equal(result.rows, np.argsort(-result.gain, kind="stable"))
    for threads in (1, 2, 5):
        assert np.array_equal(most_informative(samples, measured=measured, threads=threads).gain, result.gain)


def test_measuring_the_advised_row_takes_doubt_away():
    mean = np.array([[1.0, 2.0], [2.0, 1.0], [2.05, 1.05], [1.5, 1.6], [4.0, 4.0]])
    std = np.array([[0.05] * 2, [0.02] * 2, [0.3] * 2, [0.05] * 2, [0.3] * 2])
    result = most_informative(mean=mean, std=std, num_samples=4_000)
    assert result.rows[0] == 2
    assert result.gain[4] == 0
    before = result.doubt
    doubts = []
    for row in range(4):
        known = std.copy()
        known[row] /= math.sqrt(2)
        generator = np.random.default_rng(0)
        after = []
        for _ in range(40):
            moved = mean.copy()
            moved[row] += generator.normal(0, known[row])
            p = front_probability(mean=moved, std=known, num_samples=1_000).probability
            after.append((p * (1 - p)).sum())
        doubts.append(before - np.mean(after))
    assert int(np.argmax(doubts)) == 2
    assert result.to_dict()["rows"] == result.rows.tolist()
    calm = most_informative(mean=mean, std=0.0)
    assert calm.doubt == 0
    assert (calm.gain == 0).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dominance_probability([[[1], [2]]], rows=2), ValueError, "`rows` must be from 0 to 1"),
        (lambda: dominance_probability([[[1], [2]]], others=[-1]), ValueError, "`others`"),
        (lambda: dominance_probability([[[1], [2]]], rows=[0.5]), DtypeError, "`rows`"),
        (lambda: dominance_probability([[[1], [2]]], rows=[[0]]), ShapeError, "`rows`"),
        (lambda: dominance_probability(mean=np.zeros((9000, 1)), std=1), ValueError, "at most 67108864 pairs"),
        (lambda: dominance_probability([[[np.nan]]]), ValueError, "free of NaN"),
        (lambda: most_informative([[[1], [2]]]), ValueError, "`num_samples` must be at least 4"),
        (lambda: most_informative(mean=[[1]], std=1, measured=0), ValueError, "`measured` must be positive"),
        (lambda: most_informative(mean=[[1]], std=1, measured=[1, 2]), ShapeError, "`measured`"),
        (lambda: most_informative([[[np.nan]]] * 9, nan="drop"), ValueError, "`samples` must be free of NaN here"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
