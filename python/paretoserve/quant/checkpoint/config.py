"""The configuration beside the weights, in the words of the library that reads it.

compressed-tensors: `quantization_config` with a group per format. ModelOpt: the same key and `hf_quant_config.json`.
gpt-oss: the modules that were left. Formats of 8 bits quantize activations, too, per token when the engine runs; those
of 4 bits are weight-only, because scales of activations need data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paretoserve.quant.checkpoint.target import Target

__all__ = ["quantization_config"]


def _weights(bits: int, kind: str, strategy: str, group_size: int | None, **more: Any) -> dict[str, Any]:
    found = {"num_bits": bits, "type": kind, "symmetric": True, "strategy": strategy, "group_size": group_size}
    return found | {"dynamic": False, "observer": None} | more


def _activations(kind: str, strategy: str, group_size: int | None = None, **more: Any) -> dict[str, Any]:
    return _weights(8, kind, strategy, group_size, **more) | {"dynamic": True}


def _scheme(fmt: str, group: int) -> tuple[str, dict[str, Any], dict[str, Any] | None]:
    """Return the compressor, arguments of the weights and arguments of the activations of a format."""
    e8m0 = {"scale_dtype": "torch.uint8"}
    if fmt == "mxfp4":
        return "mxfp4-pack-quantized", _weights(4, "float", "group", 32, **e8m0), None
    if fmt == "nvfp4":
        scales = {"scale_dtype": "torch.float8_e4m3fn"}
        return "nvfp4-pack-quantized", _weights(4, "float", "tensor_group", 16, **scales), None
    if fmt == "mxfp8_e4m3":
        return "mxfp8-quantized", _weights(8, "float", "group", 32, **e8m0), _activations("float", "group", 32, **e8m0)
    if fmt == "int8":
        return "int-quantized", _weights(8, "int", "channel", None), _activations("int", "token")
    if fmt == "fp8_row":
        return "float-quantized", _weights(8, "float", "channel", None), _activations("float", "token")
    if fmt == "fp8_block":
        weights = _weights(8, "float", "block", None, block_structure=[128, 128])
        return "float-quantized", weights, _activations("float", "group", 128)
    strategy = ("channel", None) if group == -1 else ("group", group)
    return "pack-quantized", _weights(4, "int", *strategy) | {"symmetric": fmt == "int4"}, None


def quantization_config(
    target: Target, formats: Mapping[str, str], kept: Sequence[str], group: int
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return what config.json gets as `quantization_config`, and the content of hf_quant_config.json if there is one.

    Parameters
    ----------
    target : Target
    formats : mapping of str to str
        Format of each quantized module.
    kept : sequence of str
        Modules with a weight matrix that were left.
    group : int
        Columns of a group of integers.
    """
    if target.experts:
        return {"quant_method": "mxfp4", "modules_to_not_convert": list(kept)}, None
    if target.name == "modelopt":
        # Weight-only: scales of activations would need data.
        algorithm = {"quant_algo": "W4A16_NVFP4", "kv_cache_quant_algo": None, "group_size": 16}
        quantization = algorithm | {"exclude_modules": list(kept)}
        # Engines recognize the format by this name.
        producer = {"name": "modelopt", "version": "0.39.0"}
        inside = {"quant_method": "modelopt", "producer": producer, **algorithm, "ignore": list(kept)}
        return inside, {"producer": producer, "quantization": quantization}
    used = sorted(set(formats.values()))
    groups = {}
    for number, fmt in enumerate(used):
        compressor, weights, activations = _scheme(fmt, group)
        modules = sorted(module for module, each in formats.items() if each == fmt)
        groups[f"group_{number}"] = {
            "targets": ["Linear"] if len(used) == 1 else modules,
            "weights": weights,
            "input_activations": activations,
            "output_activations": None,
            "format": compressor,
        }
    compressors = {each["format"] for each in groups.values()}
    return {
        "quant_method": "compressed-tensors",
        "format": compressors.pop() if len(compressors) == 1 else "mixed-precision",
        "quantization_status": "compressed",
        "global_compression_ratio": None,
        "kv_cache_scheme": None,
        "config_groups": groups,
        "ignore": list(kept),
    }, None
