"""How close the kernels come to a copy on the device, and write the table to ``bench/results``.

Bytes are those that must move: each input read once, each output written once. Times are medians over CUDA events, of
graph replays that rotate among buffers larger than the cache, with the device's own copy measured in between.
Usage: bandwidth.py [--mib 256] [--buffers 3] [--out bench/results]
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from _results import write

from paretoserve import quant

DEVICE = "cuda"
COLUMNS = 8192
TARGET, TARGET_TRANSPOSED = 0.85, 0.70
FORMATS = ("mxfp8", "mxfp6", "mxfp4", "nvfp4", "int8", "int4", "fp8_block")


def median_s(work: list[Any], repeats: int = 15) -> float:
    """Return the median time of one call, over replays of a graph that makes each call once."""
    for call in work:
        call()  # compiles and loads outside of the capture
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in work:
            call()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / 1000 / len(work))
    return sorted(times)[repeats // 2]


def cases(mib: float, buffers: int):
    """Yield name, target, bytes and calls."""
    for dtype in (torch.float32, torch.bfloat16):
        rows = int(mib * 2**20) // COLUMNS // dtype.itemsize
        xs = [torch.randn(rows, COLUMNS, device=DEVICE).to(dtype) for _ in range(buffers)]
        name, size = str(dtype).removeprefix("torch."), xs[0].nbytes
        codes = [quant.cast(x, "e4m3fn") for x in xs]
        outs = [torch.empty_like(x) for x in xs]
        pairs = list(zip(xs, codes, outs, strict=True))
        yield (
            f"cast {name} -> e4m3fn",
            TARGET,
            size + codes[0].nbytes,
            [lambda x=x, c=c: quant.cast(x, "e4m3fn", out=c) for x, c, _ in pairs],
        )
        yield (
            f"cast e4m3fn -> {name}",
            TARGET,
            size + codes[0].nbytes,
            [lambda c=c, o=o, n=name: quant.cast(c, n, fmt="e4m3fn", out=o) for _, c, o in pairs],
        )
        for fmt in FORMATS:
            given = {"amax": torch.tensor(6.0, device=DEVICE)} if fmt == "nvfp4" else {}
            qs = [quant.quantize(x, fmt, **given) for x in xs]
            yield (
                f"{name} -> {fmt}",
                TARGET,
                size + qs[0].nbytes,
                [
                    lambda x=x, q=q, f=fmt, g=given: quant.quantize(x, f, out=q, **g)
                    for x, q in zip(xs, qs, strict=True)
                ],
            )
            yield (
                f"{fmt} -> {name}",
                TARGET,
                size + qs[0].nbytes,
                [lambda q=q, o=o, n=name: quant.dequantize(q, n, out=o) for q, o in zip(qs, outs, strict=True)],
            )
            if fmt.startswith(("mx", "nv")):
                ts = [quant.quantize(x, fmt, axis=0, **given) for x in xs]
                yield (
                    f"{name} -> {fmt}, transposed",
                    TARGET_TRANSPOSED,
                    size + ts[0].nbytes,
                    [
                        lambda x=x, q=q, f=fmt, g=given: quant.quantize(x, f, axis=0, out=q, **g)
                        for x, q in zip(xs, ts, strict=True)
                    ],
                )
        rotated = [quant.quantize(x, "mxfp4", hadamard=64) for x in xs]
        yield (
            f"{name} -> mxfp4, rotated",
            TARGET,
            size + rotated[0].nbytes,
            [lambda x=x, q=q: quant.quantize(x, "mxfp4", hadamard=64, out=q) for x, q in zip(xs, rotated, strict=True)],
        )
    codes = [torch.randint(0, 16, (int(mib * 2**20),), dtype=torch.uint8, device=DEVICE) for _ in range(buffers)]
    packed = [quant.pack_bits(c, 4) for c in codes]
    pairs = list(zip(codes, packed, strict=True))
    size = codes[0].nbytes + packed[0].nbytes
    yield "pack 4 bits", TARGET, size, [lambda c=c, p=p: quant.pack_bits(c, 4, out=p) for c, p in pairs]
    yield "unpack 4 bits", TARGET, size, [lambda c=c, p=p: quant.unpack_bits(p, 4, c.numel(), out=c) for c, p in pairs]


def main() -> int:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=float, default=256, help="size of one tensor of numbers")
    parser.add_argument("--buffers", type=int, default=3, help="tensors to rotate among, more than the cache holds")
    parser.add_argument("--out", type=Path, default=Path("bench/results"), help="folder of the table")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device", file=sys.stderr)
        return 1
    source, target = (torch.randn(int(arguments.mib * 2**18), device=DEVICE) for _ in range(2))
    rows = []
    for name, target_fraction, num_bytes, calls in cases(arguments.mib, arguments.buffers):
        copy = 2 * source.nbytes / median_s([lambda: target.copy_(source)] * arguments.buffers)
        rate = num_bytes / median_s(calls)
        rows.append({"kernel": name, "gb_per_s": rate / 1e9, "copy_gb_per_s": copy / 1e9, "fraction": rate / copy})
        rows[-1]["target"] = target_fraction
        print(f"{name:34} {rate / 1e9:8.0f} GB/s  {rate / copy:6.1%} of copy, target {target_fraction:.0%}", flush=True)
    lines = [f"| {r['kernel']} | {r['gb_per_s']:.0f} | {r['fraction']:.1%} | {r['target']:.0%} |" for r in rows]
    write(arguments.out, "", ["kernel", "GB/s", "of copy", "target"], lines, {"mib": arguments.mib, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
