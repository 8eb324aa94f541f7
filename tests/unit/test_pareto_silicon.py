"""Fronts of real serving points by group: each step against the plain way of doing it."""

import numpy as np
import pytest

from _data import data
from paretoserve import pareto
from silicon_fronts import SENSE, draw, figures, reached, read


@pytest.fixture(scope="module")
def table():
    return read(data("perf/silicon/e2e_shared.csv.gz"))


def test_fronts_of_all_groups_in_one_call_equal_those_one_by_one(table):
    on_front = pareto.mask(table.points, SENSE, groups=table.groups)
    assert len(table.names()) > 100
    for name in table.names():
        assert (on_front[table.groups == name] == pareto.mask(table.group(name), SENSE)).all()


def test_the_pick_under_a_limit_is_the_best_that_meets_it(table):
    limit = 50.0
    for name in table.names():
        points = table.group(name)
        choice = pareto.pick(points, SENSE, best=1, where={0: (limit, None)})
        meets = points[:, 0] >= limit
        if not meets.any():
            assert (choice.index, choice.nearest) == (None, points[:, 0].argmax())
            continue
        assert choice.values[1] == points[meets, 1].max()
        mixed = pareto.pick(points, SENSE, best=1, where={0: (limit, None)}, interpolate=True)
        assert mixed.values[1] >= choice.values[1] * (1 - 1e-12)
        straight = pareto.interp(points, limit, sense=SENSE)
        if np.isfinite(straight):
            assert mixed.values == pytest.approx((limit, float(straight)))


def test_areas_and_knees(table):
    for name in table.names():
        points = table.group(name)
        x, y = np.unique(points[pareto.mask(points, SENSE)], axis=0).T
        assert pareto.area(points, sense=SENSE) == pytest.approx(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())
        step, hull = (pareto.area(points, kind=kind, sense=SENSE) for kind in ("step", "hull"))
        assert step <= pareto.area(points, sense=SENSE) * (1 + 1e-12) <= hull * (1 + 1e-11)
        scaled = pareto.normalise(points, SENSE)
        on_front = pareto.mask(points, SENSE)
        knee = pareto.knee(points, SENSE)
        assert scaled[knee].sum() == pytest.approx(scaled[on_front].sum(axis=1).min())
        assert set(pareto.hull(points, SENSE).tolist()) <= set(np.flatnonzero(on_front).tolist())


def test_the_figures_are_aggregates(table):
    lines = figures(table, tpot_ms=20)
    assert len(lines) >= 5
    assert all(len(line) < 200 for line in lines)


def test_the_picture_shows_shares_and_counts(table, tmp_path):
    pytest.importorskip("matplotlib")
    draw(table, 20, tmp_path / "fronts.png")
    assert (tmp_path / "fronts.png").stat().st_size > 10_000


def test_what_a_surface_reaches_ends_with_it():
    surface = np.array([[0.8, 0.2], [0.5, 0.9]])
    assert reached(surface, np.array([0.0, 0.5, 0.6, 0.8, 0.9])).tolist() == [0.9, 0.9, 0.2, 0.2, 0.0]
