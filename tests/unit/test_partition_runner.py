"""Splits that run as processes: what they take beside the prediction, and how they fail."""

import json
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from paretoserve.errors import ShapeError, StageError
from paretoserve.partition import Device, Layers, Link, pipeline, run_split, split_front

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


def side_by_side(calls):
    """Return what some functions return; they run at the same time, since they mostly sleep."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def measured(*cases):
    """Run splits side by side; return the runs, and by how much this machine woke a sleeper too late meanwhile."""
    late, done = [0.0], threading.Event()

    def sleeper():
        while not done.is_set():
            began = time.monotonic()
            time.sleep(0.002)
            late.append(time.monotonic() - began - 0.002)

    probe = threading.Thread(target=sleeper)
    probe.start()
    try:
        calls = [partial(run_split, split, layers, devices, links=link, num_batches=8, warmup=split.in_flight)
                 for split, layers, devices, link in cases]  # fmt: skip
        return side_by_side(calls), max(late)
    finally:
        done.set()
        probe.join()


def close(run, late):
    """Whether times are within 15 % of the prediction; longer ones may be as late as this machine was."""
    for ratio, seconds in [(run.latency_ratio, run.split.latency_s), (1 / run.throughput_ratio, run.in_flight)]:
        assert 0.85 < ratio < 1.15 + 4 * late / seconds, f"{run.explain()}\nsleepers up to {late:.4f} s late"
    return True


def test_every_cut_takes_what_was_predicted():
    splits = {cut: one_split(LAYERS, pair_cut_at(cut), LINK) for cut in (1, 2, 3)}
    runs, late = measured(*((split, LAYERS, pair_cut_at(cut), LINK) for cut, split in splits.items()))
    for cut, run in zip(splits, runs, strict=True):
        assert run.split.cuts == (cut,)
        assert close(run, late)
        assert run.in_flight == run.split.in_flight
        assert run.stage_seconds == pytest.approx([stage.seconds for stage in run.split.stages])
        assert "predicted" in run.explain()
        assert json.loads(json.dumps(run.to_dict()))["throughput_ratio"] == run.throughput_ratio


def test_replicas_share_batches_and_links():
    cases = []
    for counts, seconds, link, rate in [
        ((2, 2), [0.03, 0.12], Link(0.002), 1 / 0.06),
        # As many lanes as the side of fewer replicas has.
        ((1, 3), [0.02, 0.02], Link(0.01, 1e6), 20),
        ((3, 1), [0.02, 0.02], Link(0.01, 1e6), 20),
    ]:
        layers = Layers(seconds, [40_000 if link.bandwidth == 1e6 else 0, 0])
        devices = [Device("a", count=counts[0]), Device("b", count=counts[1])]
        split = one_split(layers, devices, link, max_replicas=3)
        assert tuple(stage.replicas for stage in split.stages) == counts
        assert split.throughput_rps == pytest.approx(rate)
        cases.append((split, layers, devices, link))
    runs, late = measured(*cases)
    assert all(close(run, late) for run in runs)


def test_transfers_that_do_not_overlap():
    devices, link = pair_cut_at(1), Link(0.01, 1e6)
    layers = Layers([0.03, 0.01, 0.01, 0.01], [30_000, 0, 0, 0], memory_bytes=[1, 1, 1, 1])
    split = one_split(layers, devices, link, overlap=False)
    assert split.throughput_rps == pytest.approx(1 / 0.07)
    (run,), late = measured((split, layers, devices, link))
    assert close(run, late)


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
    return run_split(one_split(SHORT, TWO, Link()), SHORT, TWO, stages=stages, num_batches=4, **options)


def fails(*stages, match, **options):
    with pytest.raises(StageError, match=match) as caught:
        run_short(*stages, **options)
    return caught.value


def test_callables_get_what_the_stage_before_returned():
    run, _ = side_by_side([
        partial(run_short, number, check_and_sleep),
        partial(fails, None, check_and_sleep, match=r"stage 1 \(`b`, layers 1-1\) raised AssertionError"),
    ])  # fmt: skip
    assert run.stage_seconds[0] >= 0.01
    assert run.stage_seconds[1] >= 0.02
    assert run.latency_s >= 0.03


@pytest.mark.parametrize("place", [0, 1])
def test_stages_that_raise_die_or_hang_are_named(place):
    def stages(function):
        return [function, None] if place == 0 else [None, function]

    name = rf"stage {place} \(`{'ab'[place]}`"
    hanging = f"{name}.*did not compute batch 0 within `timeout_s` of 1.5 s"
    raised, *_ = side_by_side([
        partial(fails, *stages(raises), match=f"{name}.*raised KeyError: 'lost'"),
        partial(fails, *stages(dies), match=f"{name}.*died with exit code -9"),
        partial(fails, *stages(hangs), match=hanging, timeout_s=1.5),
    ])  # fmt: skip
    assert "in raises" in raised.__notes__[0]


def test_a_stage_that_does_not_start_is_named():
    with pytest.raises(StageError, match=r"stage 1 \(`b`, layers 1-1\) died with exit code 3"):
        run_short(None, DiesWhenLoaded())


class HangsWhenLoaded:
    """Sleeps in the process that unpickles it."""

    def __reduce__(self):
        return time.sleep, (1000,)

    def __call__(self, _):
        raise AssertionError


def test_a_stage_that_hangs_at_its_start_is_named(monkeypatch):
    monkeypatch.setattr(pipeline, "SECONDS_TO_START", 0.5)
    with pytest.raises(StageError, match=r"stage 0 \(`a`, layers 0-0\) did not start in 0.5 s"):
        run_short(HangsWhenLoaded(), None, timeout_s=0.1)


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
