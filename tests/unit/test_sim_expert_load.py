"""Loads of experts: what is taken and refused, and that a balancer does to step times what its planner says."""

import numpy as np
import pytest

from paretoserve import cost, moe, sim
from paretoserve.errors import DtypeError, ShapeError, UnknownNameError
from paretoserve.sim import Configuration, ExpertLoad, load_experts
from paretoserve.sim.derive import step_time

MODEL, SYSTEM, RANKS = "qwen3-30b-a3b", "h100_sxm", 8
TOKENS = 65_536


def configuration(balancer: str = "none", redundant: int = 0) -> Configuration:
    size = {"tensor_parallel": 1, "data_parallel": RANKS, "expert_parallel": True}
    return Configuration(**size, expert_balancer=balancer, redundant_experts=redundant)


def timed(balancer: str, redundant: int, load: ExpertLoad | None) -> cost.StepTime:
    return step_time(MODEL, SYSTEM, configuration(balancer, redundant), load)


def expert_s(found: cost.StepTime, num_tokens: int) -> float:
    """Return the seconds of the experts in a step of decodes."""
    shape = cost.StepShape.of(contexts=[100] * num_tokens)
    return sum(part.seconds for part in found.explain(shape) if part.operator == "experts")


@pytest.fixture(scope="module")
def mixture() -> ExpertLoad:
    return load_experts("mixture", MODEL, seed=3)


def test_shares_are_normalized_and_copied():
    given = np.array([[2, 2, 4], [0, 0, 5]])
    load = ExpertLoad(given)
    assert load.shares.tolist() == [[[0.25, 0.25, 0.5], [0.0, 0.0, 1.0]]]
    given[0, 0] = 100
    assert load.shares[0, 0, 0] == 0.25
    with pytest.raises(ValueError, match="read-only"):
        load.shares[0, 0, 0] = 1.0


@pytest.mark.parametrize(
    ("shares", "error", "says"),
    [
        ([], ShapeError, "must have shape"),
        (np.ones((1, 1, 1, 3)), ShapeError, "must have shape"),
        (["a"], DtypeError, "must hold numbers"),
        ([1.0, -1.0], ValueError, "not negative"),
        ([1.0, np.nan], ValueError, "finite"),
        ([1.0, np.inf], ValueError, "finite"),
        ([[1.0, 1.0], [0.0, 0.0]], ValueError, "none in window 0, layer 1"),
    ],
)
def test_wrong_shares_are_refused(shares, error, says):
    with pytest.raises(error, match=says):
        ExpertLoad(shares)


def test_a_trace_is_cut_into_windows():
    counts = np.array([[[4, 0]], [[0, 4]], [[1, 3]], [[0, 0]]])
    load = ExpertLoad.from_loads(moe.loads.Loads(counts), windows=2)
    assert load.shares.tolist() == [[[0.5, 0.5]], [[0.25, 0.75]]]
    whole = ExpertLoad.from_loads(moe.loads.Loads(counts))
    assert whole.shares[3].tolist() == [[5 / 12, 7 / 12]], "a window without tokens has the shares of the trace"
    with pytest.raises(ValueError, match="windows"):
        ExpertLoad.from_loads(moe.loads.Loads(counts), windows=5)


def test_layers_that_have_no_experts_do_not_count():
    counts = np.array([[[0, 0], [3, 1]], [[0, 0], [1, 3]]])
    assert ExpertLoad.from_loads(moe.loads.Loads(counts)).shares.tolist() == [[[0.75, 0.25]], [[0.25, 0.75]]]


@pytest.mark.parametrize("name", ["uniform", "power_law", "mixture"])
def test_built_in_loads_fit_the_model_and_depend_on_the_seed_alone(name):
    load = load_experts(name, MODEL, seed=5)
    assert load.num_experts == 128
    assert load.to_dict() == load_experts(name, MODEL, seed=5).to_dict()
    assert (load.to_dict()["digest"] == load_experts(name, MODEL, seed=6).to_dict()["digest"]) == (name == "uniform")


