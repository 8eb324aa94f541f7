"""Invariants of traces over random content: round trips, digests, and files broken at random."""

import gzip
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paretoserve.errors import DataError
from paretoserve.sim import Trace, load_trace, write_trace

TOKENS = st.integers(1, 2**31 - 1)
CELL = st.sampled_from(
    [b"\x00", b"\xff", b",", b'"', b"-", b".", b"e", b"\n", b"\r", b"{", b"}", b"[", b"]", b"9" * 20]
)


@st.composite
def traces(draw):
    n = draw(st.integers(1, 12))
    gaps = draw(st.lists(st.integers(0, 10**15), min_size=n - 1, max_size=n - 1))
    prompt = draw(st.lists(TOKENS, min_size=n, max_size=n))
    hashes = {}
    if draw(st.booleans()):
        block = draw(st.integers(1, 4096))
        most = [min(3, -(-tokens // block)) for tokens in prompt]
        lengths = [draw(st.integers(0, k)) for k in most]
        ids = draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=sum(lengths), max_size=sum(lengths)))
        hashes = {"hash_offsets": [0, *np.cumsum(lengths).tolist()], "hash_ids": ids, "hash_block_tokens": block}
    return Trace(
        arrival_ns=np.cumsum([0, *gaps]),
        prompt_tokens=prompt,
        output_tokens=draw(st.lists(TOKENS, min_size=n, max_size=n)),
        name=draw(st.text(max_size=8).filter(lambda text: text.isprintable())),
        **hashes,
    )


@given(traces())
def test_writing_and_loading_gives_the_same_trace(trace):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        write_trace(trace, path)
        again = load_trace(path)
    assert again.digest() == trace.digest()
    assert (again.name, again.hash_block_tokens) == (trace.name, trace.hash_block_tokens)


@given(traces(), st.integers(1, 14))
def test_head_of_all_is_all_and_heads_nest(trace, n):
    assert trace.head(trace.num_requests).digest() == trace.digest()
    assert trace.head(n).head(1).digest() == trace.head(1).digest()
    assert (trace.head(n).digest() == trace.digest()) == (n >= trace.num_requests)


@given(traces())
def test_azure_csv_round_trip_keeps_100_ns(trace):
    ticks = trace.arrival_ns // 100 * 100
    times = (np.datetime64("2023-11-16T18:00:00", "ns") + ticks).astype(str)
    rows = zip(times, trace.prompt_tokens, trace.output_tokens, strict=True)
    lines = [f"{time[:27].replace('T', ' ')},{prompt},{output}\n" for time, prompt, output in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(lines))
        again = load_trace(path)
    assert again.arrival_ns.tolist() == ticks.tolist()
    assert again.prompt_tokens.tolist() == trace.prompt_tokens.tolist()
    assert again.output_tokens.tolist() == trace.output_tokens.tolist()


GOOD = {
    "a.csv": b"TIMESTAMP,ContextTokens,GeneratedTokens\n"
    + b"".join(b"2023-11-16 18:15:%02d.6805900,%d,%d\n" % (i, 100 + i, 7 + i) for i in range(9)),
    "a.jsonl": b"".join(
        b'{"timestamp": %d, "input_length": %d, "output_length": 5, "hash_ids": [1]}\n' % (i, i + 9) for i in range(9)
    ),
}
GOOD["a.csv.gz"] = gzip.compress(GOOD["a.csv"], mtime=0)
with tempfile.TemporaryDirectory() as _folder:
    write_trace(
        Trace(
            arrival_ns=range(9), prompt_tokens=[9] * 9, output_tokens=[3] * 9, hash_offsets=range(10), hash_ids=range(9)
        ),
        Path(_folder) / "a.parquet",
    )
    GOOD["a.parquet"] = (Path(_folder) / "a.parquet").read_bytes()


@given(st.sampled_from(sorted(GOOD)), st.data())
@settings(max_examples=400)
def test_a_broken_file_gives_a_trace_or_a_data_error(name, data):
    content = GOOD[name]
    place = data.draw(st.integers(0, len(content)))
    change = data.draw(st.sampled_from(["cut", "replace", "insert"]))
    inserted = b"" if change == "cut" else data.draw(CELL | st.binary(min_size=1, max_size=4))
    broken = content[:place] + inserted + (b"" if change == "cut" else content[place + (change == "replace") :])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(broken)
        try:
            num_requests, message = load_trace(path).num_requests, ""
        except DataError as error:
            num_requests, message = 0, str(error)
    assert 1 <= num_requests <= 10 or name in message
