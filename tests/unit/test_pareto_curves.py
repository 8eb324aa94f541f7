"""Fronts as curves: against scipy and against quadrature, in all directions and at the edges."""

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError

KINDS = ["step", "linear", "monotone", "hull"]
SENSES = [["min", "min"], ["min", "max"], ["max", "min"], ["max", "max"]]


def front(seed, n=12, sense=("min", "min")):
    """A bent front with a few dominated points and a repeated one, shuffled, turned to the directions."""
    generator = np.random.default_rng(seed)
    x = np.sort(generator.random(n)) * 10
    y = np.sort(generator.random(n))[::-1] * 3
    points = np.column_stack([x, y])
    points = np.vstack([points, np.add(points[:4], 0.1), points[:1]])
    generator.shuffle(points)
    return points * [1 if each == "min" else -1 for each in sense], np.column_stack([x, y])


def test_linear_and_monotone_equal_scipy():
    interpolate = pytest.importorskip("scipy.interpolate")
    for seed in range(30):
        points, clean = front(seed, n=2 + seed % 9)
        at = np.linspace(clean[0, 0], clean[-1, 0], 101)
        smooth = interpolate.PchipInterpolator(*clean.T)
        straight = interpolate.interp1d(*clean.T)
        assert pareto.interp(points, at, "monotone") == pytest.approx(smooth(at), rel=1e-12, abs=1e-12)
        assert pareto.interp(points, at) == pytest.approx(straight(at), rel=1e-12, abs=1e-12)
        lo, hi = at[13], at[87]
        assert pareto.area(points, lo, hi, "monotone") == pytest.approx(smooth.integrate(lo, hi), rel=1e-12)


@pytest.mark.parametrize("sense", SENSES)
def test_directions_only_turn_the_picture(sense):
    points, clean = front(3, sense=sense)
    signs = [1 if each == "min" else -1 for each in sense]
    at = np.linspace(clean[0, 0] - 1, clean[-1, 0] + 1, 57)
    for kind in KINDS:
        expected = pareto.interp(clean, at, kind) * signs[1]
        got = pareto.interp(points, at * signs[0], kind, sense=sense)
        assert got == pytest.approx(expected, rel=1e-12, nan_ok=True)
        total = pareto.area(points, kind=kind, sense=sense)
        assert total == pytest.approx(pareto.area(clean, kind=kind) * signs[1], rel=1e-12)


@pytest.mark.parametrize("sense", SENSES)
def test_a_step_is_the_best_point_that_meets_the_limit(sense):
    points, _ = front(5, sense=sense)
    at = np.concatenate([points[:, 0], np.linspace(points[:, 0].min(), points[:, 0].max(), 40)])
    for limit, got in zip(at, pareto.interp(points, at, "step", sense=sense), strict=True):
        meets = points[:, 0] <= limit if sense[0] == "min" else points[:, 0] >= limit
        best = np.min if sense[1] == "min" else np.max
        assert got == best(points[meets, 1])


def test_curves_go_through_the_points_and_hull_is_never_worse():
    points, clean = front(7)
    for kind in KINDS[:3]:
        assert pareto.interp(points, clean[:, 0], kind) == pytest.approx(clean[:, 1], rel=1e-14)
    at = np.linspace(clean[0, 0], clean[-1, 0], 400)
    straight, smooth = pareto.interp(points, at), pareto.interp(points, at, "monotone")
    assert (pareto.interp(points, at, "hull") <= straight + 1e-12).all()
    assert (pareto.interp(points, at, "step") >= straight - 1e-12).all()
    assert (np.diff(smooth) <= 1e-12).all()


@pytest.mark.parametrize("kind", KINDS)
def test_areas_equal_a_fine_sum_and_add_up(kind):
    points, clean = front(9)
    lo, hi = clean[1, 0] + 0.01, clean[-2, 0] + 0.01
    edges = np.linspace(lo, hi, 200_001)
    middles = (edges[1:] + edges[:-1]) / 2
    assert pareto.area(points, lo, hi, kind) == pytest.approx(
        pareto.interp(points, middles, kind).mean() * (hi - lo), rel=1e-4
    )
    middle = (lo + hi) / 2
    parts = pareto.area(points, lo, middle, kind) + pareto.area(points, middle, hi, kind)
    assert parts == pytest.approx(pareto.area(points, lo, hi, kind), rel=1e-12)
    assert pareto.area(points, lo, lo, kind) == 0


def test_outside_of_the_range():
    points = [[1, 8], [2, 4], [4, 0]]
    for kind in KINDS:
        assert np.isnan(pareto.interp(points, [0.9, 4.1, np.nan], kind)).all()
        assert pareto.interp(points, [-np.inf, 0, 9, np.inf], kind, extrapolate=True).tolist() == [8, 8, 0, 0]
        assert np.isnan(pareto.area(points, 0, 3, kind))
        assert pareto.area(points, -1, 1, kind, extrapolate=True) == 16
        assert pareto.area(points, 5, 7, kind, extrapolate=True) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_no_point_one_point_and_constant_objectives(kind):
    none = np.empty((0, 2))
    assert np.isnan(pareto.interp(none, [1.0, 2.0], kind)).all()
    assert np.isnan(pareto.area(none, 0, 1, kind))
    assert np.isnan(pareto.interp([[3, 5]], [2, 3, 4], kind)).tolist() == [True, False, True]
    assert pareto.interp([[3, 5]], 3, kind) == 5
    assert pareto.area([[3, 5]], kind=kind) == 0
    assert pareto.area([[3, 5]], 1, 2, kind, extrapolate=True) == 5
    same = [[3, 5], [3, 6], [3, 5]]
    assert pareto.interp(same, 3, kind) == 5
    assert not pareto.curve_dominates(none, same, kind)
    assert pareto.crossings(none, same, kind).tolist() == []


