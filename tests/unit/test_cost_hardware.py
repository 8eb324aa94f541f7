"""Systems by name and by file, prices, and every way a file can be broken."""

import json
import pickle

import pytest

from _data import data
from paretoserve import cost
from paretoserve.errors import DataError, UnknownNameError

OWN = {
    "title": "a GPU of our own",
    "source": "measured here",
    "memory_bytes": 16 * 2**30,
    "memory_bandwidth": 5e11,
    "bf16_flops": 1e14,
    "intra_node_bandwidth": 1e10,
    "inter_node_bandwidth": 1e9,
    "pcie_bandwidth": 3e10,
    "tdp_w": 200,
}


def write(tmp_path, fields, name="own.json"):
    path = tmp_path / name
    path.write_text(fields if isinstance(fields, str) else json.dumps(fields))
    return path


def test_bundled_systems_are_complete():
    assert len(cost.hardware_names()) >= 15
    for name in cost.hardware_names():
        gpu = cost.hardware(name)
        assert gpu.name == name
        assert gpu.source
        assert gpu.power is not None
        assert gpu.power.provenance in ("fitted", "transferred")
        assert gpu.title in gpu.explain()
        assert pickle.loads(pickle.dumps(gpu)) == gpu
        assert hash(gpu) == hash(cost.hardware(name))


@pytest.mark.parametrize("name", sorted(set(cost.hardware_names()) - {"rtx_4090"}))
def test_bundled_systems_equal_the_published_constants(name):
    yaml = pytest.importorskip("yaml")
    published = yaml.safe_load(data(f"perf/systems/{name}.yaml").read_text())
    gpu, ours = published["gpu"], cost.hardware(name)
    node = published["node"]
    assert ours.memory_bytes == gpu["mem_capacity"]
    assert ours.memory_bandwidth == gpu["mem_bw"]
    assert ours.bf16_flops == pytest.approx(gpu["bfloat16_tc_flops"], rel=1e-4)
    assert (ours.fp4_flops or 0) == pytest.approx(gpu.get("fp4_tc_flops", 0), rel=1e-4)
    assert ours.tdp_w == gpu["power"]
    assert ours.gpus_per_node == node["num_gpus_per_node"]
    assert ours.intra_node_bandwidth == node["intra_node_bw"]
    assert ours.inter_node_bandwidth == node["inter_node_bw"]
    assert ours.reserved_bytes == published["misc"]["other_mem"]
    assert dict(ours.nccl_buffers) == published["misc"]["nccl_mem"]


def test_names_are_forgiving_and_unknown_ones_offer_close_ones():
    assert cost.hardware("H100-SXM") == cost.hardware("h100_sxm")
    with pytest.raises(UnknownNameError, match="did you mean `h100_sxm`"):
        cost.hardware("h100_sx")
    with pytest.raises(UnknownNameError, match="known: a100_pcie"):
        cost.hardware("")


def test_formats_without_arithmetic_compute_in_bfloat16():
    a100, h100, b200 = (cost.hardware(name) for name in ("a100_sxm", "h100_sxm", "b200_sxm"))
    assert a100.peak_flops("fp8") == a100.bf16_flops
    assert h100.peak_flops("fp8_block") == 2 * h100.bf16_flops
    assert h100.peak_flops("nvfp4") == h100.bf16_flops
    assert b200.peak_flops("nvfp4") == 4 * b200.bf16_flops
    assert b200.peak_flops("int4") == b200.bf16_flops
    with pytest.raises(ValueError, match="`weight_format` must be one of"):
        b200.peak_flops("fp3")


def test_communication_buffers_grow_with_the_group():
    gpu = cost.hardware("h100_sxm")
    assert [gpu.nccl_bytes(count) for count in (1, 2, 3, 8, 64)] == [0, 358612992, 411041792, 411041792, 411041792]


