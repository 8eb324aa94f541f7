"""CUDA devices, and the kernels that are compiled for them.

Nothing here needs CUDA to be installed: the driver and the compiler are looked for when a function is called.
Kernels are compiled at their first use and kept in a folder; `compile_kernels` does that ahead, also where there is
no GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paretoserve import _native

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CompiledKernel", "Device", "clear_cache", "compile_kernels", "devices", "is_available"]


@dataclass(frozen=True, slots=True)
class Device:
    """One CUDA device.

    Attributes
    ----------
    ordinal : int
        Its number for the driver.
    name : str
        Its marketing name.
    compute_capability : tuple of int
        Major and minor, for example ``(9, 0)``.
    memory_bytes : int
        Its memory.
    arch : str
        What kernels are compiled for on it, for example ``sm_90`` or ``sm_100a``.
    """

    ordinal: int
    name: str
    compute_capability: tuple[int, int]
    memory_bytes: int
    arch: str


@dataclass(frozen=True, slots=True)
class CompiledKernel:
    """A file of kernels that is ready for one architecture.

    Attributes
    ----------
    file : str
        Its name below ``cuda/kernels`` of the sources.
    arch : str
        The architecture.
    path : Path
        Where the machine code is kept.
    cached : bool
        Whether it was there before.
    nbytes : int
        Size of the machine code.
    log : str
        Warnings of the compiler, if it ran and had any.
    """

    file: str
    arch: str
    path: Path
    cached: bool
    nbytes: int
    log: str


def is_available() -> bool:
    """Tell whether a CUDA driver is present and shows at least one device.

    Returns
    -------
    bool
        False on a machine without a driver; never raises.

    Examples
    --------
    >>> from paretoserve import cuda
    >>> cuda.is_available() in (True, False)
    True
    """
    return _native.cuda_is_available()


def devices() -> list[Device]:
    """List the CUDA devices, in the driver's order.

    Returns
    -------
    list of Device
        Empty when a driver is present but shows no device.

    Raises
    ------
    DeviceError
        If there is no CUDA driver, or it refuses to answer.

    Examples
    --------
    >>> from paretoserve import cuda
    >>> names = [device.name for device in cuda.devices()] if cuda.is_available() else []
    """
    return [Device(*row) for row in _native.cuda_devices()]


def compile_kernels(arch: str | Sequence[str] | None = None) -> list[CompiledKernel]:
    """Compile all kernels into the cache ahead of their first use, for example while an image is built.

    Needs NVRTC (``pip install 'paretoserve[cuda]'``), but neither a driver nor a device if `arch` is given.

    Parameters
    ----------
    arch : str or sequence of str, optional
        Architectures as the compiler names them: ``sm_80``, ``sm_90``, ``sm_100a``, ``sm_120a``. From 10.0 on the
        ``a`` is what a device looks for. Default: those of the devices of this machine.

    Returns
    -------
    list of CompiledKernel
        One for each file of kernels and architecture, in that order.

    Raises
    ------
    CompileError
        If there is no NVRTC, it does not know the architecture, `PARETOSERVE_DISABLE_JIT` is set, or a kernel does not
        compile.
    DeviceError
        If `arch` is left out and there is no CUDA driver.
    OSError
        If the cache cannot be written; `PARETOSERVE_CACHE_DIR` chooses another folder.
    ValueError
        If `arch` is not the name of an architecture.

    Notes
    -----
    Some seconds for each architecture; nothing for what the cache has. Entries are keyed by source, headers, options,
    architecture and version of NVRTC.

    Examples
    --------
    >>> from paretoserve import cuda
    >>> ready = cuda.compile_kernels(arch=[])  # for no architecture: nothing to do
    >>> [kernel.path.name for kernel in ready]
    []
    """
    if arch is None:
        names = sorted({device.arch for device in devices()})
    else:
        names = [arch] if isinstance(arch, str) else list(arch)
    files = dict.fromkeys(file for file, _, _ in _native.cuda_kernels())
    return [_compile(file, name) for file in files for name in names]


def _compile(file: str, arch: str) -> CompiledKernel:
    path, cached, nbytes, log = _native.cuda_compile(file, arch)
    if path is None:
        raise OSError("the cache of kernels cannot be written\nhint: set PARETOSERVE_CACHE_DIR to a folder that can be")
    return CompiledKernel(file, arch, Path(path), cached, nbytes, log)


def clear_cache() -> int:
    """Remove all compiled kernels from the cache; what is loaded stays loaded.

    Returns
    -------
    int
        Number of entries that were removed.

    Raises
    ------
    OSError
        If the folder cannot be read or written.

    Notes
    -----
    The folder is `PARETOSERVE_CACHE_DIR`, else ``paretoserve/kernels`` below `XDG_CACHE_HOME` or ``~/.cache``. Only
    files that this package writes are removed.

    Examples
    --------
    >>> import os, tempfile
    >>> from unittest import mock
    >>> from paretoserve import cuda
    >>> with mock.patch.dict(os.environ, PARETOSERVE_CACHE_DIR=tempfile.mkdtemp()):
    ...     cuda.clear_cache()
    0
    """
    return _native.cuda_clear_cache()