@pytest.mark.parametrize("kind", KINDS)
def test_inverse_swaps_the_objectives(kind):
    points, _ = front(11, sense=["min", "max"])
    at = np.linspace(points[:, 1].min(), points[:, 1].max(), 33)
    swapped = pareto.interp(points[:, ::-1], at, kind, sense=["max", "min"])
    assert pareto.interp(points, at, kind, sense=["min", "max"], inverse=True) == pytest.approx(swapped, nan_ok=True)
    if kind != "step":
        there = pareto.interp(points, 5.0, "linear", sense=["min", "max"])
        assert pareto.interp(points, there, "linear", sense=["min", "max"], inverse=True) == pytest.approx(5)


@pytest.mark.parametrize("scale", [[1e-300, 1e300], [1e300, 1e-300], [1e-310, 1.0], [2.0**60, 2.0**-60]])
@pytest.mark.parametrize("kind", KINDS)
def test_scales_do_not_matter(kind, scale):
    points, clean = front(13)
    at = np.linspace(clean[0, 0], clean[-1, 0], 20)
    expected = pareto.interp(points, at, kind)
    got = pareto.interp(points * scale, at * scale[0], kind)
    # A step changes sides where a place next to a point is rounded.
    close = np.isclose(got / scale[1], expected, rtol=1e-5)
    assert close.mean() > (0.8 if kind == "step" else 0.99)


def test_ratio_at_matched_values():
    one, other = [[10, 4], [5, 8], [1, 9]], [[10, 2], [5, 4], [1, 5]]
    sense = ["max", "max"]
    assert pareto.ratio(one, other, [10, 7.5, 5, 11], sense=sense).tolist()[:3] == [2, 2, 2]
    assert np.isnan(pareto.ratio(one, other, 11, sense=sense))
    assert pareto.ratio([[0, 1]], [[0, 0]], 0) == np.inf
    assert np.isnan(pareto.ratio([[0, 0]], [[0, 0]], 0))


def test_crossings_and_dominance():
    one, other = [[0, 4], [4, 0]], [[0, 3], [4, 1]]
    for kind in ("linear", "monotone", "hull"):
        assert pareto.crossings(one, other, kind) == pytest.approx([2])
        assert not pareto.curve_dominates(one, other, kind)
        assert not pareto.curve_dominates(other, one, kind)
    assert pareto.crossings(one, one).tolist() == []
    assert not pareto.curve_dominates(one, one)
    assert pareto.curve_dominates(one, np.add(one, [0, 1]))
    assert pareto.curve_dominates(np.add(one, [0, 1]), one, sense=["max", "max"])
    assert not pareto.curve_dominates(one, [[5, 9], [6, 8]])
    assert pareto.curve_dominates([[0, 4], [2, 2], [4, 0]], [[0, 4], [4, 0.5]])
    # Twice: below, above, below.
    waves = [[0, 10], [1, 5], [5, 4.5], [6, 0]]
    assert len(pareto.crossings(waves, [[0, 9], [6, 1]])) == 3


def test_crossings_are_where_the_signs_change():
    for seed in range(20):
        (one, a), (other, b) = front(seed, 8), front(seed + 100, 9)
        for kind in KINDS:
            places = pareto.crossings(one, other, kind)
            lo, hi = max(a[0, 0], b[0, 0]), min(a[-1, 0], b[-1, 0])
            at = np.linspace(lo, hi, 4001)
            difference = pareto.interp(one, at, kind) - pareto.interp(other, at, kind)
            signs = np.sign(np.where(np.abs(difference) < 1e-9, 0, difference))
            signs = signs[signs != 0]
            assert len(places) >= (np.diff(signs) != 0).sum()
            assert (np.diff(places) > 0).all()
            assert all(lo <= place <= hi for place in places)


def test_bad_arguments():
    with pytest.raises(ShapeError, match="`front` must have 2 objectives, one per column, got 3"):
        pareto.interp([[1, 2, 3]], 1)
    with pytest.raises(ValueError, match="`kind` must be one of"):
        pareto.interp([[1, 2]], 1, "cubic")
    with pytest.raises(ValueError, match="NaN in row 0"):
        pareto.interp([[np.nan, 2]], 1)
    with pytest.raises(ValueError, match="finite on the front, got -inf in row 0, column 0"):
        pareto.area([[-np.inf, 2], [1, 1]])
    with pytest.raises(ValueError, match="`lo` must not be above `hi`"):
        pareto.area([[1, 2]], 3, 2)
    with pytest.raises(ValueError, match="`hi` must be finite"):
        pareto.area([[1, 2]], 3, np.inf)
    with pytest.raises(DtypeError, match="`at` must be real numbers"):
        pareto.interp([[1, 2]], "latency")
    with pytest.raises(ShapeError, match="`front_b` must have 2 objectives"):
        pareto.ratio([[1, 2]], [[1], [2]], 1)
    with pytest.raises(ValueError, match="a range that float64 holds"):
        pareto.interp([[-1.7e308, 2], [1.7e308, 1]], 1)