def test_default_prices_name_their_source():
    assert cost.hardware("h100_sxm").price_usd_per_gpu_hour == 1.69
    assert "neocloud" in cost.hardware("h100_sxm").price_source
    assert "on demand" in cost.hardware("l40s").price_source
    assert cost.hardware("h100_pcie").price_usd_per_gpu_hour is None
    assert cost.hardware("h100_pcie", price_usd_per_gpu_hour=0.5).price_source == "given by the user"


def test_on_demand_prices_equal_the_published_list():
    import csv

    names = {"H100-SXM": "h100_sxm", "H200-SXM": "h200_sxm", "B200-SXM": "b200_sxm", "L40S": "l40s"}
    with data("perf/prices/gpu_on_demand.csv").open() as file:
        for row in csv.DictReader(file):
            if row["accelerator"] in names and not (row["accelerator"] == "L40S" and row["count"] == "4"):
                prices = dict(cost.hardware(names[row["accelerator"]]).prices)
                assert prices["on_demand"] == float(row["usd_per_gpu_hour"])


def test_price_of_tokens():
    found = cost.price(hardware="h100_sxm", num_gpus=8, tokens_per_s=10_000, price_usd_per_gpu_hour=2.0)
    assert found.usd_per_mtok == pytest.approx(16 / 36)
    assert found.usd_per_hour == 16
    assert found.to_dict()["source"] == "given by the user"
    # DeepSeek's own report: $2 per H800 hour, 8 GPUs, 14.8 k output tokens/s per node.
    assert (
        cost.price(hardware="h100_sxm", num_gpus=8, tokens_per_s=14_800, price_usd_per_gpu_hour=2).usd_per_mtok < 0.31
    )
    with pytest.raises(ValueError, match="no price is published for `h100_pcie`, so `usd_per_mtok` cannot be computed"):
        cost.price(hardware="h100_pcie", num_gpus=1, tokens_per_s=100)
    assert cost.price(hardware="h100_pcie", num_gpus=1, tokens_per_s=100, price_usd_per_gpu_hour=0).usd_per_mtok == 0


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), 10**400, "fast", None, True])
def test_prices_refuse_bad_throughput(value):
    with pytest.raises(ValueError, match="`tokens_per_s` must be a positive finite number"):
        cost.price(hardware="h100_sxm", num_gpus=1, tokens_per_s=value)


def test_a_file_describes_a_system(tmp_path):
    gpu = cost.hardware(write(tmp_path, OWN))
    assert gpu.name == "own"
    assert gpu.memory_bandwidth == 5e11
    assert gpu.power is None
    with pytest.raises(ValueError, match="`own` has no power coefficients"):
        cost.energy(hardware=gpu, num_gpus=1, seconds=1)


def test_a_file_changes_a_bundled_system(tmp_path):
    pytest.importorskip("yaml")
    text = "base: h100_sxm\nprice_usd_per_gpu_hour: 2.5\nmemory_bandwidth: 3.0e12\nbf16_flops: 9e14\n"
    gpu = cost.hardware(str(write(tmp_path, text, "cheap.yaml")))
    assert (gpu.name, gpu.price_usd_per_gpu_hour, gpu.memory_bandwidth, gpu.bf16_flops) == ("cheap", 2.5, 3e12, 9e14)
    assert "cheap.yaml" in gpu.price_source
    assert gpu.power == cost.hardware("h100_sxm").power
    assert "cheap.yaml over h100_sxm" in gpu.source


def test_power_can_be_given(tmp_path):
    gpu = cost.hardware(write(tmp_path, OWN | {"power": {"idle_w": 20, "memory_w": 50, "compute_w": 80}}))
    assert cost.energy(hardware=gpu, num_gpus=2, seconds=10).joules == 400
    for power in ({"idle_w": 20}, {"idle_w": -1, "memory_w": 1, "compute_w": 1}, "much", {"watts": 3}):
        with pytest.raises(DataError, match=r"own\.json: .*power"):
            cost.hardware(write(tmp_path, OWN | {"power": power}))


