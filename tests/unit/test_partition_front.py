"""Fronts of splits with numbers that a reader can check, what ties and options do, and what is refused."""

import json
import math
import re

import numpy as np
import pytest

from paretoserve.errors import CapacityError, DtypeError, ShapeError
from paretoserve.partition import Device, Layers, Link, split_front

# The vector of ParetoPipe's objectives: 10 ms per unit on A, B twice as fast, 100 Mbit/s and 5 ms.
HAND = Layers([0.02, 0.03, 0.04, 0.01], [1_000_000, 400_000, 200_000, 0])
PAIR = [Device("A"), Device("B", speed=2.0)]
LINK = Link(0.005, 12.5e6)


def points(front):
    return [(split.latency_s, split.throughput_rps) for split in front.splits]


def test_hand_vector():
    front = split_front(HAND, PAIR, LINK)
    assert [split.cuts for split in front.splits] == [(2,)]
    assert points(front) == [(0.112, 20.0)]
    assert front.splits[0].in_flight == 3
    # Each cut by itself, the others forbidden by a skip or, at the first layer, by memory.
    one = split_front(HAND, [Device("A", 1), PAIR[1]], LINK)
    assert one.splits == front.splits
    weights = Layers(HAND.seconds, HAND.output_bytes, memory_bytes=[1, 1, 1, 1])
    for memory, latency, rate in [((1, 3), 0.145, 11.765), ((2, 2), 0.112, 20.0), ((3, 1), 0.116, 11.111)]:
        limited = [Device("A", memory[0]), Device("B", memory[1], speed=2.0)]
        ((found, speed),) = points(split_front(weights, limited, LINK))
        assert found == pytest.approx(latency, abs=1e-12)
        assert speed == pytest.approx(rate, abs=5e-4)


def test_transfers_that_do_not_overlap():
    front = split_front(HAND, PAIR, LINK, overlap=False)
    # Cut 1: 20 + 85 ms; cut 2: 50 + 37 ms; cut 3: 90 + 21 ms.
    assert points(front) == [(0.112, pytest.approx(1 / 0.087))]


def test_devices_that_are_left_out():
    assert points(split_front(HAND, PAIR, LINK, use_all=False)) == [(0.05, 20.0)]
    assert split_front(HAND, PAIR, LINK).alone == {"A": pytest.approx(0.1), "B": pytest.approx(0.05)}
    # In a chain of links the device between passes on what it gets: two transfers, the longer of them counts.
    chain = [Device("a"), Device("b", memory_bytes=0), Device("c")]
    layers = Layers([0.1, 0.1], [1000, 0], memory_bytes=[1, 1])
    front = split_front(layers, chain, [Link(0.01), Link(0.3)], use_all=False)
    assert points(front) == [(0.2, 5.0)]
    chain[0], chain[2] = Device("a", memory_bytes=1), Device("c", memory_bytes=1)
    assert points(split_front(layers, chain, [Link(0.01), Link(0.3)], use_all=False)) == [
        (pytest.approx(0.51), pytest.approx(1 / 0.3))
    ]


def test_replicas_share_requests_and_links():
    layers = Layers([0.1, 0.4], [1000, 0])
    devices = [Device("a", count=1), Device("b", count=4)]
    front = split_front(layers, devices, Link(0.05), max_replicas=4)
    assert [split.describe() for split in front.splits] == ["a 0 | b+b+b+b 1"]
    assert points(front) == [(pytest.approx(0.55), pytest.approx(10.0))]
    assert points(split_front(Layers([0.4], [0]), [Device("b", count=4)], max_replicas=4)) == [(0.4, 10.0)]
    # Two on each side: two lanes, so a transfer of 0.3 s every 0.15 s.
    both = split_front(
        Layers([0.1, 0.1], [0, 0]), [Device("a", count=2), Device("b", count=2)], Link(0.3), max_replicas=2
    )
    assert points(both) == [(0.5, pytest.approx(1 / 0.15))]


def test_equal_layers_and_devices_give_one_split_per_point():
    front = split_front(Layers([0.01] * 6, [0] * 6), [Device(name) for name in "abc"], order="free")
    assert points(front) == [(0.06, 50.0)]
    assert front.splits[0].cuts == (2, 4)
    assert front.splits[0].imbalance == 0.0


def test_layers_that_take_no_time():
    front = split_front(Layers([0.0, 0.0], [1, 1]), [Device("a"), Device("b")])
    assert points(front) == [(0.0, math.inf)]
    assert front.splits[0].in_flight == 1
    assert front.to_dict()["splits"][0]["throughput_rps"] is None
    assert "nothing" in front.explain()


