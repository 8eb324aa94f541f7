"""`Archive` against the front of everything that was offered."""

import pickle
import threading

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DataError, DtypeError, ShapeError
from paretoserve.pareto import Archive

SHAPES = ["uniform", "grid", "sphere", "corr"]


def points(shape, n, d, seed):
    generator = np.random.default_rng(seed)
    if shape == "grid":
        return generator.integers(0, 4, (n, d)).astype(float)
    table = generator.random((n, d))
    if shape == "sphere":
        table = np.abs(generator.standard_normal((n, d)))
        table /= np.linalg.norm(table, axis=1, keepdims=True)
    return table if shape != "corr" else table[:, :1] + 0.1 * table


def best_first(table, senses):
    """Lexicographic order, equal rows in their own."""
    signs = np.array([-1.0 if sense == "max" else 1.0 for sense in senses])
    return np.lexsort((table * signs).T[::-1])


def offered(archive, table, how, generator):
    if how == "one by one":
        return np.array([archive.add(row.tolist()) for row in table], dtype=bool)
    cuts = np.sort(generator.integers(0, len(table) + 1, 3))
    return np.concatenate([archive.add_many(part) for part in np.split(table, cuts)])


@pytest.mark.parametrize("d", [1, 2, 3, 4, 6, 33])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("how", ["one by one", "in parts"])
def test_members_are_the_front_of_everything(shape, d, how):
    for seed in range(4):
        generator = np.random.default_rng(seed)
        table = points(shape, [3, 40, 300, 700][seed], d, seed)
        senses = generator.choice(["min", "max"], d).tolist()
        for keep in ("all", "first"):
            archive = Archive(d, senses, keep=keep)
            offered(archive, table, how, generator)
            rows = np.flatnonzero(pareto.mask(table, senses, keep=keep))
            rows = rows[best_first(table[rows], senses)]
            assert archive.ids.tolist() == rows.tolist()
            assert (archive.front == table[rows]).all()
            assert len(archive) == len(rows)
            counters = archive.counters
            assert counters.offered == len(table)
            assert counters.kept - counters.removed == len(archive)


@pytest.mark.parametrize("d", [2, 3, 5])
def test_single_points_and_batches_mix(d):
    generator = np.random.default_rng(d)
    for shape in SHAPES:
        # On a sphere that shrinks, late points beat some of the early ones and not others.
        table = points(shape, 3_000, d, 1) * np.linspace(1.0, 0.97, 3_000)[:, None]
        archive, at = Archive(d), 0
        while at < len(table):
            size = int(generator.choice([1, 1, 1, 5, 300]))
            if size == 1:
                archive.add(table[at])
            else:
                archive.add_many(table[at : at + size])
            at += size
        marked = np.flatnonzero(pareto.mask(table))
        assert sorted(archive.ids.tolist()) == marked.tolist()


@pytest.mark.parametrize("d", [2, 4])
def test_added_means_kept_at_that_moment(d):
    table = points("uniform", 200, d, 0)
    archive = Archive(d)
    for row in range(len(table)):
        assert archive.add(table[row].tolist()) == pareto.mask(table[: row + 1])[row]
    kept = Archive(d).add_many(table)
    assert (kept == pareto.mask(table)).all()


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_boxes_thin_as_mask_does(d):
    for seed, shape in enumerate(SHAPES * 3):
        table = points(shape, 300, d, seed)
        senses = np.random.default_rng(seed).choice(["min", "max"], d).tolist()
        eps = [0.3, 0.0, 0.1, 0.25][:d]
        rows = np.flatnonzero(pareto.mask(table, senses, eps=eps))
        for how in ("one by one", "in parts"):
            for order in (np.arange(300), np.random.default_rng(1).permutation(300)):
                archive = Archive(d, senses, eps=eps)
                offered(archive, table[order], how, np.random.default_rng(seed))
                assert sorted(order[archive.ids].tolist()) == rows.tolist()
        signs = np.array([-1.0 if sense == "max" else 1.0 for sense in senses])
        loss = ((archive.front[None] - table[:, None]) * signs - np.array(eps)).max(axis=2).min(axis=1)
        assert loss.max() <= 1e-12
        inside = (((archive.front[None] - table[:, None]) * signs <= 0).all(axis=2)).any(axis=1)
        strictly = inside & ~(archive.front[None] == table[:, None]).all(axis=2).any(axis=1)
        assert (archive.dominated(table) == strictly).all()


