"""Energy: the formula, the shipped coefficients, and the runs they come from."""

import json
from pathlib import Path

import pytest

from _data import data
from paretoserve import cost

POWER = Path(cost.__file__).parent / "data/power.json"


def test_the_formula():
    power = cost.hardware("h100_sxm").power
    found = cost.energy(hardware="h100_sxm", num_gpus=2, seconds=10, flops=989e12, num_bytes=3.35e12)
    assert found.joules == pytest.approx(20 * power.idle_w + power.memory_w + power.compute_w)
    assert found.mean_power_w == pytest.approx(found.joules / 20)
    assert found.provenance == "fitted"
    assert "W per GPU" in found.explain()
    assert found.to_dict()["joules"] == found.joules


def test_idle_gpus_draw_power():
    power = cost.hardware("h100_sxm").power
    assert cost.energy(hardware="h100_sxm", num_gpus=4, seconds=100).joules == pytest.approx(400 * power.idle_w)


def test_draw_is_capped_at_the_power_limit():
    found = cost.energy(hardware="h100_sxm", num_gpus=1, seconds=1, flops=1e18, num_bytes=1e15)
    assert found.mean_power_w == 700


def test_cheaper_arithmetic_draws_less():
    options = {"hardware": "h100_sxm", "num_gpus": 1, "seconds": 1, "flops": 3e14}
    wide, narrow = cost.energy(**options), cost.energy(weight_format="fp8", **options)
    assert narrow.joules < wide.joules
    assert cost.energy(weight_format="int4", **options).joules == wide.joules


@pytest.mark.parametrize("key", ["seconds", "flops", "num_bytes", "num_gpus"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 10**400, "much", None])
def test_bad_numbers_are_refused(key, value):
    options = {"hardware": "h100_sxm", "num_gpus": 1, "seconds": 1.0, key: value}
    with pytest.raises(ValueError, match=f"`{key}` must be"):
        cost.energy(**options)


def test_decode_is_far_below_the_power_limit():
    # ML.ENERGY: Llama-3.1-70B on 4 H100, 168 to 428 W per GPU; decoding at a third of the bandwidth.
    found = cost.energy(hardware="h100_sxm", num_gpus=1, seconds=1, num_bytes=1.1e12, flops=3e13)
    assert 168 < found.mean_power_w < 428


def test_shipped_errors_are_stated():
    shipped = json.loads(POWER.read_text())
    assert set(shipped) == set(cost.hardware_names())
    assert shipped["h100_sxm"]["error"] < 0.06
    for entry in shipped.values():
        assert (entry["error"] is None) == (entry["provenance"] == "transferred")


def test_run_coefficients_are_what_the_script_derives():
    fit_power = pytest.importorskip("fit_power")
    fitted = fit_power.fit_runs(data("perf/energy/mlenergy_v2_llm.csv"))
    shipped = json.loads(POWER.read_text())["h100_sxm"]
    derived = fitted["H100 SXM 80GB"]
    assert [shipped[key] for key in ("idle_w", "memory_w", "compute_w")] == pytest.approx(
        list(derived["coefficients"]), abs=0.06
    )
    assert shipped["error"] == derived["error"]
    assert fitted["A100 SXM 40GB"]["error"] < 0.1


def test_kernel_coefficients_are_what_the_script_derives():
    pytest.importorskip("pyarrow")
    fit_power = pytest.importorskip("fit_power")
    derived = fit_power.fit_kernels(data("perf/kernels/b200_sxm"))
    shipped = json.loads(POWER.read_text())["b200_sxm"]
    assert [shipped[key] for key in ("idle_w", "memory_w", "compute_w")] == pytest.approx(
        list(derived["coefficients"]), abs=0.06
    )
    assert shipped["error"] == derived["error"]


def test_non_negative_fit_finds_known_coefficients():
    import numpy as np

    fit_power = pytest.importorskip("fit_power")
    generator = np.random.default_rng(0)
    loads = np.column_stack([np.ones(200), generator.random((200, 2))])
    assert fit_power.fit(loads, loads @ [100, 300, 50]) == pytest.approx([100, 300, 50])
    # A column that would need a negative coefficient gets 0.
    assert fit_power.fit(loads, loads @ [100, 300, -20])[2] == 0
