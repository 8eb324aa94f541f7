"""Calls that may take hours end when the user interrupts them."""

import _thread
import signal
import threading

import numpy as np
import pytest

from paretoserve import pareto


def sphere(n, d):
    points = np.abs(np.random.default_rng(d).standard_normal((n, d)))
    return points / np.linalg.norm(points, axis=1)[:, None]


def archive_volume():
    archive = pareto.Archive(12, ref=[1.1] * 12)
    archive.add_many(sphere(400, 12))
    return archive.hypervolume()


ENDLESS = {"num_samples": 2**31 - 1, "sense": "max", "threads": 2}


class HeardByPythonError(Exception):
    """Nobody asked for signals before the call was over."""


@pytest.fixture(autouse=True)
def heard():
    """Hear interrupts, which what a shell starts in the background ignores.

    A call that asks for signals ends with KeyboardInterrupt whatever the handler raises.
    """

    def handler(*_):
        raise HeardByPythonError

    before = signal.signal(signal.SIGINT, handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "call",
    [
        lambda: pareto.hypervolume(sphere(3000, 9), 1.1, method="exact"),
        lambda: pareto.hv_contributions(sphere(1000, 12), 1.1),
        archive_volume,
        lambda: pareto.front_probability(mean=sphere(200, 3), std=0.1, **ENDLESS),
        lambda: pareto.dominance_probability(mean=sphere(200, 3), cov=np.eye(3), **ENDLESS),
        lambda: pareto.most_informative(mean=sphere(200, 3), std=0.1, **ENDLESS),
        lambda: pareto.compose([sphere(200, 4)] * 6, threads=1),
        lambda: pareto.ranks(np.random.default_rng(0).random((1_500_000, 4)), threads=1),
        lambda: pareto.counts(sphere(600_000, 4), threads=2),
        lambda: pareto.attainment([1 - sphere(30_000, 3), sphere(30_000, 3)], [1, 2]),
    ],
)
def test_an_interrupt_ends_the_call(call):
    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        call()
    timer.join()
