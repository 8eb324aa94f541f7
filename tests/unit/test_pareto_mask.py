"""`pareto.mask` and `front` against a ten-line obvious version, for every dtype, direction, tie and NaN policy."""

import numpy as np
import pytest

from _pareto_cases import FLOATS, INTEGERS, obvious_mask, table
from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool"])
@pytest.mark.parametrize("d", [1, 2, 3, 4, 7])
def test_mask_equals_the_obvious_version(dtype, d):
    for seed in range(4):
        points = table(seed, 60, d, dtype, levels=2 if dtype == "bool" else 6)
        senses = np.random.default_rng(seed).choice(["min", "max"], size=d).tolist()
        for keep in ("all", "first", "last"):
            expected = obvious_mask(points, senses, keep)
            assert (pareto.mask(points, senses, keep=keep) == expected).all()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("nan", ["drop", "worst"])
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_nan_and_infinity(dtype, nan, d):
    for seed in range(6):
        points = table(seed, 40, d, dtype, levels=4)
        special = np.random.default_rng(seed).random(points.shape)
        points[special < 0.1] = np.nan
        points[special > 0.95] = np.inf
        points[(special > 0.9) & (special < 0.95)] = -np.inf
        for sense in ("min", "max"):
            assert (
                pareto.mask(points, sense, nan=nan, keep="first") == obvious_mask(points, sense, "first", nan)
            ).all()


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([[0, 1], [0, 1], [1, 0]], [True, True, True]),
        ([[-0.0, 1], [0.0, 1], [1, 0]], [True, True, True]),
        ([[2**53, 0], [2**53 + 1, 0]], [True, False]),
        ([[np.iinfo(np.int64).min, 0], [0, 0]], [True, False]),
        ([[0, 0]], [True]),
        ([[np.inf, -np.inf], [0, 0]], [True, True]),
        ([[1e-42, 1e300], [2e-42, 1e299], [2e-42, 1e300]], [True, True, False]),
    ],
)
def test_awkward_points(points, expected):
    assert pareto.mask(points).tolist() == expected


def test_nan_rows_as_the_reference_demands():
    assert pareto.mask([[np.nan, 0], [1, 1], [2, 2]], nan="drop").tolist() == [False, True, False]
    assert pareto.mask([[1, 1], [2, 2], [0, np.nan]], nan="drop").tolist() == [True, False, False]
    assert pareto.mask([[1, 1], [2, 2], [0, np.nan]], nan="worst").tolist() == [True, False, True]
    with pytest.raises(ValueError, match="NaN in row 2, column 1"):
        pareto.mask([[1, 1], [2, 2], [0, np.nan]])


def test_extreme_integers_keep_their_order_in_both_directions():
    ends = np.array([[np.iinfo(np.uint64).max, 0], [np.iinfo(np.uint64).max - 1, 0]], dtype=np.uint64)
    assert pareto.mask(ends, "max").tolist() == [True, False]
    assert pareto.mask(ends, ["min", "max"]).tolist() == [False, True]
    ends = np.array([[np.iinfo(np.int64).min], [np.iinfo(np.int64).min + 1]])
    assert pareto.mask(ends, "max").tolist() == [False, True]


def test_empty_and_wide():
    assert pareto.mask(np.empty((0, 2))).tolist() == []
    assert pareto.front(np.empty((0, 2))).tolist() == []
    for d in (33, 100):
        points = table(0, 30, d, "float64")
        assert (pareto.mask(points) == obvious_mask(points)).all()