def test_capacity_drops_the_most_crowded_and_keeps_the_ends():
    line = np.array([[0, 10], [1, 9], [1.1, 8.9], [5, 5], [10, 0]])
    archive = Archive(2, capacity=4)
    assert archive.add_many(line).tolist() == [True, False, True, True, True]
    assert archive.counters == (5, 5, 1)
    assert not Archive.from_dict(archive.to_dict()).add([1.05, 8.95])
    for d in (1, 2, 3, 5):
        table = points("sphere", 400, d, 0)
        for how in ("one by one", "in parts"):
            archive = Archive(d, capacity=20)
            kept = offered(archive, table, how, np.random.default_rng(0))
            assert len(archive) == 20
            assert pareto.mask(archive.front).all()
            assert how == "one by one" or kept[archive.ids].all()
    twins = Archive(2, capacity=2)
    assert [twins.add([0.0, 1.0]), twins.add([1.0, 0.0]), twins.add([0.0, 1.0])] == [True, True, False]
    infinite = Archive(2, capacity=2)
    infinite.add_many([[-np.inf, np.inf], [0, 0], [np.inf, -np.inf]])
    assert infinite.front.tolist() == [[-np.inf, np.inf], [np.inf, -np.inf]]


def volume(front, ref):
    """Inclusion and exclusion."""
    total = 0.0
    for subset in range(1, 1 << len(front)):
        chosen = front[[row for row in range(len(front)) if subset >> row & 1]]
        total -= (-1) ** len(chosen) * np.prod(np.maximum(ref - chosen.max(axis=0), 0))
    return total


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
def test_hypervolume_follows_every_point(d):
    ref = np.full(d, 0.9)
    for seed, shape in enumerate(SHAPES):
        table = points(shape, 12, d, seed) * (1 if shape != "grid" else 0.3)
        archive = Archive(d, ref=ref)
        assert archive.hypervolume() == 0
        for row in range(len(table)):
            archive.add(table[row])
            expected = volume(table[: row + 1][pareto.mask(table[: row + 1], keep="first")], ref)
            assert archive.hypervolume() == pytest.approx(expected, rel=1e-12, abs=1e-15)
        mirrored = Archive(d, "max", ref=-ref)
        mirrored.add_many(-table)
        assert mirrored.hypervolume() == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_hypervolume_does_not_drift():
    table = points("uniform", 3_000, 2, 0)
    archive = Archive(2, ref=[1, 1])
    for row in table.tolist():
        archive.add(row)
        archive.hypervolume()
    fresh = Archive(2, ref=[1, 1])
    fresh.add_many(table)
    assert archive.hypervolume() == pytest.approx(fresh.hypervolume(), rel=1e-13)
    fresh.add([-np.inf, 0.0])
    assert fresh.hypervolume() == np.inf
    with pytest.raises(ValueError, match="`ref` must be given"):
        Archive(2).hypervolume()


def test_merging_equals_offering_everything_to_one():
    table = points("uniform", 600, 3, 0)
    parts = [Archive(3) for _ in range(3)]
    for number, archive in enumerate(parts):
        archive.add_many(table[number::3], ids=np.arange(600)[number::3])
    first = parts[0]
    for other in parts[1:]:
        before = other.ids
        kept = first.merge(other)
        assert kept.shape == before.shape
        assert np.isin(before[kept], first.ids).all()
    assert sorted(first.ids.tolist()) == np.flatnonzero(pareto.mask(table)).tolist()
    assert first.merge(first).all()
    assert len(first) == 2 * pareto.mask(table).sum()
    with pytest.raises(ValueError, match="directions"):
        first.merge(Archive(3, "max"))
    with pytest.raises(DtypeError, match="`other`"):
        first.merge([])


def test_copies_go_on_where_the_original_stopped():
    table = points("grid", 300, 3, 2)
    archive = Archive(3, ["min", "max", "min"], keep="first", ref=[5, -1, 5])
    archive.add_many(table[:200])
    copies = [pickle.loads(pickle.dumps(archive)), Archive.from_dict(archive.to_dict())]
    archive.add_many(table[200:])
    for copy in copies:
        copy.add_many(table[200:])
        assert copy.to_dict() == archive.to_dict()
        assert copy.hypervolume() == archive.hypervolume()


