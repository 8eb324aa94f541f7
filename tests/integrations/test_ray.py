"""Our request router: its choices alone, and in Ray Serve on one machine."""

import asyncio
import time
import warnings
from collections import Counter
from types import SimpleNamespace

import pytest

from paretoserve.integrations import ray as adapter
from paretoserve.integrations._affinity import Affinity


def test_new_programs_go_where_least_work_remains():
    affinity = Affinity()
    homes = []
    for place, tokens in enumerate([1000, 10, 10, 10, 500, 400]):
        homes.append(affinity.choose(f"program-{place}", ["a", "b"]))
        affinity.start(f"request-{place}", homes[-1], tokens)
    assert homes == ["a", "b", "b", "b", "b", "b"]
    affinity.end("request-0")
    assert affinity.choose("new", ["a", "b"]) == "a"


def test_a_program_stays_until_its_replica_is_gone_or_too_busy():
    affinity = Affinity(spill_tokens=100)
    assert affinity.choose("p", ["a", "b"]) == "a"
    affinity.start("r", "a", 100)
    assert affinity.choose("p", ["a", "b"]) == "a"
    affinity.start("s", "a", 1)
    assert affinity.choose("p", ["a", "b"]) == "b"
    assert affinity.choose("p", ["a"]) == "a"


def test_reported_work_counts_where_it_is_larger():
    affinity = Affinity()
    assert affinity.choose(None, ["a", "b"], {"a": 50}) == "b"


def test_nothing_grows_without_end():
    affinity = Affinity(max_programs=10)
    for place in range(1000):
        replica = affinity.choose(f"p{place}", ["a", "b"])
        affinity.start(f"r{place}", replica, 5)
        affinity.end(f"r{place}")
        affinity.end(f"r{place}")
    assert len(affinity._homes) == 10
    assert affinity._work == affinity._outstanding == {}


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="spill_tokens"):
        Affinity(spill_tokens=-1)
    with pytest.raises(ValueError, match="max_programs"):
        Affinity(max_programs=0)


def request(name, future, **fields):
    metadata = SimpleNamespace(internal_request_id=name, session_id=fields.pop("session", ""))
    return SimpleNamespace(metadata=metadata, args=[fields], kwargs={}, future=future)


def test_sizes_travel_in_the_request_and_a_cancelled_one_frees_its_work():
    class Router(adapter._Affine):
        def select_available_replicas(self, candidates):
            return candidates

    async def run():
        router = Router()
        router.initialize_state()
        loop = asyncio.get_running_loop()
        names = ["a", "b"]
        replicas = [SimpleNamespace(replica_id=SimpleNamespace(unique_id=name), routing_stats={}) for name in names]
        future = loop.create_future()
        first = request("r1", future, max_tokens=700)
        assert (await router.choose_replicas(replicas, first))[0][0] is replicas[0]
        assert router.affinity.remaining("a") == 700
        odd = request("r2", loop.create_future(), max_tokens="many", program="p")
        assert (await router.choose_replicas(replicas, odd))[0][0] is replicas[1]
        assert router.affinity.remaining("b") == 256
        future.cancel()
        await asyncio.sleep(0)
        assert router.affinity.remaining("a") == 0
        again = request("r3", loop.create_future(), session="p")
        assert (await router.choose_replicas(replicas, again))[0][0] is replicas[1]
        assert await router.choose_replicas([], again) == []
        assert len((await router.choose_replicas(replicas, None))[0]) == 1

    asyncio.run(run())


@pytest.fixture(scope="module")
def serve():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("ray.serve", reason="Ray Serve is not installed; run make integration")
        try:
            adapter.router_class()
        except ImportError as refusal:
            pytest.skip(str(refusal))
        import ray
        from ray import serve

        with pytest.MonkeyPatch.context() as patch:
            # What else fills the memory of this machine is no reason to kill our workers.
            patch.setenv("RAY_memory_monitor_refresh_ms", "0")
            ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
        yield serve
        serve.shutdown()
        ray.shutdown()


@pytest.mark.filterwarnings("ignore")
def test_every_session_stays_on_its_replica(serve):
    import os

    from ray.serve.config import RequestRouterConfig

    class Replica:
        def __init__(self):
            self.name = os.getpid()

        async def __call__(self, body):
            await asyncio.sleep(0.005)
            return self.name

    config = RequestRouterConfig(request_router_class="paretoserve.integrations.ray.ParetoRouter")
    deployment = serve.deployment(
        Replica, num_replicas=2, ray_actor_options={"num_cpus": 0}, request_router_config=config
    )
    handle = serve.run(deployment.bind())
    seen: dict[str, set[int]] = {}
    start = time.perf_counter()
    for turn in range(5):
        sessions = [f"session-{place}" for place in range(8)]
        calls = [handle.remote({"program": name, "max_tokens": 10 * (turn + 1)}) for name in sessions]
        for name, call in zip(sessions, calls, strict=True):
            seen.setdefault(name, set()).add(call.result(timeout_s=60))
    print(f"{(time.perf_counter() - start) / 40 * 1e3:.1f} ms per call")
    assert all(len(replicas) == 1 for replicas in seen.values())
    shares = Counter(next(iter(replicas)) for replicas in seen.values())
    assert len(shares) == 2
    assert max(shares.values()) <= 6