@pytest.mark.parametrize("d", [2, 3, 5])
@pytest.mark.parametrize("shape", ["uniform", "sphere", "grid"])
def test_any_number_of_threads_gives_the_same(d, shape):
    generator = np.random.default_rng(d)
    points = generator.random((40_000 if d < 5 else 20_000, d))
    if shape == "sphere":
        points = points[:20_000] if d < 5 else points[:4_000]
        points = points / np.linalg.norm(points, axis=1, keepdims=True)
    if shape == "grid":
        points = np.floor(points * 30)
    for keep in ("all", "first", "last"):
        one = pareto.mask(points, keep=keep, threads=1)
        assert all((pareto.mask(points, keep=keep, threads=threads) == one).all() for threads in (2, 3, 4))
        in_groups = pareto.mask(points, keep=keep, groups=np.arange(len(points)) % 5, threads=1)
        assert (pareto.mask(points, keep=keep, groups=np.arange(len(points)) % 5, threads=3) == in_groups).all()


def test_large_tables_equal_numpy_row_by_row():
    points = np.random.default_rng(1).integers(0, 12, (5_000, 4))
    rows = np.unique(points, axis=0)
    on_front = {tuple(row) for row in rows if not ((rows <= row).all(axis=1) & (rows < row).any(axis=1)).any()}
    assert pareto.mask(points).tolist() == [tuple(row) in on_front for row in points]


def test_layouts_of_memory_do_not_matter_and_inputs_stay():
    points = np.random.default_rng(0).random((200, 4))
    expected = pareto.mask(points)
    assert expected.any()
    before = points.copy()
    wide = np.zeros((400, 8))
    wide[::2, ::2] = points
    swapped = points.astype(points.dtype.newbyteorder())
    frozen = points.copy()
    frozen.setflags(write=False)
    for same in (np.asfortranarray(points), wide[::2, ::2], swapped, frozen, points.tolist(), points[::-1][::-1]):
        assert (pareto.mask(same) == expected).all()
    assert (points == before).all()


def test_groups_have_their_own_fronts():
    points = np.random.default_rng(3).integers(0, 9, (300, 3))
    labels = np.random.default_rng(4).choice(["b200", "h100", "h200"], 300)
    expected = np.zeros(300, dtype=bool)
    for label in np.unique(labels):
        expected[labels == label] = pareto.mask(points[labels == label], keep="first")
    assert (pareto.mask(points, keep="first", groups=labels) == expected).all()
    assert (pareto.mask(points, keep="first", groups=labels.astype(object)) == expected).all()


def test_where_is_applied_before_the_front():
    points = np.array([[1, 5], [2, 3], [3, 1], [9, 0]])
    assert pareto.mask(points, where={0: (2, 3)}).tolist() == [False, True, True, False]
    assert pareto.mask(points, where=[None, (None, 1)]).tolist() == [False, False, True, True]
    assert pareto.mask(points, where={0: (1.5, 2.9)}).tolist() == [False, True, False, False]
    assert pareto.mask(points, where={0: (10, None)}).tolist() == [False] * 4
    assert pareto.mask([[2**53 + 1, 0]], where={0: (None, 2**53)}).tolist() == [False]
    assert pareto.mask([[1, 0]], where={0: (-np.inf, 2**80)}).tolist() == [True]
    tenth = np.array([[0.1, 1.0], [np.inf, 0.0]], dtype=np.float32)
    assert pareto.mask(tenth, where={0: (None, 0.1)}).tolist() == [True, False]
    assert pareto.mask(tenth, where={0: (None, 1e300)}).tolist() == [True, False]
    assert pareto.mask([[np.nan, 1], [2, 2]], nan="worst", where={0: (0, None)}).tolist() == [False, True]


@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["float64", "int64", "uint8"])
def test_eps_covers_the_front_within_the_box(d, dtype):
    points = np.random.default_rng(d).integers(0, 200, (400, d)).astype(dtype)
    for eps in (0.0, 0.5, 7, 30.5):
        for sense, sign in (("min", 1), ("max", -1)):
            kept = pareto.mask(points, sense, eps=eps, keep="first")
            front = pareto.mask(points, sense)
            assert kept.any()
            assert not (kept & ~front).any()
            signed = sign * points.astype(np.int64)
            for row in signed[front]:
                assert (signed[kept] <= row + eps).all(axis=1).any()
            if eps == 0:
                assert (kept == pareto.mask(points, sense, keep="first")).all()


