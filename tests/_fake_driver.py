"""A CUDA driver for tests without a GPU: the shipped kernels run on the CPU, in memory of the host."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from _kernels import COMPILER, CUDA, ROOT
from paretoserve import _native

FLAGS = ["-std=c++17", "-O0", "-ffp-contract=off", "-fPIC", "-w"]


def build(folder: Path) -> Path:
    """Compile the driver and all kernels of the catalog into `folder`, as `libcuda.so.1`."""
    if COMPILER is None:
        pytest.skip("g++ is not here")
    kernels = defaultdict(list)
    for file, entry, _ in _native.cuda_kernels():
        kernels[file].append(entry)
    units = [ROOT / "tests/kernels/fake_driver.cpp", _table(folder)]
    units += [_unit(folder, file, entries) for file, entries in kernels.items()]
    folders = [f"-I{CUDA / name}" for name in ("include", "kernels", "host")]
    for i in range(0, len(units), 2):
        commands = [
            [COMPILER, *FLAGS, *folders, "-c", unit, "-o", folder / f"{unit.stem}.o"] for unit in units[i : i + 2]
        ]
        running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
        for each in running:
            errors = each.communicate()[1]
            assert each.returncode == 0, errors
    library = folder / "libcuda.so.1"
    subprocess.run([COMPILER, "-shared", *(folder / f"{unit.stem}.o" for unit in units), "-o", library], check=True)
    (folder / "libcuda.so").symlink_to(library.name)
    return library


# Reads programs, one per line as JSON, and runs each in a fork: torch is imported once.
SERVER = """
import json, os, sys, traceback
import _pretend
_pretend.install()
for line in sys.stdin:
    program, environment = json.loads(line)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.environ.update(environment)
            exec(compile(program, "program", "exec"), {})
            os._exit(0)
        except BaseException:
            os.write(write, traceback.format_exc().encode()[-3000:])
            os._exit(1)
    os.close(write)
    message = os.fdopen(read, "rb").read().decode()
    status = os.waitpid(child, 0)[1]
    print(json.dumps([os.waitstatus_to_exitcode(status), message]), flush=True)
"""


class Programs:
    """Runs Python programs that find this driver and keep their cache of kernels beside it."""

    def __init__(self, driver: Path) -> None:
        search = os.pathsep.join([str(driver.parent), os.environ.get("LD_LIBRARY_PATH", "")]).rstrip(os.pathsep)
        path = os.pathsep.join([str(ROOT / "tests"), *(os.path.abspath(entry) for entry in sys.path if entry)])
        settings = {
            "LD_LIBRARY_PATH": search,
            "PYTHONPATH": path,
            "PARETOSERVE_CACHE_DIR": str(driver.parent / "cache"),
            "PARETOSERVE_NVRTC": str(driver),
        }
        self.server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            env=os.environ | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, program: str, **environment: str) -> None:
        """Run one program; its error, or the signal that ended it, is an assertion here."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(json.dumps([program, environment]) + "\n")
        self.server.stdin.flush()
        answer = self.server.stdout.readline()
        assert answer, "the server of programs is gone"
        code, message = json.loads(answer)
        assert code == 0, message or f"ended with {code}"

    def close(self) -> None:
        """End the server."""
        self.server.communicate()


def _unit(folder: Path, file: str, entries: list[str]) -> Path:
    lines = ['#include "runner.hpp"', f'#include "{file}"', '#include "apply.hpp"']
    lines += [f"RUNNER_EXPORT({entry})" for entry in entries]
    unit = folder / f"{Path(file).stem}.cpp"
    unit.write_text("\n".join(lines) + "\n")
    return unit


def _table(folder: Path) -> Path:
    """Write the driver's list of kernels."""
    kernels = [(entry, parameters) for _, entry, parameters in _native.cuda_kernels()]
    sizes = "unsigned, unsigned, unsigned, unsigned, void**"
    lines = [f'extern "C" void run_{entry}({sizes});' for entry, _ in kernels]
    lines.append(f"struct Entry {{ const char *name, *parameters; void (*run)({sizes}); }};")
    lines.append("extern const Entry ENTRIES[] = {")
    lines += [f'{{"{entry}", "{parameters}", run_{entry}}},' for entry, parameters in kernels]
    unit = folder / "entries.cpp"
    unit.write_text("\n".join([*lines, "{nullptr, nullptr, nullptr}};", ""]))
    return unit
