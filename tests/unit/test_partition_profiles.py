"""Profiles of layers from files and from the operator model: what is read, and which place of a file is blamed."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from paretoserve import cost
from paretoserve.errors import DataError, UnknownNameError
from paretoserve.partition import Device, Layers, model_layers, read_profile, split_front, write_profile

HEADER = "name,seconds:pi,seconds:gpu,output_bytes,memory_bytes,joules,inputs"
LINES = ["stem,0.2,0.01,802816,1000,0.5,", "block,0.1,0.02,401408,2000,0.25,0", "head,0.1,0.03,4000,3000,0.125,0 1"]


def written(folder, text, name="profile.csv"):
    path = folder / name
    path.write_text(text)
    return path


def test_csv_and_json_say_the_same(tmp_path):
    layers = [
        {
            "name": name,
            "seconds": {"pi": pi, "gpu": gpu},
            "output_bytes": output,
            "memory_bytes": memory,
            "joules": joules,
            "inputs": inputs,
        }
        for name, pi, gpu, output, memory, joules, inputs in [
            ("stem", 0.2, 0.01, 802816, 1000, 0.5, []),
            ("block", 0.1, 0.02, 401408, 2000, 0.25, [0]),
            ("head", 0.1, 0.03, 4000, 3000, 0.125, [0, 1]),
        ]
    ]
    paths = [
        written(tmp_path, "\r\n".join([HEADER, *LINES])),
        written(tmp_path, json.dumps(layers), "list.json"),
        written(tmp_path, json.dumps({"layers": layers}), "object.json"),
    ]
    for path in paths:
        found = read_profile(path)
        assert found.names == ("stem", "block", "head")
        assert found.seconds["gpu"].tolist() == [0.01, 0.02, 0.03]
        assert found.output_bytes.tolist() == [802816, 401408, 4000]
        assert found.memory_bytes.tolist() == [1000, 2000, 3000]
        assert found.joules.tolist() == [0.5, 0.25, 0.125]
        assert found.cuts.tolist() == [0]


@pytest.mark.parametrize("name", ["profile.csv", "profile.json", "PROFILE.CSV"])
def test_what_is_written_is_read_again(tmp_path, name):
    third = 1 / 3
    for layers in (
        Layers([third, 0.2], [10, 0]),
        Layers({"pi": [third, 0.2], "a b": [1e-9, 5.0]}, [10, 0], names=['a "b", c', "d"], memory_bytes=[7, 2**59]),
        Layers([third] * 3, [1, 2, 3], joules={"pi": [0.0, 1.5, third]}, inputs=[[], [0], [0, 1]]),
    ):
        write_profile(layers, tmp_path / name)
        found = read_profile(tmp_path / name)
        assert (found.names, found.inputs) == (layers.names, layers.inputs)
        assert found.output_bytes.tolist() == layers.output_bytes.tolist()
        assert found.memory_bytes.tolist() == layers.memory_bytes.tolist()
        for device in ("pi",) if isinstance(layers.seconds, dict) else ("any",):
            assert found.row("seconds", device).tolist() == layers.row("seconds", device).tolist()
        if layers.joules is None:
            assert found.joules is None
        else:
            assert found.row("joules", "pi").tolist() == layers.row("joules", "pi").tolist()


def test_only_profiles_are_written_and_only_as_csv_or_json(tmp_path):
    with pytest.raises(ValueError, match=r"`path` must end in \.csv or \.json, got `profile.txt`"):
        write_profile(Layers([1.0], [1]), tmp_path / "profile.txt")
    with pytest.raises(TypeError, match="`layers` must be a Layers object, got 3"):
        write_profile(3, tmp_path / "profile.csv")
    for name in ("", " a"):  # a reader strips the cells of a CSV file
        with pytest.raises(ValueError, match=f"without space around them, got '{name}' for 1"):
            write_profile(Layers([1.0, 1.0], [1, 1], names=["a", name]), tmp_path / "profile.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("seconds,output_bytes\n", "has no layers"),
        ("seconds,output_bytes\n1,2\nx,2\n", "line 3, column `seconds`: must be a number, got 'x'"),
        ("seconds,output_bytes\n1,2\n-1,2\n", "line 3, column `seconds`: must be from 0 to 1e+09, got '-1'"),
        ("seconds,output_bytes\nnan,2\n", "line 2, column `seconds`: must be from 0 to 1e+09, got 'nan'"),
        ("seconds,output_bytes\n1,2.5\n", "line 2, column `output_bytes`: must be a whole number, got '2.5'"),
        ("seconds,output_bytes\n1\n", "line 2: must have 2 cells, got 1"),
        ("seconds,seconds\n1,2\n", "column `seconds`: stands in the header more than once"),
        ("seconds,output_bytes,color\n1,2,3\n", "line 2, column `color`: is not known"),
        ("seconds,memory_bytes\n1,2\n", "has no column `output_bytes`"),
        ("seconds,seconds:a,output_bytes\n1,2,3\n", "column `seconds`: must be given once or for each device"),
        ("seconds,output_bytes,inputs\n1,2,\n1,2,5\n", "`inputs` of layer 1 (`1`) must be numbers of layers before it"),
        ('"seconds,output_bytes\n1,2', "is not valid CSV"),
        ("[1]", "layer 0: must be an object, got 1"),
        ('{"layers": 3}', "must hold a list of layers"),
        ("[{", "is not valid JSON"),
        ('[{"seconds": 1, "output_bytes": 2}, {"seconds": 1}]', "layer 1, column `output_bytes`: has no value"),
        ('[{"seconds": 1, "output_bytes": true}]', "layer 0, column `output_bytes`: must be a whole number, got True"),
        ('[{"seconds": 1, "output_bytes": 1, "name": 3}]', "layer 0, column `name`: must be a name, got 3"),
        ('[{"seconds": 1, "output_bytes": 1, "inputs": 3}]', "layer 0, column `inputs`: must be numbers of layers"),
    ],
)
def test_broken_files_are_refused_by_place(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        read_profile(path)
    assert str(path) in str(caught.value)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_profile(tmp_path / "none.csv")
    path = tmp_path / "binary.csv"
    path.write_bytes(b"seconds\n\xff\xfe")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_profile(path)


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("name", ["qwen3-0.6b", "gpt-oss-20b"])
def test_layers_of_a_model_add_up_to_its_step(name, decode):
    layers = model_layers(name, {"a": "h100_sxm"}, prompt_tokens=256, batch_size=4, decode=decode)
    shape = cost.StepShape.of(contexts=[256] * 4) if decode else cost.StepShape.of(chunks=[(256, 0)] * 4)
    model = cost.load_model(name)
    step = cost.StepTime.fit(model, "h100_sxm", host_s=0.0).step_s(shape)
    assert layers.seconds["a"].sum() == pytest.approx(step, rel=1e-3)
    assert len(layers) == model.num_layers + 2
    tied = model.vocab * model.hidden * 2 * model.tied_embeddings
    held = model.weights_bytes() + tied + 4 * model.kv_bytes(256)
    assert layers.memory_bytes.sum() == pytest.approx(held, rel=1e-6)
    assert set(np.diff(layers.output_bytes[:-1])) == {0}
    flops, moved = cost.StepTime.fit(model, "h100_sxm", host_s=0.0).work(shape)
    used = cost.energy(hardware="h100_sxm", num_gpus=1, seconds=step, flops=flops, num_bytes=moved)
    assert layers.joules["a"].sum() == pytest.approx(used.joules, rel=1e-3)


def test_systems_without_power_give_no_energy():
    unknown = replace(cost.hardware("a100_sxm"), power=None)
    layers = model_layers("qwen3-0.6b", {"a": "h100_sxm", "b": unknown})
    assert layers.joules is None
    front = split_front(layers, [Device("a", watts=500.0), Device("b", watts=300.0)])
    assert front.splits[0].energy_j == pytest.approx(
        500 * front.splits[0].stages[0].seconds + 300 * front.splits[0].stages[1].seconds, rel=1e-4
    )


def test_models_that_do_not_exist():
    with pytest.raises(UnknownNameError, match="`none-such` is not a known model"):
        model_layers("none-such", ["h100_sxm"])
    with pytest.raises(ValueError, match="`prompt_tokens`"):
        model_layers("qwen3-0.6b", ["h100_sxm"], prompt_tokens=0)
