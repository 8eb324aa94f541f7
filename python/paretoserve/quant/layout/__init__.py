"""Where the bytes of a quantized weight lie, one file per layout; `paretoserve.quant.convert` goes from one to another.

A file defines `LAYOUTS` (and `DIRECT` for paths that need no `QTensor` between) and is listed in `_FILES`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from paretoserve.quant.layout._layout import Direct, Layout, Log, Setting, Tensor

__all__ = ["Direct", "Layout", "Log", "Setting", "Tensor", "direct", "registry"]

_FILES = (
    "gpt_oss",
    "compressed_tensors",
    "ct_int",
    "gptq",
    "awq",
    "marlin",
    "flexq",
    "fp6llm",
    "modelopt",
    "gguf",
    "bnb",
    "dense",
)


@cache
def registry() -> dict[str, Layout]:
    """Return every layout by name, in the order of the files."""
    modules = [import_module(f"{__name__}.{name}") for name in _FILES]
    return {layout.name: layout for module in modules for layout in module.LAYOUTS}


@cache
def direct() -> dict[tuple[str, str], Direct]:
    """Return every direct path by its source and destination."""
    modules = [import_module(f"{__name__}.{name}") for name in _FILES]
    return {(path.src, path.dst): path for module in modules for path in getattr(module, "DIRECT", ())}
