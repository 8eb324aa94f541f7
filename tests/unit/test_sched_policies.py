"""Policies that know more than one number of a request: what they decide, refuse and record."""

import numpy as np
import pytest

from paretoserve import sched
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.sim import simulate_jobs


def engine(policy, **options):
    return sched.Scheduler(policy, **{"fifo_share": 0.0, "prefill_weight": 0.0, "record": True, **options})


def order(scheduler, count, now_ns=0, kv_free=None):
    """Return the ids in the order in which one slot serves them."""
    ids = []
    for _ in range(count):
        batch = scheduler.next_batch(now_ns, 1, 10_000, kv_free)
        ids.append(int(batch.request_ids[0]))
        scheduler.finish(ids[-1])
    return ids


@pytest.fixture(autouse=True)
def replays(request):
    """Every scheduler that a test makes with `make` must replay."""
    made = []
    request.node.made = made
    yield
    for scheduler in made:
        assert sched.replay(scheduler.log()) == scheduler.stats()


@pytest.fixture
def make(request):
    def new(*arguments, **options):
        request.node.made.append(engine(*arguments, **options))
        return request.node.made[-1]

    return new


def test_hrrn_lets_waiting_make_up_for_size(make):
    scheduler = make("hrrn")
    scheduler.submit(1, 0, prompt_tokens=1, expected_output_tokens=100)
    scheduler.submit(2, 900, prompt_tokens=1, expected_output_tokens=10)
    # (wait + size) / size in any unit: 1000 / 100 against 100 / 10.
    assert order(scheduler, 2, 999) == [1, 2]
    scheduler.submit(3, 1000, prompt_tokens=1, expected_output_tokens=100)
    scheduler.submit(4, 1900, prompt_tokens=1, expected_output_tokens=10)
    assert order(scheduler, 2, 2001) == [4, 3]


def test_hrrn_equals_a_search_over_ratios():
    generator = np.random.default_rng(3)
    release, size = np.sort(generator.integers(0, 400, 80)), generator.integers(1, 12, 80)
    completion, now = np.zeros(80, dtype=np.int64), 0
    left = set(range(80))
    while left:
        ready = [job for job in left if release[job] <= now]
        if not ready:
            now = min(int(release[job]) for job in left)
            continue
        best = min(ready, key=lambda job: (-(now - release[job]) / size[job], job))
        now += int(size[best])
        completion[best] = now
        left.remove(best)
    assert simulate_jobs(release, size, policy="hrrn").completion.tolist() == completion.tolist()


def test_wsrpt_serves_the_class_that_weighs_most(make):
    scheduler = make("wsrpt")
    scheduler.submit(1, 0, prompt_tokens=1, expected_output_tokens=50, weight=8.0)
    for request_id, size in enumerate([9, 4, 7], start=2):
        scheduler.submit(request_id, 0, prompt_tokens=1, expected_output_tokens=size, weight=3.0)
    assert order(scheduler, 4) == [1, 3, 4, 2]
    assert scheduler.stats()["num_finished"] == 4


def test_wsrpt_beats_srpt_on_weighted_flow():
    generator = np.random.default_rng(5)
    size = generator.integers(1, 40, 2000)
    release = np.sort(generator.integers(0, int(size.sum() / 0.95), 2000))
    weight = 2.0 ** generator.integers(0, 8, 2000)
    flow = {policy: simulate_jobs(release, size, policy=policy, weight=weight).flow for policy in ("srpt", "wsrpt")}
    assert (flow["wsrpt"] * weight).sum() < 0.9 * (flow["srpt"] * weight).sum()
    assert flow["srpt"].sum() < flow["wsrpt"].sum()


def test_slf_trusts_what_is_certain(make):
    scheduler = make("slf", eps=0.25)
    scheduler.submit(1, 0, prompt_tokens=1)
    batch = scheduler.next_batch(0, 1, 100, None)
    scheduler.advance(1, 30, 30)
    assert batch.request_ids.tolist() == [1]
    assert scheduler.explain(1)["reason"].startswith("runs at 10 output tokens of work that is certainly left")
    scheduler.update(1, expected_output_tokens=40)
    assert scheduler.explain(1)["key"][0] == 10_000_000
    scheduler.finish(1)
    scheduler.submit(2, 0, prompt_tokens=1, expected_output_tokens=5)
    scheduler.submit(3, 0, prompt_tokens=1)
    assert order(scheduler, 2) == [3, 2]


