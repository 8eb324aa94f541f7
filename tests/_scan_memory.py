"""How much memory a scan of a generated Parquet file takes, in a process of its own.

Run as a program: ``python tests/_scan_memory.py PATH OBJECTIVES`` prints the peak of the process before and after.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np


def write_table(path: Path, num_rows: int, num_objectives: int, *, rows_per_group: int) -> None:
    """Write rows of random objectives and a column of text beside them, row group by row group."""
    import pyarrow as pa
    from pyarrow import parquet

    generator = np.random.default_rng(0)
    names = [f"x{k}" for k in range(num_objectives)]
    schema = pa.schema([(name, pa.float64()) for name in names] + [("name", pa.string())])
    with parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, num_rows, rows_per_group):
            n = min(rows_per_group, num_rows - start)
            columns = [pa.array(generator.random(n)) for _ in names]
            texts = pa.array(np.char.add("row ", np.arange(start, start + n).astype(str)))
            writer.write_table(pa.table([*columns, texts], schema=schema), row_group_size=n)


def peak_mebibytes() -> float:
    """Return the largest resident set of this program; getrusage would count that of the one that started it, too."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def scanned(path: Path, num_objectives: int) -> tuple[float, float, int]:
    """Return the peak of a fresh process before and after a scan, in MiB, and the size of the front."""
    command = [sys.executable, __file__, str(path), str(num_objectives)]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=250).stdout
    before, after, size = shown.split()
    return float(before), float(after), int(size)


if __name__ == "__main__":
    import pyarrow.parquet  # noqa: F401 - what is loaded anyway is no part of the scan

    from paretoserve import pareto

    before = peak_mebibytes()
    start = time.perf_counter()
    front = pareto.scan(sys.argv[1], {f"x{k}": "max" if k % 2 else "min" for k in range(int(sys.argv[2]))})
    assert front.table["name"].to_pylist() == [f"row {index}" for index in front.indices.tolist()]
    print(before, peak_mebibytes(), len(front), file=sys.stdout)
    print(f"{time.perf_counter() - start:.2f} s", file=sys.stderr)
