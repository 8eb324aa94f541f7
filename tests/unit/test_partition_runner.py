"""Splits that run as processes: what they take beside the prediction, and how they fail."""

import json
import multiprocessing
import os
import signal
import time

import pytest

from paretoserve.errors import ShapeError, StageError
from paretoserve.partition import Device, Layers, Link, run_split, split_front

LAYERS = Layers([0.02, 0.03, 0.04, 0.01], [100_000, 40_000, 20_000, 0], memory_bytes=[1, 1, 1, 1])
LINK = Link(0.005, 12.5e6)


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    assert not multiprocessing.active_children()


def one_split(layers, devices, link, **options):
    return split_front(layers, devices, link, **options).splits[-1]


def pair_cut_at(cut):
    """Return devices on which only one cut fits."""
    return [Device("a", memory_bytes=cut), Device("b", memory_bytes=4 - cut)]


def close(run):
    assert run.throughput_ratio == pytest.approx(1, abs=0.15), run.explain()
    assert run.latency_ratio == pytest.approx(1, abs=0.15), run.explain()
    return True


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_every_cut_takes_what_was_predicted(cut):
    devices = pair_cut_at(cut)
    split = one_split(LAYERS, devices, LINK)
    assert split.cuts == (cut,)
    run = run_split(split, LAYERS, devices, links=LINK, num_batches=12)
    assert close(run)
    assert run.in_flight == split.in_flight
    assert run.stage_seconds == pytest.approx([stage.seconds for stage in split.stages], rel=0.15)
    assert "predicted" in run.explain()
    assert json.loads(json.dumps(run.to_dict()))["throughput_ratio"] == run.throughput_ratio


@pytest.mark.parametrize("first", [0.03, 0.12])
def test_replicas_share_batches(first):
    layers, link = Layers([first, 0.15 - first], [1000, 0]), Link(0.002)
    devices = [Device("a", count=2), Device("b", count=2)]
    split = one_split(layers, devices, link, max_replicas=2)
    assert [stage.replicas for stage in split.stages] == [2, 2]
    assert close(run_split(split, layers, devices, links=link, num_batches=12))


@pytest.mark.parametrize("counts", [(1, 3), (3, 1)])
def test_lanes_of_a_link_are_those_of_the_fewer_replicas(counts):
    layers, link = Layers([0.02, 0.02], [40_000, 0]), Link(0.01, 1e6)
    devices = [Device("a", count=counts[0]), Device("b", count=counts[1])]
    split = one_split(layers, devices, link, max_replicas=3)
    assert [stage.replicas for stage in split.stages] == list(counts)
    assert split.throughput_rps == pytest.approx(20)
    assert close(run_split(split, layers, devices, links=link, num_batches=12))


def test_transfers_that_do_not_overlap():
    devices = pair_cut_at(1)
    layers = Layers([0.03, 0.01, 0.01, 0.01], [30_000, 0, 0, 0], memory_bytes=[1, 1, 1, 1])
    split = one_split(layers, devices, Link(0.01, 1e6), overlap=False)
    assert split.throughput_rps == pytest.approx(1 / 0.07)
    assert close(run_split(split, layers, devices, links=Link(0.01, 1e6), num_batches=12))


def number(_):
    time.sleep(0.01)
    return 7


def check_and_sleep(value):
    assert value == 7
    time.sleep(0.02)


def raises(_):
    raise KeyError("lost")


def dies(_):
    os.kill(os.getpid(), signal.SIGKILL)


class DiesWhenLoaded:
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (3,)

    def __call__(self, _):
        raise AssertionError


def hangs(_):
    time.sleep(1000)


SHORT = Layers([0.01, 0.02], [1000, 0])
TWO = [Device("a"), Device("b")]


def run_short(*stages, **options):
    return run_split(one_split(SHORT, TWO, Link()), SHORT, TWO, stages=stages, num_batches=12, **options)


def test_callables_get_what_the_stage_before_returned():
    assert run_short(number, check_and_sleep).throughput_ratio == pytest.approx(1, abs=0.15)
    with pytest.raises(StageError, match=r"stage 1 \(`b`, layers 1-1\) raised AssertionError"):
        run_short(None, check_and_sleep)


@pytest.mark.parametrize("place", [0, 1])
def test_stages_that_raise_die_or_hang_are_named(place):
    stages = [None, None]
    name = rf"stage {place} \(`{'ab'[place]}`"
    for function, message, options in [
        (raises, "raised KeyError: 'lost'", {}),
        (dies, "died with exit code -9", {}),
        (hangs, "did not compute batch 0 within `timeout_s` of 2 s", {"timeout_s": 2.0}),
    ]:
        stages[place] = function
        began = time.monotonic()
        with pytest.raises(StageError, match=f"{name}.*{message}") as caught:
            run_short(*stages, **options)
        assert time.monotonic() - began < 12
        if function is raises:
            assert "in raises" in caught.value.__notes__[0]


def test_a_stage_that_does_not_start_is_named():
    with pytest.raises(StageError, match=r"stage 1 \(`b`, layers 1-1\) died with exit code 3"):
        run_short(None, DiesWhenLoaded())


def test_bad_arguments():
    split = one_split(SHORT, TWO, Link())
    with pytest.raises(TypeError, match="`split` must be a Split"):
        run_split(3, SHORT, TWO)
    with pytest.raises(ValueError, match="`links` must be those of the split"):
        run_split(split, SHORT, TWO, links=Link(0.5))
    with pytest.raises(ValueError, match="`split` must belong to"):
        run_split(split, SHORT, [Device("x"), Device("b")])
    with pytest.raises(ValueError, match="`num_batches` must be larger than 2"):
        run_split(split, SHORT, TWO, num_batches=2)
    with pytest.raises(ShapeError, match="`stages` must have 2 entries"):
        run_split(split, SHORT, TWO, stages=[None])
    with pytest.raises(TypeError, match="`stages` must be picklable"):
        run_split(split, SHORT, TWO, stages=[None, lambda value: value])
    with pytest.raises(TypeError, match="`stages` must hold callables"):
        run_split(split, SHORT, TWO, stages=[None, 3])
    with pytest.raises(ValueError, match="`timeout_s`"):
        run_split(split, SHORT, TWO, timeout_s=0)
    nothing = one_split(Layers([0, 0], [0, 0]), TWO, Link())
    with pytest.raises(ValueError, match="must predict some time"):
        run_split(nothing, SHORT, TWO)
