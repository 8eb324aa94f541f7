"""Step time: linear, fitted, from tables; what it explains; bad input."""

from statistics import median

import numpy as np
import pytest

from _data import data
from _silicon import read_points
from paretoserve.cost import Link, Operators, StepShape, StepTime, hardware_names, rank_memory
from paretoserve.errors import DataError, UnknownNameError

LAYOUTS = [
    ("qwen3-32b", "h100_sxm", {"tensor_parallel": 2}),
    ("llama-3.1-70b", "a100_sxm", {"tensor_parallel": 4, "pipeline_parallel": 2}),
    ("gpt-oss-120b", "b200_sxm", {"weight_format": "mxfp4"}),
    ("mixtral-8x7b", "h100_sxm", {"tensor_parallel": 4, "weight_format": "fp8"}),
    ("deepseek-v3", "h200_sxm", {"data_parallel": 8, "expert_parallel": True, "weight_format": "fp8_block"}),
    ("deepseek-v3", "h200_sxm", {"tensor_parallel": 8, "kv_format": "fp8", "weight_format": "fp8_block"}),
]
SHAPES = [
    StepShape.of(contexts=[1]),
    StepShape.of(contexts=[1000] * 64),
    StepShape.of(contexts=[30_000] * 300),
    StepShape.of(chunks=[(1, 0)]),
    StepShape.of(chunks=[(8192, 0)]),
    StepShape.of(chunks=[(100, 5), (1900, 100_000)], contexts=[500, 7000], num_sampled=3),
]


@pytest.fixture(scope="module", params=LAYOUTS, ids=lambda layout: "-".join(map(str, [layout[0], *layout[2].values()])))
def fitted(request):
    model, system, options = request.param
    return StepTime.fit(model, system, **options)


@pytest.mark.parametrize("shape", SHAPES, ids=range(len(SHAPES)))
def test_fitted_steps_are_possible_and_explained(fitted, shape):
    seconds = fitted.step_s(shape)
    assert 1e-4 < seconds < 60
    parts = fitted.explain(shape)
    assert sum(part.seconds for part in parts) == pytest.approx(seconds, rel=1e-9)
    assert {part.provenance for part in parts} <= {"measured", "interpolated", "fitted", "transferred"}
    assert fitted.provenance(shape) in {"interpolated", "fitted", "transferred"}
    assert fitted.utilization(shape).possible


def test_runs_of_decode_steps_are_their_sum(fitted):
    steps = [StepShape.of(contexts=[1000 + t, 90 + t, 40 + t]) for t in range(300)]
    assert fitted.decode_run_s(3, 1130, 300) == pytest.approx(sum(map(fitted.step_s, steps)), rel=1e-9)
    assert fitted.decode_run_s(3, 1130, 0) == 0


def test_more_work_takes_longer(fitted):
    times = [fitted.step_s(StepShape.of(contexts=[c] * 32)) for c in (100, 1000, 10_000, 100_000)]
    assert times == sorted(times)
    times = [fitted.step_s(StepShape.of(chunks=[(c, 0)])) for c in (64, 512, 4096, 32_768)]
    assert times == sorted(times)


def test_lockstep_waits_for_the_slowest_rank():
    model = StepTime.fit("qwen3-30b-a3b", "h100_sxm", data_parallel=2, expert_parallel=True)
    short, long = StepShape.of(contexts=[100] * 8), StepShape.of(contexts=[20_000] * 64)
    assert model.lockstep_s([long]) == pytest.approx(model.step_s(long))
    assert model.lockstep_s([short, long]) == pytest.approx(model.lockstep_s([long, short]))
    assert model.lockstep_s([short, long]) >= max(model.step_s(short), model.step_s(long))


def test_window_bounds_the_time_of_long_contexts():
    model = StepTime.fit("gpt-oss-120b", "h100_sxm", tensor_parallel=2, weight_format="mxfp4")
    attention = {
        context: {part.operator: part.seconds for part in model.explain(StepShape.of(contexts=[context] * 16))}
        for context in (1000, 50_000)
    }
    window = "decode attention (window 128)"
    assert attention[1000][window] == pytest.approx(attention[50_000][window])
    assert attention[50_000]["decode attention"] > 5 * attention[1000]["decode attention"]


def test_more_gpus_make_a_step_faster_and_stages_do_not():
    shape = StepShape.of(contexts=[2000] * 32)
    one, two, staged = (
        StepTime.fit("qwen3-32b", "h100_sxm", **options).step_s(shape)
        for options in ({}, {"tensor_parallel": 2}, {"pipeline_parallel": 2})
    )
    assert two < 0.75 * one
    assert one < staged < 1.1 * one


