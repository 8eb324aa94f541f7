"""Our plug-in on the real `schedule_policy.py` of SGLang's wheel; what it imports beside is stubbed."""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from paretoserve.integrations import sglang as adapter
from paretoserve.integrations.sglang import QueueOrder


def request(size, *, prompt=8, matched=0, priority=None, output=0):
    return SimpleNamespace(
        origin_input_ids=[1] * prompt,
        output_ids=[1] * output,
        num_matched_prefix_tokens=matched,
        priority=priority,
        sampling_params=SimpleNamespace(max_new_tokens=size),
    )


def sizes(queue):
    return [waiting.sampling_params.max_new_tokens for waiting in queue]


def test_shortest_first_counts_only_what_the_cache_lacks():
    queue = [request(10, prompt=1000), request(10, prompt=2000, matched=1990), request(500), request(505, output=500)]
    first, second, third, fourth = queue
    QueueOrder(fifo_share=0.0).sort(queue)
    assert queue == [second, fourth, first, third]


def test_turns_of_the_oldest_go_on_between_passes():
    order, queue, admitted = QueueOrder(fifo_share=0.5), [request(100 + place) for place in range(3)], []
    for place in range(12):
        queue.append(request(place + 1))
        order.sort(queue)
        admitted.append(queue.pop(0))
    # One leaves in each pass: every second is the oldest, so the three long ones are gone after six.
    assert [place for place, size in enumerate(sizes(admitted)) if size >= 100] == [1, 3, 5]


def test_fifo_keeps_the_order_of_arrival_and_priorities_follow_the_engine():
    queue = [request(3), request(2), request(1)]
    QueueOrder("fcfs").sort(queue)
    assert sizes(queue) == [3, 2, 1]
    queue = [request(1, priority=1), request(2, priority=5), request(3)]
    QueueOrder("priority", fifo_share=0.0).sort(queue, -1)
    assert sizes(queue) == [2, 1, 3]


def test_ranks_that_see_the_same_queue_decide_the_same():
    orders = []
    for _ in range(2):
        order = QueueOrder(fifo_share=0.25)
        queue, seen = [], []
        for place in range(50):
            queue += [request(1 + place * 7 % 31), request(1 + place * 11 % 37)]
            order.sort(queue)
            seen.append(sizes(queue))
            del queue[: place % 3]
        orders.append(seen)
    assert orders[0] == orders[1]


def test_an_empty_queue_stays_empty():
    queue = []
    QueueOrder().sort(queue)
    assert queue == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "plas"}, "`policy` must be one of fcfs, priority, srpt in SGLang"),
        ({"fifo_share": 0.3}, "`fifo_share` must be 0 or one over an integer"),
        ({"fifo_share": 0.001}, "`fifo_share` must be 0 or one over an integer"),
        ({"fifo_share": -1.0}, "fifo_share"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        QueueOrder(**options)


def test_without_the_variable_nothing_happens_and_nonsense_is_refused(monkeypatch):
    monkeypatch.delenv("PARETOSERVE_SGLANG", raising=False)
    adapter.plugin()
    monkeypatch.setattr(adapter, "require", lambda *_: "0.5.23")
    monkeypatch.setenv("PARETOSERVE_SGLANG", "srpt")
    with pytest.raises(ValueError, match="`PARETOSERVE_SGLANG` must be a JSON object"):
        adapter.plugin()


def test_other_versions_are_refused(monkeypatch):
    monkeypatch.setenv("PARETOSERVE_SGLANG", "{}")
    monkeypatch.setattr("paretoserve.integrations._versions.version", lambda _: "0.6.0")
    with pytest.raises(ImportError, match=r"`sglang` must be at least 0\.5\.23 and below 0\.5\.24"):
        adapter.plugin()


class Anything:
    """What stands for everything that the module imports and the sorting does not use."""

    def __init__(self, *arguments, **options):
        pass

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __call__(self, *arguments, **options):
        return Anything()

    def __bool__(self):
        return False

    def strip(self):
        return self

    def lower(self):
        return "compact"


class Stub(ModuleType):
    """A module in which every name is a class of its own."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything() if name == "envs" or name.islower() else type(name, (Anything,), {})


class Stubs:
    """Finds a stub for every module of SGLang but those that are tested."""

    real = ("sglang.srt.managers.schedule_policy", "sglang.srt.plugins.hook_registry")

    def __init__(self, root):
        self.root = root

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] != "sglang":
            return None
        if name in self.real:
            return importlib.util.spec_from_file_location(name, self.root / (name.replace(".", "/") + ".py"))
        spec = ModuleSpec(name, self)
        spec.submodule_search_locations = []
        return spec

    def create_module(self, spec):
        return Stub(spec.name)

    def exec_module(self, module):
        pass


@pytest.fixture
def sglang(monkeypatch):
    pytest.importorskip("torch")
    found = importlib.util.find_spec("sglang")
    if found is None or not found.submodule_search_locations:
        pytest.skip("SGLang is not installed; run make integration")
    finder = Stubs(Path(found.submodule_search_locations[0]).parent)
    # Real modules that another test has imported would meet stubs.
    for name in [name for name in sys.modules if name.partition(".")[0] == "sglang"]:
        monkeypatch.delitem(sys.modules, name)
    before = set(sys.modules)
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "sglang":
            del sys.modules[name]


def test_the_hook_sorts_in_the_real_policy_of_sglang(sglang, monkeypatch):
    real = sglang("sglang.srt.managers.schedule_policy")
    registry = sglang("sglang.srt.plugins.hook_registry").HookRegistry
    monkeypatch.setenv("PARETOSERVE_SGLANG", '{"policy": "srpt", "fifo_share": 0.0}')
    try:
        adapter.plugin()
        registry.apply_hooks()
        policy = real.SchedulePolicy.__new__(real.SchedulePolicy)
        policy.policy = real.CacheAgnosticPolicy.FCFS
        policy.tree_cache = Anything()
        policy.enable_priority_scheduling = False
        policy.priority_sign = 1
        queue = [request(300), request(20), request(100)]
        policy.calc_priority(queue)
        assert sizes(queue) == [20, 100, 300]
        queue.append(request(50))
        policy.calc_priority(queue, None, 7)
        assert sizes(queue) == [20, 50, 100, 300]
    finally:
        registry.reset()