def test_free_order_finds_the_better_one():
    # Only the second device has the memory for the first layer.
    layers = Layers([0.1, 0.1], [10, 0], memory_bytes=[5, 1])
    devices = [Device("small", 1), Device("large", 5)]
    with pytest.raises(CapacityError, match="device `small` lacks 4 bytes for layer 0, which need 5 of its 1"):
        split_front(layers, devices)
    front = split_front(layers, devices, order="free")
    assert [split.describe() for split in front.splits] == ["large 0 | small 1"]


def test_energy_is_an_objective_once_it_is_known():
    layers = Layers([0.1, 0.1], [1000, 0])
    hungry = [Device("a", watts=100.0, joules_per_byte=0.001), Device("b", watts=10.0, speed=0.5)]
    front = split_front(layers, hungry, order="free", use_all=False)
    assert front.objectives == ("latency", "throughput", "energy")
    assert {split.describe(): split.energy_j for split in front.splits} == {
        "a 0-1": pytest.approx(20.0),
        "b 0-1": pytest.approx(4.0),
        "b 0 | a 1": pytest.approx(12.0),
    }
    assert points(split_front(layers, hungry, objectives="latency")) == [(pytest.approx(0.3), 5.0)]
    with pytest.raises(ValueError, match="energy, which is not known"):
        split_front(layers, [Device("a")], objectives=["energy"])


def test_energy_that_is_not_known_is_no_number():
    # The watts of one device alone say nothing of a split over both.
    layers = Layers([0.1, 0.1], [1000, 0])
    front = split_front(layers, [Device("a", watts=100.0), Device("b")])
    assert front.objectives == ("latency", "throughput")
    assert [front.splits[0].energy_j, *(stage.joules for stage in front.splits[0].stages)] == [None] * 3
    assert front.to_dict()["splits"][0]["energy_j"] is None
    assert " J" not in front.explain()
    pytest.importorskip("pyarrow")
    assert front.to_table().column("energy_j").to_pylist() == [None]
    free = split_front(layers, [Device("a", watts=0.0)])
    assert free.splits[0].energy_j == 0.0
    assert " 0 J" in free.explain()


def test_graph_is_cut_at_dominators_only():
    # 0 -> (1, 2) -> 3 -> 4: a diamond, then a chain.
    layers = Layers([0.1] * 5, [1] * 5, inputs=[[], [0], [0], [1, 2], [3]])
    assert layers.cuts.tolist() == [0, 3]
    front = split_front(layers, [Device("a"), Device("b")])
    assert {split.cuts for split in front.splits} == {(1,)}  # and (4,), which has the same numbers
    with pytest.raises(ValueError, match=r"`devices` must be at most as many .* got 4 for 3"):
        split_front(layers, [Device(name) for name in "abcd"])


def test_peers_are_marked():
    # A transfer behind layer 1 that dwarfs all else: who looks at computation only walks into it.
    layers = Layers([0.1, 0.1, 0.1, 0.1], [0, 10_000_000, 1_000_000, 0])
    front = split_front(layers, [Device("a"), Device("b")], Link(0.0, 1e7))
    assert points(front) == [(pytest.approx(0.4), pytest.approx(1 / 0.3))]
    assert front.marks(0) == ("least_latency", "pipedream")
    assert front.peers["paretopipe"].cuts == (2,)
    assert front.peers["paretopipe"].throughput_rps == pytest.approx(1.0)
    assert front.beaten_by("paretopipe") == 0
    assert front.beaten_by("pipedream") is None
    text = front.explain()
    assert "largest throughput (PipeDream)" in text
    assert "least largest computation (ParetoPipe): a 0-1 | b 2-3" in text
    assert "beaten by split 0" in text


def test_results_are_plain_data():
    front = split_front(HAND, PAIR, LINK, epsilon=0.1)
    data = json.loads(json.dumps(front.to_dict(), allow_nan=False))
    assert data["splits"][0]["cuts"] == [2]
    assert data["splits"][0]["stages"][0]["devices"] == ["A"]
    assert data["epsilon"] == 0.1
    assert "complete to 0.1" in front.explain()


def test_inputs_stay_as_they_were():
    seconds = np.array([0.1, 0.2])
    sizes = np.array([1, 2])
    layers = Layers(seconds, sizes, memory_bytes=sizes)
    layers.seconds[0] = 5.0
    assert seconds.tolist() == [0.1, 0.2]
    sizes[:] = -1
    assert layers.output_bytes.tolist() == layers.memory_bytes.tolist() == [1, 2]


