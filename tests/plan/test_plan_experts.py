"""Balancers of experts in a plan: tried where a load is given, seen in the table, asked for in the arguments."""

import json

import pytest
from typer.testing import CliRunner

from paretoserve.cli._app import app
from paretoserve.errors import DataError
from paretoserve.plan import Bounds, Space, describe, enumerate_space, load_space, plan
from paretoserve.plan.emit import as_served
from paretoserve.plan.vllm import FLAGS, notes, serve_arguments
from paretoserve.sim import Configuration

BOUNDS = Bounds(8, 8, True, 32, 48, 128, ("bf16",), ("bf16",))
LOADED = Bounds(8, 8, True, 32, 48, 128, ("bf16",), ("bf16",), expert_load=True)
SPACE = {
    "tensor_parallel": 1,
    "data_parallel": 4,
    "pipeline_parallel": 1,
    "expert_parallel": True,
    "policy": "fcfs",
    "weight_format": "bf16",
    "kv_format": "bf16",
    "max_num_batched_tokens": 8192,
}
BASE = ["--model", "qwen3-30b-a3b", "--system", "h100_sxm", "--trace", "azure-chat", "--limit", "60"]


def balancers(space: Space, bounds: Bounds) -> set[tuple[bool, str, int]]:
    found = enumerate_space(space, bounds)
    return {(c.expert_parallel, c.expert_balancer, c.redundant_experts) for c in found}


def test_balancers_are_tried_where_there_is_a_load():
    space = Space(tensor_parallel=4, data_parallel=2, pipeline_parallel=1)
    assert balancers(space, BOUNDS) == {(False, "none", 0), (True, "none", 0)}
    tried = {(True, "eplb", 8), (True, "placement", 8)}
    assert balancers(space, LOADED) == {(False, "none", 0), (True, "none", 0), *tried}


def test_a_space_names_its_balancers():
    space = load_space(SPACE | {"expert_balancer": ["spill", "split"], "redundant_experts": [0, 8]})
    assert balancers(space, BOUNDS) == {(True, "spill", 0), (True, "split", 0), (True, "split", 8)}
    with pytest.raises(DataError, match="expert_balancer"):
        load_space({"expert_balancer": "lpt"})


def test_vllm_is_asked_for_its_balancer():
    layout = {"data_parallel": 8, "expert_parallel": True}
    eplb = Configuration(**layout, expert_balancer="eplb", redundant_experts=16)
    arguments = serve_arguments(eplb)
    assert arguments["--enable-eplb"] is True
    assert json.loads(str(arguments["--eplb-config"])) == {
        "num_redundant_experts": 16,
        "window_size": 1000,
        "step_interval": 3000,
    }
    assert set(arguments) <= set(FLAGS)
    assert "--enable-eplb" not in serve_arguments(Configuration(**layout))
    assert not any("balancer" in line or "policy" in line for line in notes(eplb))
    placed = Configuration(**layout, expert_balancer="split", redundant_experts=16)
    assert any("install_vllm_policy" in line for line in notes(placed))
    assert as_served(placed).expert_balancer == "placement"
    spilled = Configuration(**layout, expert_balancer="spill")
    assert any("no flag for it" in line for line in notes(spilled))
    assert as_served(spilled).expert_balancer == "none"
    assert "EP eplb+16" in describe(eplb)


@pytest.fixture(scope="module")
def front():
    options = {"gpus": 4, "limit": 60, "expert_load": "power_law", "space": SPACE}
    return plan("qwen3-30b-a3b", "h100_sxm", "azure-chat", **options)


def test_the_front_shows_what_a_balancer_leaves(front):
    rows = {c.expert_balancer: row for row, c in enumerate(front.configurations)}
    assert set(rows) == {"none", "eplb", "placement"}
    imbalance = front.columns["expert_imbalance"]
    assert imbalance[rows["eplb"]] < imbalance[rows["none"]]
    ttft = front.columns["ttft_mean_s"]
    assert ttft[rows["eplb"]] < ttft[rows["none"]]
    blocks = front.columns["kv_blocks"]
    assert blocks[rows["eplb"]] < blocks[rows["none"]]
    assert front.inputs["expert_load"]["name"] == "power_law"


def test_without_a_load_nothing_is_said_of_it():
    front = plan("qwen3-30b-a3b", "h100_sxm", "azure-chat", gpus=4, limit=30, space=SPACE)
    assert front.inputs["expert_load"] is None
    assert {c.expert_balancer for c in front.configurations} == {"none"}
    assert front.columns["expert_imbalance"].min() > 1.0, "uniform routing is uneven by chance"


def test_the_command_takes_a_load_and_emits_the_balancer(tmp_path):
    space = tmp_path / "space.yaml"
    space.write_text(json.dumps(SPACE | {"expert_balancer": "eplb"}))
    arguments = ["plan", *BASE, "--gpus", "4", "--space", str(space), "--expert-load", "mixture"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "imbalance" in result.stdout
    assert "eplb+4" in result.stdout
    script = (tmp_path / "out/top1/serve.sh").read_text()
    assert "--enable-eplb" in script
    assert '"num_redundant_experts": 4' in script
    inputs = json.loads((tmp_path / "out/plan.json").read_text())["inputs"]
    assert len(inputs["expert_load"]["digest"]) == 64


def test_one_configuration_takes_a_load_as_well():
    layout = ["--data-parallel", "4", "--expert-parallel", "--expert-load", "power_law", "--format", "json"]
    found = {}
    for balancer in ("none", "spill"):
        result = CliRunner().invoke(app, ["sim", *BASE, *layout, "--expert-balancer", balancer])
        assert result.exit_code == 0, result.output
        found[balancer] = json.loads(result.stdout)["columns"]
    # Not the time to the first token of so few requests, which depends on where in a step they arrive.
    for column in ("expert_imbalance", "e2e_mean_s", "tpot_mean_s"):
        assert found["spill"][column] < found["none"][column]


def test_a_wrong_load_is_an_input_error(tmp_path):
    for load, code in (("zipf", 2), (str(tmp_path / "none.csv"), 4)):
        result = CliRunner().invoke(app, ["sim", *BASE, "--data-parallel", "4", "--expert-load", load])
        assert result.exit_code == code, result.output
