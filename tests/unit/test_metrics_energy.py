"""Quality per watt and joule, counters of energy, agents and data centers."""

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.energy import (
    counter_energy,
    datacenter_power,
    energy_amplification,
    intelligence_per_joule,
    intelligence_per_watt,
    phase_energy,
)

JOULES, SECONDS = [120, 80, 200, 100], [10, 8, 16, 10]


def test_the_published_definition_in_both_readings():
    assert intelligence_per_watt(0.75, JOULES, SECONDS) == pytest.approx(0.0674157, abs=5e-8)
    assert intelligence_per_watt(0.75, JOULES, SECONDS, pooled=True) == pytest.approx(0.066)
    assert intelligence_per_joule(0.75, JOULES) == pytest.approx(0.006)


def test_both_readings_agree_when_queries_are_alike():
    rng = np.random.default_rng(2)
    seconds = rng.uniform(1, 9, 20)
    mean, pooled = (intelligence_per_watt(0.5, 40 * seconds, seconds, pooled=pooled) for pooled in (False, True))
    assert mean == pytest.approx(pooled) == pytest.approx(0.5 / 40)


def test_systems_in_rows():
    joules = np.array([JOULES, [2 * value for value in JOULES]])
    got = intelligence_per_watt([0.75, 0.75], joules, SECONDS)
    assert got[0] == pytest.approx(2 * got[1])
    assert intelligence_per_joule([[0.1], [0.2], [0.3]], joules).shape == (3, 2)


@pytest.mark.parametrize("joules", [[1, 0, 1], [1, -1, 1], [1, np.nan, 1]])
def test_energy_is_never_free(joules):
    with pytest.raises(ValueError, match=r"`joules` must be finite numbers above 0, got .* in row 1"):
        intelligence_per_watt(0.5, joules, [1, 1, 1])
    with pytest.raises(ValueError, match=r"`joules` must be finite numbers above 0, got .* in row 1"):
        intelligence_per_joule(0.5, joules)


def test_bad_queries_are_refused():
    with pytest.raises(ShapeError, match="`joules` must have shape"):
        intelligence_per_joule(0.5, [])
    with pytest.raises(ShapeError, match="`seconds` must have shape"):
        intelligence_per_watt(0.5, [1.0], 1.0)
    with pytest.raises(ValueError, match=r"`seconds` .* above 0, got 0.0"):
        intelligence_per_watt(0.5, [1.0], [0.0])
    with pytest.raises(ValueError, match=r"`accuracy` .* at most 1, got 75.0"):
        intelligence_per_watt(75, JOULES, SECONDS)


def test_a_counter_charges_idle_time_to_the_next_query_or_to_nobody():
    start, end = [5, 150, 260], [120, 230, 460]
    assert counter_energy(start, end).joules.tolist() == [115, 110, 230]
    assert counter_energy(start, end, idle="none").joules.tolist() == [115, 80, 200]
    assert counter_energy(start, end).joules.sum() == end[-1] - start[0]


def test_a_reset_of_the_counter_is_missing_and_formulas_refuse_it():
    energy = counter_energy([10, 60, 2], [50, 90, 30])
    np.testing.assert_array_equal(energy.joules, [40, 40, np.nan])
    assert (energy.num_missing, energy.num_zero) == (1, 0)
    assert counter_energy([10, 60, 2], [50, 90, 30], idle="none").num_missing == 0
    with pytest.raises(ValueError, match=r"`joules` .* got nan in row 2"):
        intelligence_per_joule(0.5, energy.joules)


def test_a_counter_that_stands_still_is_counted_and_warned_about():
    with pytest.warns(UserWarning, match="the counter stood still during 1 queries of 2"):
        energy = counter_energy([10, 20], [20, 20], idle="none")
    assert (energy.num_zero, energy.num_missing, energy.joules.tolist()) == (1, 0, [10, 0])


def test_bad_counters_are_refused():
    with pytest.raises(ShapeError, match=r"`end_joules` must have shape \(2,\)"):
        counter_energy([1, 2], [3])
    with pytest.raises(ShapeError, match="`start_joules`"):
        counter_energy([], [])
    with pytest.raises(ValueError, match="`idle` must be one of next, none, got 'all'"):
        counter_energy([1], [2], idle="all")
    with pytest.raises(ValueError, match=r"`end_joules` .* got inf in row 0"):
        counter_energy([1], [np.inf])


def test_agents_amplify_energy():
    np.testing.assert_allclose(energy_amplification([348.41, 158.48], 2.552), [136.5, 62.1], atol=0.05)
    assert phase_energy([700, 90], [3, 10]) == 3000
    assert phase_energy([[700, 90], [350, 90]], [3, 10]).tolist() == [3000, 1950]
    with pytest.raises(ValueError, match=r"`baseline` .* above 0, got 0.0"):
        energy_amplification(1, 0)
    with pytest.raises(ValueError, match=r"`watts` .* got -1.0 in row 1"):
        phase_energy([1, -1], [1, 1])


def test_a_data_center_for_all_queries():
    assert datacenter_power(348.41, 13.7e9) / 1e9 == pytest.approx(198.9, abs=0.05)
    assert datacenter_power(24, 1, pue=1.3) == pytest.approx(1.3)
    with pytest.raises(ValueError, match=r"`pue` .* of at least 1, got 0.5"):
        datacenter_power(1, 1, pue=0.5)
