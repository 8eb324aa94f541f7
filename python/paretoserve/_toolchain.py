"""Where NVRTC is: the library that compiles kernels at their first use. Imported only when one must be compiled.

Machines often have several: of a toolkit, of the package `nvidia-cuda-nvrtc`, of torch. Nothing is loaded here; the
native module loads the one that is found, by its path.
"""

from __future__ import annotations

import ctypes.util
import importlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["find_nvrtc"]


def find_nvrtc() -> str | None:
    """Return the path of the NVRTC library to compile with; None if there is none.

    In this order: the file that `PARETOSERVE_NVRTC` names (whether or not it exists: what was asked for is not
    replaced in silence), the installed NVIDIA packages, what torch brings along, the toolkit of `CUDA_HOME` or
    `CUDA_PATH`, ``/usr/local/cuda``, what `cuda-pathfinder` finds (conda, for example), the loader's own path.
    """
    named = os.environ.get("PARETOSERVE_NVRTC")
    if named:
        return named
    for folder in _folders():
        found = _newest(folder)
        if found is not None:
            return str(found)
    return _by_pathfinder() or ctypes.util.find_library("nvrtc")


def _folders() -> Iterator[Path]:
    # Packages for CUDA 13 share one folder; those for CUDA 12 have one each. Newer first.
    for package in _places("nvidia"):
        yield from sorted(package.glob("cu*/lib"), reverse=True)
        yield package / "cuda_nvrtc" / "lib"
    for package in _places("torch"):
        yield package / "lib"
    for variable in ("CUDA_HOME", "CUDA_PATH"):
        if os.environ.get(variable):
            yield Path(os.environ[variable]) / "lib64"
            yield Path(os.environ[variable]) / "lib"
    yield Path("/usr/local/cuda/lib64")


def _places(package: str) -> list[Path]:
    """Folders of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []


def _newest(folder: Path) -> Path | None:
    """Return the library of the highest version in `folder`, if any; torch's wheels put a hash into its name."""

    def version(path: Path) -> tuple[int, ...]:
        return tuple(int(part) for part in path.name.partition(".so")[2].split(".") if part.isdigit())

    libraries = [
        path
        for path in (*folder.glob("libnvrtc.so*"), *folder.glob("libnvrtc-*.so*"))
        if not path.name.startswith("libnvrtc-builtins")
    ]
    return max(libraries, key=lambda path: (version(path), path.name), default=None)


def _by_pathfinder() -> str | None:
    try:
        pathfinder = importlib.import_module("cuda.pathfinder")
        return str(pathfinder.load_nvidia_dynamic_lib("nvrtc").abs_path)
    except (ImportError, RuntimeError):  # its own error of a library that is not found derives from RuntimeError
        return None
