"""The programs and files in `examples/` work as they stand."""

import runpy
from pathlib import Path

from paretoserve.plan import Space, load_space

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_example_space_names_every_field():
    text = (EXAMPLES / "space.yaml").read_text()
    assert load_space(EXAMPLES / "space.yaml").max_num_seqs == (64, 256)
    assert all(f"{name}:" in text for name in Space.model_fields if name != "engine")


def test_the_example_plan_finds_a_pick(capsys):
    runpy.run_path(str(EXAMPLES / "plan_for_limits.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert "slo: " in said
    assert "per million tokens" in said
    assert "ttft_p99_s <= 1: met" in said
