"""Normalising, crowding, knees and choices by weights: numbers that a reader can check, and peers."""

import warnings

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError

FRONT = [[0, 10], [1, 5], [4, 1], [10, 0]]


def test_normalise_puts_the_front_between_0_and_1():
    points = np.random.default_rng(0).random((200, 4)) * [1, 100, 1e-3, 5] + 7
    sense = ["min", "max", "max", "min"]
    scaled = pareto.normalise(points, sense)
    front = scaled[pareto.mask(points, sense)]
    assert (front.min(axis=0) == 0).all()
    assert (front.max(axis=0) == 1).all()
    assert (scaled.max(axis=0) >= 1).all()
    assert (pareto.mask(scaled) == pareto.mask(points, sense)).all()


def test_normalise_by_given_bounds_and_without_a_range():
    assert pareto.normalise([[5, 5]], ["min", "max"], ideal=[0, 10], nadir=[10, 0]).tolist() == [[0.5, 0.5]]
    assert pareto.normalise([[3, 1], [3, 2]]).tolist() == [[0, 0], [0, 0]]
    assert pareto.normalise([[3, 1], [3, 2], [4, 0]])[:, 1].tolist() == [1, 2, 0]
    assert pareto.normalise([[3]]).tolist() == [[0]]
    assert pareto.normalise(np.empty((0, 2))).shape == (0, 2)
    assert pareto.normalise([[7.0]], ideal=7, nadir=7).tolist() == [[0]]
    with pytest.raises(ValueError, match="`nadir` must not be better than `ideal`, got 1"):
        pareto.normalise([[1, 1]], ideal=2, nadir=1)
    with pytest.raises(ShapeError, match="`ideal` must be one number or 2"):
        pareto.normalise([[1, 1]], ideal=[1, 2, 3])


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1.0, 1e300])
def test_normalise_of_extreme_ranges(scale):
    points = np.array([[-1.0, 1.0], [0.0, 0.5], [1.0, -1.0]]) * scale * (1.7 if scale == 1e300 else 1)
    assert pareto.normalise(points) == pytest.approx(np.array([[0, 1], [0.5, 0.75], [1, 0]]), abs=1e-3)
    top = np.array([[-1.7e308, 1.0], [1.7e308, 0.0]])
    assert pareto.normalise(top).tolist() == [[0, 1], [1, 0]]


def test_crowding_equals_pygmo():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pygmo = pytest.importorskip("pygmo")
    for seed in range(10):
        points = np.random.default_rng(seed).random((50, 2 + seed % 4))
        assert pareto.crowding(points) == pytest.approx(np.asarray(pygmo.crowding_distance(points)), rel=1e-12)


def test_crowding_equals_pymoo_times_objectives():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        survival = pytest.importorskip("pymoo.operators.survival.rank_and_crowding.metrics")
    points = np.random.default_rng(5).random((80, 3))
    assert pareto.crowding(points) / 3 == pytest.approx(survival.calc_crowding_distance(points), rel=1e-12)


def test_crowding_by_layers_is_that_of_each_layer():
    generator = np.random.default_rng(1)
    points, ranks = generator.random((90, 3)), generator.integers(-1, 4, size=90)
    got = pareto.crowding(points, ranks=ranks)
    for rank in range(4):
        assert (got[ranks == rank] == pareto.crowding(points[ranks == rank])).all()
    assert np.isnan(got[ranks == -1]).all()


def test_crowding_of_ties_and_small_sets():
    assert pareto.crowding([[1, 1], [1, 1], [1, 1]]).tolist() == [0, 0, 0]
    assert pareto.crowding([[1, 1], [2, 2]]).tolist() == [np.inf, np.inf]
    assert pareto.crowding([[1, 1]]).tolist() == [np.inf]
    assert pareto.crowding(np.empty((0, 2))).tolist() == []
    assert pareto.crowding([[0, 5], [1, 5], [2, 5], [3, 5]]).tolist() == [np.inf, 2 / 3, 2 / 3, np.inf]
    assert pareto.crowding([[0], [0], [1], [1]]).tolist() == [np.inf, 1, 1, np.inf]
    assert pareto.crowding([[-1.7e308], [0.0], [1.7e308]])[1] == 1
    with pytest.raises(ValueError, match="`points` must be finite, got inf in row 0, column 1"):
        pareto.crowding([[0, np.inf]])
    with pytest.raises(ShapeError, match="`ranks` must have shape"):
        pareto.crowding([[0, 1]], ranks=[0, 1])
    with pytest.raises(DtypeError, match="`ranks` must be integers"):
        pareto.crowding([[0, 1]], ranks=[0.5])


def test_knee_methods():
    bent = [[0, 10], [1, 8], [2, 2], [5, 1], [10, 0]]
    assert [pareto.knee(bent, method=method) for method in ("chord", "angle", "tradeoff")] == [2, 2, 2]
    assert pareto.knee([[0, -10], [1, -8], [2, -2], [5, -1], [10, 0]], ["min", "max"], method="angle") is not None
    # Sharp but shallow near one end: the angle sees it, the chord the middle.
    sharp = [[0, 10], [0.1, 9.0], [3, 5.9], [6, 3.0], [9, 0.5], [10, 0]]
    assert pareto.knee(sharp, method="angle") == 1
    dented = [[0, 2], [1, 1.5], [2, 0]]
    assert pareto.knee(dented, method="angle") == pareto.knee(dented) == 0
    space = [[0, 0, 9], [0, 9, 0], [9, 0, 0], [1, 1, 1], [4, 4, 0.5]]
    assert pareto.knee(space, method="tradeoff") == 3
    for method in ("angle", "tradeoff", "chord"):
        assert pareto.knee([[3, 3]], method=method) == 0
        assert pareto.knee([[0, 1], [1, 0]], method=method) == 0
        assert pareto.knee(np.empty((0, 2)), method=method) is None
        assert pareto.knee(np.multiply(bent, [1e300, 1e-300]), method=method) == 2
    with pytest.raises(ShapeError, match="2 objectives"):
        pareto.knee(space, method="angle")
    with pytest.raises(ValueError, match="`method` must be one of"):
        pareto.knee(bent, method="elbow")


