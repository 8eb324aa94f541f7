"""Builds the fake driver: a `libcuda.so.1` in which the shipped kernels run on the CPU."""

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from paretoserve import _native

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "tests" / "kernels"
FLAGS = ["-std=c++17", "-O1", "-ffp-contract=off", "-fPIC", "-fvisibility=default", "-w"]


def build(folder: Path) -> Path:
    """Compile the driver and all kernels of the catalog into `folder`; return the library."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ on this machine")
    kernels = defaultdict(list)
    for file, entry, parameters in _native.cuda_kernels():
        kernels[file].append((entry, parameters))
    units = [HERE / "fake_driver.cpp", *(_unit(folder, file, entries) for file, entries in kernels.items())]
    objects = [folder / f"{unit.stem}.o" for unit in units]
    includes = [f"-I{each}" for each in (HERE, ROOT / "cuda/host", ROOT / "cuda/include", ROOT / "cuda/kernels")]
    commands = [[compiler, *FLAGS, *includes, "-c", unit, "-o", out] for unit, out in zip(units, objects, strict=True)]
    for pair in (commands[i : i + 2] for i in range(0, len(commands), 2)):
        running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in pair]
        for each in running:
            _, errors = each.communicate()
            assert each.returncode == 0, errors
    library = folder / "libcuda.so.1"
    subprocess.run([compiler, "-shared", *objects, "-o", library], check=True)
    (folder / "libcuda.so").symlink_to(library.name)
    return library


def _unit(folder: Path, file: str, entries: list[tuple[str, str]]) -> Path:
    lines = ['#include "runner.hpp"', '#include "fake_driver.hpp"', f'#include "{file}"', "namespace {"]
    lines += [
        f'const fake::Register register_{i}("{entry}", "{parameters}", fake::run<{entry}>);'
        for i, (entry, parameters) in enumerate(entries)
    ]
    unit = folder / f"{Path(file).stem}.cpp"
    unit.write_text("\n".join([*lines, "}", ""]))
    return unit
