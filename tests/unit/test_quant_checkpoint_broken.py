"""`quantize_checkpoint` interrupted, and with input that is broken or contradicts itself: no half result, ever."""

import json
import os

import numpy as np
import pytest

import _checkpoints as checkpoints
from paretoserve import quant
from paretoserve.errors import DataError, UnknownNameError
from paretoserve.quant.checkpoint.files import TensorFile

pytest.importorskip("safetensors")
pytest.importorskip("torch")

FIRST = "model.layers.0.self_attn.q_proj.weight"


@pytest.fixture
def model(tmp_path):
    return checkpoints.folder(tmp_path / "model", checkpoints.tensors())


class StoppedError(Exception):
    pass


def stop_after(num_bytes):
    def progress(done, total):
        if done >= num_bytes:
            raise StoppedError

    return progress


def test_interrupted_run_goes_on_and_ends_with_the_same_bytes(model, tmp_path):
    quant.quantize_checkpoint(model, tmp_path / "whole", "nvfp4")
    first = sum(entry.nbytes for entry in TensorFile.open(sorted(model.glob("*.safetensors"))[0]).entries.values())
    with pytest.raises(StoppedError):
        quant.quantize_checkpoint(model, tmp_path / "out", "nvfp4", progress=stop_after(first + 1))
    (hidden,) = (tmp_path / "out").iterdir()
    done = hidden / "model-00001-of-00002.safetensors"
    inode = done.stat().st_ino
    assert not (hidden / "model-00002-of-00002.safetensors").exists()
    steps = []
    report = quant.quantize_checkpoint(
        model, tmp_path / "out", "nvfp4", progress=lambda done, total: steps.append((done, total))
    )
    assert (tmp_path / "out" / done.name).stat().st_ino == inode
    assert steps[0][0] == first
    assert steps[-1][0] == steps[-1][1]
    assert checkpoints.files(tmp_path / "out") == checkpoints.files(tmp_path / "whole")
    assert not hidden.exists()
    assert report.tensors == quant.quantize_checkpoint(model, tmp_path / "whole", "nvfp4").tensors


def test_other_options_start_anew_and_keep_the_old_result_until_the_end(model, tmp_path):
    quant.quantize_checkpoint(model, tmp_path / "out", "mxfp8")
    old = checkpoints.files(tmp_path / "out")
    for fmt in ("mxfp4", "nvfp4"):
        with pytest.raises(StoppedError):
            quant.quantize_checkpoint(model, tmp_path / "out", fmt, progress=stop_after(300_000))
        assert checkpoints.files(tmp_path / "out") == old
    quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4")
    quant.quantize_checkpoint(model, tmp_path / "fresh", "mxfp4")
    assert checkpoints.files(tmp_path / "out") == checkpoints.files(tmp_path / "fresh")


def test_budget_is_not_measured_again_after_an_interruption(model, tmp_path):
    options = {"budget": 5.0, "formats": ["mxfp4", "mxfp8"]}
    whole = quant.quantize_checkpoint(model, tmp_path / "whole", **options)
    measured = sum(np.prod(each.shape) * 4 for each in whole.quantized)
    with pytest.raises(StoppedError):
        quant.quantize_checkpoint(model, tmp_path / "out", progress=stop_after(measured + 1), **options)
    steps = []
    again = quant.quantize_checkpoint(model, tmp_path / "out", progress=lambda *step: steps.append(step), **options)
    assert steps[-1][1] == sum(each.bytes_before for each in whole.tensors)
    assert again.allocation is None
    assert checkpoints.files(tmp_path / "out") == checkpoints.files(tmp_path / "whole")


def test_a_run_that_fails_while_files_move_goes_on(model, tmp_path, monkeypatch):
    quant.quantize_checkpoint(model, tmp_path / "whole", "mxfp4")
    replace, moved = os.replace, []

    def failing(source, target):
        if str(target).endswith(".safetensors"):
            moved.append(target)
            if len(moved) == 2:
                raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="No space left on device"):
        quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4")
    monkeypatch.undo()
    steps = []
    quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4", progress=lambda *step: steps.append(step))
    assert len(steps) == 2
    assert checkpoints.files(tmp_path / "out") == checkpoints.files(tmp_path / "whole")


@pytest.mark.parametrize("step", range(4))
def test_a_full_disk_leaves_no_half_file(step, model, tmp_path, monkeypatch):
    pwrite, calls = os.pwrite, []

    def full(*arguments):
        calls.append(arguments)
        if len(calls) > 7 * step:
            raise OSError(28, "No space left on device")
        return pwrite(*arguments)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left on device") as raised:
        quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4")
    assert raised.value.filename.endswith(".safetensors")
    # What is finished waits for the next call, hidden.
    assert not checkpoints.files(tmp_path / "out") if step == 3 else not (tmp_path / "out").exists()