def test_the_mixture_is_as_skewed_as_text_and_drifts(mixture):
    skew = mixture.shares.max(axis=2) * mixture.num_experts
    assert 2.0 < skew.mean() < 7.0
    before, after = np.log(mixture.shares[0].ravel()), np.log(mixture.shares[1].ravel())
    assert 0.0 < np.corrcoef(before, after)[0, 1] < 0.98


def test_files_and_wrong_names(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("layer,expert,count\n" + "".join(f"0,{expert},{expert + 1}\n" for expert in range(128)))
    load = load_experts(path, MODEL)
    assert load.shares[0, 0, 127] == pytest.approx(128 / (128 * 129 / 2))
    with pytest.raises(UnknownNameError, match="uniform, power_law, mixture or a file"):
        load_experts("zipf", MODEL)
    with pytest.raises(ValueError, match="must be for 128 experts, as qwen3-30b-a3b has, got 3"):
        load_experts([1.0, 2.0, 3.0], MODEL)
    with pytest.raises(ValueError, match="qwen3-32b has none"):
        load_experts("uniform", "qwen3-32b")


@pytest.mark.parametrize("tokens", [128, 512, 4096, 32_768])
def test_a_uniform_load_takes_what_the_formula_says(tokens):
    formula, drawn = timed("none", 0, None), timed("none", 0, load_experts("uniform", MODEL))
    assert expert_s(drawn, tokens) == pytest.approx(expert_s(formula, tokens), rel=0.03)
    assert drawn.expert_imbalance(tokens) == pytest.approx(formula.expert_imbalance(tokens), rel=0.05)


@pytest.mark.parametrize("tokens", [1, 2, 8, 16, 32])
def test_few_tokens_take_the_time_of_the_rank_with_most_experts(tokens):
    """Both wait for the rank that touches most experts: of few draws in one, in expectation in the other."""
    formula = timed("none", 0, None)
    drawn = [timed("none", 0, ExpertLoad(np.ones(128), seed=seed)) for seed in range(4)]
    assert np.mean([expert_s(one, tokens) for one in drawn]) == pytest.approx(expert_s(formula, tokens), rel=0.08)
    imbalance = np.mean([one.expert_imbalance(tokens) for one in drawn])
    assert imbalance == pytest.approx(formula.expert_imbalance(tokens), rel=0.12)


@pytest.mark.parametrize("tokens", [8, 64, 512, 4096, 65_536])
def test_a_spill_is_never_slower_than_nothing(mixture, tokens):
    none, spill = timed("none", 0, mixture), timed("spill", 0, mixture)
    assert expert_s(spill, tokens) <= expert_s(none, tokens) * (1 + 1e-9)


def test_imbalance_is_that_of_the_planner(mixture):
    """With so many tokens the counts are the shares, so placements by `plan_placement` give the same ratio."""
    expected = []
    for before, after in zip(mixture.shares[:-1], mixture.shares[1:], strict=True):
        loads, served = (np.rint(shares * 2**32).astype(np.int64) for shares in (before, after))
        placed = moe.plan_placement(loads, 128 + RANKS, RANKS)
        for layer, slots in enumerate(placed.physical_to_logical):
            each = served[layer] / np.maximum(placed.replica_count[layer], 1)
            work = np.where(slots >= 0, each[np.maximum(slots, 0)], 0.0).reshape(RANKS, -1).sum(axis=1)
            expected.append(work.max() / work.mean())
    found = timed("eplb", RANKS, mixture).expert_imbalance(TOKENS)
    assert found == pytest.approx(np.mean(expected), rel=0.02)
    homes = mixture.shares[1:].reshape(-1, RANKS, 128 // RANKS).sum(axis=2)
    assert timed("none", 0, mixture).expert_imbalance(TOKENS) == pytest.approx(
        (homes.max(axis=1) / homes.mean(axis=1)).mean(), rel=0.02
    )


def test_balancers_shorten_a_prefill_step(mixture):
    times = {
        name: expert_s(timed(name, RANKS if name in ("eplb", "placement", "split") else 0, mixture), TOKENS)
        for name in ("none", "eplb", "placement", "split", "spill")
    }
    assert all(times[name] < 0.97 * times["none"] for name in ("eplb", "placement", "split", "spill")), times
    assert times["split"] <= 1.001 * times["placement"], times


def test_spilling_leaves_small_steps_alone(mixture):
    none, spill = timed("none", 0, mixture), timed("spill", 0, mixture)
    assert expert_s(spill, 8) == expert_s(none, 8)
    assert all(expert_s(spill, tokens) <= 1.02 * expert_s(none, tokens) for tokens in (64, 512, 4096))


def test_redundant_experts_take_memory():
    layout = {"tensor_parallel": 1, "data_parallel": RANKS, "expert_parallel": True}
    plain = cost.rank_memory(MODEL, hardware=SYSTEM, **layout)
    more = cost.rank_memory(MODEL, hardware=SYSTEM, **layout, redundant_experts=2 * RANKS)
    expert = 2 * 3 * 2048 * 768
    assert more.weights_bytes - plain.weights_bytes == 48 * 2 * expert
    assert more.num_blocks < plain.num_blocks
    for redundant, says in ((3, "divide over 8 ranks"), (128 * 8, "without repeating")):
        with pytest.raises(ValueError, match=says):
            cost.rank_memory(MODEL, hardware=SYSTEM, **layout, redundant_experts=redundant)
    with pytest.raises(ValueError, match="0 without `expert_parallel`"):
        cost.rank_memory(MODEL, hardware=SYSTEM, redundant_experts=8)


def test_a_simulation_feels_the_balancer(mixture):
    trace = sim.Trace(arrival_ns=[0] * 64, prompt_tokens=[2000] * 64, output_tokens=[20] * 64)
    run = {
        balancer: sim.simulate(trace, config, model=MODEL, system=SYSTEM, expert_load=mixture).makespan_s
        for balancer, config in (("none", configuration()), ("eplb", configuration("eplb", RANKS)))
    }
    assert run["eplb"] < run["none"]
    apart = Configuration(tensor_parallel=2)
    times = [
        sim.simulate(trace, apart, model=MODEL, system=SYSTEM, **load).makespan_s
        for load in ({}, {"expert_load": mixture})
    ]
    assert times[0] == times[1], "without expert parallelism every rank has a part of every expert"
    flat = cost.StepTime.linear(0.01)
    with pytest.raises(ValueError, match="`expert_load` needs"):
        sim.simulate(trace, Configuration(), step_time=flat, num_blocks=10_000, expert_load="uniform")


def test_configurations_without_meaning_are_refused():
    with pytest.raises(ValueError, match='"none" without `expert_parallel`'):
        Configuration(expert_balancer="eplb")
    with pytest.raises(ValueError, match="place copies of experts"):
        Configuration(tensor_parallel=2, expert_parallel=True, expert_balancer="spill", redundant_experts=2)
    with pytest.raises(UnknownNameError, match='did you mean "eplb"'):
        Configuration(expert_balancer="epbl")
    assert configuration("eplb", 8).label() == "tp1 dp8 ep eplb+8 x1 bf16"


def test_files_must_be_for_the_experts_of_the_model(tmp_path):
    (tmp_path / "a.csv").write_text("layer,expert,count\n0,0,5\n0,1,3\n")
    with pytest.raises(ValueError, match=r"must be for 128 experts, as .* has, got 2"):
        load_experts(tmp_path / "a.csv", "qwen3-30b-a3b")
    np.save(tmp_path / "routed.npy", np.arange(16, dtype=np.uint8).reshape(2, 1, 8))
    assert load_experts(tmp_path / "routed.npy", "qwen3-30b-a3b").num_experts == 128
