"""Policies side by side: figures that can be counted by hand, and every policy of the simulator on real traffic."""

import numpy as np
import pytest

from paretoserve import sched, sim
from paretoserve.cost import StepTime
from paretoserve.errors import DtypeError, UnknownNameError
from paretoserve.sim.configuration import POLICIES
from paretoserve.sim.scheduling import NEEDED

STEP = StepTime.linear(0.01)


def small(policies, **options):
    trace = sim.Trace(arrival_ns=[0, 0, 0], prompt_tokens=[10, 10, 10], output_tokens=[100, 5, 5])
    return sim.compare(
        trace, sim.Configuration(max_num_seqs=1), policies=policies, step_time=STEP, num_blocks=100, **options
    )


def test_figures_can_be_counted_by_hand():
    fcfs, srpt = small(["fcfs", "srpt:0"]).rows
    assert fcfs["e2e_mean_s"] == pytest.approx((1.0 + 1.05 + 1.10) / 3)
    assert srpt["e2e_mean_s"] == pytest.approx((0.05 + 0.10 + 1.10) / 3)
    assert fcfs["ttft_max_s"] == pytest.approx(1.06)
    slowdowns = np.array([1.0, 21.0, 22.0])
    assert fcfs["slowdown_mean"] == pytest.approx(slowdowns.mean())
    assert fcfs["fairness"] == pytest.approx(slowdowns.sum() ** 2 / (3 * (slowdowns**2).sum()))
    assert (fcfs["fifo_share"], srpt["fifo_share"]) == (None, 0.0)
    assert (fcfs["preemptions"], fcfs["wasted_tokens"], fcfs["num_rejected"]) == (0, 0, 0)


def test_every_policy_serves_every_request():
    trace = sim.load_trace("azure-chat", limit=400, seed=1).scaled(20)
    config = sim.Configuration(max_num_seqs=16)
    found = sim.compare(
        trace, config, step_time=StepTime.linear(0.012, per_prefill_token_s=6e-5), num_blocks=4000, record=True
    )
    assert [row["policy"] for row in found.rows] == [name for name in POLICIES if name not in {*NEEDED, "external"}]
    for row, run in zip(found.rows, found.simulations, strict=True):
        assert not run.rejected.any()
        assert row["slowdown_p50"] >= 1 - 1e-9
        assert 1 / trace.num_requests <= row["fairness"] <= 1
        (log,) = run.decisions
        assert sched.replay(log.rows)["num_finished"] == 400
    mean = {row["policy"]: row["e2e_mean_s"] for row in found.rows}
    assert mean["srpt"] == mean["op_srpt"], "they differ for programs alone"
    assert mean["balance"] == mean["chunk_balance"]
    assert max(mean["srpt"], mean["balance"]) < mean["fcfs"]
    table = found.to_table()
    assert table.num_rows == len(found.rows)
    assert table.to_pylist() == found.to_dict()["policies"]


def test_slot_preemption_is_passed_on():
    trace = sim.Trace(arrival_ns=[0, 10**8], prompt_tokens=[10, 10], output_tokens=[1000, 5])
    options = {"policies": ["srpt:0"], "step_time": STEP, "num_blocks": 200}
    none, slots = (
        sim.compare(trace, sim.Configuration(max_num_seqs=1), preempt=preempt, **options).rows[0]
        for preempt in ("none", "slots")
    )
    assert (none["preemptions"], slots["preemptions"]) == (0, 1)
    assert slots["e2e_mean_s"] < none["e2e_mean_s"]
    assert slots["wasted_tokens"] > 0


@pytest.mark.parametrize(
    ("policies", "options", "error", "message"),
    [
        ([], {}, ValueError, "`policies` must name at least one"),
        (["srtp"], {}, UnknownNameError, 'did you mean "srpt"'),
        (["edf"], {}, ValueError, "`deadline_ns` must be given"),
        (["srpt:half"], {}, ValueError, "name:share with a number"),
        (["srpt:2"], {}, ValueError, "`fifo_share` must be from 0 to 1"),
        ([3], {}, DtypeError, "`policies` must hold names"),
        (["srpt"], {"preempt": "always"}, ValueError, "`preempt` must be"),
    ],
)
def test_bad_comparisons_are_refused(policies, options, error, message):
    with pytest.raises(error, match=message):
        small(policies, **options)


def test_an_engine_must_be_given():
    trace = sim.Trace(arrival_ns=[0], prompt_tokens=[10], output_tokens=[100])
    with pytest.raises(ValueError, match="must be given"):
        sim.compare(trace, sim.Configuration())
    with pytest.raises(ValueError, match="all are rejected"):
        sim.compare(trace, sim.Configuration(), step_time=STEP, num_blocks=1)
