"""The indicators against an obvious version, moocore and pymoo, and on sets that have no distance."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError

ALL = ["igd", "igd_plus", "gd", "gd_plus", "hausdorff", "epsilon"]


@pytest.fixture(scope="module")
def moocore():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("moocore")


def obvious(name, points, reference, sense):
    """All pairs at once; the formulas as the papers have them, all objectives minimized."""
    sign = np.array([1 if each == "min" else -1 for each in sense])
    points, reference = points * sign, reference * sign
    difference = points[:, None, :] - reference[None, :, :]
    distance = np.sqrt((difference**2).sum(axis=2))
    worse = np.sqrt((np.maximum(difference, 0) ** 2).sum(axis=2))
    igd, gd = distance.min(axis=0).mean(), distance.min(axis=1).mean()
    return {
        "igd": igd,
        "gd": gd,
        "igd_plus": worse.min(axis=0).mean(),
        "gd_plus": worse.min(axis=1).mean(),
        "hausdorff": max(igd, gd),
        "epsilon": difference.max(axis=2).min(axis=0).max(),
    }[name]


def cases():
    for seed, (n, m, d) in enumerate(
        [(1, 1, 1), (1, 40, 2), (70, 3, 2), (200, 130, 3), (300, 64, 5), (65, 65, 33), (9, 9, 100)]
    ):
        generator = np.random.default_rng(seed)
        points, reference = generator.normal(size=(n, d)), generator.normal(size=(m, d))
        yield points, reference, generator.choice(["min", "max"], size=d).tolist()


@pytest.mark.parametrize("name", ALL)
def test_indicators_equal_the_obvious_version_for_mixed_senses(name):
    for points, reference, sense in cases():
        expected = obvious(name, points, reference, sense)
        for threads in (1, 2, 4):
            got = getattr(pareto, name)(points, reference, sense, threads=threads)
            assert got == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", ALL)
def test_the_result_does_not_depend_on_threads_order_or_layout(name):
    generator = np.random.default_rng(0)
    points, reference = generator.random((3000, 4)), generator.random((2500, 4))
    indicator = getattr(pareto, name)
    kept = points.copy()
    value = indicator(points, reference, threads=1)
    assert indicator(points, reference, threads=2) == indicator(points, reference, threads=7) == value
    assert indicator(np.asfortranarray(points), reference[:, :]) == value
    assert indicator(list(points.T), [reference[:, k] for k in range(4)]) == value
    assert indicator(points[::-1], reference) == pytest.approx(value, rel=1e-14)
    assert (points == kept).all()


def test_distances_equal_moocore(moocore):
    generator = np.random.default_rng(1)
    for d in (2, 3, 6):
        points, reference = generator.random((500, d)) + 0.1, generator.random((300, d)) + 0.1
        for _ in range(4):
            maximise = generator.random(d) < 0.5
            sense = np.where(maximise, "max", "min").tolist()
            pairs = {
                "igd": moocore.igd,
                "igd_plus": moocore.igd_plus,
                "hausdorff": moocore.avg_hausdorff_dist,
                "epsilon": moocore.epsilon_additive,
            }
            for name, peer in pairs.items():
                expected = peer(points, reference, maximise=maximise.tolist())
                assert getattr(pareto, name)(points, reference, sense) == pytest.approx(expected, rel=1e-13)
            expected = moocore.epsilon_mult(points, reference, maximise=maximise.tolist())
            assert pareto.epsilon(points, reference, sense, kind="mult") == pytest.approx(expected, rel=1e-13)


def test_distances_equal_pymoo():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("pymoo")
        from pymoo.indicators.gd import GD
        from pymoo.indicators.gd_plus import GDPlus
        from pymoo.indicators.igd import IGD
        from pymoo.indicators.igd_plus import IGDPlus
    generator = np.random.default_rng(2)
    points, reference = generator.random((80, 3)), generator.random((90, 3))
    for name, peer in {"gd": GD, "gd_plus": GDPlus, "igd": IGD, "igd_plus": IGDPlus}.items():
        assert getattr(pareto, name)(points, reference) == pytest.approx(float(peer(reference)(points)), rel=1e-13)


def test_multiplicative_epsilon_of_mixed_senses_is_a_ratio_per_objective():
    points, reference = [[2.0, 3.0], [9.0, 5.0]], [[1.0, 6.0], [3.0, 3.0]]
    pairs = [[max(Fraction(int(p[0]), int(r[0])), Fraction(int(r[1]), int(p[1]))) for p in points] for r in reference]
    assert pareto.epsilon(points, reference, ["min", "max"], kind="mult") == float(max(min(row) for row in pairs))


def test_a_subset_is_at_distance_zero_and_a_better_set_has_no_worse():
    points = np.random.default_rng(3).random((200, 3))
    assert pareto.igd(points, points[::2]) == pareto.gd(points[::2], points) == 0
    assert pareto.igd_plus(points - 1, points) == pareto.gd_plus(points - 1, points) == 0
    assert pareto.epsilon(points - 1, points) == pytest.approx(-1)
    assert pareto.epsilon(points, points) == 0
    assert pareto.epsilon(points + 1, points + 1, kind="mult") == 1


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1e-160, 1e155, 1e300])
def test_squares_that_leave_the_range_do_not_spoil_a_distance(scale):
    points, reference = np.array([[3.0, 4.0], [50.0, 60.0]]) * scale, np.array([[0.0, 0.0]])
    for name in ("igd", "igd_plus", "hausdorff"):
        assert getattr(pareto, name)(points[:1], reference) == pytest.approx(5 * scale, rel=1e-6)
    assert pareto.igd(points, points) == 0


def test_ranges_from_tiny_to_huge():
    points, reference = [[1e-42, 1e300], [2e-42, 5e299]], [[3e-42, 1e300]]
    assert pareto.igd(points, reference) == pytest.approx(2e-42)
    assert pareto.igd_plus([[4e-42, 0]], [[1e-42, 1e300]]) == pytest.approx(3e-42)
    assert pareto.igd([[-1.7e308]], [[0.0]]) == pytest.approx(1.7e308)
    assert pareto.hausdorff(np.full((9, 1), 1.7e308), np.zeros((7, 1))) == pytest.approx(1.7e308)


def test_sets_without_rows():
    none, some = np.empty((0, 2)), [[1.0, 2.0]]
    for name in ("igd", "igd_plus", "epsilon"):
        assert getattr(pareto, name)(none, some) == math.inf
        with pytest.raises(ShapeError, match="`reference` must have 1 row or more"):
            getattr(pareto, name)(some, none)
    for name in ("gd", "gd_plus"):
        assert getattr(pareto, name)(some, none) == math.inf
        with pytest.raises(ShapeError, match="`points` must have 1 row or more"):
            getattr(pareto, name)(none, some)
    with pytest.raises(ShapeError, match="1 row or more"):
        pareto.hausdorff(none, some)


@pytest.mark.parametrize("name", ALL)
def test_what_has_no_distance_is_refused(name):
    indicator = getattr(pareto, name)
    with pytest.raises(ValueError, match="`points` must be free of NaN, got NaN in row 1, column 0"):
        indicator([[0, 1], [np.nan, 2]], [[0, 1]])
    with pytest.raises(ValueError, match="`reference` must be finite, got -inf in row 1, column 1"):
        indicator([[0, 1]], [[0, 1], [0, -np.inf]])
    assert indicator([[0, 1], [np.nan, 2]], [[0, 1], [2, np.nan]], nan="drop") == 0
    with pytest.raises(ShapeError, match="`reference` must have 2 objectives, one per column, got 3"):
        indicator([[0, 1]], [[0, 1, 2]])
    with pytest.raises(ShapeError, match="`sense` must have 2 entries"):
        indicator([[0, 1]], [[0, 1]], ["min"])
    with pytest.raises(ShapeError, match="d of 1 or more"):
        indicator(np.empty((3, 0)), np.empty((3, 0)))
    with pytest.raises(DtypeError, match="got object"):
        indicator([[0, None]], [[0, 1]])
    with pytest.raises(ValueError, match="`nan` must be one of"):
        indicator([[0, 1]], [[0, 1]], nan="worst")


def test_only_positive_numbers_have_a_ratio():
    with pytest.raises(ValueError, match="`reference` must be positive"):
        pareto.epsilon([[1, 1]], [[1, 0]], kind="mult")
    with pytest.raises(ValueError, match="`kind` must be one of"):
        pareto.epsilon([[1, 1]], [[1, 1]], kind="ratio")


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint64", "bool"])
def test_dtypes(dtype):
    points = np.random.default_rng(4).integers(0, 2, size=(50, 3)).astype(dtype)
    reference = np.random.default_rng(5).integers(0, 2, size=(40, 3)).astype(dtype)
    for name in ALL:
        expected = getattr(pareto, name)(points.astype(float), reference.astype(float))
        assert getattr(pareto, name)(points, reference) == expected