def test_any_layout_and_any_number_of_threads():
    table = np.asarray(points("uniform", 5_000, 4, 0), dtype=np.float32)
    expected = pareto.mask(table)
    for threads in (None, 1, 2, 4):
        for layout in (table, np.asfortranarray(table), list(table.T.copy()), table.astype(np.float64)):
            assert (Archive(4).add_many(layout, threads=threads) == expected).all()
    archive = Archive(3)
    accepted = ((1, 2, 3), [1.0, 2, True], np.array([1, 2, 3]), np.float32([1, 2, 3]), np.arange(6.0)[::2])
    assert [archive.add(row) for row in accepted] == [True] * 2 + [False] * 2 + [True]


def test_threads_take_turns():
    table = points("sphere", 2_000, 3, 0)
    archive = Archive(3)
    parts = np.array_split(np.arange(2_000), 4)

    def work(rows):
        for row in rows[:200]:
            archive.add(table[row].tolist(), id=int(row))
        archive.add_many(table[rows[200:]], ids=rows[200:])
        assert archive.front.shape[1] == 3

    threads = [threading.Thread(target=work, args=(rows,)) for rows in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(archive.ids.tolist()) == np.flatnonzero(pareto.mask(table)).tolist()


def test_extremes_are_values_like_any_other():
    archive = Archive(2)
    assert archive.add([-0.0, 5e-324])
    assert archive.add([0.0, 5e-324])
    assert archive.add([-1e300, np.inf])
    assert not archive.add([0.0, 1e-300])
    assert archive.add_many(np.empty((0, 2))).tolist() == []
    assert archive.dominated(np.empty((0, 2))).size == 0
    assert Archive(100).add(np.ones(100))
    assert len(Archive(3)) == 0
    assert Archive(3).front.shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Archive(0), ValueError, "`num_objectives` must be from 1 to 4096, got 0"),
        (lambda: Archive(2.0), TypeError, "`num_objectives`"),
        (lambda: Archive(2, "up"), ValueError, "`sense`"),
        (lambda: Archive(2, keep="last"), ValueError, '`keep` must be one of "all", "first"'),
        (lambda: Archive(2, eps=-1), ValueError, "`eps`"),
        (lambda: Archive(2, capacity=0), ValueError, "`capacity` must be from 1 to 2147483647, got 0"),
        (lambda: Archive(2, ref=[1]), ShapeError, "`ref` must have shape"),
        (lambda: Archive(2, ref=[1, np.nan]), ValueError, "`ref` must be free of NaN"),
        (lambda: Archive(2).add([1.0, float("nan")]), ValueError, "`point` must be free of NaN"),
        (lambda: Archive(2).add([1.0]), ShapeError, "`point` must have shape"),
        (lambda: Archive(2).add(["a", "b"]), DtypeError, "`point`"),
        (lambda: Archive(2).add([1j, 2]), DtypeError, "`point`"),
        (lambda: Archive(2).add([[1], [1, 2]]), ShapeError, "`point`"),
        (lambda: Archive(2).add_many([[1, np.nan]]), ValueError, "`points` must be free of NaN"),
        (lambda: Archive(2).add_many([[1, 2, 3]]), ShapeError, "`points` must have 2 objectives"),
        (lambda: Archive(2).add_many([[1, 2]], ids=[1, 2]), ShapeError, "`ids`"),
        (lambda: Archive(2).add_many([[1, 2]], ids=[0.5]), DtypeError, "`ids`"),
        (lambda: Archive(2).dominated([1, 2]), ShapeError, "`points`"),
        (
            lambda: Archive(2).add([1.0, 2.0], id=2**63),
            ValueError,
            "`id` must be from .* got 9223372036854775808",
        ),
        (lambda: Archive(2).add([1.0, 2.0], id=np.uint64(2**63)), ValueError, "`id` must be from"),
        (lambda: Archive(2).add([1.0, 2.0], id=-(10**5000)), ValueError, "`id` must be from .* got a larger one"),
        (lambda: Archive(2).add([1.0, 2.0], id="a"), DtypeError, "`id` must be a whole number or None, got str"),
        (lambda: Archive(2).add([1.0, 2.0], id=1.0), DtypeError, "`id` must be a whole number or None, got float"),
        (lambda: Archive(2).add([1.0, 2.0], id=True), DtypeError, "`id` must be a whole number or None, got bool"),
        (
            lambda: Archive(2).add_many([[1, 2]], ids=[2**64]),
            ValueError,
            "`ids` must be from .* got 18446744",
        ),
        (lambda: Archive(2).add_many([[1, 2]] * 2, ids=[2**63, -1]), ValueError, "`ids` must be from"),
        (lambda: Archive(2).add_many([[1, 2]] * 2, ids=[[1], [1, 2]]), ShapeError, "`ids` must have shape"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"points": None}, DtypeError, "`points` must be rows of real numbers"),
        ({"points": 5}, DataError, "points of shape"),
        ({"points": [[1, 2], [3]]}, ShapeError, "`points`"),
        ({"points": [[1, 2], [2, 3]]}, DataError, "one beats that in row 1\nhint: pass what `Archive.to_dict`"),
        ({"points": [[1, np.nan], [2, 1]]}, ValueError, "`points` must be free of NaN"),
        ({"ids": [1]}, DataError, "an id per point, got 2 points"),
        ({"ids": None}, DataError, "an id per point"),
        ({"ids": ["a", "b"]}, DtypeError, "`ids` must be whole numbers"),
        ({"counters": [1, 2, 3]}, DataError, "none above the one before it"),
        ({"counters": [3, 3, 0]}, DataError, "counters .* of 2 members"),
        ({"counters": None}, DataError, "counters"),
        ({"capacity": 1}, DataError, "at most 1 points, its capacity, got 2"),
        ({"num_objectives": 3}, ShapeError, "`sense` must have 3 entries"),
        ({"sense": None}, DtypeError, "`sense`"),
        ({"keep": None}, ValueError, "`keep`"),
    ],
)
def test_a_broken_copy_is_refused(change, error, message):
    archive = Archive(2)
    archive.add_many([[1, 2], [2, 1]])
    with pytest.raises(error, match=message):
        Archive.from_dict(archive.to_dict() | change)