def test_eps_keeps_duplicates_of_the_representative_as_asked():
    points = [[0.1, 0.2], [0.1, 0.2], [0.3, 0.1], [5.0, 0.0]]
    assert pareto.mask(points, eps=1).tolist() == [True, True, False, False]
    assert pareto.mask(points, eps=1, keep="last").tolist() == [False, True, False, False]
    assert pareto.mask(points, eps=[1, 0.05]).tolist() == [False, False, True, True]


def test_front_is_sorted_best_first():
    points = np.array([[3, 0], [1, 1], [2, 2], [0, 3], [1, 1]])
    assert pareto.front(points).tolist() == [3, 1, 4, 0]
    assert pareto.front(points, keep="last").tolist() == [3, 4, 0]
    assert pareto.front(np.array([[1.0, 2.0], [np.nan, 3.0], [2.0, 1.0]]), "max", nan="worst").tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"points": [1, 2]}, ShapeError, "must have shape"),
        ({"points": np.empty((3, 0))}, ShapeError, "d of 1 or more"),
        ({"points": [[1, 2], [3]]}, ShapeError, "different lengths"),
        ({"points": [["a", "b"]]}, DtypeError, "must be integers"),
        ({"points": [[None, 1.0]]}, DtypeError, "use NaN"),
        ({"points": [[1 + 2j]]}, DtypeError, "complex"),
        ({"points": np.ma.masked_equal([[1, 2]], 2)}, DtypeError, "mask"),
        ({"sense": "up"}, ValueError, "`sense` must be one of"),
        ({"sense": ["min"]}, ShapeError, "`sense` must have 2 entries"),
        ({"keep": "some"}, ValueError, "`keep` must be one of"),
        ({"nan": "ignore"}, ValueError, "`nan` must be one of"),
        ({"eps": -1}, ValueError, "`eps` must be finite and not negative"),
        ({"eps": np.inf}, ValueError, "`eps` must be finite"),
        ({"eps": np.nan}, ValueError, "`eps` must be finite"),
        ({"eps": [1, 2, 3]}, ShapeError, "`eps` must be one number or 2"),
        ({"eps": "wide"}, DtypeError, "`eps` must be a number"),
        ({"groups": ["a"]}, ShapeError, "`groups` must have shape"),
        ({"groups": ["a", None]}, ValueError, "in row 1"),
        ({"groups": [np.nan, 1.0]}, ValueError, "in row 0"),
        ({"groups": np.array([{}, {}], dtype=object)}, DtypeError, "told apart"),
        ({"eps_kind": "tolerance"}, ValueError, "not transitive"),
        ({"eps": 0.1, "eps_kind": "mult"}, ValueError, 'must be positive for eps_kind="mult", got 0 in row 0'),
        ({"points": [[1.0, 2.0]], "eps": 1e-13, "eps_kind": "mult"}, ValueError, "0 or at least 1e-12"),
        ({"where": {2: (0, 1)}}, ValueError, "only 0 to 1"),
        ({"where": {0: 3}}, ValueError, r"\(low, high\)"),
        ({"where": {0: (np.nan, 1)}}, ValueError, "numbers or None"),
        ({"where": {0: ("1", 2)}}, ValueError, "numbers or None"),
        ({"where": [None]}, ShapeError, "`where` must have 2 entries"),
        ({"threads": 0}, ValueError, "1 or more"),
        ({"threads": 1.5}, TypeError, "whole number"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    points = arguments.pop("points", [[0, 1], [1, 0]])
    with pytest.raises(error, match=message):
        pareto.mask(points, **arguments)


@pytest.mark.parametrize("sense", [None, 1, {"min"}])
def test_a_sense_of_another_type_is_named(sense):
    with pytest.raises(DtypeError, match='`sense` must be "min", "max" or 2 of them'):
        pareto.mask(np.zeros((3, 2)), sense)
