"""For programs on the fake driver: tensors of the CPU that the package takes for tensors of a CUDA device.

Call `install` before `paretoserve.pareto` and `paretoserve.quant` are imported. The stream of these tensors has the
handle `STREAM` on device 0.
"""

import ctypes
import importlib
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from paretoserve import _arrays

STREAM = 0x51EA
_numpy = torch.Tensor.numpy
# What waits for the device or copies from it.
WAITING = {
    name: getattr(torch.Tensor, name)
    for name in ("item", "tolist", "numpy", "cpu", "nonzero", "__float__", "__int__", "__bool__", "__index__")
}


def array(tensor: Any) -> np.ndarray:
    """Return the numbers of a tensor, once all is done; bfloat16 as bits."""
    tensor = tensor if tensor.dtype != torch.bfloat16 else tensor.view(torch.uint16)
    return _numpy(tensor)


def _waits(*_: object, **__: object) -> None:
    raise AssertionError("this would wait for the device")


@dataclass(frozen=True)
class Launch:
    """One launch as the driver saw it."""

    entry: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    stream: int
    context: str
    arguments: tuple[str, ...]


def record(*, forget: bool = True) -> list[str]:
    """Return the driver's calls so far."""
    driver = ctypes.CDLL("libcuda.so.1")
    driver.fake_record.restype = ctypes.c_char_p
    lines = driver.fake_record().decode().splitlines()
    if forget:
        driver.fake_forget()
    return lines


def launches(lines: list[str]) -> list[Launch]:
    """Return the launches among the driver's calls."""
    found = []
    for line in lines:
        words = line.split()
        if words[0] == "launch":
            sizes = [int(word) for word in (*words[3:6], *words[7:10])]
            found.append(
                Launch(words[1], tuple(sizes[:3]), tuple(sizes[3:]), int(words[13]), words[15], tuple(words[17:]))
            )
    return found


def install() -> None:
    """Patch this process; once, before `paretoserve.quant` is imported."""
    _arrays.is_cuda = _arrays.is_torch  # modules import it by name
    for part in ("paretoserve.moe._cuda", "paretoserve.pareto._cuda", "paretoserve.quant._cuda"):
        importlib.import_module(part)
        for name, module in list(sys.modules.items()):
            if name.startswith(part) and hasattr(module, "at"):
                module.at = lambda tensor: (0, STREAM)
    # What would wait for the device or copy from it fails.
    for name in WAITING:
        setattr(torch.Tensor, name, _waits)
    torch.cuda.synchronize = _waits


def may_wait() -> None:
    """Let this program wait for the device, for functions that say they do."""
    for name, function in WAITING.items():
        setattr(torch.Tensor, name, function)