@pytest.mark.parametrize(("eps", "bound"), [(1.0, 1), (0.5, 2), (0.25, 4)])
def test_slf_keeps_its_bound(eps, bound):
    generator = np.random.default_rng(2)
    for _ in range(20):
        size = 8 * generator.integers(1, 30, 60)
        release = np.sort(generator.integers(0, int(size.sum()), 60))
        best = simulate_jobs(release, size).flow.sum()
        assert simulate_jobs(release, size, policy="slf", eps=eps).flow.sum() <= bound * best


def test_gittins_waits_with_what_looks_long(make):
    scheduler = make("gittins", samples=[[1, 1, 1, 100], [3]])
    scheduler.submit(1, 0, prompt_tokens=1, distribution=1)
    scheduler.submit(2, 0, prompt_tokens=1, distribution=0)
    assert scheduler.explain(2)["reason"].startswith("waits at 1.33333 output tokens of expected work per completion")
    assert order(scheduler, 2) == [2, 1]


def test_gittins_lies_between_ignorance_and_knowledge():
    generator = np.random.default_rng(9)
    seen = generator.choice([1, 1, 1, 1, 60], 500)
    size = generator.choice(seen, 3000)
    release = np.sort(generator.integers(0, int(size.sum() / 0.8), 3000))
    flow = {
        policy: simulate_jobs(release, size, policy=policy, samples=[seen]).flow.mean()
        for policy in ("srpt", "gittins", "fcfs")
    }
    assert flow["srpt"] <= flow["gittins"] < 0.5 * flow["fcfs"]


def test_vtc_serves_the_tenant_that_had_least(make):
    scheduler = make("vtc", prefill_weight=1.0)
    for request_id in range(4):
        scheduler.submit(request_id, 0, prompt_tokens=100, tenant=-5)
    for request_id in range(4, 7):
        scheduler.submit(request_id, 0, prompt_tokens=30, tenant=9)
    assert order(scheduler, 7) == [0, 4, 5, 6, 1, 2, 3]


def test_a_tenant_that_returns_has_saved_nothing(make):
    scheduler = make("vtc", prefill_weight=1.0)
    scheduler.submit(0, 0, prompt_tokens=1, tenant=2)
    for request_id in range(1, 6):
        scheduler.submit(request_id, 0, prompt_tokens=100, tenant=1)
    assert order(scheduler, 4) == [0, 1, 2, 3]
    for request_id in range(6, 10):
        scheduler.submit(request_id, 0, prompt_tokens=100, tenant=2)
    # From 300 both, in turn, and not all four of tenant 2 first; ties go to the tenant that has been there longer.
    assert order(scheduler, 6) == [4, 6, 5, 7, 8, 9]


@pytest.mark.parametrize("policy", ["fcfs", "vtc"])
def test_endless_tenants_leave_nothing_behind(policy):
    scheduler = engine(policy, record=False)
    for first in range(0, 100_000, 1000):
        ids = np.arange(first, first + 1000)
        scheduler.submit_many(ids, first, prompt_tokens=np.full(1000, 10), tenant=ids * 7919 - 10**6)
        (served,) = scheduler.next_batch(first, 1, 100, None).request_ids.tolist()
        scheduler.advance(served, 10, 1)
        scheduler.finish(served)
        for request_id in set(ids.tolist()) - {served}:
            scheduler.cancel(request_id)
    # At most the names of those that were there at once.
    assert len(scheduler.snapshot()) < 20_000


def test_weights_and_any_order_inside(make):
    scheduler = make("srpt", tenant_fairness=True, tenant_weights={1: 2.0}, prefill_weight=0.0)
    for request_id, size in enumerate([90, 80, 10, 20, 30, 40]):
        scheduler.submit(request_id, 0, prompt_tokens=1, expected_output_tokens=size, tenant=int(request_id > 1))
    served = []
    for _ in range(6):
        batch = scheduler.next_batch(0, 1, 10_000, None)
        served.append(int(batch.request_ids[0]))
        scheduler.advance(served[-1], 30, 30)
        scheduler.finish(served[-1])
    # 30 of tenant 0 count 30, of tenant 1 count 15; a tie goes to tenant 0, which came first.
    assert served == [1, 2, 3, 0, 4, 5]


def test_the_fifo_share_is_one_of_every_tenant(make):
    scheduler = make("srpt", tenant_fairness=True, fifo_share=0.5, prefill_weight=1.0)
    for request_id in range(8):
        output = 100 - request_id
        scheduler.submit(request_id, 0, prompt_tokens=10, expected_output_tokens=output, tenant=request_id % 2)
    assert order(scheduler, 8) == [6, 7, 0, 1, 4, 5, 2, 3]
    assert scheduler.stats()["num_fifo_admitted"] == 4