def test_a_large_front_asks_for_epsilon(monkeypatch):
    import paretoserve.partition.front as module

    monkeypatch.setattr(module, "MOST_LABELS", 50)
    rng = np.random.default_rng(0)
    layers = Layers(rng.uniform(0.01, 0.02, 60), np.zeros(60, dtype=int))
    with pytest.raises(ValueError, match=r"epsilon=0\.01"):
        split_front(layers, [Device(name) for name in "abcd"])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"seconds": [0.1, -1.0]}, ValueError, "`seconds` must be finite, .* got -1 for layer 1 (`1`)"),
        ({"seconds": [math.nan, 1.0]}, ValueError, "got nan for layer 0 (`0`)"),
        ({"seconds": [math.inf, 1.0]}, ValueError, "got inf for layer 0"),
        ({"seconds": {"a": [0.1, 0.2], "b": [0.1, -0.2]}}, ValueError, "got -0.2 for layer 1 (`1`) on `b`"),
        ({"seconds": [0.1]}, ShapeError, "`seconds` must have shape (2,), got (1,)"),
        ({"seconds": ["x", "y"]}, DtypeError, "`seconds` must hold numbers"),
        ({"seconds": {}}, ValueError, "`seconds` must have at least one device"),
        ({"output_bytes": [-1, 0]}, ValueError, "`output_bytes` must be from 0"),
        ({"output_bytes": []}, ShapeError, "at least one layer"),
        ({"memory_bytes": [1.5, 2.5]}, DtypeError, "`memory_bytes` must hold integers"),
        ({"memory_bytes": [2**59, 2**59]}, ValueError, "`memory_bytes` must be below"),
        ({"joules": [0.0, math.nan]}, ValueError, "`joules` must be finite"),
        ({"names": ["one"]}, ShapeError, "`names` must have 2 entries"),
        ({"inputs": [[], []]}, ValueError, "`inputs` of layer 1 (`1`) must be layers before it"),
        ({"inputs": [[], [1]]}, ValueError, "must be numbers of layers before it, got 1"),
        ({"inputs": [[0], [0]]}, ValueError, "must be nothing, as the first layer"),
        ({"inputs": [[]]}, ShapeError, "`inputs` must have 2 entries"),
        ({"inputs": 3}, TypeError, "`inputs` must be a sequence, got 3"),
        ({"inputs": [[], 0]}, TypeError, "`inputs` must be a sequence, got 0"),
        ({"names": 5}, TypeError, "`names` must be a sequence, got 5"),
        ({"seconds": [[0.1], [0.1, 0.2]]}, ShapeError, "`seconds` must have shape (2,), got rows of several lengths"),
    ],
)
def test_bad_layers(change, error, message):
    arguments = {"seconds": [0.1, 0.2], "output_bytes": [10, 0]} | change
    pattern = re.escape(message).replace(r"\.\*", ".*")
    with pytest.raises(error, match=pattern):
        Layers(**arguments)