def test_a_second_process_is_refused(model, tmp_path):
    def inside(done, total):
        with pytest.raises(ValueError, match="`out` is being written by another process"):
            quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4")

    quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4", progress=inside)


def test_nan_is_refused_with_its_place(model, tmp_path):
    arrays = checkpoints.tensors()
    arrays["model.layers.1.mlp.up_proj.weight"][3, 5] = np.nan
    source = checkpoints.folder(tmp_path / "nan", arrays)
    with pytest.raises(DataError, match=r"has nan in tensor `model.layers.1.mlp.up_proj.weight`, at .*\(3, 5\)"):
        quant.quantize_checkpoint(source, tmp_path / "out", "mxfp4")
    assert not (tmp_path / "out").exists()
    report = quant.quantize_checkpoint(source, tmp_path / "out", "mxfp4", exclude=["*.1.mlp.up_proj"])
    assert len(report.quantized) == 13


def broken_headers():
    """Yield files that are no safetensors, with words of the reason."""

    def file(header, data=b""):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + data

    def tensor(**change):
        return {"a.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | change}

    twice = b'{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}'
    yield b"", "is no safetensors file, or cut: 0 bytes"
    yield b"\x01\x02", "is no safetensors file, or cut"
    yield (2**40).to_bytes(8, "little"), "is no safetensors file, or cut"
    yield file(b"{]"), "its header is no JSON"
    yield file(b"\xff\xfe"), "its header is no JSON"
    yield file(b"[1]"), "its header is no JSON object"
    yield file(b"[" * 100_000), "its header is no JSON"
    yield file(tensor(), b"\0" * 3), "is cut or too long: its header describes 4 bytes of data, it has 3"
    yield file(tensor(), b"\0" * 5), "is cut or too long"
    yield file(tensor(data_offsets=[0, 5]), b"\0" * 5), "has 5 bytes for tensor `a.weight`, which is F32 of shape"
    yield file(tensor(data_offsets=[4, 0]), b"\0" * 4), "has -4 bytes for tensor `a.weight`"
    yield file(tensor(data_offsets=[2, 6]), b"\0" * 6), "has tensor `a.weight` at byte 2, expected at 0"
    yield file(tensor(shape=[-1])), "has no sound dtype, shape and data_offsets for tensor `a.weight`"
    yield file(tensor(shape=[2**70, 0], data_offsets=[0, 0])), "has no sound dtype"
    yield file(tensor(dtype=3), b"\0" * 4), "has no sound dtype"
    yield file({"a": 1}), "has no sound dtype"
    yield file({"__metadata__": {"format": 1}}), "has a `__metadata__` that is not text by name"
    yield file(twice, b"\0"), "names `a` twice"


@pytest.mark.parametrize(("content", "words"), list(broken_headers()))
def test_broken_files_are_refused_and_leave_nothing(content, words, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError) as raised:
        quant.quantize_checkpoint(path, tmp_path / "out", "mxfp4")
    assert str(raised.value).startswith(f"`{path}` ")
    assert words in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_every_cut_of_a_file_is_found(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.save(path, {"a.weight": np.ones((2, 3), np.float32), "b": np.ones(2, np.float16)})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"model\.safetensors` "):
            TensorFile.open(path)


def test_a_file_cut_while_it_is_read_is_refused(model, tmp_path):
    shard = sorted(model.glob("*.safetensors"))[1]
    size = shard.stat().st_size

    def cut(done, total):
        os.truncate(shard, size // 2)

    with pytest.raises(DataError, match="it was cut since its header was read"):
        quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4", progress=cut)
    assert not (tmp_path / "out").exists()


def test_index_and_shards_must_agree(model, tmp_path):
    index = model / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    run = lambda: quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4")  # noqa: E731
    for change, words in (
        ({"lm_head.weight": "model-00002-of-00002.safetensors"}, "tensor `lm_head.weight`, unlike"),
        ({"lm_head.weight": "gone.safetensors"}, "gone.safetensors` cannot be read: no such file"),
        ({"lm_head.weight": "../x.safetensors"}, "which is no safetensors file beside it"),
        ({"extra": "model-00001-of-00002.safetensors"}, "lacks tensor `extra`"),
    ):
        index.write_text(json.dumps({"weight_map": content["weight_map"] | change}))
        with pytest.raises(DataError, match=words):
            run()
    for text, words in (("{", "is no JSON"), ("[]", "must be a JSON object"), ("{}", "has no `weight_map`")):
        index.write_text(text)
        with pytest.raises(DataError, match=words):
            run()
    index.unlink()
    checkpoints.save(model / "again.safetensors", {"lm_head.weight": np.ones(2, np.float32)})
    with pytest.raises(DataError, match=r"tensor `lm_head.weight`, which `.*` has, too"):
        run()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, ValueError, r"one of `fmt` \(--format\) and `budget` must be given"),
        ({"fmt": "mxfp4", "budget": 5}, ValueError, r"one of `fmt` \(--format\) and `budget`"),
        ({"budget": 2, "formats": ["mxfp4"]}, ValueError, "`budget` must be at least 4.25"),
        ({"fmt": "mxfp4", "formats": ["mxfp8"]}, ValueError, "got them without `budget`"),
        ({"budget": 5}, ValueError, "`formats` must be one or more names"),
        ({"budget": 5, "formats": "mxfp4"}, ValueError, "`formats` must be one or more names"),
        ({"budget": 5, "formats": ["mxfp8", "mxfp8_e4m3"]}, ValueError, "must name each format once"),
        ({"budget": -1, "formats": ["mxfp4"]}, ValueError, "`budget` must be a positive number"),
        ({"budget": float("nan"), "formats": ["mxfp4"]}, ValueError, "`budget` must be a positive number"),
        ({"fmt": "mxfp5"}, UnknownNameError, "`fmt` must be the name of a format, got 'mxfp5'(.|\n)*did you mean"),
        ({"fmt": "kept"}, UnknownNameError, "must be the name of a format"),
        ({"fmt": "nf4"}, ValueError, "compressed-tensors holds mxfp4, .*, got nf4"),
        ({"fmt": "mxfp8", "layout": "modelopt"}, ValueError, "hint: it can be written for compressed-tensors"),
        ({"fmt": "mxfp4", "layout": "gguf"}, UnknownNameError, "`layout` must be one of compressed-tensors"),
        ({"fmt": "mxfp4", "layout": "gpt-oss"}, ValueError, "no tensor is left to be quantized: .* no fused experts"),
        ({"fmt": "mxfp4", "exclude": ["*"]}, ValueError, r"no tensor is left .* excluded by \*"),
        ({"fmt": "int4", "group": 0}, ValueError, "`group` must be"),
        ({"fmt": "int4", "group": 100}, ValueError, "columns are no multiple of 100"),
        ({"fmt": "mxfp4", "group": 32}, ValueError, "`group` applies to int4 and int4_asym only, got 32 for mxfp4"),
        ({"fmt": "nvfp4", "scale": "floor"}, ValueError, "`scale` applies to MX formats only"),
        ({"fmt": "mxfp4", "scale": "up"}, ValueError, "`scale` must be"),
        ({"fmt": "mxfp4", "threads": 0}, ValueError, "`threads` must be"),
        ({"budget": 5, "formats": ["mxfp4"], "sensitivity": {"x": 1}}, UnknownNameError, "not quantized"),
        ({"budget": 5, "formats": ["mxfp4"], "sensitivity": {FIRST: -1}}, ValueError, "not negative"),
    ],
)
def test_bad_options_are_refused_and_leave_nothing(options, error, words, model, tmp_path):
    with pytest.raises(error, match=words):
        quant.quantize_checkpoint(model, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_refusal_keeps_the_folders_that_were_there(model, tmp_path):
    for out, left in ((tmp_path / "a" / "b" / "c", tmp_path / "a" / "b"), (tmp_path / "d" / "e", tmp_path)):
        left.mkdir(parents=True, exist_ok=True)
        with pytest.raises(ValueError, match="`budget` must be at least"):
            quant.quantize_checkpoint(model, out, budget=2, formats=["mxfp4"])
        assert left.exists()
        assert not (left / out.relative_to(left).parts[0]).exists()


def test_folders_that_would_mix_weights_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match="`out` must be another folder than that of the input"):
        quant.quantize_checkpoint(model, model, "mxfp4")
    (tmp_path / "out").mkdir()
    checkpoints.save(tmp_path / "out" / "other.safetensors", {"x": np.ones(1, np.float32)})
    with pytest.raises(ValueError, match=r"`out` must not hold other weights, got other\.safetensors"):
        quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="`out` must be a folder"):
        quant.quantize_checkpoint(model, tmp_path / "file", "mxfp4")
    with pytest.raises(DataError, match="no such file or folder"):
        quant.quantize_checkpoint(tmp_path / "gone", tmp_path / "new", "mxfp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no safetensors file"):
        quant.quantize_checkpoint(tmp_path / "empty", tmp_path / "new", "mxfp4")


def test_quantized_weights_are_not_quantized_again(model, tmp_path):
    quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4")
    with pytest.raises(ValueError, match="must have unquantized weights"):
        quant.quantize_checkpoint(tmp_path / "out", tmp_path / "again", "mxfp4")