def test_mc_sf_looks_ahead(make):
    scheduler = make("mc_sf")
    for request_id in (1, 2):
        scheduler.submit(request_id, 0, prompt_tokens=16, expected_output_tokens=33)
    # Each will hold three blocks; four are free.
    assert scheduler.next_batch(0, 8, 1000, 4).request_ids.tolist() == [1]
    scheduler.advance(1, 16, 1)
    assert scheduler.next_batch(1, 8, 1000, 3).request_ids.tolist() == [1]
    assert sched.Scheduler("mc_sf").next_batch(0, 8, 1000, None).request_ids.tolist() == []


def test_mc_sf_knows_who_is_done_in_time(make):
    scheduler = make("mc_sf")
    scheduler.submit(1, 0, prompt_tokens=16, expected_output_tokens=10)
    scheduler.submit(2, 0, prompt_tokens=16, expected_output_tokens=33)
    # Two blocks and three, but the first is gone when the second wants its third.
    assert scheduler.next_batch(0, 8, 1000, 4).request_ids.tolist() == [1, 2]


def test_a_min_believes_the_least_and_evicts_the_smallest(make):
    scheduler = make("a_min")
    scheduler.submit(1, 0, prompt_tokens=16, output_range=(2, 100))
    scheduler.submit(2, 0, prompt_tokens=16, output_range=(5, 100))
    assert scheduler.next_batch(0, 8, 1000, 4).request_ids.tolist() == [1, 2]
    assert scheduler.victim() == [1]
    assert scheduler.explain(2)["reason"].startswith("runs at 5 output tokens of least output")


def test_alone_anything_may_enter(make):
    scheduler = make("mc_sf")
    scheduler.submit(1, 0, prompt_tokens=16, expected_output_tokens=10_000)
    assert scheduler.next_batch(0, 8, 1000, 4).request_ids.tolist() == [1]


@pytest.mark.parametrize("policy", ["slf", "hrrn", "vtc", "mc_sf", "a_min", "wsrpt"])
def test_every_request_has_a_reason(policy, make):
    scheduler = make(policy)
    scheduler.submit(1, 0, prompt_tokens=10, expected_output_tokens=10)
    assert "enters first" in scheduler.explain(1)["reason"]


@pytest.mark.parametrize(
    ("policy", "options", "error", "text"),
    [
        ("slf", {"eps": 0.0}, ValueError, "`eps` must be between"),
        ("slf", {"eps": float("nan")}, ValueError, "`eps` must be between"),
        ("slf", {"eps": 1.5}, ValueError, "`eps` must be between"),
        ("slf", {"eps": "half"}, TypeError, "`eps` must be a number"),
        ("gittins", {}, ValueError, "`samples` must be at least one list"),
        ("gittins", {"samples": [[]]}, ValueError, "`samples` must be output lengths"),
        ("gittins", {"samples": [[0, 3]]}, ValueError, "`samples` must be from 1"),
        ("gittins", {"samples": [[1.5]]}, DtypeError, "`samples` must hold integers"),
        ("gittins", {"samples": [3]}, ShapeError, "`samples` must have shape"),
        ("gittins", {"samples": 3}, TypeError, "`samples` must be a sequence"),
        ("srpt", {"tenant_weights": {1: 2.0}}, ValueError, "`tenant_weight` must be used with `tenant_fairness`"),
        ("vtc", {"tenant_weights": {1: 0.0}}, ValueError, "`tenant_weight` must be a number from"),
        ("vtc", {"tenant_weights": {1: float("inf")}}, ValueError, "`tenant_weight` must be a number from"),
        ("vtc", {"tenant_weights": {2**70: 1.0}}, ValueError, "`tenant` must be an integer from"),
        ("srpt", {"tenant_fairness": "yes"}, TypeError, "`tenant_fairness` must be True or False"),
    ],
)
def test_options_without_meaning_are_refused(policy, options, error, text):
    with pytest.raises(error, match=text):
        sched.Scheduler(policy, **options)


def test_unknown_distributions_are_refused_and_change_nothing(make):
    scheduler = make("gittins", samples=[[1, 2], [3]])
    with pytest.raises(ValueError, match="`distribution` must be below 2"):
        scheduler.submit(1, 0, prompt_tokens=1, distribution=2)
    scheduler.submit(1, 0, prompt_tokens=1, distribution=1)
    assert scheduler.stats()["num_submitted"] == 1