def test_work_counts_operations_and_bytes():
    flops, num_bytes = StepTime.fit("llama-3.1-8b", "h100_sxm").work(StepShape.of(contexts=[1]))
    assert flops == pytest.approx(2 * 7.5e9, rel=0.01)
    assert num_bytes == pytest.approx(2 * 7.5e9, rel=0.01)
    assert StepTime.linear(1.0).work(StepShape.of(contexts=[1])) == (0.0, 0.0)


def test_linear_in_seconds():
    model = StepTime.linear(0.5, per_prefill_token_s=0.25, per_decode_s=2.0, per_context_token_s=0.125)
    assert model.step_s(StepShape.of(chunks=[(4, 6)], contexts=[8, 12])) == pytest.approx(0.5 + 1.0 + 4.0 + 26 / 8)
    with pytest.raises(ValueError, match=r"only a step time made by StepTime\.fit"):
        model.utilization(SHAPES[0])


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), 1e300, "1", True, 10**400])
def test_linear_refuses_what_is_no_time(bad):
    with pytest.raises(ValueError, match="`per_decode_s` must be finite"):
        StepTime.linear(0.1, per_decode_s=bad)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"num_decodes": -1}, "`num_decodes` must be an integer"),
        ({"num_decodes": 2**32}, "`num_decodes` must be an integer"),
        ({"decode_context": 10**100}, "`decode_context` must be an integer"),
        ({"prefill_tokens": 1.0}, "`prefill_tokens` must be an integer"),
        ({"prefill_tokens": 5}, "`prefill_tokens` must be at least 1 for each of 0 prefills, got 5"),
        ({"num_prefills": 2, "prefill_tokens": 1}, "for each of 2 prefills, got 1"),
        ({"decode_context": 4}, "`decode_context` must be 0 without decodes"),
    ],
)
def test_shapes_that_contradict_themselves_are_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        StepShape(**counts)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("qwen3-33b", "h100_sxm"), {}, UnknownNameError, "qwen3-32b"),
        (("qwen3-32b", "h100_sxn"), {}, UnknownNameError, "h100_sxm"),
        (("qwen3-32b", "h100_sxm"), {"tensor_parallel": 3}, ValueError, "`tensor_parallel` must be a divisor"),
        (("qwen3-32b", "h100_sxm"), {"tensor_parallel": 0}, ValueError, "`tensor_parallel` must be"),
        (("qwen3-32b", "h100_sxm"), {"weight_format": "fp3"}, ValueError, "`weight_format` must be one of"),
        (("qwen3-32b", "h100_sxm"), {"kv_format": "fp3"}, ValueError, "`kv_format` must be"),
        (("qwen3-32b", "h100_sxm"), {"host_s": float("nan")}, ValueError, "`host_s` must be finite"),
    ],
)
def test_fit_names_what_is_wrong(arguments, options, error, message):
    with pytest.raises(error, match=message):
        StepTime.fit(*arguments, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expert_parallel": "yes"}, "`expert_parallel` must be True or False, got 'yes'"),
        ({"expert_parallel": 1}, "`expert_parallel` must be True or False, got 1"),
        ({"weight_format": None}, "`weight_format` must be text, got None"),
        ({"kv_format": 8}, "`kv_format` must be text, got 8"),
    ],
)
def test_arguments_of_another_type_are_named(options, message):
    with pytest.raises(TypeError, match=message):
        StepTime.fit("llama-3.1-8b", "h100_sxm", **options)
    with pytest.raises(TypeError, match=message):
        rank_memory("llama-3.1-8b", hardware="h100_sxm", **options)
    with pytest.raises(TypeError, match="`gpu_memory_utilization` must be a number"):
        rank_memory("llama-3.1-8b", hardware="h100_sxm", gpu_memory_utilization="90%")


@pytest.mark.parametrize("dtype", ["u1", "i2", "i8"])
def test_a_shape_from_numpy_integers_does_not_wrap_around(dtype):
    contexts = np.full(300, 120, dtype=dtype)
    chunks = np.full((2, 2), 120, dtype=dtype)
    shape = StepShape.of(contexts=contexts, chunks=chunks)
    assert shape == StepShape.of(contexts=contexts.tolist(), chunks=chunks.tolist())
    assert shape.decode_context == 36_000
    for wrong in ([1.5], [True], ["1"], [-1], [2**63]):
        with pytest.raises(ValueError, match="`contexts` must be an integer"):
            StepShape.of(contexts=wrong)


