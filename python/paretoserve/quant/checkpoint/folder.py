"""A checkpoint: one safetensors file, or a folder with shards, an index, a config and what else a model needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paretoserve.errors import DataError
from paretoserve.quant.checkpoint.files import TensorFile

__all__ = ["INDEX", "Checkpoint", "open_checkpoint"]

INDEX = "model.safetensors.index.json"
# Weights in other forms, which would disagree with the new ones, and what we write ourselves.
_OTHER_WEIGHTS = (".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx", ".safetensors")
_OWN = ("config.json", "hf_quant_config.json")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What there is to quantize.

    Attributes
    ----------
    shards : tuple of TensorFile
        By name.
    config : dict
        Content of config.json, empty if there is none.
    index_metadata : dict or None
        Of the index of shards; None if there is no index.
    other_files : tuple of Path
        What is copied: tokenizer, generation config, code, license.
    """

    shards: tuple[TensorFile, ...]
    config: dict[str, Any]
    index_metadata: dict[str, Any] | None
    other_files: tuple[Path, ...]


def open_checkpoint(source: Path) -> Checkpoint:
    """Read the headers of a checkpoint.

    Parameters
    ----------
    source : Path
        A safetensors file, a folder with one or more of them, or an index of shards.

    Raises
    ------
    DataError
        If a file is missing or broken, index and shards disagree, or a tensor stands in two shards.
    ValueError
        If the weights are quantized already.
    """
    if source.is_file() and source.suffix != ".json":
        return Checkpoint((TensorFile.open(source),), {}, None, ())
    index_file = source if source.suffix == ".json" else source / INDEX
    folder = index_file.parent
    if not folder.is_dir() or (index_file == source and not source.is_file()):
        raise DataError(f"`{source}`: no such file or folder")
    index = _json_object(index_file) if index_file.is_file() else None
    if index is None:
        names = sorted(path.name for path in folder.glob("*.safetensors") if not path.name.startswith("."))
        if not names:
            raise DataError(f"`{folder}` has no safetensors file")
        shards = tuple(TensorFile.open(folder / name) for name in names)
    else:
        shards = _indexed(index_file, index)
    _refuse_twice(shards)
    config_file = folder / "config.json"
    config = _json_object(config_file) if config_file.is_file() else {}
    if "quantization_config" in config or (folder / "hf_quant_config.json").exists():
        raise ValueError(
            f"`{folder}` must have unquantized weights, its config names a quantization\n"
            "hint: paretoserve.quant.convert changes the layout of quantized weights"
        )
    return Checkpoint(shards, config, None if index is None else index.get("metadata") or {}, _others(folder))


def _json_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"`{path}` is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"`{path}` must be a JSON object")
    return content


def _indexed(index_file: Path, index: dict[str, Any]) -> tuple[TensorFile, ...]:
    """Return the shards that an index names; each must have the tensors that the index puts there."""
    places = index.get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise DataError(f"`{index_file}` has no `weight_map` from tensors to files")
    for name in places.values():
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise DataError(f"`{index_file}` names `{name}`, which is no safetensors file beside it")
    shards = tuple(TensorFile.open(index_file.parent / name) for name in sorted(set(places.values())))
    for shard in shards:
        expected = {tensor for tensor, name in places.items() if name == shard.path.name}
        differing = sorted(expected ^ set(shard.entries))
        if differing:
            what = "lacks" if differing[0] in expected else "has"
            raise DataError(f"`{shard.path}` {what} tensor `{differing[0]}`, unlike `{index_file.name}` says")
    return shards


def _refuse_twice(shards: tuple[TensorFile, ...]) -> None:
    seen: dict[str, Path] = {}
    for shard in shards:
        for name in shard.entries:
            if name in seen:
                raise DataError(
                    f"`{shard.path}` has tensor `{name}`, which `{seen[name].name}` has, too\n"
                    "hint: an index file says which shards belong together; give it in place of the folder"
                )
            seen[name] = shard.path


def _others(folder: Path) -> tuple[Path, ...]:
    """Return the files of a folder that go along: no weights, no index, nothing hidden, no folders."""
    return tuple(
        path
        for path in sorted(folder.iterdir())
        if path.is_file()
        and not path.name.startswith(".")
        and path.suffix not in _OTHER_WEIGHTS
        and not path.name.endswith(".index.json")
        and path.name not in _OWN
    )
