"""`Trace`: what it refuses, that it cannot be changed, and its small operations."""

import math

import numpy as np
import pytest

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.sim import Trace

BASE = {"arrival_ns": [0, 10, 10, 30], "prompt_tokens": [600, 1, 1024, 5], "output_tokens": [1, 2, 3, 4]}
HASHES = {"hash_offsets": [0, 2, 2, 4, 4], "hash_ids": [7, 8, 7, 9]}


def test_types_are_fixed_and_arrays_read_only():
    trace = Trace(**BASE, **HASHES)
    kinds = [trace.arrival_ns.dtype, trace.prompt_tokens.dtype, trace.output_tokens.dtype, trace.hash_ids.dtype]
    assert kinds == [np.int64, np.int32, np.int32, np.int64]
    for values in (trace.arrival_ns, trace.prompt_tokens, trace.output_tokens, trace.hash_offsets, trace.hash_ids):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1
    with pytest.raises(AttributeError):
        trace.name = "other"


def test_arguments_are_copied_and_left_writable():
    arrival = np.array([0, 10])
    trace = Trace(arrival_ns=arrival, prompt_tokens=np.array([1, 2, 3])[::2], output_tokens=[1, 1])
    arrival[0] = 5
    assert trace.arrival_ns.tolist() == [0, 10]
    assert trace.prompt_tokens.tolist() == [1, 3]
    assert trace.prompt_tokens.flags.c_contiguous


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"arrival_ns": []}, ValueError, "at least one request"),
        ({"arrival_ns": 3}, ShapeError, r"`arrival_ns` must have shape \(n,\)"),
        ({"arrival_ns": [[0, 1, 2, 3]]}, ShapeError, "`arrival_ns`"),
        ({"arrival_ns": [0, 20, 10, 30]}, ValueError, "must not decrease, got 10 after 20 in request 2"),
        ({"arrival_ns": [-1, 0, 1, 2]}, ValueError, "got -1 in request 0"),
        ({"arrival_ns": [0.0, 1.0, 2.0, 3.0]}, DtypeError, "integers that fit 64 bits, got float64"),
        ({"arrival_ns": [0, 1, math.nan, 2]}, DtypeError, "got float64"),
        (
            {"arrival_ns": np.array([0, 1, 2, 2**63], dtype=np.uint64)},
            ValueError,
            "got 9223372036854775808",
        ),
        ({"arrival_ns": [0, 1, 2, 2**64]}, DtypeError, "got object"),
        (
            {"prompt_tokens": [1, 2, 0, 3]},
            ValueError,
            "`prompt_tokens` must be from 1 to 2147483647, got 0 in request 2",
        ),
        ({"output_tokens": [1, 2, -4, 3]}, ValueError, "got -4 in request 2"),
        ({"output_tokens": [1, 2, 2**31, 3]}, ValueError, "got 2147483648 in request 2"),
        ({"output_tokens": [True] * 4}, DtypeError, "got bool"),
        ({"output_tokens": ["1"] * 4}, DtypeError, "`output_tokens`"),
        ({"output_tokens": [1, 2, 3]}, ShapeError, r"must have shape \(4,\) as `arrival_ns`, got \(3,\)"),
        ({"hash_offsets": None}, ValueError, "together"),
        ({"hash_offsets": [0, 2, 4, 4]}, ShapeError, r"\(5,\), got \(4,\)"),
        ({"hash_offsets": [0, 2, 1, 4, 4]}, ValueError, "must not decrease"),
        ({"hash_offsets": [0, 2, 2, 4, 5]}, ValueError, "got 0 to 5"),
        ({"hash_offsets": [1, 2, 2, 4, 4]}, ValueError, "got 1 to 4"),
        ({"hash_offsets": [0, 1, 3, 4, 4]}, ValueError, "got 2 for 1 tokens in request 1"),
        ({"hash_block_tokens": 0}, ValueError, "`hash_block_tokens` must be from 1"),
        ({"hash_block_tokens": 16.0}, DtypeError, "`hash_block_tokens` must be an integer"),
    ],
)
def test_bad_values_are_refused_by_name(change, error, message):
    with pytest.raises(error, match=message):
        Trace(**(BASE | HASHES | change))


def test_rate_and_duration():
    trace = Trace(arrival_ns=[5, 10**9 + 5, 4 * 10**9 + 5], prompt_tokens=[1] * 3, output_tokens=[1] * 3)
    assert trace.duration_s == 4.0
    assert trace.requests_per_s == 0.5
    assert math.isnan(trace.head(1).requests_per_s)


def test_head_keeps_the_hashes_of_its_requests():
    head = Trace(**BASE, **HASHES, name="x").head(3)
    assert (head.num_requests, head.name) == (3, "x")
    assert head.hash_offsets.tolist() == [0, 2, 2, 4]
    assert head.head(1).hash_ids.tolist() == [7, 8]
    assert head.head(99).digest() == head.digest()
    with pytest.raises(ValueError, match="at least 1"):
        head.head(0)


def test_scaled_changes_the_rate_and_keeps_the_shape():
    trace = Trace(**BASE)
    faster = trace.scaled(2 * trace.requests_per_s)
    assert faster.arrival_ns.tolist() == [0, 5, 5, 15]
    assert faster.summary()["interarrival_cv"] == pytest.approx(trace.summary()["interarrival_cv"])


@pytest.mark.parametrize("rate", [0, -1.0, math.nan, math.inf, 1e-300])
def test_scaled_refuses_a_rate_that_is_none(rate):
    with pytest.raises(ValueError, match="`rate`"):
        Trace(**BASE).scaled(rate)


def test_scaled_refuses_a_trace_without_duration():
    with pytest.raises(ValueError, match="all arrive at once"):
        Trace(**BASE).head(1).scaled(1.0)


def test_digest_is_of_the_content_alone():
    trace = Trace(**BASE, **HASHES, name="a")
    assert trace.digest() == Trace(**BASE, **HASHES, name="b").digest()
    others = [
        Trace(**BASE),
        Trace(**BASE, **HASHES, hash_block_tokens=500),
        Trace(**(BASE | HASHES | {"hash_ids": [7, 8, 7, 10]})),
        Trace(**(BASE | HASHES | {"output_tokens": [1, 2, 3, 5]})),
        Trace(**(BASE | HASHES | {"arrival_ns": [0, 10, 11, 30]})),
    ]
    assert len({trace.digest(), *(other.digest() for other in others)}) == 6
    assert Trace(**BASE).digest() == "56eb9fb48191a4ff0e9a9c9c7a7940fc5a4973c54dc9449da6b59aa69e583f30"


def test_summary_has_none_where_no_number_exists():
    summary = Trace(arrival_ns=[0, 0], prompt_tokens=[3, 3], output_tokens=[1, 2]).summary()
    assert summary["requests_per_s"] is None
    assert summary["interarrival_cv"] is None
    assert summary["length_correlation"] is None
    assert summary["prompt_tokens"] == {"mean": 3.0, "p50": 3.0, "p90": 3.0, "p99": 3.0, "max": 3.0}