def test_a_slower_link_makes_collectives_slower():
    shape = StepShape.of(chunks=[(2048, 0)])
    for options in ({"tensor_parallel": 2}, {"data_parallel": 2, "expert_parallel": True}, {"pipeline_parallel": 2}):
        usual = StepTime.fit("qwen3-30b-a3b", "h100_sxm", **options).step_s(shape)
        slow = StepTime.fit("qwen3-30b-a3b", "h100_sxm", **options, link=Link(2e-5, 8e9)).step_s(shape)
        assert slow > usual


def test_every_system_compiles_and_says_what_is_borrowed():
    for system in hardware_names():
        model = StepTime.fit("llama-3.1-8b", system)
        assert model.step_s(SHAPES[1]) > 0
        assert model.utilization(SHAPES[1]).possible
        assert (model.provenance(SHAPES[1]) == "transferred") == (system not in Operators.systems())


def write_tables(folder, *, attention_us=10.0, drop=()):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    counts = np.array([1, 64, 2048])
    rows = [
        (c, p, n, k)
        for c, p in [(0, 0), (16, 0), (2048, 0)]
        for n, k in [(0, 0), (1, 16), (1, 4096), (8, 16), (8, 4096)]
    ]
    columns = list(zip(*rows[1:], strict=True))
    tables = {
        "dense": {
            "layer": ["qkv_proj"] * 3 + ["embedding"] * 3,
            "tokens": [*counts, *counts],
            "time_us": [20, 30, 900] * 2,
        },
        "per_sequence": {"layer": ["lm_head"] * 3, "sequences": counts, "time_us": [100.0, 100.0, 200.0]},
        "attention": dict(zip(["prefill_chunk", "kv_prefill", "n_decode", "kv_decode"], columns, strict=True))
        | {"time_us": [attention_us] * len(rows[1:])},
    }
    for name, table in tables.items():
        if name not in drop:
            parquet.write_table(pa.table(table), folder / f"{name}.parquet")
    return folder


def test_tables_add_up(tmp_path):
    model = StepTime.from_tables(write_tables(tmp_path), "llama-3.1-8b", host_s=0.002)
    parts = {part.operator: part for part in model.explain(StepShape.of(contexts=[16]))}
    assert parts["qkv_proj"].seconds == pytest.approx(32 * 20e-6)
    assert parts["qkv_proj"].provenance == "measured"
    assert parts["embedding"].seconds == pytest.approx(20e-6)
    assert parts["decode attention"].seconds == pytest.approx(32 * 10e-6)
    assert model.step_s(StepShape.of(contexts=[16])) == pytest.approx(0.002 + 33 * 20e-6 + 100e-6 + 32 * 10e-6)


def test_broken_tables_name_file_and_place(tmp_path):
    with pytest.raises(DataError, match=r"dense.parquet: no such table"):
        StepTime.from_tables(write_tables(tmp_path, drop=("dense",)), "llama-3.1-8b")
    write_tables(tmp_path, attention_us=float("nan"))
    with pytest.raises(DataError, match=r"attention.parquet: row 0, column `time_us` must be finite"):
        StepTime.from_tables(tmp_path, "llama-3.1-8b")
    (tmp_path / "attention.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"attention.parquet: not a readable Parquet file"):
        StepTime.from_tables(tmp_path, "llama-3.1-8b")
    write_tables(tmp_path)
    with pytest.raises(DataError, match=r"moe.parquet: no such table"):
        StepTime.from_tables(tmp_path, "qwen3-30b-a3b")
    with pytest.raises(ValueError, match="`link` is needed for 2 ranks"):
        StepTime.from_tables(tmp_path, "llama-3.1-8b", tensor_parallel=2)
    with pytest.raises(ValueError, match="`bandwidth` must be positive"):
        StepTime.from_tables(tmp_path, "llama-3.1-8b", tensor_parallel=2, link=Link(1e-5, 0.0))


def test_published_points_are_near():
    points = read_points(data("perf/silicon/e2e_shared.csv.gz"))
    assert median(abs(point.ratio - 1) for point in points) < 0.15
    for model in ("llama-3.1-70b", "qwen3-32b"):
        assert median(point.ratio for point in points if point.model == model) == pytest.approx(1, abs=0.15)