def test_a_branch_that_leads_nowhere_is_refused():
    with pytest.raises(ValueError, match=r"none that takes layer 1 \(`1`\)\nhint: a graph that is not connected"):
        Layers([0.1] * 3, [1] * 3, inputs=[[], [0], [0]])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((HAND, []), {}, ValueError, "`devices` must hold at least one"),
        ((HAND, None), {}, TypeError, "`devices` must be a sequence, got None"),
        ((HAND, PAIR, 3), {}, TypeError, "`links` must be a sequence, got 3"),
        ((HAND, PAIR, [[LINK, LINK], 3]), {}, TypeError, "`links` must be a sequence, got 3"),
        ((HAND, PAIR), {"objectives": 3}, TypeError, "`objectives` must be a sequence, got 3"),
        ((HAND, PAIR), {"objectives": [["latency"]]}, ValueError, "`objectives` must be among"),
        ((HAND, ["a"]), {}, TypeError, "`devices` must hold Device objects"),
        ((HAND, [Device("a"), Device("a")]), {}, ValueError, "`a` twice"),
        ((HAND, [Device(str(i)) for i in range(5)]), {}, ValueError, "got 5 for 4"),
        ((HAND, [Device("a", count=5)]), {}, ValueError, "got 5 for 4"),
        ((HAND, PAIR, [LINK, LINK]), {}, ShapeError, "`links` must be one Link, 1 for the chain"),
        ((HAND, PAIR, []), {}, ShapeError, "`links` must be one Link"),
        ((HAND, PAIR, [[LINK], [LINK]]), {}, ShapeError, "2 rows of 2"),
        ((HAND, PAIR, [["x", "y"], ["x", "y"]]), {}, TypeError, "`links` must hold Link"),
        ((HAND, PAIR, [LINK]), {"order": "free"}, ValueError, "need order='fixed'"),
        ((HAND, [Device("a", count=2), Device("b")], [LINK]), {}, ValueError, "do not say how the 2 devices"),
        ((HAND, PAIR), {"order": "any"}, ValueError, "`order` must be"),
        ((HAND, PAIR), {"epsilon": -0.1}, ValueError, "`epsilon`"),
        ((HAND, PAIR), {"epsilon": math.nan}, ValueError, "`epsilon`"),
        ((HAND, PAIR), {"max_replicas": 0}, ValueError, "`max_replicas`"),
        ((HAND, PAIR), {"use_all": "yes"}, TypeError, "`use_all`"),
        ((HAND, PAIR), {"objectives": []}, ValueError, "`objectives` must be one or more"),
        ((HAND, PAIR), {"objectives": ["cost"]}, ValueError, "got 'cost'"),
        ((HAND, PAIR, Link(1e300)), {}, ValueError, "`links` must come to less than"),
        ((HAND, [Device("a", speed=1e-300)]), {}, ValueError, "`seconds` must come to less than"),
        (([0.1, 0.2], PAIR), {}, TypeError, "`layers` must be a Layers object"),
        ((Layers({"A": [0.1] * 4}, [0] * 4), PAIR), {}, ValueError, "got none for `B`"),
    ],
)
def test_bad_arguments(arguments, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        split_front(*arguments, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Device("a", memory_bytes=-1), "`memory_bytes`"),
        (lambda: Device("a", count=0), "`count`"),
        (lambda: Device(""), "`name` must not be empty"),
        (lambda: Device("a", speed=0.0), "`speed`"),
        (lambda: Device("a", watts=-1.0), "`watts`"),
        (lambda: Link(-0.1), "`latency_s`"),
        (lambda: Link(math.nan), "`latency_s`"),
        (lambda: Link(0.0, 0.0), "`bandwidth` must be positive"),
        (lambda: Link(0.0, math.nan), "`bandwidth` must be positive"),
    ],
)
def test_bad_devices_and_links(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_too_little_memory_says_what_is_missing():
    layers = Layers([0.1] * 4, [0] * 4, memory_bytes=[100, 100, 100, 300])
    with pytest.raises(CapacityError) as caught:
        split_front(layers, [Device("a", 250), Device("b", 320)])
    # Cut behind layer 2: a needs 300 of 250; b has room. Every other cut lacks more.
    assert "device `a` lacks 50 bytes for layers 0-2, which need 300 of its 250" in str(caught.value)
    assert "layers need 600 bytes in all" in str(caught.value)


def test_stages_come_to_what_the_split_states():
    random = np.random.default_rng(4)
    names = "abc"
    layers = Layers(
        {name: random.uniform(0.001, 0.1, 9).round(4) for name in names},
        random.integers(0, 10**6, 9),
        memory_bytes=random.integers(1, 100, 9),
        joules={name: random.uniform(0.1, 2.0, 9).round(3) for name in names},
    )
    devices = [Device(name, count=2, joules_per_byte=1e-6) for name in names]
    front = split_front(layers, devices, Link(0.002, 1e7), order="free", use_all=False, max_replicas=2)
    assert len(front) == len(front.splits) > 1
    for split in (*front.splits, *front.peers.values()):
        assert sum(stage.seconds + stage.transfer_s for stage in split.stages) == pytest.approx(split.latency_s)
        assert sum(stage.joules for stage in split.stages) == pytest.approx(split.energy_j)
        assert [stage.first for stage in split.stages] == [0, *(stage.stop for stage in split.stages[:-1])]
        for stage in split.stages:
            rows = slice(stage.first, stage.stop)
            assert stage.memory_bytes == layers.memory_bytes[rows].sum()
            assert stage.seconds == pytest.approx(layers.seconds[stage.devices[0]][rows].sum())
            assert stage.output_bytes == (0 if stage.stop == 9 else layers.output_bytes[stage.stop - 1])
            assert set(stage.devices) == {stage.devices[0]}
