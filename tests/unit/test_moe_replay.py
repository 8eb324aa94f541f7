"""Replays: times against planners' own and by hand, what is remembered between steps, and the paper's scenarios."""

import numpy as np
import pytest

from _data import data
from paretoserve import moe
from paretoserve.errors import DtypeError, ShapeError, UnknownNameError

COST = moe.CostModel(token_ns=98, expert_ns=13_000, transfer_ns=119_000)
# Of a layer of gpt-oss-120b in bfloat16 on eight H200: 2880 wide in and out, at 600 Tflop/s, 4 TB/s and 350 GB/s.
LAYER = moe.CostModel(token_ns=83, expert_ns=12_400, transfer_ns=142_000)


def trace(**options):
    return moe.loads.power_law(64, 8 * 2048, 8, layers=2, steps=4, seed=3, **options)


def test_nothing_moves_without_a_planner():
    run = moe.replay(trace(), "ep", num_ranks=8, cost=COST)
    quota = trace().totals.reshape(4, 2, 8, 8)
    blocks = np.where(quota > 0, np.maximum(13_000, quota * 98), 0).sum(axis=3)
    np.testing.assert_allclose(run.time_ns, blocks.max(axis=2))
    np.testing.assert_allclose(run.ratio, trace().ratio(8))
    assert not run.transfers.any()
    assert not run.moves.any()
    assert (run.peak_experts == 8).all()


@pytest.mark.parametrize("tokens", [16, 256, 4096])
def test_times_of_spills_are_those_of_the_planner(tokens):
    loads = moe.loads.power_law(64, 8 * tokens, 8, layers=3, steps=5, seed=tokens)
    run = moe.replay(loads, "spill", num_ranks=8, cost=COST)
    before = moe.replay(loads, "ep", num_ranks=8, cost=COST)
    for step, layer in np.ndindex(5, 3):
        plan = moe.plan_spill(loads.totals[step, layer], 8, cost=COST)
        np.testing.assert_allclose(run.time_ns[step, layer], plan.after_ns, rtol=1e-6)
        np.testing.assert_allclose(before.time_ns[step, layer], plan.before_ns, rtol=1e-6)
        assert run.transfers[step, layer] == len(plan.transfers)
    assert (run.time_ns <= before.time_ns * (1 + 1e-9)).all()


def test_a_function_is_a_planner_and_is_priced_with_nodes_speeds_and_overlap():
    counts = np.array([[[8, 0, 0, 4]]])

    def halves(step):
        quota = np.diag(step)
        quota[0] = [4, 0, 4, 0]
        return moe_plan(quota, np.array([[0, 0, 2, 0]]))

    cost = moe.CostModel(1.0, 2.0, 10.0, 50.0, overlap=0.5, launch_ns=3.0)
    topology = moe.Topology(4, ranks_per_node=2, speed=[1, 1, 0.5, 2])
    run = moe.replay(moe.loads.Loads(counts), halves, num_ranks=4, cost=cost, topology=topology, expert_bytes=7)
    assert run.time_ns.tolist() == [[(3 + 4) / 0.5 + 0.5 * 50]]
    assert run.ratio.tolist() == [[8 / (12 / 4.5)]]
    assert (run.transfers.sum(), run.busiest.sum(), run.traffic_bytes.sum(), run.planner) == (1, 1, 7, "halves")
    assert run.explain(0, 0).endswith("expert 0 has 8 tokens, 2.7 times the mean: 4 of them go from rank 0 to rank 2")


class moe_plan:  # noqa: N801
    def __init__(self, quota, transfers):
        self.quota, self.transfers = quota, transfers


def test_placements_come_from_the_steps_before():
    profile = 1.0 / np.arange(1, 33)
    parts = [moe.loads.batches(shape, 4096, 4, steps=4, seed=1).counts for shape in (profile, profile, profile[::-1])]
    loads = moe.loads.Loads(np.concatenate(parts))
    runs = {
        name: moe.replay(loads, name, num_ranks=4, cost=COST, interval=4, num_slots=40)
        for name in ("ep", "eplb", "placement", "split")
    }
    for name in ("eplb", "placement", "split"):
        assert not runs[name].moves[:4].any()
        assert runs[name].moves[4].sum() > 0
        assert not runs[name].moves[5:8].any()
        ratios = runs[name].ratio[:, 0]
        assert ratios[4:8].max() < 1.05 < runs["ep"].ratio[4:8].min()
        assert ratios[8:].min() > ratios[4:8].max()
        assert (runs[name].peak_experts == 10).all()
    assert runs["placement"].moves[8:].sum() <= runs["eplb"].moves[8:].sum()
    assert (runs["split"].ratio <= runs["placement"].ratio + 1e-9).all()
    assert "a placement fetched it from rank" in runs["eplb"].explain(4, 0)


def test_every_planner_computes_every_token_and_repeats_itself():
    loads = moe.loads.hot_spot(64, 8 * 1024, 8, share=0.12, period=3, steps=20, layers=2, seed=4)
    for name in moe.study.PLANNERS:
        one, two = (moe.replay(loads, name, num_ranks=8, cost=COST, interval=5) for _ in range(2))
        assert np.array_equal(one.time_ns, two.time_ns)
        mean = loads.totals.sum(axis=2) / 8
        assert (one.peak_tokens >= mean).all()
        np.testing.assert_allclose(one.ratio, one.peak_tokens / mean)


def test_planners_know_nothing_of_the_future():
    loads = moe.loads.hot_spot(32, 4096, 4, share=0.2, period=3, steps=20, seed=4)
    start = moe.loads.Loads(loads.counts[:9])
    for name in moe.study.PLANNERS:
        whole, part = (moe.replay(one, name, num_ranks=4, cost=COST, interval=4) for one in (loads, start))
        assert np.array_equal(whole.time_ns[:9], part.time_ns)


