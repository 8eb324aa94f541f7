"""Fit the operator times that the package ships, from measured tables.

    python tools/fit_operators.py --data ../shared/data            # writes python/paretoserve/cost/data/operators/*.npz
    python tools/fit_operators.py --data ../shared/data --report   # prints the error on rows that were not fitted

What is shipped is fitted on the training rows alone, so the errors printed and stored are those of the shipped grids
on rows they have not seen: a fifth of the rows, chosen by a hash of their arguments; for matrix products a tenth of
the rows and a tenth of the whole (n, k) shapes. The output is the same bytes for the same tables.
"""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import yaml

from operators import attention, collectives, gemm, mixed, mla, moe
from operators.fitting import FittedTable, fit
from paretoserve.cost.grids import Rates

MULTIPROCESSORS = {"a100_sxm": 108, "b200_sxm": 148, "h100_sxm": 132, "h200_sxm": 132, "rtx_pro_6000_server": 188}
OUT = Path(__file__).resolve().parents[1] / "python/paretoserve/cost/data/operators"


def rates(data: Path, system: str) -> Rates:
    """Read peak rates in the order the library takes them."""
    described = yaml.safe_load((data / "perf/systems" / f"{system}.yaml").read_text())
    gpu, node = described["gpu"], described["node"]
    flops = [float(gpu.get(f"{kind}_tc_flops", 0)) for kind in ("bfloat16", "fp8", "fp4")]
    links = float(node["intra_node_bw"]), float(node["inter_node_bw"])
    return (
        flops[0],
        flops[1],
        flops[2],
        float(gpu["mem_bw"]),
        *links,
        int(node["num_gpus_per_node"]),
        MULTIPROCESSORS[system],
    )


def fit_system(data: Path, system: str) -> tuple[list[FittedTable], dict[str, object]]:
    """Fit every table of one system."""
    folder = data / "perf/kernels" / system
    peak = rates(data, system)
    tables = [table for family in (gemm, attention, moe, mla, collectives) for table in family.read(folder)]
    tables += mixed.read(data, system)
    fitted = [fit(table, peak) for table in tables]
    launch_ns, fraction = gemm.memory_stream(folder, peak[3])
    sources = sorted(path.stem for path in folder.glob("*.parquet"))
    return fitted, {
        "system": system,
        "peak": peak,
        "launch_ns": launch_ns,
        "memory_fraction": fraction,
        "sources": sources,
    }


def changes(codes: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Replace codes by their differences, modulo 256, along those axes that leave the fewest bits; return both."""
    found = {(): codes}
    for axis in range(codes.ndim):
        found |= {(*axes, axis): np.diff(changed, axis=axis, prepend=np.uint8(0)) for axes, changed in found.items()}
    best = min(found, key=lambda axes: bits(found[axes]))
    return found[best], list(best)


def bits(codes: np.ndarray) -> float:
    """Return the bits of the codes where each takes as many as it is rare."""
    counts = np.bincount(codes.ravel())
    counts = counts[counts > 0]
    return float(counts @ np.log2(codes.size / counts))


def write(path: Path, fitted: list[FittedTable], meta: dict[str, object]) -> None:
    """Store grids and meta data as an .npz file with fixed dates; the wheel compresses it."""
    described, stored = {}, []
    tables = sorted(fitted, key=lambda table: table.name)
    for table in tables:
        changed, summed = changes(table.codes.reshape([len(axis) for axis in table.axes]))
        stored.append(changed.ravel())
        described[table.name] = {
            "axes": [[round(knot, 6) for knot in axis] for axis in table.axes],
            "summed": summed,
            "offset": table.offset,
            "step": table.step,
            "errors": table.errors,
        }
    text = json.dumps({**meta, "tables": described}, separators=(",", ":"), sort_keys=True)
    arrays = {
        "changes": np.concatenate(stored),
        "supported": np.packbits(np.concatenate([table.supported for table in tables])),
        "meta": np.frombuffer(text.encode(), dtype=np.uint8),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue())


def report(system: str, fitted: list[FittedTable]) -> None:
    """Print the error of each table on the rows that were not fitted."""
    names = {"held_out": "held-out rows", "held_out_shapes": "held-out shapes"}
    for table in fitted:
        for kind, name in names.items():
            if kind in table.errors:
                error = dict(table.errors[kind])
                words = [f"{key.split('_')[0]} {value} %" for key, value in error.items() if key != "rows"]
                print(f"{system:20s} {table.name:28s} {name:16s} {error['rows']:6}:", *words)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder that holds perf/kernels")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for one .npz file per system")
    parser.add_argument("--report", action="store_true", help="print held-out errors instead of writing")
    parser.add_argument("--systems", nargs="+", default=list(MULTIPROCESSORS), help="systems to fit")
    options = parser.parse_args()
    for system in options.systems:
        fitted, meta = fit_system(options.data, system)
        if options.report:
            report(system, fitted)
            continue
        path = options.out / f"{system}.npz"
        write(path, fitted, meta)
        print(f"{path}: {path.stat().st_size} bytes, {len(fitted)} tables")
    if options.report:
        mixed.report_own_tables(options.data)


if __name__ == "__main__":
    main()
