"""`pareto.Archive`, point by point and in batches, beside the archives of moarchiving and oapackage.

Run with ``pytest bench/bench_pareto_archive.py --benchmark-enable``. Every library gets its points in the form that it
reads fastest, made before the clock starts.
"""

import pytest

from _pareto import compare, points
from paretoserve.pareto import Archive

CELLS = [
    ("sphere", 1_000, 2),
    ("sphere", 10_000, 2),
    ("uniform", 10_000, 2),
    ("uniform", 100_000, 2),
    ("sphere", 1_000, 3),
    ("sphere", 10_000, 3),
    ("uniform", 10_000, 3),
    ("sphere", 1_000, 4),
    ("uniform", 10_000, 4),
    ("uniform", 100_000, 4),
    ("sphere", 10_000, 6),
    ("uniform", 10_000, 6),
]


# On larger fronts oapackage, which is quadratic, takes seconds per call: it runs there only where it is the one peer.
MOST_ON_FRONT = 1_000


def by_moarchiving(table, d):
    moarchiving = pytest.importorskip("moarchiving")
    archive = moarchiving.get_mo_archive(n_obj=d)
    for row in table:
        archive.add(row)
    return len(archive)


def by_oapackage(table):
    oapackage = pytest.importorskip("oapackage")
    front = oapackage.ParetoDoubleLong()
    for number, row in enumerate(table):
        front.addvalue(row, number)
    return front.number()


@pytest.mark.parametrize(("shape", "n", "d"), CELLS)
def test_inserts(show, shape, n, d):
    oapackage = pytest.importorskip("oapackage")
    table = points(shape, n, d)
    rows = table.tolist()
    negated = [oapackage.doubleVector(row) for row in (-table).tolist()]
    large_front = shape == "sphere" and n > MOST_ON_FRONT

    def one_by_one():
        archive = Archive(d)
        add = archive.add
        for row in rows:
            add(row)
        return len(archive)

    def in_batches():
        archive = Archive(d)
        for start in range(0, n, 1000):
            archive.add_many(table[start : start + 1000], threads=1)
        return len(archive)

    def at_once():
        archive = Archive(d)
        archive.add_many(table, threads=1)
        return len(archive)

    peers = {}
    if d > 2 or not large_front:
        peers["oapackage"] = lambda: by_oapackage(negated)
    # Above, it is far behind the other.
    if d == 2:
        peers["moarchiving"] = lambda: by_moarchiving(rows, d)
    assert len({one_by_one(), in_batches(), at_once(), *(peer() for peer in peers.values())}) == 1
    name = f"{shape} d={d} n={n}"
    compare(show, f"add {name}", one_by_one, peers, target=10)
    compare(show, f"add_many by 1000 {name}", in_batches, peers, target=30)
    compare(show, f"add_many at once {name}", at_once, peers, target=30)
