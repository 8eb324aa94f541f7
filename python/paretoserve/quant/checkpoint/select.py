"""Which tensors of a checkpoint are quantized, and which of them an engine keeps together.

Left as they are: whatever is no weight matrix of a linear layer, and by default what engines leave (embeddings, norms,
heads, routers). Layers that an engine fuses share a global scale and a format; experts of a layer share a format.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from paretoserve.quant.checkpoint.files import Stored

__all__ = ["format_group", "kept_because", "module_of", "scale_group"]

FLOATS = ("F32", "F16", "BF16")
# Of lower-case module names.
DEFAULT_EXCLUDED = (
    "*embed*", "wte", "*.wte", "wpe", "*.wpe", "*lm_head*", "*norm*", "*router*", "gate", "*.gate",
    "*shared_expert_gate", "*classifier*", "*.score", "score", "*conv*",
)  # fmt: skip
_EXPERTS_3D = re.compile(r"\.experts\.(gate_up_proj|down_proj)$")
_FUSED = (
    ("q_proj", "k_proj", "v_proj"),
    ("gate_proj", "up_proj"),
    ("w1", "w3"),
    ("wq", "wk", "wv"),
    ("query", "key", "value"),
    ("q_a_proj", "kv_a_proj_with_mqa"),
)
_FUSED_AS = {name: "+".join(names) for names in _FUSED for name in names}


def module_of(name: str) -> str:
    """Return the name of the module that a weight belongs to."""
    return name.removesuffix(".weight")


def scale_group(name: str) -> str:
    """Return a name that tensors share whose layers an engine fuses into one."""
    before, dot, last = module_of(name).rpartition(".")
    return f"{before}{dot}{_FUSED_AS.get(last, last)}"


def format_group(name: str) -> str:
    """Return a name that tensors share that must have one format: fused layers, and all experts of a layer."""
    fused = scale_group(name)
    experts = re.match(r"(.*\.experts)\.\d+\.", fused)
    return experts[1] if experts else fused


def kept_because(tensor: Stored, *, experts: bool, include: Sequence[str], exclude: Sequence[str]) -> str | None:
    """Return why a tensor is not quantized, None if it is.

    Parameters
    ----------
    tensor : Stored
    experts : bool
        Whether the layout holds fused experts (three-dimensional, as gpt-oss has them) rather than linear layers.
    include, exclude : sequence of str
        Patterns such as ``*.layers.0.*`` for names of tensors or modules; `include` replaces what is excluded by
        default, `exclude` has the last word.
    """
    if experts:
        if not (_EXPERTS_3D.search(tensor.name) and len(tensor.shape) == 3):
            return "no fused experts"
    elif not tensor.name.endswith(".weight") or len(tensor.shape) != 2:
        return "no weight matrix"
    if tensor.dtype not in FLOATS:
        return f"dtype {tensor.dtype}"
    if tensor.num_elements == 0:
        return "empty"
    pattern = _first_match(tensor.name, exclude)
    if pattern is not None:
        return f"excluded by {pattern}"
    if include:
        return None if _first_match(tensor.name, include) else "not included"
    if _first_match(tensor.name.lower(), DEFAULT_EXCLUDED):
        return "embedding, norm, head or router"
    return None


def _first_match(name: str, patterns: Sequence[str]) -> str | None:
    names = (name, module_of(name))
    return next((pattern for pattern in patterns if any(fnmatchcase(each, pattern) for each in names)), None)