def test_what_is_no_copy_is_refused():
    whole = Archive(2).to_dict()
    for name in whole:
        with pytest.raises(DataError, match=f"must hold the entry '{name}'"):
            Archive.from_dict({key: value for key, value in whole.items() if key != name})
    with pytest.raises(DtypeError, match=r"must be a dict as `Archive.to_dict` returns, got list"):
        Archive.from_dict([])


def test_peers_agree():
    moarchiving = pytest.importorskip("moarchiving")
    table = points("uniform", 300, 2, 5)
    theirs = moarchiving.get_mo_archive(table.tolist(), reference_point=[1, 1])
    ours = Archive(2, ref=[1, 1])
    ours.add_many(table)
    assert sorted(map(tuple, ours.front.tolist())) == sorted(map(tuple, theirs))
    assert ours.hypervolume() == pytest.approx(float(theirs.hypervolume), rel=1e-12)


def test_boxes_do_not_mislead_the_volume():
    generator = np.random.default_rng(3)
    for d, capacity in ((2, None), (3, None), (2, 6)):
        archive = Archive(d, eps=0.3, capacity=capacity, ref=[6.0] * d)
        for point in generator.random((40, d)) * 5:
            archive.add(point)
            assert archive.hypervolume() == pytest.approx(pareto.hypervolume(archive.front, [6.0] * d), rel=1e-12)


def test_a_copy_of_a_full_archive_goes_on_as_the_original():
    generator = np.random.default_rng(4)
    for _ in range(30):
        archive = Archive(3, capacity=5)
        points = generator.integers(0, 6, (40, 3))
        archive.add_many(points[:20])
        copy = pickle.loads(pickle.dumps(archive))
        for point in points[20:]:
            assert archive.add(point) == copy.add(point)
        assert archive.ids.tolist() == copy.ids.tolist()


def test_an_objective_that_is_constant_among_the_members_has_no_ends():
    archive = Archive(3, capacity=3)
    assert archive.add_many([[5, 3, 1], [4, 4, 1], [0, 9, 1]]).all()
    # The gaps around (5, 3) are the smallest, and being the first one in the third objective does not save it.
    assert archive.add([9, 0, 1])
    assert archive.front[:, 0].tolist() == [0.0, 4.0, 9.0]
