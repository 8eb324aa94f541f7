"""The main job on a real public trace."""

import json

from _data import data
from paretoserve.plan import plan


def test_a_real_trace_ends_with_a_front_of_three_objectives(tmp_path):
    path = data("traces/azure2023/AzureLLMInferenceTrace_conv.part1.csv.gz")
    contents = []
    for name in ("one", "two"):
        front = plan("qwen3-32b", "h100_sxm", path, gpus=8, limit=600, out=tmp_path / name)
        contents.append((tmp_path / name / "plan.json").read_bytes())
    assert contents[0] == contents[1]
    assert len(front.objectives) == 3
    assert len(front) >= 3
    assert {front.configurations[row].num_gpus for row in front.rows} > {8}
    assert str(path.parent) not in contents[0].decode()
    assert json.loads(contents[0])["inputs"]["trace"]["name"].startswith("AzureLLMInferenceTrace_conv")


def test_shared_prefixes_are_found(tmp_path):
    path = data("traces/mooncake_fast25/conversation_trace.part1.jsonl.gz")
    space = {"tensor_parallel": 8, "weight_format": "fp8", "policy": "fcfs", "max_num_batched_tokens": 8192}
    front = plan("llama-3.1-8b", "h100_sxm", path, gpus=8, limit=300, space=space | {"prefix_caching": [True, False]})
    hits = {
        front.configurations[row].prefix_caching: value for row, value in enumerate(front.columns["prefix_hit_share"])
    }
    assert hits[True] > 0.05
    assert hits[False] == 0.0