@pytest.mark.parametrize("key", ["memory_bytes", "memory_bandwidth", "bf16_flops", "tdp_w", "pcie_bandwidth", "title"])
def test_missing_fields_are_named(tmp_path, key):
    fields = {name: value for name, value in OWN.items() if name != key}
    if key == "title":
        assert cost.hardware(write(tmp_path, fields)).title == "own"
        return
    with pytest.raises(DataError, match=rf"own\.json: field `{key}` is missing"):
        cost.hardware(write(tmp_path, fields))


@pytest.mark.parametrize("key", ["memory_bytes", "memory_bandwidth", "fp8_flops", "tdp_w", "gpus_per_node"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "fast", [1], 10**400, True])
def test_bad_values_are_named(tmp_path, key, value):
    with pytest.raises(DataError, match=rf"own\.json: `{key}` must be"):
        cost.hardware(write(tmp_path, OWN | {key: value}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (OWN | {"memory_bandwith": 1}, "field `memory_bandwith` is not known; did you mean `memory_bandwidth`"),
        (OWN | {"prices": 3}, "field `prices` must be a mapping"),
        (OWN | {"prices": {"neocloud": -1}}, "`prices.neocloud` must be a finite number of at least 0"),
        (OWN | {"nccl_bytes": {"two": 5}}, "field `nccl_bytes` has a name that is no int"),
        (OWN | {"price_usd_per_gpu_hour": -2}, "`price_usd_per_gpu_hour` must be a finite number of at least 0"),
        ([], "must hold a JSON object"),
        ("{", "is not valid JSON"),
    ],
)
def test_broken_files_are_named(tmp_path, fields, message):
    path = write(tmp_path, fields if isinstance(fields, str) else json.dumps(fields))
    with pytest.raises(DataError, match=rf"own\.json: {message}"):
        cost.hardware(path)


def test_broken_yaml_is_named(tmp_path):
    pytest.importorskip("yaml")
    for text in ("a: [1", "- 1\n- 2\n", "", "a: !!python/object:os.system {}"):
        with pytest.raises(DataError, match=r"own\.yaml: "):
            cost.hardware(write(tmp_path, text, "own.yaml"))
    with pytest.raises(DataError, match="file not found"):
        cost.hardware(tmp_path / "absent.yaml")
    with pytest.raises(UnknownNameError, match="as `base` in"):
        cost.hardware(write(tmp_path, {"base": "h100"}))


def test_fields_given_in_code_are_checked():
    assert cost.Hardware(name="own", **OWN).fp8_flops is None
    with pytest.raises(ValueError, match="`memory_bytes` must be an integer from 1"):
        cost.Hardware(name="own", **(OWN | {"memory_bytes": 1.5}))


def test_operators_of_a_system_with_the_rates_of_another_are_its_own(tmp_path):
    own = tmp_path / "ours.yaml"
    own.write_text("base: h100_sxm\nprice_usd_per_gpu_hour: 2\n")
    renamed, bundled = (cost.StepTime.fit("llama-3.1-8b", system) for system in (str(own), "h100_sxm"))
    step = cost.StepShape.of(contexts=[1000] * 8)
    assert renamed.step_s(step) == bundled.step_s(step)
    assert renamed.provenance(step) == bundled.provenance(step) != "transferred"


def test_rates_count_more_than_the_name_of_a_system(tmp_path):
    faster = tmp_path / "h100_sxm.yaml"
    faster.write_text("base: h100_sxm\nmemory_bandwidth: 6.7e12\n")
    step = cost.StepShape.of(contexts=[1000] * 8)
    changed, bundled = (cost.StepTime.fit("llama-3.1-8b", system) for system in (str(faster), "h100_sxm"))
    assert changed.provenance(step) == "transferred"
    assert changed.step_s(step) < bundled.step_s(step)
