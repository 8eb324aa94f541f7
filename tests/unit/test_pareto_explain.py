"""`pareto.explain`: dominators against all pairs, and changes that do lead to the front while smaller ones do not."""

import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from _layers import dominance, random_case
from paretoserve import pareto
from paretoserve.errors import ShapeError


def improved(points, row, amounts, senses):
    """Return the points with the row better by `amounts`."""
    better = points.astype(float).copy()
    better[row] += np.where(np.array(senses) == "max", 1, -1) * amounts
    return better


def test_dominators_of_random_small_tables_equal_all_pairs():
    for seed in range(2_000):
        points, senses, nan = random_case(seed)
        if not len(points):
            continue
        beats, present = dominance(points, senses, nan)
        row = seed % len(points)
        why = pareto.explain(points, row, senses, nan=nan)
        assert why.takes_part == present[row]
        assert why.dominators == tuple(np.flatnonzero(beats[:, row]))
        assert why.on_front == (present[row] and not beats[:, row].any())


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_epsilons_and_changes_lead_to_the_front_and_less_does_not(d):
    generator = np.random.default_rng(d)
    for _ in range(60):
        # Multiples of an eighth, so that nothing is rounded.
        points = generator.integers(1, 40, (25, d)) / 8
        senses = generator.choice(["min", "max"], d).tolist()
        row = int(generator.integers(25))
        why = pareto.explain(points, row, senses)
        if why.on_front:
            assert (why.epsilon, why.factor, why.changes) == (0.0, 1.0, ())
            continue
        little = 1 / 64
        assert pareto.mask(improved(points, row, why.epsilon + little, senses), senses)[row]
        if why.epsilon:
            assert not pareto.mask(improved(points, row, why.epsilon - little, senses), senses)[row]
        for factor, on_front in ((why.factor * 1.001, True), (why.factor / 1.001, False)):
            scaled = points.copy()
            scaled[row] *= np.where(np.array(senses) == "max", factor, 1 / factor)
            assert pareto.mask(scaled, senses)[row] == on_front or factor < 1
        for k, change in enumerate(why.changes):
            alone = np.eye(d)[k]
            assert change.objective == k
            assert change.value == points[row, k]
            assert change.amount == abs(change.value - change.needed)
            at = pareto.mask(improved(points, row, alone * change.amount, senses), senses)[row]
            assert at == (not change.beyond)
            assert pareto.mask(improved(points, row, alone * (change.amount + little), senses), senses)[row]
            if change.amount:
                assert not pareto.mask(improved(points, row, alone * (change.amount - little), senses), senses)[row]


def test_text_and_plain_data():
    points = {"ttft_s": [0.2, 0.3, 0.3], "tokens_per_s": [90, 100, 80]}
    why = pareto.explain(points, 2, ["min", "max"])
    assert str(why).splitlines() == [
        "row 2 is not on the front: 2 rows dominate it (0, 1)",
        "  all objectives: better by more than 0.1",
        "  all objectives: better by a factor of more than 1.125",
        "  ttft_s alone: from 0.3 to better than 0.2 (0.1 away)",
        "  tokens_per_s alone: from 80 to as good as 100 (20 away)",
    ]
    assert json.loads(json.dumps(why.to_dict()))["changes"][1] == {
        "objective": "tokens_per_s",
        "value": 80,
        "needed": 100,
        "beyond": False,
        "amount": 20,
    }
    assert str(pareto.explain(points, 0, ["min", "max"])) == "row 0 is on the front: no row dominates it"
    assert "takes no part" in str(pareto.explain(points, 0, where={0: (0.25, None)}))
    with pytest.raises(FrozenInstanceError):
        why.index = 3
    many = pareto.explain(np.arange(30)[:, None], 29)
    assert "29 rows dominate it (0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 19 more)" in str(many)


def test_integers_are_exact_and_extremes_are_told():
    low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    why = pareto.explain(np.array([[low], [high]]), 1)
    assert why.changes[0].amount == high - low
    assert why.epsilon == 2.0**64
    assert why.factor is None
    assert pareto.explain(np.array([[2**53], [2**53 + 1]]), 1).changes[0].amount == 1
    wide = np.array([[0, 5], [2**64 - 1, 5]], dtype=np.uint64)
    assert pareto.explain(wide, 0, "max").changes[0].needed == 2**64 - 1
    assert pareto.explain(wide, 0, "max").epsilon == 0.0


def test_infinities_nan_and_flags_that_no_change_reaches():
    why = pareto.explain([[-np.inf, 1.0], [2.0, 3.0]], 1)
    assert why.changes[0] is None
    assert why.changes[1].needed == 1.0
    assert why.epsilon == 2.0
    assert why.factor is None
    assert pareto.explain([[-np.inf, -np.inf], [2.0, 3.0]], 1).epsilon is None
    worst = pareto.explain([[1.0, 1.0], [np.nan, 3.0]], 1, nan="worst")
    assert worst.changes[0] is None
    assert worst.changes[1].needed == 1.0
    flags = pareto.explain([np.array([True, False]), np.array([2.0, 1.0])], 1, "max")
    assert flags.changes[0] is None
    assert flags.changes[1].amount == 1.0
    assert pareto.explain([[1e-42, 1e300], [2e-42, 1e300]], 1).factor == pytest.approx(1.0)


@pytest.mark.parametrize("d", [1, 33, 100])
def test_wide_tables_and_equal_rows(d):
    points = np.ones((5, d))
    assert all(pareto.explain(points, row).on_front for row in range(5))
    points[3] = 0
    assert pareto.explain(points, 4).dominators == (3,)
    assert pareto.explain(points, 4, groups=[0, 0, 0, 1, 0]).on_front


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"index": 2}, ValueError, "`index` must be from 0 to 1, got 2"),
        ({"index": -1}, ValueError, "`index` must be from 0 to 1, got -1"),
        ({"index": 0.0}, TypeError, "`index` must be a whole number"),
        ({"index": True}, TypeError, "`index` must be a whole number"),
        ({"index": 0, "points": np.empty((0, 2))}, ValueError, "there is none"),
        ({"index": 0, "points": [1, 2]}, ShapeError, "must have shape"),
        ({"index": 0, "points": [[0.0, np.nan]]}, ValueError, "NaN in row 0, column 1"),
        ({"index": 0, "sense": "up"}, ValueError, "`sense` must be one of"),
        ({"index": 0, "groups": ["a"]}, ShapeError, "`groups` must have shape"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    points = arguments.pop("points", [[0, 1], [1, 0]])
    with pytest.raises(error, match=message):
        pareto.explain(points, **arguments)
