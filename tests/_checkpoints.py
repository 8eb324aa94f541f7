"""Small checkpoints as models have them, for the tests of `quantize_checkpoint` and of the command."""

import json

import ml_dtypes
import numpy as np

HIDDEN, FEED = 128, 256
DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}


def tensors(dtype="F32", layers=2, seed=0):
    """Weights of a llama: attention, feed-forward, norms, embedding, head."""
    random = np.random.default_rng(seed)

    def weight(rows, columns):
        return (random.standard_normal((rows, columns)) * 0.05).astype(DTYPES[dtype])

    found = {"model.embed_tokens.weight": weight(50, HIDDEN), "lm_head.weight": weight(50, HIDDEN)}
    for layer in range(layers):
        name = f"model.layers.{layer}"
        for each in ("q_proj", "k_proj", "v_proj", "o_proj"):
            found[f"{name}.self_attn.{each}.weight"] = weight(HIDDEN, HIDDEN)
        found[f"{name}.self_attn.q_proj.bias"] = weight(1, HIDDEN)[0]
        found[f"{name}.mlp.gate_proj.weight"] = weight(FEED, HIDDEN)
        found[f"{name}.mlp.up_proj.weight"] = weight(FEED, HIDDEN)
        found[f"{name}.mlp.down_proj.weight"] = weight(HIDDEN, FEED)
        found[f"{name}.input_layernorm.weight"] = np.ones(HIDDEN, DTYPES[dtype])
    # As large as the others, but ten times as wide in values: fused scales show it.
    found["model.layers.0.self_attn.v_proj.weight"] *= DTYPES[dtype](10)
    return found


def save(path, arrays):
    """Write a file with the safetensors library."""
    import torch
    from safetensors.torch import save_file

    def tensor(array):
        if array.dtype == ml_dtypes.bfloat16:
            return torch.from_numpy(array.view(np.uint16).copy()).view(torch.bfloat16)
        return torch.from_numpy(np.ascontiguousarray(array))

    save_file({name: tensor(array) for name, array in arrays.items()}, path, metadata={"format": "pt"})


def folder(path, arrays, shards=2):
    """Write a model: shards, index, config and files beside."""
    path.mkdir(parents=True, exist_ok=True)
    names = sorted(arrays)
    places = {}
    for number in range(shards):
        name = f"model-{number + 1:05}-of-{shards:05}.safetensors" if shards > 1 else "model.safetensors"
        part = {each: arrays[each] for each in names[number::shards]}
        save(path / name, part)
        places |= dict.fromkeys(part, name)
    if shards > 1:
        index = {"metadata": {"total_size": sum(each.nbytes for each in arrays.values())}, "weight_map": places}
        (path / "model.safetensors.index.json").write_text(json.dumps(index))
    (path / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": HIDDEN}))
    (path / "tokenizer.json").write_text('{"version": "1.0"}')
    (path / "generation_config.json").write_text("{}")
    (path / "pytorch_model.bin").write_bytes(b"not copied")
    return path


def load(path):
    """Read every shard of a result with the safetensors library, as torch tensors."""
    from safetensors.torch import load_file

    return {name: tensor for file in sorted(path.glob("*.safetensors")) for name, tensor in load_file(file).items()}


def files(path):
    """Content of every file of a folder."""
    return {each.name: each.read_bytes() for each in sorted(path.iterdir()) if each.is_file()}
