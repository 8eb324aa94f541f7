"""Shipped operator times: their error on measured rows that were not fitted, and their rules."""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from _data import data
from paretoserve import cost
from paretoserve.errors import DtypeError, ShapeError, UnknownNameError
from paretoserve.sim.configuration import WEIGHT_FORMATS

TOOLS = Path(__file__).resolve().parents[2] / "tools"
COLLECTIVES = ("all_reduce", "all_to_all", "all_gather", "reduce_scatter")
SYSTEMS = cost.Operators.systems()
SHAPE = {"num_heads": 32, "num_kv_heads": 8, "head_dim": 128}


@cache
def operators(system="h100_sxm"):
    return cost.Operators.load(system)


def mean_error(predicted, measured):
    return float(np.abs(predicted / measured - 1).mean())


# Largest mean absolute error on held-out rows, for tables with enough rows to say.
BOUNDS = {
    "gemm/bf16": 0.07,
    "gemm": 0.10,
    "prefill": 0.07,
    "decode": 0.06,
    "moe": 0.13,
    "mla_prefill": 0.05,
    "mla_decode": 0.05,
}


@pytest.fixture
def tools(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    pytest.importorskip("pandas")
    yield
    for name in [name for name in sys.modules if name == "operators" or name.startswith("operators.")]:
        del sys.modules[name]


@pytest.mark.parametrize("system", SYSTEMS)
def test_error_on_rows_that_were_not_fitted(tools, system):
    from operators import attention, fitting, gemm, mla, moe

    folder = data(f"perf/kernels/{system}")
    for family in (gemm, attention, mla, moe):
        for table in family.read(folder):
            single, shape = fitting.held_out(table)
            bound = BOUNDS.get(table.name, BOUNDS[table.name.split("/")[0]])
            for rows in (single, shape):
                if rows.sum() < 100:
                    continue
                predicted = operators(system).estimate(table.name, *table.rows[rows].T).seconds
                error = mean_error(predicted, table.nanoseconds[rows] * 1e-9)
                assert error <= bound, f"{system} {table.name}: {error:.1%} on {rows.sum()} rows"


def test_stored_errors_are_those_of_the_shipped_grids(tools):
    from operators import fitting, gemm

    table = gemm.read(data("perf/kernels/h100_sxm"))[0]
    single, _ = fitting.held_out(table)
    predicted = operators().estimate(table.name, *table.rows[single].T).seconds
    stored = operators().errors()[table.name]["held_out"]
    assert stored["rows"] == single.sum()
    assert 100 * mean_error(predicted, table.nanoseconds[single] * 1e-9) == pytest.approx(
        stored["mean_absolute_percent"], abs=0.01
    )


def test_mixed_correction_on_rows_that_were_not_fitted(tools):
    from operators import fitting, mixed

    (table,) = mixed.read(data("perf/kernels").parents[1], "rtx_pro_6000_server")
    single, _ = fitting.held_out(table)
    predicted = operators("rtx_pro_6000_server").estimate("mixed", *table.rows[single].T).seconds * 1e9
    assert mean_error(predicted, table.nanoseconds[single]) <= 0.08
    apart = table.rows[single, 0] + table.rows[single, 1]
    assert mean_error(apart, table.nanoseconds[single]) > 0.25


@pytest.mark.parametrize(
    "run",
    [
        "RTXPRO6000-Llama-3.1-8B",
        "RTXPRO6000-Qwen3-32B",
        "RTXPRO6000-Qwen3-30B-A3B-Instruct-2507",
        "RTX4090-Llama-3.1-8B",
    ],
)
def test_mixed_table_on_rows_that_were_not_fitted(run):
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(data(f"perf/vllm_runs/{run}/tables/attention.parquet"))
    sizes = frame[["prefill_chunk", "kv_prefill", "n_decode", "kv_decode"]].to_numpy(dtype=float)
    seconds = frame.time_us.to_numpy() * 1e-6
    held = np.random.default_rng(0).random(len(sizes)) < 0.2
    table = cost.MixedAttention(*sizes[~held].T, seconds[~held])
    assert mean_error(table.estimate_s(*sizes[held].T), seconds[held]) <= 0.045


def test_prefill_behind_cached_tokens_was_never_fitted_and_holds():
    pandas = pytest.importorskip("pandas")
    path = data("perf/vllm_runs/RTXPRO6000-Llama-3.1-8B/tables/attention.parquet")
    frame = pandas.read_parquet(path).query("n_decode == 0 and kv_prefill > 0")
    chunk, past = frame.prefill_chunk.to_numpy(), frame.kv_prefill.to_numpy()
    predicted = operators("rtx_pro_6000_server").prefill_attention_s(chunk, past=past, **SHAPE)
    assert mean_error(predicted, frame.time_us.to_numpy() * 1e-6) <= 0.10


def test_decode_in_a_model_is_closer_when_cold():
    pandas = pytest.importorskip("pandas")
    path = data("perf/vllm_runs/RTXPRO6000-Llama-3.1-8B/tables/attention.parquet")
    frame = pandas.read_parquet(path).query("prefill_chunk == 0")
    measured = frame.time_us.to_numpy() * 1e-6
    sizes = frame.n_decode.to_numpy(), frame.kv_decode.to_numpy()
    hot, cold = (
        operators("rtx_pro_6000_server").decode_attention_s(*sizes, **SHAPE, cold=cold) for cold in (False, True)
    )
    assert mean_error(cold, measured) <= 0.09 < mean_error(hot, measured)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_estimate_is_positive_finite_and_has_a_source(system):
    tokens = np.array([1, 3, 17, 1000, 1_000_000, 10**9])
    calls = [(f"gemm/{format}", (tokens, 5120, 25600)) for format in WEIGHT_FORMATS]
    calls += [(f"moe/{format}", (tokens, 4096, 1536, 8, 128, 1, 8)) for format in WEIGHT_FORMATS]
    for kv in ("bf16", "fp8"):
        calls.append((f"prefill/{kv}", (24, 3, 96, 4096, 2, tokens, 5)))
        calls.append((f"decode/{kv}", (64, 64, 80, np.inf, tokens, 100_000)))
        calls += [(f"mla_prefill/{format}/{kv}", (16, 1, tokens, 7)) for format in WEIGHT_FORMATS]
        calls += [(f"mla_decode/{format}/{kv}", (128, tokens, 3000)) for format in WEIGHT_FORMATS]
    calls += [(name, (16, tokens)) for name in COLLECTIVES]
    calls += [(name, (tokens, 7168, 8, 16)) for name in ("dispatch", "combine")]
    for table, arguments in calls:
        estimate = operators(system).estimate(table, *arguments)
        assert np.isfinite(estimate.seconds).all(), table
        assert (estimate.seconds > 0).all(), table
        assert set(estimate.provenance) <= {"interpolated", "fitted", "transferred"}
        # Beyond the rows the ratio stays: a thousand times the tokens never take less time.
        assert estimate.seconds[5] > estimate.seconds[4] > estimate.seconds[3], table


def test_named_methods_are_rows_of_their_tables():
    shipped = operators()
    experts = {"hidden": 4096, "width": 1536, "top_k": 8, "num_experts": 128, "expert_parallel": 8}
    mixed = {"prefill_tokens": 512, "num_decodes": 8, "context": 1000, "group": 4}
    exchange = [shipped.estimate(way, 64, 7168, 8, 8).seconds for way in ("dispatch", "combine")]
    for seconds, (table, *row) in [
        (
            shipped.prefill_attention_s(64, past=9, batch=2, window=50, **SHAPE),
            ("prefill/bf16", 32, 8, 128, 50, 2, 64, 9),
        ),
        (shipped.moe_s("fp8", 64, **experts), ("moe/fp8", 64, 4096, 1536, 8, 128, 1, 8)),
        (shipped.mla_prefill_s(64, num_heads=16, past=9, batch=2), ("mla_prefill/bf16/bf16", 16, 2, 64, 9)),
        (shipped.mla_decode_s(2, 900, num_heads=16, kv_format="fp8"), ("mla_decode/bf16/fp8", 16, 2, 900)),
        (shipped.mixed_attention_s(1e-5, 2e-5, **mixed), ("mixed_elsewhere", 1e4, 2e4, 512, 8, 1000, 4)),
        *[(getattr(shipped, f"{name}_s")(8, 1e6), (name, 8, 1e6)) for name in COLLECTIVES],
    ]:
        assert seconds == pytest.approx(shipped.estimate(table, *row).seconds)
    assert shipped.exchange_s(64, hidden=7168, top_k=8, num_gpus=8) == pytest.approx(sum(exchange))
    # A launch of some microseconds, then at most 3.35 TB/s.
    assert shipped.memory_s(3.35e9) - shipped.memory_s(0) == pytest.approx(1e-3, rel=0.5)
    with pytest.raises(ValueError, match="`num_bytes` must be a finite number"):
        shipped.memory_s(np.nan)


def test_formats_without_a_table_borrow():
    a100 = operators("a100_sxm")
    for format in ("fp8", "fp8_block", "int4", "mxfp4", "nvfp4"):
        estimate = a100.estimate(f"gemm/{format}", 16, 4096, 14336)
        assert estimate.provenance == "transferred"
        assert estimate.seconds < a100.gemm_s("bf16", 16, 4096, 14336)
    assert operators().estimate("gemm/bf16", 16, 4096, 14336).provenance == "interpolated"


def test_no_work_takes_no_time():
    assert operators().gemm_s("bf16", [0, 1], 4096, 4096)[0] == 0
    assert operators().decode_attention_s(0, 100, **SHAPE) == 0
    assert operators().all_reduce_s(1, 1e6) == 0
    assert operators().gemm_s("bf16", np.empty(0), 1, 1).shape == (0,)


@pytest.mark.parametrize("bad", [-1, np.nan, np.inf, 1e300])
def test_impossible_sizes_are_refused(bad):
    with pytest.raises(ValueError, match="`rows` must be numbers from 0 to 1e18"):
        operators().gemm_s("bf16", bad, 4096, 4096)


def test_unknown_names_are_told():
    with pytest.raises(UnknownNameError, match="h100_sxm"):
        cost.Operators.load("h100_smx")
    with pytest.raises(ValueError, match="fp3"):
        operators().gemm_s("fp3", 1, 1, 1)
    with pytest.raises(ValueError, match="name of an operator table"):
        operators().estimate("gem/bf16", 1, 1, 1)


def test_wrong_tables_of_mixed_batches_are_refused():
    with pytest.raises(ShapeError, match="same shape"):
        cost.MixedAttention([1], [1, 2], [0], [0], [1.0])
    with pytest.raises(ValueError, match="num_decodes"):
        cost.MixedAttention([16], [0], [0], [0], [1e-6])
    with pytest.raises(ValueError, match="positive times"):
        cost.MixedAttention([16, 0], [0, 0], [0, 1], [0, 16], [1e-6, np.nan])


def test_native_arrays_are_checked():
    with pytest.raises(DtypeError):
        operators().native.estimate(np.empty(1, np.float32), np.empty(1, np.uint8), "gemm/bf16", np.ones(3), False)
    with pytest.raises(ShapeError):
        operators().native.estimate(np.empty(2), np.empty(2, np.uint8), "gemm/bf16", np.ones(3), False)
