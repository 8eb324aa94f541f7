"""PeRFICS, derived: it goes the right way in each input, does not depend on units, and keeps to dominance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paretoserve.errors import ShapeError
from paretoserve.metrics.ranking import perfics


def derived(baseline, refined, cost, **options):
    return perfics(baseline, refined, cost, variant="derived", **options)


@st.composite
def tables(draw):
    models, tasks = draw(st.integers(2, 6)), draw(st.integers(1, 3))
    rows = st.lists(st.lists(st.integers(-5, 5), min_size=tasks, max_size=tasks), min_size=models, max_size=models)
    return [np.array(draw(rows), dtype=float) for _ in range(3)]


def test_the_formula_by_hand():
    # Scaled: baseline 0, .5, 1; refined 0, 1, 1; cost 0, 1/3, 1.
    score = derived([0.5, 0.6, 0.7], [0.6, 0.8, 0.8], [10, 20, 40], weights=(2, 3, 1))
    assert score == pytest.approx([0, 2 + 3 * 0.5 - 1 / 3, 2 + 0 - 1])


@given(tables())
@settings(max_examples=100)
def test_a_dominated_model_never_outranks_its_dominator(columns):
    baseline, refined, cost = columns
    score = derived(baseline, refined, cost)
    for i in range(len(score)):
        for j in range(len(score)):
            better = (refined[i] >= refined[j]) & (baseline[i] <= baseline[j]) & (cost[i] <= cost[j])
            if better.all():
                assert score[i] >= score[j] - 1e-12


@given(tables(), st.sampled_from([0.001, 7.0]), st.integers(-50, 50))
@settings(max_examples=50)
def test_units_and_zero_points_do_not_matter(columns, factor, shift):
    score = derived(*columns)
    for place in range(3):
        changed = list(columns)
        changed[place] = columns[place] * factor + shift
        assert derived(*changed) == pytest.approx(score, abs=1e-9)


@given(tables(), st.integers(0, 2), st.integers(1, 9))
@settings(max_examples=100)
def test_a_model_gains_on_all_others_as_an_input_of_its_own_improves(columns, place, step):
    before = derived(*columns)
    changed = [column.copy() for column in columns]
    changed[place][0] += step if place == 1 else -step
    after = derived(*changed)
    assert np.all(after[0] - after[1:] >= before[0] - before[1:] - 1e-12)


def test_tasks_weigh_as_asked():
    baseline, refined = [[0, 0], [0, 0]], [[1, 0], [0, 1]]
    cost = [1, 1]
    assert derived(baseline, refined, cost).tolist() == [1, 1]
    assert derived(baseline, refined, cost, task_weights=[3, 1]).tolist() == [1.5, 0.5]
    assert derived(baseline, refined, [[1, 2], [1, 1]]).tolist() == [0.5, 1]


def test_columns_without_differences_count_nothing():
    assert derived([1, 1], [2, 2], [3, 3]).tolist() == [0, 0]
    assert derived([1], [2], [3]).tolist() == [0]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: perfics([1], [1], [1], variant="paper"), ValueError, '`variant` must be "derived", got `paper`'),
        (lambda: derived([1, 2], [1, np.nan], [1, 2]), ValueError, "`refined` .* got nan in row 1"),
        (lambda: derived([1, 2], [1, 2, 3], [1, 2]), ShapeError, "`baseline` and `refined` must have one shape"),
        (lambda: derived([], [], []), ShapeError, "`baseline` and `refined` must have one shape"),
        (lambda: derived([1, 2], [1, 2], [1]), ShapeError, "`cost` must have one row per model, 2"),
        (lambda: derived([1, 2], [1, 2], 1), ShapeError, "`cost` must have one row per model, 2"),
        (lambda: derived([1, 2], [1, 2], [1, 2], weights=[1, 1]), ShapeError, "`weights` must be three"),
        (lambda: derived([1, 2], [1, 2], [1, 2], weights=[1, -1, 1]), ValueError, "`weights` .* got -1.0 in row 1"),
        (lambda: derived([1, 2], [1, 2], [1, 2], task_weights=[0]), ValueError, "`task_weights` must be 1 numbers"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