def test_scenarios_of_the_paper_in_shape():
    """Speed-ups grow with the share, balanced stays as it is, and impossible cases are marked."""
    traces = [
        moe.loads.llep_scenario(128, 8 * 32768, 4, share=share, num_hot=hot) for share, hot in moe.loads.SCENARIOS
    ]
    found = moe.compare(traces, planners=("ep", "llep", "spill"), num_ranks=8, cost=LAYER)
    speedup = {(row["loads"], row["planner"]): row["speedup"] for row in found.rows}
    published = {
        "30% into 16": 1.73, "30% into 4": 2.09, "30% into 1": 2.41, "50% into 16": 2.85, "50% into 4": 3.05,
        "50% into 1": 3.48, "80% into 16": 4.37, "80% into 4": 4.47, "80% into 1": 5.26, "95% into 16": 5.19,
        "95% into 4": 5.22, "95% into 1": 6.11,
    }  # fmt: skip
    assert speedup["balanced", "llep"] == speedup["balanced", "spill"] == 1
    for planner in ("llep", "spill"):
        for hot in (16, 4, 1):
            row = [speedup[f"{share}% into {hot}", planner] for share in (30, 50, 80, 95)]
            assert row == sorted(row)
        ours = [speedup[name, planner] for name in published]
        assert np.corrcoef(ours, list(published.values()))[0, 1] > 0.95
    assert all(speedup[name, "spill"] >= speedup[name, "llep"] - 1e-9 for name in published)
    possible = {row["loads"]: row["possible"] for row in found.rows}
    assert [name for name in published if not possible[name]] == [
        "30% into 1", "50% into 1", "80% into 1", "95% into 1",
    ]  # fmt: skip


def test_real_counts_gain_from_placement_and_spill():
    read = moe.loads.read(data("moe/olmoe_mixtral_expert_counts.csv"), select={"model": "olmoe", "selection": "topk"})
    profile = read.counts[read.labels.index("github")]
    loads = moe.loads.batches(profile, 8 * 4096, 8, steps=8)
    found = moe.compare(loads, num_ranks=8, cost=COST, interval=4, num_slots=72)
    speedup = {row["planner"]: row["speedup"] for row in found.rows}
    assert speedup["spill"] > 1.1
    assert speedup["split"] > 1.1
    assert {row["planner"]: row["slower"] for row in found.rows}["spill"] == 0


def test_summary_table_and_words():
    found = moe.compare(trace(), planners=["ep", "spill"], num_ranks=8, cost=COST, expert_bytes=10, token_bytes=1)
    pytest.importorskip("pyarrow")
    table = found.to_table()
    assert table.column_names == list(found.to_dict()["planners"][0])
    first = found.rows[0]
    assert first["memory_bytes"] == 80 + found.replays[0].peak_tokens.max()
    lines = found.explain().split("\n")
    assert lines[0].startswith("power law 1.2: 4 steps, 2 layers, 64 experts")
    assert lines[1].startswith("  ep: step ")
    assert found.replays[1].to_dict()["time_ns"] == found.replays[1].time_ns.tolist()
    assert found.replays[1].explain(0, 1).startswith("spill, step 0, layer 1: ")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"planner": "best"}, UnknownNameError, "must be one of ep, eplb"),
        ({"planner": 3}, DtypeError, "a name or a function"),
        ({"loads": [[[1]]]}, DtypeError, "`loads` must be"),
        ({"cost": 5}, DtypeError, "`cost` must be"),
        ({"num_ranks": 0}, ValueError, "`num_ranks`"),
        ({"topology": moe.Topology(4)}, ShapeError, "must have 8 ranks"),
        ({"interval": 0}, ValueError, "`interval`"),
        ({"expert_bytes": -1}, ValueError, "`expert_bytes`"),
        ({"planner": "llep", "num_ranks": 7}, ValueError, "multiple of 7 experts"),
        ({"planner": "llep", "threshold": "high"}, ValueError, "`threshold` must be a number"),
        ({"planner": "ep", "tolerance": 0.1}, TypeError, "`planner` takes no options, got tolerance"),
        ({"planner": lambda counts: 5}, DtypeError, "`plan` must have `quota` and `transfers`.*got int"),
        ({"planner": "split", "num_slots": 8}, ValueError, "slots"),
        ({"planner": "ep", "topology": moe.Topology(8, alive=np.arange(8) > 0)}, ValueError, "rank 0 is dead"),
    ],
)
def test_bad_input_is_refused(options, error, words):
    arguments = {"loads": trace(), "num_ranks": 8, "cost": COST, "planner": "spill"} | options
    with pytest.raises(error, match=words):
        moe.replay(arguments.pop("loads"), arguments.pop("planner"), **arguments)


def test_a_dead_rank_gets_nothing_from_those_that_place():
    topology = moe.Topology(8, alive=np.arange(8) != 3)
    run = moe.replay(trace(), "split", num_ranks=8, cost=COST, topology=topology, num_slots=96)
    assert run.ratio.max() < 2
    few = moe.Topology(8, alive=np.arange(8) < 2)
    assert moe.replay(trace(), "split", num_ranks=few, cost=COST).ratio.max() < 2
    with pytest.raises(ValueError, match="at least one each"):
        moe.compare([], num_ranks=8, cost=COST)
    with pytest.raises(DtypeError, match=r"`loads` must be a moe\.loads\.Loads or hold such, got int"):
        moe.compare([5], num_ranks=8, cost=COST)
