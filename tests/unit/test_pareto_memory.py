"""How much memory a front takes beside its input, where every row is on it: each case in a process of its own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

# Interpreters, threads and allocators take some whatever the size of the input.
CONSTANT_BYTES = 3 << 20
LEAST_ROWS = 1 << 19


def resident_bytes(field: str) -> int:
    """Return what the kernel says of this process: VmRSS is now, VmHWM the most so far."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def taken_bytes(call: str, d: int, dtype: str, threads: int) -> str:
    command = [sys.executable, __file__, call, str(d), dtype, str(threads)]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=100).stdout


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the kernel does not tell the peak of a call")
@pytest.mark.parametrize(
    ("call", "d", "dtype", "threads"),
    [
        ("mask", 1, "int64", 1),
        ("mask", 2, "float64", 2),
        ("mask", 3, "float64", 2),
        ("mask", 4, "float64", 2),
        ("mask", 4, "float32", 1),
        ("front", 2, "float64", 2),
        ("front", 4, "float32", 1),
    ],
)
def test_a_front_takes_less_than_12_bytes_per_value(call, d, dtype, threads):
    num_values, taken = map(int, taken_bytes(call, d, dtype, threads).split())
    assert taken < 12 * num_values + CONSTANT_BYTES


def main() -> None:
    """Print the number of values and the bytes that their front took, result included."""
    from paretoserve import pareto

    call, d, dtype, threads = getattr(pareto, sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    n = LEAST_ROWS >> (d > 3)
    generator = np.random.default_rng(d)
    points = np.zeros((n, d), dtype=dtype)
    for start in range(0, n if d > 1 else 0, 1 << 16):
        part = np.abs(generator.standard_normal((min(n - start, 1 << 16), d)))
        points[start : start + len(part)] = part / np.linalg.norm(part, axis=1)[:, None]
    call(points[:1000], threads=threads)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident_bytes("VmRSS")
    found = call(points, threads=threads)
    assert np.count_nonzero(found) > 0.9 * n
    print(points.size, resident_bytes("VmHWM") - before, file=sys.stdout)


if __name__ == "__main__":
    main()
