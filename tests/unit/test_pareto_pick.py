"""The pick under limits: what it takes, what was cut, and what mixes to meet a limit exactly."""

import json

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError

# Milliseconds per token, and dollars per million tokens.
POINTS = [[10, 4.0], [20, 2.0], [40, 1.0], [30, 5.0], [15, 3.9]]


def test_the_cheapest_row_within_a_limit():
    choice = pareto.pick(POINTS, best=1, where={0: (None, 25)})
    assert (choice.index, choice.values, choice.mixture) == (1, (20.0, 2.0), ((1, 1.0),))
    assert (choice.num_met, choice.cut, choice.nearest, choice.missed_by) == (3, {0: 2}, None, {})
    assert pareto.pick(POINTS, best=-1, where=[(None, 20), None]).index == 1
    assert pareto.pick(POINTS, best=1).index == 2
    assert pareto.pick(POINTS, ["min", "max"], best=1, where={0: (12, 35), 1: (None, 4)}).index == 4


def test_equal_picks_are_the_first_that_nothing_dominates():
    assert pareto.pick([[5, 1], [3, 1], [3, 1], [4, 1]], best=1).index == 1
    assert pareto.pick([[5, 1], [3, 1]], ["max", "min"], best=1).index == 0


def test_what_misses_least_when_nothing_meets():
    choice = pareto.pick(POINTS, best=1, where={0: (None, 12), 1: (None, 3.8)})
    assert (choice.index, choice.values, choice.mixture, choice.num_met) == (None, (), (), 0)
    assert choice.cut == {0: 4, 1: 3}
    assert choice.nearest == 0
    assert choice.missed_by == pytest.approx({0: 0, 1: 0.2})
    assert json.loads(json.dumps(choice.to_dict()))["missed_by"]["1"] == pytest.approx(0.2)
    assert pareto.pick([[5, np.inf], [np.inf, 1]], best=1, where={0: (None, 4)}).nearest == 0
    nothing = pareto.pick(np.empty((0, 2)), where={0: (None, 4)})
    assert (nothing.index, nothing.nearest, nothing.cut) == (None, None, {0: 0})


@pytest.mark.parametrize("signs", [[1, 1], [-1, 1], [1, -1], [-1, -1]])
def test_interpolation_meets_the_limit_exactly(signs):
    sense = ["min" if sign == 1 else "max" for sign in signs]
    points = np.array(POINTS) * signs
    for limit in (12.0, 18.0, 33.0):
        bounds = (None, limit) if signs[0] == 1 else (-limit, None)
        choice = pareto.pick(points, sense, best=1, where={0: bounds}, interpolate=True)
        assert len(choice.mixture) == 2
        assert sum(share for _, share in choice.mixture) == 1
        assert choice.values[0] == pytest.approx(limit * signs[0])
        expected = pareto.interp(points, limit * signs[0], sense=sense)
        assert choice.values[1] == pytest.approx(float(expected))
        hull = pareto.pick(points, sense, best=1, where={0: bounds}, interpolate="hull")
        assert hull.values[1] == pytest.approx(float(pareto.interp(points, limit * signs[0], "hull", sense=sense)))
        assert hull.values[1] * signs[1] <= choice.values[1] * signs[1] + 1e-12
        assert choice.index == max(choice.mixture, key=lambda part: part[1])[0]


def test_interpolation_at_the_ends_of_the_front():
    at = {limit: pareto.pick(POINTS, best=1, where={0: (None, limit)}, interpolate=True) for limit in (9, 10, 20, 99)}
    assert (at[9].index, at[9].nearest, at[9].missed_by) == (None, 0, {0: 1.0})
    assert [at[limit].mixture for limit in (10, 20, 99)] == [((0, 1.0),), ((1, 1.0),), ((2, 1.0),)]
    assert pareto.pick([[1, 2]], best=0, where={1: (None, 3)}, interpolate=True).index == 0


def test_large_integers_are_limited_exactly():
    points = np.array([[2**53, 1], [2**53 + 1, 0]], dtype=np.int64)
    assert pareto.pick(points, best=1, where={0: (None, 2**53)}).index == 0


def test_nan():
    points = [[1, np.nan], [2, 3]]
    with pytest.raises(ValueError, match="NaN in row 0, column 1"):
        pareto.pick(points, best=1)
    choice = pareto.pick(points, best=0, where={0: (None, 1)}, nan="drop")
    assert (choice.index, choice.nearest, choice.cut) == (None, 1, {0: 1})


def test_bad_arguments():
    with pytest.raises(ValueError, match="`best` must name one of the objectives 0 to 1, got 2"):
        pareto.pick(POINTS, best=2)
    with pytest.raises(DtypeError, match="`best` must be the index"):
        pareto.pick(POINTS, best="cost")
    with pytest.raises(ValueError, match="the high limit of objective 0 and nothing else"):
        pareto.pick(POINTS, best=1, interpolate=True)
    with pytest.raises(ValueError, match="the high limit of objective 0 and nothing else"):
        pareto.pick(POINTS, best=1, where={0: (3, None)}, interpolate=True)
    with pytest.raises(ShapeError, match="2 objectives to interpolate"):
        pareto.pick([[1, 2, 3]], where={1: (None, 3)}, interpolate=True)
    with pytest.raises(ValueError, match="`interpolate` must be one of"):
        pareto.pick(POINTS, interpolate="step")
    with pytest.raises(ValueError, match="names objective 7"):
        pareto.pick(POINTS, where={7: (0, 1)})