def test_tradeoff_equals_all_pairs():
    points = np.random.default_rng(4).random((150, 3))
    front = np.flatnonzero(pareto.mask(points))
    scaled = pareto.normalise(points)[front]
    moves = scaled[None] - scaled[:, None]
    with np.errstate(all="ignore"):
        trades = np.maximum(moves, 0).sum(axis=2) / np.maximum(-moves, 0).sum(axis=2)
    np.fill_diagonal(trades, np.inf)
    assert pareto.knee(points, method="tradeoff") == front[trades.min(axis=1).argmax()]


def test_topsis_by_hand():
    scores = pareto.topsis([[0, 10], [5, 4], [10, 0]], weights=[1, 1])
    near, far = np.hypot(0.5, 0.4), np.hypot(0.5, 0.6)
    assert scores == pytest.approx([0.5, far / (near + far), 0.5])
    table = np.array([[250, 16], [200, 16], [300, 32.0]])
    unit = table / np.linalg.norm(table, axis=0)
    near = np.hypot(unit[:, 0] - unit[:, 0].min(), unit[:, 1].max() - unit[:, 1])
    far = np.hypot(unit[:, 0].max() - unit[:, 0], unit[:, 1] - unit[:, 1].min())
    assert pareto.topsis(table, ["min", "max"], scale="vector") == pytest.approx(far / (near + far))
    assert pareto.topsis([[1, 1], [1, 1]]).tolist() == [0.5, 0.5]
    assert pareto.topsis(np.empty((0, 2))).tolist() == []
    assert pareto.topsis(FRONT, weights=[1, 0]).argmax() == 0


def test_achievement_equals_pymoo_with_inverse_weights():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decomposition = pytest.importorskip("pymoo.decomposition.asf")
    points = np.random.default_rng(6).random((40, 3))
    weights = np.array([0.2, 0.3, 0.5])
    scaled = pareto.normalise(points)
    expected = decomposition.ASF().do(scaled, 1 / weights, utopian_point=np.zeros(3)).ravel()
    assert pareto.asf(points, weights=weights, rho=0) == pytest.approx(expected, rel=1e-12)


def test_pseudo_weights_equal_pymoo_on_a_front():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mcdm = pytest.importorskip("pymoo.mcdm.pseudo_weights")
    points = np.random.default_rng(7).random((200, 3))
    front = points[pareto.mask(points)]
    for weights in ([0.2, 0.3, 0.5], [1, 0, 0]):
        index, expected = mcdm.PseudoWeights(np.array(weights)).do(front, return_pseudo_weights=True)
        assert pareto.pseudo_weights(front) == pytest.approx(expected, rel=1e-12)
        assert pareto.select(front, weights=weights, method="pseudo") == index
    assert pareto.pseudo_weights([[1, 1]]).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("method", ["asf", "topsis", "sum", "pseudo"])
def test_select_takes_a_row_of_the_front(method):
    points = np.random.default_rng(8).random((100, 3))
    sense = ["max", "min", "max"]
    for weights in (None, [1, 2, 3], [0, 0, 1], 5.0):
        index = pareto.select(points, sense, weights=weights, method=method)
        assert pareto.mask(points, sense)[index]
    if method != "pseudo":
        assert pareto.select(points, sense, weights=[1, 0, 0], method=method) == points[:, 0].argmax()
    assert pareto.select(points * [1e200, 1e-200, 1], sense, weights=[3, 2, 1], method=method) == pareto.select(
        points, sense, weights=[3, 2, 1], method=method
    )
    assert pareto.select(np.empty((0, 2)), method=method) is None
    assert pareto.select([[4, 4], [4, 4]], method=method) == 0
    assert pareto.select([[np.nan, 4], [5, 5]], method=method, nan="drop") == 1
    assert pareto.select([[np.inf, 4], [3, 3]], method=method) == 1


def test_weights_are_checked():
    for weights in ([-1, 2], [0, 0]):
        with pytest.raises(ValueError, match="`weights` must not be negative, and not all 0"):
            pareto.select(FRONT, weights=weights)
    with pytest.raises(ShapeError, match="`weights` must be one number or 2"):
        pareto.topsis(FRONT, weights=[1, 2, 3])
    with pytest.raises(ValueError, match="`weights` must be finite"):
        pareto.asf(FRONT, weights=[np.nan, 1])
    with pytest.raises(ValueError, match="`rho` must be finite and not negative"):
        pareto.asf(FRONT, rho=-1)
    with pytest.raises(ValueError, match="`method` must be one of"):
        pareto.select(FRONT, method="best")
    with pytest.raises(ValueError, match="`points` must be finite"):
        pareto.topsis([[np.inf, 1]])
